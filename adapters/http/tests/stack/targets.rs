//! A target has at most 8 KiB, and one that is longer is looked at no further.

use axum::http::{Method, StatusCode};
use usher_testkit::fakes::Behaviour;

use crate::support::{ALICE, Answer, Ask, KEY, Setup, World, plan_limits};

const MOST: usize = 8 * 1024;

/// A path of so many bytes, of a user whose id is too long.
fn path(length: usize) -> String {
    let id = "a".repeat(length - "/users//profile".len());
    format!("/users/{id}/profile")
}

/// Alice's profile with a query that makes so many bytes of it.
fn query(length: usize) -> String {
    let rest = "q".repeat(length - ALICE.len() - 1);
    format!("{ALICE}?{rest}")
}

fn assert_too_long(answer: &Answer) {
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(answer.code(), "too_large");
    assert_eq!(
        answer.json()["detail"],
        "A request's target has at most 8192 bytes."
    );
}

#[tokio::test]
async fn a_target_of_8_kib_is_judged_and_one_of_a_byte_more_is_not() {
    let world = World::new();
    world.alice_has("{}").await;
    for (target, code) in [
        (query(MOST), "-"),
        (query(MOST + 1), "too_large"),
        (path(MOST), "invalid_user_id"),
        (path(MOST + 1), "too_large"),
        (format!("/{}", "n".repeat(MOST - 1)), "route_not_found"),
        (format!("/{}", "n".repeat(MOST)), "too_large"),
        (query(60_000), "too_large"),
    ] {
        assert_eq!(
            world.ask(Ask::get(&target)).await.code(),
            code,
            "{}",
            target.len()
        );
    }
}

/// As it was sent: what is percent-encoded is three bytes.
#[tokio::test]
async fn a_target_is_as_long_as_it_was_sent() {
    let encoded = format!("{ALICE}?{}", "%41".repeat(MOST / 3));
    assert!(encoded.len() > MOST);
    assert_too_long(&World::new().ask(Ask::get(&encoded)).await);
}

/// An absolute target (RFC 9112, 3.2.2) names the host too, which is no part of what is counted.
#[tokio::test]
async fn the_host_of_an_absolute_target_does_not_count() {
    let world = World::new();
    world.alice_has("{}").await;
    let absolute = |target: &str| Ask::get(&format!("http://api.example.com{target}"));
    let fits = world.ask(absolute(&query(MOST))).await;
    assert_eq!(fits.status, StatusCode::OK);
    assert_too_long(&world.ask(absolute(&query(MOST + 1))).await);
}

#[tokio::test]
async fn a_target_that_is_too_long_is_refused_before_anything_is_asked() {
    let world = Setup {
        plan: plan_limits(0.001, 1, 0),
        ..Setup::default()
    }
    .start();
    world.keys.behave(Behaviour::Panic);
    world.usage.behave(Behaviour::Panic);
    world.profiles.behave(Behaviour::Panic);
    for target in [query(MOST + 1), path(MOST + 1), "/".repeat(MOST + 1)] {
        for method in [
            Method::GET,
            Method::PUT,
            Method::PATCH,
            Method::DELETE,
            Method::POST,
            Method::OPTIONS,
        ] {
            for ask in [
                Ask::new(method.clone(), &target),
                Ask::new(method.clone(), &target).anonymous(),
                Ask::new(method.clone(), &target).token("unavailable"),
                Ask::new(method.clone(), &target).token("expired"),
            ] {
                let answer = world.ask(ask).await;
                assert_too_long(&answer);
                assert_eq!(answer.header("ratelimit"), None);
                assert_eq!(answer.header("www-authenticate"), None);
            }
        }
    }
    // Nothing was charged: the one call that the plan has is still there.
    world.keys.behave(Behaviour::Serve);
    world.usage.behave(Behaviour::Serve);
    world.profiles.behave(Behaviour::Serve);
    assert_eq!(world.ask(Ask::get(ALICE)).await.code(), "profile_not_found");
    assert_eq!(
        world.ask(Ask::get(ALICE).key(KEY)).await.code(),
        "throttled"
    );
}

#[tokio::test]
async fn head_has_no_body_when_its_target_is_too_long() {
    let world = World::new();
    let get = world.ask(Ask::get(&query(MOST + 1))).await;
    let head = world.ask(Ask::head(&query(MOST + 1))).await;
    assert_eq!((head.status, head.text()), (get.status, ""));
    let length = get.body.len().to_string();
    assert_eq!(head.header("content-length"), Some(length.as_str()));
}

#[tokio::test]
async fn a_target_that_is_too_long_has_a_line_like_any_request() {
    let world = World::new();
    world.ask(Ask::get(&query(MOST + 1)).anonymous()).await;
    let lines = world.log.take();
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0]["status"], 413);
    assert_eq!(lines[0]["error.code"], "too_large");
    assert_eq!(lines[0]["path"], ALICE, "the query is not written down");
}
