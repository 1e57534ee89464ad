use serde_json::{Value, json};
use usher_domain::{json::portable::MAX_VIOLATIONS, ports::ProfileSchema};
use usher_schema_json::MAX_DETAIL_BYTES;

use super::{attributes, sound, violations};

/// In every value that should not be there.
const SECRET: &str = "hunter2";

#[test]
fn a_schema_of_the_whole_profile_points_at_the_whole() {
    let schema = sound(&json!({"required": ["a", "b"], "minProperties": 3}));
    assert_eq!(
        violations(&schema, json!({"c": 1})),
        [
            ": must have 3 members or more",
            ": must have the member \"a\"",
            ": must have the member \"b\"",
        ]
    );
    assert_eq!(
        violations(&sound(&json!(false)), json!({})),
        [": nothing is allowed here"]
    );
    assert_eq!(violations(&sound(&json!(true)), json!({"a": 1})), [""; 0]);
    let constant = sound(&json!({"enum": [{"a": 1}, 7]}));
    assert_eq!(violations(&constant, json!({"a": 1.0})), [""; 0]);
    assert_eq!(
        violations(&constant, json!({"a": 2})),
        [": must be one of [{\"a\":1},7]"]
    );
}

#[test]
fn each_member_that_should_not_be_there_has_a_place_of_its_own() {
    for closed in ["additionalProperties", "unevaluatedProperties"] {
        let schema = sound(&json!({"properties": {"a": {}}, closed: false}));
        assert_eq!(
            violations(&schema, json!({"a": 1, "z": SECRET, "b~/": SECRET})),
            [
                "/b~0~1: the schema has no such member",
                "/z: the schema has no such member",
            ],
            "{closed}"
        );
    }
}

#[test]
fn violations_come_in_the_order_of_their_places_each_once() {
    let schema = sound(&json!({
        "properties": {
            "b": {"type": "string"},
            "a": {"items": {"minimum": 5, "multipleOf": 7}},
        },
        "allOf": [{"properties": {"b": {"type": "string"}}}],
        "required": ["c"],
    }));
    let many: Vec<_> = (0..12)
        .map(|index| if index % 5 == 0 { 1 } else { 7 })
        .collect();
    let profile = json!({"b": 1, "a": many});
    let expected = [
        ": must have the member \"c\"",
        "/a/0: must be 5 or more",
        "/a/0: must be a multiple of 7",
        "/a/5: must be 5 or more",
        "/a/5: must be a multiple of 7",
        "/a/10: must be 5 or more",
        "/a/10: must be a multiple of 7",
        "/b: must be of type string",
    ];
    for _ in 0..3 {
        assert_eq!(violations(&schema, profile.clone()), expected);
    }
}

#[test]
fn no_more_violations_are_told_than_an_answer_may_have() {
    let closed = sound(&json!({"additionalProperties": false, "properties": {"a": {}}}));
    let names: Value = (0..100)
        .map(|index| (format!("m{index:03}"), json!(1)))
        .collect();
    let found = violations(&closed, names);
    assert_eq!(found.len(), MAX_VIOLATIONS);
    assert_eq!(found[31], "/m031: the schema has no such member");
    let items = sound(&json!({"properties": {"a": {"items": {"type": "string"}}}}));
    let found = violations(&items, json!({"a": vec![0; 100]}));
    assert_eq!(found.len(), MAX_VIOLATIONS);
    assert_eq!(found[31], "/a/31: must be of type string");
}

#[test]
fn a_rule_that_is_long_is_cut_and_stays_text() {
    let options: Vec<_> = (0..10_000).map(|index| format!("ä{index}")).collect();
    let pattern = format!("^{}$", "é".repeat(1000));
    let alternatives: Vec<_> = (0..100).map(|index| json!({"const": index})).collect();
    for schema in [
        json!({"enum": options}),
        json!({"const": options}),
        json!({"pattern": pattern}),
        json!({"required": ["r".repeat(1000)]}),
        json!({"anyOf": alternatives}),
    ] {
        let schema = sound(&json!({"properties": {"a": schema, "b": {}}}));
        for profile in [json!({"a": "x"}), json!({"a": {}})] {
            for violation in schema.violations(&attributes(profile)) {
                let detail = violation.detail;
                assert!(detail.ends_with('…'), "{detail}");
                assert!(
                    (MAX_DETAIL_BYTES - 4..=MAX_DETAIL_BYTES).contains(&detail.len()),
                    "{}",
                    detail.len()
                );
            }
        }
    }
}
