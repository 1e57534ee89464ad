//! The whole document.

use std::fmt::Write as _;

use serde_json::Value;
use utoipa::openapi::{
    ComponentsBuilder, Info, InfoBuilder, LicenseBuilder, OpenApiBuilder, PathsBuilder,
    ServerBuilder,
    schema::Components,
    security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme},
    tag::{Tag, TagBuilder},
};

use super::{Facts, errors, examples, headers, parameters, profile, public, schemas};
use crate::handlers::profile::RESOURCE;

pub(super) const BEARER: &str = "bearer";
pub(super) const KEY: &str = "apiKey";

pub(super) const PROFILES: &str = "Profiles";
pub(super) const HEALTH: &str = "Health";
pub(super) const REFERENCE: &str = "Reference";

/// The document of a deployment, as JSON. The same facts make the same text.
pub(crate) fn document(facts: Facts<'_>) -> String {
    let mut paths = PathsBuilder::new().path(RESOURCE, profile::path_item(facts));
    for (path, item) in public::path_items() {
        paths = paths.path(path, item);
    }
    // Relative to the document's own address, so that it holds behind a gateway's stage, too.
    let here = ServerBuilder::new()
        .url(".")
        .description(Some("Where this document comes from"))
        .build();
    let document = OpenApiBuilder::new()
        .info(info(facts))
        .servers(Some([here]))
        .tags(Some(tags()))
        .paths(paths)
        .components(Some(components(facts)))
        .build();
    // By way of a value, whose members are sorted: utoipa keeps some of them in hash maps. What was
    // made of values and texts can be written.
    let mut document = serde_json::to_value(&document).unwrap_or_default();
    leave_out_what_is_not_used(&mut document);
    document.to_string()
}

/// A deployment without limits, say, has no header that tells of them.
fn leave_out_what_is_not_used(document: &mut Value) {
    let text = document.to_string();
    for kind in ["examples", "headers"] {
        let components = document.pointer_mut(&format!("/components/{kind}"));
        if let Some(components) = components.and_then(Value::as_object_mut) {
            components.retain(|name, _| text.contains(&format!("\"#/components/{kind}/{name}\"")));
        }
    }
}

fn components(facts: Facts<'_>) -> Components {
    let mut components = ComponentsBuilder::new().schemas_from_iter(schemas::all(facts));
    for (name, parameter) in parameters::all() {
        components = components.parameter(name, parameter);
    }
    for (name, header) in headers::all() {
        components = components.header(name, header);
    }
    for (code, example) in examples::problems() {
        components = components.example(code, example);
    }
    for (name, response) in errors::of_no_operation() {
        components = components.response(name, response);
    }
    let bearer = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .bearer_format("JWT")
        .description(Some(
            "A token of an issuer that this API trusts. Its subject is the caller.",
        ))
        .build();
    components = components.security_scheme(BEARER, SecurityScheme::Http(bearer));
    if facts.needs_key {
        let key = ApiKeyValue::with_description(
            "x-api-key",
            "A key of a usage plan. It counts for limits, and never says who is calling.",
        );
        components = components.security_scheme(KEY, SecurityScheme::ApiKey(ApiKey::Header(key)));
    }
    components.build()
}

fn tags() -> [Tag; 3] {
    let tag = |name, description| {
        TagBuilder::new()
            .name(name)
            .description(Some(description))
            .build()
    };
    [
        tag(PROFILES, "A user's own profile"),
        tag(
            HEALTH,
            "For load balancers and orchestrators; needs no token",
        ),
        tag(REFERENCE, "This description; needs no token"),
    ]
}

fn info(facts: Facts<'_>) -> Info {
    let license = LicenseBuilder::new()
        .name("Apache License 2.0")
        .identifier(Some(env!("CARGO_PKG_LICENSE")))
        .build();
    InfoBuilder::new()
        .title("Usher")
        .version(env!("CARGO_PKG_VERSION"))
        .license(Some(license))
        .description(Some(description(facts)))
        .build()
}

fn description(facts: Facts<'_>) -> String {
    let max_bytes = facts.rules.max_bytes;
    let mut text = "A profile for each user: a JSON object that its owner reads and writes.\n\n\
        **Who is calling.** Send `Authorization: Bearer <token>`. `/users/me/profile` is the \
        caller's own profile, whatever the token's subject is; any other user's is 403, whether or \
        not it exists."
        .to_owned();
    if !facts.rules.access.grants.is_empty() {
        text.push_str(
            " A grant of this deployment may let callers read or write others' profiles, or some \
            attributes of them: answers then hold what the caller may read, and no more.",
        );
    }
    if facts.needs_key {
        text.push_str(
            " Send an API key in `x-api-key` as well: it says which usage plan applies.\n\n\
            **Limits.** `RateLimit-Policy` and `RateLimit` tell what applies and what is left. 429 \
            says in `Retry-After` how long to wait.",
        );
    }
    text.push_str(
        "\n\n**No lost update.** Answers carry an entity tag in `ETag`. Send it in `If-Match` and \
        a write is done only if nobody has written since (412 otherwise); `If-None-Match: *` \
        creates and never replaces; `If-None-Match` with a tag spares a read of what has not \
        changed (304).",
    );
    if facts.rules.require_if_match {
        text.push_str(
            " A profile that exists is written with `If-Match` only: 428 without. `*` stands for \
            any tag.",
        );
    }
    // Writing to a String cannot fail.
    let _ = write!(
        text,
        "\n\n**Size.** A profile has at most {max_bytes} bytes of JSON.\n\n\
        **Errors** are problem details (RFC 9457) with a stable `code`. A path that is none of \
        these is 404 `route_not_found`, a trailing slash included; another method is 405 \
        `method_not_allowed`, and `Allow` lists those that there are. Quote `requestId` when you \
        report one."
    );
    text
}
