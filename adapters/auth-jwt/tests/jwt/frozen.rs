//! Key sets in a process that is made ready before its first request, and frozen between requests.

use std::time::Duration;

use usher_auth_jwt::{Issuer, JwtVerifier, KeysFrom};
use usher_domain::time::Timestamp;
use usher_testkit::{
    key_server::{Answer, KeyServer},
    tokens::TestKey,
};

use crate::support::{
    NOON, asking, assert_accepted, claims_with, just_before, key_set, now, outcome, settings,
};

const FRESH: Duration = Duration::from_hours(1);

fn set(keys: &[&TestKey]) -> Answer {
    Answer::KeySet(key_set(keys))
}

fn token(key: &TestKey) -> String {
    key.sign(&claims_with("exp", NOON + 86_400))
}

#[tokio::test]
async fn keys_that_were_made_ready_are_there_for_the_first_request() {
    let key = TestKey::es256("a");
    let server = KeyServer::start(set(&[&key])).await;
    let verifier = asking(&server);
    verifier.make_ready(now()).await;
    assert_eq!(server.requests(), 1);
    server.answer(Answer::Stall);
    assert_accepted(&verifier, &token(&key), now()).await;
    verifier.make_ready(now()).await;
    assert_eq!(server.requests(), 1);
}

#[tokio::test]
async fn an_issuer_that_fails_stops_no_other() {
    let key = TestKey::es256("a");
    let (good, bad) = (
        KeyServer::start(set(&[&key])).await,
        KeyServer::start(Answer::Status(500, String::new())).await,
    );
    let issuer = |name: &str, prefix: &str, keys| {
        let mut settings = settings(keys);
        settings.issuer = name.to_owned();
        settings.subject_prefix = prefix.to_owned();
        Issuer::new(settings).expect("an issuer")
    };
    let verifier = JwtVerifier::new(vec![
        issuer("https://bad.example.com/", "bad:", KeysFrom::Uri(bad.uri())),
        issuer("https://good.example.com/", "", KeysFrom::Uri(good.uri())),
        issuer(
            "https://given.example.com/",
            "given:",
            KeysFrom::Json(key_set(&[&key])),
        ),
    ]);
    verifier.make_ready(now()).await;
    assert_eq!((bad.requests(), good.requests()), (1, 1));
    let said = async |name: &str| {
        let mut claims = claims_with("exp", NOON + 86_400);
        claims["iss"] = name.into();
        outcome(&verifier, &key.sign(&claims), now()).await
    };
    assert_eq!(said("https://good.example.com/").await, "accepted");
    // Nobody had been told that it failed, so it is asked once more; then as after any failure.
    assert_eq!(said("https://bad.example.com/").await, "unavailable");
    assert_eq!(bad.requests(), 2);
    assert_eq!(said("https://bad.example.com/").await, "unavailable");
    assert_eq!(bad.requests(), 2);
}

/// A verifier whose set is an hour old, and when that is.
async fn an_hour_later(
    server: &KeyServer,
    key: &TestKey,
    frozen: bool,
) -> (JwtVerifier, Timestamp) {
    let mut verifier = asking(server);
    if frozen {
        verifier = verifier.frozen_between_requests();
    }
    assert_accepted(&verifier, &token(key), now()).await;
    (verifier, now().plus(FRESH))
}

/// Beside the request the fetch would be frozen with the process, and a key that was taken away would stay good.
#[tokio::test]
async fn a_set_past_its_hour_is_fetched_before_the_answer_where_nothing_runs_after_it() {
    let (old, new) = (TestKey::es256("a"), TestKey::es256("b"));
    for frozen in [true, false] {
        let server = KeyServer::start(set(&[&old])).await;
        let (verifier, later) = an_hour_later(&server, &old, frozen).await;
        server.answer(set(&[&new]));
        let said = outcome(&verifier, &token(&old), later).await;
        assert_eq!(said, if frozen { "invalid" } else { "accepted" });
        server.asked(2).await;
    }
}

#[tokio::test]
async fn an_issuer_that_fails_after_an_hour_leaves_the_old_keys_in_force() {
    let key = TestKey::es256("a");
    let server = KeyServer::start(set(&[&key])).await;
    let (verifier, later) = an_hour_later(&server, &key, true).await;
    server.answer(Answer::Status(500, String::new()));
    assert_accepted(&verifier, &token(&key), later).await;
    // Nor does every next request wait for it.
    let patience = Duration::from_mins(5);
    let almost = just_before(later.plus(patience));
    assert_accepted(&verifier, &token(&key), almost).await;
    assert_eq!(server.requests(), 2);
    assert_accepted(&verifier, &token(&key), later.plus(patience)).await;
    assert_eq!(server.requests(), 3);
}

/// Both answer only when the other has been asked.
#[tokio::test]
async fn all_issuers_are_asked_at_once() {
    let key = TestKey::es256("a");
    let servers = [
        KeyServer::start(Answer::Stall).await,
        KeyServer::start(Answer::Stall).await,
    ];
    let issuers = servers.iter().enumerate().map(|(number, server)| {
        let mut settings = settings(KeysFrom::Uri(server.uri()));
        settings.issuer = format!("https://{number}.example.com/");
        settings.subject_prefix = format!("{number}:");
        Issuer::new(settings).expect("an issuer")
    });
    let verifier = JwtVerifier::new(issuers.collect());
    let answering = async {
        for server in &servers {
            server.asked(1).await;
        }
        for server in &servers {
            server.answer(set(&[&key]));
        }
    };
    tokio::join!(verifier.make_ready(now()), answering);
    for number in 0..servers.len() {
        let mut claims = claims_with("exp", NOON + 86_400);
        claims["iss"] = format!("https://{number}.example.com/").into();
        let said = outcome(&verifier, &key.sign(&claims), now()).await;
        assert_eq!(said, "accepted");
    }
    assert_eq!(servers.map(|server| server.requests()), [1, 1]);
}
