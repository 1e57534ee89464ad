use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, EcdsaVerificationAlgorithm, ParsedPublicKey,
};
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
        ("EC", Some("P-256")) => {
            let key = point(x?, y?, 32, &ECDSA_P256_SHA256_FIXED)?;
            Some((Family::P256, key))
        }
        ("EC", Some("P-384")) => {
            let key = point(x?, y?, 48, &ECDSA_P384_SHA384_FIXED)?;
            Some((Family::P384, key))
        }
        ("OKP", Some("Ed25519")) => Some((Family::Ed25519, edwards(x?)?)),
        _ => None,
    }
}

/// 2048 bits at least (RFC 7518, sections 3.3 and 3.5), and no more than the library checks. It
/// looks at all this when it verifies; here it matters too, because a key that can verify nothing
/// must not hide one that can.
fn rsa(n: &str, e: &str) -> Option<DecodingKey> {
    let key = DecodingKey::from_rsa_components(n, e).ok()?;
    let DecodingKeyKind::RsaModulusExponent { n, e } = key.kind() else {
        return None;
    };
    let (n, e) = (number(n), number(e));
    let bits = 8 * n.len() - n.first()?.leading_zeros() as usize;
    let is_odd = |number: &[u8]| number.last().is_some_and(|last| last % 2 == 1);
    let usable =
        (2048..=8192).contains(&bits) && is_odd(n) && is_odd(e) && e != [1] && e.len() <= 4;
    usable.then(|| DecodingKey::from_rsa_raw_components(n, e))
}

/// Some issuers write the sign byte of DER, which is no part of the number.
fn number(bytes: &[u8]) -> &[u8] {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    bytes.get(zeros..).unwrap_or_default()
}

/// A point of the curve (RFC 8725, section 3.4). Coordinates keep their leading zeros (RFC 7518,
/// section 6.2.1.2): a short one beside a long one would be read as another point.
fn point(
    x: &str,
    y: &str,
    bytes: usize,
    curve: &'static EcdsaVerificationAlgorithm,
) -> Option<DecodingKey> {
    let key = DecodingKey::from_ec_components(x, y).ok()?;
    let point = key.try_get_as_bytes().ok()?;
    let whole = x.len() == y.len() && point.len() == 1 + 2 * bytes;
    let there = whole && ParsedPublicKey::new(curve, point).is_ok();
    there.then_some(key)
}

/// A point that generates next to nothing, such as the one whose bytes are all zero, is a key for
/// which anybody can sign (RFC 8725, section 3.4). The library takes it.
fn edwards(x: &str) -> Option<DecodingKey> {
    /// The two y of the points of order 8.
    const OF_ORDER_8: [[u8; 32]; 2] = [
        [
            0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef,
            0x98, 0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88,
            0x6d, 0x53, 0xfc, 0x05,
        ],
        [
            0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10,
            0x67, 0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77,
            0x92, 0xac, 0x03, 0x7a,
        ],
    ];
    let key = DecodingKey::from_ed_components(x).ok()?;
    let mut y: [u8; 32] = key.try_get_as_bytes().ok()?.try_into().ok()?;
    // The highest bit says which of the two x it is.
    y[31] &= 0x7f;
    let [first, middle @ .., last] = y;
    // 0 and 1, and -1, 0 and 1 with the prime added, are the y of all the others.
    let is_small = match first {
        0 | 1 => last == 0 && middle == [0; 30],
        0xec..=0xee => last == 0x7f && middle == [0xff; 30],
        _ => OF_ORDER_8.contains(&y),
    };
    (!is_small).then_some(key)
}
