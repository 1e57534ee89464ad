//! What a schema may say, what is said about one that may not, and what it does to profiles.

mod bad;
mod drafts;
mod hostile;
mod keywords;
mod read_only;
mod violations;

use serde_json::{Map, Value};
use usher_domain::ports::ProfileSchema;
use usher_schema_json::{JsonSchema, SchemaError};

/// The dialects, by their URIs.
const DRAFTS: [&str; 4] = [
    "https://json-schema.org/draft/2020-12/schema",
    "http://json-schema.org/draft-07/schema#",
    "http://json-schema.org/draft-06/schema#",
    "http://json-schema.org/draft-04/schema#",
];

fn parse(schema: &Value) -> Result<JsonSchema, SchemaError> {
    JsonSchema::parse(schema.to_string().as_bytes())
}

#[track_caller]
fn sound(schema: &Value) -> JsonSchema {
    parse(schema).unwrap_or_else(|error| panic!("{schema}\n{error}"))
}

/// `schema` in the dialect `draft`.
fn of_draft(draft: &str, mut schema: Value) -> Value {
    schema["$schema"] = draft.into();
    schema
}

#[track_caller]
fn attributes(profile: Value) -> Map<String, Value> {
    match profile {
        Value::Object(attributes) => attributes,
        other => panic!("{other} is no profile"),
    }
}

/// `POINTER: DETAIL` of each violation.
#[track_caller]
fn violations(schema: &JsonSchema, profile: Value) -> Vec<String> {
    schema
        .violations(&attributes(profile))
        .iter()
        .map(|violation| format!("{}: {}", violation.pointer, violation.detail))
        .collect()
}
