//! What those who listen are told of each request, however it ends.

use std::{pin::pin, time::Duration};

use usher_domain::ports::{Rule, TraceContext};
use usher_http::{EXECUTION_LOG_FIELDS, Limits};
use usher_testkit::fakes::{Behaviour, ToldAnswer};

use crate::support::{ALICE, Ask, DISABLED_KEY, Events, KEY, Setup, World, plan_limits, poll_once};

async fn told(world: &World, ask: Ask) -> ToldAnswer {
    let _ = world.told.take();
    world.ask(ask).await;
    let mut told = world.told.answers();
    assert_eq!(told.len(), 1, "{told:?}");
    told.remove(0)
}

#[tokio::test]
async fn every_refusal_names_the_rule_that_refused() {
    let setup = Setup {
        plan: plan_limits(1.0, 2, 3),
        ..Setup::default()
    };
    let world = setup.start();
    for (ask, rule) in [
        (Ask::get(ALICE).anonymous(), Rule::Token),
        (Ask::get(ALICE).token("nonsense"), Rule::Token),
        (
            Ask::get(ALICE).header("authorization", "Basic x"),
            Rule::Token,
        ),
        (Ask::get(ALICE).key(DISABLED_KEY), Rule::ApiKey),
        (Ask::get("/users/bob/profile"), Rule::Owner),
        (Ask::get("/users/bob/profile"), Rule::Owner),
        (Ask::get(ALICE), Rule::Throttle),
    ] {
        let told = told(&world, ask).await;
        assert_eq!(told.rule, Some(rule), "{told:?}");
        assert_eq!(
            told.plan.is_some(),
            matches!(rule, Rule::Owner | Rule::Throttle)
        );
    }
    world.clock.advance(Duration::from_mins(1));
    told(&world, Ask::get(ALICE)).await;
    assert_eq!(told(&world, Ask::get(ALICE)).await.rule, Some(Rule::Quota));
}

#[tokio::test]
async fn what_is_no_refusal_names_no_rule() {
    let world = World::new();
    for ask in [
        Ask::put(ALICE, "{}"),
        Ask::get(ALICE),
        Ask::put(ALICE, "{"),
        Ask::get("/nowhere"),
        Ask::get(ALICE).header("if-match", "\"x\""),
    ] {
        assert_eq!(told(&world, ask).await.rule, None);
    }
}

#[tokio::test]
async fn a_refusal_leaves_a_line_with_the_rule_the_keys_id_and_nothing_secret() {
    let (events, _guard) = Events::as_json();
    let world = World::new();
    world.ask(Ask::get(ALICE)).await;
    assert_eq!(events.take(), "", "what is let in leaves none");
    let answer = world.ask(Ask::get("/users/bob/profile")).await;
    let text = events.take();
    let line: serde_json::Value = serde_json::from_str(&text).expect("one line");
    for (name, value) in [
        ("target", "usher::execution"),
        ("level", "INFO"),
        ("message", "refused"),
        ("requestId", answer.header("x-request-id").expect("an id")),
        ("rule", "owner"),
        ("error.code", "not_your_profile"),
        ("httpMethod", "GET"),
        ("resourcePath", "/users/{userId}/profile"),
        ("usagePlanId", "standard"),
        ("authorizer.claims.sub", "alice"),
    ] {
        assert_eq!(line[name], value, "{name} in {line}");
    }
    assert!(line["identity.apiKeyId"].is_string(), "{line}");
    assert!(!text.contains(KEY), "{text}");
    world.ask(Ask::get(ALICE).token("nonsense")).await;
    let line: serde_json::Value = serde_json::from_str(&events.take()).expect("one line");
    assert_eq!(line["rule"], "token");
    assert!(line["why"].is_string(), "{line}");
    let of_every_line = ["timestamp", "level", "message", "target"];
    for name in line.as_object().expect("an object").keys() {
        let mut documented = EXECUTION_LOG_FIELDS
            .iter()
            .map(|field| field.name)
            .chain(of_every_line);
        assert!(
            documented.any(|known| known == name),
            "{name} is not documented"
        );
    }
}

