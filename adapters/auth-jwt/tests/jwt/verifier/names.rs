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

/// A text is several scopes with spaces between, but one group, whose name may have spaces in it: the
/// group "platform admins" must not make a member of "admins".
#[tokio::test]
async fn scopes_and_groups_are_read_from_text_and_from_lists() {
    for (value, scopes, groups) in [
        (json!("b a"), &["a", "b"][..], &["b a"][..]),
        (json!(" a  b "), &["a", "b"], &[" a  b "]),
        (json!("a a"), &["a"], &["a a"]),
        (json!("a\tb,c"), &["a\tb,c"], &["a\tb,c"]),
        (
            json!("profiles/read"),
            &["profiles/read"],
            &["profiles/read"],
        ),
        (json!(["b", "a"]), &["a", "b"], &["a", "b"]),
        (json!(["a b"]), &["a b"], &["a b"]),
        (json!(["A", "a"]), &["A", "a"], &["A", "a"]),
    ] {
        let expected =
            [scopes, groups].map(|names| names.iter().map(ToString::to_string).collect());
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
    assert!(scopes_and_groups(json!(" ")).await[0].is_empty());
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

/// The groups that a token with these claims has, whose issuer lists them in `claim`.
async fn groups_at(claim: &str, name: &str, value: Value) -> Vec<String> {
    let key = TestKey::es256("a");
    let verifier = verifier(IssuerSettings {
        groups_claim: claim.to_owned(),
        ..settings(KeysFrom::Json(key_set(&[&key])))
    });
    let token = key.sign(&claims_with(name, value));
    let principal = accepted(&verifier, &token, now()).await;
    principal.groups.iter().map(ToString::to_string).collect()
}

/// RFC 6901, the part of it that leads into objects.
#[tokio::test]
async fn a_claim_that_begins_with_a_slash_is_a_pointer() {
    let realm =
        json!({"roles": ["a"], "": ["b"], "x/y": ["c"], "x~y": ["d"], "~1": ["e"], "0": ["f"]});
    for (claim, expected) in [
        ("/realm/roles", &["a"][..]),
        ("/realm/", &["b"]),
        ("/realm/x~1y", &["c"]),
        ("/realm/x~0y", &["d"]),
        ("/realm/~01", &["e"]),
        ("/realm/0", &["f"]),
        ("/realm", &[]),
        ("/", &[]),
        ("/realm/Roles", &[]),
        ("/realm/roles/0", &[]),
        ("/realm/roles/a", &[]),
        ("/realm//roles", &[]),
        ("//realm/roles", &[]),
        ("/realm/nothing/roles", &[]),
        ("/sub/roles", &[]),
        ("realm/roles", &[]),
        ("realm.roles", &[]),
    ] {
        let found = groups_at(claim, "realm", realm.clone()).await;
        assert_eq!(found, expected, "{claim}");
    }
}

/// A name that does not begin with a slash is a name, an address too; one that does has its slash
/// escaped.
#[tokio::test]
async fn a_claim_that_is_an_address_is_found_by_it() {
    for (claim, name) in [
        ("https://example.com/groups", "https://example.com/groups"),
        (
            "/https:~1~1example.com~1groups",
            "https://example.com/groups",
        ),
        ("cognito:groups", "cognito:groups"),
        ("/~1groups", "/groups"),
        ("/", ""),
        ("a~1b", "a~1b"),
        ("é", "é"),
    ] {
        let found = groups_at(claim, name, json!(["a"])).await;
        assert_eq!(found, ["a"], "{claim}");
    }
}

#[tokio::test]
async fn a_path_through_what_is_no_object_names_nothing() {
    for value in [
        json!(null),
        json!("roles"),
        json!(1),
        json!([{"roles": ["a"]}]),
        json!({"roles": null}),
        json!({"roles": {"a": true}}),
        json!({"roles": [["a"]]}),
    ] {
        let found = groups_at("/realm/roles", "realm", value.clone()).await;
        assert!(found.is_empty(), "{value}: {found:?}");
    }
}
