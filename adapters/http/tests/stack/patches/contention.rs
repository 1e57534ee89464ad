//! Others write between the read of a PATCH and its write.

use axum::http::StatusCode;
use usher_domain::profile::Profile;

use crate::support::{ALICE, Ask, World, profile};

/// So many writers of a member of their own, one after the other.
fn others(count: usize) -> impl Iterator<Item = Option<Profile>> {
    (1..=count).map(|number| Some(profile(&format!(r#"{{"others":{number}}}"#))))
}

fn patches() -> [Ask; 2] {
    [
        Ask::merge(ALICE, r#"{"mine":1}"#),
        Ask::operations(ALICE, r#"[{"op":"add","path":"/mine","value":1}]"#),
    ]
}

#[tokio::test]
async fn a_patch_that_is_overtaken_is_applied_to_what_the_others_wrote() {
    for patch in patches() {
        let world = World::new();
        world.alice_was_given(r#"{"others":0}"#);
        world.profiles.overtake(others(3));
        let patched = world.ask(patch).await;
        let expected = r#"{"userId":"alice","mine":1,"others":3}"#;
        assert_eq!((patched.status, patched.text()), (StatusCode::OK, expected));
        let read = world.ask(Ask::get(ALICE)).await;
        assert_eq!((read.text(), read.tag()), (expected, patched.tag()));
        assert_eq!(world.profiles.puts(), 4);
        let left = patched.header("ratelimit").expect("what is left");
        assert!(
            left.starts_with(r#""throttle";r=99;"#),
            "charged once: {left}"
        );
    }
}

#[tokio::test]
async fn a_patch_that_is_overtaken_again_and_again_ends_as_a_conflict() {
    for patch in patches() {
        let world = World::new();
        world.alice_was_given(r#"{"others":0}"#);
        world.profiles.overtake(others(1_000));
        assert_eq!(world.ask(patch).await.code(), "write_conflict");
        let attempts = world.profiles.puts();
        assert!((2..=32).contains(&attempts), "{attempts}");
        let left = format!(r#"{{"userId":"alice","others":{attempts}}}"#);
        assert_eq!(world.ask(Ask::get(ALICE)).await.text(), left);
    }
}

#[tokio::test]
async fn a_patch_with_a_tag_that_is_overtaken_is_not_tried_again() {
    for patch in patches() {
        let world = World::new();
        let tag = world.alice_was_given(r#"{"others":0}"#);
        world.profiles.overtake(others(1_000));
        let answer = world.ask(patch.header("if-match", &tag)).await;
        assert_eq!(answer.code(), "precondition_failed");
        assert_eq!(world.profiles.puts(), 1);
        let left = world.ask(Ask::get(ALICE)).await;
        assert_eq!(left.text(), r#"{"userId":"alice","others":1}"#);
    }
}

/// The tag is that of the content: who writes the same again has overtaken nobody.
#[tokio::test]
async fn a_patch_with_a_tag_is_written_over_equal_content() {
    let world = World::new();
    let tag = world.alice_was_given(r#"{"others":0}"#);
    world
        .profiles
        .overtake([Some(profile(r#"{"others":0.0}"#))]);
    let [patch, _] = patches();
    let answer = world.ask(patch.header("if-match", &tag)).await;
    assert_eq!(answer.text(), r#"{"userId":"alice","mine":1,"others":0}"#);
}

#[tokio::test]
async fn a_patch_of_any_version_is_tried_again_while_there_is_one() {
    let [patch, _] = patches();
    let world = World::new();
    world.alice_was_given("{}");
    world.profiles.overtake(others(1));
    let answer = world.ask(patch.header("if-match", "*")).await;
    assert_eq!(answer.text(), r#"{"userId":"alice","mine":1,"others":1}"#);
}

#[tokio::test]
async fn a_profile_that_is_deleted_meanwhile_is_not_made_again() {
    for patch in patches() {
        let world = World::new();
        world.alice_was_given("{}");
        world.profiles.overtake([None]);
        assert_eq!(world.ask(patch).await.code(), "profile_not_found");
        assert_eq!(world.ask(Ask::get(ALICE)).await.code(), "profile_not_found");
    }
}

/// What the others wrote is what the patch is judged by.
#[tokio::test]
async fn what_a_patch_demands_must_hold_for_what_the_others_wrote() {
    let test = r#"{"op":"test","path":"/others","value":0}"#;
    let add = r#"{"op":"add","path":"/mine","value":1}"#;
    let replace = r#"{"op":"replace","path":"/first","value":1}"#;
    for (operations, code) in [
        (format!("[{test},{add}]"), "patch_test_failed"),
        (format!("[{add},{replace}]"), "patch_path_not_found"),
    ] {
        let world = World::new();
        world.alice_was_given(r#"{"first":0,"others":0}"#);
        world.profiles.overtake(others(1));
        let answer = world.ask(Ask::operations(ALICE, operations)).await;
        assert_eq!(answer.code(), code);
        assert_eq!(world.profiles.puts(), 1);
    }
}

#[tokio::test]
async fn a_patch_that_changes_nothing_is_answered_whoever_writes() {
    let world = World::new();
    world.alice_was_given(r#"{"mine":1}"#);
    world.profiles.contend();
    for patch in patches() {
        assert_eq!(world.ask(patch).await.status, StatusCode::OK);
    }
    assert_eq!(world.profiles.puts(), 0);
}
