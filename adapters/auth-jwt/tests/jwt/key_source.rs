//! When a key set is fetched, and how often. Time is the argument of every call.

use std::{sync::Arc, time::Duration};

use serde_json::json;
use usher_domain::time::Timestamp;
use usher_testkit::{
    key_server::{Answer, KeyServer},
    tokens::TestKey,
};

use crate::support::{
    NOON, asking, assert_accepted, assert_refused, claims, claims_with, just_before, key_set, now,
    outcome,
};

const COOL_DOWN: Duration = Duration::from_secs(10);
const FRESH: Duration = Duration::from_hours(1);
const UNKNOWN: &str = "the token's key is not known";

/// Claims that are good for days, so that a token outlives its key set.
pub(crate) fn long_claims() -> serde_json::Value {
    claims_with("exp", NOON + 30 * 86_400)
}

async fn serving(keys: &[&TestKey]) -> KeyServer {
    KeyServer::start(Answer::KeySet(key_set(keys))).await
}

#[tokio::test]
async fn nothing_is_fetched_before_a_key_is_needed() {
    let key = TestKey::es256("a");
    let server = serving(&[&key]).await;
    let verifier = asking(&server);
    // Refused for what can be seen without a key.
    for bad in [
        "nonsense".to_owned(),
        key.sign(&claims_with("iss", "https://theirs.example.com/")),
        key.sign_with_header(&json!({"alg": "HS256", "kid": "a"}), &claims()),
        key.sign_with_header(&json!({"alg": "ES256"}), &claims()),
    ] {
        assert_eq!(outcome(&verifier, &bad, now()).await, "invalid");
    }
    assert_eq!(server.requests(), 0);
    assert_accepted(&verifier, &key.sign(&claims()), now()).await;
    assert_eq!(server.requests(), 1);
}

#[tokio::test]
async fn a_known_key_is_not_fetched_again_within_the_hour() {
    let key = TestKey::es256("a");
    let server = serving(&[&key]).await;
    let verifier = asking(&server);
    for minutes in 0..60 {
        // Another token each time: nothing comes out of the cache of tokens.
        let token = key.sign(&long_claims());
        let at = now().plus(Duration::from_mins(minutes));
        assert_accepted(&verifier, &token, at).await;
    }
    assert_eq!(server.requests(), 1);
}

#[tokio::test]
async fn of_64_first_requests_at_once_one_fetches_and_all_are_served() {
    let key = Arc::new(TestKey::es256("a"));
    let server = KeyServer::start(Answer::Stall).await;
    let verifier = Arc::new(asking(&server));
    let requests: Vec<_> = (0..64)
        .map(|_| {
            let (verifier, key) = (Arc::clone(&verifier), Arc::clone(&key));
            tokio::spawn(async move { outcome(&verifier, &key.sign(&claims()), now()).await })
        })
        .collect();
    // On this thread all of them have run before the server has.
    server.asked(1).await;
    server.answer(Answer::KeySet(key_set(&[&key])));
    for request in requests {
        assert_eq!(request.await.expect("an answer"), "accepted");
    }
    assert_eq!(server.requests(), 1);
}

#[tokio::test]
async fn an_unknown_kid_is_fetched_for_at_most_once_in_ten_seconds() {
    let (key, unknown) = (TestKey::es256("a"), TestKey::es256("b"));
    let server = serving(&[&key]).await;
    let verifier = asking(&server);
    assert_accepted(&verifier, &key.sign(&claims()), now()).await;
    let last = just_before(now().plus(COOL_DOWN));
    for at in [now(), now().plus(Duration::from_secs(5)), last] {
        assert_eq!(
            outcome(&verifier, &unknown.sign(&claims()), at).await,
            "invalid"
        );
    }
    assert_eq!(
        server.requests(),
        1,
        "the fetch that failed to find it was a moment ago"
    );
    for _ in 0..16 {
        let at = now().plus(COOL_DOWN);
        assert_eq!(
            outcome(&verifier, &unknown.sign(&claims()), at).await,
            "invalid"
        );
    }
    assert_eq!(server.requests(), 2);
    let at = now().plus(2 * COOL_DOWN);
    assert_eq!(
        outcome(&verifier, &unknown.sign(&claims()), at).await,
        "invalid"
    );
    assert_eq!(server.requests(), 3);
}

/// A flood of made-up kids costs one fetch in ten seconds, however many names it has.
#[tokio::test]
async fn the_ten_seconds_are_the_issuers_and_not_a_kids() {
    let key = TestKey::es256("a");
    let server = serving(&[&key]).await;
    let verifier = asking(&server);
    for number in 0..100 {
        let mut header = key.header();
        header["kid"] = format!("made-up-{number}").into();
        let token = key.sign_with_header(&header, &claims());
        assert_refused(&verifier, &token, UNKNOWN).await;
    }
    assert_accepted(&verifier, &key.sign(&claims()), now()).await;
    assert_eq!(server.requests(), 1);
}

