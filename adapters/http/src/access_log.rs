//! One line a request, under the names of API Gateway's `$context` variables.

use std::{borrow::Cow, fmt::Write as _, sync::Arc, time::Duration};

use axum::http::{HeaderMap, Method, Uri, Version, header};
use usher_domain::{json::canonical::write_string, time::Timestamp};

use crate::{
    client::ClientAddress,
    report::Report,
    request_id::RequestId,
    trace_context::{Traced, as_xray},
};

/// Where access-log lines go.
pub trait AccessLog: Send + Sync + 'static {
    /// Takes one line, without its line break.
    fn write(&self, line: &str);

    /// Whether lines are wanted at all.
    fn is_on(&self) -> bool {
        true
    }
}

/// A field of log lines, for the documentation.
#[derive(Debug, Clone, Copy)]
pub struct LogField {
    /// Its name.
    pub name: &'static str,
    /// Its unit or form.
    pub unit: &'static str,
    /// What it says, and when it is there.
    pub meaning: &'static str,
}

pub(crate) const fn field(
    name: &'static str,
    unit: &'static str,
    meaning: &'static str,
) -> LogField {
    LogField {
        name,
        unit,
        meaning,
    }
}

/// The fields of a line of the access log, in their order.
pub const ACCESS_LOG_FIELDS: [LogField; 19] = [
    field("requestId", "UUID", "the answer's `x-request-id`"),
    field(
        "requestTime",
        "`22/Nov/2026:09:50:25 +0000`",
        "when the request came",
    ),
    field("requestTimeEpoch", "ms since 1970", "the same"),
    field("httpMethod", "text", "the method, its first 32 characters"),
    field(
        "resourcePath",
        "text",
        "the route's template, if there is one",
    ),
    field(
        "path",
        "text",
        "the path as it was sent, without the query; its first 2 KiB",
    ),
    field(
        "protocol",
        "text",
        "`HTTP/1.1`, `HTTP/2.0`; on Lambda what the gateway says",
    ),
    field(
        "status",
        "number",
        "the answer's status; 499 where there was none: the client went away first, or the server ended",
    ),
    field("responseLength", "bytes", "the answer's body"),
    field(
        "responseLatency",
        "ms",
        "from the request's head to the answer's",
    ),
    field(
        "integrationLatency",
        "ms",
        "the part of it in which the profile store was waited for",
    ),
    field("identity.sourceIp", "address", "the client's"),
    field(
        "identity.userAgent",
        "text",
        "what the client calls itself, the first 512 bytes",
    ),
    field(
        "identity.apiKeyId",
        "text",
        "the id of the API key, never the key",
    ),
    field(
        "authorizer.claims.sub",
        "text",
        "the caller's id: the subject, with its issuer's prefix",
    ),
    field("usagePlanId", "text", "the plan that counts"),
    field(
        "error.code",
        "text",
        "the stable code of what went wrong ([errors](errors.md))",
    ),
    field("error.message", "text", "API Gateway's words for it"),
    field(
        "xrayTraceId",
        "`1-{8 hex digits}-{24 hex digits}`",
        "the `Root` of `X-Amzn-Trace-Id`, if it came",
    ),
];

/// Takes lines and forgets them.
#[derive(Debug, Clone, Copy)]
pub struct Discard;

impl AccessLog for Discard {
    fn write(&self, _line: &str) {}

    fn is_on(&self) -> bool {
        false
    }
}

/// What a line needs of a request, which is gone when the answer is there.
pub(crate) struct Seen {
    pub(crate) id: RequestId,
    pub(crate) at: Timestamp,
    method: Method,
    uri: Uri,
    version: Version,
    user_agent: Option<header::HeaderValue>,
    address: Option<ClientAddress>,
    pub(crate) traced: Traced,
}

impl Seen {
    pub(crate) fn of<B>(id: RequestId, at: Timestamp, request: &axum::http::Request<B>) -> Self {
        Self {
            id,
            at,
            method: request.method().clone(),
            uri: request.uri().clone(),
            version: request.version(),
            user_agent: user_agent(request.headers()),
            address: request.extensions().get().copied(),
            traced: Traced::of(request.headers()),
        }
    }

    /// Those that mean something are short, and anybody can make up others.
    pub(crate) fn method(&self) -> &str {
        let method = self.method.as_str();
        method.get(..MOST_OF_A_METHOD).unwrap_or(method)
    }

    pub(crate) fn path(&self) -> &str {
        self.uri.path()
    }

    pub(crate) fn is_head(&self) -> bool {
        self.method == Method::HEAD
    }
}

/// A line that is longer than 16 KiB is cut into two by what collects lines of containers, and what the client sends must
/// not hide the rest of it.
const MOST_OF_A_METHOD: usize = 32;
const MOST_OF_A_PATH: usize = 2048;
const MOST_OF_AN_AGENT: usize = 512;

