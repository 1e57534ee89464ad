use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use usher_testkit::tokens::TestKey;

use super::{BAD_SIGNATURE, UNKNOWN_KEY};
use crate::support::{assert_accepted, assert_refused, claims, claims_with, now, trusting};

fn split(token: &str) -> (&str, Vec<u8>) {
    let (message, signature) = token.rsplit_once('.').expect("a signature");
    (message, URL_SAFE_NO_PAD.decode(signature).expect("base64"))
}

fn join(message: &str, signature: &[u8]) -> String {
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
}

#[tokio::test]
async fn a_payload_that_was_changed_is_refused() {
    for key in [TestKey::es256("a"), TestKey::rs256("a")] {
        let verifier = trusting(&[&key]);
        let (mine, theirs) = (key.sign(&claims()), key.sign(&claims_with("sub", "bob")));
        let (_, signature) = split(&mine);
        let (message, _) = split(&theirs);
        assert_refused(&verifier, &join(message, &signature), BAD_SIGNATURE).await;
    }
}

#[tokio::test]
async fn a_header_that_was_changed_is_refused() {
    let key = TestKey::es256("a");
    let mut header = key.header();
    header["typ"] = "at+jwt".into();
    let (mine, other) = (
        key.sign(&claims()),
        key.sign_with_header(&header, &claims()),
    );
    let (_, signature) = split(&mine);
    let (message, _) = split(&other);
    assert_refused(
        &trusting(&[&key]),
        &join(message, &signature),
        BAD_SIGNATURE,
    )
    .await;
}

#[tokio::test]
async fn every_bit_of_a_signature_counts() {
    let key = TestKey::es256("a");
    let (verifier, token) = (trusting(&[&key]), key.sign(&claims()));
    let (message, signature) = split(&token);
    for bit in 0..signature.len() * 8 {
        let mut changed = signature.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        assert_refused(&verifier, &join(message, &changed), BAD_SIGNATURE).await;
    }
    assert_accepted(&verifier, &token, now()).await;
}

#[tokio::test]
async fn a_signature_of_another_length_is_refused() {
    for key in [TestKey::es256("a"), TestKey::rs256("a")] {
        let (verifier, token) = (trusting(&[&key]), key.sign(&claims()));
        let (message, signature) = split(&token);
        for other in [
            Vec::new(),
            signature[..signature.len() - 1].to_vec(),
            signature[1..].to_vec(),
            [&signature[..], &[0]].concat(),
            [&[0], &signature[..]].concat(),
            [&signature[..], &signature[..]].concat(),
        ] {
            assert_refused(&verifier, &join(message, &other), BAD_SIGNATURE).await;
        }
    }
}

/// A check that forgets the range of r and s takes zeros for a signature of anything.
#[tokio::test]
async fn signatures_of_zeros_and_of_all_ones_are_refused() {
    for (key, length) in [(TestKey::es256("a"), 64), (TestKey::rs256("a"), 256)] {
        let (verifier, token) = (trusting(&[&key]), key.sign(&claims()));
        let (message, signature) = split(&token);
        assert_eq!(signature.len(), length);
        for byte in [0, 0xff] {
            assert_refused(
                &verifier,
                &join(message, &vec![byte; length]),
                BAD_SIGNATURE,
            )
            .await;
        }
    }
}

/// RFC 7518, 3.4: r and s side by side, never ASN.1.
#[tokio::test]
async fn an_es256_signature_in_der_is_refused() {
    fn integer(bytes: &[u8]) -> Vec<u8> {
        let padded = [&[0], bytes].concat();
        [&[2, 33], &padded[..]].concat()
    }
    let key = TestKey::es256("a");
    let token = key.sign(&claims());
    let (message, signature) = split(&token);
    let (r, s) = signature.split_at(32);
    let inside = [integer(r), integer(s)].concat();
    let length = u8::try_from(inside.len()).expect("less than 128");
    let der = [&[0x30, length], &inside[..]].concat();
    assert_refused(&trusting(&[&key]), &join(message, &der), BAD_SIGNATURE).await;
}

#[tokio::test]
async fn a_key_of_somebody_else_under_the_same_kid_is_refused() {
    let (key, theirs) = (TestKey::es256("a"), TestKey::es256("a"));
    assert_refused(&trusting(&[&key]), &theirs.sign(&claims()), BAD_SIGNATURE).await;
    let (key, theirs) = (TestKey::rs256("a"), TestKey::rs256("a"));
    assert_refused(&trusting(&[&key]), &theirs.sign(&claims()), BAD_SIGNATURE).await;
}

#[tokio::test]
async fn a_key_of_somebody_else_under_its_own_kid_is_refused() {
    let (key, theirs) = (TestKey::es256("a"), TestKey::es256("b"));
    assert_refused(&trusting(&[&key]), &theirs.sign(&claims()), UNKNOWN_KEY).await;
}
