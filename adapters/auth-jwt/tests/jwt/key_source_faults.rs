//! What happens when a key set cannot be had.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;
use usher_domain::ports::{StoreErrorKind, TokenError, TokenVerifier as _};
use usher_testkit::{
    key_server::{Answer, KeyServer},
    tokens::TestKey,
};

use crate::{
    key_source::long_claims,
    support::{asking, assert_accepted, claims, just_before, key_set, now, outcome, settings},
};

const COOL_DOWN: Duration = Duration::from_secs(10);
const FRESH: Duration = Duration::from_hours(1);
/// 24 hours more than [`FRESH`].
const USABLE: Duration = Duration::from_hours(26);

/// Answers that are no key set, each of which would be one if less care were taken.
pub(crate) fn bad_answers(key: &TestKey) -> Vec<Answer> {
    let good = key_set(&[key]);
    vec![
        Answer::Status(500, good.clone()),
        Answer::Status(404, good.clone()),
        Answer::Status(206, good.clone()),
        Answer::KeySet("<html>It works!</html>".to_owned()),
        Answer::KeySet(String::new()),
        Answer::KeySet("{\"keys\":{}}".to_owned()),
        Answer::KeySet(format!("[{good}]")),
        Answer::KeySet(good[..good.len() / 2].to_owned()),
        Answer::Oversized(good.clone()),
        Answer::Redirect(good.clone()),
        Answer::Cut(good),
    ]
}

#[tokio::test]
async fn without_any_key_a_failed_fetch_is_unavailable_and_never_invalid() {
    let key = TestKey::es256("a");
    for bad in bad_answers(&key) {
        let server = KeyServer::start(bad.clone()).await;
        let verifier = asking(&server);
        for at in [now(), just_before(now().plus(COOL_DOWN))] {
            let answer = verifier.verify(&key.sign(&claims()), at).await;
            let Err(TokenError::KeySetUnavailable { source: error, .. }) = answer else {
                panic!("{answer:?} after {bad:?}")
            };
            assert_eq!(error.kind(), StoreErrorKind::Unavailable);
        }
        assert_eq!(
            server.requests(),
            1,
            "asked at most once in ten seconds: {bad:?}"
        );
        assert_eq!(server.redirected(), 0, "a redirect is not followed");
        server.answer(Answer::KeySet(key_set(&[&key])));
        let later = now().plus(COOL_DOWN);
        assert_accepted(&verifier, &key.sign(&claims()), later).await;
        assert_eq!(server.requests(), 2);
    }
}

#[tokio::test]
async fn a_bad_answer_changes_nothing_about_the_keys_that_are_known() {
    let (key, new) = (TestKey::es256("a"), TestKey::es256("new"));
    for bad in bad_answers(&new) {
        let server = KeyServer::start(Answer::KeySet(key_set(&[&key]))).await;
        let verifier = asking(&server);
        assert_accepted(&verifier, &key.sign(&claims()), now()).await;
        server.answer(bad.clone());
        let later = now().plus(COOL_DOWN);
        assert_eq!(
            outcome(&verifier, &new.sign(&claims()), later).await,
            "unavailable",
            "{bad:?}"
        );
        assert_accepted(&verifier, &key.sign(&claims()), later).await;
        assert_eq!((server.requests(), server.redirected()), (2, 0), "{bad:?}");
    }
}

#[tokio::test]
async fn an_unknown_kid_is_invalid_after_a_good_fetch_and_unavailable_after_a_failed_one() {
    let (key, unknown) = (TestKey::es256("a"), TestKey::es256("b"));
    let server = KeyServer::start(Answer::KeySet(key_set(&[&key]))).await;
    let verifier = asking(&server);
    let ask = async |times: u32| {
        let at = now().plus(times * COOL_DOWN);
        outcome(&verifier, &unknown.sign(&claims()), at).await
    };
    assert_eq!(ask(0).await, "invalid");
    server.answer(Answer::Status(503, String::new()));
    assert_eq!(ask(1).await, "unavailable");
    server.answer(Answer::KeySet(key_set(&[&key])));
    assert_eq!(ask(2).await, "invalid");
}

#[tokio::test]
async fn while_the_server_fails_the_old_keys_serve_until_they_are_26_hours_old() {
    let key = TestKey::es256("a");
    let server = KeyServer::start(Answer::KeySet(key_set(&[&key]))).await;
    let verifier = asking(&server);
    assert_accepted(&verifier, &key.sign(&long_claims()), now()).await;
    server.answer(Answer::Status(500, String::new()));
    let end = now().plus(USABLE);
    for at in [now().plus(FRESH), now().plus(12 * FRESH), just_before(end)] {
        assert_accepted(&verifier, &key.sign(&long_claims()), at).await;
    }
    assert_eq!(
        outcome(&verifier, &key.sign(&long_claims()), end).await,
        "unavailable"
    );
    server.answer(Answer::KeySet(key_set(&[&key])));
    let later = end.plus(COOL_DOWN);
    assert_accepted(&verifier, &key.sign(&long_claims()), later).await;
}

