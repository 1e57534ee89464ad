//! Failures: every code that an operation can answer, grouped by status.

use std::{collections::BTreeMap, fmt::Write as _};

use axum::http::StatusCode;
use serde_json::json;
use utoipa::openapi::{ContentBuilder, RefOr, Response, ResponseBuilder};

use super::{examples, headers, schema, schemas};
use crate::problem::ErrorCode;

/// What the headers of an operation's failures depend on.
#[derive(Clone, Copy, Default)]
pub(super) struct Context {
    /// Answers tell what is left of the caller's limits.
    pub(super) is_limited: bool,
    /// A media type that is not taken is answered with those that are.
    pub(super) is_patch: bool,
    /// The answer has no body.
    pub(super) is_head: bool,
}

/// The failures of an operation, by status.
pub(super) fn responses(codes: &[ErrorCode], context: Context) -> Vec<(String, RefOr<Response>)> {
    let mut by_status: BTreeMap<u16, Vec<ErrorCode>> = BTreeMap::new();
    // In the table's order, each once.
    for code in ErrorCode::ALL.iter().filter(|code| codes.contains(code)) {
        by_status
            .entry(code.status().as_u16())
            .or_default()
            .push(*code);
    }
    by_status
        .into_iter()
        .map(|(status, codes)| (status.to_string(), response(&codes, context).into()))
        .collect()
}

/// The failure of requests that are no operation's: their codes are components of their own.
pub(super) fn of_no_operation() -> [(&'static str, Response); 2] {
    let response = |code| response(&[code], Context::default());
    [
        ("RouteNotFound", response(ErrorCode::RouteNotFound).build()),
        (
            "MethodNotAllowed",
            headers::add(response(ErrorCode::MethodNotAllowed), &[headers::ALLOW]).build(),
        ),
    ]
}

fn response(codes: &[ErrorCode], context: Context) -> ResponseBuilder {
    let mut description = String::new();
    for code in codes {
        // Writing to a String cannot fail.
        let _ = write!(
            description,
            "{}`{}`: {} {}",
            if description.is_empty() { "" } else { "\n\n" },
            code.as_str(),
            code.meaning(),
            code.advice()
        );
    }
    let mut response = ResponseBuilder::new().description(description);
    let status = codes.first().map(|code| code.status());
    response = headers::add(
        response,
        &[headers::REQUEST_ID, headers::ERROR_TYPE, headers::NO_STORE],
    );
    response = match status {
        Some(StatusCode::UNAUTHORIZED) => headers::add(response, &[headers::CHALLENGE]),
        Some(StatusCode::SERVICE_UNAVAILABLE) => headers::add(response, &[headers::RETRY_AFTER]),
        Some(StatusCode::TOO_MANY_REQUESTS) => {
            headers::add(response, &[headers::RETRY_AFTER_IF_EVER])
        }
        Some(StatusCode::UNSUPPORTED_MEDIA_TYPE) if context.is_patch => {
            headers::add(response, &[headers::ACCEPT_PATCH])
        }
        _ if codes.contains(&ErrorCode::InsufficientScope) => {
            headers::add(response, &[headers::CHALLENGE_OF_SCOPE])
        }
        _ => response,
    };
    // Limits are looked at after the token.
    if context.is_limited && status != Some(StatusCode::UNAUTHORIZED) {
        response = headers::add(response, &[headers::RATE_LIMIT, headers::RATE_LIMIT_POLICY]);
    }
    if context.is_head {
        return response;
    }
    let names: Vec<_> = codes.iter().map(|code| code.as_str()).collect();
    let body = ContentBuilder::new()
        .schema(Some(schema(json!({
            "allOf": [{"$ref": schemas::reference(schemas::PROBLEM).ref_location}],
            "properties": {
                "status": {"const": status.map(|status| status.as_u16())},
                "code": {"enum": names},
            },
        }))))
        .examples_from_iter(
            codes
                .iter()
                .map(|code| (code.as_str(), examples::reference(*code))),
        )
        .build();
    response.content("application/problem+json", body)
}
