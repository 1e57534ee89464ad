use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde_json::Value;

use super::{
    Kind,
    fields::{Fields as _, shown},
};

/// What cannot stand in a path as it is.
const LITERAL: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'?')
    .add(b'#')
    .add(b'"')
    .add(b'<')
    .add(b'>')
    .add(b'`')
    .add(b'{')
    .add(b'}')
    .add(b'\\')
    .add(b'^')
    .add(b'|');

/// The same of a path that was decoded on the way: a `%` in it is the client's own.
const DECODED: &AsciiSet = &LITERAL.add(b'%');

/// The same of a name or a value in a query that was decoded on the way.
const PARAMETER: &AsciiSet = &DECODED.add(b'&').add(b'=').add(b'+');

/// The path that the client sent, percent-encoded, without what the gateway's own address has in front of it.
pub(super) fn path(event: &Value, kind: Kind) -> String {
    let whole = match kind {
        Kind::HttpApiV2 | Kind::FunctionUrl => event.text("rawPath"),
        _ => event.text("path"),
    };
    let own = own(whole.unwrap_or_default(), event, kind);
    // An HTTP API decodes the path in both formats, and in `rawPath`, too; the others hand it over as it was.
    let encoding = match kind {
        Kind::HttpApiV1 | Kind::HttpApiV2 => DECODED,
        Kind::RestApi | Kind::FunctionUrl | Kind::LoadBalancer { .. } => LITERAL,
    };
    utf8_percent_encode(own, encoding).to_string()
}

/// The path from where the gateway's route begins: a custom domain's base path stands before it, and an HTTP API's
/// stage.
fn own<'p>(path: &'p str, event: &Value, kind: Kind) -> &'p str {
    let route = match kind {
        Kind::RestApi | Kind::HttpApiV1 => event.text("resource"),
        Kind::HttpApiV2 => event.text("routeKey").and_then(|key| key.split(' ').nth(1)),
        Kind::FunctionUrl | Kind::LoadBalancer { .. } => return path,
    };
    let routed = route.filter(|route| route.starts_with('/'));
    if let Some(routed) = routed.and_then(|route| filled(route, event.at("pathParameters"))) {
        // A slash at the end is no part of any route.
        let bare = path
            .strip_suffix('/')
            .filter(|bare| !bare.is_empty())
            .unwrap_or(path);
        let routed = routed
            .strip_suffix('/')
            .filter(|bare| !bare.is_empty())
            .unwrap_or(&routed);
        // Slashes too many are the client's own, and make it another path.
        let before = bare.strip_suffix(routed);
        if let Some(before) = before.filter(|before| is_base(before)) {
            return path.get(before.len()..).unwrap_or(path);
        }
    }
    let stage = event.at("requestContext").text("stage");
    let stage = stage
        .filter(|stage| matches!(kind, Kind::HttpApiV1 | Kind::HttpApiV2) && *stage != "$default");
    let rest = stage.and_then(|stage| path.strip_prefix('/')?.strip_prefix(stage));
    rest.filter(|rest| rest.starts_with('/')).unwrap_or(path)
}

/// Whether this can be what a gateway's own address has in front: nothing, or whole segments.
fn is_base(before: &str) -> bool {
    before.is_empty()
        || before.starts_with('/') && before.split('/').skip(1).all(|segment| !segment.is_empty())
}

/// A route with its parameters filled in, such as `/users/{userId}/profile`.
fn filled(route: &str, parameters: &Value) -> Option<String> {
    let mut path = String::new();
    for segment in route.split('/').skip(1) {
        path.push('/');
        match segment
            .strip_prefix('{')
            .and_then(|rest| rest.strip_suffix('}'))
        {
            Some(name) => path.push_str(parameters.text(name.trim_end_matches('+'))?),
            None => path.push_str(segment),
        }
    }
    Some(path)
}

/// The query, percent-encoded; empty when there is none.
pub(super) fn query(event: &Value, kind: Kind) -> String {
    let encoding = match kind {
        Kind::HttpApiV2 | Kind::FunctionUrl => {
            let raw = event.text("rawQueryString").unwrap_or_default();
            return utf8_percent_encode(raw, LITERAL).to_string();
        }
        Kind::RestApi | Kind::HttpApiV1 => PARAMETER,
        // It does not decode them.
        Kind::LoadBalancer { .. } => LITERAL,
    };
    let mut query = String::new();
    let mut add = |name: &str, value: &Value| {
        let Some(value) = shown(value) else { return };
        if !query.is_empty() {
            query.push('&');
        }
        query.extend(utf8_percent_encode(name, encoding));
        query.push('=');
        query.extend(utf8_percent_encode(&value, encoding));
    };
    if event.at("multiValueQueryStringParameters").is_object() {
        for (name, values) in event.members("multiValueQueryStringParameters") {
            for value in values.as_array().into_iter().flatten() {
                add(name, value);
            }
        }
    } else {
        for (name, value) in event.members("queryStringParameters") {
            add(name, value);
        }
    }
    query
}
