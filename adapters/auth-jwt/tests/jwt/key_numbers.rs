//! The numbers that a key is made of.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use usher_auth_jwt::{Algorithm, KeySet, KeySetError};
use usher_testkit::tokens::TestKey;

use crate::{
    key_set::{changed, knowing},
    support::{assert_accepted, claims, now},
};

fn decoded(jwk: &Value, member: &str) -> Vec<u8> {
    let text = jwk[member].as_str().expect("a text");
    URL_SAFE_NO_PAD.decode(text).expect("base64url")
}

fn encoded(bytes: impl AsRef<[u8]>) -> Value {
    URL_SAFE_NO_PAD.encode(bytes).into()
}

/// Some write the sign byte of DER before the number (RFC 7518, section 6.3.1.1, forbids it and asks
/// readers to bear with it).
#[tokio::test]
async fn a_modulus_with_a_zero_byte_before_it_is_the_same_number() {
    let key = TestKey::rs256("a");
    let modulus = decoded(&key.jwk(), "n");
    for zeros in 1..3 {
        let padded = [vec![0; zeros], modulus.clone()].concat();
        let jwk = changed(&key, "n", encoded(padded));
        assert_accepted(&knowing(&[jwk]), &key.sign(&claims()), now()).await;
    }
}

/// 2048 bits at least (RFC 7518, section 3.3).
#[test]
fn rsa_keys_that_are_too_short_or_longer_than_anybody_checks_are_left_out() {
    let key = TestKey::rs256("a");
    let modulus = decoded(&key.jwk(), "n");
    let of = |n: &[u8]| {
        let set = json!({"keys": [changed(&key, "n", encoded(n))]}).to_string();
        KeySet::parse_given(set.as_bytes(), &Algorithm::ALL)
    };
    assert!(of(&modulus).is_ok());
    assert!(of(&[modulus.as_slice(); 4].concat()).is_ok(), "8192 bits");
    let padded = [&[0; 128], &modulus[..128]].concat();
    let huge = [modulus.as_slice(); 5].concat();
    for bad in [&modulus[..128], &modulus[..255], &padded, &huge, &[]] {
        assert!(
            matches!(of(bad), Err(KeySetError::NoUsableKey)),
            "{} bytes",
            bad.len()
        );
    }
}

#[test]
fn a_modulus_or_an_exponent_that_is_no_number_is_left_out() {
    let key = TestKey::rs256("a");
    for member in ["n", "e"] {
        let written = key.jwk()[member].as_str().expect("a text").to_owned();
        for bad in [
            Value::Null,
            json!(65_537),
            json!(format!("{written}=")),
            json!(format!("{written}!")),
            json!(format!(" {written}")),
        ] {
            let set = json!({"keys": [changed(&key, member, bad.clone())]}).to_string();
            let parsed = KeySet::parse_given(set.as_bytes(), &Algorithm::ALL);
            assert!(
                matches!(parsed, Err(KeySetError::NoUsableKey)),
                "{member}: {bad}"
            );
        }
    }
}

/// Coordinates have the length of their curve's field (RFC 7518, section 6.2.1.2). A long one beside
/// a short one has the right length in all and is another point.
#[test]
fn coordinates_of_another_length_than_the_curves_are_left_out() {
    for (key, length) in [(TestKey::es256("a"), 32), (TestKey::new("ES384", "a"), 48)] {
        let (x, y) = (decoded(&key.jwk(), "x"), decoded(&key.jwk(), "y"));
        assert_eq!((x.len(), y.len()), (length, length));
        let longer = |bytes: &[u8]| [&[0], bytes].concat();
        let both = [x.as_slice(), &y].concat();
        for (x, y) in [
            (x[1..].to_vec(), y.clone()),
            (x.clone(), y[1..].to_vec()),
            (x[1..].to_vec(), y[1..].to_vec()),
            (longer(&x), y.clone()),
            (x.clone(), longer(&y)),
            (longer(&x), longer(&y)),
            (x[..length - 1].to_vec(), [&x[length - 1..], &y].concat()),
            (both[..=length].to_vec(), both[length + 1..].to_vec()),
            (Vec::new(), both.clone()),
            (both, Vec::new()),
        ] {
            let mut jwk = changed(&key, "x", encoded(&x));
            jwk["y"] = encoded(&y);
            let set = json!({ "keys": [jwk] }).to_string();
            let parsed = KeySet::parse_given(set.as_bytes(), &Algorithm::ALL);
            assert!(
                matches!(parsed, Err(KeySetError::NoUsableKey)),
                "{} and {} bytes",
                x.len(),
                y.len()
            );
        }
    }
}

