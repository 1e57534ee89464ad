//! One line a request, under the documented names.

use std::{net::Ipv6Addr, pin::pin, time::Duration};

use axum::http::Version;
use serde_json::Value;
use usher_http::{ACCESS_LOG_FIELDS, ClientAddress, Limits};
use usher_testkit::fakes::Behaviour;

use crate::support::{ALICE, Ask, DISABLED_KEY, KEY, Setup, World, poll_once};

fn normalised(mut line: Value) -> Value {
    for name in line.as_object().expect("an object").keys() {
        let mut documented = ACCESS_LOG_FIELDS.iter();
        assert!(
            documented.any(|field| field.name == name),
            "{name} is not documented"
        );
    }
    line["requestId"] = "[request id]".into();
    line
}

/// Asks, and answers the line that was written, which names the same request as the answer.
async fn line_of(world: &World, ask: Ask) -> Value {
    world.log.take();
    let answer = world
        .ask(ask.header("user-agent", "curl/8.5 \"quoted\""))
        .await;
    let mut lines = world.log.take();
    assert_eq!(lines.len(), 1, "{lines:?}");
    let line = lines.remove(0);
    assert_eq!(line["requestId"].as_str(), answer.header("x-request-id"));
    assert_eq!(line["status"], answer.status.as_u16());
    assert_eq!(line["responseLength"], answer.body.len());
    if answer.code() != "-" {
        assert_eq!(line["error.code"], answer.code());
        assert_eq!(line["error.message"], answer.json()["message"]);
    }
    normalised(line)
}

