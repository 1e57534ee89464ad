use jsonwebtoken::{DecodingKey, DecodingKeyKind};
use serde::Deserialize;

use crate::algorithm::{Algorithm, Family};

/// One usable public key, bound to the algorithms that it may be used with.
pub(crate) struct Key {
    decoding: DecodingKey,
    algorithms: Vec<Algorithm>,
}

/// A member of a key set (RFC 7517, section 4; RFC 7518, section 6; RFC 8037, section 2).
#[derive(Deserialize)]
pub(crate) struct Jwk {
    pub(crate) kid: String,
    kty: String,
    alg: Option<String>,
    #[serde(rename = "use")]
    usage: Option<String>,
    key_ops: Option<Vec<String>>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

impl Key {
    /// The key, if it is for signatures by some of `algorithms`. One that names its algorithm is for
    /// no other.
    pub(crate) fn of(jwk: &Jwk, algorithms: &[Algorithm]) -> Option<Self> {
        if jwk.usage.as_deref().is_some_and(|usage| usage != "sig") {
            return None;
        }
        let operations = jwk.key_ops.as_ref();
        if operations.is_some_and(|all| !all.iter().any(|one| one == "verify")) {
            return None;
        }
        let (family, decoding) = decoding(jwk)?;
        let named = jwk.alg.as_deref();
        let algorithms: Vec<_> = algorithms
            .iter()
            .copied()
            .filter(|algorithm| algorithm.family() == family)
            .filter(|algorithm| named.is_none_or(|alg| alg == algorithm.as_str()))
            .collect();
        (!algorithms.is_empty()).then_some(Self {
            decoding,
            algorithms,
        })
    }

    /// Whether it is for signatures by `algorithm`.
    pub(crate) fn is_for(&self, algorithm: Algorithm) -> bool {
        self.algorithms.contains(&algorithm)
    }

    /// Whether `signature` is this key's over `message`. Any failure is a no.
    pub(crate) fn verifies(&self, algorithm: Algorithm, message: &str, signature: &str) -> bool {
        self.is_for(algorithm)
            && jsonwebtoken::crypto::verify(
                signature,
                message.as_bytes(),
                &self.decoding,
                algorithm.for_crypto(),
            )
            .unwrap_or(false)
    }

    /// Whether the other one is the same key for the same algorithms.
    pub(crate) fn is_same_as(&self, other: &Self) -> bool {
        use DecodingKeyKind::{RsaModulusExponent, SecretOrDer};
        let same = match (self.decoding.kind(), other.decoding.kind()) {
            (SecretOrDer(one), SecretOrDer(another)) => one == another,
            (
                RsaModulusExponent { n, e },
                RsaModulusExponent {
                    n: other_n,
                    e: other_e,
                },
            ) => (n, e) == (other_n, other_e),
            _ => false,
        };
        same && self.algorithms == other.algorithms
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Key")
            .field("algorithms", &self.algorithms)
            .finish_non_exhaustive()
    }
}

fn decoding(jwk: &Jwk) -> Option<(Family, DecodingKey)> {
    let (x, y) = (jwk.x.as_deref(), jwk.y.as_deref());
    match (jwk.kty.as_str(), jwk.crv.as_deref()) {
        ("RSA", _) => Some((Family::Rsa, rsa(jwk.n.as_deref()?, jwk.e.as_deref()?)?)),
        ("EC", Some("P-256")) => Some((Family::P256, point(x?, y?, 32)?)),
        ("EC", Some("P-384")) => Some((Family::P384, point(x?, y?, 48)?)),
        ("OKP", Some("Ed25519")) => {
            let key = DecodingKey::from_ed_components(x?).ok()?;
            (key.try_get_as_bytes().ok()?.len() == 32).then_some((Family::Ed25519, key))
        }
        _ => None,
    }
}

/// 2048 bits at least (RFC 7518, sections 3.3 and 3.5), and no more than the library checks. It
/// looks at them when it verifies; here they matter too, because a key that can verify nothing must
/// not hide one that can.
fn rsa(n: &str, e: &str) -> Option<DecodingKey> {
    let key = DecodingKey::from_rsa_components(n, e).ok()?;
    let DecodingKeyKind::RsaModulusExponent { n, e } = key.kind() else {
        return None;
    };
    // Some issuers write the sign byte of DER, which is no part of the number.
    let zeros = n.iter().take_while(|byte| **byte == 0).count();
    let n = n.get(zeros..)?;
    (256..=1024)
        .contains(&n.len())
        .then(|| DecodingKey::from_rsa_raw_components(n, e))
}

/// Coordinates keep their leading zeros (RFC 7518, section 6.2.1.2): a short one beside a long one
/// would be read as another point.
fn point(x: &str, y: &str, bytes: usize) -> Option<DecodingKey> {
    let key = DecodingKey::from_ec_components(x, y).ok()?;
    let point = key.try_get_as_bytes().ok()?.len();
    (x.len() == y.len() && point == 1 + 2 * bytes).then_some(key)
}
