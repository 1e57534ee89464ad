//! An Amazon Cognito user pool's tokens: every check that its documentation asks of a verifier
//! (Amazon Cognito Developer Guide, "Verifying JSON web tokens"), and that no other claim does instead.

mod pools;
mod tokens;

use serde_json::{Value, json};
use usher_auth_jwt::{IssuerSettings, JwtVerifier, KeysFrom, TokenUse};
use usher_testkit::tokens::TestKey;

use crate::support::{NOON, key_set};

const POOL: &str = "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Example";
const CLIENT: &str = "4example23456789";
const THEIRS: &str = "7theirs123456789";

/// Cognito's names of keys are base64 and may end so.
fn key() -> TestKey {
    TestKey::rs256("4Xk/example+kid0=")
}

fn pool(token_use: &[TokenUse], keys: String) -> IssuerSettings {
    let clients = ["another", CLIENT].map(str::to_owned).to_vec();
    IssuerSettings {
        keys: KeysFrom::Json(keys),
        ..IssuerSettings::cognito(
            "eu-west-1",
            "eu-west-1_Example",
            clients,
            token_use.to_vec(),
        )
    }
}

fn trusting(token_use: &[TokenUse], key: &TestKey) -> JwtVerifier {
    crate::support::verifier(pool(token_use, key_set(&[key])))
}

/// As the user guide shows it.
fn access() -> Value {
    json!({
        "sub": "alice", "iss": POOL, "client_id": CLIENT, "token_use": "access",
        "scope": "aws.cognito.signin.user.admin profiles/read", "cognito:groups": ["support"],
        "origin_jti": "o", "event_id": "e", "version": 2, "auth_time": NOON - 10,
        "iat": NOON - 10, "exp": NOON + 600, "jti": "j", "username": "Alice",
    })
}

fn id() -> Value {
    json!({
        "sub": "alice", "iss": POOL, "aud": CLIENT, "token_use": "id",
        "cognito:groups": ["support"], "cognito:username": "Alice", "email": "a@example.com",
        "email_verified": true, "at_hash": "h", "auth_time": NOON - 10, "iat": NOON - 10,
        "exp": NOON + 600, "jti": "j", "identities": [{"userId": "bob", "primary": "true"}],
    })
}

fn changed(mut claims: Value, name: &str, value: impl Into<Value>) -> Value {
    claims[name] = value.into();
    claims
}

fn without(mut claims: Value, name: &str) -> Value {
    claims.as_object_mut().expect("an object").remove(name);
    claims
}

/// Cognito writes no `typ`.
fn sign(key: &TestKey, claims: &Value) -> String {
    let header = json!({"kid": key.header()["kid"], "alg": "RS256"});
    key.sign_with_header(&header, claims)
}
