//! An Amazon Cognito user pool's tokens: every check that its documentation asks of a verifier
//! (Amazon Cognito Developer Guide, "Verifying JSON web tokens"), and that no other claim does instead.

use serde_json::{Value, json};
use usher_auth_jwt::{
    Algorithm, Audience, Issuer, IssuerSettings, JwtVerifier, KeysFrom,
    TokenUse::{self, Access, Id},
};
use usher_domain::time::Timestamp;
use usher_testkit::tokens::TestKey;

use super::{
    BAD_SIGNATURE, MALFORMED, UNKNOWN_ALGORITHM, UNKNOWN_KEY, WRONG_AUDIENCE, WRONG_CLIENT,
    WRONG_ISSUER, WRONG_USE,
};
use crate::support::{
    LEEWAY, NOON, accepted, assert_accepted, assert_refused, just_before, key_set, now, outcome,
};

const POOL: &str = "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Example";
const CLIENT: &str = "4example23456789";
const THEIRS: &str = "7theirs123456789";

/// Cognito's names of keys are base64 and may end so.
fn key() -> TestKey {
    TestKey::rs256("4Xk/example+kid0=")
}

fn pool(token_use: &[TokenUse], keys: String) -> IssuerSettings {
    let clients = ["another", CLIENT].map(str::to_owned).to_vec();
    IssuerSettings {
        keys: KeysFrom::Json(keys),
        ..IssuerSettings::cognito(
            "eu-west-1",
            "eu-west-1_Example",
            clients,
            token_use.to_vec(),
        )
    }
}

fn trusting(token_use: &[TokenUse], key: &TestKey) -> JwtVerifier {
    crate::support::verifier(pool(token_use, key_set(&[key])))
}

/// As the user guide shows it.
fn access() -> Value {
    json!({
        "sub": "alice", "iss": POOL, "client_id": CLIENT, "token_use": "access",
        "scope": "aws.cognito.signin.user.admin profiles/read", "cognito:groups": ["support"],
        "origin_jti": "o", "event_id": "e", "version": 2, "auth_time": NOON - 10,
        "iat": NOON - 10, "exp": NOON + 600, "jti": "j", "username": "Alice",
    })
}

fn id() -> Value {
    json!({
        "sub": "alice", "iss": POOL, "aud": CLIENT, "token_use": "id",
        "cognito:groups": ["support"], "cognito:username": "Alice", "email": "a@example.com",
        "email_verified": true, "at_hash": "h", "auth_time": NOON - 10, "iat": NOON - 10,
        "exp": NOON + 600, "jti": "j", "identities": [{"userId": "bob", "primary": "true"}],
    })
}

fn changed(mut claims: Value, name: &str, value: impl Into<Value>) -> Value {
    claims[name] = value.into();
    claims
}

fn without(mut claims: Value, name: &str) -> Value {
    claims.as_object_mut().expect("an object").remove(name);
    claims
}

/// Cognito writes no `typ`.
fn sign(key: &TestKey, claims: &Value) -> String {
    let header = json!({"kid": key.header()["kid"], "alg": "RS256"});
    key.sign_with_header(&header, claims)
}

#[test]
fn issuer_and_key_set_follow_from_region_and_pool() {
    for (region, issuer) in [
        (
            "eu-west-1",
            "https://cognito-idp.eu-west-1.amazonaws.com/p_1",
        ),
        (
            "us-gov-west-1",
            "https://cognito-idp.us-gov-west-1.amazonaws.com/p_1",
        ),
        (
            "cn-north-1",
            "https://cognito-idp.cn-north-1.amazonaws.com.cn/p_1",
        ),
    ] {
        let pool = IssuerSettings::cognito(region, "p_1", vec![CLIENT.to_owned()], vec![Access]);
        assert_eq!(pool.issuer, issuer);
        let KeysFrom::Uri(keys) = &pool.keys else {
            panic!("{:?}", pool.keys)
        };
        assert_eq!(*keys, format!("{issuer}/.well-known/jwks.json"));
        assert!(Issuer::new(pool.clone()).is_ok());
        let emulated = pool.at("http://127.0.0.1:9229/p_1");
        assert_eq!(emulated.issuer, "http://127.0.0.1:9229/p_1");
        let KeysFrom::Uri(keys) = &emulated.keys else {
            panic!("{:?}", emulated.keys)
        };
        assert_eq!(keys, "http://127.0.0.1:9229/p_1/.well-known/jwks.json");
        assert!(matches!(emulated.audience, Audience::Cognito { .. }));
        assert_eq!(emulated.groups_claim, "cognito:groups");
    }
}