#[test]
fn an_edwards_key_has_32_bytes_and_is_on_ed25519() {
    let key = TestKey::new("EdDSA", "a");
    let x = decoded(&key.jwk(), "x");
    for (curve, bytes) in [
        ("Ed25519", x[..31].to_vec()),
        ("Ed25519", [x.as_slice(), &[0]].concat()),
        ("Ed25519", [&[0], x.as_slice()].concat()),
        ("Ed25519", [x.as_slice(), &x].concat()),
        ("Ed25519", Vec::new()),
        ("Ed448", [x.as_slice(), &x[..25]].concat()),
        ("X25519", x.clone()),
        ("P-256", x.clone()),
    ] {
        let mut jwk = changed(&key, "x", encoded(&bytes));
        jwk["crv"] = curve.into();
        let set = json!({ "keys": [jwk] }).to_string();
        let parsed = KeySet::parse_given(set.as_bytes(), &Algorithm::ALL);
        assert!(
            matches!(parsed, Err(KeySetError::NoUsableKey)),
            "{curve} with {} bytes",
            bytes.len()
        );
    }
}

/// A key that can verify nothing must not take the name of one that can.
#[tokio::test]
async fn a_key_of_the_wrong_size_does_not_hide_a_good_one_with_its_kid() {
    let key = TestKey::rs256("a");
    let modulus = decoded(&key.jwk(), "n");
    let short = changed(&key, "n", encoded(&modulus[..128]));
    let verifier = knowing(&[short, key.jwk()]);
    assert_accepted(&verifier, &key.sign(&claims()), now()).await;
}

/// They verify nothing, and must not hide the key of the same kid that does.
#[tokio::test]
async fn rsa_numbers_that_no_key_has_are_left_out() {
    let key = TestKey::rs256("a");
    let modulus = decoded(&key.jwk(), "n");
    let mut even = modulus.clone();
    *even.last_mut().expect("a byte") &= 0xfe;
    let mut short = modulus;
    short[0] = 1;
    for (member, number) in [
        ("e", vec![]),
        ("e", vec![0]),
        ("e", vec![1]),
        ("e", vec![2]),
        ("e", vec![0xff; 64]),
        ("n", even),
        ("n", short),
    ] {
        let bad = changed(&key, member, encoded(&number));
        let set = json!({"keys": [bad]}).to_string();
        let read = KeySet::parse_given(set.as_bytes(), &Algorithm::ALL);
        let is_none = matches!(read, Err(KeySetError::NoUsableKey));
        assert!(is_none, "{member} {number:?}");
        let verifier = knowing(&[bad, key.jwk()]);
        assert_accepted(&verifier, &key.sign(&claims()), now()).await;
    }
}

/// It verifies nothing, and must not hide the key of the same kid that does.
#[tokio::test]
async fn a_point_off_its_curve_is_left_out() {
    for name in ["ES256", "ES384"] {
        let key = TestKey::new(name, "a");
        let off = changed(&key, "y", key.jwk()["x"].clone());
        let set = json!({"keys": [off]}).to_string();
        let read = KeySet::parse_given(set.as_bytes(), &Algorithm::ALL);
        assert!(matches!(read, Err(KeySetError::NoUsableKey)), "{name}");
        let verifier = knowing(&[off, key.jwk()]);
        assert_accepted(&verifier, &key.sign(&claims()), now()).await;
    }
}
