//! What makes a PATCH go wrong. Before the profile is read, `errors` names places in the body;
//! afterwards, places in the profile.

use usher_domain::profile::Profile;

use super::rows;
use crate::support::{ALICE, Answer, Ask, Setup, World, profile};

/// A patch of Alice's profile, which says `marked` as its values.
async fn of_alice(patch: Ask) -> Answer {
    let world = World::new();
    world.alice_was_given(r#"{"list":["marked"],"name":"marked"}"#);
    world.ask(patch).await
}

async fn of_a_small_profile(patch: Ask) -> Answer {
    let world = Setup::default().max_bytes(32).start();
    world.alice_was_given(r#"{"name":"marked"}"#);
    world.ask(patch).await
}

/// A patch of a profile whose `tier` is read only.
async fn of_a_profile_with_a_schema(patch: Ask) -> Answer {
    let world = Setup::with_schema(&["tier"]).start();
    world.alice_was_given(r#"{"age":30,"tier":"marked"}"#);
    world.ask(patch).await
}

fn something_else(number: usize) -> Profile {
    profile(&format!("{{\"n\":{number}}}"))
}

rows! {
    a_patch_of_no_profile: ProfileNotFound {
        World::new().ask(Ask::merge(ALICE, r#"{"name":"marked"}"#)).await
    }
    a_patch_of_another_media_type: UnsupportedMediaType {
        of_alice(Ask::patch(ALICE, "text/json", "{}")).await
    }
    a_patch_of_no_media_type: UnsupportedMediaType {
        of_alice(Ask::merge(ALICE, "{}").without("content-type")).await
    }
    a_patch_of_two_media_types: UnsupportedMediaType {
        let two = Ask::merge(ALICE, "{}").another("content-type", "application/json-patch+json");
        of_alice(two).await
    }
    a_patch_with_a_content_coding: UnsupportedMediaType {
        of_alice(Ask::merge(ALICE, "{}").header("content-encoding", "gzip")).await
    }
    a_merge_patch_that_is_not_json: InvalidJson {
        of_alice(Ask::merge(ALICE, r#"{"name":"marked""#)).await
    }
    a_json_patch_that_is_not_json: InvalidJson {
        of_alice(Ask::operations(ALICE, r#"[{"op":"marked",}]"#)).await
    }
    no_patch: InvalidJson {
        of_alice(Ask::operations(ALICE, "")).await
    }
    a_json_patch_that_is_no_list: InvalidPatch {
        of_alice(Ask::operations(ALICE, r#"{"name":"marked"}"#)).await
    }
    a_json_patch_of_what_is_no_operation: InvalidPatch {
        let operations = r#"[
            "marked",
            {"op":"test","path":"/name","value":"marked"},
            {"op":"marked","path":"/name"},
            {"path":"/name"},
            {"op":"add","path":"/name"},
            {"op":"remove"},
            {"op":"remove","path":"name"},
            {"op":"remove","path":"/~2"},
            {"op":"remove","path":["marked"]},
            {"op":"copy","path":"/name"},
            {"op":"move","path":"/name","from":"marked"}
        ]"#;
        of_alice(Ask::operations(ALICE, operations)).await
    }
    a_json_patch_that_moves_a_value_into_itself: InvalidPatch {
        let operation = r#"[{"op":"move","from":"/list","path":"/list/0"}]"#;
        of_alice(Ask::operations(ALICE, operation)).await
    }
    a_json_patch_of_more_than_100_operations: InvalidPatch {
        let operation = r#"{"op":"test","path":"/name","value":"marked"}"#;
        let operations = format!("[{}]", vec![operation; 101].join(","));
        of_alice(Ask::operations(ALICE, operations)).await
    }
    a_merge_patch_that_is_no_object: NotPortable {
        of_alice(Ask::merge(ALICE, r#"["marked"]"#)).await
    }
    a_merge_patch_of_another_user: NotPortable {
        of_alice(Ask::merge(ALICE, r#"{"userId":"marked"}"#)).await
    }
    a_merge_patch_that_takes_the_user_away: NotPortable {
        of_alice(Ask::merge(ALICE, r#"{"userId":null}"#)).await
    }
    a_merge_patch_that_some_store_could_not_keep: NotPortable {
        let body = r#"{"_id":"marked","n":1e400,"list":["\u0000"],"":1,"twice":1,"twice":2}"#;
        of_alice(Ask::merge(ALICE, body)).await
    }
    a_json_patch_with_a_value_that_some_store_could_not_keep: NotPortable {
        let operations = r#"[
            {"op":"add","path":"/name","value":{"a/b":"marked\u0000"}},
            {"op":"add","path":"/name","value":[0.1234567890123456789]}
        ]"#;
        of_alice(Ask::operations(ALICE, operations)).await
    }
    a_json_patch_that_makes_names_that_no_profile_may_have: NotPortable {
        let operations = r#"[
            {"op":"add","path":"/_id","value":"marked"},
            {"op":"add","path":"/","value":"marked"}
        ]"#;
        of_alice(Ask::operations(ALICE, operations)).await
    }
    a_json_patch_that_makes_a_list_of_the_profile: NotPortable {
        of_alice(Ask::operations(ALICE, r#"[{"op":"copy","from":"/list","path":""}]"#)).await
    }
    a_json_patch_that_names_another_user: NotPortable {
        let operation = r#"[{"op":"replace","path":"/userId","value":"marked"}]"#;
        of_alice(Ask::operations(ALICE, operation)).await
    }
    a_json_patch_that_nests_too_deeply: NotPortable {
        let world = World::new();
        world.alice_was_given(&format!("{}\"marked\"{}", "{\"a\":".repeat(32), "}".repeat(32)));
        let operations = r#"[
            {"op":"add","path":"/b","value":{}},
            {"op":"copy","from":"/a","path":"/b/c"}
        ]"#;
        world.ask(Ask::operations(ALICE, operations)).await
    }
    a_json_patch_that_removes_what_is_not_there: PatchPathNotFound {
        of_alice(Ask::operations(ALICE, r#"[{"op":"remove","path":"/nickname"}]"#)).await
    }
    a_json_patch_that_replaces_what_is_not_there: PatchPathNotFound {
        let operations = r#"[
            {"op":"test","path":"/name","value":"marked"},
            {"op":"replace","path":"/list/1","value":"marked"}
        ]"#;
        of_alice(Ask::operations(ALICE, operations)).await
    }
    a_json_patch_that_adds_to_what_is_not_there: PatchPathNotFound {
        let operation = r#"[{"op":"add","path":"/address/city","value":"marked"}]"#;
        of_alice(Ask::operations(ALICE, operation)).await
    }
    a_json_patch_that_copies_what_is_not_there: PatchPathNotFound {
        let operation = r#"[{"op":"copy","from":"/nickname","path":"/name"}]"#;
        of_alice(Ask::operations(ALICE, operation)).await
    }
    a_json_patch_that_moves_to_what_is_not_there: PatchPathNotFound {
        let operation = r#"[{"op":"move","from":"/name","path":"/list/7"}]"#;
        of_alice(Ask::operations(ALICE, operation)).await
    }
    a_test_of_another_value: PatchTestFailed {
        let operations = r#"[
            {"op":"replace","path":"/name","value":"marked"},
            {"op":"test","path":"/list/0","value":"marked, and more"}
        ]"#;
        of_alice(Ask::operations(ALICE, operations)).await
    }
    a_test_of_what_is_not_there: PatchTestFailed {
        of_alice(Ask::operations(ALICE, r#"[{"op":"test","path":"/nickname","value":null}]"#)).await
    }
    a_patch_that_makes_an_attribute_that_is_read_only: AttributeReadOnly {
        let world = Setup::with_schema(&["tier"]).start();
        world.alice_was_given("{}");
        world.ask(Ask::merge(ALICE, r#"{"tier":"marked"}"#)).await
    }
    a_patch_that_changes_an_attribute_that_is_read_only: AttributeReadOnly {
        of_a_profile_with_a_schema(Ask::merge(ALICE, r#"{"age":31,"tier":"other"}"#)).await
    }
    a_patch_that_removes_an_attribute_that_is_read_only: AttributeReadOnly {
        let operation = r#"[{"op":"remove","path":"/tier"}]"#;
        of_a_profile_with_a_schema(Ask::operations(ALICE, operation)).await
    }
    a_patch_that_breaks_the_schema: SchemaViolation {
        let patch = r#"{"age":"marked","email":"marked"}"#;
        of_a_profile_with_a_schema(Ask::merge(ALICE, patch)).await
    }
    a_patch_announced_too_large: TooLarge {
        let announced = Ask::merge(ALICE, "{}").header("content-length", "16449");
        of_a_small_profile(announced).await
    }
    a_patch_sent_too_large: TooLarge {
        of_a_small_profile(Ask::operations(ALICE, " ".repeat(16_449))).await
    }
    a_merge_patch_that_makes_a_profile_too_large: TooLarge {
        of_a_small_profile(Ask::merge(ALICE, r#"{"nickname":"marked"}"#)).await
    }
    a_json_patch_that_makes_a_profile_too_large_on_the_way: TooLarge {
        let operations = r#"[
            {"op":"copy","from":"/name","path":"/nickname"},
            {"op":"remove","path":"/nickname"}
        ]"#;
        of_a_small_profile(Ask::operations(ALICE, operations)).await
    }
    a_patch_of_an_old_version: PreconditionFailed {
        of_alice(Ask::merge(ALICE, "{}").header("if-match", r#""old""#)).await
    }
    a_patch_with_a_tag_that_is_overtaken: PreconditionFailed {
        let world = World::new();
        let tag = world.alice_was_given("{}");
        world.profiles.overtake([Some(something_else(1))]);
        world.ask(Ask::merge(ALICE, r#"{"name":"marked"}"#).header("if-match", &tag)).await
    }
    a_patch_without_the_precondition_that_is_required: PreconditionRequired {
        let mut setup = Setup::default();
        setup.rules.require_if_match = true;
        let world = setup.start();
        world.alice_was_given("{}");
        world.ask(Ask::merge(ALICE, r#"{"name":"marked"}"#)).await
    }
    a_patch_that_others_keep_overtaking: WriteConflict {
        let world = World::new();
        world.alice_was_given("{}");
        world.profiles.overtake((0..1000).map(something_else).map(Some));
        world.ask(Ask::merge(ALICE, r#"{"name":"marked"}"#)).await
    }
}