#[tokio::test]
async fn probes_are_not_told_of() {
    let world = World::new();
    for path in ["/healthz", "/readyz"] {
        world.ask(Ask::get(path).anonymous()).await;
    }
    assert_eq!(world.told.take(), []);
}

#[tokio::test(start_paused = true)]
async fn a_panic_a_timeout_and_a_client_that_goes_away_are_told_with_all_that_was_known() {
    let world = World::new();
    for (behaviour, status) in [(Behaviour::Panic, 500), (Behaviour::Stall, 504)] {
        world.profiles.behave(behaviour);
        let _ = (world.told.take(), world.log.take());
        let answer = world.ask(Ask::get(ALICE)).await;
        assert!(answer.header("ratelimit").is_some(), "{answer:?}");
        assert_known(&world, status);
    }
    world.profiles.behave(Behaviour::Stall);
    {
        let mut abandoned = pin!(world.ask(Ask::get(ALICE)));
        assert!(poll_once(abandoned.as_mut()).is_pending());
        let _ = (world.told.take(), world.log.take());
    }
    assert_known(&world, 499);
}

fn assert_known(world: &World, status: u16) {
    let told = world.told.answers().pop().expect("told");
    assert_eq!(told.status, status);
    assert_eq!(told.resource, Some("/users/{userId}/profile"));
    assert!(told.key.is_some() && told.plan.is_some(), "{told:?}");
    assert!(
        told.phases.admission.is_some() && told.phases.decision.is_some(),
        "{told:?}"
    );
    let line = world.log.take().pop().expect("a line");
    assert_eq!(line["status"], status);
    for name in [
        "identity.apiKeyId",
        "usagePlanId",
        "authorizer.claims.sub",
        "resourcePath",
    ] {
        assert!(line[name].is_string(), "{name} in {line}");
    }
}

#[tokio::test]
async fn an_overload_is_told_too() {
    let full = Setup {
        limits: Limits {
            timeout: None,
            max_in_flight: Some(0),
        },
        ..Setup::default()
    };
    let told = told(&full.start(), Ask::get(ALICE)).await;
    assert_eq!((told.status, told.error), (503, Some("overloaded")));
}

#[tokio::test]
async fn the_callers_trace_is_taken_up() {
    let world = World::new();
    let ask = Ask::get(ALICE).header(
        "traceparent",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    );
    let expected = TraceContext {
        trace_id: 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736,
        parent: Some(0x00f0_67aa_0ba9_02b7),
        sampled: Some(true),
    };
    assert_eq!(told(&world, ask).await.trace, Some(expected));
    let _ = world.log.take();
    let root = "1-5759e988-bd862e3fe1be46a994272793";
    let ask = Ask::get(ALICE).header("x-amzn-trace-id", &format!("Root={root};Sampled=1"));
    let told = told(&world, ask).await;
    assert_eq!(world.log.take()[0]["xrayTraceId"], root);
    assert_eq!(told.trace.map(|trace| trace.sampled), Some(Some(true)));
}

#[tokio::test]
async fn server_timing_tells_where_the_time_went_when_it_is_wanted() {
    let setup = || Setup {
        server_timing: true,
        ..Setup::default()
    };
    assert!(
        World::new()
            .ask(Ask::get(ALICE))
            .await
            .header("server-timing")
            .is_none()
    );
    let world = setup().start();
    world.profiles.behave(Behaviour::Stall);
    let mut waiting = pin!(world.ask(Ask::get(ALICE)));
    assert!(poll_once(waiting.as_mut()).is_pending());
    world.clock.advance(Duration::from_nanos(12_345_678));
    world.profiles.behave(Behaviour::Serve);
    let expected = "verification;dur=0.000, admission;dur=0.000, decision;dur=0.000, store;dur=12.345, total;dur=12.345";
    assert_eq!(waiting.await.header("server-timing"), Some(expected));
    // As far as the request got.
    let refused = world.ask(Ask::get(ALICE).anonymous()).await;
    assert_eq!(
        refused.header("server-timing"),
        Some("verification;dur=0.000, total;dur=0.000")
    );
    let nowhere = world.ask(Ask::get("/nowhere")).await;
    assert_eq!(nowhere.header("server-timing"), Some("total;dur=0.000"));
}
