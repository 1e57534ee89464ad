//! Two faults in one request give one answer, and that of the earlier stage.

mod faults;

use axum::http::Method;
use usher_domain::ports::StoreErrorKind;
use usher_testkit::fakes::Behaviour;

use crate::support::{ALICE, Ask, Setup, World};
use faults::{Fault, Kind, world};

async fn assert_the_earlier_wins(kind: Kind) {
    let faults = kind.faults();
    assert!(faults.is_sorted());
    let mut wrong = Vec::new();
    for (index, early) in faults.iter().enumerate() {
        let alone = world(&[*early]).await.ask(kind.request(&[*early])).await;
        assert_eq!(alone.code(), early.code(), "{kind:?} with {early:?}");
        for late in &faults[index + 1..] {
            if stops_on_the_way(kind, *early, *late) {
                continue;
            }
            let both = [*early, *late];
            let found = world(&both).await.ask(kind.request(&both)).await.code();
            if found != early.code() {
                wrong.push(format!("{early:?} and {late:?}: {found}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{kind:?}: {wrong:#?}");
}

/// The size of a JSON Patch's result is looked at after each operation: a patch that is too large on
/// the way has no result of which anything else could be said.
fn stops_on_the_way(kind: Kind, early: Fault, late: Fault) -> bool {
    kind == Kind::JsonPatch && early == Fault::ReadOnly && late == Fault::ResultSize
}

#[tokio::test]
async fn of_two_faults_of_a_get_the_earlier_is_answered() {
    assert_the_earlier_wins(Kind::Get).await;
}

#[tokio::test]
async fn of_two_faults_of_a_delete_the_earlier_is_answered() {
    assert_the_earlier_wins(Kind::Delete).await;
}

#[tokio::test]
async fn of_two_faults_of_a_put_the_earlier_is_answered() {
    assert_the_earlier_wins(Kind::Put).await;
}

#[tokio::test]
async fn of_two_faults_of_a_merge_patch_the_earlier_is_answered() {
    assert_the_earlier_wins(Kind::MergePatch).await;
}

#[tokio::test]
async fn of_two_faults_of_a_json_patch_the_earlier_is_answered() {
    assert_the_earlier_wins(Kind::JsonPatch).await;
}

/// All at once, then without the first, and so on to the last.
#[tokio::test]
async fn of_many_faults_the_earliest_is_answered() {
    for kind in [
        Kind::Get,
        Kind::Delete,
        Kind::Put,
        Kind::MergePatch,
        Kind::JsonPatch,
    ] {
        let mut faults = kind.faults().to_vec();
        faults.retain(|fault| !stops_on_the_way(kind, *fault, Fault::ResultSize));
        for first in 0..faults.len() {
            let remaining = &faults[first..];
            let answer = world(remaining).await.ask(kind.request(remaining)).await;
            assert_eq!(
                answer.code(),
                faults[first].code(),
                "{kind:?} {remaining:?}"
            );
        }
    }
}

/// `If-None-Match: *` has its say before the content that depends on the schema, and after the
/// content that does not.
#[tokio::test]
async fn who_only_creates_is_told_of_what_exists_before_the_schema() {
    for read_only in [&[][..], &["tier"]] {
        for (body, code) in [
            (r#"{"age":-1}"#, "schema_violation"),
            (r#"{"_a":1}"#, "not_portable"),
        ] {
            let create = || Ask::put(ALICE, body).header("if-none-match", "*");
            let world = Setup::with_schema(read_only).start();
            assert_eq!(world.ask(create()).await.code(), code);
            world.alice_was_given("{}");
            let expected = if code == "schema_violation" {
                "precondition_failed"
            } else {
                code
            };
            assert_eq!(world.ask(create()).await.code(), expected);
        }
    }
}

#[tokio::test]
async fn the_route_is_judged_first() {
    let world = World::new();
    for (method, path, code) in [
        (Method::PUT, "/users/a%2Fb/profiles", "route_not_found"),
        (Method::POST, "/users/alice/profile/", "route_not_found"),
        (Method::POST, ALICE, "method_not_allowed"),
        (Method::POST, "/users/a%2Fb/profile", "method_not_allowed"),
        (Method::GET, "/users//profile", "missing_parameter"),
        (Method::GET, "/users/a%2Fb/profile", "invalid_user_id"),
        (Method::PATCH, "/users/a%2Fb/profile", "invalid_user_id"),
    ] {
        let anonymous = Ask::new(method.clone(), path).anonymous();
        assert_eq!(world.ask(anonymous).await.code(), code, "{method} {path}");
    }
}

#[tokio::test]
async fn a_token_is_missed_before_a_key_and_before_a_store_out_of_reach() {
    let world = World::new();
    let down = Behaviour::Fail(StoreErrorKind::Unavailable);
    world.keys.behave(down);
    world.usage.behave(down);
    world.profiles.behave(down);
    let anonymous = world.ask(Ask::get(ALICE).anonymous()).await;
    assert_eq!(anonymous.code(), "missing_token");
    let malformed = world.ask(Ask::get(ALICE).key("short")).await;
    assert_eq!(
        malformed.code(),
        "invalid_api_key",
        "a malformed key is not looked up"
    );
}

#[tokio::test]
async fn scope_comes_before_ownership() {
    let mut setup = Setup::default();
    setup
        .rules
        .access
        .read_scopes
        .insert("profiles/read".into());
    let answer = setup.start().ask(Ask::get("/users/bob/profile")).await;
    assert_eq!(answer.code(), "insufficient_scope");
}

/// Whether a profile exists is nobody else's business, and neither is whether the store works.
#[tokio::test]
async fn a_refused_request_never_reaches_the_store() {
    let world = world(&[]).await;
    world.profiles.behave(Behaviour::Panic);
    for kind in [Kind::Put, Kind::MergePatch, Kind::JsonPatch] {
        let before_the_store = kind
            .faults()
            .iter()
            .filter(|fault| **fault < Fault::Absence);
        for fault in before_the_store {
            if *fault != Fault::Limits {
                world.clock.advance(std::time::Duration::from_hours(24));
                let answer = world.ask(kind.request(&[*fault])).await;
                assert_eq!(answer.code(), fault.code(), "{kind:?}");
            }
        }
    }
    for kind in [Kind::Get, Kind::Delete] {
        world.clock.advance(std::time::Duration::from_hours(24));
        let answer = world.ask(kind.request(&[Fault::Access])).await;
        assert_eq!(answer.code(), "not_your_profile");
    }
    assert_eq!(world.profiles.calls(), 0);
}
