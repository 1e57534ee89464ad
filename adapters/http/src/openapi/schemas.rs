//! The schemas of bodies.

use serde_json::{Value, json};
use usher_domain::{
    json::portable::{MAX_DEPTH, MAX_VIOLATIONS},
    patch::MAX_OPERATIONS,
    profile::USER_ID_MEMBER,
};
use utoipa::openapi::{Ref, RefOr, Schema};

use super::{Facts, dialect, schema};
use crate::problem::ErrorCode;

pub(super) const PROFILE: &str = "Profile";
pub(super) const ATTRIBUTES: &str = "ProfileAttributes";
pub(super) const MERGE_PATCH: &str = "ProfileMergePatch";
pub(super) const JSON_PATCH: &str = "JsonPatch";
pub(super) const PROBLEM: &str = "Problem";
pub(super) const STATUS: &str = "Status";
const OWN_SCHEMA: &str = "ProfileSchema";
const PORTABLE_OBJECT: &str = "PortableObject";
const PORTABLE_VALUE: &str = "PortableValue";

/// No U+0000.
const TEXT: &str = "^[^\\u0000]*$";
const NAME: &str = "^[^\\u0000]+$";
/// A name that does not begin with an underscore.
const TOP_NAME: &str = "^[^_\\u0000][^\\u0000]*$";
/// RFC 6901, section 3.
const POINTER: &str = "^(/([^/~\\u0000]|~[01])*)*$";

pub(super) fn reference(name: &str) -> Ref {
    Ref::from_schema_name(name)
}

