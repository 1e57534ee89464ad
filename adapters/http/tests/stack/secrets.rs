//! Marked secrets are sent through every path, and everything that came out is searched.

use std::collections::BTreeSet;

use axum::http::Method;
use usher_domain::ports::StoreErrorKind;
use usher_testkit::fakes::{Behaviour, FAULT_SAYS, PANIC_SAYS};

use crate::support::{ALICE, Ask, Events, KEY, Setup, VIOLATIONS, World, plan_limits};

const IN_QUERY: &str = "marked-query";
const IN_TOKEN: &str = "marked-token";
const IN_KEY: &str = "marked-key-0123456789";
const IN_CONTENT: &str = "marked-content";
/// A member's name: a client may be told of the place, and no log.
const IN_NAME: &str = "marked-name";
/// A tag, of a precondition.
const IN_TAG: &str = "marked-tag";

/// Every kind of failure that the requests come to, so that none of them is looked at in vain.
const REACHED: &[&str] = &[
    "attribute_read_only",
    "internal",
    "invalid_api_key",
    "invalid_json",
    "invalid_patch",
    "invalid_token",
    "method_not_allowed",
    "missing_parameter",
    "not_portable",
    "not_your_profile",
    "patch_path_not_found",
    "patch_test_failed",
    "precondition_failed",
    "quota_exceeded",
    "route_not_found",
    "schema_violation",
    "timeout",
    "too_large",
    "unavailable",
    "unsupported_media_type",
];

