//! Key pairs whose signatures, headers and payloads can be put together at will, good or bad.
//!
//! The test kit's keys sign under their own algorithm alone. A forger is not so well-behaved.

use aws_lc_rs::{
    encoding::{AsDer as _, PublicKeyX509Der},
    rand::SystemRandom,
    rsa::KeySize,
    signature::{
        ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED,
        ECDSA_P384_SHA384_FIXED_SIGNING, ED25519, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _,
        RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512,
        RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_2048_8192_SHA256,
        RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384,
        RSA_PSS_SHA512, RsaEncoding, RsaKeyPair, RsaParameters, RsaPublicKeyComponents,
        UnparsedPublicKey, VerificationAlgorithm,
    },
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use usher_auth_jwt::Algorithm;

/// Every pair is known under this name.
pub(crate) const KID: &str = "a";

/// A key pair of one kind, for every algorithm of that kind.
pub(crate) enum Pair {
    Rsa(Box<RsaKeyPair>),
    P256(EcdsaKeyPair),
    P384(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

impl Pair {
    /// One of each kind.
    pub(crate) fn of_each_kind() -> [Self; 4] {
        [Self::rsa(), Self::p256(), Self::p384(), Self::ed25519()]
    }

    pub(crate) fn rsa() -> Self {
        Self::Rsa(Box::new(
            RsaKeyPair::generate(KeySize::Rsa2048).expect("an RSA key"),
        ))
    }

    pub(crate) fn p256() -> Self {
        Self::P256(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("an EC key"))
    }

    pub(crate) fn p384() -> Self {
        Self::P384(EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).expect("an EC key"))
    }

    pub(crate) fn ed25519() -> Self {
        Self::Ed25519(Ed25519KeyPair::generate().expect("an Ed25519 key"))
    }

    /// What it can sign with.
    pub(crate) fn algorithms(&self) -> Vec<Algorithm> {
        use Algorithm::{Ed25519, EdDsa, Es256, Es384, Ps256, Ps384, Ps512, Rs256, Rs384, Rs512};
        match self {
            Self::Rsa(_) => vec![Rs256, Rs384, Rs512, Ps256, Ps384, Ps512],
            Self::P256(_) => vec![Es256],
            Self::P384(_) => vec![Es384],
            Self::Ed25519(_) => vec![EdDsa, Ed25519],
        }
    }

    /// The public key as a member of a key set, for signatures by whatever fits.
    pub(crate) fn jwk(&self) -> Value {
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let ec = |pair: &EcdsaKeyPair, curve| {
            // An uncompressed point: 4, then x and y of the same length.
            let point = &pair.public_key().as_ref()[1..];
            let (x, y) = point.split_at(point.len() / 2);
            json!({"kty": "EC", "crv": curve, "x": text(x), "y": text(y), "kid": KID})
        };
        match self {
            Self::Rsa(pair) => {
                let parts = RsaPublicKeyComponents::<Vec<u8>>::from(pair.public_key());
                json!({"kty": "RSA", "n": text(&parts.n), "e": text(&parts.e), "kid": KID})
            }
            Self::P256(pair) => ec(pair, "P-256"),
            Self::P384(pair) => ec(pair, "P-384"),
            Self::Ed25519(pair) => {
                let x = text(pair.public_key().as_ref());
                json!({"kty": "OKP", "crv": "Ed25519", "x": x, "kid": KID})
            }
        }
    }

    /// The public key alone in a key set, as JSON.
    pub(crate) fn jwks(&self) -> String {
        json!({"keys": [self.jwk()]}).to_string()
    }

    /// The public key as a certificate has it (RFC 5280, 4.1), in DER.
    pub(crate) fn spki(&self) -> Vec<u8> {
        let der: Result<PublicKeyX509Der<'_>, _> = match self {
            Self::Rsa(pair) => pair.public_key().as_der(),
            Self::P256(pair) | Self::P384(pair) => pair.public_key().as_der(),
            Self::Ed25519(pair) => pair.public_key().as_der(),
        };
        der.expect("a public key").as_ref().to_vec()
    }

    pub(crate) fn sign(&self, algorithm: Algorithm, message: &str) -> Vec<u8> {
        let (random, message) = (SystemRandom::new(), message.as_bytes());
        match self {
            Self::Rsa(pair) => sign_rsa(pair, rsa_encoding(algorithm), message),
            Self::P256(pair) | Self::P384(pair) => {
                let signature = pair.sign(&random, message).expect("a signature");
                signature.as_ref().to_vec()
            }
            Self::Ed25519(pair) => pair.sign(message).as_ref().to_vec(),
        }
    }

    /// What the library says of a signature, asked directly.
    pub(crate) fn verifies(&self, algorithm: Algorithm, message: &str, signature: &[u8]) -> bool {
        let plain = |algorithm: &'static dyn VerificationAlgorithm, key: &[u8]| {
            let key = UnparsedPublicKey::new(algorithm, key);
            key.verify(message.as_bytes(), signature).is_ok()
        };
        match self {
            Self::Rsa(pair) => {
                let parts = RsaPublicKeyComponents::<Vec<u8>>::from(pair.public_key());
                let parameters = rsa_parameters(algorithm);
                let verified = parts.verify(parameters, message.as_bytes(), signature);
                verified.is_ok()
            }
            Self::P256(pair) => plain(&ECDSA_P256_SHA256_FIXED, pair.public_key().as_ref()),
            Self::P384(pair) => plain(&ECDSA_P384_SHA384_FIXED, pair.public_key().as_ref()),
            Self::Ed25519(pair) => plain(&ED25519, pair.public_key().as_ref()),
        }
    }

    /// A token of any two parts, signed by any algorithm that the key is good for.
    pub(crate) fn token(&self, algorithm: Algorithm, header: &[u8], payload: &[u8]) -> String {
        let message = message(header, payload);
        let signature = self.sign(algorithm, &message);
        join(&message, &signature)
    }
}