/// At most so many bytes of a text, marked where it is cut.
fn cut(text: &str, most: usize) -> Cow<'_, str> {
    if text.len() <= most {
        return text.into();
    }
    let end = text.floor_char_boundary(most);
    format!("{}\u{2026}", text.get(..end).unwrap_or_default()).into()
}

fn user_agent(headers: &HeaderMap) -> Option<header::HeaderValue> {
    headers.get(header::USER_AGENT).cloned()
}

/// Writes the line of one request.
pub(crate) fn record(
    log: &Arc<dyn AccessLog>,
    seen: &Seen,
    report: &Report,
    status: u16,
    length: Option<u64>,
    latency: Duration,
) {
    if !log.is_on() {
        return;
    }
    let mut line = Line(String::with_capacity(640));
    line.text("requestId", &seen.id.to_string());
    line.text("requestTime", &clf(seen.at));
    line.number("requestTimeEpoch", seen.at.as_millis());
    line.text("httpMethod", seen.method());
    if let Some(resource) = report.resource {
        line.text("resourcePath", resource);
    }
    // The path alone: a query string may carry what nobody should write down.
    line.text("path", &cut(seen.uri.path(), MOST_OF_A_PATH));
    line.text("protocol", protocol(seen.version));
    line.number("status", i64::from(status));
    if let Some(length) = length {
        line.number("responseLength", i64::try_from(length).unwrap_or(i64::MAX));
    }
    line.millis("responseLatency", latency);
    if let Some(store) = report.phases.store {
        line.millis("integrationLatency", store.took);
    }
    if let Some(ClientAddress(address)) = seen.address {
        line.text("identity.sourceIp", &address.to_string());
    }
    if let Some(agent) = &seen.user_agent {
        line.text(
            "identity.userAgent",
            &cut(&String::from_utf8_lossy(agent.as_bytes()), MOST_OF_AN_AGENT),
        );
    }
    let trail = &report.trail;
    if let Some(id) = trail.key_id() {
        line.text("identity.apiKeyId", id);
    }
    if let Some(principal) = &report.trail.principal {
        line.text("authorizer.claims.sub", &principal.id);
    }
    if let Some(plan) = report.trail.plan.as_ref().map(|plan| &plan.id) {
        line.text("usagePlanId", plan.as_str());
    }
    if let Some(error) = report.error {
        line.text("error.code", error.as_str());
        line.text("error.message", error.message());
    }
    if let Some(id) = seen.traced.xray {
        line.text("xrayTraceId", &as_xray(id));
    }
    log.write(&line.finish());
}

struct Line(String);

impl Line {
    fn name(&mut self, name: &str) {
        self.0
            .push_str(if self.0.is_empty() { "{\"" } else { ",\"" });
        self.0.push_str(name);
        self.0.push_str("\":");
    }

    fn text(&mut self, name: &str, value: &str) {
        self.name(name);
        write_string(value, &mut self.0);
    }

    fn number(&mut self, name: &str, value: i64) {
        self.name(name);
        let _ = write!(self.0, "{value}");
    }

    fn millis(&mut self, name: &str, value: Duration) {
        self.name(name);
        write_millis(value, &mut self.0);
    }

    fn finish(mut self) -> String {
        self.0.push('}');
        self.0
    }
}

/// Milliseconds with three decimals.
pub(crate) fn write_millis(time: Duration, out: &mut String) {
    let micros = time.as_micros();
    // Writing to a String cannot fail.
    let _ = write!(out, "{}.{:03}", micros / 1_000, micros % 1_000);
}

const fn protocol(version: Version) -> &'static str {
    match version {
        Version::HTTP_2 => "HTTP/2.0",
        Version::HTTP_10 => "HTTP/1.0",
        _ => "HTTP/1.1",
    }
}

/// The common log format's time: `22/Nov/2026:09:50:25 +0000`.
fn clf(at: Timestamp) -> String {
    let Ok(instant) = jiff::Timestamp::from_second(at.as_seconds()) else {
        return String::new();
    };
    let time = jiff::tz::Offset::UTC.to_datetime(instant);
    let month = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let month = usize::try_from(time.month() - 1)
        .ok()
        .and_then(|index| month.get(index));
    format!(
        "{:02}/{}/{:04}:{:02}:{:02}:{:02} +0000",
        time.day(),
        month.unwrap_or(&"-"),
        time.year(),
        time.hour(),
        time.minute(),
        time.second()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_is_that_of_the_common_log_format() {
        assert_eq!(
            clf(Timestamp::from_seconds(1_795_341_025)),
            "22/Nov/2026:09:50:25 +0000"
        );
    }
}
