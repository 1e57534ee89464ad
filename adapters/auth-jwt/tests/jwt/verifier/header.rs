//! The header: which key it names, what it must not carry, and that nothing stands in it twice.

use serde_json::{Value, json};
use usher_auth_jwt::Algorithm;
use usher_testkit::tokens::TestKey;

use super::{CARRIES_A_KEY, DEMANDS_AN_EXTENSION, MALFORMED, NO_KID, UNKNOWN_KEY};
use crate::{
    forge::{Pair, join},
    support::{assert_accepted, assert_refused, claims, now, trusting, trusting_set},
};

/// Asserts that a token with this header, and a signature that holds, is refused.
async fn assert_header_refused(header: impl Fn(&TestKey) -> String, reason: &str) {
    let key = TestKey::es256("a");
    let token = key.sign_text(&header(&key), &claims().to_string());
    assert_refused(&trusting(&[&key]), &token, reason).await;
}

async fn assert_header_accepted(header: impl Fn(&TestKey) -> String) {
    let key = TestKey::es256("a");
    let token = key.sign_text(&header(&key), &claims().to_string());
    assert_accepted(&trusting(&[&key]), &token, now()).await;
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

/// A header with this text in front of its members.
fn with_text(members: &str) -> impl Fn(&TestKey) -> String {
    move |key| {
        let header = key.header().to_string();
        header.replacen('{', &format!("{{{members},"), 1)
    }
}

/// RFC 8725, 3.10: a `kid` is a name and nothing else, whatever it would mean to a database, a shell
/// or a file system.
#[tokio::test]
async fn an_unknown_kid_is_refused_and_no_other_key_is_tried() {
    for kid in [
        "b",
        "A",
        "a ",
        " a",
        "a\0",
        "a\0b",
        "а",
        "../a",
        "./a",
        "/dev/null",
        "a' OR '1'='1",
        "*",
        "a)(kid=*",
        "$(a)",
        "%61",
        "https://attacker.example.com/keys",
        &"a".repeat(4_000),
    ] {
        assert_header_refused(with("kid", kid), UNKNOWN_KEY).await;
    }
}

/// Names are texts and not their spellings, so an escaped one is the same.
#[tokio::test]
async fn an_escaped_kid_is_the_same_kid() {
    let escaped = |key: &TestKey| {
        let header = key.header().to_string();
        header.replacen("\"kid\":\"a\"", r#""kid":"\u0061""#, 1)
    };
    assert_header_accepted(escaped).await;
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

/// RFC 8725, 2.9 and 3.10: it would have us fetch what the token's author wants.
#[tokio::test]
async fn a_jku_is_refused_our_issuers_own_too() {
    for address in [
        "https://issuer.example.com/keys",
        "https://attacker.example.com/keys",
        "http://169.254.169.254/latest/meta-data/",
        "file:///etc/passwd",
        "",
    ] {
        assert_header_refused(with("jku", address), CARRIES_A_KEY).await;
    }
}

/// RFC 8725, 3.10; CVE-2018-0114: a key inside the token verifies whatever its author signed.
#[tokio::test]
async fn a_jwk_is_refused_though_it_is_the_right_one() {
    let own = |key: &TestKey| with("jwk", key.jwk())(key);
    assert_header_refused(own, CARRIES_A_KEY).await;
}

#[tokio::test]
async fn a_token_signed_by_the_key_inside_it_is_refused() {
    let (ours, theirs) = (TestKey::es256("a"), TestKey::es256("a"));
    for name in ["jwk", "JWK", "key", "x5t"] {
        let mut header = theirs.header();
        header[name] = theirs.jwk();
        let reason = if name == "jwk" {
            CARRIES_A_KEY
        } else {
            super::BAD_SIGNATURE
        };
        let forged = theirs.sign_with_header(&header, &claims());
        assert_refused(&trusting(&[&ours]), &forged, reason).await;
    }
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
    for chain in [json!(["MIIB"]), json!([]), json!("MIIB")] {
        assert_header_refused(with("x5c", chain), CARRIES_A_KEY).await;
    }
}

/// RFC 7515, 4.1.11: whoever does not know an extension that is demanded refuses the token.
#[tokio::test]
async fn a_crit_is_refused_whatever_it_demands() {
    for crit in [
        json!(["exp"]),
        json!(["b64"]),
        json!(["alg", "kid"]),
        json!([]),
        json!("exp"),
        json!({}),
        json!(false),
    ] {
        assert_header_refused(with("crit", crit), DEMANDS_AN_EXTENSION).await;
    }
}

/// RFC 7797: with `b64` the payload is signed as it is. It counts only where `crit` demands it, and
/// there the token is refused; without it the payload is base64 as ever.
#[tokio::test]
async fn a_payload_that_is_not_encoded_is_refused_with_and_without_crit() {
    let pair = Pair::p256();
    let verifier = trusting_set(pair.jwks());
    for (header, reason) in [
        (
            json!({"alg": "ES256", "kid": "a", "b64": false}),
            super::MALFORMED,
        ),
        (
            json!({"alg": "ES256", "kid": "a", "b64": false, "crit": ["b64"]}),
            super::MALFORMED,
        ),
    ] {
        let header = crate::forge::message(header.to_string().as_bytes(), b"");
        let message = format!("{header}{}", claims());
        let token = join(&message, &pair.sign(Algorithm::Es256, &message));
        assert_refused(&verifier, &token, reason).await;
    }
    assert_header_accepted(with("b64", false)).await;
    let mut both = json!({"b64": false});
    both["crit"] = json!(["b64"]);
    let header = move |key: &TestKey| {
        let mut header = key.header();
        for name in ["b64", "crit"] {
            header[name] = both[name].clone();
        }
        header.to_string()
    };
    assert_header_refused(header, DEMANDS_AN_EXTENSION).await;
}

/// A header that carries the field is refused; that there is nothing in it makes it no better.
#[tokio::test]
async fn a_field_that_must_not_be_there_is_refused_with_null_in_it_too() {
    for name in ["jku", "jwk", "x5u", "x5c"] {
        assert_header_refused(with(name, Value::Null), CARRIES_A_KEY).await;
    }
    assert_header_refused(with("crit", Value::Null), DEMANDS_AN_EXTENSION).await;
}

/// Nor does an escape in its name.
#[tokio::test]
async fn a_field_that_must_not_be_there_is_refused_however_its_name_is_spelt() {
    for (members, reason) in [
        (r#""\u006aku":"https://a.example.com/""#, CARRIES_A_KEY),
        (r#""jw\u006B":{}"#, CARRIES_A_KEY),
        (r#""x5\u0063":[]"#, CARRIES_A_KEY),
        (r#""\u0078\u0035\u0075":"""#, CARRIES_A_KEY),
        (r#""\u0063rit":["exp"]"#, DEMANDS_AN_EXTENSION),
    ] {
        assert_header_refused(with_text(members), reason).await;
    }
}

/// RFC 7515, 4: names are unique. Which of two would count depends on the parser, and a gateway in
/// front of us may have another one.
#[tokio::test]
async fn a_header_field_that_is_there_twice_is_malformed() {
    for twice in [
        r#""alg":"none""#,
        r#""alg":"ES256""#,
        r#""alg":null"#,
        r#""kid":"a""#,
        r#""kid":"b""#,
        r#""typ":"at+jwt""#,
        r#""jku":null,"jku":null"#,
        r#""crit":[],"crit":null"#,
        // Names that nobody reads.
        r#""x":1,"x":1"#,
        r#""x":1,"y":2,"x":3"#,
        r#""":0,"":0"#,
        r#""cty":"JWT","cty":"JWT""#,
    ] {
        assert_header_refused(with_text(twice), MALFORMED).await;
        let last = |key: &TestKey| {
            let header = key.header().to_string();
            format!("{},{twice}}}", &header[..header.len() - 1])
        };
        assert_header_refused(last, MALFORMED).await;
    }
}

#[tokio::test]
async fn a_header_field_that_is_there_twice_in_different_spellings_is_malformed() {
    for again in [
        r#""\u0061lg":"none""#,
        r#""al\u0067":"ES256""#,
        r#""\u006B\u0069\u0064":"b""#,
        r#""\u0074yp":"at+jwt""#,
        r#""\ud83d\ude00":1,"😀":1"#,
        r#""\/":1,"/":1"#,
        r#""\t":1,"\u0009":1"#,
    ] {
        assert_header_refused(with_text(again), MALFORMED).await;
    }
}

/// A name that only looks the same is another name.
#[tokio::test]
async fn header_fields_that_differ_in_case_or_in_a_character_are_others() {
    for other in [
        r#""ALG":"none","Kid":"b""#,
        r#""alg ":"none""#,
        r#""alg\u0000":"none""#,
        r#""аlg":"none""#,
        r#""Crit":["exp"],"JKU":"https://attacker.example.com/""#,
    ] {
        assert_header_accepted(with_text(other)).await;
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
        // As many elements as there are fields that are read: a parser may take one for the other.
        r#"["ES256","a",null,null,null,null,null]"#,
        "{",
        "{}{}",
        r#"{"alg":"ES256","kid":"a"},"#,
        r#"{"alg":"ES256","kid":"a",}"#,
        r#"{"alg":"ES256","kid":"a"} x"#,
        r"{'alg':'ES256','kid':'a'}",
        r#"{alg:"ES256",kid:"a"}"#,
        r#"/**/{"alg":"ES256","kid":"a"}"#,
        r#"{"alg":"ES256","kid":"a","x":NaN}"#,
    ] {
        assert_header_refused(|_| header.to_owned(), MALFORMED).await;
    }
}

/// White space inside JSON is no part of it.
#[tokio::test]
async fn a_header_is_read_as_json_with_white_space_and_in_any_order() {
    let header = " {\n\t\"kid\" : \"a\" ,\r\n \"jkuu\" : null, \"alg\" : \"ES256\" } ";
    assert_header_accepted(|_| header.to_owned()).await;
}
