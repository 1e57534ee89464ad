use std::time::Duration;

use aws_lc_rs::{
    encoding::{AsDer as _, Pkcs8V1Der},
    error::{KeyRejected, Unspecified},
    rand::SystemRandom,
    rsa::KeySize,
    signature::{KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair, RsaPublicKeyComponents},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use usher_domain::time::Timestamp;

/// The `iss` of development tokens. It is no address: nobody can be asked for its keys.
pub const DEVELOPMENT_ISSUER: &str = "urn:usher:development";
/// The `aud` of development tokens.
pub const DEVELOPMENT_AUDIENCE: &str = "usher";

/// A key pair that signs development tokens with RS256, as Cognito does.
///
/// Whoever has it can be any user. It is for a laptop and for tests; a server that trusts it must
/// not be reachable from elsewhere.
pub struct DevelopmentKey {
    pair: RsaKeyPair,
    kid: String,
}

/// A token to be minted.
#[derive(Debug, Clone)]
pub struct TokenRequest {
    /// `sub`.
    pub subject: String,
    /// `iss`.
    pub issuer: String,
    /// `aud`.
    pub audience: String,
    /// `scope`, space-separated; left out when empty.
    pub scope: String,
    /// `groups`; left out when empty.
    pub groups: Vec<String>,
    /// How long it is good for, from now.
    pub lifetime: Duration,
}

impl DevelopmentKey {
    /// Makes a new key.
    ///
    /// # Errors
    /// When the system has no randomness to give.
    pub fn generate() -> Result<Self, Unspecified> {
        RsaKeyPair::generate(KeySize::Rsa2048).map(Self::of)
    }

    /// Reads a key that [`to_pkcs8`](Self::to_pkcs8) wrote.
    ///
    /// # Errors
    /// When it is no RSA key of at least 2048 bits.
    pub fn from_pkcs8(der: &[u8]) -> Result<Self, KeyRejected> {
        RsaKeyPair::from_pkcs8(der).map(Self::of)
    }

    fn of(pair: RsaKeyPair) -> Self {
        let digest = Sha256::digest(pair.public_key().as_ref());
        let kid = URL_SAFE_NO_PAD.encode(digest.get(..12).unwrap_or_default());
        Self { pair, kid }
    }

    /// The private key, DER (PKCS #8). A secret.
    ///
    /// # Errors
    /// When it cannot be encoded.
    pub fn to_pkcs8(&self) -> Result<Vec<u8>, Unspecified> {
        let der: Pkcs8V1Der<'_> = self.pair.as_der()?;
        Ok(der.as_ref().to_vec())
    }

    /// The key set that verifies its tokens, as JSON.
    #[must_use]
    pub fn jwks(&self) -> String {
        let parts = RsaPublicKeyComponents::<Vec<u8>>::from(self.pair.public_key());
        let key = json!({
            "kty": "RSA", "use": "sig", "alg": "RS256", "kid": self.kid,
            "n": URL_SAFE_NO_PAD.encode(parts.n), "e": URL_SAFE_NO_PAD.encode(parts.e),
        });
        json!({ "keys": [key] }).to_string()
    }

    /// Signs a token.
    ///
    /// # Errors
    /// When the system has no randomness to give.
    pub fn mint(&self, request: &TokenRequest, now: Timestamp) -> Result<String, Unspecified> {
        let header = json!({"alg": "RS256", "kid": self.kid, "typ": "JWT"});
        let lifetime = i64::try_from(request.lifetime.as_secs()).unwrap_or(i64::MAX);
        let mut claims = json!({
            "iss": request.issuer, "aud": request.audience, "sub": request.subject,
            "iat": now.as_seconds(), "exp": now.as_seconds().saturating_add(lifetime),
        });
        if !request.scope.is_empty() {
            claims["scope"] = Value::from(request.scope.as_str());
        }
        if !request.groups.is_empty() {
            claims["groups"] = request.groups.iter().map(String::as_str).collect();
        }
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", part(&header), part(&claims));
        let mut signature = vec![0; self.pair.public_modulus_len()];
        self.pair.sign(
            &RSA_PKCS1_SHA256,
            &SystemRandom::new(),
            message.as_bytes(),
            &mut signature,
        )?;
        Ok(format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}

impl std::fmt::Debug for DevelopmentKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DevelopmentKey")
            .field("kid", &self.kid)
            .finish_non_exhaustive()
    }
}
