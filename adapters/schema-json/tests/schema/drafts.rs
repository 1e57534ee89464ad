use serde_json::{Value, json};

use super::{DRAFTS, of_draft, sound, violations};

/// Whether `profile` holds, for each of [`DRAFTS`].
fn holds(schema: &Value, profile: &Value) -> [bool; 4] {
    DRAFTS.map(|draft| {
        let schema = sound(&of_draft(draft, schema.clone()));
        violations(&schema, profile.clone()).is_empty()
    })
}

#[test]
fn a_schema_without_dialect_is_of_2020_12() {
    // Each means something in 2020-12 alone.
    for (schema, profile) in [
        (json!({"prefixItems": [{"type": "null"}]}), json!([1])),
        (json!({"dependentRequired": {"a": ["b"]}}), json!({"a": 1})),
        (json!({"unevaluatedProperties": false}), json!({"a": 1})),
    ] {
        let schema = json!({"properties": {"p": schema}});
        let profile = json!({"p": profile});
        assert!(
            !violations(&sound(&schema), profile.clone()).is_empty(),
            "{schema}"
        );
        assert_eq!(
            holds(&schema, &profile),
            [false, true, true, true],
            "{schema}"
        );
    }
}

#[test]
fn each_draft_is_read_as_it_was_meant() {
    for (schema, profile, expected) in [
        // 6 has const, contains and propertyNames; 7 has if.
        (
            json!({"properties": {"a": {"const": 1}}}),
            json!({"a": 2}),
            [false, false, false, true],
        ),
        (
            json!({"properties": {"a": {"contains": {"type": "null"}}}}),
            json!({"a": [1]}),
            [false, false, false, true],
        ),
        (
            json!({"propertyNames": {"maxLength": 1}}),
            json!({"ab": 2}),
            [false, false, false, true],
        ),
        (
            json!({"if": {}, "then": {"required": ["x"]}}),
            json!({}),
            [false, false, true, true],
        ),
        // 1.0 is an integer, which 4 left open.
        (
            json!({"properties": {"a": {"type": "integer"}}}),
            json!({"a": 1.5}),
            [false; 4],
        ),
        // Beside $ref, 7, 6 and 4 read nothing.
        (
            json!({"properties": {"a": {"$ref": "#/definitions/any", "maxLength": 1}}, "definitions": {"any": {}}}),
            json!({"a": "xx"}),
            [false, true, true, true],
        ),
    ] {
        assert_eq!(holds(&schema, &profile), expected, "{schema}");
    }
    let four = json!({"properties": {"a": {"maximum": 5, "exclusiveMaximum": true}}});
    let four = sound(&of_draft(DRAFTS[3], four));
    assert_eq!(
        violations(&four, json!({"a": 5})),
        ["/a: must be less than 5"]
    );
    let seven =
        json!({"properties": {"a": {"items": [{"type": "null"}], "additionalItems": false}}});
    let seven = sound(&of_draft(DRAFTS[1], seven));
    assert_eq!(
        violations(&seven, json!({"a": [1, 2]})),
        [
            "/a: must have 1 elements or fewer",
            "/a/0: must be of type null"
        ]
    );
}

#[test]
fn a_dialect_is_known_by_any_of_its_uris() {
    for draft in [
        "http://json-schema.org/draft-07/schema",
        "http://json-schema.org/draft-07/schema#",
        "https://json-schema.org/draft-07/schema#",
    ] {
        let schema = sound(&json!({"$schema": draft, "if": {}, "then": {"required": ["b"]}}));
        assert_eq!(
            violations(&schema, json!({"a": 1})),
            [": must have the member \"b\""],
            "{draft}"
        );
    }
}

#[test]
fn formats_are_checked_up_to_draft_7() {
    for (format, bad, expected) in [
        ("email", "x", [true, false, false, false]),
        ("date-time", "today", [true, false, false, false]),
        ("uri", "not a uri", [true, false, false, false]),
        ("ipv6", "1.2.3.4", [true, false, false, false]),
        ("iri", "not an iri", [true, false, true, true]),
        ("json-pointer", "a", [true, false, false, true]),
        ("regex", "(", [true, false, false, false]),
        ("idn-hostname", "-", [true, true, true, true]),
        ("iban", "x", [true, true, true, true]),
    ] {
        let schema = json!({"properties": {"a": {"format": format}}});
        assert_eq!(holds(&schema, &json!({"a": bad})), expected, "{format}");
    }
}

#[test]
fn content_is_checked_in_drafts_7_and_6() {
    for (schema, bad) in [
        (json!({"contentEncoding": "base64"}), "%"),
        (json!({"contentMediaType": "application/json"}), "{"),
    ] {
        let schema = json!({"properties": {"a": schema}});
        let expected = [true, false, false, true];
        assert_eq!(holds(&schema, &json!({"a": bad})), expected, "{schema}");
    }
}

#[test]
fn a_part_of_another_draft_is_read_as_that_draft() {
    let part = json!({
        "$schema": DRAFTS[3],
        "id": "urn:part",
        "minimum": 5,
        "exclusiveMinimum": true,
    });
    let schema =
        sound(&json!({"properties": {"a": {"$ref": "urn:part"}}, "$defs": {"part": part}}));
    assert_eq!(
        violations(&schema, json!({"a": 5})),
        ["/a: must be more than 5"]
    );
}
