//! Keys that are too weak, and the forgeries that they allow (RFC 8725, 3.4 and 3.5; RFC 7518, 3.3).

use aws_lc_rs::signature::{
    RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY, RsaPublicKeyComponents,
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use usher_testkit::tokens::TestKey;

use crate::{
    forge::{KID, Pair, join, message, unhex},
    support::{assert_accepted, claims, now, outcome, trusting_set},
};

/// What the vectors below are signatures of.
const HEADER: &[u8] = br#"{"alg":"RS256","kid":"a"}"#;
const PAYLOAD: &[u8] =
    br#"{"iss":"https://issuer.example.com/","sub":"alice","aud":"usher","exp":1795349400}"#;

/// A modulus of 1024 bits and a signature by its key, which nobody has any more. The library makes no
/// such key, so another made it.
const BITS_1024: [&str; 2] = [
    "8AUTxo2WRkz6sQn1A-LP4rNbb9GKRXjMGGGBcOW5L1k1APssRZpxhKU4WaqGAESCOUWhix-GiMlTAdPTkO\
     g3aagBDWtv7UQDPIlYpUifznJ9pgrb1Ja9O_ffcJ5hpfLM-qtsOQpK8l-Mbu8bkivqlViz2k76F4BAilgL\
     T6U3qLs",
    "CUXHUHFLXi1ufJY9Y-3vII8kBFwb4eRHNkJ_Bho1IzM2QC3HJ_1oNOyt244wnuqgh4kMQMq1aVuXrk5oyt\
     DTbvLM9NY18dZFG4zgA9Xg7P2l9cFqQHi8BnmY969x7hbqXg0s6DqbM-RBxKpC9KNebzQHGcQQoKEJf-og\
     5vZHHi0",
];

/// The same with a bit less than the least that is allowed, in as many bytes.
const BITS_2047: [&str; 2] = [
    "VbNZPJH5kCEuJq8ilGKQwAw6y0FMOCuHAKoNa22VChGkiNWB4RxwelvVw92SAtBYLnu4QH2wcpw-7M0ysS\
     7RAEYEpNzJffgNg3cpGgX6Xu8AR-rN5NYDhchrqG8a5zp_nnI3kEvD2JOeOz0Bjn2Jhp1LQwiki7HPQ3yb\
     1bJvAZ8kEFp5JtEL-goO0KB02sxYqjgFUp1SHOBdLY4Uskqd5cM6_DOnS5rFWGzulYJj__G5KmLdmj6PL3\
     nD8kMWriD0KXEF11PALj0s_Hy6HS2hkGsdNngSEhG-kRv3fq1SEadEo2Dt-1u04wSIzm18KtE8NXdsiLk6\
     bNh0YHkhB7JzwQ",
    "HYE6KKrYsoD61cA-TdXL8Vs5gbz-FjRldJp_9xCdU_t17a-kbxcPKzM9eGAtoJpXEWBY_2gdwXopms3mZ8\
     MuyScmKDWjiLQp8ltjbBcIeFY3sxckdHDfyJ18pRLHKN7wQKyrgQ-NOvDW-vW47ULiOIiBGluRBgPIikyR\
     pRKHNkFGTa_YPqYa-c8eZOdPBIJPybc3i6ESa9c97H49K_d6k1lKzGMSh1w9lGdKaU9WyJsr2Jx3GXp3TI\
     ms3Cwju3ExFAHoF7_wjZubH6-OSLShXRiR9MupjEGflfirecXlp7LirOWxLsJTzroRTH4k2BW9KrltGoV7\
     AoxZCxfGIgOnkg",
];

/// A number whose cube begins as the padded digest of [`HEADER`] and [`PAYLOAD`] begins, with eight
/// bytes of padding and nonsense behind (Bleichenbacher, 2006). It is less than any modulus of 2048
/// bits: no key is needed.
const CUBE_ROOT: &str = "ADLL_Up63HkFWD12dSD1FkB1kXbTeCby72OuPcenLO2hi9fSMQmjg92cLJVh-mOPUWc3PDQCuSVbmpSEFV\
     cG5HXj0K4u3fKMiI0Hb7K0p30OchCaucA";

fn decode(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).expect("base64")
}

fn rsa(n: &str, e: &str) -> Value {
    json!({"kty": "RSA", "kid": KID, "n": n, "e": e})
}

/// Asserts that the token is refused by an issuer that has this key beside a good one.
async fn assert_forgery_refused(weak: Value, token: &str) {
    let good = TestKey::es256("good");
    let verifier = trusting_set(json!({"keys": [weak, good.jwk()]}).to_string());
    assert_accepted(&verifier, &good.sign(&claims()), now()).await;
    assert_eq!(
        outcome(&verifier, token, now()).await,
        "invalid",
        "{weak}: {token}"
    );
}

