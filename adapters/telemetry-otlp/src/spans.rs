//! The spans of one request, under the names of OpenTelemetry's semantic conventions where they have one.

use std::{
    borrow::Cow,
    time::{Duration, SystemTime},
};

use opentelemetry::{
    InstrumentationScope, KeyValue, SpanId, TraceFlags, TraceId, Value,
    trace::{self, SpanContext, Status, TraceState},
};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};
use usher_domain::{
    ports::{Answered, Phase},
    time::Timestamp,
};

/// A span and what it is about, for the documentation.
#[derive(Debug, Clone, Copy)]
pub struct SpanName {
    /// Its name.
    pub name: &'static str,
    /// Its kind.
    pub kind: SpanKind,
    /// What it lasts.
    pub meaning: &'static str,
    /// Its attributes, and what they say.
    pub attributes: &'static [(&'static str, &'static str)],
}

/// OpenTelemetry's kinds of spans.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpanKind {
    /// Answers a request from elsewhere.
    Server,
    /// A part of it.
    Internal,
    /// Asks somebody else.
    Client,
}

/// The span of the request itself; its name is its method and its route.
const REQUEST: SpanName = SpanName {
    name: "{method} {route}",
    kind: SpanKind::Server,
    meaning: "from a request's head to its answer's; an error where the status is 5xx",
    attributes: &[
        (
            "http.request.method",
            "the method; `_OTHER` where HTTP does not know it",
        ),
        ("http.route", "the route's template, if there is one"),
        (
            "http.response.status_code",
            "the status; 499 where there was no answer: the client went away, or the server ended",
        ),
        ("error.type", "the stable code of what went wrong"),
        ("usher.request_id", "the answer's `x-request-id`"),
        ("usher.rule", "the rule that refused the request"),
        ("usher.usage_plan_id", "the plan that counts"),
        ("usher.api_key_id", "the id of the API key, never the key"),
    ],
};
const VERIFICATION: SpanName = SpanName {
    name: "verification",
    kind: SpanKind::Internal,
    meaning: "who is calling: the token, and its issuer's key set where that has to be fetched",
    attributes: &[],
};
const ADMISSION: SpanName = SpanName {
    name: "admission",
    kind: SpanKind::Internal,
    meaning: "whether they may come in now: denied subjects, API key, throttle and quota",
    attributes: &[],
};
const DECISION: SpanName = SpanName {
    name: "decision",
    kind: SpanKind::Internal,
    meaning: "whether they may do this: scopes, owner, grants",
    attributes: &[],
};
const STORE: SpanName = SpanName {
    name: "store",
    kind: SpanKind::Client,
    meaning: "the profile store, its repeats and conflicts included",
    attributes: &[],
};

/// All spans there are.
pub const SPANS: [SpanName; 5] = [REQUEST, VERIFICATION, ADMISSION, DECISION, STORE];

/// The methods that have a name (RFC 9110, section 9; RFC 5789).
const METHODS: [&str; 9] = [
    "GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "POST", "CONNECT", "TRACE",
];

/// The request's span, and one for each part that it came to.
pub(crate) fn of(
    call: &Answered<'_>,
    trace_id: u128,
    scope: &InstrumentationScope,
) -> Vec<SpanData> {
    let parent = call.trace.and_then(|trace| trace.parent);
    let root = span_id(call.request_id, 0);
    let end = call.at.plus(call.latency);
    let span = |name: Cow<'static, str>, kind, id, parent: SpanId, start, end| SpanData {
        span_context: SpanContext::new(
            TraceId::from(trace_id),
            id,
            TraceFlags::SAMPLED,
            false,
            TraceState::NONE,
        ),
        parent_span_id: parent,
        parent_span_is_remote: false,
        span_kind: kind,
        name,
        start_time: system_time(start),
        end_time: system_time(end),
        attributes: Vec::new(),
        dropped_attributes_count: 0,
        events: SpanEvents::default(),
        links: SpanLinks::default(),
        status: Status::Unset,
        instrumentation_scope: scope.clone(),
    };
    let phases = call.phases;
    let parts = [
        (VERIFICATION, phases.verification),
        (ADMISSION, phases.admission),
        (DECISION, phases.decision),
        (STORE, phases.store),
    ];
    let mut spans = Vec::with_capacity(1 + parts.len());
    let remote = parent.map_or(SpanId::INVALID, SpanId::from);
    spans.push(SpanData {
        parent_span_is_remote: parent.is_some(),
        attributes: attributes(call),
        status: if call.status >= 500 {
            Status::error(call.error.unwrap_or_default())
        } else {
            Status::Unset
        },
        ..span(name(call), kind(REQUEST.kind), root, remote, call.at, end)
    });
    for (number, (part, phase)) in (1..).zip(parts) {
        if let Some(Phase { start, took }) = phase {
            let id = span_id(call.request_id, number);
            let name = part.name.into();
            spans.push(span(
                name,
                kind(part.kind),
                id,
                root,
                start,
                start.plus(took),
            ));
        }
    }
    spans
}

