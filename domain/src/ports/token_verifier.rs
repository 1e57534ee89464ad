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
    /// are there, and no times. Values may be text that stands for numbers, lists and objects.
    ///
    /// # Errors
    /// [`TokenError::Invalid`].
    fn vouched(&self, claims: &Map<String, Value>) -> Result<Arc<Principal>, TokenError>;
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
