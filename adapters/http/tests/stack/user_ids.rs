//! Whose profile a path names.

use axum::http::StatusCode;

use crate::support::{ALICE, Ask, World};

#[tokio::test]
async fn me_is_the_callers_own_profile_under_its_own_name() {
    let world = World::new();
    let created = world.ask(Ask::put("/users/me/profile", r#"{"n":1}"#)).await;
    assert_eq!(created.status, StatusCode::CREATED);
    assert_eq!(created.header("location"), Some("../alice/profile"));
    assert_eq!(created.text(), r#"{"userId":"alice","n":1}"#);
    for path in [
        "/users/me/profile",
        "/users/%6De/profile",
        "/users/m%65/profile",
    ] {
        let read = world.ask(Ask::get(path)).await;
        assert_eq!(
            (read.text(), read.tag()),
            (created.text(), created.tag()),
            "{path}"
        );
    }
    let others = world
        .ask(Ask::get("/users/me/profile").token("user:bob"))
        .await;
    assert_eq!(others.code(), "profile_not_found");
    assert!(
        others.json()["detail"]
            .as_str()
            .expect("a detail")
            .ends_with("bob")
    );
    for path in ["/users/ME/profile", "/users/me%20/profile"] {
        assert_eq!(
            world.ask(Ask::get(path)).await.code(),
            "not_your_profile",
            "{path}"
        );
    }
    let deleted = world.ask(Ask::delete("/users/me/profile")).await;
    assert_eq!(deleted.status, StatusCode::NO_CONTENT);
    assert_eq!(world.ask(Ask::get(ALICE)).await.code(), "profile_not_found");
}

#[tokio::test]
async fn a_location_is_percent_encoded_and_leads_to_the_profile() {
    for (id, location) in [
        ("alice", "/users/alice/profile"),
        ("a b", "/users/a%20b/profile"),
        (r"Zo\u00eb", "/users/Zo%C3%AB/profile"),
        ("auth0|5f", "/users/auth0%7C5f/profile"),
        ("a%2Fb", "/users/a%252Fb/profile"),
        ("a?b#c", "/users/a%3Fb%23c/profile"),
        ("a-b.c_d~e@f:g+h", "/users/a-b.c_d~e@f:g+h/profile"),
        (r"\u65e5\u672c", "/users/%E6%97%A5%E6%9C%AC/profile"),
    ] {
        let world = World::new();
        // A bearer token has no spaces, so they come as JSON's escape.
        let token = format!("user:{}", id.replace(' ', r"\u0020"));
        let put = Ask::put("/users/me/profile", r#"{"n":1}"#).token(&token);
        let created = world.ask(put).await;
        let relative = location.replacen("/users", "..", 1);
        assert_eq!(created.header("location"), Some(relative.as_str()), "{id}");
        let read = world.ask(Ask::get(location).token(&token)).await;
        assert_eq!(
            (read.status, read.text()),
            (StatusCode::OK, created.text()),
            "{id}"
        );
    }
}

#[tokio::test]
async fn a_user_id_is_decoded_once_and_compared_byte_by_byte() {
    let world = World::new();
    world.alice_has("{}").await;
    for path in ["/users/%61lice/profile", "/users/%61%6c%69%63%65/profile"] {
        assert_eq!(
            world.ask(Ask::get(path)).await.status,
            StatusCode::OK,
            "{path}"
        );
    }
    for path in [
        "/users/Alice/profile",
        "/users/%2561lice/profile",
        "/users/alice%20/profile",
        "/users/alice./profile",
        "/users/%C3%A1lice/profile",
    ] {
        assert_eq!(
            world.ask(Ask::get(path)).await.code(),
            "not_your_profile",
            "{path}"
        );
    }
    let longest = "a".repeat(256);
    let ask =
        Ask::put(&format!("/users/{longest}/profile"), "{}").token(&format!("user:{longest}"));
    assert_eq!(world.ask(ask).await.status, StatusCode::CREATED);
}
