//! An issuer, its tokens, and a verifier that trusts it.

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};
use usher_auth_jwt::{Algorithm, Issuer, IssuerSettings, JwtVerifier, KeysFrom};
use usher_domain::{
    ports::{TokenError, TokenVerifier as _},
    principal::Principal,
    time::Timestamp,
};
use usher_testkit::{key_server::KeyServer, tokens::TestKey};

pub(crate) const ISSUER: &str = "https://issuer.example.com/";
pub(crate) const AUDIENCE: &str = "usher";
pub(crate) const LEEWAY: Duration = Duration::from_secs(30);

/// Sunday, 22 November 2026, at noon, in seconds since the epoch.
pub(crate) const NOON: i64 = 1_795_348_800;

pub(crate) fn now() -> Timestamp {
    Timestamp::from_seconds(NOON)
}

/// A nanosecond earlier.
pub(crate) fn just_before(instant: Timestamp) -> Timestamp {
    Timestamp::from_nanos(instant.as_nanos() - 1)
}

pub(crate) fn settings(keys: KeysFrom) -> IssuerSettings {
    IssuerSettings {
        algorithms: Algorithm::ALL.to_vec(),
        ..IssuerSettings::oidc(ISSUER, &["another", AUDIENCE], keys)
    }
}

/// A verifier of one issuer.
pub(crate) fn verifier(settings: IssuerSettings) -> JwtVerifier {
    JwtVerifier::new(vec![Issuer::new(settings).expect("an issuer")])
}

/// A verifier that knows these keys.
pub(crate) fn trusting(keys: &[&TestKey]) -> JwtVerifier {
    verifier(settings(KeysFrom::Json(key_set(keys))))
}

/// A verifier that gets its keys from `server`.
pub(crate) fn asking(server: &KeyServer) -> JwtVerifier {
    verifier(settings(KeysFrom::Uri(server.uri())))
}

pub(crate) fn key_set(keys: &[&TestKey]) -> String {
    let keys: Vec<Value> = keys.iter().map(|key| key.jwk()).collect();
    json!({ "keys": keys }).to_string()
}

/// What a good token says.
pub(crate) fn claims() -> Value {
    json!({
        "iss": ISSUER, "sub": "alice", "aud": AUDIENCE, "iat": NOON - 10, "exp": NOON + 600,
    })
}

/// [`claims`] with one of them changed.
pub(crate) fn claims_with(name: &str, value: impl Into<Value>) -> Value {
    let mut claims = claims();
    claims[name] = value.into();
    claims
}

/// [`claims`] without one of them.
pub(crate) fn claims_without(name: &str) -> Value {
    let mut claims = claims();
    claims.as_object_mut().expect("an object").remove(name);
    claims
}

/// Asserts that the token is Alice's.
pub(crate) async fn assert_accepted(verifier: &JwtVerifier, token: &str, at: Timestamp) {
    match verifier.verify(token, at).await {
        Ok(principal) => assert_eq!(&*principal.id, "alice"),
        Err(error) => panic!("{error}: {token}"),
    }
}

pub(crate) async fn accepted(verifier: &JwtVerifier, token: &str, at: Timestamp) -> Arc<Principal> {
    verifier.verify(token, at).await.expect("a principal")
}

/// Asserts that the token is refused for ever, and for this reason.
pub(crate) async fn assert_refused(verifier: &JwtVerifier, token: &str, reason: &str) {
    match verifier.verify(token, now()).await {
        Err(TokenError::Invalid(why)) => assert_eq!(why, reason, "{token}"),
        Err(other) => panic!("{other}: {token}"),
        Ok(principal) => panic!("{principal:?} by {token}"),
    }
}

/// In one word, so that a row of expectations is readable.
pub(crate) async fn outcome(verifier: &JwtVerifier, token: &str, at: Timestamp) -> &'static str {
    match verifier.verify(token, at).await {
        Ok(_) => "accepted",
        Err(TokenError::Invalid(_)) => "invalid",
        Err(TokenError::Expired) => "expired",
        Err(TokenError::KeySetUnavailable(_)) => "unavailable",
    }
}
