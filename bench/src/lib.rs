//! What the measurements have in common.

use serde_json::{Value, json};

/// Who issues the tokens of a measurement.
pub const ISSUER: &str = "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_EXAMPLE00";

/// Whom they are for: an app client's id, of a real one's length.
pub const CLIENT: &str = "1example23456789abcdefghij";

/// The claims of an Amazon Cognito access token, which make a token of about 1.1 KB under RS256.
///
/// Each `number` makes another token. It carries `aud` as well, which Cognito's do not, so that the
/// server may know its issuer as any other. Times are in seconds since the epoch.
#[must_use]
pub fn claims(subject: &str, number: usize, issued: i64, expires: i64) -> Value {
    json!({
        "sub": subject,
        "cognito:groups": ["members"],
        "iss": ISSUER,
        "version": 2,
        "client_id": CLIENT,
        "aud": CLIENT,
        "origin_jti": "0d2f9a52-5c1f-4b6e-8f60-6a1d2f1c9b37",
        "event_id": "7b1c54e8-93f1-4b8c-a1de-58e4f3c2d9a6",
        "token_use": "access",
        "scope": "openid profile email profiles/read profiles/write",
        "auth_time": issued,
        "iat": issued,
        "exp": expires,
        "jti": format!("{number:08x}-5b3c-4d2e-9f1a-{number:012x}"),
        "username": subject,
    })
}
