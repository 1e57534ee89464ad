//! Attributes that their owner may not write.

use axum::http::StatusCode;

use super::{GOLD, READ_ONLY, assert_becomes, assert_refused, with_gold, with_schema};
use crate::support::{ALICE, Ask, Setup, profile};

#[tokio::test]
async fn a_put_that_leaves_out_what_is_read_only_keeps_it() {
    for (before, body, after) in [
        (GOLD, "{}", r#"{"userId":"alice","tier":"gold"}"#),
        (
            GOLD,
            r#"{"zip":1}"#,
            r#"{"userId":"alice","tier":"gold","zip":1}"#,
        ),
        (
            r#"{"a/b~c":{"n":[1,null]},"age":1,"tier":null}"#,
            r#"{"age":2}"#,
            r#"{"userId":"alice","a/b~c":{"n":[1,null]},"age":2,"tier":null}"#,
        ),
        // There is nothing to keep.
        (
            r#"{"age":1}"#,
            r#"{"age":2}"#,
            r#"{"userId":"alice","age":2}"#,
        ),
    ] {
        let world = with_schema();
        world.alice_was_given(before);
        let answer = assert_becomes(&world, Ask::put(ALICE, body), after).await;
        assert_eq!(answer.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn what_is_kept_is_part_of_the_content_that_the_tag_stands_for() {
    let world = with_gold();
    let tag = world.ask(Ask::put(ALICE, "{}")).await.tag().to_owned();
    assert_eq!(tag, profile(r#"{"tier":"gold"}"#).tag().to_string());
    let again = Ask::put(ALICE, "{}").header("if-match", &tag);
    assert_eq!(world.ask(again).await.tag(), tag);
}

#[tokio::test]
async fn what_is_read_only_may_be_said_as_it_is() {
    let replace = r#"[
        {"op":"replace","path":"/tier","value":"gold"},
        {"op":"add","path":"/age","value":1}
    ]"#;
    // On the way it may be anything: the result counts.
    let there_and_back = r#"[
        {"op":"move","from":"/tier","path":"/age"},
        {"op":"move","from":"/age","path":"/tier"},
        {"op":"add","path":"/age","value":1}
    ]"#;
    for ask in [
        Ask::put(ALICE, r#"{"age":1,"tier":"gold","a/b~c":[1.0,{"n":5e-1}]}"#),
        Ask::put(ALICE, r#"{"age":1,"tier":"\u0067old"}"#),
        Ask::merge(ALICE, r#"{"age":1,"tier":"gold"}"#),
        Ask::merge(ALICE, r#"{"age":1}"#),
        Ask::operations(ALICE, replace),
        Ask::operations(ALICE, there_and_back),
    ] {
        let world = with_schema();
        world.alice_was_given(r#"{"a/b~c":[1,{"n":0.5}],"tier":"gold"}"#);
        let after = r#"{"userId":"alice","a/b~c":[1,{"n":0.5}],"age":1,"tier":"gold"}"#;
        assert_becomes(&world, ask, after).await;
    }
}

#[tokio::test]
async fn what_is_read_only_cannot_be_made() {
    let world = with_schema();
    for (body, pointers) in [
        (r#"{"tier":"gold"}"#, &["/tier"][..]),
        (r#"{"tier":null}"#, &["/tier"]),
        (
            r#"{"a/b~c":1,"age":2,"tier":"gold"}"#,
            &["/a~1b~0c", "/tier"],
        ),
    ] {
        let create = Ask::put(ALICE, body).header("if-none-match", "*");
        for put in [Ask::put(ALICE, body), create] {
            assert_refused(&world, put, "attribute_read_only", pointers).await;
        }
    }
    world.alice_was_given(r#"{"age":1}"#);
    for ask in [
        Ask::put(ALICE, r#"{"tier":"gold"}"#),
        Ask::merge(ALICE, r#"{"tier":"gold"}"#),
        Ask::operations(ALICE, r#"[{"op":"add","path":"/tier","value":null}]"#),
        Ask::operations(ALICE, r#"[{"op":"move","from":"/age","path":"/tier"}]"#),
        Ask::operations(ALICE, r#"[{"op":"add","path":"","value":{"tier":1}}]"#),
    ] {
        assert_refused(&world, ask, "attribute_read_only", &["/tier"]).await;
    }
}

#[tokio::test]
async fn what_is_read_only_cannot_be_changed() {
    let world = with_schema();
    world.alice_was_given(r#"{"a/b~c":{"n":[1,2]},"tier":"gold"}"#);
    for (body, pointers) in [
        (r#"{"tier":"silver"}"#, &["/tier"][..]),
        (r#"{"tier":"Gold"}"#, &["/tier"]),
        (r#"{"tier":["gold"]}"#, &["/tier"]),
        (r#"{"a/b~c":{"n":[2,1]}}"#, &["/a~1b~0c"]),
        (
            r#"{"a/b~c":{"n":[1,2,3]},"tier":{}}"#,
            &["/a~1b~0c", "/tier"],
        ),
    ] {
        for ask in [Ask::put(ALICE, body), Ask::merge(ALICE, body)] {
            assert_refused(&world, ask, "attribute_read_only", pointers).await;
        }
    }
    for (operation, pointer) in [
        (
            r#"{"op":"replace","path":"/tier","value":"silver"}"#,
            "/tier",
        ),
        (r#"{"op":"remove","path":"/a~1b~0c/n/0"}"#, "/a~1b~0c"),
        (
            r#"{"op":"add","path":"/a~1b~0c/n/-","value":3}"#,
            "/a~1b~0c",
        ),
        (r#"{"op":"copy","from":"/a~1b~0c","path":"/tier"}"#, "/tier"),
    ] {
        let ask = Ask::operations(ALICE, format!("[{operation}]"));
        assert_refused(&world, ask, "attribute_read_only", &[pointer]).await;
    }
    // A null is a value in a PUT, and a removal in a merge patch.
    let null = r#"{"tier":null}"#;
    for ask in [Ask::put(ALICE, null), Ask::merge(ALICE, null)] {
        assert_refused(&world, ask, "attribute_read_only", &["/tier"]).await;
    }
}

#[tokio::test]
async fn what_is_read_only_cannot_be_removed_alone_but_with_the_whole_profile() {
    let world = with_gold();
    for operation in [
        r#"{"op":"remove","path":"/tier"}"#,
        r#"{"op":"move","from":"/tier","path":"/level"}"#,
        r#"{"op":"replace","path":"","value":{}}"#,
    ] {
        let ask = Ask::operations(ALICE, format!("[{operation}]"));
        assert_refused(&world, ask, "attribute_read_only", &["/tier"]).await;
    }
    let deleted = world.ask(Ask::delete(ALICE)).await;
    assert_eq!(deleted.status, StatusCode::NO_CONTENT);
    let read = world.ask(Ask::get(ALICE)).await;
    assert_eq!(read.code(), "profile_not_found");
    // What was erased does not come back.
    let created = assert_becomes(&world, Ask::put(ALICE, "{}"), r#"{"userId":"alice"}"#).await;
    assert_eq!(created.status, StatusCode::CREATED);
}

/// The top level is marked: deeper, a name is like any other.
#[tokio::test]
async fn a_name_below_the_top_level_is_not_read_only() {
    let world = with_gold();
    let body = r#"{"address":{"tier":"ground floor"}}"#;
    let after = r#"{"userId":"alice","address":{"tier":"ground floor"},"tier":"gold"}"#;
    assert_becomes(&world, Ask::put(ALICE, body), after).await;
    let patch = r#"{"address":{"tier":null}}"#;
    let after = r#"{"userId":"alice","address":{},"tier":"gold"}"#;
    assert_becomes(&world, Ask::merge(ALICE, patch), after).await;
}

#[tokio::test]
async fn what_is_kept_counts_in_the_size() {
    let body = r#"{"text":"0123456789"}"#;
    let kept = r#"{"text":"0123456789","tier":"gold"}"#;
    for (max_bytes, code) in [
        (kept.len(), "-"),
        (kept.len() - 1, "too_large"),
        (body.len(), "too_large"),
    ] {
        let world = Setup::with_schema(READ_ONLY).max_bytes(max_bytes).start();
        let created = world.ask(Ask::put(ALICE, body)).await;
        assert_eq!(created.status, StatusCode::CREATED, "it fits alone");
        world.alice_was_given(r#"{"tier":"gold"}"#);
        let answer = world.ask(Ask::put(ALICE, body)).await;
        assert_eq!(answer.code(), code, "{max_bytes}");
    }
}
