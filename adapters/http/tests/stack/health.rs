//! What a load balancer asks.

use std::time::Duration;

use axum::http::StatusCode;
use tokio::time::Instant;
use usher_domain::{
    ports::{Clock as _, StoreErrorKind},
    time::Timestamp,
};
use usher_testkit::fakes::{Behaviour, FAULT_SAYS};

use crate::support::{Answer, Ask, Setup, World};

async fn ready(world: &World) -> Answer {
    world.ask(Ask::get("/readyz").anonymous()).await
}

#[tokio::test]
async fn health_needs_no_token_no_key_and_no_plan() {
    let world = World::new();
    world.keys.behave(Behaviour::Panic);
    world.usage.behave(Behaviour::Panic);
    for path in ["/healthz", "/readyz"] {
        let answer = world.ask(Ask::get(path).anonymous()).await;
        insta::assert_json_snapshot!(format!("get{}", path.replace('/', "_")), answer.snapshot());
        let head = world.ask(Ask::head(path).anonymous()).await;
        assert_eq!((head.status, head.text()), (StatusCode::OK, ""));
        assert_eq!(
            head.header("content-length"),
            answer.header("content-length")
        );
    }
}

#[tokio::test]
async fn healthz_does_not_ask_the_store() {
    let world = World::new();
    world.profiles.behave(Behaviour::Panic);
    let answer = world.ask(Ask::get("/healthz").anonymous()).await;
    assert_eq!((answer.status, world.profiles.pings()), (StatusCode::OK, 0));
}

#[tokio::test]
async fn readyz_asks_the_store_at_most_once_a_second() {
    let world = World::new();
    for _ in 0..50 {
        assert_eq!(ready(&world).await.status, StatusCode::OK);
    }
    assert_eq!(world.profiles.pings(), 1);
    world.clock.advance(Duration::from_nanos(999_999_999));
    ready(&world).await;
    assert_eq!(world.profiles.pings(), 1);
    world.clock.advance(Duration::from_nanos(1));
    ready(&world).await;
    assert_eq!(world.profiles.pings(), 2);
}

#[tokio::test(start_paused = true)]
async fn those_who_ask_at_once_share_one_answer_of_the_store() {
    let world = std::sync::Arc::new(World::new());
    world.profiles.behave(Behaviour::Stall);
    let asking: Vec<_> = (0..16)
        .map(|_| {
            let world = std::sync::Arc::clone(&world);
            tokio::spawn(async move { ready(&world).await.status })
        })
        .collect();
    tokio::task::yield_now().await;
    world.profiles.behave(Behaviour::Serve);
    for answer in asking {
        assert_eq!(answer.await.expect("an answer"), StatusCode::OK);
    }
    assert_eq!(world.profiles.pings(), 1);
}

#[tokio::test]
async fn readyz_says_no_while_the_store_fails_and_yes_soon_after_it_is_back() {
    let world = World::new();
    for kind in [
        StoreErrorKind::Unavailable,
        StoreErrorKind::Overloaded,
        StoreErrorKind::Corrupt,
        StoreErrorKind::Internal,
    ] {
        world.profiles.behave(Behaviour::Fail(kind));
        world.clock.advance(Duration::from_secs(1));
        let refused = ready(&world).await;
        assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE, "{kind:?}");
        assert_eq!(refused.retry_after(), Some(1));
        assert!(!FAULT_SAYS.iter().any(|said| refused.text().contains(said)));
    }
    world.profiles.behave(Behaviour::Serve);
    assert_eq!(
        ready(&world).await.status,
        StatusCode::SERVICE_UNAVAILABLE,
        "not asked yet"
    );
    world.clock.advance(Duration::from_millis(100));
    assert_eq!(ready(&world).await.status, StatusCode::OK);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_takes_longer_than_a_second_is_not_ready() {
    let world = World::new();
    world.profiles.behave(Behaviour::Stall);
    let asked = Instant::now();
    assert_eq!(ready(&world).await.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(asked.elapsed(), Duration::from_secs(1));
}

#[tokio::test]
async fn a_store_that_panics_does_not_keep_readyz_shut() {
    let world = World::new();
    world.profiles.behave(Behaviour::Panic);
    assert_eq!(
        ready(&world).await.status,
        StatusCode::INTERNAL_SERVER_ERROR
    );
    world.profiles.behave(Behaviour::Serve);
    assert_eq!(ready(&world).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_clock_that_went_back_does_not_keep_an_old_answer() {
    let world = World::new();
    world
        .profiles
        .behave(Behaviour::Fail(StoreErrorKind::Unavailable));
    assert_eq!(ready(&world).await.status, StatusCode::SERVICE_UNAVAILABLE);
    world.profiles.behave(Behaviour::Serve);
    let earlier = Timestamp::from_seconds(world.clock.now().as_seconds() - 3_600);
    world.clock.set(earlier);
    assert_eq!(ready(&world).await.status, StatusCode::OK);
}

#[tokio::test]
async fn the_development_key_set_is_served_where_there_is_one_and_nowhere_else() {
    const KEY_SET: &str = "/.well-known/jwks.json";
    let jwks = Some(r#"{"keys":[{"kid":"a"}]}"#.to_owned());
    let development = Setup {
        development_jwks: jwks,
        ..Setup::default()
    }
    .start();
    let answer = development.ask(Ask::get(KEY_SET).anonymous()).await;
    insta::assert_json_snapshot!("get_key_set", answer.snapshot());
    let production = World::new().ask(Ask::get(KEY_SET).anonymous()).await;
    assert_eq!(production.code(), "route_not_found");
}
