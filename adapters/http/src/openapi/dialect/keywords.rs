//! Which keyword holds what, in which draft.

use serde_json::Value;

/// The version of JSON Schema that a schema is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Draft {
    Four,
    Six,
    Seven,
    /// 2020-12, and whatever says nothing.
    Current,
}

impl Draft {
    pub(super) fn of(schema: &Value) -> Self {
        let named = schema.get("$schema").and_then(Value::as_str).unwrap_or("");
        [
            ("draft-04", Self::Four),
            ("draft-06", Self::Six),
            ("draft-07", Self::Seven),
        ]
        .into_iter()
        .find(|(name, _)| named.contains(name))
        .map_or(Self::Current, |(_, draft)| draft)
    }

    pub(super) fn is_old(self) -> bool {
        self < Self::Current
    }

    /// Up to draft 7, nothing beside `$ref` counts.
    pub(super) fn reads_references_alone(self) -> bool {
        self.is_old()
    }

    /// The keyword means nothing in this draft, but something in 2020-12.
    pub(super) fn ignores(self, keyword: &str) -> bool {
        let since = match keyword {
            "const" | "contains" | "propertyNames" => Self::Six,
            "if" | "then" | "else" => Self::Seven,
            "$anchor"
            | "$dynamicAnchor"
            | "$dynamicRef"
            | "contentSchema"
            | "dependentRequired"
            | "dependentSchemas"
            | "maxContains"
            | "minContains"
            | "prefixItems"
            | "unevaluatedItems"
            | "unevaluatedProperties" => Self::Current,
            _ => return false,
        };
        self < since
    }
}

/// What the value of a keyword is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Holds {
    /// A schema, or a list of schemas.
    Schemas,
    /// Schemas by name.
    NamedSchemas,
    /// Data: whatever looks like a keyword in it is none.
    Data,
    /// Nothing that concerns us, or a keyword that nobody knows.
    Other,
}

pub(super) fn holds(keyword: &str) -> Holds {
    match keyword {
        "additionalItems"
        | "additionalProperties"
        | "allOf"
        | "anyOf"
        | "contains"
        | "contentSchema"
        | "else"
        | "if"
        | "items"
        | "not"
        | "oneOf"
        | "prefixItems"
        | "propertyNames"
        | "then"
        | "unevaluatedItems"
        | "unevaluatedProperties" => Holds::Schemas,
        "$defs" | "definitions" | "dependencies" | "dependentSchemas" | "patternProperties"
        | "properties" => Holds::NamedSchemas,
        "const" | "default" | "enum" | "example" | "examples" => Holds::Data,
        _ => Holds::Other,
    }
}

/// Whether the keyword says something about values, beside describing them or keeping definitions.
pub(super) fn asserts(keyword: &str) -> bool {
    !matches!(
        keyword,
        "$comment"
            | "$defs"
            | "$ref"
            | "default"
            | "definitions"
            | "description"
            | "examples"
            | "readOnly"
            | "title"
            | "writeOnly"
    )
}
