//! Which plan counts, and the buckets beside it: a user's, a method's, and the one over everything.

use std::time::Duration;

use usher_domain::usage::{
    assignment::{Assignment, Criterion},
    plan::PlanId,
    throttle::Throttle,
};

use usher_testkit::fakes::Behaviour;

use crate::support::{ALICE, Answer, Ask, DISABLED_KEY, KEY, OTHER_KEY, Setup, World, plan_limits};

const BOB: &str = "/users/bob/profile";
const GET: &str = "/users/{userId}/profile/GET";

fn throttle(rate: f64, burst: u64) -> Throttle {
    Throttle::new(rate, burst).expect("a throttle")
}

fn assigned(to: Criterion) -> Assignment {
    Assignment {
        to,
        issuer: None,
        plan: PlanId::new("standard"),
    }
}

fn gold() -> Assignment {
    assigned(Criterion::Claim {
        name: "tier".into(),
        equals: "gold".into(),
    })
}

fn left(answer: &Answer) -> &str {
    answer.header("ratelimit").unwrap_or("")
}

async fn call(world: &World, user: &str) -> Answer {
    let path = format!("/users/{user}/profile");
    world
        .ask(Ask::get(&path).token(&format!("user:{user}")))
        .await
}

#[tokio::test]
async fn users_of_one_key_have_buckets_of_their_own() {
    let world = Setup {
        plan: plan_limits(0.001, 5, 0),
        per_user: Some(throttle(0.5, 2)),
        ..Setup::default()
    }
    .start();
    for _ in 0..2 {
        assert_eq!(call(&world, "alice").await.code(), "profile_not_found");
    }
    let refused = call(&world, "alice").await;
    assert_eq!(
        (refused.code().as_str(), refused.retry_after()),
        ("throttled", Some(2))
    );
    assert_eq!(left(&refused), r#""throttle";r=3;t=1000, "user";r=0;t=2"#);
    let policy = r#""throttle";q=5;w=5000, "user";q=2;w=4"#;
    assert_eq!(refused.header("ratelimit-policy"), Some(policy));
    let other = call(&world, "bob").await;
    assert_eq!(other.code(), "profile_not_found");
    assert_eq!(left(&other), r#""throttle";r=2;t=1000, "user";r=1;t=2"#);
}

#[tokio::test]
async fn a_methods_own_throttle_is_for_head_and_me_too_and_for_no_other_method() {
    let world = Setup {
        plan: plan_limits(0.5, 9, 0),
        methods: vec![(GET, throttle(0.001, 3))],
        ..Setup::default()
    }
    .start();
    let head = Ask::head(ALICE);
    for ask in [Ask::get(ALICE), head, Ask::get("/users/me/profile")] {
        let answer = world.ask(ask).await;
        assert_eq!(answer.status, 404, "{answer:?}");
    }
    let refused = world.ask(Ask::get(ALICE)).await;
    assert_eq!(refused.code(), "throttled");
    assert_eq!(left(&refused), r#""throttle";r=0;t=1000"#);
    let written = world.ask(Ask::put(ALICE, "{}")).await;
    assert_eq!(left(&written), r#""throttle";r=8;t=2"#);
}

#[tokio::test]
async fn everything_in_a_process_is_paced_whoever_calls_with_whatever_key() {
    let setup = || Setup {
        service: Some(throttle(0.5, 3)),
        ..Setup::default()
    };
    let world = setup().start();
    for key in [KEY, OTHER_KEY, KEY] {
        let answer = world.ask(Ask::get(ALICE).key(key)).await;
        assert_eq!(answer.code(), "profile_not_found");
    }
    let refused = world.ask(Ask::get(ALICE).key(OTHER_KEY)).await;
    assert_eq!(
        (refused.code().as_str(), refused.retry_after()),
        ("throttled", Some(2))
    );
    assert!(
        left(&refused).ends_with(r#""service";r=0;t=2"#),
        "{refused:?}"
    );

    // Whoever has no good token, or no good key, spends nothing of it.
    let keyless = Setup {
        needs_key: false,
        ..setup()
    }
    .start();
    for _ in 0..9 {
        let stranger = keyless.ask(Ask::get(ALICE).anonymous()).await;
        assert_eq!(stranger.code(), "missing_token");
    }
    let answer = keyless.ask(Ask::get(ALICE).without("x-api-key")).await;
    assert_eq!(left(&answer), r#""service";r=2;t=2"#);
}

#[tokio::test]
async fn of_several_refusals_the_one_that_opens_last_is_told() {
    let world = Setup {
        plan: plan_limits(1.0, 1, 1),
        per_user: Some(throttle(0.01, 1)),
        service: Some(throttle(0.1, 1)),
        ..Setup::default()
    }
    .start();
    assert_eq!(call(&world, "alice").await.code(), "profile_not_found");
    // It is noon: the quota opens last, then the user's bucket, the service's, and the plan's.
    let refused = call(&world, "alice").await;
    assert_eq!(
        (refused.code().as_str(), refused.retry_after()),
        ("quota_exceeded", Some(43_200))
    );
    world
        .clock
        .advance(Duration::from_hours(12) - Duration::from_secs(1));
    let refused = call(&world, "alice").await;
    assert_eq!(
        (refused.code().as_str(), refused.retry_after()),
        ("quota_exceeded", Some(1))
    );
    world.clock.advance(Duration::from_secs(1));
    assert_eq!(call(&world, "alice").await.code(), "profile_not_found");
}

#[tokio::test]
async fn a_caller_to_whom_a_plan_is_assigned_needs_no_key_and_has_it_alone() {
    let world = Setup {
        plan: plan_limits(0.001, 2, 0),
        assign: vec![gold(), assigned(Criterion::Group("staff".into()))],
        ..Setup::default()
    }
    .start();
    let without_key = |user: &str, token: &str| {
        let path = format!("/users/{user}/profile");
        Ask::get(&path).token(token).without("x-api-key")
    };
    for (user, token) in [
        ("alice", "user:alice;tier:gold"),
        ("bob", "user:bob;group:staff"),
    ] {
        for remaining in [1, 0] {
            let answer = world.ask(without_key(user, token)).await;
            assert_eq!(answer.code(), "profile_not_found");
            let level = format!(r#""throttle";r={remaining};t=1000"#);
            assert_eq!(left(&answer), level, "{user} has a bucket of its own");
        }
        assert_eq!(
            world.ask(without_key(user, token)).await.code(),
            "throttled"
        );
    }
    for token in ["user:eve;tier:Gold", "user:eve;group:gold", "user:eve"] {
        let refused = world.ask(without_key("eve", token)).await;
        assert_eq!(refused.code(), "invalid_api_key", "{token}");
    }
}

#[tokio::test]
async fn a_valid_key_wins_over_an_assignment_and_one_that_opens_nothing_does_not() {
    let world = Setup {
        plan: plan_limits(0.001, 9, 0),
        assign: vec![gold()],
        ..Setup::default()
    }
    .start();
    let ask = |key: &str| Ask::get(ALICE).token("user:alice;tier:gold").key(key);
    world.log.take();
    for (key, remaining, logged) in [
        (KEY, 8, Some("id-00")),
        (DISABLED_KEY, 8, None),
        ("nobody-has-this-key-0000", 7, None),
        (KEY, 7, Some("id-00")),
    ] {
        let answer = world.ask(ask(key)).await;
        assert_eq!(answer.code(), "profile_not_found", "{key}");
        let level = format!(r#""throttle";r={remaining};t=1000"#);
        assert_eq!(left(&answer), level, "{key}");
        let line = world.log.take().pop().expect("a line");
        let expected = logged.map(|_| format!("id-{}", &key[key.len() - 2..]));
        assert_eq!(
            line["identity.apiKeyId"].as_str(),
            expected.as_deref(),
            "{line}"
        );
        assert_eq!(line["usagePlanId"], "standard", "{line}");
    }
}

#[tokio::test]
async fn where_keys_are_ignored_assignments_are_not() {
    let world = Setup {
        plan: plan_limits(0.001, 1, 0),
        assign: vec![gold()],
        needs_key: false,
        ..Setup::default()
    }
    .start();
    let gold = || Ask::get(ALICE).token("user:alice;tier:gold");
    assert_eq!(world.ask(gold()).await.code(), "profile_not_found");
    assert_eq!(world.ask(gold()).await.code(), "throttled");
    for _ in 0..3 {
        let free = world.ask(Ask::get(BOB).token("user:bob")).await;
        assert_eq!(
            (free.code().as_str(), left(&free)),
            ("profile_not_found", "")
        );
    }
}

#[tokio::test]
async fn an_assigned_plan_that_is_not_there_lets_nobody_in() {
    for needs_key in [true, false] {
        let world = Setup {
            assign: vec![Assignment {
                plan: PlanId::new("gone"),
                ..gold()
            }],
            needs_key,
            ..Setup::default()
        }
        .start();
        let ask = Ask::get(ALICE)
            .token("user:alice;tier:gold")
            .without("x-api-key");
        assert_eq!(world.ask(ask).await.code(), "invalid_api_key");
        let other = world.ask(Ask::get(ALICE)).await;
        assert_eq!(other.code(), "profile_not_found");
    }
}

/// Keys are looked up, and issuers' keys fetched, before a call is paced.
#[tokio::test]
async fn a_call_that_waited_is_not_refused_because_others_overtook_it() {
    let world = Setup {
        plan: plan_limits(0.001, 2, 0),
        ..Setup::default()
    }
    .start();
    world.keys.behave(Behaviour::Stall);
    let early = call(&world, "alice");
    tokio::pin!(early);
    tokio::select! {
        biased;
        answer = &mut early => panic!("{answer:?}"),
        () = tokio::task::yield_now() => {}
    }
    world.clock.advance(Duration::from_secs(1));
    world.keys.behave(Behaviour::Serve);
    assert_eq!(call(&world, "bob").await.code(), "profile_not_found");
    let answer = early.await;
    assert_eq!(answer.code(), "profile_not_found");
    assert_eq!(left(&answer), r#""throttle";r=0;t=1000"#);
}
