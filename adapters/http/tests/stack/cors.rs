//! What browsers are told of who may read an answer: on preflights, successes and errors alike.

use std::pin::pin;

use axum::{
    body::{Body, Bytes},
    http::{Method, StatusCode},
};
use http_body_util::channel::Channel;
use usher_domain::ports::StoreErrorKind;
use usher_http::{CorsOrigins, Limits};
use usher_testkit::fakes::Behaviour;

use crate::support::{ALICE, Answer, Ask, KEY, Setup, World, plan_limits, poll_once};

const APP: &str = "https://app.example.com";
const OTHER_APP: &str = "http://localhost:3000";
const STRANGER: &str = "https://stranger.example.com";

/// Copied from the contract.
const ALLOWED: &str = "authorization, x-api-key, content-type, if-match, if-none-match";
const EXPOSED: &str = "etag, location, retry-after, ratelimit, ratelimit-policy, x-request-id, \
                       www-authenticate, accept-patch";
const METHODS: &str = "GET, HEAD, PUT, PATCH, DELETE, OPTIONS";

/// Every field by which a server speaks of origins (the Fetch standard, 3.2.3 and 3.2.4).
const OF_CORS: [&str; 6] = [
    "access-control-allow-origin",
    "access-control-allow-credentials",
    "access-control-allow-methods",
    "access-control-allow-headers",
    "access-control-max-age",
    "access-control-expose-headers",
];

fn setup(origins: &[&str]) -> Setup {
    Setup {
        cors: CorsOrigins::parse(origins).expect("origins"),
        ..Setup::default()
    }
}

fn listed() -> World {
    setup(&[APP, OTHER_APP]).start()
}

fn preflight(path: &str, origin: &str) -> Ask {
    Ask::options(path)
        .anonymous()
        .header("origin", origin)
        .header("access-control-request-method", "PATCH")
        .header("access-control-request-headers", "authorization,if-match")
}

fn said(answer: &Answer) -> Vec<(&'static str, &str)> {
    let fields = OF_CORS.into_iter();
    fields
        .filter_map(|name| Some((name, answer.header(name)?)))
        .collect()
}

fn of_a_preflight(origin: &str) -> Vec<(&'static str, &str)> {
    vec![
        ("access-control-allow-origin", origin),
        ("access-control-allow-methods", METHODS),
        ("access-control-allow-headers", ALLOWED),
        ("access-control-max-age", "7200"),
    ]
}

fn of_an_answer(origin: &str) -> Vec<(&'static str, &str)> {
    vec![
        ("access-control-allow-origin", origin),
        ("access-control-expose-headers", EXPOSED),
    ]
}

#[tokio::test]
async fn a_preflight_of_a_listed_origin_needs_nothing_else() {
    let world = listed();
    world.keys.behave(Behaviour::Panic);
    world.usage.behave(Behaviour::Panic);
    world.profiles.behave(Behaviour::Panic);
    for origin in [APP, OTHER_APP] {
        let answer = world.ask(preflight(ALICE, origin)).await;
        assert_eq!(answer.status, StatusCode::NO_CONTENT);
        assert_eq!(said(&answer), of_a_preflight(origin));
        assert_eq!(answer.header("vary"), Some("Origin"));
        assert_eq!(answer.header("allow"), Some(METHODS));
        assert_eq!(answer.header("ratelimit"), None);
    }
    insta::assert_json_snapshot!(
        "preflight",
        world.ask(preflight(ALICE, APP)).await.snapshot()
    );
}

#[tokio::test]
async fn a_preflight_is_answered_when_all_is_spent_and_spends_nothing() {
    let mut setup = setup(&[APP]);
    setup.plan = plan_limits(0.001, 1, 0);
    let world = setup.start();
    for _ in 0..4 {
        let answer = world.ask(preflight(ALICE, APP)).await;
        assert_eq!(said(&answer), of_a_preflight(APP));
        let with_key = world.ask(preflight(ALICE, APP).key(KEY)).await;
        assert_eq!(said(&with_key), of_a_preflight(APP));
    }
    let admitted = world.ask(Ask::get(ALICE)).await;
    assert_eq!(admitted.code(), "profile_not_found");
    assert_eq!(world.ask(Ask::get(ALICE)).await.code(), "throttled");
    let answer = world.ask(preflight(ALICE, APP)).await;
    assert_eq!(said(&answer), of_a_preflight(APP));
}