/// A pool signs by one of two names, and is switched from one to the other while tokens of both are
/// about. Each has a key set of its own.
#[tokio::test]
async fn a_pool_by_its_other_name_is_the_same_issuer_with_other_keys() {
    const UPDATED: &str = "https://issuer-cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Example";
    let (old, new) = (key(), key());
    let original = pool(&[Access], old.jwks());
    let updated = original
        .clone()
        .cognito_updated("eu-west-1", "eu-west-1_Example");
    let KeysFrom::Uri(keys) = &updated.keys else {
        panic!("{:?}", updated.keys)
    };
    assert_eq!(*keys, format!("{UPDATED}/.well-known/jwks.json"));
    let updated = IssuerSettings {
        keys: KeysFrom::Json(new.jwks()),
        ..updated
    };
    let issuers = [original, updated].map(|one| Issuer::new(one).expect("a pool"));
    let verifier = JwtVerifier::new(issuers.into());
    let by_its_new_name = changed(access(), "iss", UPDATED);
    for token in [sign(&old, &access()), sign(&new, &by_its_new_name)] {
        let principal = accepted(&verifier, &token, now()).await;
        assert_eq!((&*principal.id, &*principal.issuer), ("alice", POOL));
    }
    for token in [sign(&new, &access()), sign(&old, &by_its_new_name)] {
        assert_refused(&verifier, &token, BAD_SIGNATURE).await;
    }
    let theirs = changed(by_its_new_name, "client_id", THEIRS);
    assert_refused(&verifier, &sign(&new, &theirs), WRONG_CLIENT).await;
}

#[test]
fn a_pool_without_clients_or_kinds_of_token_is_refused() {
    let keys = key().jwks();
    let mut no_clients = pool(&[Access], keys.clone());
    no_clients.audience = Audience::Cognito {
        client_ids: Vec::new(),
        token_use: vec![Access],
    };
    assert!(Issuer::new(no_clients).is_err());
    assert!(Issuer::new(pool(&[], keys)).is_err());
}

#[tokio::test]
async fn an_access_token_brings_its_subject_its_scopes_and_its_groups() {
    let key = key();
    let token = sign(&key, &access());
    let principal = accepted(&trusting(&[Access], &key), &token, now()).await;
    assert_eq!((&*principal.id, &*principal.issuer), ("alice", POOL));
    let list = |names: &std::collections::BTreeSet<Box<str>>| names.iter().cloned().collect();
    let (scopes, groups): (Vec<_>, Vec<_>) = (list(&principal.scopes), list(&principal.groups));
    assert_eq!(
        scopes,
        [
            "aws.cognito.signin.user.admin".into(),
            "profiles/read".into()
        ]
    );
    assert_eq!(groups, ["support".into()]);
}

#[tokio::test]
async fn an_id_token_brings_its_subject_and_its_groups() {
    let key = key();
    let principal = accepted(&trusting(&[Id], &key), &sign(&key, &id()), now()).await;
    assert_eq!(&*principal.id, "alice");
    assert!(principal.scopes.is_empty() && principal.groups.contains("support"));
}

/// RFC 8725, 3.12: the two kinds exclude each other, and only what is configured is accepted.
#[tokio::test]
async fn only_the_kinds_of_token_that_are_configured_are_accepted() {
    let key = key();
    for (configured, accepts) in [
        (&[Access][..], [true, false]),
        (&[Id], [false, true]),
        (&[Access, Id], [true, true]),
        (&[Id, Access], [true, true]),
    ] {
        let verifier = trusting(configured, &key);
        for (claims, accepted) in [access(), id()].into_iter().zip(accepts) {
            let token = sign(&key, &claims);
            if accepted {
                assert_accepted(&verifier, &token, now()).await;
            } else {
                assert_refused(&verifier, &token, WRONG_USE).await;
            }
        }
    }
}

#[tokio::test]
async fn a_token_use_that_is_missing_or_another_is_refused() {
    let key = key();
    // Of both kinds at once, so that nothing else is wrong with it.
    let both = changed(access(), "aud", CLIENT);
    for configured in [&[Access][..], &[Id], &[Access, Id]] {
        let verifier = trusting(configured, &key);
        let missing = without(both.clone(), "token_use");
        assert_refused(&verifier, &sign(&key, &missing), WRONG_USE).await;
        for token_use in [
            json!("refresh"),
            json!("Access"),
            json!("ID"),
            json!("access "),
            json!("access id"),
            json!("accessid"),
            json!(""),
            json!(1),
            json!(true),
            json!(["access"]),
            json!(["access", "id"]),
            json!({"access": true}),
            Value::Null,
        ] {
            let token = sign(&key, &changed(both.clone(), "token_use", token_use));
            assert_refused(&verifier, &token, WRONG_USE).await;
        }
    }
}

