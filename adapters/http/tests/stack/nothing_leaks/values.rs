//! What profiles hold: few values, so that guesses are right at times.

use std::collections::BTreeSet;

use proptest::{prelude::*, sample::select};
use serde_json::{Map, Value, json};

/// The attributes; any of them may be the hidden one.
pub(super) const NAMES: [&str; 7] = ["name", "email", "tier", "age", "secret", "list", "a/b"];

/// Half of the time one of two, for a guess to be right in one world and wrong in the other; else of
/// every type, some small, some large, some deep.
pub(super) fn value() -> impl Strategy<Value = Value> {
    let likely = select(vec![json!("gold"), json!({"x": 1})]);
    prop_oneof![likely, any_value()]
}

fn any_value() -> impl Strategy<Value = Value> {
    select(vec![
        Value::Null,
        json!(true),
        json!(false),
        json!(1),
        json!(2),
        json!("gold"),
        json!("a@b"),
        json!(""),
        json!("marked ".repeat(40)),
        json!({}),
        json!({"x": 1}),
        json!({"x": 2, "y": null}),
        json!({"x": {"y": [1, 2]}}),
        json!([]),
        json!([1]),
        json!([1, {"x": 1}, "gold"]),
        (0..25).fold(json!(1), |inner, _| json!([inner])),
    ])
}

/// A value that the schema takes under `name`.
fn fitting(name: &'static str) -> BoxedStrategy<Value> {
    match name {
        "age" => (0..3_u64).prop_map(Value::from).boxed(),
        "email" => select(vec![json!("a@b"), json!("c@d")]).boxed(),
        "secret" => value()
            .prop_filter("true or false", |value| !value.is_boolean())
            .boxed(),
        _ => value().boxed(),
    }
}

/// A value for each of [`NAMES`], and whether it is there.
pub(super) type Content = Vec<(Value, bool)>;

pub(super) fn content() -> impl Strategy<Value = Content> {
    Vec::from(NAMES.map(|name| (fitting(name), any::<bool>())))
}

/// The attributes of a content that are there, or have to be.
pub(super) fn attributes(
    content: &Content,
    required: &BTreeSet<&'static str>,
) -> Map<String, Value> {
    NAMES
        .iter()
        .zip(content)
        .filter(|(name, (_, is_there))| *is_there || required.contains(*name))
        .map(|(name, (value, _))| ((*name).to_owned(), value.clone()))
        .collect()
}
