//! One conversation, compared with one snapshot for every entrypoint and every store: what equals
//! the same thing is equal to each other.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::support::{Answer, Deployment, plans, rules};

/// A request of the conversation.
#[derive(Clone, Copy, Debug)]
struct Line {
    /// Whose token it carries; nobody's when empty.
    caller: &'static str,
    method: &'static str,
    path: &'static str,
    /// `{tag}` stands for the last entity tag that was answered.
    headers: &'static [(&'static str, &'static str)],
    body: Option<&'static str>,
}

const fn line(caller: &'static str, method: &'static str, path: &'static str) -> Line {
    Line {
        caller,
        method,
        path,
        headers: &[],
        body: None,
    }
}

impl Line {
    const fn with(self, headers: &'static [(&'static str, &'static str)]) -> Self {
        Self { headers, ..self }
    }

    const fn json(self, body: &'static str) -> Self {
        Self {
            body: Some(body),
            ..self
        }
    }
}

const ALICE: &str = "/users/alice/profile";
const BOB: &str = "/users/bob/profile";

const MERGE: &[(&str, &str)] = &[("content-type", "application/merge-patch+json")];
const JSON_PATCH: (&str, &str) = ("content-type", "application/json-patch+json");
const OPERATIONS: &[(&str, &str)] = &[JSON_PATCH];

