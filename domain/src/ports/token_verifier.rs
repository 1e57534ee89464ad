use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use serde_json::{Map, Value};

use super::StoreError;
use crate::{principal::Principal, time::Timestamp};

/// Who a token speaks for.
#[async_trait]
pub trait TokenVerifier: Send + Sync + 'static {
    /// Verifies a bearer token at `now`: signature, issuer, audience, expiry. Anything unclear is
    /// refused.
    ///
    /// # Errors
    /// See [`TokenError`].
    async fn verify(&self, token: &str, now: Timestamp) -> Result<Arc<Principal>, TokenError>;

    /// Whom claims speak for that a gateway has verified: their issuer, audience and use are looked at as far as they
    /// are there, and no times.
    ///
    /// # Errors
    /// [`TokenError::Invalid`].
    fn vouched(&self, claims: &VouchedClaims) -> Result<Arc<Principal>, TokenError>;
}

/// Claims of a token that a gateway has verified, as it hands them on.
#[derive(Clone, PartialEq)]
pub struct VouchedClaims {
    /// By name. Most values are text, whatever they were in the token.
    pub members: Map<String, Value>,
    /// What the gateway makes of a list or an object.
    pub style: ClaimStyle,
}

/// What a gateway makes of a claim that is a list or an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClaimStyle {
    /// A REST API of API Gateway joins a list with commas.
    Commas,
    /// An HTTP API of API Gateway writes a list as `[a b]`, and an object as JSON.
    Brackets,
}

/// Shows how many there are, and nothing of them.
impl std::fmt::Debug for VouchedClaims {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("VouchedClaims")
            .field("members", &self.members.len())
            .field("style", &self.style)
            .finish()
    }
}

/// Why a token was refused.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// It is not, and never was, a token for us. The description is fit for the client: it names
    /// the check that failed and repeats nothing of the token.
    #[error("{0}")]
    Invalid(&'static str),
    /// It was one, and has run out.
    #[error("the token has expired")]
    Expired,
    /// Whether it is one cannot be told: the issuer's key set could not be had.
    #[error("the issuer's key set could not be had")]
    KeySetUnavailable {
        /// What was wrong.
        source: StoreError,
        /// When it is worth asking again.
        retry_after: Duration,
    },
}
