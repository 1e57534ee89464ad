use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use futures_util::future::join_all;
use usher_domain::{
    ports::{Telemetry, TokenError, TokenVerifier, VouchedClaims},
    principal::Principal,
    time::Timestamp,
};

use crate::{
    claims::{Claims, ClaimsError, Judged},
    gateway,
    issuer::{Issuer, IssuerSettings},
    key::Key,
    key_source::{NoKey, Waiting},
    memory::{Digest, Memory, Refusal, Refused, Verified, digest},
    token::Token,
};

/// A longer token is refused unread, in bytes.
pub const MAX_TOKEN_BYTES: usize = 8 * 1024;

const ANOTHERS: &str = "the token's subject belongs to another issuer";

/// So many requests wait for key sets unless something else is said.
const WAITING: usize = 256;
const REMEMBERED_FOR: Duration = Duration::from_mins(5);

/// Verifies tokens of a list of issuers.
///
/// The unverified `iss` picks one issuer by exact comparison, and only that issuer's keys are then
/// tried. A verified token is remembered by its digest, so that the next request with it costs one
/// hash; its expiry and its key are looked at every time. A token that can never become valid is
/// remembered too, so that a flood of it costs no signature check.
#[derive(Debug)]
pub struct JwtVerifier {
    issuers: Vec<Issuer>,
    memory: Memory,
}

/// Why a token was not accepted, and for how long that holds.
enum Rejected {
    /// Until the keys change that it was judged with.
    ForGood(Refused),
    /// It may be accepted another time.
    ForNow(TokenError),
}

impl JwtVerifier {
    /// A verifier for tokens of these issuers.
    #[must_use]
    pub fn new(issuers: Vec<Issuer>) -> Self {
        let verifier = Self {
            issuers,
            memory: Memory::new(),
        };
        verifier.waiting_at_most(WAITING)
    }

    /// The same, with at most so many requests that wait for key sets where others could be served.
    #[must_use]
    pub fn waiting_at_most(mut self, requests: usize) -> Self {
        // One by several names is one: there is nobody else whose users could be served.
        let mut names = self.issuers.iter().map(|issuer| issuer.settings.name());
        let first = names.next();
        let waiting = Waiting::new(requests, names.all(|name| Some(name) == first));
        for issuer in &mut self.issuers {
            issuer.keys.wait_in(&waiting);
        }
        self
    }

    /// The same, that tells of each fetch of a key set.
    #[must_use]
    pub fn telling(mut self, telemetry: &Arc<dyn Telemetry>) -> Self {
        for issuer in &mut self.issuers {
            let name = issuer.settings.name();
            issuer.keys.tell(Arc::clone(telemetry), name);
        }
        self
    }

    /// The same, in a process that is frozen as soon as a request is answered: a key set past its hour is fetched again
    /// while the request waits that finds it so, and nothing is left to run beside requests.
    #[must_use]
    pub fn frozen_between_requests(mut self) -> Self {
        for issuer in &mut self.issuers {
            issuer.keys.freezes_between_requests();
        }
        self
    }

    /// Fetches the key sets of all issuers at once, so that no request has to. One that cannot be had is warned of, and
    /// asked for again by the first request that needs it.
    pub async fn make_ready(&self, now: Timestamp) {
        let sources = self
            .issuers
            .iter()
            .map(|issuer| issuer.keys.make_ready(now));
        join_all(sources).await;
    }

    /// The same, with principals that keep these claims; named as in
    /// [`IssuerSettings::groups_claim`](crate::IssuerSettings::groups_claim).
    #[must_use]
    pub fn keeping(mut self, claims: &[Box<str>]) -> Self {
        for issuer in &mut self.issuers {
            issuer.settings.kept_claims = claims.to_vec();
        }
        self
    }

    fn remembered(
        &self,
        token: &Digest,
        now: Timestamp,
    ) -> Option<Result<Arc<Principal>, TokenError>> {
        if let Some(known) = self.memory.verified(token) {
            if now >= known.expires {
                return Some(Err(TokenError::Expired));
            }
            let issuer = self.issuers.get(known.issuer)?;
            let recent = now.distance(known.at) < REMEMBERED_FOR;
            if recent && issuer.keys.still_has(&known.kid, &known.found, now) {
                return Some(Ok(Arc::clone(&known.principal)));
            }
            self.memory.forget(token);
            return None;
        }
        let known = self.memory.refused(token)?;
        let current = known.keys.is_none_or(|(issuer, generation)| {
            let issuer = self.issuers.get(issuer);
            issuer.is_some_and(|issuer| issuer.keys.is_at(generation))
        });
        match known.why.at(now) {
            Some(error) if current => Some(Err(error)),
            _ => {
                self.memory.forget(token);
                None
            }
        }
    }

