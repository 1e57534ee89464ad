//! Which bodies are taken, and what becomes of them.

use axum::http::StatusCode;
use usher_domain::service::ProfileRules;

use crate::support::{ALICE, Ask, Setup, World};

const BODY: &str = r#"{ "name": "Alice", "age": 3.00e1, "tags": ["b", "a"], "zero": -0.0 }"#;
const CANONICAL: &str = r#"{"userId":"alice","age":30,"name":"Alice","tags":["b","a"],"zero":0}"#;

#[tokio::test]
async fn equal_content_has_an_equal_tag_however_it_is_spelt() {
    let world = World::new();
    let tag = world.alice_has(BODY).await;
    for same in [
        CANONICAL,
        r#"{"zero":0,"tags":["b","a"],"name":"\u0041lice","age":30}"#,
    ] {
        let answer = world.ask(Ask::put(ALICE, same)).await;
        assert_eq!(
            (answer.status, answer.tag()),
            (StatusCode::OK, tag.as_str()),
            "{same}"
        );
    }
    let other = world
        .ask(Ask::put(
            ALICE,
            r#"{"zero":0,"tags":["a","b"],"name":"Alice","age":30}"#,
        ))
        .await;
    assert_ne!(other.tag(), tag);
    let bob = Ask::put("/users/bob/profile", BODY).token("user:bob");
    assert_eq!(
        world.ask(bob).await.tag(),
        tag,
        "the user is no part of the content"
    );
    for weak in [tag.as_str(), other.tag()] {
        assert!(!weak.starts_with("W/"), "{weak}");
    }
}

#[tokio::test]
async fn a_media_type_is_read_without_its_case_and_its_parameters() {
    let world = World::new();
    for good in [
        "application/json",
        "Application/JSON",
        "application/json; charset=utf-8",
        "application/json;a=b",
        "application/json ; charset=\"utf-8\"",
        " application/json",
        "application/json;",
    ] {
        let put = Ask::put(ALICE, "{}").header("content-type", good);
        assert!(world.ask(put).await.status.is_success(), "{good}");
    }
    for bad in [
        "application/merge-patch+json",
        "application/json-patch+json",
        "application/problem+json",
        "application/*",
        "*/*",
        "application/json, application/json",
        "application/jsonp",
        "text/plain",
        "json",
        "",
        "; application/json",
    ] {
        let put = Ask::put(ALICE, "{}").header("content-type", bad);
        assert_eq!(
            world.ask(put).await.code(),
            "unsupported_media_type",
            "{bad}"
        );
    }
}

/// A patch's type among those of a PUT, a coding, and two types: none is a plain JSON body.
#[tokio::test]
async fn a_body_is_plain_json_of_one_media_type() {
    let world = World::new();
    world.alice_was_given("{}");
    let both = || [Ask::put(ALICE, "{}"), Ask::merge(ALICE, "{}")];
    for coding in ["gzip", "GZIP", "br", "deflate", "gzip, identity", "", "x"] {
        for ask in both() {
            let answer = world.ask(ask.header("content-encoding", coding)).await;
            assert_eq!(answer.code(), "unsupported_media_type", "{coding}");
        }
    }
    for same in ["identity", "Identity"] {
        for ask in both() {
            let answer = world.ask(ask.header("content-encoding", same)).await;
            assert_eq!(answer.status, StatusCode::OK, "{same}");
        }
    }
    for second in ["application/json", "application/merge-patch+json", ""] {
        for ask in both() {
            let answer = world.ask(ask.another("content-type", second)).await;
            assert_eq!(answer.code(), "unsupported_media_type", "{second}");
        }
    }
    assert_eq!(world.profiles.puts(), 2, "the two that are written are");
}

/// A profile may be as large as is configured, and its spelling has as much room again and 16 KiB.
#[tokio::test]
async fn size_is_that_of_the_canonical_form_and_white_space_has_room() {
    let world = Setup {
        rules: ProfileRules {
            max_bytes: 32,
            ..ProfileRules::default()
        },
        ..Setup::default()
    }
    .start();
    let of_32_bytes = format!(r#"{{"name":"{}"}}"#, "x".repeat(21));
    assert_eq!(of_32_bytes.len(), 32);
    assert_eq!(
        world.ask(Ask::put(ALICE, of_32_bytes.clone())).await.status,
        StatusCode::CREATED
    );
    let of_33_bytes = format!(r#"{{"name":"{}"}}"#, "x".repeat(22));
    assert_eq!(
        world.ask(Ask::put(ALICE, of_33_bytes)).await.code(),
        "too_large"
    );
    let most = 2 * 32 + 16 * 1024;
    for (length, code) in [(most, "-"), (most + 1, "too_large")] {
        let spaced = format!("{of_32_bytes}{}", " ".repeat(length - 32));
        assert_eq!(spaced.len(), length);
        assert_eq!(
            world.ask(Ask::put(ALICE, spaced)).await.code(),
            code,
            "{length}"
        );
    }
    let named = format!(r#"{{"userId":"alice",{}"#, &of_32_bytes[1..]);
    assert_eq!(
        world.ask(Ask::put(ALICE, named)).await.code(),
        "-",
        "the user id does not count"
    );
}

#[tokio::test]
async fn an_empty_profile_is_a_profile() {
    let world = World::new();
    let created = world.ask(Ask::put(ALICE, "{}")).await;
    assert_eq!(
        (created.status, created.text()),
        (StatusCode::CREATED, r#"{"userId":"alice"}"#)
    );
    assert_eq!(world.ask(Ask::get(ALICE)).await.text(), created.text());
}