/// RFC 8725, 3.9.
#[tokio::test]
async fn each_configured_client_is_accepted_and_nobody_else() {
    let key = key();
    let verifier = trusting(&[Access, Id], &key);
    for client in [CLIENT, "another"] {
        let token = sign(&key, &changed(access(), "client_id", client));
        assert_accepted(&verifier, &token, now()).await;
        let token = sign(&key, &changed(id(), "aud", client));
        assert_accepted(&verifier, &token, now()).await;
    }
    for client in [
        json!(THEIRS),
        json!("ANOTHER"),
        json!("anothe"),
        json!("another2"),
        json!(" another"),
        json!("another\0"),
        json!(format!("another {CLIENT}")),
        json!(""),
        json!(1),
        json!({CLIENT: CLIENT}),
        Value::Null,
    ] {
        let token = sign(&key, &changed(access(), "client_id", client.clone()));
        assert_refused(&verifier, &token, WRONG_CLIENT).await;
        let token = sign(&key, &changed(id(), "aud", client));
        assert_refused(&verifier, &token, WRONG_AUDIENCE).await;
    }
    let token = sign(&key, &without(access(), "client_id"));
    assert_refused(&verifier, &token, WRONG_CLIENT).await;
    let token = sign(&key, &without(id(), "aud"));
    assert_refused(&verifier, &token, WRONG_AUDIENCE).await;
    // `client_id` is one text; `aud` may be a list of them.
    let token = sign(&key, &changed(access(), "client_id", json!([CLIENT])));
    assert_refused(&verifier, &token, WRONG_CLIENT).await;
    let token = sign(&key, &changed(id(), "aud", json!([THEIRS, CLIENT])));
    assert_accepted(&verifier, &token, now()).await;
}

/// An access token's `aud` is a resource's, if it has one: it says nothing of the app.
#[tokio::test]
async fn an_access_token_is_judged_by_its_client_id_alone() {
    let key = key();
    for verifier in [trusting(&[Access], &key), trusting(&[Access, Id], &key)] {
        for aud in [json!("https://api.example.com"), json!(THEIRS), json!(1)] {
            let token = sign(&key, &changed(access(), "aud", aud));
            assert_accepted(&verifier, &token, now()).await;
        }
        for aud in [json!(CLIENT), json!([CLIENT])] {
            let ours = changed(access(), "aud", aud);
            for claims in [
                changed(ours.clone(), "client_id", THEIRS),
                without(ours, "client_id"),
            ] {
                assert_refused(&verifier, &sign(&key, &claims), WRONG_CLIENT).await;
            }
        }
    }
}

#[tokio::test]
async fn an_id_token_is_judged_by_its_aud_alone() {
    let key = key();
    for verifier in [trusting(&[Id], &key), trusting(&[Access, Id], &key)] {
        let token = sign(&key, &changed(id(), "client_id", THEIRS));
        assert_accepted(&verifier, &token, now()).await;
        let ours = changed(changed(id(), "client_id", CLIENT), "azp", CLIENT);
        for claims in [changed(ours.clone(), "aud", THEIRS), without(ours, "aud")] {
            assert_refused(&verifier, &sign(&key, &claims), WRONG_AUDIENCE).await;
        }
    }
}

/// RFC 8725, 3.8: the pool is in the issuer's path, and another one of the same region looks alike.
#[tokio::test]
async fn a_token_of_another_pool_is_refused() {
    let key = key();
    let verifier = trusting(&[Access, Id], &key);
    for issuer in [
        "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Other",
        "https://cognito-idp.eu-west-2.amazonaws.com/eu-west-1_Example",
        "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_example",
        "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Example/",
        "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Example2",
        "https://cognito-idp.eu-west-1.amazonaws.com/",
        "http://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Example",
        "eu-west-1_Example",
    ] {
        for claims in [access(), id()] {
            let token = sign(&key, &changed(claims, "iss", issuer));
            assert_refused(&verifier, &token, WRONG_ISSUER).await;
        }
    }
}

