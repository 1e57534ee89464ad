//! What preconditions, the schema and the limits of a request make go wrong.

use std::pin::pin;

use axum::body::{Body, Bytes};
use http_body_util::channel::Channel;

use super::rows;
use crate::support::{ALICE, Answer, Ask, Setup, World, poll_once, profile};

async fn where_if_match_is_required(ask: Ask) -> Answer {
    let mut setup = Setup::default();
    setup.rules.require_if_match = true;
    let world = setup.start();
    world.alice_was_given(r#"{"name":"marked"}"#);
    world.ask(ask).await
}

/// A deployment whose schema marks two attributes as read only.
fn with_schema() -> World {
    Setup::with_schema(&["tier", "a/b~c"]).start()
}

/// Asks while one client sends its body slowly, and no more are waited for.
async fn while_a_body_is_awaited(ask: Ask) -> Answer {
    let mut setup = Setup::default();
    setup.limits.max_in_flight = Some(1);
    let world = setup.start();
    let (_sender, body) = Channel::<Bytes, std::io::Error>::new(1);
    let mut slow = pin!(world.ask(Ask::put(ALICE, Body::new(body))));
    assert!(poll_once(slow.as_mut()).is_pending());
    world.ask(ask).await
}

rows! {
    a_put_without_the_precondition_that_is_required: PreconditionRequired {
        where_if_match_is_required(Ask::put(ALICE, "{}")).await
    }
    a_delete_without_the_precondition_that_is_required: PreconditionRequired {
        where_if_match_is_required(Ask::delete(ALICE)).await
    }
    a_profile_created_twice: PreconditionFailed {
        let world = World::new();
        world.alice_has("{}").await;
        world.ask(Ask::put(ALICE, "{}").header("if-none-match", "*")).await
    }
    a_replacement_of_no_profile: PreconditionFailed {
        World::new().ask(Ask::put(ALICE, "{}").header("if-match", "*")).await
    }
    a_delete_of_an_old_version: PreconditionFailed {
        let world = World::new();
        world.alice_has("{}").await;
        world.ask(Ask::delete(ALICE).header("if-match", r#""old""#)).await
    }
    a_read_of_an_old_version: PreconditionFailed {
        let world = World::new();
        world.alice_has("{}").await;
        world.ask(Ask::get(ALICE).header("if-match", r#""old""#)).await
    }
    a_profile_that_breaks_the_schema: SchemaViolation {
        let body = r#"{"age":"marked","email":"marked","a":0,"b":0,"c":0,"d":0,"e":0}"#;
        with_schema().ask(Ask::put(ALICE, body)).await
    }
    a_new_profile_with_an_attribute_that_is_read_only: AttributeReadOnly {
        with_schema().ask(Ask::put(ALICE, r#"{"tier":"marked"}"#)).await
    }
    a_put_that_changes_attributes_that_are_read_only: AttributeReadOnly {
        let world = with_schema();
        world.alice_was_given(r#"{"tier":"marked","a/b~c":1}"#);
        world.ask(Ask::put(ALICE, r#"{"tier":"other","a/b~c":2}"#)).await
    }
    a_profile_too_large_with_what_it_keeps: TooLarge {
        let world = Setup::with_schema(&["tier"]).max_bytes(32).start();
        world.alice_was_given(r#"{"tier":"marked"}"#);
        world.ask(Ask::put(ALICE, r#"{"name":"not the tier"}"#)).await
    }
    a_write_with_a_tag_that_is_overtaken: PreconditionFailed {
        let world = World::new();
        let tag = world.alice_has("{}").await;
        world.profiles.overtake([Some(profile(r#"{"n":1}"#))]);
        world.ask(Ask::put(ALICE, "{}").header("if-match", &tag)).await
    }
    a_creation_that_is_overtaken: PreconditionFailed {
        let world = World::new();
        world.profiles.overtake([Some(profile(r#"{"n":1}"#))]);
        world.ask(Ask::put(ALICE, "{}").header("if-none-match", "*")).await
    }
    a_put_that_keeps_attributes_and_that_others_keep_overtaking: WriteConflict {
        let world = with_schema();
        world.alice_was_given(r#"{"tier":"marked"}"#);
        world.profiles.contend();
        world.ask(Ask::put(ALICE, "{}")).await
    }
    a_delete_that_others_keep_overtaking: WriteConflict {
        let world = World::new();
        world.alice_has("{}").await;
        world.profiles.contend();
        world.ask(Ask::delete(ALICE).header("if-match", "*")).await
    }
    a_body_with_a_content_coding: UnsupportedMediaType {
        World::new().ask(Ask::put(ALICE, "{}").header("content-encoding", "gzip")).await
    }
    a_body_of_two_media_types: UnsupportedMediaType {
        World::new().ask(Ask::put(ALICE, "{}").another("content-type", "application/json")).await
    }
    a_body_of_the_media_type_of_a_patch: UnsupportedMediaType {
        let patch = Ask::put(ALICE, "{}").header("content-type", "application/merge-patch+json");
        World::new().ask(patch).await
    }
    a_path_too_long: TooLarge {
        let path = format!("/users/{}/profile", "marked".repeat(2_000));
        World::new().ask(Ask::get(&path).anonymous()).await
    }
    a_query_too_long: TooLarge {
        let target = format!("{ALICE}?{}", "marked".repeat(2_000));
        World::new().ask(Ask::get(&target).anonymous()).await
    }
    more_bodies_than_are_waited_for: Overloaded {
        let (_sender, body) = Channel::<Bytes, std::io::Error>::new(1);
        while_a_body_is_awaited(Ask::put(ALICE, Body::new(body))).await
    }
    a_body_that_does_not_come: Timeout {
        let (_sender, body) = Channel::<Bytes, std::io::Error>::new(1);
        World::new().ask(Ask::merge(ALICE, Body::new(body))).await
    }
}
