//! The operations that anybody may do: health, this document, and the page that shows it.

use axum::http::Method;
use serde_json::{Value, json};
use utoipa::openapi::{
    Content, ContentBuilder, PathItem, RefOr, ResponseBuilder,
    path::{Operation, OperationBuilder, PathItemBuilder},
    security::SecurityRequirement,
};

use super::{
    document::{HEALTH, REFERENCE},
    errors::{self, Context},
    headers::{self, Field},
    parameters,
    profile::{methods, named},
    schema, schemas,
};
use crate::{
    handlers::{READING, docs, health},
    problem::ErrorCode,
};

struct Public {
    path: &'static str,
    /// What follows the method in operation ids.
    name: &'static str,
    tag: &'static str,
    summary: &'static str,
    description: &'static str,
    content: (&'static str, Content),
    fields: &'static [Field],
    /// It has an entity tag that clients may name.
    is_tagged: bool,
    codes: &'static [ErrorCode],
}

/// Every public path.
pub(super) fn path_items() -> impl Iterator<Item = (&'static str, PathItem)> {
    all().into_iter().map(|public| {
        let item = methods(&READING)
            .into_iter()
            .fold(PathItemBuilder::new(), |item, method| {
                item.operation(named(&method), operation(&method, &public))
            });
        (public.path, item.build())
    })
}

fn all() -> [Public; 4] {
    let status = || {
        let body = ContentBuilder::new()
            .schema(Some(schemas::reference(schemas::STATUS)))
            .example(Some(json!({"status": "ok"})));
        ("application/json", body.build())
    };
    let of = |media_type, keywords: Value| {
        let body = ContentBuilder::new().schema(Some(schema(keywords)));
        (media_type, body.build())
    };
    [
        Public {
            path: health::LIVE,
            name: "Health",
            tag: HEALTH,
            summary: "Is the process alive?",
            description: "Answers as long as the process does, however busy it is.",
            content: status(),
            fields: &[headers::NO_STORE],
            is_tagged: false,
            codes: &[ErrorCode::TooLarge],
        },
        Public {
            path: health::READY,
            name: "Readiness",
            tag: HEALTH,
            summary: "Can the process serve?",
            description: "Asks the store, at most once a second while it answers.",
            content: status(),
            fields: &[headers::NO_STORE],
            is_tagged: false,
            codes: &[
                ErrorCode::TooLarge,
                ErrorCode::Unavailable,
                ErrorCode::Timeout,
                ErrorCode::Internal,
            ],
        },
        Public {
            path: docs::DOCUMENT,
            name: "OpenApi",
            tag: REFERENCE,
            summary: "This document",
            description: "OpenAPI 3.1, with the profile schema of this deployment.",
            content: of("application/json", json!({"type": "object"})),
            fields: &[headers::NO_CACHE, headers::ETAG, headers::NO_SNIFF],
            is_tagged: true,
            codes: &[ErrorCode::TooLarge, ErrorCode::Overloaded],
        },
        Public {
            path: docs::PAGE,
            name: "Docs",
            tag: REFERENCE,
            summary: "This document as a page",
            description: "For a browser; everything that it needs comes from here.",
            content: of("text/html", json!({"type": "string"})),
            fields: &[
                headers::NO_CACHE,
                headers::ETAG,
                headers::NO_SNIFF,
                headers::POLICY,
            ],
            is_tagged: true,
            codes: &[ErrorCode::TooLarge, ErrorCode::Overloaded],
        },
    ]
}

fn operation(method: &Method, public: &Public) -> Operation {
    let is_options = *method == Method::OPTIONS;
    let is_head = *method == Method::HEAD;
    let prefix = method.as_str().to_lowercase();
    let mut operation = OperationBuilder::new()
        .operation_id(Some(format!("{prefix}{}", public.name)))
        .summary(Some(public.summary))
        .description(Some(public.description))
        .tag(public.tag)
        .securities(Some(Vec::<SecurityRequirement>::new()));
    let success = |description: &str| {
        let response = ResponseBuilder::new().description(description);
        headers::add(response, &[headers::REQUEST_ID])
    };
    if is_options {
        let response = headers::add(success("What there is."), &[headers::ALLOW_READING]);
        operation = operation
            .summary(Some("Ask for the methods"))
            .response("204", response);
    } else {
        let mut response = headers::add(success(public.summary), public.fields);
        if !is_head {
            let (media_type, content) = &public.content;
            response = response.content(*media_type, content.clone());
        }
        operation = operation.response("200", response);
    }
    if public.is_tagged && !is_options {
        let unchanged = success("The client's copy still holds.");
        operation = operation
            .parameter_ref(parameters::reference(parameters::IF_NONE_MATCH))
            .response("304", headers::add(unchanged, public.fields));
    }
    let context = Context {
        is_head,
        ..Context::default()
    };
    let codes: Vec<_> = public
        .codes
        .iter()
        // Without asking anybody there is nothing else that could fail.
        .filter(|code| !is_options || matches!(code, ErrorCode::TooLarge | ErrorCode::Overloaded))
        .copied()
        .collect();
    for (status, response) in errors::responses(&codes, context) {
        let response: RefOr<_> = response;
        operation = operation.response(status, response);
    }
    operation.build()
}
