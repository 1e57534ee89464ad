//! What bodies, stores and layers make go wrong.

use axum::body::{Body, Bytes};
use http_body_util::channel::Channel;
use usher_domain::{ports::StoreErrorKind, service::ProfileRules};
use usher_http::Limits;
use usher_testkit::fakes::Behaviour;

use super::rows;
use crate::support::{ALICE, Answer, Ask, Setup, World};

/// A deployment whose profile store is told how to behave.
async fn with_store(behaviour: Behaviour, ask: Ask) -> Answer {
    let world = World::new();
    world.profiles.behave(behaviour);
    world.ask(ask).await
}

async fn with_small_profiles(ask: Ask) -> Answer {
    let setup = Setup {
        rules: ProfileRules {
            max_bytes: 16,
            ..ProfileRules::default()
        },
        ..Setup::default()
    };
    setup.start().ask(ask).await
}

rows! {
    a_body_that_is_not_json: InvalidJson {
        World::new().ask(Ask::put(ALICE, r#"{"name": "marked",}"#)).await
    }
    no_body: InvalidJson {
        World::new().ask(Ask::put(ALICE, "")).await
    }
    a_body_that_breaks_off: InvalidJson {
        let (sender, body) = Channel::<Bytes, std::io::Error>::new(1);
        sender.abort(std::io::Error::other("marked"));
        World::new().ask(Ask::put(ALICE, Body::new(body))).await
    }
    a_body_that_some_store_could_not_keep: NotPortable {
        let body = r#"{"_id":"marked","a/b":{"~":"\u0000"},"":{"":1}}"#;
        World::new().ask(Ask::put(ALICE, body)).await
    }
    a_body_with_numbers_and_names_that_get_lost: NotPortable {
        let body = r#"{"n":1e400,"m":[0.1234567890123456789],"m":1}"#;
        World::new().ask(Ask::put(ALICE, body)).await
    }
    a_body_of_another_user: NotPortable {
        World::new().ask(Ask::put(ALICE, r#"{"userId":"marked"}"#)).await
    }
    a_body_that_is_no_object: NotPortable {
        World::new().ask(Ask::put(ALICE, r#"["marked"]"#)).await
    }
    a_body_of_another_media_type: UnsupportedMediaType {
        World::new().ask(Ask::put(ALICE, "{}").header("content-type", "text/json")).await
    }
    a_body_of_no_media_type: UnsupportedMediaType {
        World::new().ask(Ask::put(ALICE, "{}").without("content-type")).await
    }
    a_profile_too_large: TooLarge {
        with_small_profiles(Ask::put(ALICE, r#"{"name":"abcdefg"}"#)).await
    }
    a_body_announced_too_large: TooLarge {
        let body = Ask::put(ALICE, "{}").header("content-length", "16417");
        with_small_profiles(body).await
    }
    a_body_sent_too_large: TooLarge {
        with_small_profiles(Ask::put(ALICE, " ".repeat(16_417))).await
    }
    a_write_that_others_keep_overtaking: WriteConflict {
        let world = World::new();
        let tag = world.alice_has("{}").await;
        world.profiles.contend();
        world.ask(Ask::put(ALICE, "{}").header("if-match", &tag)).await
    }
    a_write_of_an_old_version: PreconditionFailed {
        let world = World::new();
        let old = world.alice_has("{}").await;
        world.alice_has(r#"{"name":"Alice"}"#).await;
        world.ask(Ask::put(ALICE, "{}").header("if-match", &old)).await
    }
    a_store_out_of_reach: Unavailable {
        with_store(Behaviour::Fail(StoreErrorKind::Unavailable), Ask::get(ALICE)).await
    }
    a_store_that_takes_no_more: Unavailable {
        with_store(Behaviour::Fail(StoreErrorKind::Overloaded), Ask::put(ALICE, "{}")).await
    }
    a_store_that_is_not_ready: Unavailable {
        let ask = Ask::get("/readyz").anonymous();
        with_store(Behaviour::Fail(StoreErrorKind::Unavailable), ask).await
    }
    a_usage_store_out_of_reach: Unavailable {
        let world = World::new();
        world.usage.behave(Behaviour::Fail(StoreErrorKind::Unavailable));
        world.ask(Ask::get(ALICE)).await
    }
    a_key_store_out_of_reach: Unavailable {
        let world = World::new();
        world.keys.behave(Behaviour::Fail(StoreErrorKind::Unavailable));
        world.ask(Ask::get(ALICE)).await
    }
    a_key_set_out_of_reach: Unavailable {
        World::new().ask(Ask::get(ALICE).token("unavailable")).await
    }
    more_requests_than_are_taken: Overloaded {
        let limits = Limits { timeout: None, max_in_flight: Some(0) };
        Setup { limits, ..Setup::default() }.start().ask(Ask::get(ALICE)).await
    }
    a_store_that_does_not_answer: Timeout {
        with_store(Behaviour::Stall, Ask::get(ALICE)).await
    }
    a_stored_row_that_does_not_read: Internal {
        with_store(Behaviour::Fail(StoreErrorKind::Corrupt), Ask::get(ALICE)).await
    }
    a_store_that_fails_otherwise: Internal {
        with_store(Behaviour::Fail(StoreErrorKind::Internal), Ask::delete(ALICE)).await
    }
    a_panic: Internal {
        with_store(Behaviour::Panic, Ask::get(ALICE)).await
    }
}
