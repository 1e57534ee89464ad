//! Which keys of a set are used.

use serde_json::{Value, json};
use usher_auth_jwt::{Algorithm, JwtVerifier, KeySet, KeySetError, KeysFrom};
use usher_testkit::tokens::TestKey;

use crate::support::{assert_accepted, assert_refused, claims, now, settings, verifier};

const UNKNOWN: &str = "the token's key is not known";

fn knowing(keys: &[Value]) -> JwtVerifier {
    verifier(settings(KeysFrom::Json(
        json!({ "keys": keys }).to_string(),
    )))
}

fn changed(key: &TestKey, name: &str, value: Value) -> Value {
    let mut jwk = key.jwk();
    if value.is_null() {
        jwk.as_object_mut().expect("an object").remove(name);
    } else {
        jwk[name] = value;
    }
    jwk
}

/// An issuer may publish others beside those that sign.
#[tokio::test]
async fn keys_that_cannot_be_used_are_left_out_and_the_others_serve() {
    let (key, good) = (TestKey::es256("a"), TestKey::es256("good"));
    for unusable in [
        changed(&key, "use", json!("enc")),
        changed(&key, "use", json!(1)),
        changed(&key, "alg", json!("ES384")),
        changed(&key, "alg", json!("RS256")),
        changed(&key, "kty", json!("oct")),
        changed(&key, "kty", json!("OKP")),
        changed(&key, "kty", json!("RSA")),
        changed(&key, "kty", Value::Null),
        changed(&key, "crv", json!("P-384")),
        changed(&key, "crv", json!("secp256k1")),
        changed(&key, "crv", Value::Null),
        changed(&key, "x", Value::Null),
        changed(&key, "y", json!("not base64!")),
        json!(null),
        json!("a"),
        json!({"kid": "a"}),
    ] {
        let verifier = knowing(&[unusable.clone(), good.jwk()]);
        assert_accepted(&verifier, &good.sign(&claims()), now()).await;
        assert_refused(&verifier, &key.sign(&claims()), UNKNOWN).await;
    }
}

#[tokio::test]
async fn a_key_that_says_neither_use_nor_alg_is_used() {
    for key in [TestKey::es256("a"), TestKey::rs256("a")] {
        let mut jwk = changed(&key, "use", Value::Null);
        jwk.as_object_mut().expect("an object").remove("alg");
        assert_accepted(&knowing(&[jwk]), &key.sign(&claims()), now()).await;
    }
}

#[tokio::test]
async fn a_key_without_a_kid_is_left_out() {
    let (key, good) = (TestKey::es256("a"), TestKey::es256("good"));
    let verifier = knowing(&[changed(&key, "kid", Value::Null), good.jwk()]);
    let mut header = key.header();
    for kid in ["", "null"] {
        header["kid"] = kid.into();
        let token = key.sign_with_header(&header, &claims());
        let answer = crate::support::outcome(&verifier, &token, now()).await;
        assert_eq!(answer, "invalid");
    }
}

/// Nobody who can add a key to a set gets to replace one.
#[tokio::test]
async fn of_two_keys_with_one_kid_the_first_counts() {
    let (first, second) = (TestKey::es256("a"), TestKey::es256("a"));
    let verifier = knowing(&[first.jwk(), second.jwk()]);
    assert_accepted(&verifier, &first.sign(&claims()), now()).await;
    let bad_signature = "the token's signature does not hold";
    assert_refused(&verifier, &second.sign(&claims()), bad_signature).await;
}

/// A key that is left out does not take the name of one that is used.
#[tokio::test]
async fn an_unusable_key_does_not_hide_a_usable_one_with_its_kid() {
    let key = TestKey::es256("a");
    let verifier = knowing(&[changed(&key, "use", json!("enc")), key.jwk()]);
    assert_accepted(&verifier, &key.sign(&claims()), now()).await;
}

/// A point that is on no curve must not make it into a set, or must at least verify nothing.
#[tokio::test]
async fn a_point_off_the_curve_verifies_nothing() {
    let key = TestKey::es256("a");
    let good = TestKey::es256("good");
    let zero = "A".repeat(43);
    let mut jwk = changed(&key, "x", json!(zero));
    jwk["y"] = json!(zero);
    let verifier = knowing(&[jwk, good.jwk()]);
    let answer = crate::support::outcome(&verifier, &key.sign(&claims()), now()).await;
    assert_eq!(answer, "invalid");
}

#[test]
fn a_set_without_a_usable_key_is_none() {
    let key = TestKey::es256("a");
    let unusable = json!({"keys": [changed(&key, "use", json!("enc"))]}).to_string();
    for text in [unusable.as_str(), "{\"keys\":[]}", "{\"keys\":[1,null]}"] {
        let parsed = KeySet::parse(text.as_bytes(), &Algorithm::ALL);
        assert!(matches!(parsed, Err(KeySetError::NoUsableKey)), "{text}");
    }
}

#[test]
fn what_is_no_key_set_is_malformed() {
    for text in [
        "",
        "null",
        "{}",
        "[]",
        "{\"keys\":null}",
        "{\"keys\":[}",
        "<html>",
        "{\"keys\":[]}x",
    ] {
        let parsed = KeySet::parse(text.as_bytes(), &Algorithm::ALL);
        assert!(matches!(parsed, Err(KeySetError::Malformed)), "{text}");
    }
    assert!(matches!(
        KeySet::parse(&[0xff; 16], &Algorithm::ALL),
        Err(KeySetError::Malformed)
    ));
}

#[test]
fn a_set_has_at_most_a_hundred_keys_and_150_000_bytes() {
    let jwk = TestKey::es256("a").jwk();
    let of = |count: usize| json!({ "keys": vec![jwk.clone(); count] }).to_string();
    assert!(KeySet::parse(of(100).as_bytes(), &Algorithm::ALL).is_ok());
    assert!(matches!(
        KeySet::parse(of(101).as_bytes(), &Algorithm::ALL),
        Err(KeySetError::TooLarge)
    ));
    let one = of(1);
    let padded = |length: usize| format!("{one}{}", " ".repeat(length - one.len()));
    assert!(KeySet::parse(padded(150_000).as_bytes(), &Algorithm::ALL).is_ok());
    assert!(matches!(
        KeySet::parse(padded(150_001).as_bytes(), &Algorithm::ALL),
        Err(KeySetError::TooLarge)
    ));
}

#[test]
fn debug_output_shows_no_key_material() {
    let key = TestKey::es256("a");
    let set = KeySet::parse(key.jwks().as_bytes(), &Algorithm::ALL).expect("a key set");
    let shown = format!("{set:?}");
    assert!(
        !shown.contains(key.jwk()["x"].as_str().expect("a point")),
        "{shown}"
    );
}
