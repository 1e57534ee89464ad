//! What a schema demands of a write's result, and the attributes that it marks `readOnly`.

mod contention;
mod read_only;

use axum::http::StatusCode;
use serde_json::json;

use crate::support::{ALICE, Answer, Ask, Setup, VIOLATIONS, World};

/// `tier` is read only, and so is a name that a JSON Pointer must escape.
const READ_ONLY: &[&str] = &["a/b~c", "tier"];
const GOLD: &str = r#"{"age":30,"tier":"gold"}"#;

fn with_schema() -> World {
    Setup::with_schema(READ_ONLY).start()
}

fn with_gold() -> World {
    let world = with_schema();
    world.alice_was_given(GOLD);
    world
}

async fn assert_refused(world: &World, ask: Ask, code: &str, pointers: &[&str]) {
    let before = world.ask(Ask::get(ALICE)).await;
    let puts = world.profiles.puts();
    let said = format!("{ask:?}");
    let answer = world.ask(ask).await;
    assert_eq!(answer.code(), code, "{said}");
    assert_eq!(answer.pointers(), pointers, "{said}");
    let after = world.ask(Ask::get(ALICE)).await;
    assert_eq!(after.status, before.status, "{said}");
    assert_eq!(after.header("etag"), before.header("etag"), "{said}");
    assert_eq!(world.profiles.puts(), puts, "{said}");
}

/// The answer is what is stored.
async fn assert_becomes(world: &World, ask: Ask, expected: &str) -> Answer {
    let said = format!("{ask:?}");
    let answer = world.ask(ask).await;
    assert!(answer.status.is_success(), "{said}: {answer:?}");
    let read = world.ask(Ask::get(ALICE)).await;
    assert_eq!(answer.text(), expected, "{said}");
    assert_eq!(read.text(), expected, "{said}");
    assert_eq!(answer.tag(), read.tag(), "{said}");
    answer
}

#[tokio::test]
async fn every_violation_is_told_with_its_place() {
    let body = r#"{"age":-1,"email":"nobody","a":0,"b":0,"c":0,"d":0,"e":0}"#;
    let operations = format!(r#"[{{"op":"add","path":"","value":{body}}}]"#);
    let [age, email, many] = VIOLATIONS;
    let expected = json!([
        {"pointer": "/age", "detail": age},
        {"pointer": "/email", "detail": email},
        {"pointer": "", "detail": many},
    ]);
    // Where nothing has to be kept, a PUT does not read before it writes.
    for read_only in [&[][..], READ_ONLY] {
        let world = Setup::with_schema(read_only).start();
        let create = world.ask(Ask::put(ALICE, body)).await;
        world.alice_was_given(r#"{"a":0}"#);
        let with_any_tag = Ask::put(ALICE, body).header("if-match", "*");
        for answer in [
            create,
            world.ask(Ask::put(ALICE, body)).await,
            world.ask(with_any_tag).await,
            world.ask(Ask::merge(ALICE, body)).await,
            world.ask(Ask::operations(ALICE, operations.clone())).await,
        ] {
            assert_eq!(answer.code(), "schema_violation");
            assert_eq!(answer.json()["errors"], expected);
        }
        assert_eq!(world.profiles.puts(), 0);
    }
}

/// A patch of another member cannot go past what was wrong before, and one that mends it can.
#[tokio::test]
async fn the_schema_is_applied_to_the_result_of_a_write() {
    let world = with_schema();
    world.alice_was_given(r#"{"age":-1,"name":"Alice"}"#);
    let read = world.ask(Ask::get(ALICE)).await;
    assert_eq!(read.status, StatusCode::OK, "what is there is read");
    let elsewhere = Ask::merge(ALICE, r#"{"name":"A."}"#);
    assert_refused(&world, elsewhere, "schema_violation", &["/age"]).await;
    let after = r#"{"userId":"alice","age":1,"name":"Alice"}"#;
    assert_becomes(&world, Ask::merge(ALICE, r#"{"age":1}"#), after).await;
}

/// What a PUT keeps is part of its result.
#[tokio::test]
async fn the_schema_sees_what_is_kept() {
    let world = with_gold();
    let six = r#"{"a":0,"b":0,"c":0,"d":0,"e":0,"f":0}"#;
    assert_refused(&world, Ask::put(ALICE, six), "schema_violation", &[""]).await;
    let five = r#"{"a":0,"b":0,"c":0,"d":0,"e":0}"#;
    let after = r#"{"userId":"alice","a":0,"b":0,"c":0,"d":0,"e":0,"tier":"gold"}"#;
    assert_becomes(&world, Ask::put(ALICE, five), after).await;
}

/// It is about the attributes; whose they are, the path says. The fake panics where it sees an id.
#[tokio::test]
async fn the_schema_never_sees_the_user_id() {
    let operations = r#"[
        {"op":"replace","path":"/userId","value":"alice"},
        {"op":"add","path":"/age","value":4}
    ]"#;
    for read_only in [&[][..], READ_ONLY] {
        let world = Setup::with_schema(read_only).start();
        for ask in [
            Ask::put(ALICE, r#"{"userId":"alice","age":1}"#),
            Ask::put(ALICE, r#"{"userId":"alice","age":2}"#),
            Ask::merge(ALICE, r#"{"userId":"alice","age":3}"#),
            Ask::operations(ALICE, operations),
        ] {
            let answer = world.ask(ask).await;
            assert!(answer.status.is_success(), "{answer:?}");
        }
    }
}

#[tokio::test]
async fn where_there_is_no_schema_nothing_is_read_only() {
    let world = World::new();
    world.alice_was_given(GOLD);
    let put = Ask::put(ALICE, r#"{"tier":"silver"}"#);
    let after = r#"{"userId":"alice","tier":"silver"}"#;
    assert_becomes(&world, put, after).await;
    let patch = Ask::merge(ALICE, r#"{"age":-1,"tier":null}"#);
    assert_becomes(&world, patch, r#"{"userId":"alice","age":-1}"#).await;
}
