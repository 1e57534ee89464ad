//! The function behind a gateway that has verified tokens and looked at keys, believed and not.

use std::{fs, path::Path};

use serde_json::{Map, Value, json};
use usher_testkit::{
    key_server::{Answer, KeyServer},
    lambda::{Front, LambdaHost, LambdaSpec},
    tokens::TestKey,
};

use crate::support::binaries;

const POOL: &str = "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_EXAMPLE00";
const CLIENT: &str = "1example23456789";

/// A function over memory that accepts one user pool's tokens, none of which are here, and wants API keys, of which
/// there are none.
async fn function(identity: bool, usage: bool) -> LambdaHost {
    let keys = json!({ "keys": [TestKey::rs256("nobodys").jwk()] });
    function_with("jwks", &keys.to_string(), identity, usage).await
}

/// The same with keys from where this setting of the issuer says.
async fn function_with(name: &str, keys: &str, identity: bool, usage: bool) -> LambdaHost {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let issuer = json!([{
        "kind": "cognito", "region": "eu-west-1", "user_pool_id": "eu-west-1_EXAMPLE00",
        "client_ids": [CLIENT], "token_use": ["id", "access"], name: keys,
    }]);
    let grants = json!([{ "group": "admins", "actions": ["read"] }]);
    let mut env = vec![
        ("USHER_STORE__URL", "memory:".to_owned()),
        ("USHER_API__ID", "api".to_owned()),
        ("USHER_API__STAGE", "prod".to_owned()),
        ("USHER_IDENTITY__ISSUERS", issuer.to_string()),
        ("USHER_ACCESS__GRANTS", grants.to_string()),
    ];
    env.push(("USHER_IDENTITY__TRUST_GATEWAY", identity.to_string()));
    env.push(("USHER_USAGE__TRUST_GATEWAY", usage.to_string()));
    if !usage {
        // There are keys, and nobody has one.
        let plan = json!({
            "id": "p", "throttle": { "rateLimit": 1, "burstLimit": 1 },
            "apiStages": [{ "apiId": "api", "stage": "prod" }],
        });
        let key = "Name,Key,UsagePlanIds\nk,0123456789012345678901234567890123456789,p\n";
        let file = |name: &str, text: &str| {
            let path = folder.join(name);
            fs::write(&path, text).expect("a file");
            path.display().to_string()
        };
        env.push(("USHER_USAGE__PLANS", file("plans.json", &plan.to_string())));
        env.push(("USHER_USAGE__KEYS", file("keys.csv", key)));
    }
    let env = env
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value));
    let spec = LambdaSpec {
        binary: binaries::lambda(),
        env: env.collect(),
        front: Front::RestApi,
    };
    LambdaHost::start(spec)
        .await
        .unwrap_or_else(|error| panic!("{error}"))
}

/// An event of the decoder's corpus, as a GET of `user`'s profile that brings neither token nor key of the client's.
fn event(name: &str, user: &str) -> Value {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../apps/lambda/tests/corpus");
    let text = fs::read(corpus.join(format!("{name}.json"))).expect("an event");
    let mut event: Value = serde_json::from_slice(&text).expect("JSON");
    let path = format!("/users/{user}/profile");
    event["headers"] = json!({});
    event["multiValueHeaders"] = json!({});
    event["body"] = Value::Null;
    event["isBase64Encoded"] = false.into();
    if event["version"] == "2.0" {
        let stage = event["requestContext"]["stage"]
            .as_str()
            .unwrap_or_default();
        event["rawPath"] = match stage {
            "$default" => path.into(),
            stage => format!("/{stage}{path}").into(),
        };
        event["requestContext"]["http"]["method"] = "GET".into();
        event["routeKey"] = event["routeKey"]
            .as_str()
            .unwrap_or_default()
            .replace("PUT", "GET")
            .into();
    } else {
        event["path"] = path.into();
        event["httpMethod"] = "GET".into();
    }
    event["pathParameters"] = json!({ "userId": user });
    event
}

fn put(mut event: Value, body: &str) -> Value {
    event["httpMethod"] = "PUT".into();
    event["headers"] = json!({ "content-type": "application/json" });
    event["body"] = body.into();
    event
}

/// The status, and the code of a problem.
async fn asked(function: &LambdaHost, event: &Value) -> (u64, String) {
    let answer = function.invoke(event).await;
    let answer = answer.unwrap_or_else(|| panic!("{:?}", function.failures()));
    let body = answer["body"].as_str().unwrap_or_default();
    let body: Map<String, Value> = serde_json::from_str(body).unwrap_or_default();
    let code = body.get("code").and_then(Value::as_str).unwrap_or_default();
    (
        answer["statusCode"].as_u64().expect("a status"),
        code.to_owned(),
    )
}

