//! `Server-Timing` (W3C): where a request's time went, for the developer who looks at it in a browser.

use std::{fmt::Write as _, time::Duration};

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use usher_domain::ports::Phases;

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
    let micros = took.as_micros();
    // Writing to a String cannot fail.
    let _ = write!(
        text,
        "{separator}{name};dur={}.{:03}",
        micros / 1_000,
        micros % 1_000
    );
}
