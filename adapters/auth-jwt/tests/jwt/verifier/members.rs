//! The claims as JSON: nothing there twice, nothing too deep, nothing too many (RFC 7519, 4; RFC 7515,
//! 10.12).

use serde_json::{Value, json};
use usher_auth_jwt::{IssuerSettings, KeysFrom, MAX_TOKEN_BYTES};
use usher_testkit::tokens::TestKey;

use super::{NO_EXPIRY, NO_SUBJECT, UNREADABLE_CLAIMS, WRONG_AUDIENCE};
use crate::support::{
    NOON, accepted, assert_accepted, assert_refused, claims, claims_with, key_set, now, settings,
    trusting, verifier,
};

/// A payload with this text in front of its members.
fn with_text(claims: &Value, members: &str) -> String {
    claims
        .to_string()
        .replacen('{', &format!("{{{members},"), 1)
}

/// Which of two would count depends on the parser, so neither does.
async fn assert_refused_when_there_twice(again: &[&str]) {
    let key = TestKey::es256("a");
    let verifier = trusting(&[&key]);
    let mut claims = claims();
    claims["nbf"] = NOON.into();
    claims["scope"] = "read".into();
    claims["groups"] = json!(["users"]);
    assert_accepted(&verifier, &key.sign(&claims), now()).await;
    let object = claims.to_string();
    for again in again {
        let first = object.replacen('{', &format!("{{{again},"), 1);
        let last = format!("{},{again}}}", &object[..object.len() - 1]);
        for payload in [first, last] {
            let token = key.sign_text(&key.header().to_string(), &payload);
            assert_refused(&verifier, &token, UNREADABLE_CLAIMS).await;
        }
    }
}

#[tokio::test]
async fn a_claim_that_decides_and_is_there_twice_is_refused() {
    assert_refused_when_there_twice(&[
        r#""iss":"https://issuer.example.com/""#,
        r#""sub":"bob""#,
        r#""aud":"usher""#,
        r#""exp":9000000000"#,
        r#""nbf":0"#,
        r#""iat":0"#,
    ])
    .await;
}

