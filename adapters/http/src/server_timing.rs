//! `Server-Timing` (W3C): where a request's time went, for the developer who looks at it in a browser.

use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use usher_domain::ports::Phases;

use crate::access_log::write_millis;

const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");

/// Milliseconds of each part that the request came to, and of all of it.
pub(crate) fn tell(phases: &Phases, latency: Duration, headers: &mut HeaderMap) {
    let mut text = String::with_capacity(128);
    for (name, phase) in [
        ("verification", phases.verification),
        ("admission", phases.admission),
        ("decision", phases.decision),
        ("store", phases.store),
    ] {
        if let Some(phase) = phase {
            add(&mut text, name, phase.took);
        }
    }
    add(&mut text, "total", latency);
    if let Ok(value) = HeaderValue::try_from(text) {
        headers.insert(SERVER_TIMING, value);
    }
}

fn add(text: &mut String, name: &str, took: Duration) {
    let separator = if text.is_empty() { "" } else { ", " };
    for part in [separator, name, ";dur="] {
        text.push_str(part);
    }
    write_millis(took, text);
}
