//! Which algorithm a signature may be by (RFC 8725, 2.1, 3.1 and 3.2).

use aws_lc_rs::hmac;
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use serde_json::{Value, json};
use usher_auth_jwt::{Algorithm, IssuerSettings, KeysFrom};
use usher_testkit::tokens::TestKey;

use super::{BAD_SIGNATURE, MALFORMED, NOT_THE_KEYS_ALGORITHM, UNKNOWN_ALGORITHM};
use crate::{
    forge::{KID, Pair, header, join, message},
    support::{
        assert_accepted, assert_refused, claims, key_set, now, said, settings, trusting,
        trusting_set, verifier,
    },
};

const ALICE: &str = "it is alice";

fn payload() -> Vec<u8> {
    claims().to_string().into_bytes()
}

/// Whether two names are of one algorithm: Ed25519 has two.
fn are_one(one: Algorithm, other: Algorithm) -> bool {
    use Algorithm::{Ed25519, EdDsa};
    one == other || [one, other].iter().all(|it| [EdDsa, Ed25519].contains(it))
}

/// RFC 8725, 3.1: each key is for one algorithm.
#[tokio::test]
async fn each_of_ten_algorithms_is_accepted_with_its_own_key_and_under_no_other_name() {
    let keys = Algorithm::ALL.map(|algorithm| TestKey::new(algorithm.as_str(), algorithm.as_str()));
    let verifier = trusting(&keys.each_ref());
    for (own, key) in Algorithm::ALL.into_iter().zip(&keys) {
        for name in Algorithm::ALL {
            let mut header = key.header();
            header["alg"] = name.as_str().into();
            let token = key.sign_with_header(&header, &claims());
            let expected = if name == own {
                ALICE
            } else {
                NOT_THE_KEYS_ALGORITHM
            };
            let said = said(&verifier, &token, now()).await;
            assert!(said.ends_with(expected), "{own} as {name}: {said}");
        }
    }
}

/// RFC 8725, 3.1: the key could have made the signature, and does hold it, and is for another
/// algorithm all the same.
#[tokio::test]
async fn an_algorithm_that_is_not_the_keys_alg_is_refused_though_the_signature_holds() {
    for pair in Pair::of_each_kind() {
        for alg in pair.algorithms() {
            let mut jwk = pair.jwk();
            jwk["alg"] = alg.as_str().into();
            let verifier = trusting_set(json!({ "keys": [jwk] }).to_string());
            for used in pair.algorithms() {
                let token = pair.token(used, &header(used), &payload());
                let expected = if used == alg {
                    ALICE
                } else {
                    NOT_THE_KEYS_ALGORITHM
                };
                let said = said(&verifier, &token, now()).await;
                assert!(said.ends_with(expected), "{used} by a key of {alg}: {said}");
            }
        }
    }
}

/// RFC 8725, 2.1 and 3.1: PSS is not PKCS #1, and SHA-384 is not SHA-256, whatever the header says.
#[tokio::test]
async fn a_key_without_alg_serves_each_algorithm_of_its_kind_and_a_signature_only_its_own() {
    for pair in Pair::of_each_kind() {
        let verifier = trusting_set(pair.jwks());
        for name in Algorithm::ALL {
            for signed_by in pair.algorithms() {
                let token = pair.token(signed_by, &header(name), &payload());
                let expected = if !pair.algorithms().contains(&name) {
                    NOT_THE_KEYS_ALGORITHM
                } else if are_one(name, signed_by) {
                    ALICE
                } else {
                    BAD_SIGNATURE
                };
                let said = said(&verifier, &token, now()).await;
                assert!(said.ends_with(expected), "{signed_by} as {name}: {said}");
            }
        }
    }
}

/// RFC 8725, 3.2: only what the application has chosen.
#[tokio::test]
async fn an_algorithm_that_the_issuer_does_not_use_is_refused_though_its_key_is_there() {
    for pair in Pair::of_each_kind() {
        for allowed in pair.algorithms() {
            let verifier = verifier(IssuerSettings {
                algorithms: vec![allowed],
                ..settings(KeysFrom::Json(pair.jwks()))
            });
            for used in pair.algorithms() {
                let token = pair.token(used, &header(used), &payload());
                let expected = if used == allowed {
                    ALICE
                } else {
                    UNKNOWN_ALGORITHM
                };
                let said = said(&verifier, &token, now()).await;
                assert!(
                    said.ends_with(expected),
                    "{used} where {allowed} is: {said}"
                );
            }
        }
    }
}

/// The same with two keys, each for its own algorithm.
#[tokio::test]
async fn of_two_keys_only_the_one_of_the_issuers_algorithm_is_used() {
    let (rsa, ec) = (TestKey::rs256("rsa"), TestKey::es256("ec"));
    for (allowed, good, bad) in [(Algorithm::Rs256, &rsa, &ec), (Algorithm::Es256, &ec, &rsa)] {
        let verifier = verifier(IssuerSettings {
            algorithms: vec![allowed],
            ..settings(KeysFrom::Json(key_set(&[&rsa, &ec])))
        });
        assert_accepted(&verifier, &good.sign(&claims()), now()).await;
        assert_refused(&verifier, &bad.sign(&claims()), UNKNOWN_ALGORITHM).await;
    }
}

/// RFC 8725, 2.1: key confusion. ES256 and `EdDSA` signatures are equally long, and so are their
/// keys.
#[tokio::test]
async fn a_signature_by_another_kind_of_key_is_refused_under_either_algorithms_name() {
    let pairs = Pair::of_each_kind();
    for pair in &pairs {
        let verifier = trusting_set(pair.jwks());
        for theirs in &pairs {
            let (ours, other) = (pair.algorithms()[0], theirs.algorithms()[0]);
            if ours == other {
                continue;
            }
            let own_name = theirs.token(other, &header(other), &payload());
            assert_refused(&verifier, &own_name, NOT_THE_KEYS_ALGORITHM).await;
            let our_name = theirs.token(other, &header(ours), &payload());
            assert_refused(&verifier, &our_name, BAD_SIGNATURE).await;
        }
    }
}

