use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use quick_cache::sync::Cache;
use sha2::{Digest as _, Sha256};
use usher_domain::{
    ports::{TokenError, TokenVerifier},
    principal::Principal,
    time::Timestamp,
};

use crate::{
    claims::{Claims, ClaimsError},
    header,
    issuer::Issuer,
    key_set::Key,
    key_source::NoKey,
};

/// A longer token is refused unread, in bytes.
pub const MAX_TOKEN_BYTES: usize = 8 * 1024;

/// So many verified tokens are remembered; the least used are forgotten first.
const REMEMBERED: usize = 65_536;
const REMEMBERED_FOR: Duration = Duration::from_mins(5);

/// Verifies tokens of a list of issuers.
///
/// The unverified `iss` picks one issuer by exact comparison, and only that issuer's keys are then
/// tried. A verified token is remembered by its digest, so that the next request with it costs one
/// hash; its expiry and its key are looked at every time.
#[derive(Debug)]
pub struct JwtVerifier {
    issuers: Vec<Issuer>,
    verified: Cache<[u8; 32], Arc<Verified>>,
}

#[derive(Debug)]
struct Verified {
    principal: Arc<Principal>,
    expires: Timestamp,
    forget_at: Timestamp,
    issuer: usize,
    kid: String,
    key: Arc<Key>,
}

impl JwtVerifier {
    /// A verifier for tokens of these issuers.
    #[must_use]
    pub fn new(issuers: Vec<Issuer>) -> Self {
        Self {
            issuers,
            verified: Cache::new(REMEMBERED),
        }
    }

    fn remembered(
        &self,
        digest: &[u8; 32],
        now: Timestamp,
    ) -> Option<Result<Arc<Principal>, TokenError>> {
        let known = self.verified.get(digest)?;
        if now >= known.expires {
            return Some(Err(TokenError::Expired));
        }
        let issuer = self.issuers.get(known.issuer)?;
        if now >= known.forget_at || !issuer.keys.still_has(&known.kid, &known.key) {
            self.verified.remove(digest);
            return None;
        }
        Some(Ok(Arc::clone(&known.principal)))
    }

    /// Whether an id made by one issuer begins with another's longer prefix. Without this, the issuer
    /// whose prefix is empty could name a subject `b:alice` and be another issuer's `alice`.
    fn belongs_to_another(&self, issuer: usize, id: &str) -> bool {
        let own = self
            .issuers
            .get(issuer)
            .map_or("", |issuer| &issuer.settings.subject_prefix);
        self.issuers.iter().any(|other| {
            let prefix = &other.settings.subject_prefix;
            prefix.len() > own.len() && id.starts_with(prefix.as_str())
        })
    }

    async fn judge(&self, token: &str, now: Timestamp) -> Result<Verified, TokenError> {
        let parts = header::split(token).map_err(TokenError::Invalid)?;
        let claims = Claims::parse(&parts.payload).map_err(TokenError::Invalid)?;
        let (index, issuer) = self
            .issuers
            .iter()
            .enumerate()
            .find(|(_, issuer)| issuer.settings.issuer == claims.iss)
            .ok_or(TokenError::Invalid("the token's issuer is not accepted"))?;
        if !issuer.settings.algorithms.contains(&parts.algorithm) {
            return Err(TokenError::Invalid("the token's algorithm is not allowed"));
        }
        let key = issuer
            .keys
            .key(&parts.kid, now)
            .await
            .map_err(|missing| match missing {
                NoKey::Unknown => TokenError::Invalid("the token's key is not known"),
                NoKey::Unavailable(error) => TokenError::KeySetUnavailable(error),
            })?;
        if key.algorithm != parts.algorithm {
            return Err(TokenError::Invalid(
                "the token's algorithm is not its key's",
            ));
        }
        if !key.verifies(parts.message, parts.signature) {
            return Err(TokenError::Invalid("the token's signature does not hold"));
        }
        let judged = claims
            .judge(&issuer.settings, now)
            .map_err(|error| match error {
                ClaimsError::Invalid(why) => TokenError::Invalid(why),
                ClaimsError::Expired => TokenError::Expired,
            })?;
        if self.belongs_to_another(index, &judged.principal.id) {
            return Err(TokenError::Invalid(
                "the token's subject belongs to another issuer",
            ));
        }
        Ok(Verified {
            principal: Arc::new(judged.principal),
            expires: judged.expires,
            forget_at: now.plus(REMEMBERED_FOR),
            issuer: index,
            kid: parts.kid,
            key,
        })
    }
}

#[async_trait]
impl TokenVerifier for JwtVerifier {
    async fn verify(&self, token: &str, now: Timestamp) -> Result<Arc<Principal>, TokenError> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(TokenError::Invalid("the token is longer than 8 KiB"));
        }
        let digest: [u8; 32] = Sha256::digest(token.as_bytes()).into();
        if let Some(answer) = self.remembered(&digest, now) {
            return answer;
        }
        let verified = Arc::new(self.judge(token, now).await?);
        let principal = Arc::clone(&verified.principal);
        self.verified.insert(digest, verified);
        Ok(principal)
    }
}
