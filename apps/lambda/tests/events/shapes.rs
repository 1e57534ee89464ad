//! What becomes of each kind of event.

use http_body_util::BodyExt as _;
use lambda_http::http::{HeaderMap, Method, Version};
use serde_json::json;
use usher_http::ClientAddress;
use usher_lambda::event::{Call, Kind, read};

use crate::{corpus, event};

fn call(name: &str) -> Call {
    read(&event(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn values<'h>(headers: &'h HeaderMap, name: &str) -> Vec<&'h str> {
    let values = headers.get_all(name).iter();
    values.map(|value| value.to_str().expect("text")).collect()
}

async fn body(call: Call) -> Vec<u8> {
    call.request
        .into_body()
        .collect()
        .await
        .expect("a body")
        .to_bytes()
        .to_vec()
}

const BALANCED: Kind = Kind::LoadBalancer { multi_value: false };

/// One client's one request, through everything that AWS can put before a function.
#[tokio::test]
async fn the_same_request_comes_out_of_every_kind_of_event() {
    for (name, kind) in [
        ("rest_api", Kind::RestApi),
        ("rest_api_authorized", Kind::RestApi),
        ("rest_api_odd_host", Kind::RestApi),
        ("http_api_v1", Kind::HttpApiV1),
        ("http_api_v2", Kind::HttpApiV2),
        ("http_api_v2_claims_of_any_type", Kind::HttpApiV2),
        ("function_url", Kind::FunctionUrl),
        ("load_balancer", BALANCED),
        (
            "load_balancer_multi_value",
            Kind::LoadBalancer { multi_value: true },
        ),
    ] {
        let call = call(name);
        assert_eq!(call.kind, kind, "{name}");
        let (parts, address) = (
            &call.request,
            call.request.extensions().get::<ClientAddress>(),
        );
        assert_eq!(parts.method(), Method::PUT, "{name}");
        // An HTTP API has decoded it: `+` stands for itself in a path.
        let decoded = matches!(kind, Kind::HttpApiV1 | Kind::HttpApiV2);
        let path = if decoded {
            "/users/u+1/profile"
        } else {
            "/users/u%2B1/profile"
        };
        assert_eq!(parts.uri().path(), path, "{name}");
        let query = if kind == BALANCED {
            "a=2&b=x%20y"
        } else {
            "a=1&a=2&b=x%20y"
        };
        assert_eq!(parts.uri().query(), Some(query), "{name}");
        assert_eq!(
            address.map(|address| address.0.to_string()).as_deref(),
            Some("192.0.2.7"),
            "{name}"
        );
        let authorization = values(parts.headers(), "authorization");
        let expected: &[&str] = match kind {
            Kind::HttpApiV2 | Kind::FunctionUrl => &["Bearer a,Bearer b"],
            BALANCED => &["Bearer b"],
            _ => &["Bearer a", "Bearer b"],
        };
        assert_eq!(authorization, expected, "{name}");
        assert_eq!(values(parts.headers(), "x-api-key"), ["key"], "{name}");
        let packed = values(parts.headers(), "accept-encoding");
        assert_eq!(packed.is_empty(), kind == Kind::RestApi, "{name}");
        assert_eq!(body(call).await, "{\"name\":\"Ünal\"}".as_bytes(), "{name}");
    }
}

#[test]
fn what_stands_before_the_route_is_no_part_of_the_path() {
    for (name, path) in [
        ("rest_api_custom_domain", "/users/u%2B1/profile/"),
        ("rest_api_catch_all", "/docs/style.css"),
        ("http_api_v2_default_route", "/openapi.json"),
        ("load_balancer_health_check", "/healthz"),
        ("console_test", "/healthz"),
    ] {
        assert_eq!(call(name).request.uri().path(), path, "{name}");
    }
    // A user who is called like the stage, at an API whose stage is not in the path.
    let mut event = event("http_api_v2");
    event["rawPath"] = json!("/users/prod/profile");
    event["pathParameters"]["userId"] = json!("prod");
    assert_eq!(
        read(&event).unwrap().request.uri().path(),
        "/users/prod/profile"
    );
    event["rawPath"] = json!("/prod/users/prod/profile");
    assert_eq!(
        read(&event).unwrap().request.uri().path(),
        "/users/prod/profile"
    );
    // The route says where it begins, whatever mapping leads there.
    event["rawPath"] = json!("/mapped/away/users/prod/profile");
    assert_eq!(
        read(&event).unwrap().request.uri().path(),
        "/users/prod/profile"
    );
}

/// What an HTTP API has decoded stays one path, and what others have not is not encoded twice.
#[test]
fn a_path_is_spelled_as_a_path() {
    let path = |name: &str, member: &str, path: &str| {
        let mut event = event(name);
        event[member] = json!(path);
        let call = read(&event).unwrap();
        call.request.uri().path().to_owned()
    };
    let odd = "/users/ü 50%?#x/profile";
    assert_eq!(
        path("http_api_v2", "rawPath", odd),
        "/users/%C3%BC%2050%25%3F%23x/profile"
    );
    for (name, member) in [
        ("function_url", "rawPath"),
        ("load_balancer", "path"),
        ("rest_api", "path"),
    ] {
        assert_eq!(
            path(name, member, "/users/%C3%BC%2F/profile"),
            "/users/%C3%BC%2F/profile"
        );
        assert_eq!(
            path(name, member, odd),
            "/users/%C3%BC%2050%%3F%23x/profile"
        );
    }
}

/// A body that is not what the event says is nobody's: it is refused as a body that cannot be read, not taken for
/// another.
#[tokio::test]
async fn a_body_that_is_no_base64_is_no_text_either() {
    assert_eq!(body(call("rest_api_bad_base64")).await, b"\xff");
    let mut odd = event("function_url");
    odd["body"] = json!({"name": 1});
    assert_eq!(body(read(&odd).unwrap()).await, b"\xff");
    for none in [json!(null), json!("")] {
        odd["body"] = none;
        assert_eq!(body(read(&odd).unwrap()).await, b"");
    }
}

/// Without its precondition a request would be another one.
#[test]
fn a_header_that_cannot_be_is_not_left_out() {
    let mut event = event("http_api_v2");
    event["headers"]["if-match"] = json!("\"a\"\r\nx: y");
    event["headers"]["x-number"] = json!(7);
    event["headers"]["no name"] = json!("x");
    event["headers"]["x-nothing"] = json!(null);
    let call = read(&event).unwrap();
    let headers = call.request.headers();
    assert_eq!(values(headers, "if-match"), ["\"a\"??x: y"]);
    assert_eq!(values(headers, "x-number"), ["7"]);
    assert!(!headers.contains_key("x-nothing") && !headers.contains_key("x"));
    assert_eq!(values(headers, "cookie"), ["c1=1; c2=2"]);
}

#[test]
fn a_target_that_is_too_long_stays_too_long() {
    let mut event = event("function_url");
    event["rawQueryString"] = json!("q".repeat(100_000));
    let uri = read(&event).unwrap().request.uri().to_string();
    assert!(
        uri.len() > 8192 && uri.starts_with("/users/"),
        "{}",
        uri.len()
    );
    event["rawPath"] = json!("/".repeat(100_000));
    assert!(read(&event).unwrap().request.uri().to_string().len() > 8192);
}

#[test]
fn other_events_are_refused_with_what_they_are_and_without_what_is_in_them() {
    for (name, says) in [
        ("other_sqs", "it comes from aws:sqs"),
        ("other_sns", "it comes from aws:sns"),
        ("other_schedule", "it comes from aws.events"),
        ("other_websocket", "it comes from a WebSocket API"),
        ("other_anything", "This event is none of them"),
    ] {
        let refused = read(&event(name)).unwrap_err().to_string();
        assert!(refused.ends_with(says), "{refused}");
        assert!(
            !refused.contains("secret") && !refused.contains("value1"),
            "{refused}"
        );
    }
    for none in [json!(null), json!(7), json!("text"), json!([]), json!([{}])] {
        assert!(read(&none).is_err());
    }
    let others = corpus()
        .into_iter()
        .filter(|name| name.starts_with("other_"));
    assert_eq!(others.count(), 5);
}

#[test]
fn the_protocol_is_the_clients() {
    for (name, place) in [
        ("rest_api", "/requestContext/protocol"),
        ("http_api_v1", "/requestContext/protocol"),
        ("http_api_v2", "/requestContext/http/protocol"),
        ("function_url", "/requestContext/http/protocol"),
    ] {
        let mut event = event(name);
        let version = |event: &serde_json::Value| read(event).expect("a call").request.version();
        assert_eq!(version(&event), Version::HTTP_11, "{name}");
        *event.pointer_mut(place).expect("a protocol") = "HTTP/2.0".into();
        assert_eq!(version(&event), Version::HTTP_2, "{name}");
    }
    assert_eq!(call("load_balancer").request.version(), Version::HTTP_11);
}
