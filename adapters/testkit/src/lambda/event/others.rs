//! The events of what is no gateway with stages: function URLs and load balancers; and an HTTP API's older format.

use axum::http::{
    header::{CONTENT_ENCODING, CONTENT_TYPE},
    request::Parts,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::{Value, json};

use super::text::percent_decoded;
use super::{
    Arrival, PROFILE_RESOURCE, STAGE, all_headers, http_api, last_values, rest_api, user_id,
};

const URL_ID: &str = "urlid0123";
const TARGET_GROUP: &str =
    "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/usher/0123456789abcdef";

/// The HTTP API event of a request in payload format 1.0.
///
/// It has the looks of a REST API's. The path is decoded and begins with the stage, as `rawPath` does in format 2.0,
/// and an authorizer without claims is there when there is none.
#[must_use]
pub fn http_api_v1(parts: &Parts, body: &Bytes, arrival: &Arrival) -> Value {
    let mut event = rest_api(parts, body, arrival);
    let decoded = percent_decoded(parts.uri.path());
    let path = decoded.split('?').next().unwrap_or_default();
    let user_id = user_id(path);
    let resource = if user_id.is_some() {
        PROFILE_RESOURCE
    } else {
        "$default"
    };
    event["version"] = "1.0".into();
    event["resource"] = resource.into();
    event["path"] = format!("/{STAGE}{path}").into();
    event["pathParameters"] = user_id.map_or(Value::Null, |id| json!({ "userId": id }));
    let context = &mut event["requestContext"];
    context["path"] = format!("/{STAGE}{path}").into();
    context["resourcePath"] = resource.into();
    context["authorizer"] = json!({ "claims": null, "scopes": null });
    event
}

/// The function URL event of a request: an HTTP API's in format 2.0, of a stage that has no name, with the path as it
/// was sent.
#[must_use]
pub fn function_url(parts: &Parts, body: &Bytes, arrival: &Arrival) -> Value {
    let mut event = http_api(parts, body, arrival);
    if let Some(members) = event.as_object_mut() {
        members.remove("pathParameters");
    }
    let path = parts.uri.path();
    event["rawPath"] = path.into();
    event["routeKey"] = "$default".into();
    let context = &mut event["requestContext"];
    context["accountId"] = "anonymous".into();
    context["apiId"] = URL_ID.into();
    context["domainName"] = format!("{URL_ID}.lambda-url.eu-west-1.on.aws").into();
    context["domainPrefix"] = URL_ID.into();
    context["http"]["path"] = path.into();
    context["routeKey"] = "$default".into();
    context["stage"] = "$default".into();
    event
}

/// The load balancer's event of a request, with all values of headers and parameters or with the last of each.
///
/// Nothing is decoded. A body travels as base64 unless its type is one of four, which no patch has.
#[must_use]
pub fn load_balancer(parts: &Parts, body: &Bytes, arrival: &Arrival, multi_value: bool) -> Value {
    let mut headers = all_headers(&parts.headers);
    let forwarded = headers.entry("x-forwarded-for".to_owned()).or_default();
    // What a client has sent of it stays in front.
    let mut addresses = std::mem::take(forwarded);
    addresses.push(arrival.source_ip.clone());
    forwarded.push(addresses.join(", "));
    let mut query = super::Values::new();
    let pairs = parts.uri.query().unwrap_or_default().split('&');
    for pair in pairs.filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        query
            .entry(name.to_owned())
            .or_default()
            .push(value.to_owned());
    }
    let kind = parts
        .headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let is_text = kind.is_none_or(|kind| {
        let kind = kind.split(';').next().unwrap_or_default().trim();
        kind.starts_with("text/")
            || matches!(
                kind,
                "application/json" | "application/javascript" | "application/xml"
            )
    });
    let is_plain = is_text && !parts.headers.contains_key(CONTENT_ENCODING);
    let (body, is_base64_encoded) = match std::str::from_utf8(body).ok().filter(|_| is_plain) {
        Some(text) => (text.to_owned(), false),
        None => (STANDARD.encode(body), !body.is_empty()),
    };
    let (headers, query) = if multi_value {
        let (headers, query) = (json!(headers), json!(query));
        (
            ("multiValueHeaders", headers),
            ("multiValueQueryStringParameters", query),
        )
    } else {
        let (headers, query) = (last_values(&headers), last_values(&query));
        (("headers", headers), ("queryStringParameters", query))
    };
    let mut event = json!({
        "requestContext": { "elb": { "targetGroupArn": TARGET_GROUP } },
        "httpMethod": parts.method.as_str(),
        "path": parts.uri.path(),
        "body": body,
        "isBase64Encoded": is_base64_encoded,
    });
    for (name, value) in [headers, query] {
        event[name] = value;
    }
    event
}
