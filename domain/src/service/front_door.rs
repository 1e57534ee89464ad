//! Who is calling, and may they come in now?

use std::sync::Arc;

use super::gateway::{Gateway, GatewayTrust};
use crate::{
    ports::{
        Admission, Charge, Clock, DeniedSubjects, KeyDirectory, Pacer, Rule, Spender, StoreError,
        TokenError, TokenVerifier,
    },
    principal::Principal,
    time::Timestamp,
    usage::{
        account::{Levels, Refused},
        api_key::ApiKeyHash,
        assignment::{self, Assignment},
        membership::{AccountTag, BadKey, KnownKey},
        plan::{PlanId, PlanInForce},
    },
};

/// The front door of a deployment.
///
/// The order is fixed: token, then key, then throttle and quota. The token comes first on purpose:
/// an API key ships inside an app and is public, so whoever holds only the key must not be able to
/// spend the plan that real users share.
#[derive(Clone)]
pub struct FrontDoor {
    verifier: Arc<dyn TokenVerifier>,
    denied: Option<Arc<dyn DeniedSubjects>>,
    keys: Arc<dyn KeyDirectory>,
    pacer: Arc<dyn Pacer>,
    policy: UsagePolicy,
    trust: GatewayTrust,
}

/// What the deployment demands of API keys, and whom it gives a plan without one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UsagePolicy {
    /// A key of a plan that applies to this stage is required. Otherwise one that is sent is ignored,
    /// as API Gateway does.
    pub key_required: bool,
    /// Plans without a key: the first match counts.
    pub assign: Arc<[Assignment]>,
}

/// What a request brings to be let in.
#[derive(Clone, Copy, Default)]
pub struct Credentials<'a> {
    /// The bearer token.
    pub token: Option<&'a str>,
    /// The API key.
    pub api_key: Option<&'a str>,
    /// What a gateway in front has done.
    pub gateway: Option<&'a Gateway>,
}

/// What was learned on the way, for headers, logs and metrics; filled in as far as the request got.
#[derive(Debug, Clone, Default)]
pub struct Trail {
    /// Whose token it is.
    pub principal: Option<Arc<Principal>>,
    /// Which key it is.
    pub key: Option<Arc<KnownKey>>,
    /// The id of the key that a gateway has looked at in our place.
    pub gateway_key: Option<Box<str>>,
    /// The plan that counts.
    pub plan: Option<Arc<PlanInForce>>,
    /// What is left of the limits that the call is held to.
    pub levels: Option<Levels>,
    /// When it was known whose token it is.
    pub verified: Option<Timestamp>,
}

impl Trail {
    /// The id of the key, whoever has looked at it.
    #[must_use]
    pub fn key_id(&self) -> Option<&str> {
        let key = self.key.as_ref().map(|key| key.id.as_str());
        key.or(self.gateway_key.as_deref())
    }
}

/// Why a request was not let in.
#[derive(Debug)]
pub enum Refusal {
    /// It has no token.
    MissingToken,
    /// Its token was refused.
    Token(TokenError),
    /// Its token is good, and its subject was stopped.
    DeniedSubject,
    /// Its key opens nothing.
    InvalidApiKey(BadKey),
    /// The plan that it is assigned is not there, or does not apply to this stage.
    NoSuchPlan(PlanId),
    /// A limit of its plan or of the service.
    Limited(Refused),
    /// The key store or the usage store did not answer.
    Store(StoreError),
}

impl Refusal {
    /// The rule that refused; `None` where no rule could be asked.
    #[must_use]
    pub const fn rule(&self) -> Option<Rule> {
        match self {
            Self::MissingToken | Self::Token(TokenError::Invalid(_) | TokenError::Expired) => {
                Some(Rule::Token)
            }
            Self::Token(TokenError::KeySetUnavailable { .. }) | Self::Store(_) => None,
            Self::DeniedSubject => Some(Rule::DeniedSubject),
            Self::InvalidApiKey(_) => Some(Rule::ApiKey),
            Self::NoSuchPlan(_) => Some(Rule::AssignedPlan),
            Self::Limited(refused) => Some(Rule::of(refused.by)),
        }
    }
}

impl FrontDoor {
    /// A front door over these ports.
    #[must_use]
    pub fn new(
        verifier: Arc<dyn TokenVerifier>,
        keys: Arc<dyn KeyDirectory>,
        pacer: Arc<dyn Pacer>,
        policy: UsagePolicy,
    ) -> Self {
        Self {
            verifier,
            denied: None,
            keys,
            pacer,
            policy,
            trust: GatewayTrust::default(),
        }
    }

    /// The same door, closed to these subjects.
    #[must_use]
    pub fn without(self, denied: Arc<dyn DeniedSubjects>) -> Self {
        Self {
            denied: Some(denied),
            ..self
        }
    }

    /// The same door behind a gateway that is believed so much. What it does not say, of a request or at all, is judged
    /// here as ever.
    #[must_use]
    pub fn behind(self, trust: GatewayTrust) -> Self {
        Self { trust, ..self }
    }

    /// Whether requests need an API key.
    #[must_use]
    pub const fn requires_api_key(&self) -> bool {
        self.policy.key_required
    }

