//! PATCH: which patches are taken, what they leave, and what is written.

mod bounds;
mod contention;
mod json_patch;
mod merge_patch;
mod places;

use axum::http::StatusCode;

use crate::support::{ALICE, Ask, World};

const MERGE_PATCHES: [&str; 2] = ["application/merge-patch+json", "application/json"];
const OPERATIONS: &str = "application/json-patch+json";

/// Gives Alice `before`, patches it, and answers what it became or why it did not: then it is as it
/// was.
async fn outcome(before: &str, patch: Ask) -> Result<String, String> {
    let world = World::new();
    let tag = world.alice_was_given(before);
    let patched = world.ask(patch).await;
    let read = world.ask(Ask::get(ALICE)).await;
    assert_eq!(read.status, StatusCode::OK);
    if patched.status != StatusCode::OK {
        assert_eq!(read.tag(), tag, "a patch that is refused changes nothing");
        assert_eq!(world.profiles.puts(), 0);
        return Err(patched.code());
    }
    assert_eq!((patched.text(), patched.tag()), (read.text(), read.tag()));
    let changed = read.tag() != tag;
    assert_eq!(world.profiles.puts(), usize::from(changed));
    Ok(read.text().to_owned())
}

fn with_user(attributes: &str) -> String {
    match attributes.strip_prefix('{') {
        Some("}") => r#"{"userId":"alice"}"#.to_owned(),
        Some(members) => format!(r#"{{"userId":"alice",{members}"#),
        None => panic!("{attributes}"),
    }
}

#[tokio::test]
async fn a_patch_is_read_as_its_media_type_says() {
    let merge = r#"{"a":2}"#;
    let operations = r#"[{"op":"replace","path":"/a","value":2}]"#;
    for (media_type, good, bad, code) in [
        (MERGE_PATCHES[0], merge, operations, "not_portable"),
        (MERGE_PATCHES[1], merge, operations, "not_portable"),
        (OPERATIONS, operations, merge, "invalid_patch"),
    ] {
        let spellings = [
            media_type.to_owned(),
            media_type.to_uppercase(),
            format!("{media_type}; charset=utf-8"),
            format!("{media_type} ;a=b"),
        ];
        for spelling in spellings {
            let patched = outcome(r#"{"a":1}"#, Ask::patch(ALICE, &spelling, good)).await;
            assert_eq!(patched, Ok(with_user(merge)), "{spelling}");
            let refused = outcome(r#"{"a":1}"#, Ask::patch(ALICE, &spelling, bad)).await;
            assert_eq!(refused, Err(code.to_owned()), "{spelling}");
        }
    }
}

#[tokio::test]
async fn what_is_refused_for_its_media_type_is_told_what_is_taken() {
    let world = World::new();
    world.alice_was_given("{}");
    let refused = [
        Ask::merge(ALICE, "{}").header("content-type", "text/plain"),
        Ask::merge(ALICE, "{}").header("content-type", "application/json-patch"),
        Ask::merge(ALICE, "{}").header("content-type", "application/*"),
        Ask::merge(ALICE, "{}").header("content-type", ""),
        Ask::merge(ALICE, "{}").without("content-type"),
        Ask::merge(ALICE, "{}").another("content-type", MERGE_PATCHES[0]),
        Ask::merge(ALICE, "{}").header("content-encoding", "gzip"),
    ];
    for ask in refused {
        let answer = world.ask(ask).await;
        assert_eq!(answer.code(), "unsupported_media_type");
        let takes = format!("{}, {OPERATIONS}, {}", MERGE_PATCHES[0], MERGE_PATCHES[1]);
        assert_eq!(answer.header("accept-patch"), Some(takes.as_str()));
    }
    // Who sends no patch is not told of patches.
    let put = world.ask(Ask::put(ALICE, "{}").header("content-type", OPERATIONS));
    assert_eq!(put.await.header("accept-patch"), None);
}

#[tokio::test]
async fn a_patch_answers_like_a_get() {
    let world = World::new();
    world.alice_was_given(r#"{"a":1}"#);
    let patched = world.ask(Ask::merge(ALICE, r#"{"b":2.0}"#)).await;
    insta::assert_json_snapshot!("patched", patched.snapshot());
    let read = world.ask(Ask::get(ALICE)).await;
    for name in ["content-type", "cache-control", "vary", "etag"] {
        assert_eq!(patched.header(name), read.header(name), "{name}");
    }
    assert_eq!(patched.text(), r#"{"userId":"alice","a":1,"b":2}"#);
    let mine = world.ask(Ask::merge("/users/me/profile", r#"{"b":null}"#));
    assert_eq!(mine.await.text(), r#"{"userId":"alice","a":1}"#);
}

#[tokio::test]
async fn a_tag_changes_if_and_only_if_the_content_does() {
    let world = World::new();
    let first = world.alice_was_given(r#"{"a":1,"b":[1,2]}"#);
    let patched = |patch: Ask| async { world.ask(patch).await.tag().to_owned() };
    for same in [
        Ask::merge(ALICE, "{}"),
        Ask::merge(ALICE, r#"{"a":1.0,"none":null}"#),
        Ask::merge(ALICE, r#"{"userId":"alice","b":[1,2e0]}"#),
        Ask::operations(ALICE, "[]"),
        Ask::operations(ALICE, r#"[{"op":"test","path":"/a","value":1}]"#),
        Ask::operations(ALICE, r#"[{"op":"replace","path":"/a","value":1.00}]"#),
        Ask::operations(
            ALICE,
            r#"[{"op":"move","from":"/a","path":"/c"},{"op":"move","from":"/c","path":"/a"}]"#,
        ),
    ] {
        assert_eq!(patched(same).await, first);
    }
    assert_eq!(
        world.profiles.puts(),
        0,
        "what changes nothing is not written"
    );
    let second = patched(Ask::merge(ALICE, r#"{"b":[2,1]}"#)).await;
    assert_ne!(second, first);
    assert_eq!(world.profiles.puts(), 1);
    let third = patched(Ask::merge(ALICE, r#"{"b":[1,2]}"#)).await;
    assert_eq!(third, first, "a tag is that of the content");
}

#[tokio::test]
async fn a_patch_makes_no_profile() {
    let world = World::new();
    for patch in [
        Ask::merge(ALICE, r#"{"a":1}"#),
        Ask::operations(ALICE, r#"[{"op":"add","path":"","value":{"a":1}}]"#),
    ] {
        let answer = world.ask(patch).await;
        assert_eq!(answer.code(), "profile_not_found");
    }
    assert_eq!(world.profiles.puts(), 0);
    assert_eq!(world.ask(Ask::get(ALICE)).await.code(), "profile_not_found");
}

/// The id is the path's: a patch may look at it and say it, and cannot change it.
#[tokio::test]
async fn the_user_id_is_seen_and_guarded() {
    for (operations, expected) in [
        (
            r#"{"op":"test","path":"/userId","value":"alice"}"#,
            Ok(r#"{"a":1}"#),
        ),
        (
            r#"{"op":"test","path":"/userId","value":"bob"}"#,
            Err("patch_test_failed"),
        ),
        (
            r#"{"op":"test","path":"","value":{"a":1,"userId":"alice"}}"#,
            Ok(r#"{"a":1}"#),
        ),
        (
            r#"{"op":"test","path":"","value":{"a":1}}"#,
            Err("patch_test_failed"),
        ),
        (
            r#"{"op":"copy","from":"/userId","path":"/owner"}"#,
            Ok(r#"{"a":1,"owner":"alice"}"#),
        ),
        (
            r#"{"op":"move","from":"/userId","path":"/owner"}"#,
            Ok(r#"{"a":1,"owner":"alice"}"#),
        ),
        // What it leaves may name the user or not, as the body of a PUT may.
        (r#"{"op":"remove","path":"/userId"}"#, Ok(r#"{"a":1}"#)),
        (
            r#"{"op":"add","path":"","value":{"b":2}}"#,
            Ok(r#"{"b":2}"#),
        ),
        (
            r#"{"op":"add","path":"","value":{"b":2,"userId":"alice"}}"#,
            Ok(r#"{"b":2}"#),
        ),
        (
            r#"{"op":"replace","path":"/userId","value":"alice"}"#,
            Ok(r#"{"a":1}"#),
        ),
        (
            r#"{"op":"replace","path":"/userId","value":"bob"}"#,
            Err("not_portable"),
        ),
        (
            r#"{"op":"add","path":"/userId","value":null}"#,
            Err("not_portable"),
        ),
        (
            r#"{"op":"copy","from":"/a","path":"/userId"}"#,
            Err("not_portable"),
        ),
        (
            r#"{"op":"add","path":"","value":{"b":2,"userId":"bob"}}"#,
            Err("not_portable"),
        ),
    ] {
        let found = outcome(
            r#"{"a":1}"#,
            Ask::operations(ALICE, format!("[{operations}]")),
        )
        .await;
        let expected = expected.map(with_user).map_err(str::to_owned);
        assert_eq!(found, expected, "{operations}");
    }
    for (patch, expected) in [
        (r#"{"userId":"alice","b":2}"#, Ok(r#"{"a":1,"b":2}"#)),
        (r#"{"userId":"bob","b":2}"#, Err("not_portable")),
        (r#"{"userId":null}"#, Err("not_portable")),
        (r#"{"userId":{"a":null}}"#, Err("not_portable")),
    ] {
        let found = outcome(r#"{"a":1}"#, Ask::merge(ALICE, patch)).await;
        let expected = expected.map(with_user).map_err(str::to_owned);
        assert_eq!(found, expected, "{patch}");
    }
}
