use lambda_http::http::{HeaderMap, HeaderName, HeaderValue, header::COOKIE};
use serde_json::Value;

use super::fields::{Fields as _, shown};

/// All values of all headers.
///
/// A value that cannot be one, which no gateway lets through, is not left out: a request without its precondition or
/// its second token would be another request. What is wrong in it becomes `?`, and then it is refused as what it is.
pub(super) fn read(event: &Value) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, values) in event.members("multiValueHeaders") {
        for value in values.as_array().into_iter().flatten() {
            add(&mut headers, name, value);
        }
    }
    let all = headers.clone();
    for (name, value) in event.members("headers") {
        // Of those that are in both the other map has all values, and this one the last.
        if !all.contains_key(name.to_ascii_lowercase().as_str()) {
            add(&mut headers, name, value);
        }
    }
    let cookies = event.at("cookies").as_array().into_iter().flatten();
    let cookies: Vec<_> = cookies.filter_map(Value::as_str).collect();
    if !cookies.is_empty() {
        add(&mut headers, COOKIE.as_str(), &cookies.join("; ").into());
    }
    headers
}

fn add(headers: &mut HeaderMap, name: &str, value: &Value) {
    let (Ok(name), Some(text)) = (HeaderName::from_bytes(name.as_bytes()), shown(value)) else {
        return;
    };
    let bytes: Vec<u8> = text
        .bytes()
        .map(|byte| if is_visible(byte) { byte } else { b'?' })
        .collect();
    if let Ok(value) = HeaderValue::from_bytes(&bytes) {
        // More than a map of headers can hold no gateway takes.
        let _full = headers.try_append(name, value);
    }
}

fn is_visible(byte: u8) -> bool {
    byte == b'\t' || (byte >= b' ' && byte != 0x7f)
}
