use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::Value;

use super::fields::Fields as _;

/// What no body can be: it is no UTF-8, so that whoever needs one says that there is none.
const UNREADABLE: &[u8] = b"\xff";

/// The body's bytes, none if there is no body.
pub(super) fn read(event: &Value) -> Vec<u8> {
    let Some(body) = event.text("body") else {
        return match event.at("body") {
            Value::Null => Vec::new(),
            _ => UNREADABLE.to_vec(),
        };
    };
    if *event.at("isBase64Encoded") != Value::Bool(true) {
        return body.as_bytes().to_vec();
    }
    STANDARD
        .decode(body)
        .unwrap_or_else(|_| UNREADABLE.to_vec())
}
