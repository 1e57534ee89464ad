//! From a response to what the caller of the function expects.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use lambda_http::http::{HeaderMap, StatusCode, header::CONTENT_ENCODING};
use serde_json::{Map, Value, json};

use crate::event::Kind;

/// The answer to an event of this kind.
///
/// Text goes as text, and what is packed or no UTF-8 as base64. A load balancer wants either all headers with all their
/// values or each with one.
#[must_use]
pub fn write(kind: Kind, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Value {
    let text = std::str::from_utf8(body).ok();
    let text = text.filter(|_| !headers.contains_key(CONTENT_ENCODING));
    let (body, is_base64) = match text {
        Some(text) => (text.to_owned(), false),
        None => (STANDARD.encode(body), true),
    };
    let mut answer = json!({
        "statusCode": status.as_u16(),
        "body": body,
        "isBase64Encoded": is_base64,
    });
    let (name, headers) = match kind {
        Kind::RestApi | Kind::HttpApiV1 | Kind::LoadBalancer { multi_value: true } => {
            ("multiValueHeaders", all(headers))
        }
        Kind::HttpApiV2 | Kind::FunctionUrl | Kind::LoadBalancer { multi_value: false } => {
            ("headers", joined(headers))
        }
    };
    answer[name] = headers;
    if matches!(kind, Kind::LoadBalancer { .. }) {
        let reason = status.canonical_reason().unwrap_or("Unknown");
        answer["statusDescription"] = format!("{} {reason}", status.as_u16()).into();
    }
    answer
}

fn all(headers: &HeaderMap) -> Value {
    let mut map = Map::new();
    for name in headers.keys() {
        let values: Vec<_> = texts(headers, name.as_str()).collect();
        map.insert(name.as_str().to_owned(), values.into());
    }
    map.into()
}

/// One value for each name, those of a repeated one joined (RFC 9110, 5.3). Usher sets no cookies, which could not be.
fn joined(headers: &HeaderMap) -> Value {
    let mut map = Map::new();
    for name in headers.keys() {
        let values: Vec<_> = texts(headers, name.as_str()).collect();
        map.insert(name.as_str().to_owned(), values.join(", ").into());
    }
    map.into()
}

fn texts(headers: &HeaderMap, name: &str) -> impl Iterator<Item = String> {
    let values = headers.get_all(name).iter();
    values.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
}
