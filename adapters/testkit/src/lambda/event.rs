//! An HTTP request as the event a gateway gives to a function.
//!
//! Pure functions: the request, its body and an [`Arrival`] go in, a JSON value comes out. The
//! shapes are those of a method without an authorizer and without an API key.

mod others;
mod text;

pub use others::{function_url, http_api_v1, load_balancer};

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::http::HeaderMap;
use axum::http::header::{COOKIE, USER_AGENT};
use axum::http::request::Parts;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::{Map, Value, json};

use text::{common_log_time, percent_decoded};

/// The stage of both emulated APIs. A v1 `path` is without it, a v2 `rawPath` is with it.
pub const STAGE: &str = "prod";

/// The route that has its own resource; everything else falls to the catch-all one.
pub const PROFILE_RESOURCE: &str = "/users/{userId}/profile";

const ACCOUNT_ID: &str = "123456789012";
const API_ID: &str = "api-id-123";
const DOMAIN_NAME: &str = "api-id-123.execute-api.eu-west-1.amazonaws.com";

/// What a gateway adds to a request from its own knowledge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// The gateway's id of the request, in the shape of a UUID.
    pub request_id: String,
    /// When the request arrived, in milliseconds since the Unix epoch.
    pub epoch_ms: u64,
    /// The caller's address without the port.
    pub source_ip: String,
}

impl Arrival {
    /// A request that arrives now, with an id that no other request of this process has.
    #[must_use]
    pub fn now(source_ip: String) -> Self {
        Self {
            request_id: unique_id(),
            epoch_ms: wall_clock_ms(),
            source_ip,
        }
    }
}

/// The REST API (payload 1.0) event of a request.
///
/// `path` and `pathParameters` stay percent-encoded, query parameters are decoded. A repeated
/// header or parameter has its last value in the single-valued map and all in the other one.
/// As in the real router a trailing slash and doubled leading slashes do not change the resource.
#[must_use]
pub fn rest_api(parts: &Parts, body: &Bytes, arrival: &Arrival) -> Value {
    let path = parts.uri.path();
    let (resource, path_parameters) = rest_resource(path);
    let headers = all_headers(&parts.headers);
    let query = query_parameters(parts.uri.query());
    let (body, is_base64_encoded) = body_member(body);
    let mut identity: Map<String, Value> = [
        "accessKey",
        "accountId",
        "caller",
        "cognitoAuthenticationProvider",
        "cognitoAuthenticationType",
        "cognitoIdentityId",
        "cognitoIdentityPoolId",
        "principalOrgId",
        "user",
        "userArn",
    ]
    .into_iter()
    .map(|name| (name.to_owned(), Value::Null))
    .collect();
    identity.insert("sourceIp".to_owned(), arrival.source_ip.as_str().into());
    identity.insert("userAgent".to_owned(), user_agent(&parts.headers));
    json!({
        "resource": resource,
        "path": path,
        "httpMethod": parts.method.as_str(),
        "headers": last_values(&headers),
        "multiValueHeaders": headers,
        "queryStringParameters": null_if_empty(&query, last_values(&query)),
        "multiValueQueryStringParameters": null_if_empty(&query, json!(query)),
        "pathParameters": path_parameters,
        "stageVariables": null,
        "body": body,
        "isBase64Encoded": is_base64_encoded,
        "requestContext": {
            "accountId": ACCOUNT_ID,
            "apiId": API_ID,
            "deploymentId": "deploy",
            "domainName": DOMAIN_NAME,
            "domainPrefix": API_ID,
            "extendedRequestId": STANDARD.encode(&arrival.request_id),
            "httpMethod": parts.method.as_str(),
            "identity": identity,
            "path": format!("/{STAGE}{path}"),
            "protocol": format!("{:?}", parts.version),
            "requestId": arrival.request_id,
            "requestTime": common_log_time(arrival.epoch_ms),
            "requestTimeEpoch": arrival.epoch_ms,
            "resourceId": if resource == PROFILE_RESOURCE { "profil" } else { "others" },
            "resourcePath": resource,
            "stage": STAGE,
        },
    })
}

