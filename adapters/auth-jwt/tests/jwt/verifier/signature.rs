//! What is a signature and what only looks like one (RFC 8725, 2.1 and 3.3; RFC 7515, 5.2).

use aws_lc_rs::signature::{RSA_PSS_SHA256, RsaPssSaltLength, RsaSignatureEncoding};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use usher_auth_jwt::Algorithm;
use usher_testkit::tokens::TestKey;

use super::{BAD_SIGNATURE, UNKNOWN_KEY};
use crate::{
    forge::{Pair, header, join, message, sign_rsa, split, unhex},
    support::{assert_accepted, assert_refused, claims, claims_with, now, trusting, trusting_set},
};

/// One of each kind.
fn keys() -> [TestKey; 5] {
    ["RS256", "PS256", "ES256", "ES384", "EdDSA"].map(|algorithm| TestKey::new(algorithm, "a"))
}

/// How many points there are on P-256 and P-384 (FIPS 186-4, D.1.2): no r and no s is as large.
fn orders() -> [(Pair, Vec<u8>); 2] {
    [
        (
            Pair::p256(),
            unhex("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551"),
        ),
        (
            Pair::p384(),
            unhex(
                "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf\
                 581a0db248b0a77aecec196accc52973",
            ),
        ),
    ]
}

/// A sum of numbers written from their highest byte on, with its carry in front.
fn sum(one: &[u8], other: &[u8]) -> Vec<u8> {
    let mut carry = 0;
    let mut digits: Vec<u8> = one
        .iter()
        .zip(other)
        .rev()
        .map(|(one, other)| {
            let sum = u16::from(*one) + u16::from(*other) + carry;
            carry = sum >> 8;
            sum.to_le_bytes()[0]
        })
        .collect();
    digits.push(carry.to_le_bytes()[0]);
    digits.reverse();
    digits
}

/// `one - other`, which is not negative: the sum with the complement, without its carry.
fn difference(one: &[u8], other: &[u8]) -> Vec<u8> {
    let complement: Vec<u8> = other.iter().map(|byte| !byte).collect();
    let mut unit = vec![0; one.len()];
    unit[one.len() - 1] = 1;
    let negative = sum(&complement, &unit);
    sum(one, &negative[1..])[1..].to_vec()
}

#[tokio::test]
async fn a_payload_that_was_changed_is_refused() {
    for key in keys() {
        let verifier = trusting(&[&key]);
        let (mine, theirs) = (key.sign(&claims()), key.sign(&claims_with("sub", "bob")));
        let (_, signature) = split(&mine);
        let (message, _) = split(&theirs);
        assert_refused(&verifier, &join(message, &signature), BAD_SIGNATURE).await;
    }
}

#[tokio::test]
async fn a_header_that_was_changed_is_refused() {
    for key in keys() {
        let mut header = key.header();
        header["typ"] = "at+jwt".into();
        let other = key.sign_with_header(&header, &claims());
        let mine = key.sign(&claims());
        let (_, signature) = split(&mine);
        let (message, _) = split(&other);
        let verifier = trusting(&[&key]);
        assert_refused(&verifier, &join(message, &signature), BAD_SIGNATURE).await;
    }
}

/// RFC 8725, 2.1: the signature is stripped, cut short or drawn out.
#[tokio::test]
async fn a_signature_of_another_length_is_refused() {
    for key in keys() {
        let (verifier, token) = (trusting(&[&key]), key.sign(&claims()));
        let (message, signature) = split(&token);
        let length = signature.len();
        for other in [
            Vec::new(),
            signature[..1].to_vec(),
            signature[..length / 2].to_vec(),
            signature[..length - 1].to_vec(),
            signature[1..].to_vec(),
            [&signature[..], &[0]].concat(),
            [&[0], &signature[..]].concat(),
            [&signature[..], &signature[..]].concat(),
            // As if the halves had a longer curve's length.
            [
                &[0],
                &signature[..length / 2],
                &[0],
                &signature[length / 2..],
            ]
            .concat(),
        ] {
            assert_refused(&verifier, &join(message, &other), BAD_SIGNATURE).await;
        }
        assert_accepted(&verifier, &token, now()).await;
    }
}

