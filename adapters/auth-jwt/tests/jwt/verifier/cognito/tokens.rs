//! What a pool's tokens say.

use serde_json::{Value, json};
use usher_auth_jwt::TokenUse::{Access, Id};
use usher_domain::time::Timestamp;

use super::{CLIENT, POOL, THEIRS, access, changed, id, key, sign, trusting, without};
use crate::{
    support::{LEEWAY, NOON, accepted, assert_accepted, assert_refused, just_before, now, outcome},
    verifier::{BAD_SIGNATURE, MALFORMED, UNKNOWN_KEY, WRONG_AUDIENCE, WRONG_CLIENT, WRONG_USE},
};

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
