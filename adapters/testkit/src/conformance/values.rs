//! Generated JSON objects of the portable form.

use proptest::{collection, prelude::*, string::string_regex};
use serde_json::{Map, Number, Value};

/// Any portable object: nested, with every kind of number and text.
pub fn portable_object() -> impl Strategy<Value = Map<String, Value>> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        number().prop_map(Value::Number),
        text().prop_map(Value::String),
    ];
    let value = leaf.prop_recursive(6, 48, 6, |inner| {
        prop_oneof![
            collection::vec(inner.clone(), 0..6).prop_map(Value::Array),
            collection::btree_map(name(), inner, 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    });
    collection::btree_map(
        name().prop_filter("reserved", |name| !name.starts_with('_')),
        value,
        0..8,
    )
    .prop_map(|mut members| {
        members.remove("userId");
        members.into_iter().collect()
    })
}

/// Numbers at and around the ends of the range, and any others.
fn number() -> impl Strategy<Value = Number> {
    let double = any::<f64>().prop_filter_map("not portable", |double| {
        let size = double.abs();
        (size == 0.0 || (1e-129..1e125).contains(&size)).then(|| Number::from_f64(double))?
    });
    prop_oneof![
        any::<i64>().prop_map(Number::from),
        prop::sample::select(vec![0, 1, -1, i64::MIN, i64::MAX, 1 << 53, (1 << 53) + 1])
            .prop_map(Number::from),
        double,
        prop::sample::select(vec![
            0.1,
            -0.1,
            1e-130,
            9.999e125,
            1e20,
            1e21,
            123_456.789,
            5e-324_f64.sqrt()
        ])
        .prop_filter_map("not portable", |double: f64| {
            (1e-130..1e126)
                .contains(&double.abs())
                .then(|| Number::from_f64(double))?
        }),
    ]
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        string_regex("[\\x01-\\x7f]{0,24}").expect("a pattern"),
        string_regex("[\u{80}-\u{ff}\u{2028}\u{fffd}\u{1f600}-\u{1f64f}é\u{301}]{0,8}")
            .expect("a pattern"),
        any::<String>().prop_map(|text| text.replace('\0', "")),
    ]
}

fn name() -> impl Strategy<Value = String> {
    text().prop_map(|text| {
        if text.is_empty() {
            "n".to_owned()
        } else {
            text
        }
    })
}
