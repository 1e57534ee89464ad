//! Which keys of a set are used.

use std::time::Duration;

use serde_json::{Value, json};
use usher_auth_jwt::{
    Algorithm, Issuer, IssuerError, IssuerSettings, JwtVerifier, KeySet, KeySetError, KeysFrom,
};
use usher_testkit::{
    key_server::{Answer, KeyServer},
    tokens::TestKey,
};

use crate::support::{assert_accepted, assert_refused, claims, now, settings, verifier};

const UNKNOWN: &str = "the token's key is not known";

pub(crate) fn knowing(keys: &[Value]) -> JwtVerifier {
    verifier(settings(KeysFrom::Json(
        json!({ "keys": keys }).to_string(),
    )))
}

pub(crate) fn changed(key: &TestKey, name: &str, value: Value) -> Value {
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

/// RFC 7517, section 4.5: keys of different kinds may share a kid.
#[tokio::test]
async fn of_keys_of_different_kinds_with_one_kid_each_verifies_its_own_tokens() {
    let keys = ["ES256", "RS256", "ES384", "EdDSA"].map(|name| TestKey::new(name, "a"));
    let verifier = knowing(&keys.each_ref().map(TestKey::jwk));
    for key in &keys {
        assert_accepted(&verifier, &key.sign(&claims()), now()).await;
    }
    let foreign = TestKey::new("PS256", "a").sign(&claims());
    let not_its_keys = "the token's algorithm is not its key's";
    assert_refused(&verifier, &foreign, not_its_keys).await;
}

/// A key that is left out does not take the name of one that is used.
#[tokio::test]
async fn an_unusable_key_does_not_hide_a_usable_one_with_its_kid() {
    let key = TestKey::es256("a");
    let verifier = knowing(&[changed(&key, "use", json!("enc")), key.jwk()]);
    assert_accepted(&verifier, &key.sign(&claims()), now()).await;
}

/// `use` and `key_ops` are optional, and each excludes on its own (RFC 7517, sections 4.2 and 4.3).
#[tokio::test]
async fn a_key_is_used_when_nothing_in_it_says_that_it_is_for_something_else() {
    let good = TestKey::es256("good");
    let key = TestKey::es256("a");
    for (usage, operations, is_used) in [
        (json!("sig"), json!(null), true),
        (json!(null), json!(["verify"]), true),
        (json!("sig"), json!(["sign", "verify"]), true),
        (
            json!(null),
            json!(["https://example.com/own", "verify"]),
            true,
        ),
        (json!("enc"), json!(["verify"]), false),
        (json!("sig"), json!(["sign"]), false),
        (json!("sig"), json!([]), false),
        (json!(null), json!(["encrypt", "wrapKey"]), false),
        (json!(null), json!("verify"), false),
        (json!(null), json!([1, "verify"]), false),
        (json!("SIG"), json!(null), false),
        (json!(""), json!(null), false),
        (json!("tls"), json!(null), false),
    ] {
        let mut jwk = changed(&key, "use", usage.clone());
        if !operations.is_null() {
            jwk["key_ops"] = operations.clone();
        }
        let verifier = knowing(&[jwk, good.jwk()]);
        let answer = crate::support::outcome(&verifier, &key.sign(&claims()), now()).await;
        assert_eq!(answer == "accepted", is_used, "{usage} {operations}");
    }
}

/// A key that names no algorithm is for all of its kind that the issuer may use; one that names one
/// is for that alone.
#[tokio::test]
async fn a_key_is_for_the_algorithm_that_it_names() {
    const WRONG_ALGORITHM: &str = "the token's algorithm is not its key's";
    let key = TestKey::new("PS384", "a");
    let (own, any) = (key.jwk(), changed(&key, "alg", Value::Null));
    for jwk in [&own, &any] {
        let verifier = knowing(std::slice::from_ref(jwk));
        assert_accepted(&verifier, &key.sign(&claims()), now()).await;
    }
    for other in ["RS256", "RS384", "RS512", "PS256", "PS512"] {
        let verifier = knowing(&[changed(&key, "alg", json!(other))]);
        assert_refused(&verifier, &key.sign(&claims()), WRONG_ALGORITHM).await;
    }
    let good = TestKey::es256("good");
    for other in [
        "RSA-OAEP",
        "RSA-OAEP-256",
        "RSA1_5",
        "ps384",
        "",
        "none",
        "HS384",
    ] {
        let verifier = knowing(&[changed(&key, "alg", json!(other)), good.jwk()]);
        assert_refused(&verifier, &key.sign(&claims()), UNKNOWN).await;
    }
}

/// Inline it is a mistake, and said at once. An issuer may mean it: it has withdrawn the keys.
#[tokio::test]
async fn a_set_without_a_key_for_the_issuers_algorithms_ends_the_tokens_of_the_others() {
    let (rsa, ec) = (TestKey::rs256("a"), TestKey::es256("b"));
    let only_rs256 = |keys| IssuerSettings {
        algorithms: vec![Algorithm::Rs256],
        ..settings(keys)
    };
    let inline = Issuer::new(only_rs256(KeysFrom::Json(ec.jwks())));
    let Err(error @ IssuerError::Keys(KeySetError::NoUsableKey)) = inline else {
        panic!("{inline:?}")
    };
    assert!(error.to_string().contains("algorithms"), "{error}");
    let server = KeyServer::start(Answer::KeySet(rsa.jwks())).await;
    let verifier = verifier(only_rs256(KeysFrom::Uri(server.uri())));
    let token = rsa.sign(&claims());
    let mut at = now();
    assert_accepted(&verifier, &token, at).await;
    for withdrawn in [ec.jwks(), "{\"keys\":[]}".to_owned()] {
        server.answer(Answer::KeySet(withdrawn));
        at = at.plus(Duration::from_secs(10));
        let unknown = TestKey::rs256("c").sign(&claims());
        for token in [&unknown, &token] {
            let answer = crate::support::outcome(&verifier, token, at).await;
            assert_eq!(answer, "invalid");
        }
        server.answer(Answer::KeySet(rsa.jwks()));
        at = at.plus(Duration::from_secs(10));
        assert_accepted(&verifier, &token, at).await;
    }
    assert_eq!(server.requests(), 5);
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

/// One that is given once and for all would never get a key.
#[test]
fn a_given_set_without_a_usable_key_is_none() {
    let key = TestKey::es256("a");
    let unusable = json!({"keys": [changed(&key, "use", json!("enc"))]}).to_string();
    for text in [unusable.as_str(), "{\"keys\":[]}", "{\"keys\":[1,null]}"] {
        let given = KeySet::parse_given(text.as_bytes(), &Algorithm::ALL);
        assert!(matches!(given, Err(KeySetError::NoUsableKey)), "{text}");
        assert!(KeySet::parse(text.as_bytes(), &Algorithm::ALL).is_ok());
    }
}

/// A configuration is read by more people than a private key should be.
#[test]
fn a_given_set_with_a_private_or_a_symmetric_key_is_refused() {
    let key = TestKey::es256("a");
    for secret in ["d", "p", "q", "dp", "dq", "qi", "k"] {
        let other = json!({"kty": "oct", "kid": "b", secret: "c2VjcmV0"});
        for keys in [
            json!([changed(&key, secret, json!("c2VjcmV0"))]),
            json!([key.jwk(), other]),
        ] {
            let set = json!({ "keys": keys }).to_string();
            let given = KeySet::parse_given(set.as_bytes(), &Algorithm::ALL);
            let Err(error @ KeySetError::Secret) = given else {
                panic!("{secret}: {given:?}")
            };
            assert!(!error.to_string().contains("c2VjcmV0"), "{error}");
        }
    }
    assert!(KeySet::parse_given(key.jwks().as_bytes(), &Algorithm::ALL).is_ok());
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
