//! What a gateway in front says that it has done, believed and not.

use serde_json::{Value, json};
use usher_domain::service::GatewayTrust;
use usher_http::{ClaimStyle, Gateway, VouchedClaims};

use crate::support::{ALICE, Answer, Ask, KEY, Setup, World, plan_limits};

const NOTHING: GatewayTrust = GatewayTrust {
    identity: false,
    usage: false,
};
const IDENTITY: GatewayTrust = GatewayTrust {
    identity: true,
    ..NOTHING
};
const USAGE: GatewayTrust = GatewayTrust {
    usage: true,
    ..NOTHING
};

fn behind(trust: GatewayTrust) -> World {
    Setup {
        trust,
        plan: plan_limits(0.001, 2, 0),
        ..Setup::default()
    }
    .start()
}

/// A gateway that has verified this token, and let in this key.
fn gateway(token: Option<&str>, key: Option<&str>) -> Gateway {
    let claims = token.map(|token| VouchedClaims {
        members: [("token".to_owned(), json!(token))].into_iter().collect(),
        style: ClaimStyle::Commas,
    });
    Gateway {
        claims,
        api_key_id: key.map(Into::into),
    }
}

async fn code(world: &World, ask: Ask) -> String {
    world.ask(ask).await.code()
}

#[tokio::test]
async fn claims_that_a_gateway_has_verified_stand_for_a_token_where_they_are_believed() {
    let vouched = || Ask::get(ALICE).through(gateway(Some("user:alice"), None));
    let believed = behind(IDENTITY);
    let without = vouched().without("authorization");
    assert_eq!(code(&believed, without).await, "profile_not_found");
    for trust in [NOTHING, USAGE] {
        let ask = vouched().without("authorization");
        assert_eq!(code(&behind(trust), ask).await, "missing_token");
    }
}

/// The token that the gateway has looked at may be in another header than ours.
#[tokio::test]
async fn where_claims_are_believed_they_count_and_not_the_token_beside_them() {
    let ask = || Ask::get(ALICE).through(gateway(Some("user:bob"), None));
    assert_eq!(code(&behind(IDENTITY), ask()).await, "not_your_profile");
    assert_eq!(code(&behind(NOTHING), ask()).await, "profile_not_found");
}

#[tokio::test]
async fn without_an_authorizer_a_token_is_verified_as_ever() {
    for through in [
        None,
        Some(gateway(None, None)),
        Some(gateway(None, Some("key"))),
    ] {
        let world = behind(IDENTITY);
        let ask = |ask: Ask| match through.clone() {
            Some(gateway) => ask.through(gateway),
            None => ask,
        };
        let none = ask(Ask::get(ALICE).without("authorization"));
        assert_eq!(code(&world, none).await, "missing_token");
        let bad = ask(Ask::get(ALICE).token("nobody"));
        assert_eq!(code(&world, bad).await, "invalid_token");
        assert_eq!(
            code(&world, ask(Ask::get(ALICE))).await,
            "profile_not_found"
        );
    }
}

#[tokio::test]
async fn claims_that_name_nobody_of_ours_are_refused_whatever_token_is_sent() {
    let world = behind(IDENTITY);
    let ask = Ask::get(ALICE).through(gateway(Some("nobody"), None));
    assert_eq!(code(&world, ask).await, "invalid_token");
}

/// What cannot be one bearer token is refused before anything else is looked at.
#[tokio::test]
async fn two_authorization_headers_are_refused_behind_a_gateway_too() {
    let world = behind(IDENTITY);
    let ask = Ask::get(ALICE).through(gateway(Some("user:alice"), None));
    let ask = ask.another("authorization", "Bearer user:bob");
    assert_eq!(code(&world, ask).await, "invalid_token");
}

#[tokio::test]
async fn a_subject_that_was_stopped_stays_so_behind_a_gateway() {
    let world = behind(IDENTITY);
    let ask = Ask::get(ALICE).through(gateway(Some("user:stopped"), None));
    assert_eq!(code(&world, ask).await, "invalid_token");
}

#[tokio::test]
async fn a_key_that_a_gateway_has_let_in_is_not_looked_at_nor_counted_again() {
    let world = behind(USAGE);
    for _ in 0..5 {
        let ask = Ask::get(ALICE).without("x-api-key");
        let answer: Answer = world.ask(ask.through(gateway(None, Some("k1")))).await;
        assert_eq!(answer.code(), "profile_not_found");
        assert_eq!(answer.header("ratelimit"), None);
    }
    let logged = world.log.take();
    let ids: Vec<_> = logged
        .iter()
        .map(|line| &line["identity.apiKeyId"])
        .collect();
    assert_eq!(ids, [&Value::from("k1"); 5]);
    // A token it has not looked at: that is another setting.
    let ask = Ask::get(ALICE)
        .anonymous()
        .through(gateway(None, Some("k1")));
    assert_eq!(code(&world, ask).await, "missing_token");
}

#[tokio::test]
async fn a_key_that_no_gateway_has_let_in_is_looked_at_and_counted() {
    for (trust, through) in [
        (USAGE, gateway(None, None)),
        (USAGE, gateway(Some("user:alice"), None)),
        (IDENTITY, gateway(Some("user:alice"), Some("k1"))),
        (NOTHING, gateway(Some("user:alice"), Some("k1"))),
    ] {
        let world = behind(trust);
        let ask = || Ask::get(ALICE).through(through.clone());
        let none = ask().without("x-api-key");
        assert_eq!(code(&world, none).await, "invalid_api_key", "{trust:?}");
        for _ in 0..2 {
            assert_eq!(
                code(&world, ask().key(KEY)).await,
                "profile_not_found",
                "{trust:?}"
            );
        }
        assert_eq!(code(&world, ask().key(KEY)).await, "throttled", "{trust:?}");
    }
}

#[test]
fn what_a_gateway_says_shows_no_claims() {
    let shown = format!("{:?}", gateway(Some("secret"), Some("k1")));
    assert!(shown.contains("k1") && !shown.contains("secret"), "{shown}");
}
