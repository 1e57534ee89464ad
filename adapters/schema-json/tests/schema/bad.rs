use serde_json::{Value, json};
use usher_schema_json::{JsonSchema, MAX_FAULTS, MAX_SCHEMA_BYTES};

use super::{DRAFTS, of_draft, parse, sound};

const PATTERN: &str = "the pattern needs more than a linear-time engine can do, or is too large: \
                       look-around and back-references are not possible";
const LEADS_OUT: &str = "the reference leads out of the schema's file, and nothing is fetched";

fn faults_of_text(text: &str) -> Vec<String> {
    match JsonSchema::parse(text.as_bytes()) {
        Ok(_) => Vec::new(),
        Err(error) => error.faults().iter().map(ToString::to_string).collect(),
    }
}

fn faults(schema: &Value) -> Vec<String> {
    faults_of_text(&schema.to_string())
}

#[test]
fn what_is_not_json_is_named_with_line_and_column() {
    for (text, said) in [
        ("", "not JSON: EOF while parsing a value at line 1 column 0"),
        (
            "{\n  \"type\": objekt\n}",
            "not JSON: expected value at line 2 column 11",
        ),
        ("{} {}", "not JSON: trailing characters at line 1 column 4"),
        (
            "{\"a\": 1e999}",
            "not JSON: number out of range at line 1 column 11",
        ),
        (
            "// no comments\n{}",
            "not JSON: expected value at line 1 column 1",
        ),
    ] {
        assert_eq!(faults_of_text(text), [said], "{text}");
    }
    let not_utf8 = JsonSchema::parse(b"{\"title\": \"\xff\"}").unwrap_err();
    assert!(not_utf8.to_string().starts_with("not JSON: "), "{not_utf8}");
    let deep = faults_of_text(&"[".repeat(100_000));
    assert!(deep[0].starts_with("not JSON: recursion limit"), "{deep:?}");
}

#[test]
fn a_name_that_appears_twice_is_named_with_its_place() {
    let text = r#"{"maxProperties": 1, "maxProperties": 9,
        "properties": {"a/b": {"type": "string", "type": "null"}}, "allOf": [{"not": {}, "not": {}}]}"#;
    assert_eq!(
        faults_of_text(text),
        [
            "/maxProperties: the member's name appears twice",
            "/properties/a~1b/type: the member's name appears twice",
            "/allOf/0/not: the member's name appears twice",
        ]
    );
}

#[test]
fn a_schema_is_an_object_or_a_boolean() {
    for text in ["1", "null", "[]", "\"object\""] {
        assert_eq!(
            faults_of_text(text),
            ["a schema is an object, true or false"]
        );
    }
    for text in ["true", "false", "{}"] {
        assert!(faults_of_text(text).is_empty(), "{text}");
    }
}

#[test]
fn a_schema_that_is_too_large_is_refused_unread() {
    let schema = |bytes: usize| format!("{{\"title\": \"{}\"}}", "x".repeat(bytes - 13));
    assert_eq!(faults_of_text(&schema(MAX_SCHEMA_BYTES)), [""; 0]);
    assert_eq!(
        faults_of_text(&schema(MAX_SCHEMA_BYTES + 1)),
        ["has more than 1048576 bytes"]
    );
}

#[test]
fn a_dialect_that_is_not_known_is_refused() {
    let said = "/$schema: must be the URI of draft 2020-12, 7, 6 or 4, such as \
                https://json-schema.org/draft/2020-12/schema";
    for dialect in [
        "https://json-schema.org/draft/2019-09/schema",
        "http://json-schema.org/draft-03/schema#",
        "https://example.com/dialect",
        "2020-12",
        "",
    ] {
        assert_eq!(faults(&json!({"$schema": dialect})), [said], "{dialect}");
    }
    assert_eq!(
        faults(&json!({"$schema": 7})),
        ["/$schema: must be of type string"]
    );
    // A part may not bring its own either.
    let part =
        json!({"properties": {"a": {"$id": "urn:a", "$schema": "https://example.com/dialect"}}});
    let place = "/properties/a/$schema";
    assert_eq!(faults(&part), [format!("{place}: {LEADS_OUT}")]);
}

