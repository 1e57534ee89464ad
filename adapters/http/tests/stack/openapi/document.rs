use std::collections::BTreeSet;

use serde_json::Value;
use usher_http::problem::ErrorCode;

use super::{codes_of, document_of, operations, plain, resolved, strict};
use crate::support::{Ask, Setup};

#[tokio::test]
async fn the_document_of_a_strict_deployment_is_this() {
    insta::assert_json_snapshot!(document_of(&strict().start()).await);
}

#[tokio::test]
async fn one_deployment_has_one_document_whatever_it_runs_as() {
    let server = strict().start();
    let mut setup = strict();
    setup.limits.timeout = None;
    setup.limits.max_in_flight = None;
    setup.development_jwks = Some("{}".to_owned());
    let elsewhere = setup.start();
    let text = async |world: &crate::support::World| {
        let answer = world.ask(Ask::get("/openapi.json")).await;
        (answer.tag().to_owned(), answer.text().to_owned())
    };
    assert_eq!(text(&server).await, text(&elsewhere).await);
}

#[tokio::test]
async fn every_reference_leads_somewhere() {
    for setup in [plain(), strict(), Setup::default()] {
        let document = document_of(&setup.start()).await;
        let mut references = Vec::new();
        collect_references(&document, &mut references);
        assert!(references.len() > 100);
        for reference in references {
            let pointer = reference.strip_prefix('#').expect("a local reference");
            assert!(document.pointer(pointer).is_some(), "{reference}");
        }
    }
}

/// A component that nothing refers to is one that somebody forgot.
#[tokio::test]
async fn every_component_is_used() {
    for setup in [plain(), strict(), Setup::default()] {
        let document = document_of(&setup.start()).await;
        let mut references = Vec::new();
        collect_references(&document, &mut references);
        let used: BTreeSet<_> = references.into_iter().collect();
        for (kind, components) in document["components"].as_object().expect("components") {
            // Failures of no operation and security schemes are not referred to by `$ref`.
            if matches!(kind.as_str(), "responses" | "securitySchemes") {
                continue;
            }
            for name in components.as_object().expect("components").keys() {
                let reference = format!("#/components/{kind}/{name}");
                assert!(used.contains(&reference), "{reference}");
            }
        }
    }
}

fn collect_references(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                match member {
                    // Data may look like a reference.
                    _ if matches!(name.as_str(), "enum" | "examples" if member.is_array()) => {}
                    Value::String(reference) if name == "$ref" => found.push(reference.clone()),
                    _ => collect_references(member, found),
                }
            }
        }
        Value::Array(elements) => {
            for element in elements {
                collect_references(element, found);
            }
        }
        _ => {}
    }
}

#[tokio::test]
async fn every_code_is_documented_with_its_example_and_no_other_is() {
    let document = document_of(&strict().start()).await;
    let mut documented: BTreeSet<String> = operations(&document)
        .iter()
        .flat_map(|(_, _, operation)| codes_of(&document, operation))
        .map(|(_, code)| code)
        .collect();
    // Those of requests that are no operation's.
    for name in ["RouteNotFound", "MethodNotAllowed"] {
        let response = &document["components"]["responses"][name];
        let codes =
            &response["content"]["application/problem+json"]["schema"]["properties"]["code"];
        documented.extend(
            codes["enum"]
                .as_array()
                .expect("codes")
                .iter()
                .map(|code| code.as_str().expect("a code").to_owned()),
        );
    }
    let all: BTreeSet<String> = ErrorCode::ALL
        .iter()
        .map(|code| code.as_str().to_owned())
        .collect();
    assert_eq!(documented, all);
    let examples = document["components"]["examples"]
        .as_object()
        .expect("examples");
    assert_eq!(examples.keys().cloned().collect::<BTreeSet<_>>(), all);
}

#[tokio::test]
async fn every_failure_has_one_example_for_each_of_its_codes() {
    let document = document_of(&strict().start()).await;
    for (path, method, operation) in operations(&document) {
        for (status, response) in operation["responses"].as_object().expect("responses") {
            let content = &response["content"]["application/problem+json"];
            if !content.is_object() {
                continue;
            }
            let examples = content["examples"].as_object().expect("examples");
            let codes = content["schema"]["properties"]["code"]["enum"]
                .as_array()
                .expect("codes");
            assert_eq!(examples.len(), codes.len(), "{method} {path} {status}");
            for code in codes {
                let example = resolved(&document, &examples[code.as_str().expect("a code")]);
                assert_eq!(example["value"]["code"], *code);
                assert_eq!(example["value"]["status"].to_string(), *status);
            }
        }
    }
}

#[tokio::test]
async fn what_a_deployment_does_not_demand_is_not_in_its_document() {
    let document = document_of(&plain().start()).await;
    let all: BTreeSet<String> = operations(&document)
        .iter()
        .flat_map(|(_, _, operation)| codes_of(&document, operation))
        .map(|(_, code)| code)
        .collect();
    for code in [
        "precondition_required",
        "schema_violation",
        "attribute_read_only",
        "invalid_api_key",
        "throttled",
        "quota_exceeded",
        "insufficient_scope",
        "attribute_not_granted",
    ] {
        assert!(!all.contains(code), "{code}");
    }
    let schemes = document["components"]["securitySchemes"]
        .as_object()
        .expect("schemes");
    assert_eq!(schemes.keys().collect::<Vec<_>>(), ["bearer"]);
    assert!(
        document["components"]["schemas"]
            .get("ProfileSchema")
            .is_none()
    );
    let responses = document["paths"].to_string();
    assert!(!responses.contains("RateLimit"));
}

#[tokio::test]
async fn the_schemas_limits_that_nobody_marked_read_only_forbid_no_attribute() {
    let mut setup = plain();
    setup.rules.schema = Some(super::shown(&[]));
    let document = document_of(&setup.start()).await;
    let put = &document["paths"]["/users/{userId}/profile"]["put"];
    let codes: Vec<_> = codes_of(&document, put)
        .into_iter()
        .map(|(_, code)| code)
        .collect();
    assert!(codes.iter().any(|code| code == "schema_violation"));
    assert!(!codes.iter().any(|code| code == "attribute_read_only"));
}

#[tokio::test]
async fn operations_have_names_of_their_own_and_public_ones_need_no_token() {
    let document = document_of(&strict().start()).await;
    let mut names = BTreeSet::new();
    for (path, method, operation) in operations(&document) {
        let name = operation["operationId"]
            .as_str()
            .expect("a name")
            .to_owned();
        assert!(names.insert(name), "{method} {path}");
        for member in ["summary", "description", "tags"] {
            assert!(operation.get(member).is_some(), "{member}: {method} {path}");
        }
        let security = operation["security"].as_array().expect("security");
        let is_public = !path.starts_with("/users/") || method == "OPTIONS";
        assert_eq!(security.is_empty(), is_public, "{method} {path}");
    }
    assert_eq!(names.len(), 18);
}
