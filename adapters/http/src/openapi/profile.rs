//! The operations on a profile.

use axum::http::{HeaderValue, Method};
use serde_json::Value;
use usher_domain::access::Action;
use utoipa::openapi::{
    Content, ContentBuilder, HttpMethod, PathItem, Required, ResponseBuilder,
    example::ExampleBuilder,
    path::{Operation, OperationBuilder, PathItemBuilder},
    request_body::{RequestBody, RequestBodyBuilder},
    security::SecurityRequirement,
};

use super::{
    Facts,
    document::{BEARER, KEY, PROFILES},
    errors::{self, Context},
    examples::{self, Bodies},
    headers::{self, Field},
    parameters, schemas,
};
use crate::{handlers::profile::ALLOWED, problem::ErrorCode};

/// The route's methods are those that its `Allow` lists.
pub(super) fn path_item(facts: Facts<'_>) -> PathItem {
    let bodies = examples::bodies(facts);
    methods(&ALLOWED)
        .into_iter()
        .fold(PathItemBuilder::new(), |item, method| {
            let operation = operation(&method, facts, bodies.as_ref());
            item.operation(named(&method), operation)
        })
        .build()
}

/// The methods that an `Allow` lists.
pub(super) fn methods(allowed: &HeaderValue) -> Vec<Method> {
    headers::shown(allowed)
        .split(", ")
        .filter_map(|name| name.parse().ok())
        .collect()
}

/// utoipa's name of a method.
pub(super) fn named(method: &Method) -> HttpMethod {
    match *method {
        Method::HEAD => HttpMethod::Head,
        Method::PUT => HttpMethod::Put,
        Method::PATCH => HttpMethod::Patch,
        Method::DELETE => HttpMethod::Delete,
        Method::OPTIONS => HttpMethod::Options,
        Method::POST => HttpMethod::Post,
        _ => HttpMethod::Get,
    }
}

fn operation(method: &Method, facts: Facts<'_>, bodies: Option<&Bodies>) -> Operation {
    let is_options = *method == Method::OPTIONS;
    let (id, summary, description) = words(method);
    let mut operation = OperationBuilder::new()
        .operation_id(Some(id))
        .summary(Some(summary))
        .description(Some(description))
        .tag(PROFILES)
        .securities(Some(security(is_options, facts)))
        .parameter_ref(parameters::reference(parameters::USER_ID));
    if !is_options {
        operation = operation
            .parameter_ref(parameters::reference(parameters::IF_MATCH))
            .parameter_ref(parameters::reference(parameters::IF_NONE_MATCH));
    }
    for (status, response) in successes(method, facts, bodies) {
        operation = operation.response(status, response);
    }
    let context = Context {
        is_limited: facts.needs_key && !is_options,
        is_patch: *method == Method::PATCH,
        is_head: *method == Method::HEAD,
    };
    for (status, response) in errors::responses(&codes(method, facts), context) {
        operation = operation.response(status, response);
    }
    operation.request_body(request_body(method, bodies)).build()
}

/// Operation id, summary, description.
fn words(method: &Method) -> (&'static str, &'static str, &'static str) {
    match *method {
        Method::HEAD => (
            "headProfile",
            "Look at a profile's headers",
            "Answers what GET would, without a body: the entity tag, or that there is no profile.",
        ),
        Method::PUT => (
            "putProfile",
            "Create or replace a profile",
            "The body is the whole profile; what is not in it is gone, but for attributes that the \
             schema marks `readOnly`: those are kept. `If-None-Match: *` creates and never replaces; \
             `If-Match` replaces what the client has read and nothing newer.",
        ),
        Method::PATCH => (
            "patchProfile",
            "Change a profile",
            "By a JSON Merge Patch (RFC 7396), which `application/json` is read as, too, or a JSON \
             Patch (RFC 6902). What comes out is judged as a PUT of it would be. Without `If-Match` \
             it is applied to the newest content; a patch that changes nothing writes nothing.",
        ),
        Method::DELETE => (
            "deleteProfile",
            "Delete a profile",
            "All of it, attributes that are read only included: erasure is the user's right.",
        ),
        Method::OPTIONS => (
            "optionsProfile",
            "Ask what a profile can be asked",
            "Needs no token, and does not look at the user id. A preflight of CORS is answered with what \
             the origin may do.",
        ),
        _ => (
            "getProfile",
            "Read a profile",
            "With `If-None-Match`, 304 says that the client's copy still holds.",
        ),
    }
}

fn security(is_options: bool, facts: Facts<'_>) -> Vec<SecurityRequirement> {
    const NO_SCOPES: [&str; 0] = [];
    if is_options {
        return Vec::new();
    }
    let token = SecurityRequirement::new(BEARER, NO_SCOPES);
    vec![if facts.needs_key {
        token.add(KEY, NO_SCOPES)
    } else {
        token
    }]
}

fn request_body(method: &Method, bodies: Option<&Bodies>) -> Option<RequestBody> {
    let body = RequestBodyBuilder::new().required(Some(Required::True));
    let example = |of: fn(&Bodies) -> &Value| bodies.map(|bodies| of(bodies).clone());
    let merge = || content(schemas::MERGE_PATCH, example(|bodies| &bodies.merge_patch));
    match *method {
        Method::PUT => Some(
            body.content(
                "application/json",
                content(schemas::ATTRIBUTES, example(|bodies| &bodies.attributes)),
            )
            .build(),
        ),
        Method::PATCH => Some(
            body.content("application/merge-patch+json", merge())
                .content(
                    "application/json-patch+json",
                    content(schemas::JSON_PATCH, example(|bodies| &bodies.json_patch)),
                )
                .content("application/json", merge())
                .build(),
        ),
        _ => None,
    }
}