#[rustfmt::skip]
const CONVERSATION: &[Line] = &[
    line("", "GET", "/healthz"),
    line("", "HEAD", "/readyz"),
    line("", "POST", "/healthz"),
    line("", "GET", "/"),
    line("alice", "GET", "/users/alice/profile/"),
    line("", "OPTIONS", ALICE),
    line("alice", "POST", ALICE).json("{}"),
    line("", "GET", "/users//profile"),
    line("", "GET", "/users/a%00b/profile"),
    line("", "GET", ALICE),
    line("", "HEAD", ALICE),
    line("", "GET", ALICE).with(&[("authorization", "Bearer a.b.c")]),
    line("", "GET", ALICE).with(&[("authorization", "Basic YTpi")]),
    line("alice", "GET", ALICE).with(&[("x-api-key", "wrong")]),
    line("alice", "GET", BOB),
    line("alice", "HEAD", BOB),
    line("alice", "PUT", BOB).json("{"),
    line("alice", "GET", ALICE),
    line("alice", "HEAD", ALICE),
    line("alice", "DELETE", ALICE),
    line("alice", "PUT", ALICE).json("{}").with(&[("if-match", "*")]),
    line("alice", "PUT", ALICE).json(r#"{"b":1.0,"a":{"d":[null,true,-0.0],"c":1e-7},"é":"\u00e9\u0007"}"#),
    line("alice", "GET", ALICE),
    line("alice", "GET", "/users/me/profile"),
    line("alice", "HEAD", ALICE),
    line("alice", "GET", ALICE).with(&[("if-none-match", "W/{tag}")]),
    line("alice", "HEAD", ALICE).with(&[("if-none-match", "\"x\", {tag}")]),
    line("alice", "GET", ALICE).with(&[("if-match", "\"x\"")]),
    line("alice", "PUT", ALICE).json("{}").with(&[("if-none-match", "*")]),
    line("alice", "PUT", ALICE).json(r#"{"userId":"alice"}"#).with(&[("if-match", "{tag}")]),
    line("alice", "PUT", ALICE).json(r#"{"v":2}"#).with(&[("if-match", "\"stale\"")]),
    line("alice", "PUT", ALICE).json("{}").with(&[("content-type", "text/plain")]),
    line("alice", "PUT", ALICE).json(r#"{"a":1,}"#),
    line("alice", "PUT", ALICE).json(r#"{"a":{"b":1,"b":2},"n":[1e400,18446744073709551615]}"#),
    line("alice", "PUT", ALICE).json(r#"{"_x":1,"a/b":{"":"\u0000"}}"#),
    line("alice", "PUT", ALICE).json(r#"{"userId":"bob"}"#),
    line("alice", "PUT", "/users/me/profile").json("[1]"),
    line("auth0|5f 7c%2525@Zoë", "PUT", "/users/auth0%7C5f%207c%252525@Zo%C3%AB/profile").json(r#"{"theme":"dark"}"#),
    line("auth0|5f 7c%2525@Zoë", "GET", "/users/auth0|5f%207c%252525%40Zoë/profile?x=1&x=2"),
    line("alice", "DELETE", ALICE).with(&[("if-match", "\"stale\"")]),
    line("alice", "DELETE", ALICE).with(&[("if-match", "*")]),
    line("alice", "DELETE", ALICE),
    line("alice", "PATCH", ALICE).json("{}"),
    line("alice", "PUT", ALICE).json(r#"{"a":[1,{"b":2}],"c":"d"}"#),
    line("alice", "PATCH", BOB).json("{}"),
    line("alice", "PATCH", ALICE).json("{}").with(&[("content-type", "text/plain")]),
    line("alice", "PATCH", ALICE).json(r#"{"c":null,"e":1.50,"f":{"g":null}}"#),
    line("alice", "PATCH", ALICE).json(r#"{"c":"d"}"#).with(MERGE),
    line("alice", "PATCH", ALICE).json(r#"{"userId":"bob","_x":1}"#).with(MERGE),
    line("alice", "PATCH", ALICE).json("[]").with(MERGE),
    line("alice", "PATCH", ALICE).json(r#"[{"op":"test","path":"/a/1/b","value":2},{"op":"move","from":"/a/0","path":"/h"}]"#).with(OPERATIONS),
    line("alice", "PATCH", ALICE).json(r#"[{"op":"test","path":"/h","value":2}]"#).with(OPERATIONS),
    line("alice", "PATCH", ALICE).json(r#"[{"op":"remove","path":"/a/7"}]"#).with(OPERATIONS),
    line("alice", "PATCH", ALICE).json(r#"[{"op":"add","path":"/a/-"},{"op":"wrong"}]"#).with(OPERATIONS),
    line("alice", "PATCH", ALICE).json(r#"[{"op":"add","path":"/_x","value":1}]"#).with(OPERATIONS),
    line("alice", "PATCH", ALICE).json("[").with(OPERATIONS),
    line("alice", "PATCH", ALICE).json("{}").with(&[("if-match", "\"stale\"")]),
    line("alice", "PATCH", ALICE).json(r#"{"i":1}"#).with(&[("if-match", "{tag}")]),
    line("alice", "PATCH", ALICE).json(r#"{"i":1}"#).with(&[("if-none-match", "{tag}")]),
    line("alice", "GET", ALICE),
    line("alice", "DELETE", ALICE),
    line("", "HEAD", "/openapi.json"),
    line("", "HEAD", "/docs"),
    line("", "POST", "/docs"),
    line("", "GET", "/docs/"),
    line("slow", "GET", "/users/me/profile"),
    line("slow", "GET", "/users/me/profile"),
    line("slow", "GET", "/users/me/profile"),
    line("scarce", "GET", "/users/me/profile"),
    line("scarce", "GET", "/users/me/profile"),
    line("scarce", "GET", "/users/me/profile"),
    line("scarce", "GET", "/users/me/profile"),
];

/// From the origin that may read, and from one that may not.
const LISTED: (&str, &str) = ("origin", rules::ORIGIN);
const UNLISTED: (&str, &str) = ("origin", "https://evil.example");
const ANY: (&str, &str) = ("if-match", "*");
const PREFLIGHT: (&str, &str) = ("access-control-request-method", "PATCH");

#[rustfmt::skip]
const UNDER_STRICT_RULES: &[Line] = &[
    line("", "OPTIONS", ALICE).with(&[LISTED, PREFLIGHT]),
    line("", "OPTIONS", ALICE).with(&[UNLISTED, PREFLIGHT]),
    line("", "OPTIONS", ALICE).with(&[LISTED]),
    line("", "OPTIONS", "/docs").with(&[LISTED, PREFLIGHT]),
    line("", "GET", "/nowhere").with(&[LISTED]),
    line("", "GET", ALICE).with(&[LISTED]),
    line("", "GET", ALICE).with(&[UNLISTED]),
    line("alice", "PUT", ALICE).json(r#"{"age":-1.5,"other":[],"displayName":"<b>"}"#).with(&[LISTED]),
    line("alice", "PUT", ALICE).json(r#"{"displayName":"Alice","tier":"gold"}"#),
    line("alice", "PUT", ALICE).json(r#"{"displayName":"Alice"}"#).with(&[LISTED]),
    line("alice", "PUT", ALICE).json(r#"{"displayName":"Bob"}"#),
    line("alice", "PUT", ALICE).json(r#"{"displayName":"Bob"}"#).with(&[("if-none-match", "*")]),
    line("alice", "PUT", ALICE).json(r#"{"name":"Bob"}"#).with(&[("if-none-match", "*")]),
    line("alice", "PUT", ALICE).json(r#"{"displayName":"Bob"}"#).with(&[("if-none-match", "\"x\"")]),
    line("alice", "PUT", ALICE).json(r#"{"displayName":"Bob"}"#).with(&[("if-match", "{tag}")]),
    line("alice", "PATCH", ALICE).json(r#"{"age":1}"#),
    line("alice", "PATCH", ALICE).json(r#"{"age":1}"#).with(&[ANY, LISTED]),
    line("alice", "PATCH", ALICE).json(r#"{"age":"1"}"#).with(&[ANY]),
    line("alice", "PATCH", ALICE).json(r#"{"tier":"gold","age":"1"}"#).with(&[ANY]),
    line("alice", "PATCH", ALICE).json(r#"[{"op":"remove","path":"/displayName"}]"#).with(&[ANY, JSON_PATCH]),
    line("alice", "GET", ALICE).with(&[LISTED]),
    line("alice", "GET", ALICE).with(&[LISTED, ("if-none-match", "{tag}")]),
    line("alice", "DELETE", ALICE),
    line("alice", "DELETE", ALICE).with(&[ANY, LISTED]),
    line("alice", "DELETE", ALICE),
    line("", "HEAD", "/openapi.json").with(&[LISTED]),
];

/// A request and its answer, as they are compared.
#[derive(Debug, Serialize)]
struct Exchange {
    request: String,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    request_headers: BTreeMap<&'static str, &'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_body: Option<&'static str>,
    status: u16,
    headers: BTreeMap<String, String>,
    body: String,
}

pub(crate) async fn transcript_is_the_same_everywhere(d: &Deployment) {
    compare(d, CONVERSATION, "transcript").await;
}

pub(crate) async fn transcript_under_strict_rules_is_the_same_everywhere(d: &Deployment) {
    compare(d, UNDER_STRICT_RULES, "transcript_under_strict_rules").await;
}

async fn compare(d: &Deployment, conversation: &[Line], snapshot: &str) {
    let mut transcript = Vec::new();
    let mut tag = String::new();
    for line in conversation {
        let answer = say(d, line, &tag).await;
        if let Some(answered) = answer.header("etag") {
            answered.clone_into(&mut tag);
        }
        let who = if line.caller.is_empty() {
            "nobody"
        } else {
            line.caller
        };
        transcript.push(Exchange {
            request: format!("{who}: {} {}", line.method, line.path),
            request_headers: line.headers.iter().copied().collect(),
            request_body: line.body,
            status: answer.status,
            headers: comparable_headers(&answer),
            body: answer.body.replace(answer.has_request_id(), "(id)"),
        });
    }
    insta::with_settings!({
        // The same for all: the test's own name is not part of the snapshot's.
        prepend_module_to_snapshot => false,
        snapshot_path => "../snapshots",
        omit_expression => true,
    }, {
        insta::assert_json_snapshot!(snapshot, transcript);
    });
}

async fn say(d: &Deployment, line: &Line, tag: &str) -> Answer {
    let given = |name: &str| line.headers.iter().any(|(given, _)| *given == name);
    let mut call = d.call(line.method, line.path);
    if !line.caller.is_empty() {
        let caller = d.caller(line.caller);
        call = call.header("authorization", &format!("Bearer {}", caller.token));
        if !given("x-api-key") {
            call = call.header("x-api-key", key_of(line.caller));
        }
    }
    if let Some(body) = line.body {
        call = call.body(body);
        if !given("content-type") {
            call = call.header("content-type", "application/json");
        }
    }
    for (name, value) in line.headers {
        call = call.header(name, &value.replace("{tag}", tag));
    }
    call.await
}

fn key_of(caller: &str) -> &'static str {
    match caller {
        "slow" => plans::SLOW_AND_SCARCE,
        "scarce" => plans::SCARCE,
        _ => plans::STEADY,
    }
}

/// All headers but those that the HTTP library of an entrypoint adds, with what is different in
/// every answer replaced by what it is.
fn comparable_headers(answer: &Answer) -> BTreeMap<String, String> {
    const OF_THE_LIBRARY: [&str; 3] = ["connection", "content-length", "date"];
    let mut headers = BTreeMap::new();
    let names = answer
        .headers
        .keys()
        .map(reqwest::header::HeaderName::as_str);
    for name in names.filter(|name| !OF_THE_LIBRARY.contains(name)) {
        let value = answer.must_have(name);
        let value = match name {
            "x-request-id" => "(id)".to_owned(),
            "retry-after" => {
                assert!(value.parse::<u64>().is_ok(), "{answer}");
                "(seconds)".to_owned()
            }
            "ratelimit" => without_times(value),
            _ => value.to_owned(),
        };
        headers.insert(name.to_owned(), value);
    }
    headers
}

/// `"throttle";r=4;t=100` without the seconds.
fn without_times(levels: &str) -> String {
    let level = |level: &str| {
        let (level, seconds) = level.rsplit_once(";t=").expect("a time");
        assert!(seconds.parse::<u64>().is_ok(), "{levels}");
        format!("{level};t=(seconds)")
    };
    let levels: Vec<String> = levels.split(", ").map(level).collect();
    levels.join(", ")
}
