//! Tokens of another kind, for another purpose (RFC 8725, 2.8, 3.11 and 3.12), and what is no signed
//! token at all.

use serde_json::{Value, json};
use usher_auth_jwt::{Algorithm, IssuerSettings, JwtVerifier, KeysFrom};
use usher_testkit::tokens::TestKey;

use super::{
    ANOTHER_KIND, BAD_SIGNATURE, MALFORMED, NOT_ACCESS, UNKNOWN_ALGORITHM, UNREADABLE_CLAIMS,
};
use crate::{
    forge::Pair,
    support::{
        assert_accepted, assert_refused, claims, key_set, now, settings, trusting, trusting_set,
        verifier,
    },
};

fn signed(key: &TestKey, typ: &Value) -> String {
    let mut header = key.header();
    header["typ"] = typ.clone();
    key.sign_with_header(&header, &claims())
}

fn demanding_typ(key: &TestKey) -> JwtVerifier {
    verifier(IssuerSettings {
        require_typ: true,
        ..settings(KeysFrom::Json(key_set(&[key])))
    })
}

/// RFC 8725, 3.11: each of these has an `iss`, a `sub` and an `aud`, as our tokens have.
#[tokio::test]
async fn a_token_whose_typ_says_that_it_is_of_another_kind_is_refused() {
    let key = TestKey::es256("a");
    for verifier in [trusting(&[&key]), demanding_typ(&key)] {
        for typ in [
            "logout+jwt",
            "dpop+jwt",
            "kb+jwt",
            "secevent+jwt",
            "oauth-authz-req+jwt",
            "client-authentication+jwt",
            "token-introspection+jwt",
            "openid4vci-proof+jwt",
            "entity-statement+jwt",
            "LOGOUT+JWT",
            "Logout+jwt",
            "application/logout+jwt",
            "APPLICATION/dpop+JWT",
            "+jwt",
            "application/+jwt",
            "cat+jwt",
            "at+jwt+jwt",
        ] {
            let token = signed(&key, &typ.into());
            assert_refused(&verifier, &token, ANOTHER_KIND).await;
        }
    }
}

#[tokio::test]
async fn a_typ_that_is_no_text_is_malformed() {
    let key = TestKey::es256("a");
    for verifier in [trusting(&[&key]), demanding_typ(&key)] {
        for typ in [json!(1), json!(["at+jwt"]), json!({}), json!(true)] {
            assert_refused(&verifier, &signed(&key, &typ), MALFORMED).await;
        }
    }
}

/// A `typ` is a media type: its case does not count, and `application/` may be left out (RFC 7515,
/// 4.1.9). Some issuers have a name of their own for access tokens.
#[tokio::test]
async fn a_typ_that_says_access_or_nothing_is_accepted() {
    let key = TestKey::es256("a");
    let verifier = trusting(&[&key]);
    for typ in [
        json!("at+jwt"),
        json!("AT+JWT"),
        json!("application/at+jwt"),
        json!("Application/AT+jwt"),
        json!("okta-internal-at+jwt"),
        json!("application/okta-internal-at+jwt"),
        json!("JWT"),
        json!("jwt"),
        json!("JOSE"),
        json!(""),
        Value::Null,
    ] {
        assert_accepted(&verifier, &signed(&key, &typ), now()).await;
    }
}

/// RFC 9068, 4.
#[tokio::test]
async fn where_typ_is_required_only_an_access_token_is_accepted() {
    let key = TestKey::es256("a");
    let verifier = demanding_typ(&key);
    for typ in [
        "at+jwt",
        "AT+JWT",
        "At+Jwt",
        "application/at+jwt",
        "APPLICATION/AT+JWT",
    ] {
        assert_accepted(&verifier, &signed(&key, &typ.into()), now()).await;
    }
    for typ in [
        json!("JWT"),
        json!("okta-internal-at+jwt"),
        json!("at"),
        json!("at+jwt "),
        json!("application/application/at+jwt "),
        json!("at+jwt;charset=utf-8"),
        json!("at+jwtx"),
        json!("at jwt"),
        json!(""),
        Value::Null,
    ] {
        assert_refused(&verifier, &signed(&key, &typ), NOT_ACCESS).await;
    }
    let absent = json!({"alg": "ES256", "kid": "a"});
    let absent = key.sign_with_header(&absent, &claims());
    assert_refused(&verifier, &absent, NOT_ACCESS).await;
}