fn content(schema: &str, example: Option<Value>) -> Content {
    let examples = example.map(|value| {
        let example = ExampleBuilder::new().value(Some(value)).build();
        ("example", example)
    });
    ContentBuilder::new()
        .schema(Some(schemas::reference(schema)))
        .examples_from_iter(
            examples.map(|(name, example)| (name, utoipa::openapi::RefOr::T(example))),
        )
        .build()
}

fn successes(
    method: &Method,
    facts: Facts<'_>,
    bodies: Option<&Bodies>,
) -> Vec<(&'static str, ResponseBuilder)> {
    let plain = |description: &str, fields: &[Field]| {
        let mut response = ResponseBuilder::new().description(description);
        response = headers::add(response, &[headers::REQUEST_ID]);
        if facts.needs_key && *method != Method::OPTIONS {
            let limits = [headers::RATE_LIMIT, headers::RATE_LIMIT_POLICY];
            response = headers::add(response, &limits);
        }
        headers::add(response, fields)
    };
    let described = |description| {
        let fields = [headers::ETAG, headers::PRIVATE, headers::VARY];
        plain(description, &fields)
    };
    let whole = |description| {
        let example = bodies.map(|bodies| bodies.profile.clone());
        described(description).content("application/json", content(schemas::PROFILE, example))
    };
    // Who may write need not be one that may read.
    let unseen = facts.grants(Action::Write, false).then(|| {
        let done = "Done, by a grant that lets the caller see nothing of the profile.";
        ("204", plain(done, &[headers::LOCATION_IF_CREATED]))
    });
    match *method {
        Method::HEAD => vec![
            ("200", described("There is a profile.")),
            ("304", described("The client's copy still holds.")),
        ],
        Method::PUT => {
            let created = whole("The profile was created; this is it.");
            let created = headers::add(created, &[headers::LOCATION]);
            let replaced = whole("The profile was replaced; this is it.");
            let seen = [("200", replaced), ("201", created)];
            seen.into_iter().chain(unseen).collect()
        }
        Method::PATCH => {
            let seen = ("200", whole("The profile as it is now."));
            std::iter::once(seen).chain(unseen).collect()
        }
        Method::DELETE => vec![("204", plain("The profile is gone.", &[]))],
        Method::OPTIONS => vec![(
            "204",
            plain(
                "What there is.",
                &[headers::ALLOW_PROFILE, headers::ACCEPT_PATCH],
            ),
        )],
        _ => vec![
            ("200", whole("The profile.")),
            ("304", described("The client's copy still holds.")),
        ],
    }
}

/// Everything that can go wrong with a method, in this deployment.
fn codes(method: &Method, facts: Facts<'_>) -> Vec<ErrorCode> {
    let mut codes = vec![ErrorCode::TooLarge, ErrorCode::Overloaded];
    let action = match *method {
        Method::OPTIONS => return codes,
        Method::PUT | Method::PATCH => Action::Write,
        Method::DELETE => Action::Delete,
        _ => Action::Read,
    };
    codes.extend([
        ErrorCode::MissingParameter,
        ErrorCode::InvalidUserId,
        ErrorCode::MissingToken,
        ErrorCode::InvalidToken,
        ErrorCode::TokenExpired,
        ErrorCode::NotYourProfile,
        ErrorCode::PreconditionFailed,
        ErrorCode::Unavailable,
        ErrorCode::Timeout,
        ErrorCode::Internal,
    ]);
    if facts.needs_key {
        codes.extend([
            ErrorCode::InvalidApiKey,
            ErrorCode::Throttled,
            ErrorCode::QuotaExceeded,
        ]);
    }
    if !facts.rules.access.required_scopes(action).is_empty() {
        codes.push(ErrorCode::InsufficientScope);
    }
    let is_part_refused = match *method {
        // Who may write one attribute may name another, or look at one.
        Method::PATCH => facts.grants(action, false),
        // These concern the whole profile.
        Method::PUT | Method::DELETE => facts.grants(action, true),
        _ => false,
    };
    if is_part_refused {
        codes.push(ErrorCode::AttributeNotGranted);
    }
    if *method != Method::PUT {
        codes.push(ErrorCode::ProfileNotFound);
    }
    if action == Action::Read {
        return codes;
    }
    codes.push(ErrorCode::WriteConflict);
    if facts.rules.require_if_match {
        codes.push(ErrorCode::PreconditionRequired);
    }
    if action == Action::Delete {
        return codes;
    }
    codes.extend([
        ErrorCode::UnsupportedMediaType,
        ErrorCode::InvalidJson,
        ErrorCode::NotPortable,
    ]);
    if facts.rules.schema.is_some() {
        codes.push(ErrorCode::SchemaViolation);
    }
    if facts.has_read_only_attributes() {
        codes.push(ErrorCode::AttributeReadOnly);
    }
    if *method == Method::PATCH {
        codes.extend([
            ErrorCode::InvalidPatch,
            ErrorCode::PatchTestFailed,
            ErrorCode::PatchPathNotFound,
        ]);
    }
    codes
}
