//! What a function returned as the HTTP response a gateway makes of it.
//!
//! Both functions are pure. An `Err` says why the gateway takes the answer for malformed; the
//! client gets a 502 then. Binary bodies are decoded, as by an API whose `binaryMediaTypes` match.

use axum::body::Body;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, SET_COOKIE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::{Map, Value};

/// The response headers a REST API renames: the name a function sets, the name a client sees.
///
/// An HTTP API renames none of them.
pub const REMAPPED: [(&str, &str); 8] = [
    ("authorization", "x-amzn-remapped-authorization"),
    ("connection", "x-amzn-remapped-connection"),
    ("content-md5", "x-amzn-remapped-content-md5"),
    ("date", "x-amzn-remapped-date"),
    ("max-forwards", "x-amzn-remapped-max-forwards"),
    ("server", "x-amzn-remapped-server"),
    ("user-agent", "x-amzn-remapped-user-agent"),
    ("www-authenticate", "x-amzn-remapped-www-authenticate"),
];

/// The `content-type` a REST API gives to an answer without one, an empty answer included.
pub const REST_API_CONTENT_TYPE: &str = "application/json";

/// The `content-type` an HTTP API gives to an answer without one, an empty answer included.
pub const HTTP_API_CONTENT_TYPE: &str = "text/plain; charset=utf-8";

const REST_API_DROPPED: &[&str] = &[
    "expect",
    "host",
    "proxy-authenticate",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
];

