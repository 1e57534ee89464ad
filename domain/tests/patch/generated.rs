//! Generated patches, most of whose places are there.

use proptest::{
    collection::vec,
    prelude::*,
    sample::{Index, select},
};
use serde_json::{Value, json};

use crate::{
    documents::{Document, Whim},
    oracle,
};

/// What an operation is meant to do. Where, is found when the document at that step is known.
#[derive(Debug, Clone)]
pub(crate) struct Intent {
    op: &'static str,
    target: Index,
    source: Index,
    /// The name of a new member, and where to put a new element.
    name: String,
    index: Index,
    value: Document,
    /// What a test expects is mostly what is there.
    guess: bool,
    /// Names that follow the place, and mostly lead nowhere.
    slip: Option<&'static str>,
}

pub(crate) fn intents(
    value: impl Strategy<Value = Document>,
) -> impl Strategy<Value = Vec<Intent>> {
    let ops = select(vec!["add", "remove", "replace", "move", "copy", "test"]);
    let name = prop_oneof![
        4 => select(vec!["a", "b", "c", "-", "0", "/", "~", "~1"]).prop_map(str::to_owned),
        1 => crate::documents::name(),
        1 => select(vec!["", "_x", "userId"]).prop_map(str::to_owned),
    ];
    let slips = vec![
        "/x", "/00", "/+1", "/1.0", "/-", "/-/a", "/99", "/", "/0/0/0", "/~01",
    ];
    let slip = prop::option::weighted(0.06, select(slips));
    let places = (any::<Index>(), any::<Index>(), any::<Index>());
    let intent = (ops, places, name, value, prop::bool::weighted(0.1), slip);
    let intent =
        intent.prop_map(
            |(op, (target, source, index), name, value, guess, slip)| Intent {
                op,
                target,
                source,
                name,
                index,
                value,
                guess,
                slip,
            },
        );
    vec(intent, 0..10)
}

/// A JSON Patch as a value and in one of its spellings.
#[derive(Debug)]
pub(crate) struct Operations {
    pub(crate) steps: Vec<Value>,
    pub(crate) text: String,
}

/// The operations that are meant, up to the first that is refused, and what comes of them.
pub(crate) fn carried_out(
    document: &Value,
    intents: &[Intent],
    whim: &mut Whim,
    max_bytes: usize,
) -> (Operations, Result<Value, Vec<oracle::Refusal>>) {
    let mut outcome = Ok(document.clone());
    let (mut steps, mut texts) = (Vec::new(), Vec::new());
    for intent in intents {
        let Ok(now) = &outcome else { break };
        let (step, text) = operation(now, intent, whim);
        outcome = oracle::step(now, &step, max_bytes);
        steps.push(step);
        texts.push(text);
    }
    let text = format!("[{}]", texts.join(","));
    (Operations { steps, text }, outcome)
}

fn operation(now: &Value, intent: &Intent, whim: &mut Whim) -> (Value, String) {
    let mut there = Vec::new();
    collect("", now, &mut there);
    let containers: Vec<_> = there
        .iter()
        .filter(|(_, value)| oracle::depth(value) > 0)
        .collect();
    let (source, _) = there[intent.source.index(there.len())].clone();
    let (mut target, value_there) = there[intent.target.index(there.len())].clone();
    let places = ["add", "move", "copy"].contains(&intent.op);
    if places && !containers.is_empty() && intent.index.index(4) > 0 {
        let (container, value) = containers[intent.target.index(containers.len())];
        target = match value {
            Value::Array(elements) => {
                // One of the elements, the end, and the end by its other name.
                let index = intent.index.index(elements.len() + 2);
                let end = index > elements.len();
                let name = if end {
                    "-".to_owned()
                } else {
                    index.to_string()
                };
                oracle::joined(container, &name)
            }
            _ => oracle::joined(container, &intent.name),
        };
    }
    target.push_str(intent.slip.unwrap_or_default());
    let into_itself = target == source || target.starts_with(&format!("{source}/"));
    let op = match intent.op {
        // A value cannot be moved into itself: not a patch at all.
        "move" if into_itself && (source.is_empty() || target != source) => "copy",
        op => op,
    };
    // On the way a document may have an empty name; a patch may not.
    let guess = intent.guess || oracle::has_empty_name(&value_there);
    let (value, spelled) = if op == "test" && !guess {
        (value_there.clone(), value_there.to_string())
    } else {
        (intent.value.value(), intent.value.spelled(whim))
    };
    let path = Value::from(target);
    match op {
        "remove" => {
            let step = json!({"op": op, "path": path});
            let text = step.to_string();
            (step, text)
        }
        "move" | "copy" => {
            let step = json!({"op": op, "path": path, "from": source});
            let text = step.to_string();
            (step, text)
        }
        _ => {
            let text = format!(r#"{{"value":{spelled},"op":"{op}","path":{path}}}"#);
            (json!({"op": op, "path": path, "value": value}), text)
        }
    }
}

/// Every place of a document, and what is there.
fn collect(pointer: &str, value: &Value, places: &mut Vec<(String, Value)>) {
    places.push((pointer.to_owned(), value.clone()));
    match value {
        Value::Array(elements) => {
            for (index, element) in elements.iter().enumerate() {
                collect(&format!("{pointer}/{index}"), element, places);
            }
        }
        Value::Object(members) => {
            for (name, member) in members {
                collect(&oracle::joined(pointer, name), member, places);
            }
        }
        _ => {}
    }
}

/// A merge patch for a document: of its members some are left out, some removed, some changed
/// within, some replaced; and some are new.
pub(crate) fn merge_patch(document: &Value, news: &[Document], whim: &mut Whim) -> Value {
    let Value::Object(members) = document else {
        return news[whim.below(news.len())].value();
    };
    let mut patch = json!({});
    for (name, member) in members {
        match whim.below(5) {
            0 | 1 => {}
            2 => patch[name] = Value::Null,
            3 => patch[name] = merge_patch(member, news, whim),
            _ => patch[name] = news[whim.below(news.len())].value(),
        }
    }
    for name in ["a", "b", "new"] {
        if whim.below(4) == 0 {
            patch[name] = news[whim.below(news.len())].value();
        }
    }
    patch
}
