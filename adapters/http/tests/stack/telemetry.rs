//! What those who listen are told of each request, however it ends.

use std::{pin::pin, time::Duration};

use axum::http::Method;
use usher_domain::{
    access::{Action, Attributes, Grant, Holder},
    ports::{Rule, TraceContext},
};
use usher_http::{EXECUTION_LOG_FIELDS, Limits};
use usher_testkit::fakes::{Behaviour, ToldAnswer};

use crate::support::{
    ALICE, Ask, DISABLED_KEY, Events, KEY, KEY_OF_ANOTHER_STAGE, OTHER_KEY, Setup, World,
    plan_limits, poll_once,
};

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

/// What a caller may not write is known only when the store has told what is there.
#[tokio::test]
async fn a_write_of_what_the_caller_may_not_write_names_its_rule() {
    let grant = Grant {
        holder: Holder::Group("support".into()),
        issuer: None,
        actions: [Action::Read, Action::Write].into(),
        attributes: Attributes::Only(["name".into()].into()),
        read_only: false,
    };
    let mut setup = Setup::with_schema(&["tier"]);
    setup.rules.access.grants.push(grant);
    let world = setup.start();
    world.alice_has(r#"{"name":"Alice"}"#).await;
    let sam = |ask: Ask| ask.token("user:sam;group:support");
    for (ask, rule, status) in [
        (Ask::merge(ALICE, r#"{"tier":"gold"}"#), Rule::ReadOnly, 403),
        (Ask::put(ALICE, r#"{"tier":"gold"}"#), Rule::ReadOnly, 403),
        (sam(Ask::merge(ALICE, r#"{"mail":"x"}"#)), Rule::Grants, 403),
        (sam(Ask::put(ALICE, r#"{"name":"x"}"#)), Rule::Grants, 403),
    ] {
        let (events, _guard) = Events::as_json();
        let told = told(&world, ask).await;
        assert_eq!((told.rule, told.status), (Some(rule), status), "{told:?}");
        let line = events.take();
        let named = format!("\"rule\":\"{}\"", rule.as_str());
        assert!(line.contains(&named), "{line}");
    }
}

#[tokio::test]
async fn a_key_that_opens_nothing_is_said_why_in_the_log_alone() {
    let world = World::new();
    let two = Ask::get(ALICE).another("x-api-key", OTHER_KEY);
    for (ask, why) in [
        (Ask::get(ALICE).without("x-api-key"), "there is none"),
        (two, "more than one"),
        (Ask::get(ALICE).key("short"), "too short"),
        (Ask::get(ALICE).key("unknown-0123456789012345"), "not known"),
        (Ask::get(ALICE).key(DISABLED_KEY), "disabled"),
        (Ask::get(ALICE).key(KEY_OF_ANOTHER_STAGE), "this stage"),
    ] {
        let (events, _guard) = Events::as_json();
        let answer = world.ask(ask).await;
        assert_eq!(answer.code(), "invalid_api_key");
        assert!(!answer.text().contains(why), "{answer:?}");
        let line = events.take();
        assert!(line.contains("\"why\":") && line.contains(why), "{line}");
    }
}

/// Whoever collects a container's lines may cut them after 16 KiB, and the client must not choose what is cut off.
#[tokio::test]
async fn a_line_stays_short_whatever_the_client_sends() {
    let world = World::new();
    let path = format!("/users/{}/profile", "%C3%A9".repeat(1_000));
    let method = Method::from_bytes(&[b'X'; 200]).expect("a method");
    let ask = Ask::new(method, &path).header("user-agent", &"\"\u{e9}".repeat(1_500));
    let (events, _guard) = Events::as_json();
    world.ask(ask).await;
    world.ask(Ask::get(&path).anonymous()).await;
    let lines = world.log.take_text();
    assert_eq!(lines.len(), 2);
    for line in lines
        .iter()
        .map(String::as_str)
        .chain(events.take().lines())
    {
        assert!(line.len() < 8 * 1024, "{}: {line}", line.len());
    }
}

#[tokio::test]
async fn a_header_block_that_is_too_large_is_told_like_any_other_request() {
    let world = World::new();
    let large = Ask::get(ALICE).header("cookie", &"c".repeat(17 * 1024));
    let told = told(&world, large).await;
    assert_eq!((told.status, told.plan.is_some()), (431, false));
    assert_eq!(world.log.take().pop().expect("a line")["status"], 431);
}

/// A rule that the body breaks by itself needs no store; a schema's time is not the store's.
#[tokio::test]
async fn the_stores_time_is_the_stores_alone() {
    let world = Setup::with_schema(&[]).start();
    let refused = told(&world, Ask::put(ALICE, r#"{"age":"x"}"#)).await;
    assert_eq!((refused.status, refused.phases.store), (422, None));
    let written = told(&world, Ask::put(ALICE, "{}")).await;
    assert!(written.phases.store.is_some(), "{written:?}");
}

/// Where a request is stuck is what its line is for.
#[tokio::test(start_paused = true)]
async fn what_a_request_was_waiting_for_is_told_when_its_time_is_over() {
    let world = World::new();
    world.keys.behave(Behaviour::Stall);
    let waiting = told(&world, Ask::get(ALICE)).await;
    assert_eq!(waiting.status, 504);
    let phases = waiting.phases;
    assert!(
        phases.verification.is_some() && phases.admission.is_some(),
        "{phases:?}"
    );
    assert_eq!((phases.decision, phases.store), (None, None));
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
        told.phases.admission.is_some()
            && told.phases.decision.is_some()
            && told.phases.store.is_some(),
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
