//! What callers are told of their limits, and whether it is true.

use std::time::Duration;

use axum::http::StatusCode;
use usher_domain::{ports::Clock as _, time::Timestamp};

use crate::support::{ALICE, Answer, Ask, DISABLED_KEY, KEY, OTHER_KEY, Setup, World, plan_limits};

const NANO: Duration = Duration::from_nanos(1);

fn with_plan(rate: f64, burst: u64, quota: u64) -> World {
    let plan = plan_limits(rate, burst, quota);
    Setup {
        plan,
        ..Setup::default()
    }
    .start()
}

/// A call that is let in finds no profile.
async fn call(world: &World) -> Answer {
    world.ask(Ask::get(ALICE)).await
}

async fn assert_admitted(world: &World) {
    assert_eq!(call(world).await.code(), "profile_not_found");
}

fn remaining(answer: &Answer) -> Option<(&str, &str)> {
    Some((
        answer.header("ratelimit-policy")?,
        answer.header("ratelimit")?,
    ))
}

#[tokio::test]
async fn successes_and_refusals_say_what_is_left() {
    let world = with_plan(0.5, 2, 10);
    let policy = r#""throttle";q=2;w=4, "quota";q=10;w=86400"#;
    let first = world.ask(Ask::put(ALICE, "{}")).await;
    assert_eq!(first.status, StatusCode::CREATED);
    let left = r#""throttle";r=1;t=2, "quota";r=9;t=43200"#;
    assert_eq!(remaining(&first), Some((policy, left)));
    world.clock.advance(Duration::from_millis(500));
    let second = world.ask(Ask::get("/users/bob/profile")).await;
    assert_eq!(second.code(), "not_your_profile", "charged all the same");
    let left = r#""throttle";r=0;t=2, "quota";r=8;t=43200"#;
    assert_eq!(remaining(&second), Some((policy, left)));
    let third = call(&world).await;
    assert_eq!(
        (third.code().as_str(), third.retry_after()),
        ("throttled", Some(2))
    );
    assert_eq!(
        remaining(&third),
        Some((policy, left)),
        "a refusal takes nothing"
    );
}

