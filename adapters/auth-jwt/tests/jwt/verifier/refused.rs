//! Refused tokens are remembered: one that can never become valid is judged once, and no longer than
//! the keys last that it was judged with.
//!
//! Whether an answer was remembered shows in what it costs (see [`allocations`]).

use std::time::Duration;

use serde_json::{Value, json};
use usher_auth_jwt::{Audience, Issuer, IssuerSettings, JwtVerifier, KeysFrom};
use usher_domain::time::Timestamp;
use usher_testkit::{
    key_server::{Answer, KeyServer},
    tokens::TestKey,
};

use super::{BAD_SIGNATURE, WRONG_AUDIENCE, WRONG_ISSUER};
use crate::support::{
    AUDIENCE, ISSUER, LEEWAY, NOON, accepted, allocations, asking, assert_accepted, assert_refused,
    claims, claims_with, claims_without, just_before, key_set, now, outcome, said, settings,
    trusting, verifier,
};

const COOL_DOWN: Duration = Duration::from_secs(10);

#[track_caller]
fn assert_remembered(verifier: &JwtVerifier, token: &str, at: Timestamp) {
    assert_eq!(allocations(verifier, token, at), 1, "judged anew: {token}");
}

#[track_caller]
fn assert_judged(verifier: &JwtVerifier, token: &str, at: Timestamp) {
    let allocations = allocations(verifier, token, at);
    assert!(allocations > 1, "not judged: {token}");
}

