//! Whose token it is, and for whom (RFC 8725, 2.7, 3.8 and 3.9).

use serde_json::{Value, json};
use usher_auth_jwt::{IssuerSettings, KeysFrom};
use usher_testkit::tokens::TestKey;

use super::{NO_ISSUER, NO_SUBJECT, WRONG_AUDIENCE, WRONG_ISSUER};
use crate::support::{
    AUDIENCE, ISSUER, accepted, assert_accepted, assert_refused, claims, claims_with,
    claims_without, key_set, now, said, settings, trusting, verifier,
};

/// Asserts that a token with these claims, and a signature that holds, is refused.
pub(super) async fn assert_claims_refused(claims: &Value, reason: &str) {
    let key = TestKey::es256("a");
    assert_refused(&trusting(&[&key]), &key.sign(claims), reason).await;
}

pub(super) async fn assert_claims_accepted(claims: &Value) {
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
        "https://issuer.example.com/\0",
        "https://issuer.example.com/\n",
        "https://issuer.example.com/%2e",
        "https://issuer.example.com:443/",
        "https://issuer.example.com/#",
        "https://issuer.example.com.attacker.example.com/",
        "https://attacker.example.com/https://issuer.example.com/",
        "https://іssuer.example.com/",
        "https://issuer。example.com/",
        "HTTPS://issuer.example.com/",
        "issuer.example.com/",
        "",
        "\0",
    ] {
        assert_claims_refused(&claims_with("iss", iss), WRONG_ISSUER).await;
    }
}

#[tokio::test]
async fn an_issuer_that_is_missing_or_no_text_is_refused() {
    assert_claims_refused(&claims_without("iss"), NO_ISSUER).await;
    for iss in [
        Value::Null,
        json!([ISSUER]),
        json!(1),
        json!({"iss": ISSUER}),
    ] {
        assert_claims_refused(&claims_with("iss", iss), NO_ISSUER).await;
    }
}

/// JSON has many spellings of one text, and it is the text that is compared. PHP escapes slashes.
#[tokio::test]
async fn an_issuer_that_is_escaped_is_the_same_issuer() {
    let key = TestKey::es256("a");
    let verifier = trusting(&[&key]);
    for iss in [
        r"https:\/\/issuer.example.com\/",
        r"\u0068ttps://issuer.example.com/",
        r"https\u003a\u002F\u002fissuer.example.com/",
    ] {
        let payload = claims().to_string().replace(ISSUER, iss);
        assert!(payload.contains(iss));
        let token = key.sign_text(&key.header().to_string(), &payload);
        assert_accepted(&verifier, &token, now()).await;
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
        "usher\0",
        "another,usher",
        "*",
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
    assert_claims_refused(&claims_without("sub"), NO_SUBJECT).await;
    for sub in [
        Value::Null,
        json!(1),
        json!(true),
        json!(["alice"]),
        json!({}),
    ] {
        assert_claims_refused(&claims_with("sub", sub), NO_SUBJECT).await;
    }
}

#[tokio::test]
async fn a_subject_that_no_store_could_keep_is_refused() {
    for sub in [
        "alice\0".to_owned(),
        "\0".to_owned(),
        "a\0b".to_owned(),
        "s".repeat(1025),
    ] {
        let refused = "the token's subject cannot be kept";
        assert_claims_refused(&claims_with("sub", json!(sub)), refused).await;
    }
}

/// The same person to a reader is not the same subject: nothing is trimmed, folded or composed.
#[tokio::test]
async fn a_subject_is_taken_as_it_is_byte_for_byte() {
    let key = TestKey::es256("a");
    let verifier = trusting(&[&key]);
    for subject in [
        "Alice",
        " alice",
        "alice ",
        "al\u{ad}ice",
        "аlice",
        "\u{202e}ecila",
        "é",
        "e\u{301}",
        "ﬁ",
        "😀",
        "\u{10ffff}",
        "\n",
        "../alice",
        "%61lice",
        "alice\",\"sub\":\"bob",
    ] {
        let token = key.sign(&claims_with("sub", subject));
        let principal = accepted(&verifier, &token, now()).await;
        assert_eq!(&*principal.id, subject);
    }
    let escaped = claims().to_string().replace("alice", r"\u0061l\u0069ce");
    let token = key.sign_text(&key.header().to_string(), &escaped);
    assert_eq!(said(&verifier, &token, now()).await, "it is alice");
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
