use serde_json::{Value, json};
use usher_auth_jwt::{IssuerSettings, KeysFrom};
use usher_testkit::tokens::TestKey;

use crate::support::{accepted, claims_with, key_set, now, settings, trusting, verifier};

async fn scopes_and_groups(value: Value) -> [Vec<String>; 2] {
    let key = TestKey::es256("a");
    let mut claims = claims_with("scope", value.clone());
    claims["groups"] = value;
    let principal = accepted(&trusting(&[&key]), &key.sign(&claims), now()).await;
    let list = |names: &std::collections::BTreeSet<Box<str>>| {
        names.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    [list(&principal.scopes), list(&principal.groups)]
}

#[tokio::test]
async fn scopes_and_groups_are_read_from_text_and_from_lists() {
    for (value, names) in [
        (json!("b a"), &["a", "b"][..]),
        (json!(" a  b "), &["a", "b"]),
        (json!("a a"), &["a"]),
        (json!("profiles/read"), &["profiles/read"]),
        (json!(["b", "a"]), &["a", "b"]),
        (json!(["a b"]), &["a b"]),
        (json!(["A", "a"]), &["A", "a"]),
    ] {
        let expected = [names; 2].map(|names| names.iter().map(ToString::to_string).collect());
        assert_eq!(
            scopes_and_groups(value.clone()).await,
            expected as [Vec<String>; 2],
            "{value}"
        );
    }
}

#[tokio::test]
async fn what_is_neither_text_nor_a_list_names_nothing() {
    for value in [
        json!(""),
        json!(" "),
        json!([]),
        Value::Null,
        json!(1),
        json!({"a": "b"}),
        json!(true),
    ] {
        assert_eq!(
            scopes_and_groups(value.clone()).await,
            [Vec::<String>::new(), Vec::new()],
            "{value}"
        );
    }
    assert_eq!(
        scopes_and_groups(json!([1, null, ["a"], "b"])).await,
        [["b"], ["b"]]
    );
}

#[tokio::test]
async fn only_the_configured_claims_are_read() {
    let key = TestKey::es256("a");
    let verifier = verifier(IssuerSettings {
        groups_claim: "cognito:groups".to_owned(),
        scopes_claim: "scp".to_owned(),
        ..settings(KeysFrom::Json(key_set(&[&key])))
    });
    let mut claims = claims_with("cognito:groups", json!(["support"]));
    claims["scp"] = "read".into();
    claims["scope"] = "admin".into();
    claims["groups"] = json!(["admins"]);
    let principal = accepted(&verifier, &key.sign(&claims), now()).await;
    assert_eq!(
        principal
            .groups
            .iter()
            .map(AsRef::as_ref)
            .collect::<Vec<&str>>(),
        ["support"]
    );
    assert_eq!(
        principal
            .scopes
            .iter()
            .map(AsRef::as_ref)
            .collect::<Vec<&str>>(),
        ["read"]
    );
}
