//! Who is calling, and may they come in now?

use std::{num::NonZeroU32, sync::Arc};

use crate::{
    ports::{DeniedSubjects, KeyStore, StoreError, Taken, TokenError, TokenVerifier, UsageStore},
    principal::Principal,
    time::Timestamp,
    usage::{
        account::{Levels, Refused},
        api_key::{ApiKeyHash, ApiKeyId},
        plan::{ApiStage, PlanId},
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
    keys: Arc<dyn KeyStore>,
    usage: Arc<dyn UsageStore>,
    policy: ApiKeyPolicy,
}

/// What the deployment demands of API keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ApiKeyPolicy {
    /// A key of a plan that covers this stage is required.
    Required(ApiStage),
    /// None is, and one that is sent is ignored, as API Gateway does.
    Ignored,
}

/// What a request brings to be let in.
#[derive(Clone, Copy, Default)]
pub struct Credentials<'a> {
    /// The bearer token.
    pub token: Option<&'a str>,
    /// The API key.
    pub api_key: Option<&'a str>,
}

/// What was learned on the way, for headers, logs and metrics; filled in as far as the request got.
#[derive(Debug, Clone, Default)]
pub struct Trail {
    /// Whose token it is.
    pub principal: Option<Arc<Principal>>,
    /// Which key it is.
    pub api_key_id: Option<ApiKeyId>,
    /// The plan that counts.
    pub plan_id: Option<PlanId>,
    /// What is left of the plan's limits.
    pub levels: Option<Levels>,
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
    /// Its key is missing, malformed, unknown, disabled or in no plan of this stage.
    InvalidApiKey,
    /// A limit of its plan.
    Limited(Refused),
    /// The key store or the usage store did not answer.
    Store(StoreError),
}

impl FrontDoor {
    /// A front door over these ports.
    #[must_use]
    pub fn new(
        verifier: Arc<dyn TokenVerifier>,
        keys: Arc<dyn KeyStore>,
        usage: Arc<dyn UsageStore>,
        policy: ApiKeyPolicy,
    ) -> Self {
        Self {
            verifier,
            denied: None,
            keys,
            usage,
            policy,
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

    /// Whether requests need an API key.
    #[must_use]
    pub const fn requires_api_key(&self) -> bool {
        matches!(self.policy, ApiKeyPolicy::Required(_))
    }

    /// Judges a request. A refused request is charged nothing; one that is let in is charged once,
    /// whatever follows.
    ///
    /// # Errors
    /// See [`Refusal`]; `trail` tells how far it got.
    pub async fn admit(
        &self,
        credentials: Credentials<'_>,
        now: Timestamp,
        trail: &mut Trail,
    ) -> Result<Arc<Principal>, Refusal> {
        let token = credentials.token.ok_or(Refusal::MissingToken)?;
        let principal = self
            .verifier
            .verify(token, now)
            .await
            .map_err(Refusal::Token)?;
        trail.principal = Some(Arc::clone(&principal));
        if let Some(denied) = &self.denied
            && denied.denies(&principal, now).await
        {
            return Err(Refusal::DeniedSubject);
        }
        if let ApiKeyPolicy::Required(stage) = &self.policy {
            self.charge(credentials.api_key, stage, now, trail).await?;
        }
        Ok(principal)
    }

    async fn charge(
        &self,
        api_key: Option<&str>,
        stage: &ApiStage,
        now: Timestamp,
        trail: &mut Trail,
    ) -> Result<(), Refusal> {
        let hash = api_key
            .and_then(|key| ApiKeyHash::of(key).ok())
            .ok_or(Refusal::InvalidApiKey)?;
        let found = self.keys.find(&hash).await.map_err(Refusal::Store)?;
        let key = found.ok_or(Refusal::InvalidApiKey)?;
        trail.api_key_id = Some(key.id.clone());
        let membership = key
            .at(stage)
            .filter(|_| key.enabled)
            .ok_or(Refusal::InvalidApiKey)?;
        trail.plan_id = Some(membership.plan.id.clone());
        match self
            .usage
            .take(&membership.account, NonZeroU32::MIN, now)
            .await
        {
            Ok(Taken::Granted { levels, .. }) => {
                trail.levels = Some(levels);
                Ok(())
            }
            Ok(Taken::Refused(refused)) => {
                trail.levels = Some(refused.levels);
                Err(Refusal::Limited(refused))
            }
            Err(error) => Err(Refusal::Store(error)),
        }
    }
}

impl std::fmt::Debug for FrontDoor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FrontDoor")
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}

/// Shows that there are credentials, and nothing of them.
impl std::fmt::Debug for Credentials<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials")
            .field("token", &self.token.is_some())
            .field("api_key", &self.api_key.is_some())
            .finish()
    }
}