#[test]
fn every_breach_of_the_meta_schema_is_named_with_its_place() {
    for draft in DRAFTS {
        let schema = json!({
            "minLength": -1,
            "properties": {"a": {"type": "strin"}, "b/c": {"required": "x"}},
            "maximum": "9",
        });
        let found = faults(&of_draft(draft, schema));
        let places: Vec<_> = found
            .iter()
            .map(|fault| fault.split(": ").next().unwrap())
            .collect();
        let all = [
            "/maximum",
            "/minLength",
            "/properties/a/type",
            "/properties/b~1c/required",
        ];
        assert_eq!(places, all, "{draft}");
        assert_eq!(found[0], "/maximum: must be of type number");
        assert_eq!(
            found[2],
            "/properties/a/type: must be one of \
             [\"array\",\"boolean\",\"integer\",\"null\",\"number\",\"object\",\"string\"], \
             or must be of type array"
        );
    }
}

#[test]
fn faults_without_end_are_told_up_to_a_bound() {
    let properties: serde_json::Map<_, _> = (0..100)
        .map(|index| (format!("a{index:03}"), json!({"type": 1})))
        .collect();
    let found = faults(&json!({"properties": properties}));
    assert_eq!(found.len(), MAX_FAULTS);
    assert!(
        found[31].starts_with("/properties/a031/type: "),
        "{found:?}"
    );
}

#[test]
fn a_reference_out_of_the_file_is_refused_and_never_followed() {
    for reference in [
        "https://example.com/other.json",
        "http://127.0.0.1:1/other.json#/a",
        "file:///etc/passwd",
        "other.json",
        "../other.json#/$defs/a",
        "urn:other",
    ] {
        for draft in DRAFTS {
            let schema = json!({"properties": {"a": {"$ref": reference}, "b": {"type": "null"}}});
            let said = format!("/properties/a/$ref: {LEADS_OUT}");
            assert_eq!(
                faults(&of_draft(draft, schema)),
                [said],
                "{draft} {reference}"
            );
        }
    }
    // Even where nothing leads, and each one.
    let schema = json!({"$defs": {"a": {"$ref": "x.json"}, "b": {"$dynamicRef": "y.json#z"}}});
    let said = |place| format!("/$defs/{place}: {LEADS_OUT}");
    assert_eq!(faults(&schema), [said("a/$ref"), said("b/$dynamicRef")]);
}

#[test]
fn a_reference_to_nowhere_is_refused_with_its_place() {
    for (reference, said) in [
        ("#/$defs/none", "Pointer '/$defs/none' does not exist"),
        ("#none", "Anchor 'none' does not exist"),
        (
            "#/allOf/x",
            "Failed to parse array index 'x' in pointer '/allOf/x'",
        ),
    ] {
        let schema = json!({"allOf": [true], "properties": {"a": {"$ref": reference}}});
        let said = format!("/properties/a/$ref: the reference leads nowhere: {said}");
        assert_eq!(faults(&schema), [said]);
    }
    // Even where nothing leads.
    let unused = json!({"$defs": {"a": {"$ref": "#/$defs/b"}}});
    assert!(faults(&unused)[0].starts_with("/$defs/a/$ref: "));
    // To what is no schema.
    let schema = json!({"enum": [3], "properties": {"a": {"$ref": "#/enum/0"}}});
    assert_eq!(
        faults(&schema),
        ["/enum/0: must be of type boolean or object"]
    );
    let schema = json!({"properties": {"a": {"$ref": "http://[x"}}});
    let found = faults(&schema);
    assert!(
        found[0].starts_with("/properties/a/$ref: not a URI: "),
        "{found:?}"
    );
}