/// The HTTP API (payload 2.0) event of a request.
///
/// `GET` on the profile path has its own route, everything else is `$default`. Despite its name
/// `rawPath` is percent-decoded and ends at a decoded `?`, and so are the path parameters: an HTTP
/// API does this, a REST API and a function URL do not. `rawQueryString` stays encoded.
#[must_use]
pub fn http_api(parts: &Parts, body: &Bytes, arrival: &Arrival) -> Value {
    let decoded = percent_decoded(parts.uri.path());
    let path = decoded.split('?').next().unwrap_or_default();
    let raw_path = format!("/{STAGE}{path}");
    let user_id = user_id(path).filter(|_| parts.method == "GET");
    let route_key = user_id.map_or_else(
        || "$default".to_owned(),
        |_| format!("GET {PROFILE_RESOURCE}"),
    );
    let mut headers = all_headers(&parts.headers);
    let cookies = headers.remove(COOKIE.as_str());
    let query = query_parameters(parts.uri.query());
    let (body, is_base64_encoded) = body_member(body);
    let mut event = json!({
        "version": "2.0",
        "routeKey": route_key,
        "rawPath": raw_path,
        "rawQueryString": parts.uri.query().unwrap_or_default(),
        "headers": joined_values(&headers),
        "requestContext": {
            "accountId": ACCOUNT_ID,
            "apiId": API_ID,
            "domainName": DOMAIN_NAME,
            "domainPrefix": API_ID,
            "http": {
                "method": parts.method.as_str(),
                "path": raw_path,
                "protocol": format!("{:?}", parts.version),
                "sourceIp": arrival.source_ip,
                "userAgent": user_agent(&parts.headers),
            },
            "requestId": arrival.request_id,
            "routeKey": route_key,
            "stage": STAGE,
            "time": common_log_time(arrival.epoch_ms),
            "timeEpoch": arrival.epoch_ms,
        },
        "isBase64Encoded": is_base64_encoded,
    });
    if let Some(cookies) = cookies {
        let each = cookies
            .iter()
            .flat_map(|line| line.split(';'))
            .map(str::trim);
        event["cookies"] = each.filter(|cookie| !cookie.is_empty()).collect();
    }
    if !query.is_empty() {
        event["queryStringParameters"] = joined_values(&query);
    }
    if let Some(user_id) = user_id {
        event["pathParameters"] = json!({ "userId": user_id });
    }
    if let Some(body) = body {
        event["body"] = body.into();
    }
    event
}

type Values = BTreeMap<String, Vec<String>>;

fn all_headers(headers: &HeaderMap) -> Values {
    let mut all = Values::new();
    for (name, value) in headers {
        let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
        all.entry(name.as_str().to_owned()).or_default().push(value);
    }
    all
}

fn query_parameters(query: Option<&str>) -> Values {
    let mut all = Values::new();
    let pairs = query
        .unwrap_or_default()
        .split('&')
        .filter(|pair| !pair.is_empty());
    for (name, value) in pairs.map(|pair| pair.split_once('=').unwrap_or((pair, ""))) {
        let decoded = |text: &str| percent_decoded(&text.replace('+', " "));
        all.entry(decoded(name)).or_default().push(decoded(value));
    }
    all
}

fn last_values(all: &Values) -> Value {
    all.iter()
        .map(|(name, values)| (name.as_str(), values.last().cloned()))
        .collect()
}

fn joined_values(all: &Values) -> Value {
    all.iter()
        .map(|(name, values)| (name.as_str(), values.join(",")))
        .collect()
}

/// A REST API says `null`, never `{}`, when a request has no query parameters.
fn null_if_empty(all: &Values, value: Value) -> Value {
    if all.is_empty() { Value::Null } else { value }
}

fn body_member(body: &Bytes) -> (Option<String>, bool) {
    match std::str::from_utf8(body) {
        Ok("") => (None, false),
        Ok(text) => (Some(text.to_owned()), false),
        Err(_) => (Some(STANDARD.encode(body)), true),
    }
}

fn user_agent(headers: &HeaderMap) -> Value {
    headers.get(USER_AGENT).map_or(Value::Null, |value| {
        String::from_utf8_lossy(value.as_bytes()).into()
    })
}

fn user_id(path: &str) -> Option<&str> {
    let id = path.strip_prefix("/users/")?.strip_suffix("/profile")?;
    (!id.is_empty() && !id.contains('/')).then_some(id)
}

fn rest_resource(path: &str) -> (&'static str, Value) {
    let routed = path.trim_start_matches('/');
    let routed = routed.strip_suffix('/').unwrap_or(routed);
    if let Some(id) = user_id(&format!("/{routed}")) {
        (PROFILE_RESOURCE, json!({ "userId": id }))
    } else if routed.is_empty() {
        // A greedy variable matches at least one segment, so the root is a resource of its own.
        ("/", Value::Null)
    } else {
        ("/{proxy+}", json!({ "proxy": routed }))
    }
}

/// An id in the shape of a version 4 UUID that is unique on this machine while the process lives.
pub(super) fn unique_id() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let process = std::process::id();
    let count = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("{process:08x}-0000-4000-8000-{count:012x}")
}

#[allow(
    clippy::disallowed_methods,
    reason = "a gateway stamps events with the wall clock, and the child reads the same one"
)]
pub(super) fn wall_clock_ms() -> u64 {
    let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since_epoch.map_or(0, |since| {
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    })
}

#[cfg(test)]
mod tests;
