//! Clients that send their bodies slowly: they wait for themselves, and nobody waits for them.

use std::{pin::pin, time::Duration};

use axum::{
    body::{Body, Bytes},
    http::StatusCode,
};
use http_body_util::channel::{Channel, Sender};
use tokio::time::Instant;
use usher_http::Limits;
use usher_testkit::fakes::Behaviour;

use crate::support::{ALICE, Ask, Setup, World, poll_once};

const TIMEOUT: Duration = Duration::from_millis(1_500);

fn bounded(max_in_flight: usize) -> World {
    Setup {
        limits: Limits {
            timeout: Some(TIMEOUT),
            max_in_flight: Some(max_in_flight),
        },
        ..Setup::default()
    }
    .start()
}

/// A body that comes when it is sent, and ends when its sender is dropped.
fn slow_body() -> (Sender<Bytes, std::io::Error>, Body) {
    let (sender, body) = Channel::new(4);
    (sender, Body::new(body))
}

async fn send(sender: &mut Sender<Bytes, std::io::Error>, text: &'static str) {
    sender
        .send_data(Bytes::from_static(text.as_bytes()))
        .await
        .expect("somebody who reads");
}

#[tokio::test]
async fn while_a_body_is_awaited_others_are_served() {
    let world = bounded(1);
    world.alice_was_given(r#"{"n":0}"#);
    let (mut sender, body) = slow_body();
    let mut slow = pin!(world.ask(Ask::put(ALICE, body)));
    assert!(poll_once(slow.as_mut()).is_pending());
    for _ in 0..3 {
        let answer = world.ask(Ask::get(ALICE)).await;
        assert_eq!(answer.text(), r#"{"userId":"alice","n":0}"#);
        // Whose body is there does not wait for it.
        let patched = world.ask(Ask::merge(ALICE, r#"{"m":null}"#)).await;
        assert_eq!(patched.status, StatusCode::OK);
    }
    send(&mut sender, r#"{"n":"#).await;
    assert!(poll_once(slow.as_mut()).is_pending());
    assert_eq!(world.ask(Ask::get(ALICE)).await.status, StatusCode::OK);
    send(&mut sender, "1}").await;
    drop(sender);
    let answer = slow.await;
    assert_eq!(
        (answer.status, answer.text()),
        (StatusCode::OK, r#"{"userId":"alice","n":1}"#)
    );
}

#[tokio::test]
async fn no_more_bodies_are_awaited_than_requests_are_in_flight() {
    for most in [1, 2] {
        let world = bounded(most);
        let mut senders = Vec::new();
        let mut waiting = Vec::new();
        for _ in 0..most {
            let (sender, body) = slow_body();
            senders.push(sender);
            let mut slow = Box::pin(world.ask(Ask::put(ALICE, body)));
            assert!(poll_once(slow.as_mut()).is_pending());
            waiting.push(slow);
        }
        for ask in [
            Ask::put(ALICE, slow_body().1),
            Ask::merge(ALICE, slow_body().1),
        ] {
            let (_sender, body) = slow_body();
            let refused = world.ask(ask.body(body)).await;
            assert_eq!(refused.code(), "overloaded");
            assert_eq!(refused.retry_after(), Some(1));
        }
        // A body that is there already is not awaited.
        let put = world.ask(Ask::put(ALICE, "{}")).await;
        assert_eq!(put.status, StatusCode::CREATED);
        assert_eq!(world.ask(Ask::get(ALICE)).await.status, StatusCode::OK);
        for (mut sender, slow) in senders.into_iter().zip(waiting) {
            send(&mut sender, "{}").await;
            drop(sender);
            assert_eq!(slow.await.status, StatusCode::OK);
        }
        // Their places are free again.
        let (mut sender, body) = slow_body();
        let mut slow = pin!(world.ask(Ask::put(ALICE, body)));
        assert!(poll_once(slow.as_mut()).is_pending());
        send(&mut sender, "{}").await;
        drop(sender);
        assert_eq!(slow.await.status, StatusCode::OK);
    }
}

/// It was admitted once, and charged: it does not lose its turn for having been slow.
#[tokio::test]
async fn whoever_has_its_body_goes_on_although_there_is_no_room() {
    let world = bounded(1);
    world.alice_was_given("{}");
    let (mut sender, body) = slow_body();
    let mut slow = pin!(world.ask(Ask::put(ALICE, body)));
    assert!(poll_once(slow.as_mut()).is_pending());
    world.profiles.behave(Behaviour::Stall);
    let mut held = pin!(world.ask(Ask::get(ALICE)));
    assert!(poll_once(held.as_mut()).is_pending());
    send(&mut sender, r#"{"n":1}"#).await;
    drop(sender);
    assert!(
        poll_once(slow.as_mut()).is_pending(),
        "it waits for the store"
    );
    assert_eq!(world.ask(Ask::get(ALICE)).await.code(), "overloaded");
    world.profiles.behave(Behaviour::Serve);
    assert_eq!(slow.await.status, StatusCode::OK);
    assert_eq!(held.await.status, StatusCode::OK);
    assert_bound_is(&world, 1).await;
}

/// So many are served at once, and no more: no place was lost, and none was made.
async fn assert_bound_is(world: &World, most: usize) {
    world.profiles.behave(Behaviour::Stall);
    let mut held = Vec::new();
    for _ in 0..most {
        let mut call = Box::pin(world.ask(Ask::get(ALICE)));
        assert!(poll_once(call.as_mut()).is_pending());
        held.push(call);
    }
    assert_eq!(world.ask(Ask::get(ALICE)).await.code(), "overloaded");
    world.profiles.behave(Behaviour::Serve);
    for call in held {
        assert_ne!(call.await.code(), "overloaded");
    }
}

#[tokio::test(start_paused = true)]
async fn places_are_given_back_however_the_wait_ends() {
    let world = bounded(1);
    assert_bound_is(&world, 1).await;
    // The client goes away.
    {
        let (_sender, body) = slow_body();
        let mut slow = pin!(world.ask(Ask::put(ALICE, body)));
        assert!(poll_once(slow.as_mut()).is_pending());
    }
    assert_bound_is(&world, 1).await;
    // The connection breaks.
    let (sender, body) = slow_body();
    let mut slow = pin!(world.ask(Ask::put(ALICE, body)));
    assert!(poll_once(slow.as_mut()).is_pending());
    sender.abort(std::io::Error::other("broken"));
    assert_eq!(slow.await.code(), "invalid_json");
    assert_bound_is(&world, 1).await;
    // The deadline runs out.
    let (_sender, body) = slow_body();
    assert_eq!(world.ask(Ask::put(ALICE, body)).await.code(), "timeout");
    assert_bound_is(&world, 1).await;
    // There is no room for another.
    let (_sender, body) = slow_body();
    let mut slow = pin!(world.ask(Ask::put(ALICE, body)));
    assert!(poll_once(slow.as_mut()).is_pending());
    let (_other, body) = slow_body();
    assert_eq!(world.ask(Ask::put(ALICE, body)).await.code(), "overloaded");
    assert_bound_is(&world, 1).await;
    assert_eq!(slow.await.code(), "timeout");
    assert_bound_is(&world, 1).await;
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_come_in_time_is_a_timeout_after_exactly_the_deadline() {
    let world = bounded(1);
    world.alice_was_given(r#"{"n":0}"#);
    for ask in [Ask::put(ALICE, ""), Ask::merge(ALICE, "")] {
        let (mut sender, body) = slow_body();
        send(&mut sender, r#"{"n":1"#).await;
        let asked = Instant::now();
        let answer = world.ask(ask.body(body)).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code().as_str()),
            (504, "timeout")
        );
        assert_eq!(asked.elapsed(), TIMEOUT);
    }
    let left = world.ask(Ask::get(ALICE)).await;
    assert_eq!(left.text(), r#"{"userId":"alice","n":0}"#);
}

/// A byte now and then puts no deadline off.
#[tokio::test(start_paused = true)]
async fn a_body_that_comes_in_drops_is_a_timeout_too() {
    let world = bounded(1);
    let (mut sender, body) = slow_body();
    let drops = async move {
        while sender.send_data(Bytes::from_static(b" ")).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let asked = Instant::now();
    let (answer, ()) = tokio::join!(world.ask(Ask::put(ALICE, body)), drops);
    assert_eq!(answer.code(), "timeout");
    assert!(asked.elapsed() < TIMEOUT + Duration::from_millis(200));
}

/// Who is refused anyway is not waited for.
#[tokio::test(start_paused = true)]
async fn a_body_is_awaited_only_by_those_who_read_it() {
    let world = World::new();
    let asked = Instant::now();
    for (ask, code) in [
        (Ask::put(ALICE, "").anonymous(), "missing_token"),
        (Ask::put(ALICE, "").without("x-api-key"), "invalid_api_key"),
        (Ask::put("/users/bob/profile", ""), "not_your_profile"),
        (
            Ask::put(ALICE, "").header("content-type", "text/plain"),
            "unsupported_media_type",
        ),
        (
            Ask::merge(ALICE, "").without("content-type"),
            "unsupported_media_type",
        ),
        (
            Ask::put(ALICE, "").header("content-length", "999999999"),
            "too_large",
        ),
        (Ask::put("/nowhere", ""), "route_not_found"),
        (Ask::get(ALICE), "profile_not_found"),
        (Ask::delete(ALICE), "profile_not_found"),
    ] {
        let (_sender, body) = slow_body();
        assert_eq!(world.ask(ask.body(body)).await.code(), code);
    }
    assert_eq!(asked.elapsed(), Duration::ZERO);
}