#[tokio::test]
async fn a_stale_set_is_asked_for_once_in_ten_seconds_while_the_server_fails() {
    let (key, unknown) = (TestKey::es256("a"), TestKey::es256("b"));
    let server = KeyServer::start(Answer::KeySet(key_set(&[&key]))).await;
    let verifier = asking(&server);
    assert_accepted(&verifier, &key.sign(&long_claims()), now()).await;
    server.answer(Answer::Status(500, String::new()));
    let stale = now().plus(FRESH);
    let last = just_before(stale.plus(COOL_DOWN));
    for at in [stale, stale, last] {
        for _ in 0..8 {
            assert_accepted(&verifier, &key.sign(&long_claims()), at).await;
        }
        server.asked(2).await;
        // Who has no key waits for the fetch to end.
        assert_eq!(
            outcome(&verifier, &unknown.sign(&claims()), at).await,
            "unavailable"
        );
        assert_eq!(server.requests(), 2);
    }
    assert_accepted(&verifier, &key.sign(&long_claims()), stale.plus(COOL_DOWN)).await;
    server.asked(3).await;
    assert_eq!(server.requests(), 3);
}

/// On a paused clock time passes only while somebody waits for it.
#[tokio::test]
async fn a_set_past_its_hour_is_refreshed_without_making_the_request_wait() {
    let key = TestKey::es256("a");
    let server = KeyServer::start(Answer::KeySet(key_set(&[&key]))).await;
    let verifier = asking(&server);
    assert_accepted(&verifier, &key.sign(&long_claims()), now()).await;
    server.answer(Answer::Stall);
    tokio::time::pause();
    let asked = Instant::now();
    assert_accepted(&verifier, &key.sign(&long_claims()), now().plus(FRESH)).await;
    assert_eq!(
        asked.elapsed(),
        Duration::ZERO,
        "the request waited for the fetch"
    );
}

#[tokio::test]
async fn a_server_that_stalls_is_given_up_after_three_seconds() {
    // Timers round up to the next millisecond.
    const AT_MOST: Duration = Duration::from_millis(3_001);
    let key = TestKey::es256("a");
    let server = KeyServer::start(Answer::Stall).await;
    let verifier = asking(&server);
    tokio::time::pause();
    let asked = Instant::now();
    assert_eq!(
        outcome(&verifier, &key.sign(&claims()), now()).await,
        "unavailable"
    );
    assert!(asked.elapsed() <= AT_MOST, "{:?}", asked.elapsed());
}

/// The deadline is for the whole answer: a set that is there but for its end is none.
#[tokio::test]
async fn a_server_that_stops_in_the_middle_is_given_up_after_three_seconds_too() {
    const GIVEN_UP: Duration = Duration::from_secs(3);
    let key = TestKey::es256("a");
    let drained = format!("{}\n", key_set(&[&key]));
    let server = KeyServer::start(Answer::Drained(drained)).await;
    let verifier = asking(&server);
    let asked = Instant::now();
    let draining = async {
        server.asked(1).await;
        tokio::time::pause();
        std::future::pending::<()>().await;
    };
    let answer = tokio::select! {
        answer = async { outcome(&verifier, &key.sign(&claims()), now()).await } => answer,
        () = draining => unreachable!("it never ends"),
    };
    assert_eq!(answer, "unavailable");
    let took = asked.elapsed();
    assert!(took >= GIVEN_UP && took < 2 * GIVEN_UP, "{took:?}");
}

#[tokio::test]
async fn while_one_request_fetches_the_old_keys_serve_the_others() {
    let (key, unknown) = (TestKey::es256("a"), TestKey::es256("b"));
    let server = KeyServer::start(Answer::KeySet(key_set(&[&key]))).await;
    let verifier = Arc::new(asking(&server));
    assert_accepted(&verifier, &key.sign(&long_claims()), now()).await;
    server.answer(Answer::Stall);
    let stale = now().plus(FRESH);
    let fetching = {
        let (verifier, token) = (Arc::clone(&verifier), unknown.sign(&claims()));
        let at = now().plus(COOL_DOWN);
        tokio::spawn(async move { outcome(&verifier, &token, at).await })
    };
    server.asked(2).await;
    for at in [now().plus(COOL_DOWN), stale] {
        assert_accepted(&verifier, &key.sign(&long_claims()), at).await;
    }
    server.answer(Answer::KeySet(key_set(&[&key, &unknown])));
    assert_eq!(fetching.await.expect("an answer"), "accepted");
    assert_eq!(server.requests(), 2);
}

