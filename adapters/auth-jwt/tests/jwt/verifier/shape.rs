use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use usher_auth_jwt::JwtVerifier;
use usher_testkit::tokens::TestKey;

use super::{BAD_SIGNATURE, MALFORMED, UNREADABLE_CLAIMS};
use crate::support::{assert_accepted, assert_refused, claims, now, trusting};

fn good() -> (TestKey, JwtVerifier, String) {
    let key = TestKey::es256("a");
    let (verifier, token) = (trusting(&[&key]), key.sign(&claims()));
    (key, verifier, token)
}

fn parts(token: &str) -> [&str; 3] {
    let mut parts = token.split('.');
    [(); 3].map(|()| parts.next().expect("three parts"))
}

#[tokio::test]
async fn text_that_is_no_token_is_malformed() {
    let (_, verifier, _) = good();
    for text in [
        "", ".", "..", "...", "a", "a.b", "a.b.c", "null", "é.é.é", "\0.\0.\0", "{}.{}.{}",
    ] {
        assert_refused(&verifier, text, MALFORMED).await;
    }
}

#[tokio::test]
async fn a_token_with_too_few_or_too_many_parts_is_malformed() {
    let (_, verifier, token) = good();
    let [header, payload, signature] = parts(&token);
    for bad in [
        format!("{header}.{payload}"),
        format!("{payload}.{signature}"),
        format!(".{token}"),
        format!("{token}."),
        format!("{header}..{payload}.{signature}"),
        format!("{header}.{payload}..{signature}"),
        // As many parts as an encrypted token has.
        format!("{header}.{payload}.{payload}.{payload}.{signature}"),
        token.replace('.', ""),
    ] {
        assert_refused(&verifier, &bad, MALFORMED).await;
    }
}

#[tokio::test]
async fn a_part_that_is_missing_is_refused() {
    let (_, verifier, token) = good();
    let [header, payload, signature] = parts(&token);
    assert_refused(&verifier, &format!(".{payload}.{signature}"), MALFORMED).await;
    assert_refused(
        &verifier,
        &format!("{header}..{signature}"),
        UNREADABLE_CLAIMS,
    )
    .await;
    assert_refused(&verifier, &format!("{header}.{payload}."), BAD_SIGNATURE).await;
}

/// Not even white space is passed over: two spellings of a token would be two tokens to a cache.
#[tokio::test]
async fn only_one_spelling_of_a_part_is_taken() {
    let (_, verifier, token) = good();
    for index in 0..3 {
        let reason = if index == 2 { BAD_SIGNATURE } else { MALFORMED };
        let whole = parts(&token);
        let part = whole[index];
        for other in [
            format!("{part}="),
            format!("{part}=="),
            format!(" {part}"),
            format!("{part}\n"),
            format!("{part}A"),
            format!("{part}+"),
            format!("{part}/"),
            format!("{part}%"),
            format!("{part}\0"),
        ] {
            // A character more may still be base64, of a text that is JSON no more.
            let mut spelt = whole.map(str::to_owned);
            spelt[index] = other.clone();
            let bad = spelt.join(".");
            let reason =
                if index == 1 && other.ends_with('A') && URL_SAFE_NO_PAD.decode(&other).is_ok() {
                    UNREADABLE_CLAIMS
                } else {
                    reason
                };
            assert_refused(&verifier, &bad, reason).await;
        }
    }
    assert_accepted(&verifier, &token, now()).await;
}

#[tokio::test]
async fn a_truncated_token_is_refused_wherever_it_ends() {
    let (_, verifier, token) = good();
    for end in 0..token.len() {
        let answer = crate::support::outcome(&verifier, &token[..end], now()).await;
        assert_eq!(answer, "invalid", "{end}");
    }
}

#[tokio::test]
async fn a_payload_that_is_no_object_is_refused_though_its_signature_holds() {
    let (key, verifier, _) = good();
    let object = claims().to_string();
    for payload in [
        "",
        "null",
        "[]",
        "1",
        "\"alice\"",
        &format!("[{object}]"),
        &format!("\"{}\"", object.replace('"', "\\\"")),
        &format!("{object}{object}"),
        &format!("{object},"),
        &object[..object.len() - 1],
        "{}",
        r#"["https://issuer.example.com/","alice","usher",1795349400,null,null]"#,
    ] {
        let token = key.sign_text(&key.header().to_string(), payload);
        assert_refused(&verifier, &token, UNREADABLE_CLAIMS).await;
    }
}

#[tokio::test]
async fn a_payload_nested_deeper_than_a_parser_goes_is_refused() {
    let (key, verifier, _) = good();
    let deep = format!("{}1{}", "[".repeat(1_000), "]".repeat(1_000));
    let payload = claims()
        .to_string()
        .replacen('{', &format!("{{\"deep\":{deep},"), 1);
    let token = key.sign_text(&key.header().to_string(), &payload);
    assert_refused(&verifier, &token, UNREADABLE_CLAIMS).await;
}