pub(crate) fn sign_rsa(
    pair: &RsaKeyPair,
    encoding: &'static dyn RsaEncoding,
    message: &[u8],
) -> Vec<u8> {
    let mut signature = vec![0; pair.public_modulus_len()];
    pair.sign(encoding, &SystemRandom::new(), message, &mut signature)
        .expect("a signature");
    signature
}

fn rsa_encoding(algorithm: Algorithm) -> &'static dyn RsaEncoding {
    match algorithm {
        Algorithm::Rs256 => &RSA_PKCS1_SHA256,
        Algorithm::Rs384 => &RSA_PKCS1_SHA384,
        Algorithm::Rs512 => &RSA_PKCS1_SHA512,
        Algorithm::Ps256 => &RSA_PSS_SHA256,
        Algorithm::Ps384 => &RSA_PSS_SHA384,
        Algorithm::Ps512 => &RSA_PSS_SHA512,
        _ => panic!("{algorithm} is not RSA's"),
    }
}

fn rsa_parameters(algorithm: Algorithm) -> &'static RsaParameters {
    match algorithm {
        Algorithm::Rs256 => &RSA_PKCS1_2048_8192_SHA256,
        Algorithm::Rs384 => &RSA_PKCS1_2048_8192_SHA384,
        Algorithm::Rs512 => &RSA_PKCS1_2048_8192_SHA512,
        Algorithm::Ps256 => &RSA_PSS_2048_8192_SHA256,
        Algorithm::Ps384 => &RSA_PSS_2048_8192_SHA384,
        Algorithm::Ps512 => &RSA_PSS_2048_8192_SHA512,
        _ => panic!("{algorithm} is not RSA's"),
    }
}

/// The header of a token by the key [`KID`].
pub(crate) fn header(algorithm: Algorithm) -> Vec<u8> {
    json!({"alg": algorithm.as_str(), "kid": KID})
        .to_string()
        .into_bytes()
}

/// What is signed of a token.
pub(crate) fn message(header: &[u8], payload: &[u8]) -> String {
    let [header, payload] = [header, payload].map(|part| URL_SAFE_NO_PAD.encode(part));
    format!("{header}.{payload}")
}

/// A token's message and its signature.
pub(crate) fn split(token: &str) -> (&str, Vec<u8>) {
    let (message, signature) = token.rsplit_once('.').expect("a signature");
    (message, URL_SAFE_NO_PAD.decode(signature).expect("base64"))
}

/// A token of a message and a signature.
pub(crate) fn join(message: &str, signature: &[u8]) -> String {
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
}

pub(crate) fn unhex(text: &str) -> Vec<u8> {
    let digit = |at| u8::from_str_radix(&text[at..at + 2], 16).expect("hexadecimal");
    (0..text.len()).step_by(2).map(digit).collect()
}