/// A client that goes away takes its request with it, and a deadline does the same. Others wait for
/// the fetch, and a good token must not be called a bad one because nothing came of it.
#[tokio::test]
async fn a_fetch_goes_on_when_the_request_that_began_it_is_abandoned() {
    let key = TestKey::es256("a");
    let server = KeyServer::start(Answer::Stall).await;
    let verifier = Arc::new(asking(&server));
    let ask = || {
        let (verifier, token) = (Arc::clone(&verifier), key.sign(&claims()));
        tokio::spawn(async move { outcome(&verifier, &token, now()).await })
    };
    let (abandoned, waiting) = (ask(), ask());
    server.asked(1).await;
    abandoned.abort();
    assert!(abandoned.await.is_err(), "it was abandoned");
    server.answer(Answer::KeySet(key_set(&[&key])));
    assert_eq!(waiting.await.expect("an answer"), "accepted");
    assert_eq!(ask().await.expect("an answer"), "accepted");
    assert_eq!(server.requests(), 1);
}

/// Some sign the addresses that they give out.
#[tokio::test]
async fn an_error_does_not_tell_the_query_of_an_address() {
    let key = TestKey::es256("a");
    let server = KeyServer::start(Answer::Status(500, String::new())).await;
    let uri = server.uri() + "?signature=hunter2";
    let verifier = crate::support::verifier(settings(usher_auth_jwt::KeysFrom::Uri(uri)));
    let answer = verifier.verify(&key.sign(&claims()), now()).await;
    let Err(TokenError::KeySetUnavailable { source: error, .. }) = answer else {
        panic!("{answer:?}")
    };
    let shown = format!("{error} {error:?}");
    assert!(shown.contains(&server.uri()), "{shown}");
    assert!(!shown.contains("hunter2"), "{shown}");
}

/// Whoever reads the log has to know what to mend.
#[tokio::test]
async fn an_address_where_nobody_listens_is_unavailable_and_the_error_says_why() {
    let key = TestKey::es256("a");
    let server = KeyServer::start(Answer::Stall).await;
    let uri = server.uri();
    drop(server);
    // The port is let go of when the server's task has ended.
    tokio::task::yield_now().await;
    let verifier = crate::support::verifier(settings(usher_auth_jwt::KeysFrom::Uri(uri)));
    let answer = verifier.verify(&key.sign(&claims()), now()).await;
    let Err(TokenError::KeySetUnavailable { source: error, .. }) = answer else {
        panic!("{answer:?}")
    };
    let said = error.to_string();
    assert!(said.to_lowercase().contains("refused"), "{said}");
}

/// A user pool may never have signed by its other name. Whoever answers that there is nothing has
/// answered, and a token of that name is a bad one.
#[tokio::test]
async fn an_issuer_by_another_name_may_have_no_keys_at_all() {
    use usher_auth_jwt::{IssuerSettings, KeysFrom};
    let (key, new) = (TestKey::es256("a"), TestKey::es256("new"));
    for absent in [403, 404] {
        let server = KeyServer::start(Answer::Status(absent, String::new())).await;
        let issuer = server.issuer();
        let keys = KeysFrom::Uri(format!("{issuer}/.well-known/jwks.json"));
        let verifier = crate::support::verifier(IssuerSettings {
            issuer: issuer.clone(),
            known_as: Some("https://the-same.example.com".to_owned()),
            ..settings(keys)
        });
        let ask = async |key: &TestKey, times: u32| {
            let at = now().plus(times * COOL_DOWN);
            let mut claims = long_claims();
            claims["iss"] = issuer.as_str().into();
            outcome(&verifier, &key.sign(&claims), at).await
        };
        assert_eq!(ask(&key, 0).await, "invalid");
        assert_eq!(ask(&key, 0).await, "invalid");
        assert_eq!(server.requests(), 1, "asked at most once in ten seconds");
        server.answer(Answer::Status(500, String::new()));
        assert_eq!(ask(&key, 1).await, "unavailable");
        server.answer(Answer::KeySet(key_set(&[&key])));
        assert_eq!(ask(&key, 2).await, "accepted");
        // Keys that were there do not go away by this.
        server.answer(Answer::Status(absent, String::new()));
        assert_eq!(ask(&new, 3).await, "invalid");
        assert_eq!(ask(&key, 3).await, "accepted");
        assert_eq!(server.requests(), 4);
    }
}

/// Ten seconds after the fetch that failed it is worth asking again, and not before. It is never now.
#[tokio::test]
async fn who_cannot_be_served_is_told_when_the_issuer_is_asked_again() {
    let key = TestKey::es256("a");
    let server = KeyServer::start(Answer::Status(500, String::new())).await;
    let verifier = asking(&server);
    for (after, expected) in [
        (Duration::ZERO, COOL_DOWN),
        (Duration::from_secs(4), Duration::from_secs(6)),
        (Duration::from_millis(8_500), Duration::from_millis(1_500)),
        (Duration::from_nanos(9_999_999_999), Duration::from_secs(1)),
    ] {
        let at = now().plus(after);
        let answer = verifier.verify(&key.sign(&claims()), at).await;
        let Err(TokenError::KeySetUnavailable { retry_after, .. }) = answer else {
            panic!("{answer:?}")
        };
        assert_eq!(retry_after, expected, "{after:?} after the fetch");
        assert_eq!(server.requests(), 1);
    }
}
