//! The schema is the operator's; the profile is anybody's. Where a test names no bound, it shows
//! that there is an end: without the bounds, these run for years, or out of memory.

use serde_json::{Map, Value, json};
use usher_domain::{
    json::portable::{MAX_DEPTH, MAX_VIOLATIONS},
    ports::ProfileSchema,
};
use usher_schema_json::MAX_REGEX_BYTES;

use super::{DRAFTS, attributes, of_draft, sound, violations};

/// `{"child": {"child": … leaf}}`, as deep as a profile may be.
fn deepest(leaf: &Value) -> Value {
    (1..MAX_DEPTH).fold(leaf.clone(), |inside, _| json!({"child": inside}))
}

#[test]
fn a_recursive_schema_ends_at_the_deepest_profile() {
    for reference in ["$ref", "$dynamicRef"] {
        let schema = sound(&json!({
            "$dynamicAnchor": "node",
            "properties": {"child": {reference: if reference == "$ref" { "#" } else { "#node" }}},
            "additionalProperties": {"type": "string"},
        }));
        assert_eq!(violations(&schema, deepest(&json!({"a": "x"}))), [""; 0]);
        let place = "/child".repeat(MAX_DEPTH - 1);
        assert_eq!(
            violations(&schema, deepest(&json!({"a": 1}))),
            [format!("{place}/a: must be of type string")]
        );
    }
    let circle = sound(&json!({"allOf": [{"$ref": "#/$defs/a"}], "$defs": {"a": {"$ref": "#"}}}));
    assert_eq!(violations(&circle, deepest(&json!({}))), [""; 0]);
}

/// Each level leads to the next one twice or more: 2^31 ways to the leaf.
#[test]
fn faults_that_multiply_with_each_level_end() {
    let next = |name: &str| json!({"properties": {"child": {"$ref": "#"}}, "required": [name]});
    for schema in [
        json!({"anyOf": [next("a"), next("b"), next("c")]}),
        json!({"oneOf": [next("a"), next("b")]}),
        json!({"unevaluatedProperties": false, "anyOf": [next("a"), next("b")]}),
    ] {
        let found = violations(&sound(&schema), deepest(&json!({"z": 1})));
        assert!(
            found[0].starts_with(": must match one of the schemas in "),
            "{found:?}"
        );
    }
    let twice = json!({"properties": {"child": {"$ref": "#"}, "z": {"type": "string"}}});
    let schema = sound(&json!({"allOf": [twice, twice]}));
    assert_eq!(violations(&schema, deepest(&json!({"z": "x"}))), [""; 0]);
    let place = "/child".repeat(MAX_DEPTH - 1);
    assert_eq!(
        violations(&schema, deepest(&json!({"z": 1}))),
        [format!("{place}/z: must be of type string")]
    );
}

/// Each of 70 000 faults has a pointer of 100 KB, unless somebody stops: 7 GB.
#[test]
fn faults_with_long_pointers_are_not_all_kept() {
    let schema = sound(&json!({"additionalProperties": {"items": {"type": "string"}}}));
    let found = violations(&schema, json!({"n".repeat(100_000): vec![0; 70_000]}));
    assert_eq!(found, ["/…: must be of type string"]);
}

/// 80 000 elements lack 1 000 members each.
#[test]
fn faults_that_multiply_with_each_element_are_not_all_kept() {
    let names: Vec<_> = (0..1000).map(|index| format!("r{index:03}")).collect();
    let schema = sound(&json!({"properties": {"a": {"items": {"required": names}}}}));
    let found = violations(&schema, json!({"a": vec![json!({}); 80_000]}));
    assert_eq!(found.len(), MAX_VIOLATIONS);
    assert_eq!(found[0], "/a/0: must have the member \"r000\"");
}

/// Each of 2 000 alternatives looks at each of 100 000 elements.
#[test]
fn a_profile_that_would_take_too_much_work_is_refused() {
    let alternatives: Vec<_> = (0..2000)
        .map(|index| json!({"items": {"type": "integer"}, "minItems": 1_000_000 + index}))
        .collect();
    let alternatives = json!({"not": {"anyOf": alternatives}});
    let all: Vec<_> = (0..2000)
        .map(|index| json!({"items": {"type": "integer", "maximum": index}}))
        .collect();
    let schema = sound(&json!({"properties": {"a": {"allOf": all}, "b": alternatives}}));
    assert_eq!(
        violations(&schema, json!({"a": vec![0; 100_000]})),
        [": takes too much work to hold against the schema"]
    );
    // As large, but not as much work.
    assert_eq!(violations(&schema, json!({"b": vec![0; 100_000]})), [""; 0]);
}

/// The largest profile, every value of it wrong in a different way of an ordinary schema.
#[test]
fn the_largest_profile_is_within_the_bounds() {
    let schema = sound(&json!({
        "$defs": {"node": {"oneOf": [
            {"type": "integer", "minimum": 0, "multipleOf": 1},
            {"type": "array", "items": {"$ref": "#/$defs/node"}},
            {"type": "object", "additionalProperties": {"$ref": "#/$defs/node"}},
        ]}},
        "additionalProperties": {"$ref": "#/$defs/node"},
    }));
    let row = vec![0; 100];
    let whole = json!({"a": vec![row; 1200]});
    assert_eq!(violations(&schema, whole), [""; 0]);
}

