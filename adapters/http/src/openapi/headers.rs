//! The header fields of answers.

use axum::http::HeaderValue;
use serde_json::{Value, json};
use usher_domain::entity_tag::EntityTag;
use utoipa::openapi::{Header, HeaderBuilder, Ref, ResponseBuilder, extensions::Extensions};

use super::{examples, schema};
use crate::{
    handlers::{READING, docs, profile},
    problem::ErrorCode,
};

/// A field of an answer, and what its description is called: the same field may be described in
/// several ways.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Field {
    name: &'static str,
    component: &'static str,
}

const fn field(name: &'static str) -> Field {
    variant(name, name)
}

const fn variant(name: &'static str, component: &'static str) -> Field {
    Field { name, component }
}

pub(super) const ACCEPT_PATCH: Field = field("Accept-Patch");
pub(super) const ALLOW: Field = field("Allow");
pub(super) const ALLOW_PROFILE: Field = variant("Allow", "Allow-profile");
pub(super) const ALLOW_READING: Field = variant("Allow", "Allow-reading");
pub(super) const CHALLENGE: Field = field("WWW-Authenticate");
pub(super) const CHALLENGE_OF_SCOPE: Field = variant("WWW-Authenticate", "WWW-Authenticate-scope");
pub(super) const ERROR_TYPE: Field = field("x-amzn-errortype");
pub(super) const ETAG: Field = field("ETag");
pub(super) const LOCATION: Field = field("Location");
pub(super) const LOCATION_IF_CREATED: Field = variant("Location", "Location-if-created");
pub(super) const NO_CACHE: Field = variant("Cache-Control", "Cache-Control-no-cache");
pub(super) const NO_SNIFF: Field = field("X-Content-Type-Options");
pub(super) const NO_STORE: Field = variant("Cache-Control", "Cache-Control-no-store");
pub(super) const POLICY: Field = field("Content-Security-Policy");
pub(super) const PRIVATE: Field = variant("Cache-Control", "Cache-Control-private");
pub(super) const RATE_LIMIT: Field = field("RateLimit");
pub(super) const RATE_LIMIT_POLICY: Field = field("RateLimit-Policy");
pub(super) const REQUEST_ID: Field = field("x-request-id");
pub(super) const RETRY_AFTER: Field = field("Retry-After");
pub(super) const RETRY_AFTER_IF_EVER: Field = variant("Retry-After", "Retry-After-if-ever");
pub(super) const VARY: Field = field("Vary");

/// Adds fields to an answer.
pub(super) fn add(response: ResponseBuilder, fields: &[Field]) -> ResponseBuilder {
    fields.iter().fold(response, |response, field| {
        let component = Ref::new(format!("#/components/headers/{}", field.component));
        response.header_ref(field.name, component)
    })
}