/// Requests that get as far as each stage, each with all the secrets that it can carry.
fn requests() -> Vec<Ask> {
    let target = format!("{ALICE}?access_token={IN_QUERY}");
    let content = format!(r#"{{"name":"{IN_CONTENT}"}}"#);
    let good_token = format!("user:alice;scope:{IN_TOKEN}");
    let mut asks = Vec::new();
    for method in [
        Method::GET,
        Method::HEAD,
        Method::DELETE,
        Method::OPTIONS,
        Method::POST,
    ] {
        let ask = || Ask::new(method.clone(), &target).token(&good_token);
        asks.push(ask());
        asks.push(ask().key(IN_KEY));
        asks.push(ask().another("x-api-key", IN_KEY));
        asks.push(ask().token(IN_TOKEN));
        asks.push(ask().header("authorization", &format!("Basic {IN_TOKEN}")));
        asks.push(ask().header("authorization", &format!("Bearer {IN_TOKEN} {IN_TOKEN}")));
        asks.push(ask().another("authorization", IN_TOKEN));
        asks.push(ask().header("if-match", &format!("\"{IN_CONTENT}\"")));
    }
    for body in [
        content.clone(),
        format!("{content},"),
        format!("\"{IN_CONTENT}"),
        format!("[{content}]"),
        content.replace("name", "_name"),
        content.replace("name", "userId"),
        content.replace("marked-", "marked-content\\u0000"),
        content.replace("marked-content", &"marked-content".repeat(64)),
    ] {
        let put = Ask::put(&target, body).token(&good_token);
        asks.push(put);
    }
    for patch in patches(&target) {
        asks.push(patch.token(&good_token));
    }
    let unknown = Ask::put(&target, content).header("content-type", &format!("text/{IN_CONTENT}"));
    asks.push(unknown.token(&good_token));
    for path in [
        "/healthz",
        "/readyz",
        "/nowhere",
        "/users//profile",
        "/users/bob/profile",
    ] {
        asks.push(Ask::get(&format!("{path}?{IN_QUERY}")).token(&good_token));
    }
    asks
}

/// Patches that are carried out, and patches that are refused for each reason that there is.
fn patches(target: &str) -> Vec<Ask> {
    let mut asks = Vec::new();
    for body in [
        format!(r#"{{"{IN_NAME}":"{IN_CONTENT}"}}"#),
        format!(r#"{{"{IN_NAME}":"{IN_CONTENT}""#),
        format!(r#"["{IN_CONTENT}"]"#),
        format!(r#"{{"userId":"{IN_CONTENT}"}}"#),
        format!(r#"{{"_{IN_NAME}":"{IN_CONTENT}"}}"#),
        format!(r#"{{"{IN_NAME}":"{IN_CONTENT}\u0000"}}"#),
        format!(r#"{{"{IN_NAME}":"{}"}}"#, IN_CONTENT.repeat(64)),
        // Those that the schema and what is read only are about.
        format!(r#"{{"tier":"{IN_CONTENT}"}}"#),
        format!(r#"{{"age":"{IN_CONTENT}","email":"{IN_CONTENT}"}}"#),
    ] {
        asks.push(Ask::put(target, body.clone()));
        asks.push(Ask::merge(target, body));
    }
    for operation in [
        format!(r#"{{"op":"add","path":"/{IN_NAME}","value":"{IN_CONTENT}"}}"#),
        format!(r#"{{"op":"test","path":"/name","value":"{IN_CONTENT}, and more"}}"#),
        format!(r#"{{"op":"test","path":"/{IN_NAME}/0","value":"{IN_CONTENT}"}}"#),
        format!(r#"{{"op":"remove","path":"/{IN_NAME}/0"}}"#),
        format!(r#"{{"op":"copy","from":"/{IN_NAME}/0","path":"/{IN_NAME}"}}"#),
        format!(r#"{{"op":"add","path":"/_{IN_NAME}","value":"{IN_CONTENT}"}}"#),
        format!(r#"{{"op":"add","path":"/{IN_NAME}","value":"{IN_CONTENT}\u0000"}}"#),
        format!(r#"{{"op":"replace","path":"/userId","value":"{IN_CONTENT}"}}"#),
        format!(r#"{{"op":"replace","path":"/tier","value":"{IN_CONTENT}"}}"#),
        format!(r#"{{"op":"replace","path":"/age","value":"{IN_CONTENT}"}}"#),
        format!(r#"{{"op":"{IN_CONTENT}","path":"/{IN_NAME}"}}"#),
        format!(r#"{{"op":"remove","path":"{IN_CONTENT}"}}"#),
        format!(r#"{{"op":"move","from":"/{IN_NAME}","path":"/{IN_NAME}/0"}}"#),
        format!(r#""{IN_CONTENT}""#),
    ] {
        asks.push(Ask::operations(target, format!("[{operation}]")));
        asks.push(Ask::operations(target, format!("[{operation},")));
        let of_another_tag = Ask::operations(target, format!("[{operation}]"));
        asks.push(of_another_tag.header("if-match", &format!("\"{IN_TAG}\"")));
    }
    asks
}

/// A deployment with a schema and small profiles.
fn world() -> World {
    let mut setup = Setup::with_schema(&["tier"]).max_bytes(512);
    setup.plan = plan_limits(1000.0, 1000, 1000);
    setup.start()
}

#[tokio::test(start_paused = true)]
async fn no_secret_comes_out_in_a_line_an_event_or_an_error() {
    let events = Events::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(events.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let (mut answers, mut lines, mut told) = (0, Vec::new(), Vec::new());
    let mut codes = BTreeSet::new();
    for behaviour in [
        Behaviour::Serve,
        Behaviour::Fail(StoreErrorKind::Unavailable),
        Behaviour::Fail(StoreErrorKind::Corrupt),
        Behaviour::Stall,
        Behaviour::Panic,
    ] {
        for spent in [false, true] {
            let world = world();
            if spent {
                world.spend_all(KEY).await;
            }
            world.profiles.behave(behaviour);
            let stored = format!(r#"{{"age":1,"name":"{IN_CONTENT}","tier":"gold"}}"#);
            for ask in requests() {
                world.alice_was_given(&stored);
                let answer = world.ask(ask).await;
                answers += 1;
                if answer.text().contains("\"code\"") {
                    codes.insert(answer.code());
                }
                let mut secrets = vec![IN_QUERY, IN_TOKEN, IN_KEY, IN_TAG, PANIC_SAYS];
                secrets.extend(FAULT_SAYS);
                if !answer.status.is_success() {
                    secrets.push(IN_CONTENT);
                }
                let everything = answer.snapshot().to_string();
                assert_none_of(&secrets, &everything);
            }
            lines.extend(world.log.take_text());
            // What metrics and traces are made of.
            told.extend(world.told.take().iter().map(|told| format!("{told:?}")));
        }
    }
    assert_eq!(lines.len(), answers, "a line a request");
    let (lines, told, events) = (lines.join("\n"), told.join("\n"), events.take());
    assert!(
        events.contains("reading marked_table: postgres://\u{2026}@db"),
        "the log of events has the cause, without its password: {events}"
    );
    let reached: Vec<_> = codes.iter().map(String::as_str).collect();
    assert_eq!(reached, REACHED, "the secrets went this far");
    let mut secrets = vec![IN_QUERY, IN_TOKEN, IN_KEY, IN_CONTENT, IN_NAME, IN_TAG, KEY];
    secrets.extend(VIOLATIONS);
    secrets.push("marked-password");
    for text in [&events, &lines, &told] {
        assert_none_of(&secrets, text);
    }
    assert_none_of(&FAULT_SAYS, &lines);
    assert_none_of(&[PANIC_SAYS], &lines);
}

fn assert_none_of(secrets: &[&str], text: &str) {
    for secret in secrets {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
}

#[test]
fn debug_output_of_the_stack_shows_no_key_set() {
    let jwks = Some("marked-key-set".to_owned());
    let world = Setup {
        development_jwks: jwks,
        ..Setup::default()
    }
    .start();
    assert!(!format!("{:?}", world.stack).contains("marked"));
}
