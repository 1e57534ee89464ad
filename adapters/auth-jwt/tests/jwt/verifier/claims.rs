use std::time::Duration;

use serde_json::{Value, json};
use usher_auth_jwt::{IssuerSettings, KeysFrom};
use usher_domain::time::Timestamp;
use usher_testkit::tokens::TestKey;

use super::{NO_SUBJECT, UNREADABLE_CLAIMS, UNREADABLE_TIMES, WRONG_AUDIENCE, WRONG_ISSUER};
use crate::support::{
    AUDIENCE, ISSUER, LEEWAY, NOON, assert_accepted, assert_refused, claims, claims_with,
    claims_without, just_before, key_set, now, outcome, settings, trusting, verifier,
};

/// Asserts that a token with these claims, and a signature that holds, is refused.
async fn assert_claims_refused(claims: &Value, reason: &str) {
    let key = TestKey::es256("a");
    assert_refused(&trusting(&[&key]), &key.sign(claims), reason).await;
}

async fn assert_claims_accepted(claims: &Value) {
    let key = TestKey::es256("a");
    assert_accepted(&trusting(&[&key]), &key.sign(claims), now()).await;
}

#[tokio::test]
async fn another_issuer_is_refused_however_much_it_looks_like_ours() {
    for iss in [
        "https://attacker.example.com/",
        "https://issuer.example.com",
        "https://issuer.example.com//",
        "https://ISSUER.example.com/",
        "http://issuer.example.com/",
        " https://issuer.example.com/",
        "",
    ] {
        assert_claims_refused(&claims_with("iss", iss), WRONG_ISSUER).await;
    }
}

#[tokio::test]
async fn an_issuer_that_is_missing_or_no_text_is_refused() {
    assert_claims_refused(&claims_without("iss"), UNREADABLE_CLAIMS).await;
    for iss in [
        Value::Null,
        json!([ISSUER]),
        json!(1),
        json!({"iss": ISSUER}),
    ] {
        assert_claims_refused(&claims_with("iss", iss), UNREADABLE_CLAIMS).await;
    }
}

#[tokio::test]
async fn one_of_our_audiences_is_enough() {
    for aud in [
        json!(AUDIENCE),
        json!("another"),
        json!([AUDIENCE]),
        json!(["theirs", AUDIENCE]),
        json!(["another", AUDIENCE]),
    ] {
        assert_claims_accepted(&claims_with("aud", aud)).await;
    }
}

#[tokio::test]
async fn a_token_for_others_is_refused() {
    for aud in [
        "theirs",
        "Usher",
        "usher ",
        "usher another",
        "ushe",
        "usher2",
        "",
    ] {
        assert_claims_refused(&claims_with("aud", aud), WRONG_AUDIENCE).await;
        assert_claims_refused(&claims_with("aud", json!([aud])), WRONG_AUDIENCE).await;
    }
}

#[tokio::test]
async fn a_token_for_nobody_is_refused() {
    assert_claims_refused(&claims_without("aud"), WRONG_AUDIENCE).await;
    for aud in [Value::Null, json!([]), json!({}), json!(true)] {
        assert_claims_refused(&claims_with("aud", aud), WRONG_AUDIENCE).await;
    }
}

#[tokio::test]
async fn an_audience_of_mixed_types_is_refused_though_ours_is_among_them() {
    for aud in [
        json!([AUDIENCE, 1]),
        json!([null, AUDIENCE]),
        json!([[AUDIENCE], AUDIENCE]),
        json!([[AUDIENCE]]),
        json!({"aud": AUDIENCE}),
        json!({"0": AUDIENCE}),
        json!(1),
    ] {
        assert_claims_refused(&claims_with("aud", aud), WRONG_AUDIENCE).await;
    }
}

#[tokio::test]
async fn a_subject_that_is_missing_or_no_text_is_refused() {
    assert_claims_refused(&claims_without("sub"), UNREADABLE_CLAIMS).await;
    for sub in [Value::Null, json!(1), json!(["alice"]), json!({})] {
        assert_claims_refused(&claims_with("sub", sub), UNREADABLE_CLAIMS).await;
    }
}

