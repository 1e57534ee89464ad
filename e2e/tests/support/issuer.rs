//! Whose tokens a deployment of this suite accepts.

use serde_json::{Value, json};
use usher_testkit::tokens::TestKey;

pub(crate) const ISSUER: &str = "https://issuer.test/";
pub(crate) const AUDIENCE: &str = "usher";

/// An issuer with a key of each kind.
pub(crate) struct TestIssuer {
    pub(crate) es256: TestKey,
    pub(crate) rs256: TestKey,
}

impl TestIssuer {
    pub(crate) fn new() -> Self {
        Self {
            es256: TestKey::es256("es"),
            rs256: TestKey::rs256("rs"),
        }
    }

    /// A good token of `subject`.
    pub(crate) fn token(&self, subject: &str) -> String {
        self.es256.sign(&claims(subject))
    }

    /// The value of `USHER_IDENTITY__ISSUERS`.
    pub(crate) fn configuration(&self) -> String {
        let jwks = json!({ "keys": [self.es256.jwk(), self.rs256.jwk()] });
        json!([{
            "kind": "oidc",
            "issuer": ISSUER,
            "audiences": [AUDIENCE],
            "jwks": jwks.to_string(),
            "algorithms": ["RS256", "ES256"],
        }])
        .to_string()
    }
}

/// The claims of a good token of `subject`.
pub(crate) fn claims(subject: &str) -> Value {
    let now = now_seconds();
    json!({ "iss": ISSUER, "aud": AUDIENCE, "sub": subject, "iat": now, "exp": now + 3600 })
}

#[allow(
    clippy::disallowed_methods,
    reason = "the program under test reads the same clock"
)]
pub(crate) fn now_seconds() -> u64 {
    let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since_epoch.expect("a clock after 1970").as_secs()
}
