//! When a token begins and when it ends (RFC 7519, 4.1.4 to 4.1.6), to the nanosecond.

use std::time::Duration;

use serde_json::{Value, json};
use usher_auth_jwt::{IssuerSettings, KeysFrom};
use usher_domain::time::Timestamp;
use usher_testkit::tokens::TestKey;

use super::{
    NO_EXPIRY, UNREADABLE_TIMES,
    claims::{assert_claims_accepted, assert_claims_refused},
};
use crate::support::{
    LEEWAY, NOON, assert_accepted, assert_refused, claims, claims_with, claims_without,
    just_before, key_set, now, outcome, settings, trusting, verifier,
};

#[tokio::test]
async fn an_expiry_that_is_missing_or_no_number_is_refused() {
    assert_claims_refused(&claims_without("exp"), NO_EXPIRY).await;
    assert_claims_refused(&claims_with("exp", Value::Null), NO_EXPIRY).await;
    for exp in [
        json!("1795349400"),
        json!(""),
        json!([NOON]),
        json!(true),
        json!({}),
    ] {
        assert_claims_refused(&claims_with("exp", exp), UNREADABLE_TIMES).await;
    }
}

#[tokio::test]
async fn a_start_that_is_no_number_is_refused() {
    for name in ["nbf", "iat"] {
        for value in [json!("1795348800"), json!([NOON]), json!(true), json!({})] {
            assert_claims_refused(&claims_with(name, value), UNREADABLE_TIMES).await;
        }
    }
}

#[tokio::test]
async fn times_beyond_what_can_be_counted_are_refused() {
    let key = TestKey::es256("a");
    let verifier = trusting(&[&key]);
    for number in [
        "1e300",
        "-1e300",
        "1.8e19",
        "18446744073709551615",
        "-9223372036854775809",
        "9e9999",
        "-9e9999",
    ] {
        for name in ["exp", "nbf", "iat"] {
            let payload = claims_without(name).to_string();
            let payload = payload.replacen('{', &format!("{{\"{name}\":{number},"), 1);
            let token = key.sign_text(&key.header().to_string(), &payload);
            assert_refused(&verifier, &token, UNREADABLE_TIMES).await;
        }
    }
}

#[tokio::test]
async fn a_token_is_good_until_its_expiry_and_the_leeway_and_not_a_moment_longer() {
    let key = TestKey::es256("a");
    let end = Timestamp::from_seconds(NOON + 600).plus(LEEWAY);
    // Each with a verifier of its own: what was accepted before is not asked again.
    for (at, expected) in [
        (now(), "accepted"),
        (Timestamp::from_seconds(NOON + 600), "accepted"),
        (just_before(end), "accepted"),
        (end, "expired"),
        (end.plus(Duration::from_hours(24)), "expired"),
    ] {
        let fresh = trusting(&[&key]);
        assert_eq!(
            outcome(&fresh, &key.sign(&claims()), at).await,
            expected,
            "{at:?}"
        );
    }
}

#[tokio::test]
async fn without_leeway_a_token_ends_at_its_expiry() {
    let key = TestKey::es256("a");
    let strict = verifier(IssuerSettings {
        leeway: Duration::ZERO,
        ..settings(KeysFrom::Json(key_set(&[&key])))
    });
    let end = Timestamp::from_seconds(NOON + 600);
    let token = key.sign(&claims());
    assert_eq!(outcome(&strict, &token, just_before(end)).await, "accepted");
    assert_eq!(outcome(&strict, &token, end).await, "expired");
    let starting = key.sign(&claims_with("nbf", NOON));
    // In this order: what was accepted once is remembered, and a clock that goes back finds it.
    assert_eq!(
        outcome(&strict, &starting, just_before(now())).await,
        "invalid"
    );
    assert_eq!(outcome(&strict, &starting, now()).await, "accepted");
}

#[tokio::test]
async fn a_fraction_of_a_second_counts() {
    let key = TestKey::es256("a");
    let token = key.sign(&claims_with("exp", 1_795_349_400.5));
    let end = Timestamp::from_seconds(1_795_349_400)
        .plus(LEEWAY)
        .plus(Duration::from_millis(500));
    assert_eq!(
        outcome(&trusting(&[&key]), &token, just_before(end)).await,
        "accepted"
    );
    assert_eq!(outcome(&trusting(&[&key]), &token, end).await, "expired");
}

#[tokio::test]
async fn an_expiry_of_long_ago_or_before_the_epoch_is_expired() {
    let key = TestKey::es256("a");
    for exp in [0, 1, -1, i64::MIN, NOON - 31] {
        let token = key.sign(&claims_with("exp", exp));
        assert_eq!(
            outcome(&trusting(&[&key]), &token, now()).await,
            "expired",
            "{exp}"
        );
    }
}

/// The last instant that there is lies in the year 2262.
#[tokio::test]
async fn an_expiry_in_the_far_future_is_no_overflow() {
    let key = TestKey::es256("a");
    for exp in [4_102_444_800, i64::MAX / 1_000_000_000, i64::MAX] {
        let token = key.sign(&claims_with("exp", exp));
        assert_eq!(
            outcome(&trusting(&[&key]), &token, now()).await,
            "accepted",
            "{exp}"
        );
    }
}

#[tokio::test]
async fn a_token_from_the_future_is_refused_beyond_the_leeway() {
    let key = TestKey::es256("a");
    for (name, reason) in [
        ("nbf", "the token is not valid yet"),
        ("iat", "the token was issued in the future"),
    ] {
        let start = Timestamp::from_seconds(NOON + 30);
        let token = key.sign(&claims_with(name, NOON + 30));
        let verifier = trusting(&[&key]);
        assert_eq!(
            outcome(&verifier, &token, just_before(now())).await,
            "invalid",
            "{name}"
        );
        assert_accepted(&verifier, &token, now()).await;
        assert_accepted(&verifier, &token, start).await;
        assert_refused(&verifier, &key.sign(&claims_with(name, NOON + 31)), reason).await;
        assert_refused(&verifier, &key.sign(&claims_with(name, i64::MAX)), reason).await;
    }
}

#[tokio::test]
async fn a_start_is_not_needed_and_null_is_none() {
    assert_claims_accepted(&claims_without("iat")).await;
    assert_claims_accepted(&claims_with("iat", Value::Null)).await;
    assert_claims_accepted(&claims_with("nbf", Value::Null)).await;
}
