use usher_auth_jwt::MAX_TOKEN_BYTES;
use usher_domain::ports::{TokenError, TokenVerifier as _};
use usher_testkit::tokens::TestKey;

use crate::support::{
    ISSUER, accepted, assert_accepted, assert_refused, claims, claims_with, now, trusting,
};

#[tokio::test]
async fn an_rs256_token_of_the_issuer_is_accepted() {
    let key = TestKey::rs256("a");
    assert_accepted(&trusting(&[&key]), &key.sign(&claims()), now()).await;
}

#[tokio::test]
async fn an_es256_token_of_the_issuer_is_accepted() {
    let key = TestKey::es256("a");
    assert_accepted(&trusting(&[&key]), &key.sign(&claims()), now()).await;
}

#[tokio::test]
async fn the_principal_is_the_subject_of_the_issuer_with_nothing_added() {
    let key = TestKey::es256("a");
    let principal = accepted(&trusting(&[&key]), &key.sign(&claims()), now()).await;
    assert_eq!((&*principal.id, &*principal.issuer), ("alice", ISSUER));
    assert!(principal.scopes.is_empty() && principal.groups.is_empty());
}

#[tokio::test]
async fn each_key_of_a_set_verifies_its_own_tokens_and_no_others() {
    let (one, two) = (TestKey::es256("one"), TestKey::es256("two"));
    let verifier = trusting(&[&one, &two]);
    assert_accepted(&verifier, &one.sign(&claims()), now()).await;
    assert_accepted(&verifier, &two.sign(&claims()), now()).await;
    let crossed = one.sign_with_header(&two.header(), &claims());
    assert_refused(&verifier, &crossed, super::BAD_SIGNATURE).await;
}

#[tokio::test]
async fn header_fields_and_claims_that_nobody_knows_are_ignored() {
    let key = TestKey::es256("a");
    let mut header = key.header();
    header["x5t"] = "abc".into();
    header["b64"] = true.into();
    header["typ"] = "at+jwt".into();
    let claims = claims_with("jku", "https://attacker.example.com/");
    assert_accepted(
        &trusting(&[&key]),
        &key.sign_with_header(&header, &claims),
        now(),
    )
    .await;
}

/// The longest token that is read, and one that is a byte longer and otherwise as good.
#[tokio::test]
async fn a_token_of_8_kib_is_read_and_a_longer_one_is_not() {
    let key = TestKey::es256("a");
    let verifier = trusting(&[&key]);
    let mut lengths = Vec::new();
    for padding in 5_700..6_000 {
        // Base64 skips every fourth length; a longer header moves the gap.
        for header_padding in 0..3 {
            let mut header = key.header();
            header["typ"] = "J".repeat(header_padding).into();
            let claims = claims_with("padding", "p".repeat(padding));
            let part = |json: &serde_json::Value| (json.to_string().len() * 4).div_ceil(3);
            let length = part(&header) + part(&claims) + 2 + 86;
            if lengths.contains(&length)
                || !(MAX_TOKEN_BYTES..MAX_TOKEN_BYTES + 2).contains(&length)
            {
                continue;
            }
            lengths.push(length);
            let token = key.sign_with_header(&header, &claims);
            assert_eq!(token.len(), length);
            let answer = verifier.verify(&token, now()).await;
            if length == MAX_TOKEN_BYTES {
                assert!(answer.is_ok(), "{answer:?}");
            } else {
                let Err(TokenError::Invalid(why)) = answer else {
                    panic!("{answer:?}")
                };
                assert_eq!(why, "the token is longer than 8 KiB");
            }
        }
    }
    lengths.sort_unstable();
    assert_eq!(lengths, [MAX_TOKEN_BYTES, MAX_TOKEN_BYTES + 1]);
}

#[tokio::test]
async fn a_long_token_is_refused_unread_whatever_it_is() {
    let verifier = trusting(&[&TestKey::es256("a")]);
    for token in ["a".repeat(8_193), ".".repeat(1 << 20), "é".repeat(4_097)] {
        let Err(TokenError::Invalid(why)) = verifier.verify(&token, now()).await else {
            panic!("it was read")
        };
        assert_eq!(why, "the token is longer than 8 KiB");
    }
}