#[tokio::test]
async fn a_preflight_allows_the_methods_of_its_route() {
    let world = listed();
    for path in ["/healthz", "/readyz"] {
        let answer = world.ask(preflight(path, APP)).await;
        assert_eq!(
            answer.header("access-control-allow-methods"),
            Some("GET, HEAD, OPTIONS"),
            "{path}"
        );
    }
    let nowhere = world.ask(preflight("/nowhere", APP)).await;
    assert_eq!(nowhere.code(), "route_not_found");
    assert_eq!(said(&nowhere), of_an_answer(APP));
}

#[tokio::test]
async fn an_origin_that_is_not_listed_is_told_nothing() {
    let world = listed();
    for origin in [
        STRANGER,
        "null",
        "*",
        "",
        "https://app.example.com:443",
        "https://app.example.com.stranger.example.com",
        "https://APP.example.com",
        "http://app.example.com",
        "https://app.example.com,https://stranger.example.com",
        "https://app.example.co",
    ] {
        for ask in [
            preflight(ALICE, origin),
            Ask::options(ALICE).header("origin", origin),
            Ask::get(ALICE).header("origin", origin),
            Ask::get(ALICE).anonymous().header("origin", origin),
        ] {
            let answer = world.ask(ask).await;
            assert_eq!(said(&answer), [], "{origin}");
            assert_eq!(answer.header("vary"), Some("Origin"), "{origin}");
        }
    }
}

#[tokio::test]
async fn where_any_origin_is_allowed_nothing_varies() {
    let world = setup(&["*"]).start();
    world.alice_has("{}").await;
    for origin in [APP, STRANGER, "null"] {
        let answer = world.ask(preflight(ALICE, origin)).await;
        assert_eq!(said(&answer), of_a_preflight("*"));
        assert_eq!(answer.header("vary"), None);
        let answer = world.ask(Ask::get(ALICE).header("origin", origin)).await;
        assert_eq!(said(&answer), of_an_answer("*"));
        assert_eq!(answer.header("vary"), Some("Authorization"));
    }
}

#[tokio::test]
async fn where_no_origin_is_configured_nothing_is_said() {
    let world = World::new();
    world.alice_has("{}").await;
    for (ask, vary) in [
        (preflight(ALICE, APP), None),
        (Ask::get(ALICE).header("origin", APP), Some("Authorization")),
        (Ask::get(ALICE).anonymous().header("origin", APP), None),
        (Ask::get("/healthz").header("origin", APP), None),
    ] {
        let answer = world.ask(ask).await;
        assert_eq!((said(&answer), answer.header("vary")), (vec![], vary));
    }
}

/// `Authorization` and `Origin` in one field, and `Origin` for those too who send none: a cache must
/// not hand their answer to a browser.
#[tokio::test]
async fn an_answer_varies_by_origin_where_origins_are_listed() {
    /// A request, given the tag of what is stored.
    type Make = fn(&str) -> Ask;
    let world = listed();
    let tag = world.alice_has("{}").await;
    let both = Some("Authorization, Origin");
    let alone = Some("Origin");
    let asks: [(Make, _); 8] = [
        (|_| Ask::get(ALICE), both),
        (|_| Ask::head(ALICE), both),
        (|tag| Ask::get(ALICE).header("if-none-match", tag), both),
        (|_| Ask::put(ALICE, "{}"), both),
        (|_| Ask::merge(ALICE, "{}"), both),
        (|_| Ask::get(ALICE).anonymous(), alone),
        (|_| Ask::options(ALICE), alone),
        (|_| Ask::get("/healthz").anonymous(), alone),
    ];
    for (ask, expected) in asks {
        let with_origin = world.ask(ask(&tag).header("origin", APP)).await;
        assert_eq!(with_origin.header("vary"), expected);
        let with_another = world.ask(ask(&tag).header("origin", STRANGER)).await;
        assert_eq!(with_another.header("vary"), expected);
        let without = world.ask(ask(&tag)).await;
        assert_eq!(without.header("vary"), expected);
        assert_eq!(said(&without), [], "who sends no origin is no browser");
    }
}

/// Only with the method that is asked for is it a preflight; it is answered like any other OPTIONS.
#[tokio::test]
async fn other_options_answer_the_methods() {
    for (world, origin) in [
        (World::new(), None),
        (listed(), None),
        (listed(), Some(APP)),
    ] {
        for (path, methods, patches) in [
            (ALICE, METHODS, true),
            ("/users/me/profile", METHODS, true),
            ("/healthz", "GET, HEAD, OPTIONS", false),
            ("/readyz", "GET, HEAD, OPTIONS", false),
        ] {
            let mut ask = Ask::options(path).anonymous();
            if let Some(origin) = origin {
                ask = ask.header("origin", origin);
            }
            let answer = world.ask(ask).await;
            assert_eq!((answer.status, answer.text()), (StatusCode::NO_CONTENT, ""));
            assert_eq!(answer.header("allow"), Some(methods), "{path}");
            assert_eq!(answer.header("accept-patch").is_some(), patches, "{path}");
            let expected = origin.map(of_an_answer).unwrap_or_default();
            assert_eq!(said(&answer), expected, "{path}");
        }
    }
}

