//! An issuer, its tokens, and a verifier that trusts it.

use std::{
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

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

/// A verifier that knows the keys of this set, which is JSON.
pub(crate) fn trusting_set(set: String) -> JwtVerifier {
    verifier(settings(KeysFrom::Json(set)))
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

/// What a verifier says of a token, in full: the principal's id, or why there is none.
pub(crate) async fn said(verifier: &JwtVerifier, token: &str, at: Timestamp) -> String {
    match verifier.verify(token, at).await {
        Ok(principal) => format!("it is {}", principal.id),
        Err(error) => error.to_string(),
    }
}

/// In one word, so that a row of expectations is readable.
pub(crate) async fn outcome(verifier: &JwtVerifier, token: &str, at: Timestamp) -> &'static str {
    match verifier.verify(token, at).await {
        Ok(_) => "accepted",
        Err(TokenError::Invalid(_)) => "invalid",
        Err(TokenError::Expired) => "expired",
        Err(TokenError::KeySetUnavailable { .. }) => "unavailable",
    }
}

/// How often memory is asked for while a token is judged whose key is at hand. An answer that was
/// remembered costs one allocation, the future's own: whatever takes a token apart takes more.
pub(crate) fn allocations(verifier: &JwtVerifier, token: &str, at: Timestamp) -> u64 {
    let counted = allocation_counter::measure(|| {
        let mut judging = verifier.verify(token, at);
        let answer = judging
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()));
        assert!(matches!(answer, Poll::Ready(_)), "it waits for a key set");
    });
    counted.count_total
}