/// A verifier of two issuers, and tokens of the first that can never become valid.
fn hopeless() -> (JwtVerifier, Vec<(&'static str, String)>) {
    let (key, theirs) = (TestKey::es256("a"), TestKey::es256("a"));
    let first = settings(KeysFrom::Json(key_set(&[&key])));
    let second = IssuerSettings {
        issuer: "https://theirs.example.com/".to_owned(),
        subject_prefix: "b:".to_owned(),
        ..settings(KeysFrom::Json(key_set(&[&theirs])))
    };
    let issuers = [first, second].map(|one| Issuer::new(one).expect("an issuer"));
    let with_header = |name: &str, value: Value| {
        let mut header = key.header();
        header[name] = value;
        key.sign_with_header(&header, &claims())
    };
    let claiming = |name: &str, value: Value| key.sign(&claims_with(name, value));
    let good = key.sign(&claims());
    let tokens = vec![
        ("malformed", with_header("typ", json!(1))),
        ("another kind", with_header("typ", json!("logout+jwt"))),
        ("none", with_header("alg", json!("none"))),
        ("a key inside", with_header("jwk", key.jwk())),
        ("an extension", with_header("crit", json!(["b64"]))),
        ("the wrong algorithm", with_header("alg", json!("RS256"))),
        ("no object", key.sign_text(&key.header().to_string(), "[]")),
        ("a bad signature", theirs.sign(&claims())),
        ("a cut signature", good[..good.len() - 4].to_owned()),
        ("the wrong issuer", claiming("iss", json!("https://x/"))),
        ("the wrong audience", claiming("aud", json!("theirs"))),
        ("no subject", claiming("sub", json!(""))),
        ("another's subject", claiming("sub", json!("b:bob"))),
        ("no expiry", key.sign(&claims_without("exp"))),
        ("no number", claiming("nbf", json!("now"))),
        ("expired", claiming("exp", json!(NOON - 31))),
    ];
    (JwtVerifier::new(issuers.into()), tokens)
}

#[tokio::test]
async fn what_can_never_become_valid_is_judged_once() {
    let (verifier, tokens) = hopeless();
    for (what, token) in &tokens {
        assert_judged(&verifier, token, now());
        let first = said(&verifier, token, now()).await;
        assert!(!first.starts_with("it is"), "{what}: {first}");
        for later in [
            Duration::ZERO,
            Duration::from_mins(10),
            Duration::from_hours(240),
        ] {
            let at = now().plus(later);
            assert_remembered(&verifier, token, at);
            assert_eq!(said(&verifier, token, at).await, first, "{what}");
        }
    }
}

/// The same answer without a memory: each verifier is asked once.
#[tokio::test]
async fn what_is_remembered_is_what_was_said() {
    let (verifier, tokens) = hopeless();
    for (what, token) in &tokens {
        let first = said(&verifier, token, now()).await;
        assert_eq!(said(&verifier, token, now()).await, first, "{what}");
    }
}

#[tokio::test]
async fn what_may_become_valid_is_judged_each_time() {
    let key = TestKey::es256("a");
    let verifier = trusting(&[&key]);
    for token in [
        key.sign(&claims_with("nbf", NOON + 31)),
        key.sign(&claims_with("iat", NOON + 31)),
        TestKey::es256("unknown").sign(&claims()),
    ] {
        for _ in 0..3 {
            assert_judged(&verifier, &token, now());
            assert_eq!(outcome(&verifier, &token, now()).await, "invalid");
        }
    }
}

/// And is accepted as soon as it is valid, to the nanosecond.
#[tokio::test]
async fn a_token_of_the_future_is_refused_and_accepted_once_its_time_has_come() {
    let key = TestKey::es256("a");
    let verifier = trusting(&[&key]);
    for name in ["nbf", "iat"] {
        let token = key.sign(&claims_with(name, NOON + 60));
        let starts = now().plus(Duration::from_secs(30));
        for (at, expected) in [
            (now(), "invalid"),
            (just_before(starts), "invalid"),
            (starts, "accepted"),
        ] {
            assert_eq!(outcome(&verifier, &token, at).await, expected, "{name}");
        }
    }
}

/// A clock that ran ahead must not have ended a token for good.
#[tokio::test]
async fn an_expired_token_is_accepted_again_when_the_clock_is_set_back() {
    let key = TestKey::es256("a");
    let verifier = trusting(&[&key]);
    let token = key.sign(&claims());
    let end = Timestamp::from_seconds(NOON + 600).plus(LEEWAY);
    for at in [end.plus(Duration::from_hours(1)), end] {
        assert_eq!(outcome(&verifier, &token, at).await, "expired");
        assert_remembered(&verifier, &token, at);
    }
    let before = just_before(end);
    assert_judged(&verifier, &token, before);
    assert_accepted(&verifier, &token, before).await;
    assert_accepted(&verifier, &token, now()).await;
    assert_eq!(outcome(&verifier, &token, end).await, "expired");
}

/// Has the key set fetched again, by a token that names a key nobody has. Returns when that was.
async fn fetch_again(server: &KeyServer, verifier: &JwtVerifier, last: Timestamp) -> Timestamp {
    let (at, asked) = (last.plus(COOL_DOWN), server.requests());
    let unknown = TestKey::es256("unknown").sign(&claims());
    assert_eq!(outcome(verifier, &unknown, at).await, "invalid");
    assert_eq!(server.requests(), asked + 1);
    at
}

#[tokio::test]
async fn a_refusal_outlives_a_refresh_that_brings_the_same_keys() {
    let (key, theirs) = (TestKey::es256("a"), TestKey::es256("a"));
    let another = TestKey::es256("b");
    let server = KeyServer::start(Answer::KeySet(key_set(&[&key, &another]))).await;
    let verifier = asking(&server);
    let forged = theirs.sign(&claims());
    assert_refused(&verifier, &forged, BAD_SIGNATURE).await;
    let mut at = now();
    // In another order they are the same.
    for keys in [[&key, &another], [&another, &key]] {
        server.answer(Answer::KeySet(key_set(&keys)));
        at = fetch_again(&server, &verifier, at).await;
        assert_remembered(&verifier, &forged, at);
    }
    server.answer(Answer::Status(500, String::new()));
    at = at.plus(COOL_DOWN);
    let unknown = TestKey::es256("unknown").sign(&claims());
    assert_eq!(outcome(&verifier, &unknown, at).await, "unavailable");
    assert_remembered(&verifier, &forged, at);
}

#[tokio::test]
async fn a_refusal_is_forgotten_when_the_key_set_changes_and_judged_with_the_new_one() {
    let (key, theirs) = (TestKey::es256("a"), TestKey::es256("a"));
    let another = TestKey::es256("b");
    let server = KeyServer::start(Answer::KeySet(key_set(&[&key]))).await;
    let verifier = asking(&server);
    let refused = [
        (theirs.sign(&claims()), BAD_SIGNATURE),
        (key.sign(&claims_with("aud", "theirs")), WRONG_AUDIENCE),
    ];
    for (token, reason) in &refused {
        assert_refused(&verifier, token, reason).await;
    }
    server.answer(Answer::KeySet(key_set(&[&key, &another])));
    let at = fetch_again(&server, &verifier, now()).await;
    for (token, reason) in &refused {
        assert_judged(&verifier, token, at);
        assert_remembered(&verifier, token, at);
        assert_refused(&verifier, token, reason).await;
    }
    // The kid names the other key now.
    server.answer(Answer::KeySet(key_set(&[&theirs, &another])));
    let at = fetch_again(&server, &verifier, at).await;
    assert_accepted(&verifier, &refused[0].0, at).await;
    assert_eq!(said(&verifier, &refused[1].0, at).await, BAD_SIGNATURE);
}

#[tokio::test]
async fn a_refused_algorithm_is_accepted_once_the_key_is_for_it() {
    let key = TestKey::new("RS256", "a");
    let mut wrong = key.jwk();
    wrong["alg"] = "PS256".into();
    let set = |jwk: &Value| Answer::KeySet(json!({ "keys": [jwk] }).to_string());
    let server = KeyServer::start(set(&wrong)).await;
    let verifier = asking(&server);
    let token = key.sign(&claims());
    assert_eq!(outcome(&verifier, &token, now()).await, "invalid");
    assert_remembered(&verifier, &token, now());
    server.answer(set(&key.jwk()));
    let at = fetch_again(&server, &verifier, now()).await;
    assert_accepted(&verifier, &token, at).await;
}

#[tokio::test]
async fn an_unknown_kid_is_accepted_once_the_key_is_in_the_set() {
    let (key, new) = (TestKey::es256("a"), TestKey::es256("new"));
    let server = KeyServer::start(Answer::KeySet(key_set(&[&key]))).await;
    let verifier = asking(&server);
    let token = new.sign(&claims());
    assert_eq!(outcome(&verifier, &token, now()).await, "invalid");
    server.answer(Answer::KeySet(key_set(&[&key, &new])));
    let at = now().plus(COOL_DOWN);
    assert_eq!(outcome(&verifier, &token, just_before(at)).await, "invalid");
    assert_accepted(&verifier, &token, at).await;
}

/// What no key was asked about stays refused whatever the keys are.
#[tokio::test]
async fn a_refusal_that_has_nothing_to_do_with_keys_stays_when_they_change() {
    let (key, new) = (TestKey::es256("a"), TestKey::es256("a"));
    let server = KeyServer::start(Answer::KeySet(key_set(&[&key]))).await;
    let verifier = asking(&server);
    let mut none = key.header();
    none["alg"] = "none".into();
    let refused = [
        key.sign(&claims_with("iss", "https://x/")),
        key.sign_with_header(&none, &claims()),
        key.sign_text(&key.header().to_string(), "[]"),
    ];
    // The first set is no change: it has to be there already.
    assert_accepted(&verifier, &key.sign(&claims()), now()).await;
    for token in &refused {
        assert_judged(&verifier, token, now());
    }
    server.answer(Answer::KeySet(key_set(&[&new])));
    let at = fetch_again(&server, &verifier, now()).await;
    for token in &refused {
        assert_remembered(&verifier, token, at);
    }
    assert_refused(&verifier, &refused[0], WRONG_ISSUER).await;
}

#[tokio::test]
async fn the_keys_of_another_issuer_have_nothing_to_do_with_it() {
    const THEIRS: &str = "https://theirs.example.com/";
    let (ours, theirs, new) = (
        TestKey::es256("a"),
        TestKey::es256("a"),
        TestKey::es256("b"),
    );
    let server = KeyServer::start(Answer::KeySet(key_set(&[&ours]))).await;
    let second = KeyServer::start(Answer::KeySet(key_set(&[&theirs]))).await;
    let issuer = |issuer: &str, prefix: &str, server: &KeyServer| {
        Issuer::new(IssuerSettings {
            issuer: issuer.to_owned(),
            subject_prefix: prefix.to_owned(),
            audience: Audience::Aud(vec![AUDIENCE.to_owned()]),
            ..settings(KeysFrom::Uri(server.uri()))
        })
        .expect("an issuer")
    };
    let issuers = vec![issuer(ISSUER, "", &server), issuer(THEIRS, "b:", &second)];
    let verifier = JwtVerifier::new(issuers);
    let forged = [
        theirs.sign(&claims()),
        ours.sign(&claims_with("iss", THEIRS)),
    ];
    for token in &forged {
        assert_refused(&verifier, token, BAD_SIGNATURE).await;
    }
    server.answer(Answer::KeySet(key_set(&[&ours, &new])));
    let at = fetch_again(&server, &verifier, now()).await;
    assert_eq!(second.requests(), 1);
    assert_remembered(&verifier, &forged[1], at);
    assert_judged(&verifier, &forged[0], at);
    assert_remembered(&verifier, &forged[0], at);
}

/// Who has seen a refused token has seen nothing of a good one.
#[tokio::test]
async fn a_good_token_beside_refused_ones_is_judged_for_itself() {
    let key = TestKey::es256("a");
    let strict = verifier(IssuerSettings {
        require_typ: true,
        ..settings(KeysFrom::Json(key_set(&[&key])))
    });
    let mut header = key.header();
    for (typ, expected) in [("JWT", "invalid"), ("at+jwt", "accepted")].repeat(2) {
        header["typ"] = typ.into();
        let token = key.sign_with_header(&header, &claims());
        assert_eq!(outcome(&strict, &token, now()).await, expected);
    }
    let forged = TestKey::es256("a").sign(&claims());
    let good = key.sign(&claims());
    let (message, _) = good.rsplit_once('.').expect("a signature");
    let (_, signature) = forged.rsplit_once('.').expect("a signature");
    let trusting = trusting(&[&key]);
    let mixed = format!("{message}.{signature}");
    assert_refused(&trusting, &mixed, BAD_SIGNATURE).await;
    let principal = accepted(&trusting, &good, now()).await;
    assert_eq!(&*principal.id, "alice");
    assert_refused(&trusting, &mixed, BAD_SIGNATURE).await;
}