#[tokio::test]
async fn signatures_of_zeros_and_of_all_ones_are_refused() {
    for key in keys() {
        let (verifier, token) = (trusting(&[&key]), key.sign(&claims()));
        let (message, signature) = split(&token);
        for byte in [0, 1, 0xff] {
            let other = vec![byte; signature.len()];
            assert_refused(&verifier, &join(message, &other), BAD_SIGNATURE).await;
        }
    }
}

/// "Psychic signatures" (CVE-2022-21449): a check that forgets the range of r and s takes zeros for a
/// signature of anything, and the order for zero.
#[tokio::test]
async fn an_r_or_s_of_zero_or_of_the_order_is_refused() {
    for (pair, order) in orders() {
        let verifier = trusting_set(pair.jwks());
        let algorithm = pair.algorithms()[0];
        let token = pair.token(
            algorithm,
            &header(algorithm),
            claims().to_string().as_bytes(),
        );
        let (message, signature) = split(&token);
        let (r, s) = signature.split_at(order.len());
        let mut one = vec![0; order.len()];
        let zero = one.clone();
        one[order.len() - 1] = 1;
        let edges = [
            &zero,
            &one,
            &difference(&order, &one),
            &order,
            &sum(&order, &one)[1..].to_vec(),
            &vec![0xff; order.len()],
        ];
        for edge in edges {
            for other in edges {
                let edges = [&edge[..], other].concat();
                assert_refused(&verifier, &join(message, &edges), BAD_SIGNATURE).await;
            }
            for half in [[edge, s].concat(), [r, edge].concat()] {
                assert_refused(&verifier, &join(message, &half), BAD_SIGNATURE).await;
            }
        }
        assert_accepted(&verifier, &token, now()).await;
    }
}

/// ECDSA has two signatures for each that it makes, r with s and with its negative, and JOSE allows
/// both. So nothing may ever go by a token's text: who has one token can make another of it, with
/// the same claims.
#[tokio::test]
async fn the_second_signature_of_ecdsa_makes_another_token_with_the_same_claims() {
    for (pair, order) in orders() {
        let verifier = trusting_set(pair.jwks());
        let algorithm = pair.algorithms()[0];
        let message = message(&header(algorithm), claims().to_string().as_bytes());
        let signature = pair.sign(algorithm, &message);
        let (r, s) = signature.split_at(order.len());
        let second = [r, &difference(&order, s)].concat();
        assert_ne!(second, signature);
        assert_accepted(&verifier, &join(&message, &signature), now()).await;
        assert_accepted(&verifier, &join(&message, &second), now()).await;
    }
}