#[tokio::test]
async fn a_new_key_is_found_by_the_first_token_that_names_it() {
    let (old, new) = (TestKey::es256("old"), TestKey::rs256("new"));
    let server = serving(&[&old]).await;
    let verifier = asking(&server);
    assert_accepted(&verifier, &old.sign(&claims()), now()).await;
    server.answer(Answer::KeySet(key_set(&[&old, &new])));
    let later = now().plus(COOL_DOWN);
    assert_accepted(&verifier, &new.sign(&claims()), later).await;
    assert_accepted(&verifier, &old.sign(&claims()), later).await;
    assert_eq!(server.requests(), 2);
    server.answer(Answer::KeySet(key_set(&[&new])));
    let unknown = TestKey::es256("b").sign(&claims());
    let later = later.plus(COOL_DOWN);
    assert_eq!(outcome(&verifier, &unknown, later).await, "invalid");
    assert_eq!(
        outcome(&verifier, &old.sign(&claims()), later).await,
        "invalid"
    );
    assert_accepted(&verifier, &new.sign(&claims()), later).await;
    assert_eq!(server.requests(), 3);
}

#[tokio::test]
async fn a_set_older_than_an_hour_is_fetched_again_and_not_before() {
    let (old, new) = (TestKey::es256("old"), TestKey::es256("new"));
    let server = serving(&[&old]).await;
    let verifier = asking(&server);
    assert_accepted(&verifier, &old.sign(&long_claims()), now()).await;
    server.answer(Answer::KeySet(key_set(&[&old, &new])));
    let stale = now().plus(FRESH);
    assert_accepted(&verifier, &old.sign(&long_claims()), just_before(stale)).await;
    assert_eq!(server.requests(), 1);
    assert_accepted(&verifier, &old.sign(&long_claims()), stale).await;
    // The request may go on while the set is fetched.
    server.asked(2).await;
    assert_accepted(&verifier, &new.sign(&long_claims()), stale).await;
    assert_eq!(server.requests(), 2);
}

#[tokio::test]
async fn a_clock_that_goes_back_neither_loses_the_keys_nor_fetches_without_end() {
    let (key, unknown) = (TestKey::es256("a"), TestKey::es256("b"));
    let server = serving(&[&key]).await;
    let verifier = asking(&server);
    assert_accepted(&verifier, &key.sign(&claims()), now()).await;
    let earlier = Timestamp::from_seconds(NOON - 5);
    for _ in 0..8 {
        assert_accepted(&verifier, &key.sign(&claims()), earlier).await;
        assert_eq!(
            outcome(&verifier, &unknown.sign(&claims()), earlier).await,
            "invalid"
        );
    }
    assert_eq!(server.requests(), 1);
    // Set back by more than the wait, it does not make the wait any longer.
    let long_before = Timestamp::from_seconds(NOON - 15);
    assert_eq!(
        outcome(&verifier, &unknown.sign(&claims()), long_before).await,
        "invalid"
    );
    assert_eq!(server.requests(), 2);
}

#[tokio::test]
async fn a_given_key_set_is_never_fetched_and_never_too_old() {
    let (key, unknown) = (TestKey::es256("a"), TestKey::es256("b"));
    let verifier = crate::support::trusting(&[&key]);
    let in_29_days = now().plus(Duration::from_hours(29 * 24));
    assert_accepted(&verifier, &key.sign(&long_claims()), in_29_days).await;
    assert_refused(&verifier, &unknown.sign(&claims()), UNKNOWN).await;
}

/// Each issuer has keys of its own, and a fetch of one is no business of another.
#[tokio::test]
async fn the_key_set_of_one_issuer_is_not_fetched_for_another() {
    use usher_auth_jwt::{Issuer, IssuerSettings, JwtVerifier, KeysFrom};
    let (ours, theirs) = (TestKey::es256("a"), TestKey::es256("a"));
    let (our_server, their_server) = (serving(&[&ours]).await, serving(&[&theirs]).await);
    let issuer = |name: &str, server: &KeyServer| {
        Issuer::new(IssuerSettings {
            issuer: name.to_owned(),
            ..crate::support::settings(KeysFrom::Uri(server.uri()))
        })
        .expect("an issuer")
    };
    let verifier = JwtVerifier::new(vec![
        issuer(crate::support::ISSUER, &our_server),
        issuer("https://theirs.example.com/", &their_server),
    ]);
    assert_accepted(&verifier, &ours.sign(&claims()), now()).await;
    assert_eq!((our_server.requests(), their_server.requests()), (1, 0));
}