#[test]
fn a_pattern_is_matched_in_linear_time() {
    // A backtracking engine would give up after a bound or never end, and not say that it does not
    // match. What it could do beyond a linear one is refused: see `bad`.
    for pattern in [
        "^(a+)+$",
        "(a|a)*b$",
        "^(a|aa)+$",
        "(x+x+)+y",
        "^(.*,){12}P$",
    ] {
        for draft in DRAFTS {
            let schema = json!({
                "properties": {"z": {"pattern": pattern}},
                "patternProperties": {pattern: {"not": {}}},
            });
            let schema = sound(&of_draft(draft, schema));
            let text = format!("{}!", "a".repeat(100_000));
            let found = violations(&schema, json!({"0": 1, &text: 1, "z": text}));
            assert_eq!(
                found,
                [format!("/z: must match the pattern {pattern}")],
                "{draft}"
            );
        }
    }
}

#[test]
fn a_text_that_is_a_regex_is_judged_up_to_a_bound() {
    let schema = json!({"properties": {"a": {"format": "regex"}}});
    let schema = sound(&of_draft(DRAFTS[1], schema));
    let holds = |text: &str| violations(&schema, json!({"a": text})).is_empty();
    // Look-around is not for our patterns, but it is a regular expression.
    assert!(holds("^(?=a)[a-z]{1,9}$"));
    assert!(!holds("("));
    assert!(holds(&"a".repeat(MAX_REGEX_BYTES)));
    assert!(!holds(&"a".repeat(MAX_REGEX_BYTES + 1)));
    assert!(!holds(&"(".repeat(250_000)));
}

/// What is counted changes no verdict: the engine judges the same value without us.
#[test]
fn verdicts_are_those_of_the_engine() {
    let schema = json!({
        "type": "object",
        "properties": {
            "n": {"type": "integer", "multipleOf": 3, "exclusiveMaximum": 100},
            "s": {"type": "string", "minLength": 2, "maxLength": 4, "pattern": "^[a-zé]*$"},
            "l": {"type": "array", "uniqueItems": true, "contains": {"const": 1}, "maxItems": 20},
            "o": {"enum": [{"x": 1, "y": [1.5]}, null]},
            "t": {"$ref": "#"},
            "b": {"oneOf": [{"type": "boolean"}, {"const": true}, {"type": "null"}]},
        },
        "patternProperties": {"^x-": {"type": ["string", "number"]}},
        "propertyNames": {"maxLength": 3},
        "dependentRequired": {"n": ["s"]},
        "unevaluatedProperties": false,
        "minProperties": 1,
    });
    let ours = sound(&schema);
    let theirs = jsonschema::validator_for(&schema).unwrap();
    let values = [
        json!(null),
        json!(true),
        json!(false),
        json!(0),
        json!(3),
        json!(3.0),
        json!(99),
        json!(102),
        json!(-3),
        json!(1.5),
        json!(9_007_199_254_740_993_i64),
        json!(""),
        json!("ab"),
        json!("éé"),
        json!("ééééé"),
        json!("a1"),
        json!([]),
        json!([1]),
        json!([1, 1.0]),
        json!([0, -0.0, 1]),
        json!((0..30).collect::<Vec<_>>()),
        json!({}),
        json!({"x": 1, "y": [1.5]}),
        json!({"x": 1.0, "y": [1.5]}),
        json!({"n": 3, "s": "ab"}),
        json!({"t": {"t": {"n": 1}}}),
    ];
    let mut judged = [0; 2];
    for one in ["n", "s", "l", "o", "t", "b", "x-", "x-y", "z", "long"] {
        for other in ["n", "s", "l", "o", "t", "b", "x-", "z"] {
            for value in &values {
                for beside in &values {
                    let profile = json!({one: value, other: beside});
                    let holds = theirs.is_valid(&profile);
                    judged[usize::from(holds)] += 1;
                    let found = ours.violations(&attributes(profile.clone()));
                    assert_eq!(found.is_empty(), holds, "{profile}: {found:?}");
                }
            }
        }
    }
    assert!(judged[0] > 1000 && judged[1] > 1000, "{judged:?}");
}

/// A schema that takes `steps` steps on each level before it leads to the next.
fn long_way(steps: usize) -> Value {
    let step = |index: usize| {
        let next = json!({"$ref": format!("#/$defs/d{}", index + 1)});
        match index % 4 {
            0 => json!({"allOf": [next, {"type": "object"}]}),
            1 => json!({"anyOf": [next, false]}),
            2 => json!({"if": true, "then": next}),
            _ => next,
        }
    };
    let mut definitions: Map<String, Value> = (0..steps)
        .map(|index| (format!("d{index}"), step(index)))
        .collect();
    let last = json!({"properties": {"child": {"$ref": "#"}, "z": {"type": "string"}}});
    definitions.insert(format!("d{steps}"), last);
    json!({"$ref": "#/$defs/d0", "$defs": definitions})
}

/// The engine calls itself for each step on each level, and a thread that serves has 2 MiB of stack,
/// as this test's has: past its end, the process would end.
#[test]
fn a_profile_that_would_take_too_much_stack_is_refused() {
    let ordinary = sound(&long_way(20));
    assert_eq!(violations(&ordinary, deepest(&json!({"z": "x"}))), [""; 0]);
    let found = violations(&ordinary, deepest(&json!({"z": 1})));
    assert!(found[0].starts_with(": must match one of"), "{found:?}");
    let long = sound(&long_way(300));
    assert_eq!(violations(&long, json!({"child": {"z": "x"}})), [""; 0]);
    for leaf in [json!({"z": "x"}), json!({"z": 1})] {
        assert_eq!(
            violations(&long, deepest(&leaf)),
            [": takes too much work to hold against the schema"]
        );
    }
}
