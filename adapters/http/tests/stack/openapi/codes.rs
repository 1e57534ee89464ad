//! Every code that the document names for an operation is one that the operation answers.

use axum::http::Method;
use usher_domain::ports::StoreErrorKind;
use usher_http::{Limits, problem::ErrorCode};
use usher_testkit::fakes::Behaviour;

use super::{codes_of, document_of, keeps_its_promise, operations, strict};
use crate::support::{ALICE, Answer, Ask, KEY, Setup, plan_limits};

const STORED: &str = r#"{"age":1,"tier":"silver"}"#;

/// A request that goes well, when there is a profile.
fn ask(method: &Method, path: &str) -> Ask {
    let path = path.replace("/users/{userId}/profile", ALICE);
    let ask = match *method {
        Method::PUT => Ask::put(&path, r#"{"age":2}"#),
        Method::PATCH => Ask::merge(&path, r#"{"age":2}"#),
        _ => Ask::new(method.clone(), &path),
    };
    let ask = ask.token("user:alice;scope:read;scope:write;scope:delete");
    if path == ALICE && *method != Method::OPTIONS {
        ask.header("if-match", "*")
    } else {
        ask
    }
}

fn elsewhere(method: &Method, path: &str) -> Ask {
    let body = ask(method, "/users/{userId}/profile").into_request();
    let mut ask = Ask::new(method.clone(), path);
    for (name, value) in body.headers() {
        let value = value.to_str().expect("text");
        // Names of headers that this file sets.
        for known in ["authorization", "x-api-key", "content-type", "if-match"] {
            if name == known {
                ask = ask.header(known, value);
            }
        }
    }
    ask.body(body.into_body())
}

/// Makes an operation answer with a code.
#[allow(clippy::too_many_lines, reason = "one arm for each code")]
async fn provoke(code: ErrorCode, method: &Method, path: &str) -> Answer {
    let ask = || ask(method, path);
    let with = async |setup: Setup, ask: Ask| {
        let world = setup.start();
        world.alice_was_given(STORED);
        world.ask(ask).await
    };
    let behaving = async |behaviour: Behaviour| {
        let world = strict().start();
        world.alice_was_given(STORED);
        world.profiles.behave(behaviour);
        world.ask(ask()).await
    };
    let spent = async |rate: f64, burst: u64, quota: u64| {
        let world = Setup {
            plan: plan_limits(rate, burst, quota),
            ..strict()
        }
        .start();
        world.spend_all(KEY).await;
        world.ask(ask()).await
    };
    let with_body = async |merge: &'static str, operations: &'static str| {
        let ask = if *method == Method::PATCH && !operations.is_empty() {
            ask()
                .header("content-type", "application/json-patch+json")
                .body(operations)
        } else {
            ask().body(merge)
        };
        with(strict(), ask).await
    };
    match code {
        ErrorCode::MissingToken => with(strict(), ask().without("authorization")).await,
        ErrorCode::InvalidToken => with(strict(), ask().token("nonsense")).await,
        ErrorCode::TokenExpired => with(strict(), ask().token("expired")).await,
        ErrorCode::InsufficientScope => with(strict(), ask().token("user:alice")).await,
        ErrorCode::InvalidApiKey => with(strict(), ask().without("x-api-key")).await,
        ErrorCode::NotYourProfile => with(strict(), elsewhere(method, "/users/bob/profile")).await,
        ErrorCode::AttributeNotGranted => {
            let token = "user:bob;group:support;scope:read;scope:write;scope:delete";
            let ask = match *method {
                Method::PATCH => ask().body(r#"{"name":"Bob"}"#),
                _ => ask(),
            };
            with(strict(), ask.token(token)).await
        }
        ErrorCode::AttributeReadOnly => with_body(r#"{"tier":"gold"}"#, "").await,
        ErrorCode::Throttled => spent(50.0, 100, 10_000).await,
        ErrorCode::QuotaExceeded => spent(50.0, 100, 5).await,
        ErrorCode::ProfileNotFound => strict().start().ask(ask()).await,
        ErrorCode::RouteNotFound => with(strict(), elsewhere(method, "/nowhere")).await,
        ErrorCode::MethodNotAllowed => with(strict(), self::ask(&Method::POST, path)).await,
        ErrorCode::MissingParameter => with(strict(), elsewhere(method, "/users//profile")).await,
        ErrorCode::InvalidUserId => with(strict(), elsewhere(method, "/users/a%2Fb/profile")).await,
        ErrorCode::InvalidJson => with_body("{", "").await,
        ErrorCode::InvalidPatch => with_body("", "{}").await,
        ErrorCode::NotPortable => with_body(r#"{"_reserved":1}"#, "").await,
        ErrorCode::SchemaViolation => with_body(r#"{"age":"old"}"#, "").await,
        ErrorCode::PatchPathNotFound => with_body("", r#"[{"op":"remove","path":"/none"}]"#).await,
        ErrorCode::PatchTestFailed => {
            with_body("", r#"[{"op":"test","path":"/age","value":9}]"#).await
        }
        ErrorCode::UnsupportedMediaType => {
            with(strict(), ask().header("content-type", "text/plain")).await
        }
        ErrorCode::TooLarge => {
            let long = format!("{}?{}", path.replace("{userId}", "alice"), "a".repeat(9000));
            with(strict(), elsewhere(method, &long)).await
        }
        ErrorCode::WriteConflict => {
            let world = strict().start();
            world.alice_was_given(STORED);
            world.profiles.contend();
            world.ask(ask()).await
        }
        ErrorCode::PreconditionFailed => {
            with(strict(), ask().header("if-match", "\"another\"")).await
        }
        ErrorCode::PreconditionRequired => with(strict(), ask().without("if-match")).await,
        ErrorCode::Unavailable => behaving(Behaviour::Fail(StoreErrorKind::Unavailable)).await,
        ErrorCode::Internal => behaving(Behaviour::Panic).await,
        ErrorCode::Timeout => {
            let mut setup = strict();
            // Shorter than the deadline that a probe of the store has.
            setup.limits.timeout = Some(std::time::Duration::from_millis(500));
            let world = setup.start();
            world.profiles.behave(Behaviour::Stall);
            world.ask(ask()).await
        }
        ErrorCode::Overloaded => {
            let limits = Limits {
                timeout: None,
                max_in_flight: Some(0),
            };
            with(Setup { limits, ..strict() }, ask()).await
        }
    }
}

/// What the table of codes says of headers is so.
fn carries_its_headers(code: ErrorCode, method: &Method, answer: &Answer) {
    // Only a patch can be told which patches there are.
    if code == ErrorCode::UnsupportedMediaType && *method != Method::PATCH {
        return;
    }
    for name in code.headers() {
        assert!(answer.headers.contains_key(*name), "{name}: {answer:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn every_documented_failure_can_be_had_and_is_as_documented() {
    let document = document_of(&strict().start()).await;
    let mut provoked = 0;
    for (path, method, operation) in operations(&document) {
        for (status, name) in codes_of(&document, &operation) {
            let code = *ErrorCode::ALL
                .iter()
                .find(|code| code.as_str() == name)
                .expect("a code");
            let answer = provoke(code, &method, &path).await;
            assert_eq!(answer.code(), name, "{method} {path}: {answer:?}");
            assert_eq!(answer.status.as_u16(), status, "{method} {path}");
            keeps_its_promise(&document, &path, &method, &answer);
            carries_its_headers(code, &method, &answer);
            provoked += 1;
        }
    }
    assert!(provoked > 100, "{provoked}");
}

/// What goes wrong with every operation, whether the document says so or not, is in the document.
#[tokio::test(start_paused = true)]
async fn every_failure_that_can_be_had_is_documented() {
    let world = strict().start();
    let document = document_of(&world).await;
    for (path, method, operation) in operations(&document) {
        // HEAD's failures have no body that could name the code.
        if method == Method::HEAD {
            continue;
        }
        let documented = codes_of(&document, &operation);
        for code in ErrorCode::ALL {
            let answer = provoke(*code, &method, &path).await;
            let (status, name) = (answer.status.as_u16(), answer.code());
            let is_no_operations =
                matches!(name.as_str(), "route_not_found" | "method_not_allowed");
            // Some ways to provoke a code lead past an operation that does not have it.
            let is_elsewhere = matches!(
                code,
                ErrorCode::NotYourProfile | ErrorCode::MissingParameter | ErrorCode::InvalidUserId
            ) && !path.starts_with("/users/");
            if name != "-" && !is_no_operations && !is_elsewhere {
                assert!(
                    documented.contains(&(status, name)),
                    "{method} {path}: {answer:?}"
                );
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn examples_say_what_answers_say() {
    let document = document_of(&strict().start()).await;
    let mut seen = std::collections::BTreeSet::new();
    for (path, method, operation) in operations(&document) {
        for (_, name) in codes_of(&document, &operation) {
            // A whole method that is not granted has no places that it could name.
            let is_whole = name == "attribute_not_granted" && method != Method::PATCH;
            if is_whole || !seen.insert(name.clone()) {
                continue;
            }
            let code = *ErrorCode::ALL
                .iter()
                .find(|code| code.as_str() == name)
                .expect("a code");
            let answer = provoke(code, &method, &path).await.json();
            let example = &document["components"]["examples"][&name]["value"];
            for member in ["type", "title", "status", "code", "message"] {
                assert_eq!(answer[member], example[member], "{name}");
            }
            let places = |problem: &serde_json::Value| problem.get("errors").is_some();
            assert_eq!(places(&answer), places(example), "{name}");
        }
    }
}