    /// Whether an id made by one issuer begins with another's longer prefix. Without this, the issuer
    /// whose prefix is empty could name a subject `b:alice` and be another issuer's `alice`.
    fn belongs_to_another(&self, own: &IssuerSettings, id: &str) -> bool {
        self.issuers.iter().any(|other| {
            let prefix = &other.settings.subject_prefix;
            prefix.len() > own.subject_prefix.len() && id.starts_with(prefix.as_str())
        })
    }

    async fn judge(&self, token: &str, now: Timestamp) -> Result<Verified, Rejected> {
        let malformed = |why| Rejected::for_good(Refusal::Invalid(why), None);
        let token = Token::parse(token).map_err(malformed)?;
        let claims = Claims::parse(&token.payload).map_err(malformed)?;
        let mut issuers = self.issuers.iter().enumerate();
        let (index, issuer) = issuers
            .find(|(_, issuer)| issuer.settings.issuer == claims.iss)
            .ok_or_else(|| malformed("the token's issuer is not accepted"))?;
        check_header(&token, &issuer.settings).map_err(malformed)?;
        let found = issuer.keys.key(&token.kid, token.algorithm, now).await?;
        let keys = Some((index, found.generation));
        let judged = judge(&token, &claims, &issuer.settings, &found.key, now);
        let Judged { principal, expires } = judged.map_err(|error| match error {
            ClaimsError::Invalid(why) => Rejected::for_good(Refusal::Invalid(why), keys),
            ClaimsError::Expired(at) => Rejected::for_good(Refusal::Expired(at), keys),
            ClaimsError::Early(why) => Rejected::ForNow(TokenError::Invalid(why)),
        })?;
        if self.belongs_to_another(&issuer.settings, &principal.id) {
            return Err(Rejected::for_good(Refusal::Invalid(ANOTHERS), keys));
        }
        Ok(Verified {
            principal: Arc::new(principal),
            expires,
            at: now,
            issuer: index,
            kid: token.kid,
            found,
        })
    }
}

/// What can be said before the issuer is asked for its keys.
fn check_header(token: &Token<'_>, issuer: &IssuerSettings) -> Result<(), &'static str> {
    if !issuer.algorithms.contains(&token.algorithm) {
        return Err("the token's algorithm is not allowed");
    }
    if issuer.require_typ && !token.says_access {
        return Err("the token does not say that it is an access token");
    }
    Ok(())
}

/// The whole judgement of a token for the issuer that it names, with the key that it names.
///
/// The signature comes before the claims: what a forger wrote is nobody's expired token.
fn judge(
    token: &Token<'_>,
    claims: &Claims<'_>,
    issuer: &IssuerSettings,
    key: &Key,
    now: Timestamp,
) -> Result<Judged, ClaimsError> {
    if !key.is_for(token.algorithm) {
        let why = "the token's algorithm is not its key's";
        return Err(ClaimsError::Invalid(why));
    }
    if !key.verifies(token.algorithm, token.message, token.signature) {
        let why = "the token's signature does not hold";
        return Err(ClaimsError::Invalid(why));
    }
    claims.judge(issuer, now)
}

impl Rejected {
    fn for_good(why: Refusal, keys: Option<(usize, u64)>) -> Self {
        Self::ForGood(Refused { why, keys })
    }
}

impl From<NoKey> for Rejected {
    fn from(missing: NoKey) -> Self {
        Self::ForNow(match missing {
            NoKey::Unknown => TokenError::Invalid("the token's key is not known"),
            NoKey::Unavailable {
                source,
                retry_after,
            } => TokenError::KeySetUnavailable {
                source,
                retry_after,
            },
        })
    }
}

#[async_trait]
impl TokenVerifier for JwtVerifier {
    async fn verify(&self, token: &str, now: Timestamp) -> Result<Arc<Principal>, TokenError> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(TokenError::Invalid("the token is longer than 8 KiB"));
        }
        let digest = digest(token);
        if let Some(answer) = self.remembered(&digest, now) {
            return answer;
        }
        match self.judge(token, now).await {
            Ok(verified) => {
                let verified = Arc::new(verified);
                let principal = Arc::clone(&verified.principal);
                self.memory.verify(digest, verified);
                Ok(principal)
            }
            Err(Rejected::ForNow(error)) => Err(error),
            Err(Rejected::ForGood(refused)) => {
                let error = match refused.why {
                    Refusal::Invalid(why) => TokenError::Invalid(why),
                    Refusal::Expired(_) => TokenError::Expired,
                };
                self.memory.refuse(digest, refused);
                Err(error)
            }
        }
    }

    fn vouched(&self, claims: &VouchedClaims) -> Result<Arc<Principal>, TokenError> {
        let issuer =
            gateway::issuer(&claims.members, &self.issuers).map_err(TokenError::Invalid)?;
        let principal = gateway::principal(claims, issuer).map_err(TokenError::Invalid)?;
        if self.belongs_to_another(issuer, &principal.id) {
            return Err(TokenError::Invalid(ANOTHERS));
        }
        Ok(Arc::new(principal))
    }
}