/// RFC 8032, 5.1.7: s must be less than the order, or each signature has others that hold as well.
#[tokio::test]
async fn an_eddsa_signature_whose_s_is_not_reduced_is_refused() {
    let mut order = unhex("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
    order.reverse();
    let pair = Pair::ed25519();
    let verifier = trusting_set(pair.jwks());
    for algorithm in pair.algorithms() {
        let message = message(&header(algorithm), claims().to_string().as_bytes());
        let signature = pair.sign(algorithm, &message);
        let (r, s) = signature.split_at(32);
        let mut s = s.to_vec();
        s.reverse();
        for _ in 0..14 {
            s = sum(&s, &order)[1..].to_vec();
            let mut greater = s.clone();
            greater.reverse();
            let malleated = join(&message, &[r, &greater].concat());
            assert_refused(&verifier, &malleated, BAD_SIGNATURE).await;
        }
        assert_accepted(&verifier, &join(&message, &signature), now()).await;
    }
}

/// RFC 8017, 8.2.2: a signature is less than the modulus.
#[tokio::test]
async fn an_rsa_signature_that_is_not_reduced_is_refused() {
    let pair = Pair::rsa();
    let verifier = trusting_set(pair.jwks());
    let modulus = pair.jwk()["n"].as_str().map(str::to_owned);
    let modulus = modulus.map(|text| URL_SAFE_NO_PAD.decode(text).expect("base64"));
    let modulus = modulus.expect("a modulus");
    for algorithm in pair.algorithms() {
        let message = message(&header(algorithm), claims().to_string().as_bytes());
        let greater = sum(&pair.sign(algorithm, &message), &modulus);
        for other in [&greater[..], &greater[1..]] {
            assert_refused(&verifier, &join(&message, other), BAD_SIGNATURE).await;
        }
    }
}

/// RFC 7518, 3.5: a PSS signature's salt is as long as its hash.
#[tokio::test]
async fn a_pss_signature_with_a_salt_of_another_length_is_refused() {
    const fn salted(length: RsaPssSaltLength) -> RsaSignatureEncoding {
        RSA_PSS_SHA256.with_pss_salt_length(length)
    }
    static NONE: RsaSignatureEncoding = salted(RsaPssSaltLength::Custom(0));
    static LESS: RsaSignatureEncoding = salted(RsaPssSaltLength::Custom(31));
    static MOST: RsaSignatureEncoding = salted(RsaPssSaltLength::Max);
    static RIGHT: RsaSignatureEncoding = salted(RsaPssSaltLength::Digest);
    let pair = Pair::rsa();
    let verifier = trusting_set(pair.jwks());
    let Pair::Rsa(key) = &pair else {
        panic!("it is an RSA key")
    };
    let payload = claims().to_string();
    let message = message(&header(Algorithm::Ps256), payload.as_bytes());
    for wrong in [&NONE, &LESS, &MOST] {
        let signature = sign_rsa(key, wrong, message.as_bytes());
        assert_refused(&verifier, &join(&message, &signature), BAD_SIGNATURE).await;
    }
    let right = sign_rsa(key, &RIGHT, message.as_bytes());
    assert_accepted(&verifier, &join(&message, &right), now()).await;
}

/// RFC 7518, 3.4: r and s side by side, never ASN.1.
#[tokio::test]
async fn an_ecdsa_signature_in_der_is_refused() {
    fn integer(bytes: &[u8]) -> Vec<u8> {
        let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
        let mut digits = bytes[zeros..].to_vec();
        if digits.first().is_none_or(|first| *first > 127) {
            digits.insert(0, 0);
        }
        tagged(2, &digits)
    }
    fn tagged(tag: u8, inside: &[u8]) -> Vec<u8> {
        let length = u8::try_from(inside.len()).expect("less than 128");
        [&[tag, length], inside].concat()
    }
    for key in [TestKey::new("ES256", "a"), TestKey::new("ES384", "a")] {
        let token = key.sign(&claims());
        let (message, signature) = split(&token);
        let (r, s) = signature.split_at(signature.len() / 2);
        let der = tagged(0x30, &[integer(r), integer(s)].concat());
        assert_refused(&trusting(&[&key]), &join(message, &der), BAD_SIGNATURE).await;
    }
}

#[tokio::test]
async fn a_key_of_somebody_else_under_the_same_kid_is_refused() {
    for (key, theirs) in keys().into_iter().zip(keys()) {
        assert_refused(&trusting(&[&key]), &theirs.sign(&claims()), BAD_SIGNATURE).await;
    }
}

#[tokio::test]
async fn a_key_of_somebody_else_under_its_own_kid_is_refused() {
    let (key, theirs) = (TestKey::es256("a"), TestKey::es256("b"));
    assert_refused(&trusting(&[&key]), &theirs.sign(&claims()), UNKNOWN_KEY).await;
}
