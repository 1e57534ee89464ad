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
    keys: HashMap<String, Vec<Arc<Key>>>,
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
    /// Nothing in one that is given once and for all could ever verify a token.
    #[error(
        "it has no key that can be used: with kid, for signatures, for the issuer's algorithms"
    )]
    NoUsableKey,
    /// It is kept, and perhaps shown, where no secret should be.
    #[error(
        "it has a private or a symmetric key in it, which must not be here: take the public ones"
    )]
    Secret,
}

/// Members of keys that are secrets (RFC 7518, sections 6.2.2, 6.3.2 and 6.4).
const SECRETS: [&str; 7] = ["d", "p", "q", "dp", "dq", "qi", "k"];

#[derive(Deserialize)]
struct RawKeySet {
    keys: Vec<Value>,
}

impl KeySet {
    /// Reads a key set that is given once and for all, in a configuration or a file.
    ///
    /// # Errors
    /// See [`KeySetError`].
    pub fn parse_given(json: &[u8], algorithms: &[Algorithm]) -> Result<Self, KeySetError> {
        let set = Self::parse(json, algorithms)?;
        let raw: RawKeySet = serde_json::from_slice(json).map_err(|_| KeySetError::Malformed)?;
        if raw
            .keys
            .iter()
            .any(|key| SECRETS.iter().any(|name| key.get(name).is_some()))
        {
            return Err(KeySetError::Secret);
        }
        if set.keys.is_empty() {
            return Err(KeySetError::NoUsableKey);
        }
        Ok(set)
    }

    /// Reads a key set whole, for signatures by `algorithms`. Keys that cannot be used are left out:
    /// an issuer may publish others beside them. Keys of different kinds may share a `kid` (RFC 7517,
    /// section 4.5); of two for the same algorithm the first counts. A set may have none that can be
    /// used: an issuer that withdraws its keys means it.
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
        let mut keys: HashMap<String, Vec<Arc<Key>>> = HashMap::new();
        for key in raw.keys {
            if let Ok(jwk) = serde_json::from_value::<Jwk>(key)
                && let Some(usable) = Key::of(&jwk, algorithms)
            {
                keys.entry(jwk.kid).or_default().push(Arc::new(usable));
            }
        }
        Ok(Self { keys })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The key `kid`: the one for `algorithm`, or else any.
    pub(crate) fn get(&self, kid: &str, algorithm: Algorithm) -> Option<&Arc<Key>> {
        let keys = self.keys.get(kid)?;
        let fitting = keys.iter().find(|key| key.is_for(algorithm));
        fitting.or(keys.first())
    }

    /// Whether `key` is one of those that are called `kid`.
    pub(crate) fn has(&self, kid: &str, key: &Arc<Key>) -> bool {
        let keys = self.keys.get(kid);
        keys.is_some_and(|keys| keys.iter().any(|one| Arc::ptr_eq(one, key)))
    }

    /// Takes over the keys that an older set had already, so that what they verified stays
    /// verified. Returns whether the two sets are the same.
    pub(crate) fn take_over(&mut self, older: &Self) -> bool {
        let mut same = self.keys.len() == older.keys.len();
        for (kid, keys) in &mut self.keys {
            let known = older.keys.get(kid).map_or(&[][..], Vec::as_slice);
            same &= keys.len() == known.len();
            for key in keys {
                match known.iter().find(|known| known.is_same_as(key)) {
                    Some(known) => *key = Arc::clone(known),
                    None => same = false,
                }
            }
        }
        same
    }
}
