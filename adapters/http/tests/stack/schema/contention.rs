//! Others write between the read of a PUT that keeps attributes and its write.

use axum::http::StatusCode;
use usher_domain::profile::Profile;

use super::{GOLD, assert_becomes, with_gold, with_schema};
use crate::support::{ALICE, Ask, profile};

fn tiers(names: &'static [&str]) -> impl Iterator<Item = Option<Profile>> {
    let tier = |name: &&str| Some(profile(&format!(r#"{{"tier":"{name}"}}"#)));
    names.iter().map(tier)
}

#[tokio::test]
async fn a_put_that_is_overtaken_keeps_what_the_others_wrote() {
    let world = with_gold();
    world.profiles.overtake(tiers(&["silver", "bronze"]));
    let after = r#"{"userId":"alice","age":1,"tier":"bronze"}"#;
    assert_becomes(&world, Ask::put(ALICE, r#"{"age":1}"#), after).await;
    assert_eq!(world.profiles.puts(), 3);
}

#[tokio::test]
async fn a_put_that_says_what_is_read_only_is_judged_again_when_it_is_overtaken() {
    let world = with_gold();
    world.profiles.overtake(tiers(&["silver"]));
    let answer = world.ask(Ask::put(ALICE, r#"{"tier":"gold"}"#)).await;
    assert_eq!(answer.code(), "attribute_read_only");
    assert_eq!(answer.pointers(), ["/tier"]);
    let left = world.ask(Ask::get(ALICE)).await;
    assert_eq!(left.text(), r#"{"userId":"alice","tier":"silver"}"#);
}

#[tokio::test]
async fn a_put_that_is_overtaken_again_and_again_ends_as_a_conflict() {
    let world = with_gold();
    let others = (0..500).flat_map(|_| tiers(&["silver", "bronze"]));
    world.profiles.overtake(others);
    let answer = world.ask(Ask::put(ALICE, "{}")).await;
    assert_eq!(answer.code(), "write_conflict");
    let attempts = world.profiles.puts();
    assert!((2..=32).contains(&attempts), "{attempts}");
}

#[tokio::test]
async fn a_put_with_a_tag_that_is_overtaken_is_not_tried_again() {
    let world = with_schema();
    let tag = world.alice_was_given(GOLD);
    world.profiles.overtake(tiers(&["silver"]));
    let put = Ask::put(ALICE, "{}").header("if-match", &tag);
    assert_eq!(world.ask(put).await.code(), "precondition_failed");
    assert_eq!(world.profiles.puts(), 1);
}

/// Between the read that finds nothing and the write, somebody else creates.
#[tokio::test]
async fn who_creates_and_is_overtaken_keeps_what_is_there() {
    let world = with_schema();
    world.profiles.overtake(tiers(&["gold"]));
    let after = r#"{"userId":"alice","age":1,"tier":"gold"}"#;
    let put = Ask::put(ALICE, r#"{"age":1}"#);
    let answer = assert_becomes(&world, put, after).await;
    assert_eq!(answer.status, StatusCode::OK, "it was there already");

    let world = with_schema();
    world.profiles.overtake(tiers(&["gold"]));
    let create = Ask::put(ALICE, r#"{"age":1}"#).header("if-none-match", "*");
    assert_eq!(world.ask(create).await.code(), "precondition_failed");
}

#[tokio::test]
async fn what_is_deleted_meanwhile_is_created_without_what_it_had() {
    let world = with_gold();
    world.profiles.overtake([None]);
    let after = r#"{"userId":"alice","age":1}"#;
    let answer = assert_becomes(&world, Ask::put(ALICE, r#"{"age":1}"#), after).await;
    assert_eq!(answer.status, StatusCode::CREATED);
}