#[test]
fn references_within_the_file_lead_where_they_say() {
    for schema in [
        json!({"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {}}}),
        json!({"$id": "person.json", "properties": {"a": {"$ref": "person.json#/$defs/x"}}, "$defs": {"x": {}}}),
        json!({"$id": "https://example.com/p#", "$ref": "#n", "$defs": {"x": {"$anchor": "n"}}}),
        json!({"$ref": "part.json", "$defs": {"x": {"$id": "part.json", "$ref": "#/$defs/y", "$defs": {"y": {}}}}}),
        json!({"$ref": "#/$defs/%7Ea~1b%25", "$defs": {"~a/b%": {}}}),
        json!({"$ref": "https://json-schema.org/draft/2020-12/schema"}),
    ] {
        // `~` in a pointer is `~0`: the one that names it raw leads nowhere.
        let text = schema.to_string().replace("%7Ea", "%7E0a");
        assert_eq!(faults_of_text(&text), [""; 0], "{text}");
    }
    let schema = json!({"$ref": "http://json-schema.org/draft-07/schema#", "$schema": DRAFTS[1]});
    assert_eq!(faults(&schema), [""; 0]);
}

/// Each place where a draft takes a pattern. A backtracking engine would take these patterns: that
/// they are refused shows that there is none.
#[test]
fn a_pattern_that_needs_backtracking_is_refused_everywhere() {
    for draft in DRAFTS {
        for pattern in ["(?=a)b", "^(?!a)b", "(?<=a)b", r"(a)\1", r"(?<n>a)\k<n>"] {
            let escaped = pattern.replace('/', "~1");
            let by_name = json!({pattern: {}});
            let mut places = vec![
                (json!({"pattern": pattern}), "/pattern".to_owned()),
                (
                    json!({"properties": {"a": {"not": {"items": {"pattern": pattern}}}}}),
                    "/properties/a/not/items/pattern".to_owned(),
                ),
                (
                    json!({"definitions": {"a": {"pattern": pattern}}, "anyOf": [{"$ref": "#/definitions/a"}]}),
                    "/definitions/a/pattern".to_owned(),
                ),
                (
                    json!({"patternProperties": by_name}),
                    format!("/patternProperties/{escaped}"),
                ),
                (
                    json!({"patternProperties": by_name, "additionalProperties": false}),
                    format!("/patternProperties/{escaped}"),
                ),
                (
                    json!({"patternProperties": {"^x": {}, pattern: {}}, "additionalProperties": {}, "properties": {"a": {}}}),
                    format!("/patternProperties/{escaped}"),
                ),
            ];
            if draft != DRAFTS[3] {
                let names = json!({"propertyNames": {"pattern": pattern}});
                places.push((names, "/propertyNames/pattern".to_owned()));
            }
            if draft == DRAFTS[0] {
                let rest = json!({"patternProperties": by_name, "unevaluatedProperties": false});
                places.push((rest, format!("/patternProperties/{escaped}")));
            }
            for (schema, place) in places {
                let schema = of_draft(draft, schema);
                assert_eq!(faults(&schema), [format!("{place}: {PATTERN}")], "{schema}");
            }
        }
    }
}

#[test]
fn a_pattern_that_would_take_too_much_memory_is_refused() {
    for pattern in ["((a{1000}){1000}){1000}", r"\p{L}(\p{L}\p{N}){400}x"] {
        let schema = json!({"properties": {"a": {"pattern": pattern}}});
        let said = format!("/properties/a/pattern: {PATTERN}");
        assert_eq!(faults(&schema), [said]);
    }
    sound(&json!({"pattern": r"^\p{L}[\p{L}\p{M} '-]{0,62}\p{L}$"}));
}

#[test]
fn a_schema_that_demands_the_user_id_is_refused() {
    let schema = json!({"required": ["name", "userId"]});
    assert_eq!(
        faults(&schema),
        ["/required/1: the schema is applied to a profile without userId: leave it out here"]
    );
    sound(&json!({"properties": {"userId": {"type": "string"}}}));
}

#[test]
fn an_error_shows_one_line_a_fault() {
    let error = parse(&json!({"maximum": "x", "minimum": "x"})).unwrap_err();
    assert_eq!(
        error.to_string(),
        "/maximum: must be of type number\n/minimum: must be of type number"
    );
}
