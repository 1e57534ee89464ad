//! Rules that a deployment may have beside the defaults.

use std::{fs, path::Path};

use serde_json::json;

/// The origin whose scripts may read answers.
pub(crate) const ORIGIN: &str = "https://app.example.com";

/// The plain deployment, or one with everything that tightens it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rules {
    Defaults,
    /// A schema, `If-Match` required, CORS, grants.
    Strict,
}

/// Writes what the rules need into `folder`; returns the variables that set them.
pub(crate) fn write(rules: Rules, folder: &Path) -> Vec<(String, String)> {
    if rules == Rules::Defaults {
        return Vec::new();
    }
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {
            "displayName": { "type": "string", "maxLength": 40, "pattern": "^[^<>]*$" },
            "age": { "type": "integer", "minimum": 0 },
            "tier": { "enum": ["silver", "gold"], "readOnly": true },
        },
        "required": ["displayName"],
        "additionalProperties": false,
    });
    let file = folder.join("profile.schema.json");
    fs::write(&file, schema.to_string()).expect("a schema");
    vec![
        (
            "USHER_PROFILE__SCHEMA".to_owned(),
            file.display().to_string(),
        ),
        (
            "USHER_PROFILE__REQUIRE_IF_MATCH".to_owned(),
            "true".to_owned(),
        ),
        ("USHER_ACCESS__GRANTS".to_owned(), grants().to_string()),
        (
            "USHER_SERVER__CORS_ORIGINS".to_owned(),
            json!([ORIGIN]).to_string(),
        ),
    ]
}

/// `support` may see ages and nothing else; `billing` may see and write the tier.
fn grants() -> serde_json::Value {
    json!([
        { "group": "support", "actions": ["read"], "attributes": ["age"] },
        {
            "group": "billing",
            "actions": ["read", "write"],
            "attributes": ["tier"],
            "read_only": true,
        },
    ])
}
