use std::time::Duration;

use crate::{
    Algorithm,
    key_set::{KeySet, KeySetError},
    key_source::KeySource,
};

/// An OIDC issuer and what its tokens must say.
#[derive(Debug, Clone)]
pub struct IssuerSettings {
    /// Compared with `iss` exactly.
    pub issuer: String,
    /// A token must be for one of these; never empty.
    pub audiences: Vec<String>,
    /// The algorithms that its keys sign with; never empty.
    pub algorithms: Vec<Algorithm>,
    /// Where its keys are.
    pub keys: KeysFrom,
    /// Put before `sub` to make the principal's id.
    pub subject_prefix: String,
    /// The claim that lists groups.
    pub groups_claim: String,
    /// The claim that lists scopes.
    pub scopes_claim: String,
    /// How far clocks may differ.
    pub leeway: Duration,
}

/// Where an issuer's key set is.
#[derive(Debug, Clone)]
pub enum KeysFrom {
    /// Fetched from here when it is needed: https, or http on a loopback address.
    Uri(String),
    /// This JSON.
    Json(String),
}

/// Why an issuer cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum IssuerError {
    /// Without audiences every token of the issuer would be accepted, whomever it is for.
    #[error("audiences must not be empty")]
    NoAudiences,
    /// Nothing could be verified.
    #[error("algorithms must not be empty")]
    NoAlgorithms,
    /// The key set's address is not one that keys may come from.
    #[error("jwks_uri must be an https address (http only for a loopback address)")]
    InsecureUri,
    /// The HTTP client could not be set up.
    #[error("the HTTP client cannot be set up")]
    Client(#[source] reqwest::Error),
    /// The key set given does not read.
    #[error("the key set cannot be used: {0}")]
    Keys(#[from] KeySetError),
}

/// An issuer that tokens can be verified against.
#[derive(Debug)]
pub struct Issuer {
    pub(crate) settings: IssuerSettings,
    pub(crate) keys: KeySource,
}

impl Issuer {
    /// Checks the settings. Nothing is fetched.
    ///
    /// # Errors
    /// See [`IssuerError`].
    pub fn new(settings: IssuerSettings) -> Result<Self, IssuerError> {
        if settings.audiences.is_empty() {
            return Err(IssuerError::NoAudiences);
        }
        if settings.algorithms.is_empty() {
            return Err(IssuerError::NoAlgorithms);
        }
        let keys = match &settings.keys {
            KeysFrom::Json(json) => KeySource::fixed(KeySet::parse(json.as_bytes())?),
            KeysFrom::Uri(uri) => KeySource::remote(uri)?,
        };
        Ok(Self { settings, keys })
    }

    /// Its `iss`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.settings.issuer
    }
}