#[tokio::test]
async fn a_success_says_who_called_what_under_which_plan() {
    let world = World::new();
    let put = line_of(&world, Ask::put(ALICE, r#"{"n":1}"#)).await;
    insta::assert_json_snapshot!("success", put);
    let get = line_of(&world, Ask::get("/users/me/profile")).await;
    assert_eq!(get["path"], "/users/me/profile");
    assert_eq!(get["authorizer.claims.sub"], "alice");
    let live = line_of(&world, Ask::get("/healthz").anonymous()).await;
    insta::assert_json_snapshot!("healthz", live);
}

/// Every field has a request that fills it: none is documented in vain.
#[tokio::test]
async fn every_documented_field_is_there_when_there_is_something_to_say() {
    let world = World::new();
    let traced = |ask: Ask| {
        ask.header(
            "x-amzn-trace-id",
            "Root=1-5759e988-bd862e3fe1be46a994272793",
        )
    };
    let mut names = Vec::new();
    for ask in [Ask::put(ALICE, "{}"), Ask::get("/users/bob/profile")] {
        let mut request = traced(ask.header("user-agent", "x")).into_request();
        let address = ClientAddress(Ipv6Addr::LOCALHOST.into());
        request.extensions_mut().insert(address);
        world.stack.answer(request).await;
        let line = world.log.take().remove(0);
        names.extend(line.as_object().expect("an object").keys().cloned());
    }
    for field in ACCESS_LOG_FIELDS {
        assert!(
            names.iter().any(|name| name == field.name),
            "{}",
            field.name
        );
    }
}

#[tokio::test]
async fn a_refusal_says_why_and_as_much_of_the_caller_as_is_known() {
    let world = World::new();
    for (name, ask) in [
        ("no_route", Ask::get("/nowhere").anonymous()),
        ("no_token", Ask::get(ALICE).anonymous()),
        ("disabled_key", Ask::get(ALICE).key(DISABLED_KEY)),
        ("not_your_profile", Ask::delete("/users/bob/profile")),
        ("no_profile", Ask::get(ALICE)),
    ] {
        insta::assert_json_snapshot!(name, line_of(&world, ask).await);
    }
    world.spend_all(KEY).await;
    insta::assert_json_snapshot!("throttled", line_of(&world, Ask::get(ALICE)).await);
}

#[tokio::test(start_paused = true)]
async fn a_panic_a_timeout_and_an_overload_have_a_line_like_any_request() {
    let world = World::new();
    world.profiles.behave(Behaviour::Panic);
    insta::assert_json_snapshot!("panic", line_of(&world, Ask::get(ALICE)).await);
    world.profiles.behave(Behaviour::Stall);
    insta::assert_json_snapshot!("timeout", line_of(&world, Ask::get(ALICE)).await);
    let limits = Limits {
        timeout: None,
        max_in_flight: Some(0),
    };
    let full = Setup {
        limits,
        ..Setup::default()
    }
    .start();
    insta::assert_json_snapshot!("overloaded", line_of(&full, Ask::get(ALICE)).await);
}

#[tokio::test]
async fn latencies_are_those_of_the_request_and_of_the_store_in_it() {
    let world = World::new();
    world.profiles.behave(Behaviour::Stall);
    let ask = Ask::get(ALICE);
    let mut waiting = pin!(world.ask(ask));
    assert!(poll_once(waiting.as_mut()).is_pending());
    world.clock.advance(Duration::from_nanos(12_345_678));
    world.profiles.behave(Behaviour::Serve);
    waiting.await;
    let line = &world.log.take_text()[0];
    for expected in [
        r#""responseLatency":12.345,"#,
        r#""integrationLatency":12.345,"#,
    ] {
        assert!(line.contains(expected), "{line}");
    }

    // The time before the store is asked is not the store's.
    world.usage.behave(Behaviour::Stall);
    let mut waiting = pin!(world.ask(Ask::get(ALICE)));
    assert!(poll_once(waiting.as_mut()).is_pending());
    world.clock.advance(Duration::from_secs(1));
    world.usage.behave(Behaviour::Serve);
    waiting.await;
    let line = &world.log.take_text()[0];
    for expected in [
        r#""responseLatency":1000.000,"#,
        r#""integrationLatency":0.000,"#,
    ] {
        assert!(line.contains(expected), "{line}");
    }
}

#[tokio::test]
async fn the_clients_address_and_protocol_are_those_of_the_entrypoint() {
    let world = World::new();
    for (version, protocol) in [
        (Version::HTTP_10, "HTTP/1.0"),
        (Version::HTTP_11, "HTTP/1.1"),
        (Version::HTTP_2, "HTTP/2.0"),
    ] {
        let mut request = Ask::get(ALICE)
            .header("x-forwarded-for", "203.0.113.7")
            .into_request();
        *request.version_mut() = version;
        let address = ClientAddress(Ipv6Addr::LOCALHOST.into());
        request.extensions_mut().insert(address);
        world.stack.answer(request).await;
        let line = world.log.take().remove(0);
        assert_eq!(line["protocol"], protocol);
        assert_eq!(
            line["identity.sourceIp"], "::1",
            "nobody's word is taken for it"
        );
    }
}

/// A line is read by machines: whatever a client sends must not end it or add to it.
#[tokio::test]
async fn what_a_client_sends_cannot_forge_a_line() {
    let world = World::new();
    let ask = Ask::get("/users/a%0Ab%22,%22status%22:200/profile");
    let line = line_of(&world, ask).await;
    assert_eq!(line["status"], 400);
    assert_eq!(line["path"], "/users/a%0Ab%22,%22status%22:200/profile");
    let token = r#"user:a\"\u002c\"status\":200\u002c\"x\":\"\n"#;
    let line = line_of(&world, Ask::get(ALICE).token(token)).await;
    assert_eq!(
        line["authorizer.claims.sub"],
        "a\",\"status\":200,\"x\":\"\n"
    );
    assert_eq!(line["status"], 403);
}

#[tokio::test]
async fn a_line_is_written_for_every_request_and_in_order() {
    let world = World::new();
    for number in 0..20 {
        world
            .ask(Ask::get(&format!("/users/alice/profile?n={number}")))
            .await;
        world.ask(Ask::get(&format!("/nowhere/{number}"))).await;
    }
    let paths: Vec<_> = world
        .log
        .take()
        .iter()
        .map(|line| line["path"].to_string())
        .collect();
    assert_eq!(paths.len(), 40);
    for (number, pair) in paths.chunks(2).enumerate() {
        assert_eq!(pair[0], format!("\"{ALICE}\""));
        assert_eq!(pair[1], format!("\"/nowhere/{number}\""));
    }
}

/// A client that goes away takes the call with it; what was charged and written stays.
#[tokio::test]
async fn a_request_whose_client_goes_away_has_a_line_too() {
    let world = World::new();
    world.profiles.behave(Behaviour::Stall);
    {
        let mut abandoned = pin!(world.ask(Ask::get(ALICE)));
        assert!(poll_once(abandoned.as_mut()).is_pending());
        assert_eq!(world.log.take().len(), 0);
    }
    let lines = world.log.take();
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert_eq!(normalised(lines[0].clone())["status"], 499);
}