#[tokio::test]
async fn a_client_of_one_pool_is_none_of_another() {
    let (ours, theirs) = (key(), key());
    let other = "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Other";
    let clients = vec![THEIRS.to_owned()];
    let second = IssuerSettings {
        keys: KeysFrom::Json(theirs.jwks()),
        subject_prefix: "b:".to_owned(),
        ..IssuerSettings::cognito("eu-west-1", "eu-west-1_Other", clients, vec![Access, Id])
    };
    let issuers = [pool(&[Access, Id], ours.jwks()), second];
    let verifier = JwtVerifier::new(issuers.map(|one| Issuer::new(one).expect("a pool")).into());
    let good = changed(changed(access(), "iss", other), "client_id", THEIRS);
    let principal = accepted(&verifier, &sign(&theirs, &good), now()).await;
    assert_eq!(&*principal.id, "b:alice");
    let ours_there = changed(access(), "client_id", THEIRS);
    assert_refused(&verifier, &sign(&ours, &ours_there), WRONG_CLIENT).await;
    let ours_there = changed(id(), "aud", THEIRS);
    assert_refused(&verifier, &sign(&ours, &ours_there), WRONG_AUDIENCE).await;
    assert_refused(&verifier, &sign(&ours, &good), BAD_SIGNATURE).await;
}

/// Cognito signs with RS256 and nothing else.
#[tokio::test]
async fn a_pool_signs_with_rs256_alone() {
    for algorithm in Algorithm::ALL {
        let other = TestKey::new(algorithm.as_str(), "other");
        let keys = key_set(&[&key(), &other]);
        let verifier = crate::support::verifier(pool(&[Access], keys));
        let token = other.sign(&access());
        if algorithm == Algorithm::Rs256 {
            assert_accepted(&verifier, &token, now()).await;
        } else {
            assert_refused(&verifier, &token, UNKNOWN_ALGORITHM).await;
        }
    }
}

/// Three parts, a signature by the key that is named, an end.
#[tokio::test]
async fn parts_key_signature_and_expiry_are_checked_of_both_kinds() {
    let (key, theirs) = (key(), key());
    for claims in [access(), id()] {
        let verifier = trusting(&[Access, Id], &key);
        let token = sign(&key, &claims);
        assert_accepted(&verifier, &token, now()).await;
        for parts in [&token[..token.len() / 9], &format!("{token}.x"), ".."] {
            assert_refused(&verifier, parts, MALFORMED).await;
        }
        assert_refused(&verifier, &sign(&theirs, &claims), BAD_SIGNATURE).await;
        let header = json!({"kid": "4Xk/example+kid1=", "alg": "RS256"});
        let unknown = key.sign_with_header(&header, &claims);
        assert_refused(&verifier, &unknown, UNKNOWN_KEY).await;
        let end = Timestamp::from_seconds(NOON + 600).plus(LEEWAY);
        for (at, expected) in [(just_before(end), "accepted"), (end, "expired")] {
            let fresh = trusting(&[Access, Id], &key);
            assert_eq!(outcome(&fresh, &token, at).await, expected);
        }
    }
}

/// A pre-token-generation trigger may have written them as text, and other claims are not looked at.
#[tokio::test]
async fn groups_come_from_cognito_groups_as_a_list_or_as_text() {
    let key = key();
    let verifier = trusting(&[Access, Id], &key);
    for (groups, expected) in [
        (json!(["b", "a"]), &["a", "b"][..]),
        (json!("support"), &["support"]),
        (json!("a group"), &["a group"]),
        (json!(["a group"]), &["a group"]),
        (json!(["a", 1, null]), &["a"]),
        (json!([]), &[]),
        (json!(""), &[]),
        (json!(1), &[]),
        (json!({"admins": true}), &[]),
        (Value::Null, &[]),
    ] {
        for claims in [access(), id()] {
            let claims = changed(claims, "groups", json!(["admins"]));
            let claims = changed(claims, "cognito:roles", json!(["admins"]));
            let token = sign(&key, &changed(claims, "cognito:groups", groups.clone()));
            let found = accepted(&verifier, &token, now()).await.groups.clone();
            let found: Vec<&str> = found.iter().map(AsRef::as_ref).collect();
            assert_eq!(found, expected, "{groups}");
        }
    }
    let token = sign(&key, &without(access(), "cognito:groups"));
    assert!(accepted(&verifier, &token, now()).await.groups.is_empty());
}

/// A user's own attributes are claims of an ID token: none of them may stand for one that decides.
#[tokio::test]
async fn an_attribute_of_the_user_stands_for_nothing() {
    let key = key();
    let verifier = trusting(&[Id], &key);
    let mut claims = id();
    for (name, value) in [
        ("custom:sub", json!("bob")),
        ("username", json!("bob")),
        ("cognito:username", json!("bob")),
        ("preferred_username", json!("bob")),
        ("custom:groups", json!(["admins"])),
        ("custom:cognito:groups", json!(["admins"])),
        ("custom:scope", json!("admin")),
        ("custom:token_use", json!("access")),
    ] {
        claims[name] = value;
    }
    let principal = accepted(&verifier, &sign(&key, &claims), now()).await;
    assert_eq!(&*principal.id, "alice");
    assert!(principal.scopes.is_empty() && !principal.groups.contains("admins"));
}
