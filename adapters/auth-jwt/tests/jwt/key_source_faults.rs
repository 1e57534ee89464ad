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
const USABLE: Duration = Duration::from_hours(24);

/// Answers that are no key set, each of which would be one if less care were taken.
fn bad_answers(key: &TestKey) -> Vec<Answer> {
    let good = key_set(&[key]);
    vec![
        Answer::Status(500, good.clone()),
        Answer::Status(404, good.clone()),
        Answer::Status(206, good.clone()),
        Answer::KeySet("<html>It works!</html>".to_owned()),
        Answer::KeySet(String::new()),
        Answer::KeySet("{\"keys\":[]}".to_owned()),
        Answer::KeySet(good[..good.len() / 2].to_owned()),
        Answer::Oversized(good.clone()),
        Answer::Redirect(good),
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
            let Err(TokenError::KeySetUnavailable(error)) = answer else {
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
async fn while_the_server_fails_the_old_keys_serve_for_24_hours_and_no_longer() {
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

#[tokio::test]
async fn an_address_where_nobody_listens_is_unavailable() {
    let key = TestKey::es256("a");
    let server = KeyServer::start(Answer::Stall).await;
    let uri = server.uri();
    drop(server);
    // The port is let go of when the server's task has ended.
    tokio::task::yield_now().await;
    let verifier = crate::support::verifier(settings(usher_auth_jwt::KeysFrom::Uri(uri)));
    assert_eq!(
        outcome(&verifier, &key.sign(&claims()), now()).await,
        "unavailable"
    );
}