#[tokio::test]
async fn what_fails_after_it_was_let_in_is_charged() {
    for refused in [
        Ask::put(ALICE, "{}").header("content-type", "text/plain"),
        Ask::put(ALICE, "nonsense"),
        Ask::put(ALICE, r#"{"_a":1}"#),
        Ask::put(ALICE, "{}").header("if-match", "*"),
        Ask::merge(ALICE, "nonsense"),
        Ask::merge(ALICE, "{}"),
        Ask::operations(ALICE, "{}"),
        Ask::delete(ALICE),
    ] {
        let world = with_plan(0.001, 2, 0);
        let left = world.ask(refused).await;
        assert_eq!(
            left.header("ratelimit"),
            Some(r#""throttle";r=1;t=1000"#),
            "{left:?}"
        );
    }
}

#[tokio::test]
async fn nothing_is_said_of_limits_where_none_apply() {
    let world = with_plan(0.5, 2, 10);
    for refused in [
        Ask::get(ALICE).anonymous(),
        Ask::get(ALICE).token("expired"),
        Ask::get(ALICE).key("nobody-has-this-key-0000"),
        Ask::get("/healthz"),
        Ask::get("/nowhere"),
        Ask::options(ALICE),
    ] {
        assert_eq!(remaining(&world.ask(refused).await), None);
    }
    let keyless = Setup {
        needs_key: false,
        ..Setup::default()
    }
    .start();
    let answer = keyless.ask(Ask::get(ALICE).without("x-api-key")).await;
    assert_eq!(
        (answer.code().as_str(), remaining(&answer)),
        ("profile_not_found", None)
    );
}

/// For many rates, and from many points between two tokens.
#[tokio::test]
async fn after_the_announced_wait_the_call_is_let_in_and_a_second_earlier_it_is_not() {
    for rate in [0.001, 0.3, 0.5, 0.7, 1.0, 1.5, 3.0, 7.0, 1000.0] {
        for early in [0, 1, 1_000, 333_333_333, 999_999_999] {
            let world = with_plan(rate, 3, 0);
            for _ in 0..3 {
                assert_admitted(&world).await;
            }
            world.clock.advance(Duration::from_nanos(early));
            let start = world.clock.now();
            let refused = call(&world).await;
            let Some(wait) = refused.retry_after() else {
                assert!(early > 0, "{rate}: a spent bucket lets nobody in");
                continue;
            };
            assert!(wait > 0, "{rate}: come back at once is no wait");
            world.clock.set(start.plus(Duration::from_secs(wait - 1)));
            assert_eq!(call(&world).await.code(), "throttled", "{rate} {early}");
            world.clock.set(start.plus(Duration::from_secs(wait)));
            assert_admitted(&world).await;
        }
    }
}

#[tokio::test]
async fn a_wait_is_rounded_up_to_whole_seconds_and_no_further() {
    let world = with_plan(0.5, 1, 0);
    assert_admitted(&world).await;
    let spent = world.clock.now();
    for (later, wait) in [
        (0, 2),
        (1, 2),
        (999_999_999, 2),
        (1_000_000_000, 1),
        (1_999_999_999, 1),
    ] {
        world.clock.set(spent.plus(Duration::from_nanos(later)));
        assert_eq!(call(&world).await.retry_after(), Some(wait), "{later}");
    }
    world.clock.set(spent.plus(Duration::from_secs(2)));
    assert_admitted(&world).await;
}

#[tokio::test]
async fn refused_calls_do_not_put_off_the_next_one() {
    let world = with_plan(1.0, 1, 0);
    assert_admitted(&world).await;
    let spent = world.clock.now();
    for millis in 0..100 {
        world
            .clock
            .set(spent.plus(Duration::from_millis(10 * millis)));
        assert_eq!(call(&world).await.code(), "throttled");
    }
    world.clock.set(spent.plus(Duration::from_secs(1)));
    assert_admitted(&world).await;
}

#[tokio::test]
async fn calls_without_a_good_token_or_key_spend_nothing() {
    let world = with_plan(0.001, 1, 1);
    for _ in 0..8 {
        for (refused, code) in [
            (Ask::get(ALICE).without("authorization"), "missing_token"),
            (Ask::get(ALICE).token("nonsense"), "invalid_token"),
            (Ask::get(ALICE).token("expired"), "token_expired"),
            (Ask::get(ALICE).token("unavailable"), "unavailable"),
            (Ask::get(ALICE).token("user:stopped"), "invalid_token"),
            (Ask::get(ALICE).key(DISABLED_KEY), "invalid_api_key"),
            (
                Ask::get(ALICE).another("x-api-key", OTHER_KEY),
                "invalid_api_key",
            ),
            (Ask::get("/users/a%2Fb/profile"), "invalid_user_id"),
        ] {
            assert_eq!(world.ask(refused).await.code(), code);
        }
    }
    assert_admitted(&world).await;
    assert_eq!(call(&world).await.status, StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn keys_of_one_plan_are_independent() {
    let world = with_plan(0.001, 2, 2);
    world.spend_all(KEY).await;
    assert_eq!(call(&world).await.status, StatusCode::TOO_MANY_REQUESTS);
    let other = world.ask(Ask::get(ALICE).key(OTHER_KEY)).await;
    assert_eq!(
        other.header("ratelimit"),
        Some(r#""throttle";r=1;t=1000, "quota";r=1;t=43200"#)
    );
}

#[tokio::test]
async fn users_of_one_key_share_its_limits() {
    let world = with_plan(0.001, 1, 0);
    assert_admitted(&world).await;
    let bob = Ask::get("/users/bob/profile").token("user:bob");
    assert_eq!(world.ask(bob).await.code(), "throttled");
}

#[tokio::test]
async fn a_quota_begins_anew_at_midnight_utc_and_not_before() {
    let world = with_plan(1000.0, 1000, 3);
    let midnight = world.clock.now().plus(Duration::from_hours(12));
    for _ in 0..3 {
        assert_admitted(&world).await;
    }
    let refused = call(&world).await;
    assert_eq!(
        (refused.code().as_str(), refused.retry_after()),
        ("quota_exceeded", Some(43_200))
    );
    let just_before = Timestamp::from_nanos(midnight.as_nanos() - 1);
    world.clock.set(just_before);
    let refused = call(&world).await;
    assert_eq!(
        (refused.code().as_str(), refused.retry_after()),
        ("quota_exceeded", Some(1))
    );
    world.clock.advance(NANO);
    let admitted = call(&world).await;
    let left = r#""throttle";r=999;t=1, "quota";r=2;t=86400"#;
    assert_eq!(admitted.header("ratelimit"), Some(left));
}

#[tokio::test]
async fn of_two_limits_the_one_that_opens_last_is_announced() {
    let world = with_plan(0.1, 2, 2);
    let midnight = world.clock.now().plus(Duration::from_hours(12));
    world.spend_all(KEY).await;
    let at_noon = call(&world).await;
    assert_eq!(
        (at_noon.code().as_str(), at_noon.retry_after()),
        ("quota_exceeded", Some(43_200))
    );

    let world = with_plan(0.1, 2, 2);
    world
        .clock
        .set(Timestamp::from_nanos(midnight.as_nanos() - 4_000_000_000));
    world.spend_all(KEY).await;
    let before_midnight = call(&world).await;
    assert_eq!(before_midnight.code(), "throttled");
    assert_eq!(before_midnight.retry_after(), Some(10));
    world.clock.advance(Duration::from_secs(4));
    assert_eq!(
        call(&world).await.code(),
        "throttled",
        "the quota is open again"
    );
    world.clock.advance(Duration::from_secs(6));
    assert_admitted(&world).await;
}
