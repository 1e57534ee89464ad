//! An issuer of test tokens.
//!
//! It makes its own keys, key set and signatures, straight from the primitives, so that the
//! verifier under test is not checked against itself.

use aws_lc_rs::{
    rand::SystemRandom,
    rsa::KeySize,
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair,
        EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384,
        RSA_PKCS1_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384, RSA_PSS_SHA512, RsaEncoding, RsaKeyPair,
        RsaPublicKeyComponents,
    },
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

/// A key pair with its place in a key set.
pub struct TestKey {
    pair: Pair,
    kid: String,
    jwk: Value,
}

enum Pair {
    Rsa(RsaKeyPair, &'static dyn RsaEncoding),
    Ec(EcdsaKeyPair),
    Ed(Ed25519KeyPair),
}

impl TestKey {
    /// A new key for the algorithm of this name: RS, PS and 256, 384 or 512 (keys of 2048 bits),
    /// ES256, ES384, `EdDSA` or Ed25519.
    ///
    /// # Panics
    /// When there is no such algorithm.
    #[must_use]
    pub fn new(algorithm: &str, kid: &str) -> Self {
        let (pair, mut jwk) = match algorithm {
            "RS256" => rsa(&RSA_PKCS1_SHA256),
            "RS384" => rsa(&RSA_PKCS1_SHA384),
            "RS512" => rsa(&RSA_PKCS1_SHA512),
            "PS256" => rsa(&RSA_PSS_SHA256),
            "PS384" => rsa(&RSA_PSS_SHA384),
            "PS512" => rsa(&RSA_PSS_SHA512),
            "ES256" => ec(&ECDSA_P256_SHA256_FIXED_SIGNING, "P-256"),
            "ES384" => ec(&ECDSA_P384_SHA384_FIXED_SIGNING, "P-384"),
            "EdDSA" | "Ed25519" => ed(),
            _ => panic!("{algorithm} is no algorithm for tests"),
        };
        jwk["use"] = "sig".into();
        jwk["alg"] = algorithm.into();
        jwk["kid"] = kid.into();
        Self {
            pair,
            kid: kid.to_owned(),
            jwk,
        }
    }

    /// A new RSA key of 2048 bits for RS256.
    #[must_use]
    pub fn rs256(kid: &str) -> Self {
        Self::new("RS256", kid)
    }

    /// A new P-256 key for ES256.
    #[must_use]
    pub fn es256(kid: &str) -> Self {
        Self::new("ES256", kid)
    }

    /// The public key as a member of a key set.
    #[must_use]
    pub fn jwk(&self) -> Value {
        self.jwk.clone()
    }

    /// A key set of this key alone, as JSON.
    #[must_use]
    pub fn jwks(&self) -> String {
        json!({"keys": [self.jwk]}).to_string()
    }

    /// The header of this key's tokens.
    #[must_use]
    pub fn header(&self) -> Value {
        json!({"alg": self.jwk["alg"], "kid": self.kid, "typ": "JWT"})
    }

    /// Signs `claims` under this key's own header.
    #[must_use]
    pub fn sign(&self, claims: &Value) -> String {
        self.sign_with_header(&self.header(), claims)
    }

    /// Signs `claims` under a header of the caller's making.
    #[must_use]
    pub fn sign_with_header(&self, header: &Value, claims: &Value) -> String {
        self.sign_text(&header.to_string(), &claims.to_string())
    }

    /// Signs any two texts, JSON or not.
    #[must_use]
    pub fn sign_text(&self, header: &str, payload: &str) -> String {
        let message = format!(
            "{}.{}",
            URL_SAFE_NO_PAD.encode(header),
            URL_SAFE_NO_PAD.encode(payload)
        );
        let random = SystemRandom::new();
        let signature = match &self.pair {
            Pair::Rsa(pair, encoding) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(*encoding, &random, message.as_bytes(), &mut signature)
                    .expect("a signature");
                signature
            }
            Pair::Ec(pair) => pair
                .sign(&random, message.as_bytes())
                .expect("a signature")
                .as_ref()
                .to_vec(),
            Pair::Ed(pair) => pair.sign(message.as_bytes()).as_ref().to_vec(),
        };
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

impl std::fmt::Debug for TestKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TestKey")
            .field("kid", &self.kid)
            .finish_non_exhaustive()
    }
}

fn rsa(encoding: &'static dyn RsaEncoding) -> (Pair, Value) {
    let pair = RsaKeyPair::generate(KeySize::Rsa2048).expect("an RSA key");
    let parts = RsaPublicKeyComponents::<Vec<u8>>::from(pair.public_key());
    let (n, e) = (
        URL_SAFE_NO_PAD.encode(parts.n),
        URL_SAFE_NO_PAD.encode(parts.e),
    );
    let jwk = json!({"kty": "RSA", "n": n, "e": e});
    (Pair::Rsa(pair, encoding), jwk)
}

fn ec(algorithm: &'static EcdsaSigningAlgorithm, curve: &str) -> (Pair, Value) {
    let pair = EcdsaKeyPair::generate(algorithm).expect("an EC key");
    // An uncompressed point: 4, then x and y of the same length.
    let point = &pair.public_key().as_ref()[1..];
    let (x, y) = point.split_at(point.len() / 2);
    let (x, y) = (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y));
    let jwk = json!({"kty": "EC", "crv": curve, "x": x, "y": y});
    (Pair::Ec(pair), jwk)
}

fn ed() -> (Pair, Value) {
    let pair = Ed25519KeyPair::generate().expect("an Ed25519 key");
    let x = URL_SAFE_NO_PAD.encode(pair.public_key());
    (
        Pair::Ed(pair),
        json!({"kty": "OKP", "crv": "Ed25519", "x": x}),
    )
}
