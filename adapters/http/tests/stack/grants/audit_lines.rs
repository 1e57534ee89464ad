//! The line that every access by a grant leaves.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::{ADMINS, SUPPORT, merge, world};
use crate::support::{ALICE, Ask, Events};

#[tokio::test]
async fn every_access_by_a_grant_leaves_one_line_without_a_value() {
    let (events, _guard) = Events::as_json();
    let world = world();
    // Her own profile, and those that nobody lets her at, are no accesses by a grant.
    world
        .alice_has(r#"{"name":"marked","email":"marked@b"}"#)
        .await;
    world.ask(Ask::get(ALICE)).await;
    world
        .ask(Ask::get(ALICE).token("user:sam;group:sales"))
        .await;
    assert_eq!(events.take_audit(), "");

    for (ask, token, action, attributes) in [
        (Ask::get(ALICE), SUPPORT, "read", "email,name"),
        (
            merge(&json!({"name": "marked"})),
            SUPPORT,
            "write",
            "hidden,name",
        ),
        (Ask::delete(ALICE), ADMINS, "delete", "*"),
    ] {
        let answer = world.ask(ask.token(token)).await;
        assert!(answer.status.is_success(), "{answer:?}");
        let text = events.take_audit();
        let line: Value = serde_json::from_str(text.trim_end()).expect("one line of JSON");
        let (principal, group) = token.split_once(";group:").expect("a group");
        assert_eq!(line["target"], "usher::audit", "{text}");
        assert_eq!(line["targetUserId"], "alice", "{text}");
        assert_eq!(
            format!("user:{}", line["principal"].as_str().unwrap()),
            principal
        );
        assert_eq!(line["grants"], format!("group:{group}"), "{text}");
        assert_eq!(
            (&line["action"], &line["attributes"]),
            (&json!(action), &json!(attributes))
        );
        assert_eq!(line["requestId"].as_str(), answer.header("x-request-id"));
        assert!(!text.contains("marked"), "{text}");
    }
}

#[tokio::test]
async fn an_owner_who_may_write_what_is_read_only_by_a_grant_leaves_a_line_for_each_write() {
    let (events, _guard) = Events::as_json();
    let world = world();
    let own = || Ask::put("/users/ada/profile", json!({"tier": "gold"}).to_string());
    let answer = world.ask(own().token(ADMINS)).await;
    assert_eq!(answer.status, StatusCode::CREATED);
    let line: Value = serde_json::from_str(&events.take_audit()).expect("one line of JSON");
    let told = ["targetUserId", "grants", "action", "attributes"].map(|name| &line[name]);
    assert_eq!(told, ["ada", "group:admins", "write", "*"]);

    let read = world
        .ask(Ask::get("/users/ada/profile").token(ADMINS))
        .await;
    assert_eq!(read.status, StatusCode::OK);
    let plain = Ask::put("/users/sam/profile", "{}").token(SUPPORT);
    assert!(world.ask(plain).await.status.is_success());
    assert_eq!(events.take_audit(), "");
}
