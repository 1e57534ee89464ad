//! Real requests, and what the document says of their answers.

use std::collections::BTreeSet;

use axum::http::Method;

use super::{document_of, keeps_its_promise, operations, plain, strict};
use crate::support::{ALICE, Ask, Setup, World};

const PROFILE: &str = "/users/{userId}/profile";

/// Asks, and notes which success it was.
async fn ask(world: &World, path: &str, method: Method, ask: Ask, seen: &mut BTreeSet<String>) {
    let document = document_of(world).await;
    let ask = ask.token("user:alice;scope:read;scope:write;scope:delete");
    let answer = world.ask(ask).await;
    assert!(
        answer.status.is_success() || answer.status == 304,
        "{answer:?}"
    );
    keeps_its_promise(&document, path, &method, &answer);
    seen.insert(format!("{method} {path} {}", answer.status.as_u16()));
}

#[tokio::test]
async fn every_documented_success_can_be_had_and_is_as_documented() {
    for setup in [plain(), strict(), Setup::default()] {
        let grants = !setup.rules.access.grants.is_empty();
        let world = setup.start();
        let document = document_of(&world).await;
        let mut seen = BTreeSet::new();
        let see = &mut seen;
        let put = || Ask::put(ALICE, r#"{"age":1}"#);
        ask(&world, PROFILE, Method::PUT, put(), see).await;
        ask(
            &world,
            PROFILE,
            Method::PUT,
            put().header("if-match", "*"),
            see,
        )
        .await;
        ask(&world, PROFILE, Method::GET, Ask::get(ALICE), see).await;
        ask(
            &world,
            PROFILE,
            Method::HEAD,
            Ask::head("/users/me/profile"),
            see,
        )
        .await;
        let known = Ask::get(ALICE).header("if-none-match", "*");
        ask(&world, PROFILE, Method::GET, known, see).await;
        let known = Ask::head(ALICE).header("if-none-match", "*");
        ask(&world, PROFILE, Method::HEAD, known, see).await;
        for (media_type, body) in [
            ("application/json", r#"{"age":2}"#),
            ("application/merge-patch+json", r#"{"age":3}"#),
            (
                "application/json-patch+json",
                r#"[{"op":"add","path":"/age","value":4}]"#,
            ),
        ] {
            let patch = Ask::patch(ALICE, media_type, body).header("if-match", "*");
            ask(&world, PROFILE, Method::PATCH, patch, see).await;
        }
        ask(&world, PROFILE, Method::OPTIONS, Ask::options(ALICE), see).await;
        if grants {
            let import = "user:bob;group:import;scope:write";
            for (method, ask) in [
                (Method::PUT, put()),
                (Method::PATCH, Ask::merge(ALICE, r#"{"age":5}"#)),
            ] {
                let ask = ask.token(import).header("if-match", "*");
                let answer = world.ask(ask).await;
                assert_eq!(answer.status, 204, "{answer:?}");
                keeps_its_promise(&document, PROFILE, &method, &answer);
                see.insert(format!("{method} {PROFILE} 204"));
            }
        }
        let delete = Ask::delete(ALICE).header("if-match", "*");
        ask(&world, PROFILE, Method::DELETE, delete, see).await;
        for path in ["/healthz", "/readyz", "/openapi.json", "/docs"] {
            for method in [Method::GET, Method::HEAD, Method::OPTIONS] {
                let request = Ask::new(method.clone(), path).anonymous();
                ask(&world, path, method, request, see).await;
            }
        }
        for path in ["/openapi.json", "/docs"] {
            for method in [Method::GET, Method::HEAD] {
                let known = Ask::new(method.clone(), path).header("if-none-match", "*");
                ask(&world, path, method, known, see).await;
            }
        }
        let documented: BTreeSet<String> = operations(&document)
            .iter()
            .flat_map(|(path, method, operation)| {
                let statuses = operation["responses"]
                    .as_object()
                    .expect("responses")
                    .keys();
                let successes = statuses.filter(|status| status.as_str() < "400");
                successes
                    .map(move |status| format!("{method} {path} {status}"))
                    .collect::<Vec<_>>()
            })
            .collect();
        assert_eq!(seen, documented);
    }
}

#[tokio::test]
async fn the_examples_of_bodies_are_taken() {
    for setup in [plain(), strict(), Setup::default()] {
        let world = setup.start();
        let document = document_of(&world).await;
        let token = "user:alice;scope:read;scope:write";
        let content =
            |method: &str| document["paths"][PROFILE][method]["requestBody"]["content"].clone();
        let mut bodies = Vec::new();
        for method in [Method::PUT, Method::PATCH] {
            let all = content(&method.as_str().to_lowercase());
            for (media_type, content) in all.as_object().expect("media types") {
                let example = content["examples"]["example"]["value"].to_string();
                bodies.push((method.clone(), media_type.clone(), example));
            }
        }
        assert_eq!(bodies.len(), 4);
        for (index, (method, media_type, body)) in bodies.into_iter().enumerate() {
            let mut ask = Ask::new(method, ALICE).token(token).body(body);
            ask = ask.header("content-type", &media_type);
            // The first makes the profile.
            if index > 0 {
                ask = ask.header("if-match", "*");
            }
            let answer = world.ask(ask).await;
            assert!(answer.status.is_success(), "{media_type}: {answer:?}");
            let shown = &document["paths"][PROFILE]["put"]["responses"]["200"]["content"];
            assert_eq!(
                answer.json(),
                shown["application/json"]["examples"]["example"]["value"]
            );
        }
    }
}

/// Whatever is no operation is one of the two failures that are nobody's.
#[tokio::test]
async fn what_is_no_operation_is_refused_as_documented() {
    let world = plain().start();
    let document = document_of(&world).await;
    for (path, method) in [
        (ALICE, Method::POST),
        (ALICE, Method::TRACE),
        ("/healthz", Method::PUT),
        ("/openapi.json", Method::POST),
        ("/docs", Method::DELETE),
        ("/docs/init.js", Method::PATCH),
        ("/", Method::GET),
        ("/docs/", Method::GET),
        ("/docs/index.html", Method::GET),
        ("/openapi.json/", Method::GET),
        ("/users/alice/profile/", Method::GET),
    ] {
        let answer = world.ask(Ask::new(method.clone(), path).anonymous()).await;
        let expected = if method == Method::GET { 404 } else { 405 };
        assert_eq!(answer.status, expected, "{method} {path}");
        keeps_its_promise(&document, path, &method, &answer);
    }
}