fn refused(status: u64, code: &str) -> (u64, String) {
    (status, code.to_owned())
}

const OWN: &str = "u%2B1";

#[tokio::test]
async fn a_rest_apis_authorizer_and_usage_plan_are_enough_where_they_are_trusted() {
    let function = function(true, true).await;
    let own = event("rest_api_authorized", OWN);
    assert_eq!(
        asked(&function, &own).await,
        refused(404, "profile_not_found")
    );
    assert_eq!(
        asked(&function, &put(own.clone(), "{\"a\":1}")).await.0,
        201
    );
    assert_eq!(asked(&function, &own).await.0, 200);
    // The groups are "members,admins", and admins read everybody's.
    let others = event("rest_api_authorized", "bob");
    assert_eq!(
        asked(&function, &others).await,
        refused(404, "profile_not_found")
    );
    let members = |groups: &str| {
        let mut event = others.clone();
        event["requestContext"]["authorizer"]["claims"]["cognito:groups"] = groups.into();
        event
    };
    for groups in ["members", "members,admins2", "members admins", ""] {
        let answer = asked(&function, &members(groups)).await;
        assert_eq!(answer, refused(403, "not_your_profile"), "{groups}");
    }
    let log = function.stop().await;
    assert!(
        log.contains("\"identity.apiKeyId\":\"keyid01234\""),
        "{log}"
    );
    assert!(log.contains("\"authorizer.claims.sub\":\"u+1\""), "{log}");
}

#[tokio::test]
async fn an_http_apis_authorizer_is_enough_for_a_token_and_never_for_a_key() {
    let function = function(true, true).await;
    let mut event = event("http_api_v2_claims_of_any_type", "u+1");
    assert_eq!(
        asked(&function, &event).await,
        refused(403, "invalid_api_key")
    );
    event["requestContext"]["identity"] = json!({ "apiKeyId": "keyid01234" });
    assert_eq!(
        asked(&function, &event).await,
        refused(403, "invalid_api_key")
    );
    event["requestContext"]["authorizer"]["jwt"]["claims"]["iss"] = POOL.into();
    event["requestContext"]["authorizer"]["jwt"]["claims"]["aud"] = "another".into();
    assert_eq!(
        asked(&function, &event).await,
        refused(401, "invalid_token")
    );
}

#[tokio::test]
async fn what_no_gateway_has_verified_is_not_verified() {
    let function = function(true, true).await;
    let claims = json!({ "sub": "u+1", "iss": POOL, "aud": CLIENT, "token_use": "id" });
    let authorizer = json!({ "claims": claims, "jwt": { "claims": claims } });
    for name in ["function_url", "load_balancer", "load_balancer_multi_value"] {
        let mut event = event(name, OWN);
        event["requestContext"]["authorizer"] = authorizer.clone();
        event["requestContext"]["identity"] = json!({ "apiKeyId": "keyid01234" });
        assert_eq!(
            asked(&function, &event).await,
            refused(401, "missing_token"),
            "{name}"
        );
    }
    let mut unauthorized = event("rest_api_authorized", OWN);
    let context = unauthorized["requestContext"]
        .as_object_mut()
        .expect("a context");
    context.remove("authorizer");
    assert_eq!(
        asked(&function, &unauthorized).await,
        refused(401, "missing_token")
    );
    let mut keyless = event("rest_api_authorized", OWN);
    let identity = keyless["requestContext"]["identity"]
        .as_object_mut()
        .expect("an identity");
    identity.remove("apiKeyId");
    assert_eq!(
        asked(&function, &keyless).await,
        refused(403, "invalid_api_key")
    );
}

#[tokio::test]
async fn a_gateway_is_believed_in_what_was_said_and_no_more() {
    for (identity, usage, expected) in [
        (false, false, refused(401, "missing_token")),
        (false, true, refused(401, "missing_token")),
        (true, false, refused(403, "invalid_api_key")),
    ] {
        let function = function(identity, usage).await;
        let answer = asked(&function, &event("rest_api_authorized", OWN)).await;
        assert_eq!(answer, expected, "identity {identity}, usage {usage}");
    }
}

/// The first event must not wait for an issuer, and none is asked where its tokens are not looked at.
#[tokio::test]
async fn a_function_has_its_key_sets_before_its_first_event_where_it_needs_them() {
    let set = json!({ "keys": [TestKey::rs256("nobodys").jwk()] });
    // A user pool has two names, and asks by each.
    for (identity, asked) in [(false, 2), (true, 0)] {
        let server = KeyServer::start(Answer::KeySet(set.to_string())).await;
        let function = function_with("jwks_uri", &server.uri(), identity, true).await;
        assert_eq!(server.requests(), asked, "trust_gateway {identity}");
        drop(function);
    }
}