/// RFC 8725, 2.3: nothing here decrypts, so nothing can forget the signature inside.
#[tokio::test]
async fn an_encrypted_token_is_refused() {
    let pair = Pair::rsa();
    let verifier = trusting_set(pair.jwks());
    for alg in ["dir", "RSA-OAEP-256", "RSA1_5", "ECDH-ES", "RS256"] {
        let header = json!({"alg": alg, "enc": "A256GCM", "kid": "a", "cty": "JWT"}).to_string();
        let token = pair.token(
            Algorithm::Rs256,
            header.as_bytes(),
            claims().to_string().as_bytes(),
        );
        let mut parts = token.split('.');
        let [header, payload, signature] = [(); 3].map(|()| parts.next().expect("three parts"));
        // Five parts, with a key and without one, and the claims in the place of the cipher text.
        for key in [signature, ""] {
            let encrypted = format!("{header}.{key}.AAAA.{payload}.AAAA");
            assert_refused(&verifier, &encrypted, MALFORMED).await;
        }
        // Three parts are no encrypted token, and its algorithm signs nothing.
        if alg != "RS256" {
            assert_refused(&verifier, &token, UNKNOWN_ALGORITHM).await;
        }
    }
}

/// RFC 8725, 2.3 and 3.3: a token inside a token is not unpacked.
#[tokio::test]
async fn a_token_whose_payload_is_a_token_is_refused() {
    let key = TestKey::es256("a");
    let inside = key.sign(&claims());
    let mut header = key.header();
    header["cty"] = "JWT".into();
    for payload in [inside.clone(), format!("\"{inside}\"")] {
        let token = key.sign_text(&header.to_string(), &payload);
        assert_refused(&trusting(&[&key]), &token, UNREADABLE_CLAIMS).await;
    }
    // With claims of its own it is read as what it is.
    let token = key.sign_with_header(&header, &claims());
    assert_accepted(&trusting(&[&key]), &token, now()).await;
}

/// RFC 7515, 7.2, and RFC 9901: other ways to write a signature down. Two forms would be two tokens to
/// a gateway in front and to us.
#[tokio::test]
async fn only_the_compact_form_is_a_token() {
    let key = TestKey::es256("a");
    let verifier = trusting(&[&key]);
    let token = key.sign(&claims());
    let mut parts = token.split('.');
    let [protected, payload, signature] = [(); 3].map(|()| parts.next().expect("three parts"));
    let one = json!({"protected": protected, "signature": signature});
    for json in [
        json!({"payload": payload, "protected": protected, "signature": signature}),
        json!({"payload": payload, "signatures": [one]}),
        json!({"payload": payload, "signatures": [one], "header": {"kid": "a.b.c"}}),
    ] {
        assert_refused(&verifier, &json.to_string(), MALFORMED).await;
    }
    // Selective disclosure, without and with something disclosed.
    for disclosed in ["~", "~WyJhIiwic3ViIiwiYm9iIl0~"] {
        let token = format!("{token}{disclosed}");
        assert_refused(&verifier, &token, BAD_SIGNATURE).await;
    }
    assert_accepted(&verifier, &token, now()).await;
}

/// A compressed payload is text in no encoding.
#[tokio::test]
async fn a_payload_that_is_compressed_is_refused() {
    let pair = Pair::p256();
    let verifier = trusting_set(pair.jwks());
    let header = json!({"alg": "ES256", "kid": "a", "zip": "DEF"}).to_string();
    // A stored block of DEFLATE: the claims are all there.
    let claims = claims().to_string();
    let length = u16::try_from(claims.len()).expect("short");
    let block = [
        &[1],
        &length.to_le_bytes()[..],
        &(!length).to_le_bytes(),
        claims.as_bytes(),
    ]
    .concat();
    let token = pair.token(Algorithm::Es256, header.as_bytes(), &block);
    assert_refused(&verifier, &token, MALFORMED).await;
}