#[tokio::test]
async fn scopes_or_groups_that_are_there_twice_are_refused() {
    assert_refused_when_there_twice(&[r#""scope":"admin""#, r#""groups":["admins"]"#]).await;
}

#[tokio::test]
async fn a_claim_that_nobody_reads_and_is_there_twice_is_refused() {
    assert_refused_when_there_twice(&[
        r#""x":1,"x":1"#,
        r#""x":1,"y":2,"z":3,"x":4"#,
        r#""x":null,"x":null"#,
        r#""":0,"":0"#,
        r#""email":"a@example.com","email":"b@example.com""#,
    ])
    .await;
}

/// A name is a text and not its spelling.
#[tokio::test]
async fn a_claim_that_is_there_twice_in_different_spellings_is_refused() {
    assert_refused_when_there_twice(&[
        r#""\u0069ss":"https://issuer.example.com/""#,
        r#""\u0073\u0075\u0062":"bob""#,
        r#""au\u0064":"usher""#,
        r#""e\u0078p":9000000000"#,
        r#""\u006Ebf":0"#,
        r#""\u006eb\u0066":0"#,
        r#""sco\u0070e":"admin""#,
        r#""\u0067roups":["admins"]"#,
        r#""\/":1,"/":1"#,
        r#""\n":1,"\u000A":1"#,
        r#""é":1,"\u00e9":1"#,
        r#""\ud83d\ude00":1,"😀":1"#,
    ])
    .await;
}

/// It is refused though neither value would be accepted, or both would.
#[tokio::test]
async fn a_claim_that_is_there_twice_is_refused_whatever_its_values() {
    let key = TestKey::es256("a");
    let verifier = trusting(&[&key]);
    for twice in [
        r#""sub":"alice""#,
        r#""sub":null"#,
        r#""sub":"""#,
        r#""aud":["usher"]"#,
        r#""exp":1"#,
        r#""exp":1795349400"#,
    ] {
        let payload = with_text(&claims(), twice);
        let token = key.sign_text(&key.header().to_string(), &payload);
        assert_refused(&verifier, &token, UNREADABLE_CLAIMS).await;
    }
}

#[tokio::test]
async fn claims_whose_names_differ_in_a_character_are_others() {
    let key = TestKey::es256("a");
    let verifier = trusting(&[&key]);
    let others =
        r#""Sub":"bob","SUB":"bob","sub ":"bob","sub\u0000":"bob","ѕub":"bob","\tsub":"bob""#;
    let token = key.sign_text(&key.header().to_string(), &with_text(&claims(), others));
    assert_accepted(&verifier, &token, now()).await;
    // Nor do they stand for the one that is missing.
    let payload = claims().to_string().replace("\"sub\"", "\"Sub\"");
    let token = key.sign_text(&key.header().to_string(), &payload);
    assert_refused(&verifier, &token, NO_SUBJECT).await;
}

/// What is inside a claim that is not read is nobody's business.
#[tokio::test]
async fn what_is_there_twice_inside_a_claim_that_is_not_read_is_ignored() {
    let key = TestKey::es256("a");
    let nested = with_text(&claims(), r#""address":{"sub":"bob","sub":"carol"}"#);
    let token = key.sign_text(&key.header().to_string(), &nested);
    assert_accepted(&trusting(&[&key]), &token, now()).await;
}

/// Two readers of one path must not find two lists of groups: neither is found.
#[tokio::test]
async fn what_is_there_twice_on_the_path_to_the_groups_names_nothing() {
    let key = TestKey::es256("a");
    let verifier = verifier(IssuerSettings {
        groups_claim: "/realm_access/inner/roles".to_owned(),
        scopes_claim: "/realm_access/scope".to_owned(),
        ..settings(KeysFrom::Json(key_set(&[&key])))
    });
    let inner = r#"{"roles":["user"]}"#;
    for (text, groups, scopes) in [
        (format!(r#"{{"inner":{inner},"scope":"read"}}"#), 1, 1),
        // On the path of both.
        (
            format!(r#"{{"inner":{inner},"inner":{inner},"scope":"read"}}"#),
            0,
            0,
        ),
        (
            format!(r#"{{"inner":{inner},"scope":"read","scope":"admin"}}"#),
            0,
            0,
        ),
        (
            format!(r#"{{"inner":{inner},"scope":"read","sc\u006fpe":"admin"}}"#),
            0,
            0,
        ),
        (
            format!(r#"{{"inner":{inner},"scope":"read","x":1,"x":1}}"#),
            0,
            0,
        ),
        // On the path of the groups alone.
        (
            r#"{"inner":{"roles":["user"],"roles":["admin"]},"scope":"read"}"#.to_owned(),
            0,
            1,
        ),
        (
            r#"{"inner":{"roles":["user"],"r\u006fles":["admin"]},"scope":"read"}"#.to_owned(),
            0,
            1,
        ),
        // Beside it.
        (
            format!(r#"{{"inner":{inner},"scope":"read","other":{{"x":1,"x":1}}}}"#),
            1,
            1,
        ),
    ] {
        let payload = with_text(&claims(), &format!(r#""realm_access":{text}"#));
        let token = key.sign_text(&key.header().to_string(), &payload);
        let principal = accepted(&verifier, &token, now()).await;
        let found = (principal.groups.len(), principal.scopes.len());
        assert_eq!(found, (groups, scopes), "{text}");
        assert!(!principal.groups.contains("admin") && !principal.scopes.contains("admin"));
    }
    let twice = format!(r#""realm_access":{{"inner":{inner}}}"#);
    let payload = with_text(&claims(), &format!("{twice},{twice}"));
    let token = key.sign_text(&key.header().to_string(), &payload);
    assert_refused(&verifier, &token, UNREADABLE_CLAIMS).await;
}

#[tokio::test]
async fn null_is_no_value_however_much_space_is_around_it() {
    let key = TestKey::es256("a");
    let verifier = trusting(&[&key]);
    for (name, reason) in [
        ("sub", NO_SUBJECT),
        ("aud", WRONG_AUDIENCE),
        ("exp", NO_EXPIRY),
    ] {
        let payload = claims_with(name, Value::Null).to_string();
        for null in [":null", ": null", ":\tnull ", ":\r\nnull\n"] {
            let payload = payload.replace(":null", null);
            let token = key.sign_text(&key.header().to_string(), &payload);
            assert_refused(&verifier, &token, reason).await;
        }
    }
}

fn deep(open: &str, levels: usize, close: &str) -> String {
    format!("{}1{}", open.repeat(levels), close.repeat(levels))
}

/// What is not read cannot be too deep, and what is read is read a level at a time.
#[tokio::test]
async fn a_claim_nested_without_end_is_harmless_wherever_it_is() {
    let key = TestKey::es256("a");
    let reading = verifier(IssuerSettings {
        groups_claim: "/groups/a/a/a".to_owned(),
        ..settings(KeysFrom::Json(key_set(&[&key])))
    });
    let header = key.header().to_string();
    for deep in [
        deep("[", 2_400, "]"),
        deep("{\"a\":", 900, "}"),
        deep("[{\"a\":", 700, "}]"),
    ] {
        for verifier in [&trusting(&[&key]), &reading] {
            for (name, reason) in [
                ("x", None),
                ("scope", None),
                ("groups", None),
                ("sub", Some(NO_SUBJECT)),
                ("aud", Some(WRONG_AUDIENCE)),
                ("iss", Some(super::NO_ISSUER)),
                ("exp", Some(super::UNREADABLE_TIMES)),
            ] {
                let payload = claims_with(name, 1).to_string();
                let payload =
                    payload.replace(&format!("\"{name}\":1,"), &format!("\"{name}\":{deep},"));
                let payload =
                    payload.replace(&format!("\"{name}\":1}}"), &format!("\"{name}\":{deep}}}"));
                let token = key.sign_text(&header, &payload);
                assert!(
                    payload.contains(&deep) && token.len() <= MAX_TOKEN_BYTES,
                    "{name}"
                );
                match reason {
                    Some(reason) => assert_refused(verifier, &token, reason).await,
                    None => assert_accepted(verifier, &token, now()).await,
                }
            }
        }
        let header = header.replacen('{', &format!("{{\"x\":{deep},"), 1);
        let token = key.sign_text(&header, &claims().to_string());
        assert_accepted(&reading, &token, now()).await;
    }
}

#[tokio::test]
async fn nesting_that_does_not_end_is_refused() {
    let key = TestKey::es256("a");
    let verifier = trusting(&[&key]);
    let header = key.header().to_string();
    for open in ["[".repeat(5_000), "{\"a\":".repeat(1_000)] {
        for payload in [
            open.clone(),
            with_text(&claims(), &format!("\"x\":{open}1")),
        ] {
            let token = key.sign_text(&header, &payload);
            assert_refused(&verifier, &token, UNREADABLE_CLAIMS).await;
        }
    }
    let deep = deep("[", 2_400, "]");
    let token = key.sign_text(&header, &deep);
    assert_refused(&verifier, &token, UNREADABLE_CLAIMS).await;
}

/// As many claims as a token has room for. That they are not compared each with each is `members.rs`'s
/// doing: they are sorted.
#[tokio::test]
async fn a_thousand_claims_are_accepted_and_one_of_them_twice_is_not() {
    let key = TestKey::es256("a");
    let verifier = trusting(&[&key]);
    let header = key.header().to_string();
    let many: Vec<_> = (0..750).map(|one| format!("\"{one:x}\":0")).collect();
    let token = key.sign_text(&header, &with_text(&claims(), &many.join(",")));
    assert!((7_000..=MAX_TOKEN_BYTES).contains(&token.len()));
    assert_accepted(&verifier, &token, now()).await;
    for (one, other) in [(0, 1), (0, 749), (374, 375), (748, 749)] {
        let mut many = many.clone();
        many[other] = many[one].clone();
        let token = key.sign_text(&header, &with_text(&claims(), &many.join(",")));
        assert_refused(&verifier, &token, UNREADABLE_CLAIMS).await;
    }
}

#[tokio::test]
async fn thousands_of_audiences_scopes_and_groups_are_read() {
    let key = TestKey::es256("a");
    let verifier = trusting(&[&key]);
    let many = vec![""; 1_800];
    for name in ["aud", "groups", "scope"] {
        let token = key.sign(&claims_with(name, json!(many)));
        assert!((7_000..=MAX_TOKEN_BYTES).contains(&token.len()));
        if name == "aud" {
            assert_refused(&verifier, &token, WRONG_AUDIENCE).await;
        } else {
            assert_accepted(&verifier, &token, now()).await;
        }
    }
    let mut last = many.clone();
    last.push("usher");
    let token = key.sign(&claims_with("aud", json!(last)));
    assert_accepted(&verifier, &token, now()).await;
    let names: Vec<_> = (0..1_000).map(|one| format!("{one:x}")).collect();
    let token = key.sign(&claims_with("groups", json!(names)));
    assert_eq!(accepted(&verifier, &token, now()).await.groups.len(), 1_000);
    let token = key.sign(&claims_with("scope", names.join(" ")));
    assert_eq!(accepted(&verifier, &token, now()).await.scopes.len(), 1_000);
}
