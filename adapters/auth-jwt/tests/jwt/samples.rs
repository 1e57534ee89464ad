//! Key sets in the shape that well-known issuers give theirs. The numbers are our own keys'.

use serde_json::{Map, Value, json};
use usher_auth_jwt::{Issuer, IssuerSettings, JwtVerifier, KeysFrom};
use usher_testkit::{
    key_server::{Answer, KeyServer},
    tokens::TestKey,
};

use crate::support::{AUDIENCE, ISSUER, assert_accepted, claims, now, outcome};

/// The beginning of any certificate: nobody here reads on.
const CERTIFICATE: &str = "MIIC/jCCAeagAwIBAgIJAJ9BJKFLSZkxMA0GCSqGSIb3DQEBCwUAMC0xKzApBgNV";
const THUMBPRINT: &str = "GvnPApfWMdLRi8PDmisFn7bprKg";

/// The number of `key`, and of its members those that the issuer has.
fn jwk(key: &TestKey, members: Value) -> Value {
    let own = key.jwk();
    let Value::Object(members) = members else {
        panic!("{members} is no object")
    };
    let number = ["kid", "kty", "n", "e"].map(|name| (name.to_owned(), own[name].clone()));
    let all: Map<_, _> = number.into_iter().chain(members).collect();
    Value::Object(all)
}

/// An issuer with the defaults: RS256 and no other.
fn trusting(keys: KeysFrom) -> JwtVerifier {
    let settings = IssuerSettings::oidc(ISSUER, &[AUDIENCE], keys);
    JwtVerifier::new(vec![Issuer::new(settings).expect("an issuer")])
}

/// Tokens of `signing` keys are accepted, those of the `others` are not, wherever the set is from.
async fn assert_usable(keys: Vec<Value>, signing: &[&TestKey], others: &[&TestKey]) {
    let set = json!({ "keys": keys }).to_string();
    let server = KeyServer::start(Answer::KeySet(set.clone())).await;
    for from in [KeysFrom::Json(set), KeysFrom::Uri(server.uri())] {
        let verifier = trusting(from);
        for key in signing {
            assert_accepted(&verifier, &key.sign(&claims()), now()).await;
        }
        for key in others {
            let answer = outcome(&verifier, &key.sign(&claims()), now()).await;
            assert_eq!(answer, "invalid", "{key:?}");
        }
    }
}

/// Two keys, of access tokens and of ID tokens; a `kid` ends in `=`.
#[tokio::test]
async fn cognitos() {
    let access = TestKey::rs256("1k2WQ3Wb0lJ5S1D0fYbNnQoD8i0Zr4bC9pQ1qZb1wY0=");
    let id = TestKey::rs256("zX+F3yq0lZ5QJ8d7Hc2vT6u1mN4bK9sR0pG/WtYxEoI=");
    let keys = [&access, &id].map(|key| jwk(key, json!({"alg": "RS256", "use": "sig"})));
    assert_usable(keys.into(), &[&access, &id], &[]).await;
}

/// No `alg`; an issuer that is a template; a certificate.
#[tokio::test]
async fn entra_ids() {
    let (one, two) = (TestKey::rs256(THUMBPRINT), TestKey::rs256("two"));
    let keys = [&one, &two].map(|key| {
        let members = json!({
            "use": "sig",
            "x5t": THUMBPRINT,
            "x5c": [CERTIFICATE],
            "cloud_instance_name": "microsoftonline.com",
            "issuer": "https://login.microsoftonline.com/{tenantid}/v2.0",
        });
        jwk(key, members)
    });
    assert_usable(keys.into(), &[&one, &two], &[]).await;
}

/// Nothing but what has to be there.
#[tokio::test]
async fn googles() {
    let one = TestKey::rs256("763f7c4cd26a1eb2b1b39a88f4434d1f4d9a368b");
    let two = TestKey::rs256("882503a5fd56e9f734dfba5c50d7bf48db284ae9");
    let keys = [&one, &two].map(|key| jwk(key, json!({"alg": "RS256", "use": "sig"})));
    assert_usable(keys.into(), &[&one, &two], &[]).await;
}

/// Members in another order, and a certificate.
#[tokio::test]
async fn auth0s() {
    let (current, next) = (TestKey::rs256("NjVBRjY5MDlCMUIw"), TestKey::rs256("next"));
    let keys = [&current, &next].map(|key| {
        let members = json!({
            "alg": "RS256", "use": "sig", "x5c": [CERTIFICATE], "x5t": THUMBPRINT,
        });
        jwk(key, members)
    });
    assert_usable(keys.into(), &[&current, &next], &[]).await;
}

/// The first key of the two is for encryption.
#[tokio::test]
async fn keycloaks() {
    let (encrypts, signs) = (TestKey::rs256("enc"), TestKey::rs256("sig"));
    let certificate = |algorithm: &str, usage: &str| {
        json!({
            "alg": algorithm,
            "use": usage,
            "x5c": [CERTIFICATE],
            "x5t": THUMBPRINT,
            "x5t#S256": "4JcVvTSs0pM0l5l3n0d4y1cXo1b0O0vXl4o0m2yC1sE",
        })
    };
    let keys = vec![
        jwk(&encrypts, certificate("RSA-OAEP", "enc")),
        jwk(&signs, certificate("RS256", "sig")),
    ];
    assert_usable(keys, &[&signs], &[&encrypts]).await;
}

/// A realm that signs in several ways, of which this issuer may use one.
#[tokio::test]
async fn one_of_many_algorithms() {
    let signs = TestKey::rs256("rs256");
    let others: Vec<_> = ["RS512", "PS256", "ES256", "ES384", "EdDSA"]
        .map(|name| TestKey::new(name, name))
        .into();
    let mut keys: Vec<_> = others.iter().map(TestKey::jwk).collect();
    keys.push(json!({"kty": "EC", "crv": "P-521", "kid": "es512", "alg": "ES512", "use": "sig",
        "x": "AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOnYG_NjFZ6OvLFV1jSfS9tsz4XQUg0v-2",
        "y": "ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-x3S1WDhjDly79ajL4Kkd0AZMaZmh9ubmf63e3kyMj2"}));
    keys.push(
        json!({"kty": "OKP", "crv": "Ed448", "kid": "ed448", "alg": "EdDSA", "use": "sig",
        "x": "X9dEm1m0Yf0s54fsYWrUah2hNCSFpw4fig6nXYDpZ3jt8SR2m0bHBhvWeD3x5Q9s0foavq_oJWGA"}),
    );
    keys.push(json!({"kty": "AKP", "alg": "ML-DSA-44", "kid": "pq", "use": "sig", "pub": "AA"}));
    keys.push(signs.jwk());
    let others: Vec<_> = others.iter().collect();
    assert_usable(keys, &[&signs], &others).await;
}
