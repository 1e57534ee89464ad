use std::{collections::HashMap, sync::Arc};

use jsonwebtoken::{AlgorithmFamily, DecodingKey};
use serde::Deserialize;
use serde_json::Value;

use crate::Algorithm;

/// The largest key set that is read, in bytes (API Gateway's own bound).
pub(crate) const MAX_BYTES: usize = 150_000;
/// The most keys that are kept of one.
pub(crate) const MAX_KEYS: usize = 100;

/// An issuer's public keys by their `kid` (RFC 7517).
#[derive(Debug, Default)]
pub struct KeySet {
    keys: HashMap<String, Arc<Key>>,
}

/// One usable key, bound to one algorithm.
pub(crate) struct Key {
    decoding: DecodingKey,
    pub(crate) algorithm: Algorithm,
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Key")
            .field("algorithm", &self.algorithm)
            .finish_non_exhaustive()
    }
}

/// Why a document is not a key set.
#[derive(Debug, thiserror::Error)]
pub enum KeySetError {
    /// Not JSON, or without a list of keys.
    #[error("it is not a JSON Web Key Set")]
    Malformed,
    /// More than is ever read.
    #[error("it is larger than {MAX_BYTES} bytes or has more than {MAX_KEYS} keys")]
    TooLarge,
    /// Nothing in it could verify a token.
    #[error("it has no key that can be used: with kid, for RS256 or ES256, for signatures")]
    NoUsableKey,
}

#[derive(Deserialize)]
struct RawKeySet {
    keys: Vec<Value>,
}

#[derive(Deserialize)]
struct RawKey {
    kty: String,
    kid: String,
    alg: Option<String>,
    #[serde(rename = "use")]
    usage: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

impl KeySet {
    /// Reads a key set whole. Keys that cannot be used are left out: an issuer may publish others
    /// beside them.
    ///
    /// # Errors
    /// See [`KeySetError`].
    pub fn parse(json: &[u8]) -> Result<Self, KeySetError> {
        if json.len() > MAX_BYTES {
            return Err(KeySetError::TooLarge);
        }
        let raw: RawKeySet = serde_json::from_slice(json).map_err(|_| KeySetError::Malformed)?;
        if raw.keys.len() > MAX_KEYS {
            return Err(KeySetError::TooLarge);
        }
        let mut keys = HashMap::new();
        for key in raw.keys {
            if let Ok(key) = serde_json::from_value::<RawKey>(key)
                && let Some(usable) = usable(&key)
            {
                keys.entry(key.kid).or_insert_with(|| Arc::new(usable));
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
}

fn usable(key: &RawKey) -> Option<Key> {
    if key.usage.as_deref().is_some_and(|usage| usage != "sig") {
        return None;
    }
    let (decoding, algorithm) = match key.kty.as_str() {
        "RSA" => (
            DecodingKey::from_rsa_components(key.n.as_deref()?, key.e.as_deref()?).ok()?,
            Algorithm::Rs256,
        ),
        "EC" if key.crv.as_deref() == Some("P-256") => (
            DecodingKey::from_ec_components(key.x.as_deref()?, key.y.as_deref()?).ok()?,
            Algorithm::Es256,
        ),
        _ => return None,
    };
    if key
        .alg
        .as_deref()
        .is_some_and(|alg| alg != algorithm.as_str())
    {
        return None;
    }
    Some(Key {
        decoding,
        algorithm,
    })
}

impl Key {
    /// Whether `signature` is this key's over `message`. Any failure is a no.
    pub(crate) fn verifies(&self, message: &str, signature: &str) -> bool {
        debug_assert!(matches!(
            (self.algorithm, self.decoding.family()),
            (Algorithm::Rs256, AlgorithmFamily::Rsa) | (Algorithm::Es256, AlgorithmFamily::Ec)
        ));
        let algorithm = self.algorithm.for_crypto();
        jsonwebtoken::crypto::verify(signature, message.as_bytes(), &self.decoding, algorithm)
            .unwrap_or(false)
    }
}
