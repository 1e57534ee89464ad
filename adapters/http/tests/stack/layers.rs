//! What the layers around the Router promise: a panic, a deadline and a crowd each have an answer,
//! and what comes next finds nothing of them.

use std::{pin::pin, time::Duration};

use axum::{
    body::{Body, Bytes},
    http::StatusCode,
};
use http_body_util::channel::Channel;
use tokio::time::Instant;
use usher_domain::ports::StoreErrorKind;
use usher_http::Limits;
use usher_testkit::fakes::{Behaviour, FAULT_SAYS};

use crate::support::{ALICE, Answer, Ask, Setup, World, poll_once};

const TIMEOUT: Duration = Duration::from_millis(1_500);

fn bounded(max_in_flight: usize) -> World {
    let limits = Limits {
        timeout: Some(TIMEOUT),
        max_in_flight: Some(max_in_flight),
    };
    Setup {
        limits,
        ..Setup::default()
    }
    .start()
}

/// A request of every kind that reaches the store.
fn calls() -> [Ask; 4] {
    [
        Ask::get(ALICE),
        Ask::put(ALICE, "{}"),
        Ask::merge(ALICE, "{}"),
        Ask::delete(ALICE),
    ]
}

async fn assert_serves(world: &World) {
    world.profiles.behave(Behaviour::Serve);
    assert!(world.ask(Ask::put(ALICE, "{}")).await.status.is_success());
}

#[tokio::test]
async fn a_panic_is_a_problem_and_the_next_request_is_served() {
    let world = bounded(1);
    for ask in calls() {
        world.profiles.behave(Behaviour::Panic);
        let answer = world.ask(ask).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code().as_str()),
            (500, "internal")
        );
        assert_serves(&world).await;
    }
}

#[tokio::test]
async fn a_panic_anywhere_on_the_way_is_caught() {
    let world = World::new();
    world.keys.behave(Behaviour::Panic);
    assert_eq!(world.ask(Ask::get(ALICE)).await.code(), "internal");
    world.keys.behave(Behaviour::Serve);
    world.usage.behave(Behaviour::Panic);
    assert_eq!(world.ask(Ask::get(ALICE)).await.code(), "internal");
    world.usage.behave(Behaviour::Serve);
    assert_serves(&world).await;
}

#[tokio::test(start_paused = true)]
async fn a_store_that_stalls_is_a_timeout_after_exactly_the_deadline() {
    let world = bounded(1);
    for ask in calls() {
        world.profiles.behave(Behaviour::Stall);
        let asked = Instant::now();
        let answer = world.ask(ask).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code().as_str()),
            (504, "timeout")
        );
        assert_eq!(asked.elapsed(), TIMEOUT);
        assert_serves(&world).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_never_ends_is_a_timeout() {
    let world = bounded(1);
    let (mut sender, body) = Channel::<Bytes, std::io::Error>::new(1);
    sender
        .send_data(Bytes::from_static(b"{"))
        .await
        .expect("room for it");
    let asked = Instant::now();
    let answer = world.ask(Ask::put(ALICE, Body::new(body))).await;
    assert_eq!(answer.code(), "timeout");
    assert_eq!(asked.elapsed(), TIMEOUT);
    drop(sender);
    assert_serves(&world).await;
}

#[tokio::test(start_paused = true)]
async fn without_a_deadline_a_request_waits_as_long_as_its_store() {
    let limits = Limits {
        timeout: None,
        max_in_flight: None,
    };
    let world = Setup {
        limits,
        ..Setup::default()
    }
    .start();
    world.profiles.behave(Behaviour::Stall);
    let mut waiting = pin!(world.ask(Ask::get(ALICE)));
    let a_day = Duration::from_hours(24);
    assert!(tokio::time::timeout(a_day, waiting.as_mut()).await.is_err());
    world.profiles.behave(Behaviour::Serve);
    assert_eq!(waiting.await.code(), "profile_not_found");
}

fn assert_overloaded(answer: &Answer) {
    assert_eq!(
        (answer.status.as_u16(), answer.code().as_str()),
        (503, "overloaded")
    );
    assert_eq!(answer.retry_after(), Some(1));
}

/// A server that is busy is not a server that is ill.
#[tokio::test]
async fn past_the_bound_probes_are_answered() {
    let world = bounded(0);
    assert_overloaded(&world.ask(Ask::get(ALICE)).await);
    for probe in ["/healthz", "/readyz"] {
        assert_eq!(
            world.ask(Ask::get(probe).anonymous()).await.status,
            StatusCode::OK
        );
    }
}

