use aws_lc_rs::hmac;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use usher_auth_jwt::{Algorithm, IssuerSettings, KeysFrom};
use usher_testkit::tokens::TestKey;

use super::{
    CARRIES_A_KEY, DEMANDS_AN_EXTENSION, MALFORMED, NO_KID, NOT_THE_KEYS_ALGORITHM,
    UNKNOWN_ALGORITHM, UNKNOWN_KEY,
};
use crate::support::{assert_refused, claims, key_set, settings, trusting, verifier};

/// Asserts that a token with this header, and a signature that holds, is refused.
async fn assert_header_refused(header: impl Fn(&TestKey) -> String, reason: &str) {
    let key = TestKey::es256("a");
    let token = key.sign_text(&header(&key), &claims().to_string());
    assert_refused(&trusting(&[&key]), &token, reason).await;
}

fn with(name: &str, value: impl Into<Value>) -> impl Fn(&TestKey) -> String {
    let value = value.into();
    move |key| {
        let mut header = key.header();
        header[name] = value.clone();
        header.to_string()
    }
}

fn without(name: &str) -> impl Fn(&TestKey) -> String {
    move |key| {
        let mut header = key.header();
        header.as_object_mut().expect("an object").remove(name);
        header.to_string()
    }
}

#[tokio::test]
async fn alg_none_is_refused_in_any_case_and_with_any_signature() {
    let key = TestKey::es256("a");
    let verifier = trusting(&[&key]);
    for alg in ["none", "None", "NONE", "nOnE"] {
        let token = key.sign_text(&with("alg", alg)(&key), &claims().to_string());
        assert_refused(&verifier, &token, UNKNOWN_ALGORITHM).await;
        let (message, _) = token.rsplit_once('.').expect("a signature");
        assert_refused(&verifier, &format!("{message}."), UNKNOWN_ALGORITHM).await;
    }
}

/// RFC 8725, 2.1: a verifier that lets the token choose takes the public key for a shared secret.
#[tokio::test]
async fn hs256_with_the_public_key_as_its_secret_is_refused() {
    for key in [TestKey::es256("a"), TestKey::rs256("a")] {
        let verifier = trusting(&[&key]);
        let jwk = key.jwk();
        let raw = ["n", "x"]
            .iter()
            .find_map(|name| jwk[name].as_str())
            .expect("a public key");
        let secrets = [
            URL_SAFE_NO_PAD.decode(raw).expect("base64"),
            raw.as_bytes().to_vec(),
            jwk.to_string().into_bytes(),
            key.jwks().into_bytes(),
            Vec::new(),
        ];
        for (alg, secret) in ["HS256", "hs256", "HS384", "HS512"]
            .into_iter()
            .flat_map(|alg| secrets.iter().map(move |secret| (alg, secret)))
        {
            let token = key.sign_text(&with("alg", alg)(&key), &claims().to_string());
            let (message, _) = token.rsplit_once('.').expect("a signature");
            let secret = hmac::Key::new(hmac::HMAC_SHA256, secret);
            let tag = URL_SAFE_NO_PAD.encode(hmac::sign(&secret, message.as_bytes()));
            assert_refused(&verifier, &format!("{message}.{tag}"), UNKNOWN_ALGORITHM).await;
        }
    }
}

#[tokio::test]
async fn names_of_algorithms_are_compared_exactly() {
    for alg in [
        "es256", "ES256 ", " ES256", "ES384", "ES256K", "PS256", "RS384", "EdDSA", "",
    ] {
        assert_header_refused(with("alg", alg), UNKNOWN_ALGORITHM).await;
    }
}

#[tokio::test]
async fn an_alg_that_is_missing_or_no_text_is_malformed() {
    assert_header_refused(without("alg"), MALFORMED).await;
    for alg in [
        Value::Null,
        json!(["ES256"]),
        json!({"ES256": null}),
        json!(256),
    ] {
        assert_header_refused(with("alg", alg), MALFORMED).await;
    }
}

#[tokio::test]
async fn an_rs256_token_for_an_es256_key_is_refused() {
    let (rsa, ec) = (TestKey::rs256("a"), TestKey::es256("a"));
    assert_refused(
        &trusting(&[&ec]),
        &rsa.sign(&claims()),
        NOT_THE_KEYS_ALGORITHM,
    )
    .await;
}

#[tokio::test]
async fn an_es256_token_for_an_rs256_key_is_refused() {
    let (rsa, ec) = (TestKey::rs256("a"), TestKey::es256("a"));
    assert_refused(
        &trusting(&[&rsa]),
        &ec.sign(&claims()),
        NOT_THE_KEYS_ALGORITHM,
    )
    .await;
}