fn place(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

/// Every schema that has a name.
pub(super) fn all(facts: Facts<'_>) -> Vec<(&'static str, RefOr<Schema>)> {
    let mut all = vec![
        (PROFILE, profile()),
        (ATTRIBUTES, attributes(facts)),
        (PORTABLE_OBJECT, portable_object()),
        (PORTABLE_VALUE, portable_value()),
        (MERGE_PATCH, merge_patch()),
        (JSON_PATCH, json_patch()),
        (PROBLEM, problem()),
        (STATUS, status()),
    ];
    if let Some(own) = &facts.rules.schema {
        let place = format!("/components/schemas/{OWN_SCHEMA}");
        all.push((OWN_SCHEMA, schema(dialect::embed(own.document(), &place))));
    }
    all
}

/// What is read. No more is promised of it: other tools may have written what is stored, and the
/// deployment's schema may be younger than it.
fn profile() -> RefOr<Schema> {
    schema(json!({
        "description": "A profile as it is stored: the user's id, and the attributes beside it.",
        "type": "object",
        "required": [USER_ID_MEMBER],
        "properties": {USER_ID_MEMBER: {"type": "string", "description": "Whose profile it is."}},
        "additionalProperties": true,
    }))
}

fn attributes(facts: Facts<'_>) -> RefOr<Schema> {
    let max_bytes = facts.rules.max_bytes;
    let mut parts = vec![place(PORTABLE_OBJECT)];
    let mut description = format!(
        "The attributes of a profile: at most {max_bytes} bytes of JSON, in the canonical form. A \
         member `{USER_ID_MEMBER}` may be there; it must then equal the user id of the path."
    );
    if facts.rules.schema.is_some() {
        parts.push(place(OWN_SCHEMA));
        description
            .push_str(" The schema is that of this deployment, and does not see that member.");
    }
    schema(json!({"description": description, "allOf": parts}))
}

fn portable_object() -> RefOr<Schema> {
    schema(json!({
        "description": format!(
            "What every store keeps: nested no deeper than {MAX_DEPTH} levels, this object being \
             the first, and no name twice in one object. Names that begin with an underscore are \
             reserved at the top."
        ),
        "type": "object",
        "propertyNames": {"pattern": TOP_NAME},
        "additionalProperties": place(PORTABLE_VALUE),
    }))
}

/// Whole numbers that a double keeps and 64 bits do not are taken as well; JSON Schema has no words
/// for those.
fn portable_value() -> RefOr<Schema> {
    /// Doubles have no fractions from here on: 2^53.
    const WHOLE: f64 = 9_007_199_254_740_992.0;
    const SMALLEST: f64 = 1e-130;
    let fraction = |minimum: f64, maximum: f64| {
        json!({
            "type": "number",
            "minimum": minimum,
            "maximum": maximum,
            "not": {"type": "integer"},
        })
    };
    schema(json!({
        "description": "A value that every store keeps. A number is an integer of 64 bits, or one \
                        that a double keeps with all of its digits.",
        "anyOf": [
            {"type": ["null", "boolean"]},
            {"type": "integer", "minimum": i64::MIN, "maximum": i64::MAX},
            fraction(SMALLEST, WHOLE),
            fraction(-WHOLE, -SMALLEST),
            {"type": "string", "pattern": TEXT},
            {"type": "array", "items": place(PORTABLE_VALUE)},
            {
                "type": "object",
                "propertyNames": {"pattern": NAME},
                "additionalProperties": place(PORTABLE_VALUE),
            },
        ],
    }))
}

fn merge_patch() -> RefOr<Schema> {
    schema(json!({
        "description": "A JSON Merge Patch (RFC 7396): members replace those of the same name, null \
                        removes them, objects are merged.",
        "allOf": [place(PORTABLE_OBJECT)],
    }))
}

fn json_patch() -> RefOr<Schema> {
    let pointer = |description: &str| json!({"type": "string", "pattern": POINTER, "description": description});
    let operation = |ops: &[&str], more: &[(&str, Value)]| {
        let mut required = vec!["op", "path"];
        let mut properties = json!({
            "op": {"enum": ops},
            "path": pointer("The place that it changes or looks at, a JSON Pointer (RFC 6901)."),
        });
        for (name, value) in more {
            required.push(name);
            properties[*name] = value.clone();
        }
        json!({
            "type": "object",
            "required": required,
            "properties": properties,
            "propertyNames": {"pattern": NAME},
            "additionalProperties": place(PORTABLE_VALUE),
        })
    };
    schema(json!({
        "description": "A JSON Patch (RFC 6902) of the profile as GET answers it. The operations are \
                        done in their order, all of them or none. Members that an operation does not \
                        need are ignored.",
        "type": "array",
        "maxItems": MAX_OPERATIONS,
        "items": {
            "anyOf": [
                operation(&["add", "replace", "test"], &[("value", place(PORTABLE_VALUE))]),
                operation(&["remove"], &[]),
                operation(
                    &["move", "copy"],
                    &[("from", pointer("The place that it takes the value from."))],
                ),
            ],
        },
    }))
}

fn problem() -> RefOr<Schema> {
    let codes: Vec<_> = ErrorCode::ALL.iter().map(|code| code.as_str()).collect();
    let types: Vec<_> = codes
        .iter()
        .map(|code| format!("urn:usher:problem:{code}"))
        .collect();
    schema(json!({
        "description": "What went wrong (RFC 9457). Branch on `code`, which is stable.",
        "type": "object",
        "required": ["type", "title", "status", "code", "message", "requestId"],
        "properties": {
            "type": {"enum": types, "description": "A URN made of the code."},
            "title": {"type": "string", "description": "The code in words."},
            "status": {"type": "integer", "minimum": 400, "maximum": 599},
            "detail": {
                "type": "string",
                "description": "A sentence about this occurrence, for the developer of the client.",
            },
            "code": {"enum": codes},
            "message": {
                "type": "string",
                "description": "What API Gateway's own error would say, for clients that read it.",
            },
            "requestId": {
                "type": "string",
                "format": "uuid",
                "description": "Names the request in the operator's logs; as `x-request-id`.",
            },
            "errors": {
                "type": "array",
                "minItems": 1,
                "maxItems": MAX_VIOLATIONS,
                "description": "The places that are wrong. They are places in the body that was \
                                sent, or in the profile where the failure depends on what is stored.",
                "items": {
                    "type": "object",
                    "required": ["pointer", "detail"],
                    "properties": {
                        "pointer": {
                            "type": "string",
                            "description": "A JSON Pointer (RFC 6901); one that ends with `/…` was \
                                            too long to be told in full.",
                        },
                        "detail": {"type": "string"},
                    },
                },
            },
        },
    }))
}

fn status() -> RefOr<Schema> {
    schema(json!({
        "type": "object",
        "required": ["status"],
        "properties": {"status": {"const": "ok"}},
    }))
}
