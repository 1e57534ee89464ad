//! Events that nobody would send: whatever is in them, there is a request or a clear refusal, and never a panic.

use proptest::prelude::*;
use serde_json::{Value, json};
use usher_lambda::event::read;

use crate::{corpus, event};

/// What may stand anywhere.
fn anything() -> impl Strategy<Value = Value> {
    let odd = prop::sample::select(vec![
        json!(null),
        json!(true),
        json!(-1),
        json!(1e300),
        json!([]),
        json!({}),
        json!([null, {"a": []}]),
        json!("\u{0}\r\n"),
        json!("/"),
        json!("//"),
        json!("%"),
        json!("%ff/%2F"),
        json!("http://[::1"),
        json!("a b?c#d"),
        json!("\u{1f600}\u{202e}"),
        json!("/{a}/{b+}"),
        json!("$default"),
        json!("x".repeat(70_000)),
    ]);
    prop_oneof![odd, ".{0,12}".prop_map(|text| json!(text))]
}

/// A change somewhere: at the place that `path` leads to, whichever members there are.
#[derive(Debug, Clone)]
enum Change {
    Replace(Value),
    Remove,
    Add(String, Value),
}

fn changes() -> impl Strategy<Value = Vec<(Vec<prop::sample::Index>, Change)>> {
    let names = prop::sample::select(vec![
        "httpMethod",
        "path",
        "version",
        "requestContext",
        "elb",
        "http",
        "method",
        "headers",
        "resource",
        "multiValueHeaders",
        "multiValueQueryStringParameters",
        "pathParameters",
        "isBase64Encoded",
        "body",
        "cookies",
        "stage",
        "routeKey",
        "rawPath",
        "",
        "\u{0}",
        "a b",
    ]);
    let change = prop_oneof![
        3 => anything().prop_map(Change::Replace),
        1 => Just(Change::Remove),
        2 => (names, anything()).prop_map(|(name, value)| Change::Add(name.to_owned(), value)),
    ];
    let path = prop::collection::vec(any::<prop::sample::Index>(), 0..4);
    prop::collection::vec((path, change), 1..6)
}

fn apply(event: &mut Value, path: &[prop::sample::Index], change: Change) {
    match (event, path) {
        (Value::Object(members), [first, rest @ ..]) if !members.is_empty() => {
            let name = members
                .keys()
                .nth(first.index(members.len()))
                .cloned()
                .unwrap_or_default();
            if rest.is_empty() && matches!(change, Change::Remove) {
                members.remove(&name);
            } else if let Some(member) = members.get_mut(&name) {
                apply(member, rest, change);
            }
        }
        (Value::Array(elements), [first, rest @ ..]) if !elements.is_empty() => {
            let index = first.index(elements.len());
            apply(&mut elements[index], rest, change);
        }
        (Value::Object(members), _) if matches!(change, Change::Add(..)) => {
            if let Change::Add(name, value) = change {
                members.insert(name, value);
            }
        }
        (place, _) => {
            if let Change::Replace(value) = change {
                *place = value;
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, ..ProptestConfig::default() })]

    #[test]
    fn a_spoiled_event_is_a_request_or_refused(
        which in any::<prop::sample::Index>(),
        changes in changes(),
    ) {
        let names = corpus();
        let mut event = event(&names[which.index(names.len())]);
        for (path, change) in changes {
            apply(&mut event, &path, change);
        }
        match read(&event) {
            Ok(call) => {
                // Whoever routes it relies on this.
                prop_assert!(call.request.uri().path().starts_with('/') || call.request.uri().path() == "*");
            }
            Err(refused) => prop_assert!(refused.to_string().len() < 400),
        }
    }
}

/// What is called `other_…` is no request, and all else is one.
#[test]
fn all_of_the_corpus_is_what_its_name_says() {
    for name in corpus() {
        let is_other = name.starts_with("other_");
        assert_eq!(read(&event(&name)).is_err(), is_other, "{name}");
    }
}