    /// Judges a request for `method`, which is named as usage plans name it, such as
    /// `/users/{userId}/profile/GET`. A refused request is charged nothing; one that is let in is
    /// charged once, whatever follows.
    ///
    /// # Errors
    /// See [`Refusal`]; `trail` tells how far it got.
    pub async fn admit(
        &self,
        credentials: Credentials<'_>,
        method: &str,
        clock: &dyn Clock,
        trail: &mut Trail,
    ) -> Result<Arc<Principal>, Refusal> {
        let now = clock.now();
        let principal = self.caller(&credentials, now).await?;
        trail.principal = Some(Arc::clone(&principal));
        trail.verified = Some(clock.now());
        if let Some(denied) = &self.denied
            && denied.denies(&principal, now).await
        {
            return Err(Refusal::DeniedSubject);
        }
        let gateway = credentials.gateway;
        if let Some(key) = gateway.and_then(|gateway| gateway.api_key_id(self.trust)) {
            trail.gateway_key = Some(key.into());
            return Ok(principal);
        }
        let mut fault = None;
        if self.policy.key_required {
            fault = self.with_key(credentials.api_key, now, trail).await?;
        }
        if trail.plan.is_none() {
            self.assigned(&principal, now, trail).await?;
        }
        if let (None, Some(fault)) = (&trail.plan, fault) {
            return Err(Refusal::InvalidApiKey(fault));
        }
        self.charge(&principal, method, clock, trail).await?;
        Ok(principal)
    }

    /// Whom the gateway's claims name where they count, and otherwise whose token it is.
    async fn caller(
        &self,
        credentials: &Credentials<'_>,
        now: Timestamp,
    ) -> Result<Arc<Principal>, Refusal> {
        let gateway = credentials.gateway;
        if let Some(claims) = gateway.and_then(|gateway| gateway.claims(self.trust)) {
            return self.verifier.vouched(claims).map_err(Refusal::Token);
        }
        let token = credentials.token.ok_or(Refusal::MissingToken)?;
        let verified = self.verifier.verify(token, now).await;
        verified.map_err(Refusal::Token)
    }

    /// Finds the plan of the key that was sent; what is wrong with it, if it is no good one.
    async fn with_key(
        &self,
        api_key: Option<&str>,
        now: Timestamp,
        trail: &mut Trail,
    ) -> Result<Option<BadKey>, Refusal> {
        let Some(key) = api_key else {
            return Ok(Some(BadKey::Missing));
        };
        let Ok(hash) = ApiKeyHash::of(key) else {
            return Ok(Some(BadKey::Malformed));
        };
        let found = self.keys.key(&hash, now).await.map_err(Refusal::Store)?;
        let Some(key) = found else {
            return Ok(Some(BadKey::Unknown));
        };
        let plan = key.plan_at(now).map(Arc::clone);
        let fault = plan.as_ref().err().copied();
        trail.plan = plan.ok();
        trail.key = Some(key);
        Ok(fault)
    }

    /// The plan that the principal is given without a key. One that is assigned and not there lets
    /// nobody in: what limits the caller is then unclear.
    async fn assigned(
        &self,
        principal: &Principal,
        now: Timestamp,
        trail: &mut Trail,
    ) -> Result<(), Refusal> {
        let Some(id) = assignment::plan_of(&self.policy.assign, principal) else {
            return Ok(());
        };
        let plan = self.keys.plan(id, now).await.map_err(Refusal::Store)?;
        trail.plan = Some(plan.ok_or_else(|| Refusal::NoSuchPlan(id.clone()))?);
        // A key that opens nothing has nothing to do with the call.
        trail.key = None;
        Ok(())
    }

    async fn charge(
        &self,
        principal: &Principal,
        method: &str,
        clock: &dyn Clock,
        trail: &mut Trail,
    ) -> Result<(), Refusal> {
        let charge = trail.plan.as_ref().map(|plan| {
            let (spender, tag) = match &trail.key {
                Some(key) => (Spender::Key(&key.id), key.tag),
                None => (
                    Spender::Principal(&principal.id),
                    AccountTag::of_principal(&plan.id, &principal.id),
                ),
            };
            Charge {
                plan,
                spender,
                tag,
                principal: &principal.id,
                method,
            }
        });
        // Not the time at which the call came: it may have waited for an issuer's or for its own key, and
        // by its own time a bucket that others drew from since would seem to lack more than it does.
        let judged = self.pacer.try_admit(charge.as_ref(), clock.now());
        let admission = if let Some(admission) = judged {
            admission
        } else {
            let asked = self.pacer.admit(charge.as_ref(), clock).await;
            asked.map_err(Refusal::Store)?
        };
        match admission {
            Admission::Admitted(levels) => {
                trail.levels = Some(levels);
                Ok(())
            }
            Admission::Refused(refused) => {
                trail.levels = Some(refused.levels);
                Err(Refusal::Limited(refused))
            }
        }
    }
}

impl std::fmt::Debug for FrontDoor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FrontDoor")
            .field("policy", &self.policy)
            .field("trust", &self.trust)
            .finish_non_exhaustive()
    }
}

/// Shows that there are credentials, and nothing of them.
impl std::fmt::Debug for Credentials<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials")
            .field("token", &self.token.is_some())
            .field("api_key", &self.api_key.is_some())
            .field("gateway", &self.gateway)
            .finish()
    }
}
