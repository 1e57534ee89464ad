//! `/openapi.json` says what is, all of it, and nothing else; `/docs` shows it.

mod codes;
mod document;
mod page;
mod promises;
mod schemas;

use std::{collections::BTreeSet, sync::Arc};

use axum::http::{Method, StatusCode};
use serde_json::{Map, Value, json};
use usher_domain::{
    access::{Action, Attributes, Grant, Holder, Policy},
    json::Violation,
    ports::ProfileSchema,
    service::ProfileRules,
};

use crate::support::{Answer, Ask, Setup, World, plan_limits};

/// A schema that is shown, and that objects to an `age` that is no number.
#[derive(Debug)]
struct Shown {
    document: Value,
    read_only: BTreeSet<Box<str>>,
}

impl ProfileSchema for Shown {
    fn violations(&self, attributes: &Map<String, Value>) -> Vec<Violation> {
        match attributes.get("age") {
            Some(age) if !age.is_number() => vec![Violation::new("/age", "is no number")],
            _ => Vec::new(),
        }
    }

    fn read_only(&self) -> &BTreeSet<Box<str>> {
        &self.read_only
    }

    fn document(&self) -> &Value {
        &self.document
    }
}

/// A schema with every kind of reference to itself.
fn shown(read_only: &[&str]) -> Arc<dyn ProfileSchema> {
    let document = json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "$id": "https://example.com/profile.json",
        "type": "object",
        "properties": {
            "age": {"$ref": "#/definitions/age"},
            "tier": {"enum": ["silver", {"$ref": "#/definitions/age"}], "readOnly": true},
            "friend": {"$ref": "#"},
        },
        "definitions": {"age": {"type": "number", "minimum": 0}},
        "examples": [{"age": 40, "tier": "silver"}],
    });
    Arc::new(Shown {
        document,
        read_only: read_only.iter().map(|name| Box::from(*name)).collect(),
    })
}

/// Nothing but what has to be.
fn plain() -> Setup {
    Setup {
        needs_key: false,
        ..Setup::default()
    }
}

/// Everything that a deployment can demand.
fn strict() -> Setup {
    let scopes = |name: &str| [name.into()].into();
    Setup {
        rules: ProfileRules {
            access: Policy {
                read_scopes: scopes("read"),
                write_scopes: scopes("write"),
                delete_scopes: scopes("delete"),
                grants: vec![
                    grant("support", Attributes::Only(["age".into()].into())),
                    Grant {
                        actions: [Action::Write].into(),
                        ..grant("import", Attributes::All)
                    },
                ],
            },
            schema: Some(shown(&["tier"])),
            require_if_match: true,
            ..ProfileRules::default()
        },
        // The quota is used up before the bucket is empty, or never.
        plan: plan_limits(50.0, 100, 10_000),
        ..Setup::default()
    }
}

/// A right of a group to everybody's profile.
fn grant(group: &str, attributes: Attributes) -> Grant {
    Grant {
        holder: Holder::Group(group.into()),
        issuer: None,
        actions: Action::ALL.into(),
        attributes,
        read_only: false,
    }
}

async fn document_of(world: &World) -> Value {
    let answer = world.ask(Ask::get("/openapi.json").anonymous()).await;
    assert_eq!(answer.status, StatusCode::OK);
    answer.json()
}

/// Every operation: path, method, and what is said of it.
fn operations(document: &Value) -> Vec<(String, Method, Value)> {
    let paths = document["paths"].as_object().expect("paths");
    let mut operations = Vec::new();
    for (path, item) in paths {
        for (method, operation) in item.as_object().expect("a path item") {
            let method = method.to_uppercase().parse().expect("a method");
            operations.push((path.clone(), method, operation.clone()));
        }
    }
    operations
}

/// What a reference leads to; the value itself when it is none.
fn resolved<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    match value.get("$ref").and_then(Value::as_str) {
        Some(reference) => {
            let pointer = reference.strip_prefix('#').expect("a local reference");
            document.pointer(pointer).expect("what is referred to")
        }
        None => value,
    }
}

/// The codes that an operation's failures can have, by status.
fn codes_of(document: &Value, operation: &Value) -> Vec<(u16, String)> {
    let mut codes = Vec::new();
    for (status, response) in operation["responses"].as_object().expect("responses") {
        let response = resolved(document, response);
        let content = &response["content"]["application/problem+json"];
        for code in content["schema"]["properties"]["code"]["enum"]
            .as_array()
            .into_iter()
            .flatten()
        {
            let code = code.as_str().expect("a code").to_owned();
            codes.push((status.parse().expect("a status"), code));
        }
    }
    codes
}

/// Compares an answer with what the document says of it: status, media type, headers, code.
fn keeps_its_promise(document: &Value, path: &str, method: &Method, answer: &Answer) {
    let operation = &document["paths"][path][method.as_str().to_lowercase()];
    let response = match answer.code().as_str() {
        "route_not_found" => &document["components"]["responses"]["RouteNotFound"],
        "method_not_allowed" => &document["components"]["responses"]["MethodNotAllowed"],
        _ => &operation["responses"][answer.status.as_str()],
    };
    let what = format!("{method} {path}: {answer:?}");
    assert!(response.is_object(), "not documented: {what}");
    headers_are_documented(document, response, answer, &what);
    let content = response.get("content").and_then(Value::as_object);
    let Some(content) = content else {
        assert!(answer.body.is_empty(), "no body is documented: {what}");
        return;
    };
    let sent = answer.header("content-type").expect("a media type");
    let essence = sent.split(';').next().unwrap_or_default();
    let schema = &content[essence]["schema"];
    assert!(schema.is_object(), "media type: {what}");
    let properties = &schema["properties"];
    if essence == "application/problem+json" {
        let body = answer.json();
        let codes = properties["code"]["enum"].as_array().expect("codes");
        assert!(codes.contains(&body["code"]), "{what}");
        assert_eq!(properties["status"]["const"], body["status"], "{what}");
        let problem = &document["components"]["schemas"]["Problem"];
        for member in problem["required"].as_array().expect("members") {
            let member = member.as_str().expect("a name");
            assert!(body.get(member).is_some(), "{member}: {what}");
        }
        for member in body.as_object().expect("an object").keys() {
            assert!(
                problem["properties"].get(member).is_some(),
                "{member}: {what}"
            );
        }
    }
}

/// Required headers are there, constant ones have their value, and no header is there that nobody
/// expects.
fn headers_are_documented(document: &Value, response: &Value, answer: &Answer, what: &str) {
    /// Of any answer in HTTP, or of the page alone.
    const UNDOCUMENTED: [&str; 3] = ["content-length", "content-type", "referrer-policy"];
    let mut named: BTreeSet<String> = UNDOCUMENTED.iter().map(ToString::to_string).collect();
    for (name, header) in response["headers"].as_object().into_iter().flatten() {
        let header = resolved(document, header);
        let sent = answer.headers.get(name.as_str());
        if header["required"] == json!(true) {
            assert!(sent.is_some(), "{name} is missing: {what}");
        }
        if let (Some(constant), Some(sent)) = (header["schema"]["const"].as_str(), sent) {
            assert_eq!(sent, constant, "{name}: {what}");
        }
        named.insert(name.to_lowercase());
    }
    for name in answer.headers.keys() {
        if name.as_str().starts_with("access-control-") || name == "vary" {
            continue;
        }
        assert!(
            named.contains(name.as_str()),
            "{name} is not documented: {what}"
        );
    }
}
