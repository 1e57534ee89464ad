//! What the methods answer when all is well.

use axum::http::{Method, StatusCode};
use usher_domain::ports::StoreErrorKind;
use usher_http::Limits;
use usher_testkit::fakes::Behaviour;

use crate::support::{ALICE, Ask, KEY, Setup, World};

const BODY: &str = r#"{ "name": "Alice", "age": 3.00e1, "tags": ["b", "a"], "zero": -0.0 }"#;
const CANONICAL: &str = r#"{"userId":"alice","age":30,"name":"Alice","tags":["b","a"],"zero":0}"#;

#[tokio::test]
async fn put_creates_then_replaces_and_answers_what_is_stored() {
    let world = World::new();
    let created = world.ask(Ask::put(ALICE, BODY)).await;
    insta::assert_json_snapshot!("put_created", created.snapshot());
    assert_eq!(created.text(), CANONICAL);
    let replaced = world.ask(Ask::put(ALICE, r#"{"name":"Alice B."}"#)).await;
    insta::assert_json_snapshot!("put_replaced", replaced.snapshot());
    let read = world.ask(Ask::get(ALICE)).await;
    assert_eq!((read.text(), read.tag()), (replaced.text(), replaced.tag()));
}

#[tokio::test]
async fn get_answers_the_stored_profile() {
    let world = World::new();
    let tag = world.alice_has(BODY).await;
    let answer = world.ask(Ask::get(ALICE)).await;
    insta::assert_json_snapshot!("get_found", answer.snapshot());
    assert_eq!((answer.text(), answer.tag()), (CANONICAL, tag.as_str()));
}

#[tokio::test]
async fn get_not_modified() {
    let world = World::new();
    let tag = world.alice_has(BODY).await;
    let answer = world
        .ask(Ask::get(ALICE).header("if-none-match", &tag))
        .await;
    insta::assert_json_snapshot!(answer.snapshot());
}

#[tokio::test]
async fn delete_answers_nothing_and_leaves_nothing() {
    let world = World::new();
    world.alice_has(BODY).await;
    insta::assert_json_snapshot!("delete", world.ask(Ask::delete(ALICE)).await.snapshot());
    assert_eq!(world.ask(Ask::get(ALICE)).await.code(), "profile_not_found");
    assert_eq!(
        world.ask(Ask::put(ALICE, BODY)).await.status,
        StatusCode::CREATED
    );
}

#[tokio::test]
async fn options_answers_the_methods_to_anybody() {
    let world = World::new();
    world.spend_all(KEY).await;
    let answer = world.ask(Ask::options(ALICE).anonymous()).await;
    insta::assert_json_snapshot!("options", answer.snapshot());
    let mut methods: Vec<_> = answer
        .header("allow")
        .expect("methods")
        .split(", ")
        .collect();
    methods.sort_unstable();
    assert_eq!(
        methods,
        ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "PUT"]
    );
    let refused = world.ask(Ask::new(Method::POST, ALICE)).await;
    assert_eq!(refused.header("allow"), answer.header("allow"));
}

/// RFC 9110, 8.6: no Content-Length in a 204, and in a 304 none but that of the 200.
#[tokio::test]
async fn an_answer_without_content_does_not_announce_a_length() {
    let world = World::new();
    let tag = world.alice_has(BODY).await;
    let not_modified = Ask::get(ALICE).header("if-none-match", &tag);
    for ask in [not_modified, Ask::options(ALICE), Ask::delete(ALICE)] {
        let answer = world.ask(ask).await;
        assert_eq!(answer.header("content-length"), None, "{}", answer.status);
    }
}

#[tokio::test]
async fn head_is_get_without_the_body_but_with_its_length() {
    let world = World::new();
    let tag = world.alice_has(BODY).await;
    for (path, token) in [
        (ALICE, "user:alice"),
        ("/users/me/profile", "user:alice"),
        ("/users/bob/profile", "user:alice"),
        ("/users/bob/profile", "user:bob"),
        (ALICE, "expired"),
        ("/nowhere", "user:alice"),
    ] {
        let [get, head] = [Ask::get(path), Ask::head(path)].map(|ask| ask.token(token));
        let (get, head) = (world.ask(get).await, world.ask(head).await);
        assert_eq!(head.status, get.status, "{path}");
        assert_eq!(head.text(), "", "{path}");
        let length = get.body.len().to_string();
        assert_eq!(
            head.header("content-length"),
            Some(length.as_str()),
            "{path}"
        );
        for name in [
            "content-type",
            "etag",
            "cache-control",
            "vary",
            "x-amzn-errortype",
        ] {
            assert_eq!(head.header(name), get.header(name), "{path} {name}");
        }
    }
    let matched = world.ask(Ask::head(ALICE).header("if-match", &tag)).await;
    assert_eq!(matched.status, StatusCode::OK);
}

/// HTTP/1 drops such a body on the way out; Lambda and HTTP/2 hand over what they are given.
#[tokio::test(start_paused = true)]
async fn head_has_no_body_when_a_layer_answers_either() {
    let nothing_is_taken = Limits {
        timeout: None,
        max_in_flight: Some(0),
    };
    for (limits, behaviour, code) in [
        (nothing_is_taken, Behaviour::Serve, 503),
        (Setup::default().limits, Behaviour::Stall, 504),
        (Setup::default().limits, Behaviour::Panic, 500),
        (
            Setup::default().limits,
            Behaviour::Fail(StoreErrorKind::Corrupt),
            500,
        ),
    ] {
        let world = Setup {
            limits,
            ..Setup::default()
        }
        .start();
        world.profiles.behave(behaviour);
        let get = world.ask(Ask::get(ALICE)).await;
        let head = world.ask(Ask::head(ALICE)).await;
        assert_eq!((get.status.as_u16(), head.status), (code, get.status));
        let length = get.body.len().to_string();
        assert_eq!(head.text(), "", "{behaviour:?}");
        assert_eq!(head.header("content-length"), Some(length.as_str()));
    }
}

#[tokio::test]
async fn a_bare_token_and_any_case_of_bearer_are_taken() {
    let world = World::new();
    world.alice_has("{}").await;
    for value in [
        "Bearer user:alice",
        "bearer user:alice",
        "BEARER   user:alice",
        "user:alice",
    ] {
        let answer = world
            .ask(Ask::get(ALICE).header("authorization", value))
            .await;
        assert_eq!(answer.status, StatusCode::OK, "{value}");
    }
}

#[tokio::test]
async fn where_no_key_is_required_none_is_looked_at() {
    let world = Setup {
        needs_key: false,
        ..Setup::default()
    }
    .start();
    world.keys.behave(Behaviour::Panic);
    world.usage.behave(Behaviour::Panic);
    world.alice_has("{}").await;
    for ask in [
        Ask::get(ALICE),
        Ask::get(ALICE).without("x-api-key"),
        Ask::get(ALICE).key("x"),
    ] {
        assert_eq!(world.ask(ask).await.status, StatusCode::OK);
    }
}