/// Its method and its route: a path has ids of users in it, and every name is kept by whoever collects traces.
fn name(call: &Answered<'_>) -> Cow<'static, str> {
    match call.resource {
        Some(route) => format!("{} {route}", method(call)).into(),
        None => method(call).into(),
    }
}

fn method(call: &Answered<'_>) -> &'static str {
    let known = METHODS.iter().find(|known| **known == call.method);
    known.copied().unwrap_or("_OTHER")
}

fn attributes(call: &Answered<'_>) -> Vec<KeyValue> {
    let mut attributes = vec![
        KeyValue::new("http.request.method", method(call)),
        KeyValue::new("http.response.status_code", i64::from(call.status)),
        KeyValue::new("usher.request_id", request_id(call.request_id)),
    ];
    let mut add = |name: &'static str, value: Option<Value>| {
        attributes.extend(value.map(|value| KeyValue::new(name, value)));
    };
    let text = |text: &str| Value::from(text.to_owned());
    add("http.route", call.resource.map(Value::from));
    add("error.type", call.error.map(Value::from));
    add("usher.rule", call.rule.map(|rule| rule.as_str().into()));
    let plan = call.trail.plan.as_ref();
    add(
        "usher.usage_plan_id",
        plan.map(|plan| text(plan.id.as_str())),
    );
    add("usher.api_key_id", call.trail.key_id().map(text));
    attributes
}

/// A UUID as everybody writes it.
fn request_id(id: u128) -> String {
    let mut text = format!("{id:032x}");
    for at in [20, 16, 12, 8] {
        text.insert(at, '-');
    }
    text
}

/// The id of a request's span, that of the request itself first. They differ within a process and, as request ids do,
/// between processes.
fn span_id(request_id: u128, number: u64) -> SpanId {
    #[allow(clippy::cast_possible_truncation, reason = "both halves are taken")]
    let (high, low) = ((request_id >> 64) as u64, request_id as u64);
    // Sebastiano Vigna's mixer (SplitMix64): what differs in one bit before differs in half of them after. The number
    // comes in only then: ids of requests follow each other in steps of their own, which a number might make up for.
    let mut mixed = high ^ low;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed = (mixed ^ (mixed >> 31)) ^ number;
    // Zero would be none.
    SpanId::from(mixed.max(1))
}

const fn kind(kind: SpanKind) -> trace::SpanKind {
    match kind {
        SpanKind::Server => trace::SpanKind::Server,
        SpanKind::Internal => trace::SpanKind::Internal,
        SpanKind::Client => trace::SpanKind::Client,
    }
}

fn system_time(at: Timestamp) -> SystemTime {
    let nanos = u64::try_from(at.as_nanos()).unwrap_or_default();
    SystemTime::UNIX_EPOCH + Duration::from_nanos(nanos)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn ids_of_spans_differ_and_none_is_zero() {
        let ids: HashSet<_> = (0..10_000_u64)
            // As requests of one process are numbered: in steps, with some bits that never change.
            .map(|request| {
                let low = request.wrapping_mul(0x9e37_79b9_7f4a_7c15);
                1 << 100 | u128::from(low & (u64::MAX >> 2) | 1 << 63)
            })
            .flat_map(|request| (0..5).map(move |number| span_id(request, number)))
            .collect();
        assert_eq!(ids.len(), 50_000);
        assert!(!ids.contains(&SpanId::INVALID));
    }

    #[test]
    fn a_request_id_is_written_as_in_its_answer() {
        let id = 0x5bd2_1e6b_44e0_8f4c_a3a1_5f3a_0d2c_6f2e;
        assert_eq!(request_id(id), "5bd21e6b-44e0-8f4c-a3a1-5f3a0d2c6f2e");
    }
}