#[tokio::test]
async fn an_algorithm_that_the_issuer_does_not_use_is_refused_though_its_key_is_there() {
    let (rsa, ec) = (TestKey::rs256("rsa"), TestKey::es256("ec"));
    for (allowed, good, bad) in [(Algorithm::Rs256, &rsa, &ec), (Algorithm::Es256, &ec, &rsa)] {
        let verifier = verifier(IssuerSettings {
            algorithms: vec![allowed],
            ..settings(KeysFrom::Json(key_set(&[&rsa, &ec])))
        });
        crate::support::assert_accepted(&verifier, &good.sign(&claims()), crate::support::now())
            .await;
        assert_refused(&verifier, &bad.sign(&claims()), UNKNOWN_ALGORITHM).await;
    }
}

#[tokio::test]
async fn an_unknown_kid_is_refused_and_no_other_key_is_tried() {
    for kid in ["b", "A", "a ", "../a", "a\0"] {
        assert_header_refused(with("kid", kid), UNKNOWN_KEY).await;
    }
}

#[tokio::test]
async fn a_kid_that_is_missing_or_empty_is_refused_though_there_is_but_one_key() {
    assert_header_refused(without("kid"), NO_KID).await;
    assert_header_refused(with("kid", Value::Null), NO_KID).await;
    assert_header_refused(with("kid", ""), NO_KID).await;
}

#[tokio::test]
async fn a_kid_that_is_no_text_is_malformed() {
    for kid in [json!(1), json!(["a"]), json!({"a": 1}), json!(true)] {
        assert_header_refused(with("kid", kid), MALFORMED).await;
    }
}

#[tokio::test]
async fn a_jku_is_refused() {
    let address = "https://issuer.example.com/keys";
    assert_header_refused(with("jku", address), CARRIES_A_KEY).await;
}

#[tokio::test]
async fn a_jwk_is_refused_though_it_is_the_right_one() {
    let own = |key: &TestKey| with("jwk", key.jwk())(key);
    assert_header_refused(own, CARRIES_A_KEY).await;
}

#[tokio::test]
async fn an_x5u_is_refused() {
    assert_header_refused(
        with("x5u", "https://issuer.example.com/cert"),
        CARRIES_A_KEY,
    )
    .await;
}

#[tokio::test]
async fn an_x5c_is_refused() {
    assert_header_refused(with("x5c", json!(["MIIB"])), CARRIES_A_KEY).await;
}

#[tokio::test]
async fn a_crit_is_refused_whatever_it_demands() {
    for crit in [json!(["exp"]), json!(["b64"]), json!([]), json!("exp")] {
        assert_header_refused(with("crit", crit), DEMANDS_AN_EXTENSION).await;
    }
}

/// A header that carries the field is refused; that there is nothing in it makes it no better.
#[tokio::test]
async fn a_field_that_must_not_be_there_is_refused_with_null_in_it_too() {
    for name in ["jku", "jwk", "x5u", "x5c"] {
        assert_header_refused(with(name, Value::Null), CARRIES_A_KEY).await;
    }
    assert_header_refused(with("crit", Value::Null), DEMANDS_AN_EXTENSION).await;
}

#[tokio::test]
async fn a_header_field_that_is_there_twice_is_malformed() {
    for again in [
        r#""alg":"none""#,
        r#""alg":"ES256""#,
        r#""kid":"a""#,
        r#""kid":"b""#,
    ] {
        let twice = |key: &TestKey| {
            key.header()
                .to_string()
                .replacen('{', &format!("{{{again},"), 1)
        };
        assert_header_refused(twice, MALFORMED).await;
    }
    for twice in [r#""jku":null,"jku":null"#, r#""crit":[],"crit":null"#] {
        let header = |key: &TestKey| {
            key.header()
                .to_string()
                .replacen('{', &format!("{{{twice},"), 1)
        };
        assert_header_refused(header, MALFORMED).await;
    }
}

#[tokio::test]
async fn a_header_that_is_no_object_is_malformed() {
    for header in [
        "",
        "null",
        "\"ES256\"",
        "1",
        "[]",
        r#"["ES256","a"]"#,
        "{",
        "{}{}",
        r#"{"alg":"ES256","kid":"a"},"#,
        r"{'alg':'ES256','kid':'a'}",
    ] {
        assert_header_refused(|_| header.to_owned(), MALFORMED).await;
    }
}

/// As many elements as there are fields that are read: a parser may take one for the other.
#[tokio::test]
async fn a_header_that_is_a_list_of_its_fields_is_malformed() {
    let list = r#"["ES256","a",null,null,null,null,null]"#;
    assert_header_refused(|_| list.to_owned(), MALFORMED).await;
}
