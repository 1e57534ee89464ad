use std::{collections::HashMap, sync::Arc};

use serde::Deserialize;
use serde_json::Value;

use crate::{
    Algorithm,
    key::{Jwk, Key},
};

/// The largest key set that is read, in bytes (API Gateway's own bound).
pub(crate) const MAX_BYTES: usize = 150_000;
/// The most keys that one may have.
pub(crate) const MAX_KEYS: usize = 100;

/// An issuer's public keys by their `kid` (RFC 7517).
#[derive(Debug, Default)]
pub struct KeySet {
    keys: HashMap<String, Arc<Key>>,
}

/// Why a document is not a key set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeySetError {
    /// Not JSON, or without a list of keys.
    #[error("it is not a JSON Web Key Set")]
    Malformed,
    /// More than is ever read.
    #[error("it is larger than {MAX_BYTES} bytes or has more than {MAX_KEYS} keys")]
    TooLarge,
    /// Nothing in it could verify a token.
    #[error(
        "it has no key that can be used: with kid, for signatures, for the issuer's algorithms"
    )]
    NoUsableKey,
}

#[derive(Deserialize)]
struct RawKeySet {
    keys: Vec<Value>,
}

impl KeySet {
    /// Reads a key set whole, for signatures by `algorithms`. Keys that cannot be used are left out:
    /// an issuer may publish others beside them. Of two with one `kid` the first counts.
    ///
    /// # Errors
    /// See [`KeySetError`].
    pub fn parse(json: &[u8], algorithms: &[Algorithm]) -> Result<Self, KeySetError> {
        if json.len() > MAX_BYTES {
            return Err(KeySetError::TooLarge);
        }
        let raw: RawKeySet = serde_json::from_slice(json).map_err(|_| KeySetError::Malformed)?;
        if raw.keys.len() > MAX_KEYS {
            return Err(KeySetError::TooLarge);
        }
        let mut keys = HashMap::new();
        for key in raw.keys {
            if let Ok(jwk) = serde_json::from_value::<Jwk>(key)
                && let Some(usable) = Key::of(&jwk, algorithms)
            {
                keys.entry(jwk.kid).or_insert_with(|| Arc::new(usable));
            }
        }
        if keys.is_empty() {
            Err(KeySetError::NoUsableKey)
        } else {
            Ok(Self { keys })
        }
    }

    pub(crate) fn get(&self, kid: &str) -> Option<&Arc<Key>> {
        self.keys.get(kid)
    }

    /// Takes over the keys that an older set had already, so that what they verified stays
    /// verified. Returns whether the two sets are the same.
    pub(crate) fn take_over(&mut self, older: &Self) -> bool {
        let mut same = self.keys.len() == older.keys.len();
        for (kid, key) in &mut self.keys {
            match older.keys.get(kid) {
                Some(known) if known.is_same_as(key) => *key = Arc::clone(known),
                _ => same = false,
            }
        }
        same
    }
}