/// A field, whether every answer that lists it has it, what it says, its schema, an example.
type Described = (Field, bool, &'static str, Value, String);

/// Every header of the document, by the name of its component.
pub(super) fn all() -> impl Iterator<Item = (&'static str, Header)> {
    let all = [
        of_every_answer(),
        of_contents(),
        of_methods(),
        of_failures(),
        of_limits(),
    ];
    all.into_iter()
        .flatten()
        .map(|(field, required, description, keywords, example)| {
            let example = example
                .parse::<u64>()
                .map_or_else(|_| Value::from(example), Value::from);
            let header = HeaderBuilder::new()
                .description(Some(description))
                .schema(Some(schema(keywords)))
                .example(Some(example))
                // utoipa's own type has no such member.
                .extensions(Some(Extensions::from_iter([("required", required)])))
                .build();
            (field.component, header)
        })
}

fn text(field: Field, description: &'static str, example: impl Into<String>) -> Described {
    let keywords = json!({"type": "string"});
    (field, true, description, keywords, example.into())
}

fn constant(field: Field, description: &'static str, value: impl Into<String>) -> Described {
    let value = value.into();
    (field, true, description, json!({"const": value}), value)
}

fn sometimes((field, _, description, keywords, example): Described) -> Described {
    (field, false, description, keywords, example)
}

fn of_every_answer() -> Vec<Described> {
    vec![(
        REQUEST_ID,
        true,
        "Names the request in the operator's logs.",
        json!({"type": "string", "format": "uuid"}),
        examples::REQUEST_ID.to_owned(),
    )]
}

fn of_contents() -> Vec<Described> {
    vec![
        (
            ETAG,
            true,
            "The strong entity tag of the content: equal tags mean equal content.",
            json!({"type": "string", "pattern": "^\"[A-Za-z0-9_-]{43}\"$"}),
            EntityTag::of("{}").to_string(),
        ),
        constant(
            PRIVATE,
            "Only the user's own cache may keep it, and has to ask whether it still holds.",
            "private, no-cache",
        ),
        constant(
            NO_CACHE,
            "A cache has to ask whether it still holds.",
            "no-cache",
        ),
        constant(NO_STORE, "No cache keeps it.", "no-store"),
        text(
            VARY,
            "What of a request the answer depends on; with `Origin` where origins are listed.",
            "Authorization",
        ),
        text(
            LOCATION,
            "The profile's own address.",
            "/users/alice/profile",
        ),
        sometimes(text(
            LOCATION_IF_CREATED,
            "The profile's own address, if this created it.",
            "/users/alice/profile",
        )),
        constant(NO_SNIFF, "The media type is what it says.", "nosniff"),
        constant(
            POLICY,
            "The page may use its own files and this API, and nothing else.",
            shown(&docs::POLICY),
        ),
    ]
}

fn of_methods() -> Vec<Described> {
    vec![
        text(ALLOW, "The methods that the path has.", shown(&READING)),
        constant(
            ALLOW_PROFILE,
            "The methods of a profile.",
            shown(&profile::ALLOWED),
        ),
        constant(
            ALLOW_READING,
            "The methods of what is only read.",
            shown(&READING),
        ),
        constant(
            ACCEPT_PATCH,
            "The kinds of patches (RFC 5789, 3.1).",
            shown(&profile::PATCHES),
        ),
    ]
}

fn of_failures() -> Vec<Described> {
    let seconds = || json!({"type": "integer", "minimum": 0});
    vec![
        text(
            ERROR_TYPE,
            "The error type that AWS's client libraries know.",
            ErrorCode::InvalidJson.error_type(),
        ),
        text(
            CHALLENGE,
            "What is wrong with the token (RFC 6750, section 3).",
            "Bearer realm=\"usher\"",
        ),
        sometimes(text(
            CHALLENGE_OF_SCOPE,
            "The scopes of which the token needs one (RFC 6750, section 3); with \
             `insufficient_scope`.",
            "Bearer realm=\"usher\", error=\"insufficient_scope\", scope=\"profiles/read\"",
        )),
        (
            RETRY_AFTER,
            true,
            "Wait for so many seconds.",
            seconds(),
            "1".to_owned(),
        ),
        (
            RETRY_AFTER_IF_EVER,
            false,
            "Wait for so many whole seconds: a call made then is let in when nobody else spends \
             meanwhile. Not there when waiting will not help.",
            seconds(),
            "2".to_owned(),
        ),
    ]
}

fn of_limits() -> Vec<Described> {
    vec![
        sometimes(text(
            RATE_LIMIT,
            "What is left of the limits (`r`), and in how many seconds there is more (`t`); there \
             when a limit applies.",
            "\"throttle\";r=99;t=1, \"quota\";r=9999;t=43200",
        )),
        sometimes(text(
            RATE_LIMIT_POLICY,
            "The limits of the caller's usage plan and of the service: so many requests (`q`) in so \
             many seconds (`w`); there when a limit applies.",
            "\"throttle\";q=100;w=2, \"quota\";q=10000;w=86400",
        )),
    ]
}

/// A header's value as text.
pub(super) fn shown(value: &HeaderValue) -> String {
    value.to_str().unwrap_or_default().to_owned()
}
