use super::*;

fn embedded(schema: &Value) -> Value {
    embed(schema, "/components/schemas/S")
}

#[test]
fn references_lead_to_the_schemas_new_place() {
    let written = embedded(&json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "https://example.com/profile.json",
        "properties": {
            "a": {"$ref": "#/$defs/a~1b%20c"},
            "b": {"$ref": "profile.json#named"},
            "c": {"$ref": "https://example.com/profile.json"},
            "d": {"$dynamicRef": "#node"},
            "e": {"$ref": "https://elsewhere.example/schema.json"},
        },
        "$defs": {
            "a/b c": {"type": "string"},
            "n": {"$anchor": "named", "type": "number"},
            "d": {"$dynamicAnchor": "node", "type": "null"},
        },
    }));
    assert_eq!(
        written,
        json!({
            "properties": {
                "a": {"$ref": "#/components/schemas/S/$defs/a~1b%20c"},
                "b": {"$ref": "#/components/schemas/S/$defs/n"},
                "c": {"$ref": "#/components/schemas/S"},
                "d": {"$ref": "#/components/schemas/S/$defs/d"},
                "e": {"$ref": "https://elsewhere.example/schema.json"},
            },
            "$defs": {
                "a/b c": {"type": "string"},
                "n": {"type": "number"},
                "d": {"type": "null"},
            },
        })
    );
}

#[test]
fn data_that_looks_like_a_reference_is_left_alone() {
    let data = json!({"$ref": "#/definitions/x", "$id": "x", "items": []});
    let schema = json!({
        "const": data, "default": data, "enum": [data], "examples": [data],
    });
    assert_eq!(embedded(&schema), schema);
    // A property may have any name.
    let named = json!({
        "properties": {"$ref": {"type": "string"}, "const": {"$ref": "#/properties/$ref"}},
    });
    assert_eq!(
        embedded(&named)["properties"]["const"],
        json!({"$ref": "#/components/schemas/S/properties/$ref"})
    );
}

#[test]
fn draft_4_says_the_same_in_2020_12() {
    let written = embedded(&json!({
        "$schema": "http://json-schema.org/draft-04/schema#",
        "id": "http://example.com/root.json",
        "type": "object",
        "const": "no keyword in draft 4",
        "if": {"type": "string"},
        "properties": {
            "id": {"type": "string"},
            "age": {"minimum": 0, "exclusiveMinimum": true, "maximum": 9, "exclusiveMaximum": false},
            "pair": {"items": [{"type": "string"}, {"$ref": "#/definitions/d"}], "additionalItems": false},
            "list": {"items": {"type": "string"}, "additionalItems": false},
            "second": {"$ref": "#/properties/pair/items/1", "maxLength": 3, "title": "T"},
        },
        "dependencies": {"a": ["b"], "c": {"required": ["d"]}},
        "definitions": {"d": {"type": "null"}},
    }));
    assert_eq!(
        written,
        json!({
            "type": "object",
            "properties": {
                "id": {"type": "string"},
                "age": {"exclusiveMinimum": 0, "maximum": 9},
                "pair": {
                    "prefixItems": [
                        {"type": "string"},
                        {"$ref": "#/components/schemas/S/definitions/d"},
                    ],
                    "items": false,
                },
                "list": {"items": {"type": "string"}},
                "second": {"$ref": "#/components/schemas/S/properties/pair/prefixItems/1", "title": "T"},
            },
            "dependentRequired": {"a": ["b"]},
            "dependentSchemas": {"c": {"required": ["d"]}},
            "definitions": {"d": {"type": "null"}},
        })
    );
}

#[test]
fn a_reference_beside_other_keywords_counts_alone_in_draft_7_and_with_them_in_2020_12() {
    let schema = |draft: &str| {
        json!({
            "$schema": draft,
            "definitions": {"d": {"type": "string"}},
            "properties": {"a": {"$ref": "#/definitions/d", "maxLength": 3}},
        })
    };
    let old = embedded(&schema("http://json-schema.org/draft-07/schema#"));
    let new = embedded(&schema("https://json-schema.org/draft/2020-12/schema"));
    let target = "#/components/schemas/S/definitions/d";
    assert_eq!(old["properties"]["a"], json!({"$ref": target}));
    assert_eq!(
        new["properties"]["a"],
        json!({"$ref": target, "maxLength": 3})
    );
}

#[test]
fn ids_of_inner_schemas_and_unknown_keywords_are_followed() {
    let written = embedded(&json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "$id": "http://example.com/a/root.json",
        "shared": {"x": {"$ref": "#/shared/y"}, "y": {"type": "string"}},
        "definitions": {
            "inner": {"$id": "inner.json", "definitions": {"z": {"type": "null"}}, "items": {"$ref": "#/definitions/z"}},
            "anchor": {"$id": "#here", "type": "number"},
        },
        "allOf": [
            {"$ref": "#/shared/x"},
            {"$ref": "inner.json#/definitions/z"},
            {"$ref": "/a/inner.json"},
            {"$ref": "#here"},
            {"$ref": "#"},
        ],
    }));
    let place = |rest: &str| json!({"$ref": format!("#/components/schemas/S{rest}")});
    assert_eq!(
        written["allOf"],
        json!([
            place("/shared/x"),
            place("/definitions/inner/definitions/z"),
            place("/definitions/inner"),
            place("/definitions/anchor"),
            place(""),
        ])
    );
    assert_eq!(written["shared"]["x"], place("/shared/y"));
    assert_eq!(
        written["definitions"]["inner"]["items"],
        place("/definitions/inner/definitions/z")
    );
    assert_eq!(written["definitions"]["anchor"], json!({"type": "number"}));
}

#[test]
fn a_schema_may_be_a_boolean() {
    assert_eq!(embedded(&json!(true)), json!({}));
    assert_eq!(embedded(&json!(false)), json!({"not": {}}));
}