#[tokio::test(start_paused = true)]
async fn past_the_bound_requests_are_refused_at_once_and_those_let_in_are_served() {
    let world = bounded(2);
    assert_serves(&world).await;
    world.profiles.behave(Behaviour::Stall);
    let mut first = pin!(world.ask(Ask::get(ALICE)));
    let mut second = pin!(world.ask(Ask::get(ALICE)));
    assert!(poll_once(first.as_mut()).is_pending());
    assert!(poll_once(second.as_mut()).is_pending());
    let asked = Instant::now();
    for _ in 0..8 {
        // No token, no key: a refusal costs nothing but itself.
        assert_overloaded(&world.ask(Ask::get(ALICE).anonymous()).await);
    }
    assert_eq!(asked.elapsed(), Duration::ZERO);
    world.profiles.behave(Behaviour::Serve);
    assert_eq!(first.await.status, StatusCode::OK);
    assert_eq!(second.await.status, StatusCode::OK);
    assert_serves(&world).await;
}

#[tokio::test]
async fn a_slot_is_given_back_when_its_request_ends() {
    let world = bounded(1);
    for _ in 0..3 {
        world.profiles.behave(Behaviour::Stall);
        let mut held = pin!(world.ask(Ask::get(ALICE)));
        assert!(poll_once(held.as_mut()).is_pending());
        assert_overloaded(&world.ask(Ask::get(ALICE)).await);
        world
            .profiles
            .behave(Behaviour::Fail(StoreErrorKind::Unavailable));
        assert_eq!(held.await.code(), "unavailable");
        assert_serves(&world).await;
    }
}

#[tokio::test]
async fn a_slot_is_given_back_when_its_client_goes_away() {
    let world = bounded(1);
    world.profiles.behave(Behaviour::Stall);
    {
        let mut abandoned = pin!(world.ask(Ask::get(ALICE)));
        assert!(poll_once(abandoned.as_mut()).is_pending());
        assert_overloaded(&world.ask(Ask::get(ALICE)).await);
    }
    assert_serves(&world).await;
}

#[tokio::test(start_paused = true)]
async fn clones_of_the_stack_share_its_bound() {
    let world = bounded(1);
    let clone = world.stack.clone();
    world.profiles.behave(Behaviour::Stall);
    let mut held = pin!(clone.answer(Ask::get(ALICE).into_request()));
    assert!(poll_once(held.as_mut()).is_pending());
    assert_overloaded(&world.ask(Ask::get(ALICE)).await);
}

#[tokio::test]
async fn what_a_store_says_of_its_failure_never_reaches_the_client() {
    let world = World::new();
    let kinds = [
        StoreErrorKind::Unavailable,
        StoreErrorKind::Overloaded,
        StoreErrorKind::Corrupt,
        StoreErrorKind::Internal,
    ];
    for kind in kinds {
        let failing = Behaviour::Fail(kind);
        for port in ["profiles", "usage", "keys"] {
            world.profiles.behave(if port == "profiles" {
                failing
            } else {
                Behaviour::Serve
            });
            world.usage.behave(if port == "usage" {
                failing
            } else {
                Behaviour::Serve
            });
            world.keys.behave(if port == "keys" {
                failing
            } else {
                Behaviour::Serve
            });
            for ask in calls() {
                let answer = world.ask(ask).await;
                let transient = matches!(
                    kind,
                    StoreErrorKind::Unavailable | StoreErrorKind::Overloaded
                );
                assert_eq!(
                    answer.code(),
                    if transient { "unavailable" } else { "internal" }
                );
                let everything = answer.snapshot().to_string();
                let told = FAULT_SAYS.iter().find(|said| everything.contains(**said));
                assert_eq!(told, None, "{everything}");
            }
        }
    }
}

#[tokio::test]
async fn every_answer_names_its_request_and_no_two_the_same() {
    let world = World::new();
    let mut ids = std::collections::HashSet::new();
    for path in [
        ALICE,
        "/healthz",
        "/readyz",
        "/nowhere",
        "/users//profile",
        "/users/bob/profile",
    ] {
        for ask in [
            Ask::get(path),
            Ask::head(path),
            Ask::options(path),
            Ask::get(path).anonymous(),
        ] {
            let answer = world.ask(ask.header("x-request-id", "of-the-client")).await;
            let id = answer.header("x-request-id").expect("an id").to_owned();
            assert_ne!(id, "of-the-client");
            assert!(ids.insert(id), "{path}");
        }
    }
}