#[tokio::test]
async fn an_empty_subject_is_refused_with_and_without_a_prefix() {
    let key = TestKey::es256("a");
    let token = key.sign(&claims_with("sub", ""));
    assert_refused(&trusting(&[&key]), &token, NO_SUBJECT).await;
    let prefixed = verifier(IssuerSettings {
        subject_prefix: "alice".to_owned(),
        ..settings(KeysFrom::Json(key_set(&[&key])))
    });
    assert_refused(&prefixed, &token, NO_SUBJECT).await;
}

#[tokio::test]
async fn an_expiry_that_is_missing_or_no_number_is_refused() {
    assert_claims_refused(&claims_without("exp"), UNREADABLE_CLAIMS).await;
    for exp in [
        Value::Null,
        json!("1795349400"),
        json!([NOON]),
        json!(true),
        json!({}),
    ] {
        assert_claims_refused(&claims_with("exp", exp), UNREADABLE_CLAIMS).await;
    }
}

#[tokio::test]
async fn a_start_that_is_no_number_is_refused() {
    for name in ["nbf", "iat"] {
        for value in [json!("1795348800"), json!([NOON]), json!(true), json!({})] {
            assert_claims_refused(&claims_with(name, value), UNREADABLE_CLAIMS).await;
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
        "9e9999",
    ] {
        for name in ["exp", "nbf", "iat"] {
            let payload = claims_without(name).to_string();
            let payload = payload.replacen('{', &format!("{{\"{name}\":{number},"), 1);
            let token = key.sign_text(&key.header().to_string(), &payload);
            // What is no double at all is no JSON number to the parser either.
            let reason = if number == "9e9999" {
                UNREADABLE_CLAIMS
            } else {
                UNREADABLE_TIMES
            };
            assert_refused(&verifier, &token, reason).await;
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

/// Which of two would count depends on the parser, so neither does (RFC 8725, 2.4).
async fn assert_refused_when_there_twice(again: &[&str]) {
    let key = TestKey::es256("a");
    let verifier = trusting(&[&key]);
    let mut claims = claims();
    claims["nbf"] = NOON.into();
    claims["scope"] = "read".into();
    claims["groups"] = json!(["users"]);
    assert_accepted(&verifier, &key.sign(&claims), now()).await;
    let object = claims.to_string();
    for again in again {
        let first = object.replacen('{', &format!("{{{again},"), 1);
        let last = format!("{},{again}}}", &object[..object.len() - 1]);
        for payload in [first, last] {
            let token = key.sign_text(&key.header().to_string(), &payload);
            assert_refused(&verifier, &token, UNREADABLE_CLAIMS).await;
        }
    }
}

#[tokio::test]
async fn a_claim_that_decides_and_is_there_twice_is_refused() {
    assert_refused_when_there_twice(&[
        r#""iss":"https://issuer.example.com/""#,
        r#""sub":"bob""#,
        r#""aud":"usher""#,
        r#""exp":9000000000"#,
        r#""nbf":0"#,
        r#""iat":0"#,
    ])
    .await;
}

#[tokio::test]
async fn scopes_or_groups_that_are_there_twice_are_refused() {
    assert_refused_when_there_twice(&[r#""scope":"admin""#, r#""groups":["admins"]"#]).await;
}

/// A forged token must not learn whether it would have been on time.
#[tokio::test]
async fn the_signature_is_judged_before_the_claims() {
    let (key, theirs) = (TestKey::es256("a"), TestKey::es256("a"));
    let verifier = trusting(&[&key]);
    for claims in [
        claims_with("exp", 1),
        claims_with("aud", "theirs"),
        claims_with("sub", ""),
    ] {
        assert_refused(&verifier, &theirs.sign(&claims), super::BAD_SIGNATURE).await;
    }
}

/// "Expired" tells a client to fetch a new token: only a token that was ours once may say so.
#[tokio::test]
async fn an_expired_token_for_others_is_not_said_to_be_expired() {
    let mut claims = claims_with("exp", 1);
    claims["aud"] = "theirs".into();
    assert_claims_refused(&claims, WRONG_AUDIENCE).await;
}
