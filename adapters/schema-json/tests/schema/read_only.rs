use serde_json::{Value, json};
use usher_domain::ports::ProfileSchema;

use super::{DRAFTS, of_draft, parse, sound};

fn read_only(schema: &Value) -> Vec<String> {
    let schema = sound(schema);
    schema.read_only().iter().map(ToString::to_string).collect()
}

#[test]
fn marked_attributes_are_read_only_in_every_draft() {
    for draft in DRAFTS {
        let schema = json!({"properties": {
            "plan": {"type": "string", "readOnly": true},
            "name": {"readOnly": false},
            "open": {},
        }});
        assert_eq!(read_only(&of_draft(draft, schema)), ["plan"], "{draft}");
    }
}

#[test]
fn a_mark_is_found_where_references_and_all_of_lead() {
    for (schema, expected) in [
        (
            json!({
                "properties": {
                    "a": {"$ref": "#/definitions/fixed"},
                    "b": {"$ref": "#/definitions/far"},
                    "c": {"allOf": [{"type": "string"}, {"$ref": "#/definitions/fixed"}]},
                    "d": {"$ref": "#/definitions/free", "readOnly": true},
                    "e": {"$ref": "#/definitions/free"},
                },
                "definitions": {
                    "fixed": {"readOnly": true},
                    "far": {"allOf": [{"$ref": "#/definitions/fixed"}]},
                    "free": {"type": "string"},
                },
            }),
            &["a", "b", "c", "d"][..],
        ),
        (
            json!({"allOf": [{"properties": {"a": {"readOnly": true}}}, {"allOf": [{"properties": {"b": {"readOnly": true}}}]}]}),
            &["a", "b"],
        ),
        (
            json!({"$ref": "#/definitions/user", "definitions": {"user": {"properties": {"a": {"readOnly": true}}}}}),
            &["a"],
        ),
        (
            json!({
                "properties": {"a": {"type": "string"}},
                "allOf": [{"properties": {"a": {"readOnly": true}}}],
            }),
            &["a"],
        ),
    ] {
        for draft in DRAFTS {
            assert_eq!(
                read_only(&of_draft(draft, schema.clone())),
                expected,
                "{draft} {schema}"
            );
        }
    }
    let parts = json!({
        "properties": {"a": {"$ref": "part.json#/$defs/x"}, "b": {"$ref": "#fixed"}},
        "$defs": {
            "part": {"$id": "part.json", "$defs": {"x": {"$ref": "#/$defs/y"}, "y": {"readOnly": true}}},
            "fixed": {"$anchor": "fixed", "readOnly": true},
        },
    });
    assert_eq!(read_only(&parts), ["a", "b"]);
}

#[test]
fn references_in_a_circle_end() {
    let circle = json!({
        "$ref": "#",
        "allOf": [{"$ref": "#"}],
        "properties": {
            "a": {"$ref": "#/properties/b"},
            "b": {"$ref": "#/properties/a", "allOf": [{"$ref": "#/properties/a"}, {"readOnly": true}]},
            "c": {"$ref": "#/properties/c"},
        },
    });
    assert_eq!(read_only(&circle), ["a", "b"]);
}

#[test]
fn what_is_marked_elsewhere_is_not_read_only() {
    let schema = json!({
        "readOnly": true,
        "properties": {
            "address": {"properties": {"city": {"readOnly": true}}},
            "tags": {"items": {"readOnly": true}},
            "either": {"anyOf": [{"readOnly": true}, {}]},
        },
        "patternProperties": {"^x-": {"readOnly": true}},
        "additionalProperties": {"readOnly": true},
        "oneOf": [{"properties": {"one": {"readOnly": true}}}],
        "if": {"properties": {"two": {"readOnly": true}}},
        "$defs": {"three": {"properties": {"three": {"readOnly": true}}}},
    });
    assert_eq!(read_only(&schema), [""; 0]);
}

#[test]
fn a_mark_that_is_neither_true_nor_false_is_refused() {
    for draft in DRAFTS {
        let schema = json!({
            "properties": {"a": {"allOf": [{"$ref": "#/definitions/x"}]}},
            "definitions": {"x": {"readOnly": "true"}},
        });
        let error = parse(&of_draft(draft, schema)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "/definitions/x/readOnly: must be of type boolean",
            "{draft}"
        );
    }
}

/// It is no attribute; were it read only, every write would first have to read.
#[test]
fn the_user_id_is_never_among_them() {
    let schema = json!({"properties": {"userId": {"readOnly": true}}});
    assert_eq!(read_only(&schema), [""; 0]);
}

#[test]
fn the_schema_is_kept_as_it_was_written() {
    let text = r#"{"title": "T", "properties": {"b": {"examples": [1.0]}, "a": true}}"#;
    let schema = usher_schema_json::JsonSchema::parse(text.as_bytes()).unwrap();
    let expected: Value = serde_json::from_str(text).unwrap();
    assert_eq!(schema.document(), &expected);
    assert!(
        !format!("{schema:?}").contains("examples"),
        "too long for a log"
    );
}