#[tokio::test]
async fn successes_may_be_read() {
    let world = listed();
    for (ask, status) in [
        (Ask::put(ALICE, "{}"), 201),
        (Ask::put(ALICE, "{}"), 200),
        (Ask::get(ALICE), 200),
        (Ask::get(ALICE).header("if-none-match", "*"), 304),
        (Ask::head(ALICE), 200),
        (Ask::merge(ALICE, "{}"), 200),
        (Ask::delete(ALICE), 204),
        (Ask::get("/healthz").anonymous(), 200),
    ] {
        let answer = world.ask(ask.header("origin", APP)).await;
        assert_eq!(answer.status.as_u16(), status);
        assert_eq!(said(&answer), of_an_answer(APP), "{status}");
    }
    // The method of a preflight makes none of another request.
    let get = Ask::get("/healthz")
        .header("origin", APP)
        .header("access-control-request-method", "GET");
    assert_eq!(said(&world.ask(get).await), of_an_answer(APP));
}

async fn assert_error_may_be_read(world: &World, ask: Ask, code: &str) {
    let answer = world.ask(ask.header("origin", APP)).await;
    assert_eq!(answer.code(), code);
    assert_eq!(said(&answer), of_an_answer(APP), "{code}");
    assert_eq!(answer.header("vary"), Some("Origin"), "{code}");
}

#[tokio::test]
async fn errors_may_be_read_whoever_makes_them() {
    let world = listed();
    let long = format!("{ALICE}?{}", "x".repeat(8192));
    for (ask, code) in [
        (Ask::get(ALICE).anonymous(), "missing_token"),
        (Ask::get(ALICE).token("nonsense"), "invalid_token"),
        (Ask::get(ALICE).without("x-api-key"), "invalid_api_key"),
        (Ask::get("/users/bob/profile"), "not_your_profile"),
        (Ask::get("/nowhere"), "route_not_found"),
        (Ask::get(ALICE), "profile_not_found"),
        (Ask::new(Method::POST, ALICE), "method_not_allowed"),
        (Ask::put(ALICE, "nonsense"), "invalid_json"),
        (
            Ask::put(ALICE, "{}").header("if-match", "*"),
            "precondition_failed",
        ),
        (
            Ask::merge(ALICE, "{}").without("content-type"),
            "unsupported_media_type",
        ),
        (Ask::get(&long), "too_large"),
    ] {
        assert_error_may_be_read(&world, ask, code).await;
    }
    world.spend_all(KEY).await;
    assert_error_may_be_read(&world, Ask::get(ALICE), "throttled").await;
}

#[tokio::test(start_paused = true)]
async fn errors_of_stores_and_layers_may_be_read() {
    let world = listed();
    world.profiles.behave(Behaviour::Panic);
    assert_error_may_be_read(&world, Ask::get(ALICE), "internal").await;
    world.profiles.behave(Behaviour::Stall);
    assert_error_may_be_read(&world, Ask::get(ALICE), "timeout").await;
    let down = Behaviour::Fail(StoreErrorKind::Unavailable);
    world.profiles.behave(down);
    assert_error_may_be_read(&world, Ask::get(ALICE), "unavailable").await;

    let mut full = setup(&[APP]);
    full.limits = Limits {
        timeout: None,
        max_in_flight: Some(1),
    };
    let world = full.start();
    let slow = || {
        let (sender, body) = Channel::<Bytes, std::io::Error>::new(1);
        (sender, Ask::put(ALICE, Body::new(body)))
    };
    let (_first_sender, first) = slow();
    let mut first = pin!(world.ask(first));
    assert!(poll_once(first.as_mut()).is_pending());
    let (_second_sender, second) = slow();
    assert_error_may_be_read(&world, second, "overloaded").await;
    world.profiles.behave(Behaviour::Stall);
    let mut held = pin!(world.ask(Ask::get(ALICE)));
    assert!(poll_once(held.as_mut()).is_pending());
    assert_error_may_be_read(&world, Ask::get(ALICE), "overloaded").await;
}