/// RFC 8725, 2.1.
#[tokio::test]
async fn alg_none_is_refused_in_any_case_and_with_any_signature() {
    for pair in Pair::of_each_kind() {
        let verifier = trusting_set(pair.jwks());
        for alg in ["none", "None", "NONE", "nOnE", "none ", "\0none"] {
            let header = json!({"alg": alg, "kid": KID}).to_string();
            let message = message(header.as_bytes(), &payload());
            let signature = pair.sign(pair.algorithms()[0], &message);
            for signature in [&signature[..], b"", b"\0", &[0; 64]] {
                let token = join(&message, signature);
                assert_refused(&verifier, &token, UNKNOWN_ALGORITHM).await;
            }
        }
    }
}

/// A header of no `alg`, or of one that is no text, is not `none` either.
#[tokio::test]
async fn an_alg_that_is_missing_or_no_text_is_malformed() {
    let pair = Pair::p256();
    let verifier = trusting_set(pair.jwks());
    for alg in [
        None,
        Some(Value::Null),
        Some(json!(["ES256"])),
        Some(json!({"ES256": null})),
        Some(json!(256)),
        Some(json!(true)),
    ] {
        let mut header = json!({ "kid": KID });
        if let Some(alg) = alg {
            header["alg"] = alg;
        }
        let header = header.to_string();
        let token = pair.token(Algorithm::Es256, header.as_bytes(), &payload());
        assert_refused(&verifier, &token, MALFORMED).await;
    }
}

/// RFC 8725, 2.1 and 2.2: a verifier that lets the token choose takes the public key for a shared
/// secret, in whichever form its programmer had it.
#[tokio::test]
async fn hmac_with_the_public_key_as_its_secret_is_refused() {
    for pair in Pair::of_each_kind() {
        let verifier = trusting_set(pair.jwks());
        for (alg, algorithm) in [
            ("HS256", hmac::HMAC_SHA256),
            ("hs256", hmac::HMAC_SHA256),
            ("HS384", hmac::HMAC_SHA384),
            ("HS512", hmac::HMAC_SHA512),
        ] {
            for secret in public_forms(&pair) {
                let header = json!({"alg": alg, "kid": KID}).to_string();
                let message = message(header.as_bytes(), &payload());
                let secret = hmac::Key::new(algorithm, &secret);
                let tag = hmac::sign(&secret, message.as_bytes());
                let token = join(&message, tag.as_ref());
                assert_refused(&verifier, &token, UNKNOWN_ALGORITHM).await;
            }
        }
    }
}

/// The same under the name of the key's own algorithm: a mistaken check would compare tags.
#[tokio::test]
async fn an_hmac_in_the_place_of_a_signature_is_refused() {
    for pair in Pair::of_each_kind() {
        let verifier = trusting_set(pair.jwks());
        let message = message(&header(pair.algorithms()[0]), &payload());
        for secret in public_forms(&pair) {
            let secret = hmac::Key::new(hmac::HMAC_SHA256, &secret);
            let tag = hmac::sign(&secret, message.as_bytes());
            let token = join(&message, tag.as_ref());
            assert_refused(&verifier, &token, BAD_SIGNATURE).await;
        }
    }
}

/// What a public key looks like: its number, that number's text, the JWK, the key set, DER, PEM with
/// and without the last line's end, and nothing at all.
fn public_forms(pair: &Pair) -> Vec<Vec<u8>> {
    let jwk = pair.jwk();
    let number = ["n", "x"].iter().find_map(|name| jwk[name].as_str());
    let number = number.expect("a public key");
    let der = pair.spki();
    let lines: Vec<_> = STANDARD
        .encode(&der)
        .as_bytes()
        .chunks(64)
        .map(|line| String::from_utf8(line.to_vec()).expect("base64"))
        .collect();
    let pem = format!(
        "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n",
        lines.join("\n")
    );
    vec![
        URL_SAFE_NO_PAD.decode(number).expect("base64"),
        number.into(),
        jwk.to_string().into(),
        pair.jwks().into(),
        der,
        pem.trim_end().into(),
        pem.into(),
        Vec::new(),
    ]
}

/// Names are compared exactly (RFC 7515, 4.1.1), and what is not among the ten does not exist, the
/// algorithms of encryption (RFC 7518, 4.1) included.
#[tokio::test]
async fn names_of_algorithms_are_compared_exactly() {
    let pair = Pair::p256();
    let verifier = trusting_set(pair.jwks());
    for alg in [
        "",
        "es256",
        "Es256",
        "ES256 ",
        " ES256",
        "ES256\0",
        "ＥＳ256",
        "ES256K",
        "ES512",
        "ES521",
        "RS1",
        "PS1",
        "RS256 ",
        "rs256",
        "eddsa",
        "EDDSA",
        "ed25519",
        "Ed448",
        "ESP256",
        "HS1",
        "dir",
        "A128KW",
        "A256GCM",
        "RSA1_5",
        "RSA-OAEP",
        "ECDH-ES",
        "PBES2-HS256+A128KW",
    ] {
        let header = json!({"alg": alg, "kid": KID}).to_string();
        let token = pair.token(Algorithm::Es256, header.as_bytes(), &payload());
        assert_refused(&verifier, &token, UNKNOWN_ALGORITHM).await;
    }
}