const HTTP_API_DROPPED: &[&str] = &[
    "connection",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// The response a REST API (payload 1.0) makes of a function's answer.
///
/// A missing `statusCode` is 200. A header that is in both maps has its `multiValueHeaders` first
/// and then the one of `headers`, unless that one is among them. Names in [`REMAPPED`] are renamed.
///
/// # Errors
///
/// Why the answer is malformed: it is no object, it has a member of another name than the five
/// known ones, or a member is of the wrong type or no valid status, header or base64.
pub fn from_rest_api(answer: &Value) -> Result<Response, String> {
    const MEMBERS: [&str; 5] = [
        "statusCode",
        "headers",
        "multiValueHeaders",
        "body",
        "isBase64Encoded",
    ];
    let answer = answer.as_object().ok_or("the answer is no object")?;
    if let Some(name) = answer.keys().find(|name| !MEMBERS.contains(&name.as_str())) {
        return Err(format!("unknown member {name:?}"));
    }
    let mut headers = HeaderMap::new();
    for (name, value) in &both_kinds(answer)? {
        if !REST_API_DROPPED.contains(&name.as_str()) {
            headers.append(remapped(name), value.clone());
        }
    }
    let body = body(answer)?;
    let kind = Some(REST_API_CONTENT_TYPE);
    Ok(response(status(answer)?, headers, body, kind))
}

/// The response an HTTP API makes of a function's answer in payload format 1.0: both maps of headers, and no renaming.
///
/// # Errors
///
/// Why the answer is malformed: it is no object, or a member is of the wrong type or no valid status, header or base64.
pub fn from_http_api_v1(answer: &Value) -> Result<Response, String> {
    let answer = answer.as_object().ok_or("the answer is no object")?;
    let mut headers = both_kinds(answer)?;
    for name in HTTP_API_DROPPED {
        headers.remove(*name);
    }
    let body = body(answer)?;
    let kind = Some(HTTP_API_CONTENT_TYPE);
    Ok(response(status(answer)?, headers, body, kind))
}

/// The response a load balancer makes of a function's answer. It reads one of the two maps, the one that its target
/// group is set up for, and gives no type to what has none.
///
/// # Errors
///
/// Why the answer is malformed: it is no object, has no `statusCode`, brings the other map of headers, describes another
/// status, or a member is of the wrong type or no valid status, header or base64.
pub fn from_load_balancer(answer: &Value, multi_value: bool) -> Result<Response, String> {
    let answer = answer.as_object().ok_or("the answer is no object")?;
    if !answer.contains_key("statusCode") {
        return Err("there is no statusCode".to_owned());
    }
    let other = if multi_value {
        "headers"
    } else {
        "multiValueHeaders"
    };
    if answer.contains_key(other) {
        return Err(format!("{other} is not read"));
    }
    let status = status(answer)?;
    if let Some(said) = answer.get("statusDescription") {
        let begins = format!("{} ", status.as_u16());
        if !said.as_str().is_some_and(|said| said.starts_with(&begins)) {
            return Err(format!("statusDescription is {said}"));
        }
    }
    let headers = both_kinds(answer)?;
    Ok(response(status, headers, body(answer)?, None))
}

/// A header that is in both maps has its `multiValueHeaders` first and then the one of `headers`, unless that one is
/// among them.
fn both_kinds(answer: &Map<String, Value>) -> Result<HeaderMap, String> {
    let mut received = HeaderMap::new();
    for (name, values) in object(answer, "multiValueHeaders")? {
        let values = values
            .as_array()
            .ok_or_else(|| format!("{name:?} is no array"))?;
        for value in values {
            received.append(header_name(name)?, header_value(name, value)?);
        }
    }
    for (name, value) in object(answer, "headers")? {
        let (name, value) = (header_name(name)?, header_value(name, value)?);
        if !received.get_all(&name).iter().any(|known| *known == value) {
            received.append(name, value);
        }
    }
    Ok(received)
}

/// The response an HTTP API (payload 2.0) makes of a function's answer.
///
/// Each of `cookies` becomes a `Set-Cookie`; `multiValueHeaders` and unknown members have no
/// effect. A value without a `statusCode` is itself the body of a 200 `application/json`.
///
/// # Errors
///
/// Why the answer is malformed: a member is of the wrong type or no valid status, header or base64.
pub fn from_http_api(answer: &Value) -> Result<Response, String> {
    let Some(answer) = answer
        .as_object()
        .filter(|members| members.contains_key("statusCode"))
    else {
        let text = answer
            .as_str()
            .map_or_else(|| answer.to_string(), str::to_owned);
        return Ok(response(
            StatusCode::OK,
            HeaderMap::new(),
            text.into(),
            Some("application/json"),
        ));
    };
    let mut headers = HeaderMap::new();
    for (name, value) in object(answer, "headers")? {
        let (name, value) = (header_name(name)?, header_value(name, value)?);
        if !HTTP_API_DROPPED.contains(&name.as_str()) {
            headers.append(name, value);
        }
    }
    let cookies = match answer.get("cookies") {
        None | Some(Value::Null) => &[],
        Some(Value::Array(cookies)) => cookies.as_slice(),
        Some(other) => return Err(format!("cookies is {other}")),
    };
    for cookie in cookies {
        headers.append(SET_COOKIE, header_value("cookies", cookie)?);
    }
    let body = body(answer)?;
    Ok(response(
        status(answer)?,
        headers,
        body,
        Some(HTTP_API_CONTENT_TYPE),
    ))
}

fn response(
    status: StatusCode,
    mut headers: HeaderMap,
    body: Bytes,
    content_type: Option<&'static str>,
) -> Response {
    // A gateway counts the body itself; a wrong count of the function would break the connection.
    headers.remove(CONTENT_LENGTH);
    if let Some(content_type) = content_type {
        let content_type = HeaderValue::from_static(content_type);
        headers.entry(CONTENT_TYPE).or_insert(content_type);
    }
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

fn status(answer: &Map<String, Value>) -> Result<StatusCode, String> {
    let code = match answer.get("statusCode") {
        None | Some(Value::Null) => Some(200),
        Some(Value::String(text)) => text.parse().ok(),
        Some(other) => other.as_u64().and_then(|code| u16::try_from(code).ok()),
    };
    // An informational status ends no exchange, and above 599 nothing is defined.
    code.filter(|code| (200..=599).contains(code))
        .and_then(|code| StatusCode::from_u16(code).ok())
        .ok_or_else(|| format!("statusCode is {:?}", answer.get("statusCode")))
}

fn body(answer: &Map<String, Value>) -> Result<Bytes, String> {
    let text = match answer.get("body") {
        None | Some(Value::Null) => "",
        Some(Value::String(text)) => text,
        Some(_) => return Err("body is no string".to_owned()),
    };
    match answer.get("isBase64Encoded") {
        None | Some(Value::Null | Value::Bool(false)) => Ok(text.to_owned().into()),
        Some(Value::Bool(true)) => STANDARD
            .decode(text)
            .map(Bytes::from)
            .map_err(|error| format!("body is no base64: {error}")),
        Some(other) => Err(format!("isBase64Encoded is {other}")),
    }
}

fn object<'a>(
    answer: &'a Map<String, Value>,
    member: &str,
) -> Result<impl Iterator<Item = (&'a String, &'a Value)>, String> {
    match answer.get(member) {
        None | Some(Value::Null) => Ok(None.into_iter().flatten()),
        Some(Value::Object(members)) => Ok(Some(members).into_iter().flatten()),
        Some(_) => Err(format!("{member} is no object")),
    }
}

fn header_name(name: &str) -> Result<HeaderName, String> {
    HeaderName::from_bytes(name.as_bytes()).map_err(|_| format!("{name:?} is no header name"))
}

fn header_value(name: &str, value: &Value) -> Result<HeaderValue, String> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::Null | Value::Array(_) | Value::Object(_) => {
            return Err(format!("{name:?} has the value {value}"));
        }
    };
    HeaderValue::from_bytes(text.as_bytes())
        .map_err(|_| format!("{name:?} has a value that no header can have"))
}

fn remapped(name: &HeaderName) -> HeaderName {
    let renamed = REMAPPED.iter().find(|(from, _)| name == from);
    renamed.map_or_else(|| name.clone(), |(_, to)| HeaderName::from_static(to))
}

#[cfg(test)]
mod tests;