/// RFC 7518, 3.3: 2048 bits at least.
#[tokio::test]
async fn an_rsa_key_of_less_than_2048_bits_is_not_used_though_the_signature_holds() {
    let message = message(HEADER, PAYLOAD);
    for [n, signature] in [BITS_1024, BITS_2047] {
        let (key, signature) = (rsa(n, "AQAB"), decode(signature));
        let parts = RsaPublicKeyComponents {
            n: decode(n),
            e: vec![1, 0, 1],
        };
        let lax = &RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY;
        let holds = parts.verify(lax, message.as_bytes(), &signature).is_ok();
        assert!(holds, "but for its length it is good");
        assert_forgery_refused(key, &join(&message, &signature)).await;
    }
}

/// A key that can verify nothing takes no other key's name.
#[tokio::test]
async fn an_rsa_key_that_is_too_weak_does_not_hide_a_good_key_of_its_name() {
    let good = TestKey::es256(KID);
    let n = Pair::rsa().jwk()["n"].as_str().map(str::to_owned);
    let n = n.expect("a modulus");
    for (n, e) in [
        (BITS_1024[0], "AQAB"),
        (BITS_2047[0], "AQAB"),
        (&n, "AQ"),
        (&n, "Ag"),
        (&n, "AA"),
        (&n, ""),
    ] {
        let set = json!({"keys": [rsa(n, e), good.jwk()]}).to_string();
        assert_accepted(&trusting_set(set), &good.sign(&claims()), now()).await;
    }
}

/// A number to the power of 1 is itself, so the padded digest is its own signature.
#[tokio::test]
async fn an_rsa_key_whose_exponent_is_one_verifies_nothing() {
    /// The digest's algorithm (RFC 8017, 9.2).
    const SHA256: [u8; 19] = [
        0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01,
        0x05, 0x00, 0x04, 0x20,
    ];
    let message = message(HEADER, PAYLOAD);
    let digest = Sha256::digest(message.as_bytes());
    let padding = vec![0xff; 256 - 3 - SHA256.len() - digest.len()];
    let padded = [&[0, 1], &padding[..], &[0], &SHA256, &digest].concat();
    let n = Pair::rsa().jwk()["n"].as_str().map(str::to_owned);
    let n = n.expect("a modulus");
    for e in ["AQ", "AAE", "AA", "Ag", ""] {
        assert_forgery_refused(rsa(&n, e), &join(&message, &padded)).await;
    }
}

/// Some issuers do use 3. Then every byte of the padding counts.
#[tokio::test]
async fn a_cube_root_is_no_signature_by_a_key_whose_exponent_is_three() {
    let n = Pair::rsa().jwk()["n"].as_str().map(str::to_owned);
    let root = decode(CUBE_ROOT);
    let signature = [vec![0; 256 - root.len()], root].concat();
    let token = join(&message(HEADER, PAYLOAD), &signature);
    assert_forgery_refused(rsa(&n.expect("a modulus"), "Aw"), &token).await;
}

/// RFC 8725, 3.4: a point that generates no more than eight. With such a key a signature of nothing
/// holds for one message in eight or for all of them, unless the point is refused.
#[tokio::test]
async fn an_ed25519_key_of_small_order_verifies_nothing() {
    /// The y of each such point, from its lowest byte on, without the bit that says which x. Three of
    /// them are others again, with the prime added.
    const SMALL: [&str; 7] = [
        "0100000000000000000000000000000000000000000000000000000000000000",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "0000000000000000000000000000000000000000000000000000000000000000",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    ];
    let neutral = unhex(SMALL[0]);
    let zero = vec![0; 32];
    for (y, sign) in SMALL.iter().flat_map(|y| [(y, 0), (y, 0x80)]) {
        let mut point = unhex(y);
        point[31] |= sign;
        let jwk = json!({
            "kty": "OKP", "crv": "Ed25519", "kid": KID, "x": URL_SAFE_NO_PAD.encode(&point),
        });
        let good = TestKey::es256("good");
        let verifier = trusting_set(json!({"keys": [jwk, good.jwk()]}).to_string());
        for attempt in 0..64 {
            let header = json!({"alg": "EdDSA", "kid": KID, "x": attempt}).to_string();
            let message = message(header.as_bytes(), PAYLOAD);
            for r in [&neutral, &point] {
                let forged = join(&message, &[&r[..], &zero].concat());
                let answer = outcome(&verifier, &forged, now()).await;
                assert_eq!(answer, "invalid", "{y} {sign:x}: {forged}");
            }
        }
    }
}

/// RFC 8725, 3.4: what is no point of the curve.
#[tokio::test]
async fn an_ec_key_off_its_curve_verifies_nothing() {
    for (pair, algorithm) in [(Pair::p256(), "ES256"), (Pair::p384(), "ES384")] {
        let mut jwk = pair.jwk();
        // x is a coordinate of the curve; y is not the one that belongs to it.
        jwk["y"] = jwk["x"].clone();
        let header = json!({"alg": algorithm, "kid": KID}).to_string();
        let token = pair.token(pair.algorithms()[0], header.as_bytes(), PAYLOAD);
        assert_forgery_refused(jwk, &token).await;
    }
}
