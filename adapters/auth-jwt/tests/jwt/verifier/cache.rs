use std::{sync::Arc, time::Duration};

use usher_domain::time::Timestamp;
use usher_testkit::{
    key_server::{Answer, KeyServer},
    tokens::TestKey,
};

use crate::support::{
    LEEWAY, NOON, accepted, allocations, asking, assert_accepted, assert_refused, claims,
    claims_with, claims_without, just_before, key_set, now, outcome, trusting,
};

const REMEMBERED_FOR: Duration = Duration::from_mins(5);

/// What is remembered is the very same principal.
#[tokio::test]
async fn a_token_is_verified_once_and_then_remembered_for_five_minutes() {
    let key = TestKey::es256("a");
    let (verifier, token) = (trusting(&[&key]), key.sign(&claims()));
    let first = accepted(&verifier, &token, now()).await;
    let later = now().plus(REMEMBERED_FOR);
    for (at, remembered) in [(now(), true), (just_before(later), true), (later, false)] {
        let again = accepted(&verifier, &token, at).await;
        assert_eq!(again, first);
        assert_eq!(Arc::ptr_eq(&again, &first), remembered, "{at:?}");
    }
}

#[tokio::test]
async fn a_remembered_token_is_expired_to_the_moment() {
    let key = TestKey::es256("a");
    let (verifier, token) = (trusting(&[&key]), key.sign(&claims_with("exp", NOON + 60)));
    let end = Timestamp::from_seconds(NOON + 60).plus(LEEWAY);
    let first = accepted(&verifier, &token, now()).await;
    let last = accepted(&verifier, &token, just_before(end)).await;
    assert!(Arc::ptr_eq(&first, &last), "it was remembered");
    assert_eq!(outcome(&verifier, &token, end).await, "expired");
    assert_eq!(outcome(&verifier, &token, end).await, "expired");
    // A clock that was set back finds it again.
    assert_eq!(
        outcome(&verifier, &token, just_before(end)).await,
        "accepted"
    );
}

#[tokio::test]
async fn a_token_that_differs_in_its_signature_alone_is_verified_for_itself() {
    let key = TestKey::es256("a");
    let verifier = trusting(&[&key]);
    // ECDSA signs anew each time, so the same claims have two tokens.
    let (one, two) = (key.sign(&claims()), key.sign(&claims()));
    assert_ne!(one, two);
    let first = accepted(&verifier, &one, now()).await;
    let second = accepted(&verifier, &two, now()).await;
    assert!(!Arc::ptr_eq(&first, &second));
    let (message, _) = one.rsplit_once('.').expect("a signature");
    assert_refused(&verifier, &format!("{message}."), super::BAD_SIGNATURE).await;
}

#[tokio::test]
async fn a_refusal_is_the_same_the_second_time() {
    let (key, theirs) = (TestKey::es256("a"), TestKey::es256("a"));
    let verifier = trusting(&[&key]);
    let forged = theirs.sign(&claims());
    for _ in 0..3 {
        assert_refused(&verifier, &forged, super::BAD_SIGNATURE).await;
    }
    assert_accepted(&verifier, &key.sign(&claims()), now()).await;
}

/// Revoking a key ends its tokens as soon as the key set is seen without it.
#[tokio::test]
async fn a_remembered_token_is_refused_once_the_key_set_has_lost_its_key() {
    let (old, new) = (TestKey::es256("old"), TestKey::es256("new"));
    let server = KeyServer::start(Answer::KeySet(key_set(&[&old]))).await;
    let verifier = asking(&server);
    let token = old.sign(&claims());
    assert_accepted(&verifier, &token, now()).await;
    server.answer(Answer::KeySet(key_set(&[&new])));
    assert_accepted(&verifier, &token, now()).await;
    let later = now().plus(Duration::from_secs(10));
    assert_accepted(&verifier, &new.sign(&claims()), later).await;
    assert_eq!(outcome(&verifier, &token, later).await, "invalid");
}

#[tokio::test]
async fn a_remembered_token_is_refused_once_its_kid_names_another_key() {
    let (old, new) = (TestKey::es256("a"), TestKey::es256("a"));
    let server = KeyServer::start(Answer::KeySet(key_set(&[&old]))).await;
    let verifier = asking(&server);
    let token = old.sign(&claims());
    assert_accepted(&verifier, &token, now()).await;
    let also = TestKey::es256("b");
    server.answer(Answer::KeySet(key_set(&[&new, &also])));
    let later = now().plus(Duration::from_secs(10));
    assert_accepted(&verifier, &also.sign(&claims()), later).await;
    assert_eq!(outcome(&verifier, &token, later).await, "invalid");
    assert_accepted(&verifier, &new.sign(&claims()), later).await;
}

/// A key that is no longer to be had serves those that it has served, for as long as it would have.
#[tokio::test]
async fn a_remembered_token_is_accepted_while_the_issuer_does_not_answer() {
    let key = TestKey::es256("a");
    let server = KeyServer::start(Answer::KeySet(key_set(&[&key]))).await;
    let verifier = asking(&server);
    let token = key.sign(&claims());
    let first = accepted(&verifier, &token, now()).await;
    server.answer(Answer::Stall);
    let at = just_before(now().plus(REMEMBERED_FOR));
    assert!(Arc::ptr_eq(&accepted(&verifier, &token, at).await, &first));
    assert_eq!(server.requests(), 1);
}

/// A clock that was set back must not make the five minutes any longer.
#[tokio::test]
async fn a_token_of_the_future_is_not_remembered_for_longer() {
    let key = TestKey::es256("a");
    let (verifier, token) = (trusting(&[&key]), key.sign(&claims_without("iat")));
    let back = now();
    let ahead = now().plus(REMEMBERED_FOR);
    accepted(&verifier, &token, ahead).await;
    let young = Timestamp::from_nanos(back.as_nanos() + 1);
    assert_eq!(allocations(&verifier, &token, young), 1);
    assert!(
        allocations(&verifier, &token, back) > 1,
        "it was remembered"
    );
    assert_accepted(&verifier, &token, back).await;
}

/// The instant itself is kept, and not how long is left: `exp` is looked at on every use.
#[tokio::test]
async fn a_remembered_token_ends_though_it_would_be_remembered_for_longer() {
    let key = TestKey::es256("a");
    let verifier = trusting(&[&key]);
    for lifetime in [-29, 0, 1, 60, 299] {
        let token = key.sign(&claims_with("exp", NOON + lifetime));
        let end = Timestamp::from_seconds(NOON + lifetime).plus(LEEWAY);
        accepted(&verifier, &token, now()).await;
        let last = just_before(end);
        if last.since(now()) < REMEMBERED_FOR {
            assert_eq!(allocations(&verifier, &token, last), 1, "{lifetime}");
        }
        assert_eq!(outcome(&verifier, &token, last).await, "accepted");
        assert_eq!(outcome(&verifier, &token, end).await, "expired");
    }
}
