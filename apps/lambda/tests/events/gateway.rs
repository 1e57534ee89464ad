//! What the gateway has done, by its own word.

use serde_json::{Value, json};
use usher_http::{ClaimStyle, Gateway};
use usher_lambda::event::read;

use crate::{corpus, event};

fn gateway(event: &Value) -> Gateway {
    let call = read(event).expect("a request");
    call.request
        .extensions()
        .get::<Gateway>()
        .cloned()
        .expect("what the gateway did")
}

fn subject(gateway: &Gateway) -> Option<&str> {
    gateway.claims.as_ref()?.members.get("sub")?.as_str()
}

#[test]
fn an_authorizers_claims_are_taken_as_they_are() {
    let rest = gateway(&event("rest_api_authorized"));
    assert_eq!(subject(&rest), Some("u+1"));
    let claims = rest.claims.expect("claims");
    assert_eq!(claims.members["cognito:groups"], "members,admins");
    assert_eq!(claims.style, ClaimStyle::Commas);
    let http = gateway(&event("http_api_v2_claims_of_any_type"));
    assert_eq!(subject(&http), Some("u+1"));
    let claims = http.claims.expect("claims");
    assert_eq!(claims.members["exp"], 1_795_352_400);
    assert_eq!(claims.style, ClaimStyle::Brackets);
    let mut first = event("http_api_v1");
    first["requestContext"]["authorizer"] = json!({ "claims": { "sub": "u+1" }, "scopes": null });
    let first = gateway(&first);
    assert_eq!(subject(&first), Some("u+1"));
    assert_eq!(
        first.claims.map(|claims| claims.style),
        Some(ClaimStyle::Brackets)
    );
}

/// Each of these would be a way in without a token.
#[test]
fn an_event_without_an_authorizer_of_tokens_is_not_verified() {
    let claims = json!({ "sub": "u+1" });
    let written = [
        json!(null),
        json!({}),
        json!({ "claims": null, "scopes": null }),
        json!({ "claims": {} }),
        json!({ "claims": "{\"sub\":\"u+1\"}" }),
        json!({ "claims": [claims] }),
        json!({ "principalId": "u+1", "sub": "u+1" }),
        // What a Lambda authorizer says, and calls so.
        json!({ "claims": claims, "principalId": "u+1" }),
        json!({ "claims": claims, "integrationLatency": 7 }),
        json!({ "lambda": { "claims": claims, "sub": "u+1" } }),
        json!({ "iam": { "userId": "u+1" } }),
        json!({ "jwt": null }),
        json!({ "jwt": { "claims": null } }),
        json!({ "jwt": { "sub": "u+1" } }),
        claims.clone(),
    ];
    for name in ["rest_api", "http_api_v1", "http_api_v2"] {
        assert_eq!(gateway(&event(name)).claims, None, "{name}");
        for authorizer in &written {
            let mut event = event(name);
            event["requestContext"]["authorizer"] = authorizer.clone();
            // Where a client can write.
            event["headers"]["authorizer"] = json!({ "claims": claims });
            event["authorizer"] = json!({ "claims": claims, "jwt": { "claims": claims } });
            assert_eq!(gateway(&event).claims, None, "{name}: {authorizer}");
        }
    }
}

/// The form of one gateway counts for nothing in an event of another.
#[test]
fn claims_are_taken_from_where_this_gateway_writes_them() {
    let claims = json!({ "sub": "u+1" });
    for (name, authorizer) in [
        ("rest_api", json!({ "jwt": { "claims": claims } })),
        ("http_api_v1", json!({ "jwt": { "claims": claims } })),
        ("http_api_v2", json!({ "claims": claims })),
    ] {
        let mut event = event(name);
        event["requestContext"]["authorizer"] = authorizer;
        assert_eq!(gateway(&event).claims, None, "{name}");
    }
}

#[test]
fn a_function_url_and_a_load_balancer_have_verified_nobody() {
    let claims = json!({ "sub": "u+1" });
    let names = corpus();
    let unverified = names
        .iter()
        .filter(|name| name.starts_with("function_url") || name.starts_with("load_balancer"));
    let mut seen = 0;
    for name in unverified {
        let mut event = event(name);
        let authorizer = json!({ "claims": claims, "jwt": { "claims": claims } });
        event["requestContext"]["authorizer"] = authorizer;
        event["requestContext"]["identity"] = json!({ "apiKeyId": "keyid01234" });
        assert_eq!(gateway(&event), Gateway::default(), "{name}");
        seen += 1;
    }
    assert_eq!(seen, 4);
}

#[test]
fn only_a_rest_api_has_let_a_key_in() {
    let key = |event: &Value| gateway(event).api_key_id;
    assert_eq!(
        key(&event("rest_api_authorized")).as_deref(),
        Some("keyid01234")
    );
    for id in [json!(null), json!(""), json!(7), json!({})] {
        let mut event = event("rest_api_authorized");
        event["requestContext"]["identity"]["apiKeyId"] = id;
        assert_eq!(key(&event), None);
    }
    // What the console sends has been looked at by no plan.
    let mut event = event("rest_api_authorized");
    event["requestContext"]["identity"]["apiKeyId"] = "test-invoke-api-key-id".into();
    assert_eq!(key(&event), None);
    // Keys of old accounts are their own ids.
    event["requestContext"]["identity"]["apiKeyId"] = "secret".into();
    event["requestContext"]["identity"]["apiKey"] = "secret".into();
    assert_eq!(key(&event).as_deref(), Some("(hidden)"));
    // A key that was sent is no key that was let in.
    let mut event = crate::event("rest_api");
    let identity = event["requestContext"]["identity"].as_object_mut();
    identity.expect("who").remove("apiKeyId");
    assert!(event["headers"]["X-API-Key"].is_string());
    assert_eq!(key(&event), None);
    for name in ["http_api_v1", "http_api_v2"] {
        let mut event = crate::event(name);
        event["requestContext"]["identity"]["apiKeyId"] = "keyid01234".into();
        assert_eq!(key(&event), None, "{name}");
    }
}
