use serde_json::{Value, json};

use super::{DRAFTS, of_draft, sound, violations};

/// In every value that breaks something.
const SECRET: &str = "hunter2";

/// What schemas of a value say of one that breaks them, and where.
#[track_caller]
fn says<const N: usize>(cases: [(Value, Value, &str); N]) {
    for (schema, bad, said) in cases {
        let none = json!({"$dynamicAnchor": "none", "type": "null"});
        let schema = json!({"properties": {"a": schema}, "$defs": {"none": none}});
        let found = violations(&sound(&schema), json!({"a": bad, "other": 1}));
        assert_eq!(found, [said], "{schema}");
        assert!(!found[0].contains(SECRET), "{found:?}");
    }
}

#[test]
fn keywords_of_single_values_say_what_would_do_and_where() {
    says([
        (
            json!({"type": "string"}),
            json!([SECRET]),
            "/a: must be of type string",
        ),
        (
            json!({"type": ["string", "null"]}),
            json!([SECRET]),
            "/a: must be of type null or string",
        ),
        (
            json!({"enum": ["x", 1, null]}),
            json!(SECRET),
            "/a: must be one of [\"x\",1,null]",
        ),
        (
            json!({"const": {"x": 1}}),
            json!(SECRET),
            "/a: must be {\"x\":1}",
        ),
        (
            json!({"minLength": 9}),
            json!(SECRET),
            "/a: must have 9 characters or more",
        ),
        (
            json!({"maxLength": 3}),
            json!(SECRET),
            "/a: must have 3 characters or fewer",
        ),
        (
            json!({"pattern": "^[a-z]+$"}),
            json!(SECRET),
            "/a: must match the pattern ^[a-z]+$",
        ),
        (
            json!({"pattern": "^x"}),
            json!(SECRET),
            "/a: must match the pattern ^x",
        ),
        (json!({"minimum": 5}), json!(4), "/a: must be 5 or more"),
        (json!({"maximum": 3.5}), json!(4), "/a: must be 3.5 or less"),
        (
            json!({"exclusiveMinimum": 4}),
            json!(4),
            "/a: must be more than 4",
        ),
        (
            json!({"exclusiveMaximum": 4}),
            json!(4),
            "/a: must be less than 4",
        ),
        (
            json!({"multipleOf": 0.5}),
            json!(0.7),
            "/a: must be a multiple of 0.5",
        ),
    ]);
}

#[test]
fn keywords_of_arrays_say_what_would_do_and_where() {
    says([
        (
            json!({"minItems": 2}),
            json!([SECRET]),
            "/a: must have 2 elements or more",
        ),
        (
            json!({"maxItems": 0}),
            json!([SECRET]),
            "/a: must have 0 elements or fewer",
        ),
        (
            json!({"uniqueItems": true}),
            json!([SECRET, SECRET]),
            "/a: must not have equal elements",
        ),
        (
            json!({"items": {"type": "null"}}),
            json!([null, SECRET]),
            "/a/1: must be of type null",
        ),
        (
            json!({"prefixItems": [{"type": "null"}]}),
            json!([SECRET]),
            "/a/0: must be of type null",
        ),
        (
            json!({"contains": {"type": "null"}}),
            json!([SECRET]),
            "/a: must have as many elements that match contains as the schema says",
        ),
        (
            json!({"prefixItems": [{}], "unevaluatedItems": false}),
            json!([SECRET, SECRET]),
            "/a: must not have elements that the schema does not know",
        ),
    ]);
}

#[test]
fn keywords_of_objects_say_what_would_do_and_where() {
    says([
        (
            json!({"minProperties": 2}),
            json!({"x": SECRET}),
            "/a: must have 2 members or more",
        ),
        (
            json!({"maxProperties": 0}),
            json!({"x": SECRET}),
            "/a: must have 0 members or fewer",
        ),
        (
            json!({"required": ["b\"c"]}),
            json!({"x": SECRET}),
            "/a: must have the member \"b\\\"c\"",
        ),
        (
            json!({"dependentRequired": {"x": ["y"]}}),
            json!({"x": SECRET}),
            "/a: must have the member \"y\"",
        ),
        (
            json!({"dependentSchemas": {"x": {"required": ["y"]}}}),
            json!({"x": SECRET}),
            "/a: must have the member \"y\"",
        ),
        (
            json!({"properties": {"x/y": false}}),
            json!({"x/y": SECRET}),
            "/a/x~1y: nothing is allowed here",
        ),
        (
            json!({"patternProperties": {"^x": {"type": "null"}}}),
            json!({"xx": SECRET}),
            "/a/xx: must be of type null",
        ),
        (
            json!({"additionalProperties": false}),
            json!({"x": SECRET}),
            "/a: must have no members",
        ),
        (
            json!({"additionalProperties": {"type": "null"}}),
            json!({"x": SECRET}),
            "/a/x: must be of type null",
        ),
        (
            json!({"propertyNames": {"maxLength": 1}}),
            json!({"long": SECRET}),
            "/a/long: the member's name must have 1 characters or fewer",
        ),
    ]);
}

#[test]
fn keywords_of_combined_schemas_say_what_would_do_and_where() {
    says([
        (
            json!({"not": {"type": "string"}}),
            json!(SECRET),
            "/a: must not match the schema in not",
        ),
        (
            json!({"anyOf": [{"type": "null"}, {"maxLength": 1}]}),
            json!(SECRET),
            "/a: must be of type null, or must have 1 characters or fewer",
        ),
        (
            json!({"anyOf": [{"type": "null"}, {"properties": {"x": {"type": "null"}}}]}),
            json!({"x": SECRET}),
            "/a: must match one of the schemas in anyOf",
        ),
        (
            json!({"oneOf": [{"type": "null"}, {"required": ["y", "z"]}]}),
            json!({"x": SECRET}),
            "/a: must match one of the schemas in oneOf",
        ),
        (
            json!({"oneOf": [{"type": "string"}, {"minLength": 1}]}),
            json!(SECRET),
            "/a: must match one of the schemas in oneOf, not several",
        ),
        (
            json!({"if": {"type": "string"}, "then": {"maxLength": 1}}),
            json!(SECRET),
            "/a: must have 1 characters or fewer",
        ),
        (
            json!({"allOf": [{"$ref": "#/$defs/none"}]}),
            json!(SECRET),
            "/a: must be of type null",
        ),
        (
            json!({"$ref": "#/$defs/none"}),
            json!(SECRET),
            "/a: must be of type null",
        ),
        (
            json!({"$dynamicRef": "#none"}),
            json!(SECRET),
            "/a: must be of type null",
        ),
        (json!(false), json!(SECRET), "/a: nothing is allowed here"),
    ]);
}

#[test]
fn what_is_checked_in_older_drafts_says_so_too() {
    for (schema, bad, said) in [
        (
            json!({"format": "email"}),
            SECRET,
            "/a: must be in the format email",
        ),
        (
            json!({"contentEncoding": "base64"}),
            "hunter2!",
            "/a: must be encoded as base64",
        ),
        (
            json!({"contentMediaType": "application/json"}),
            SECRET,
            "/a: must be of the media type application/json",
        ),
        (
            json!({"contentMediaType": "application/json", "contentEncoding": "base64"}),
            "/////w==",
            "/a: must be UTF-8 when it is decoded",
        ),
    ] {
        let schema = of_draft(DRAFTS[1], json!({"properties": {"a": schema}}));
        assert_eq!(violations(&sound(&schema), json!({"a": bad})), [said]);
    }
}
