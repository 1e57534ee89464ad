//! Bodies that are no patches, or nearly: each is refused with the places that are wrong in it, and
//! nothing panics.

use proptest::{
    collection::{btree_map, vec},
    prelude::*,
    sample::{Index, select},
};
use serde::de::IgnoredAny;
use serde_json::{Value, json};
use usher_domain::{
    json::{MAX_POINTER_BYTES, Violation, portable::MAX_VIOLATIONS},
    patch::{MAX_OPERATIONS, Patch, PatchError},
    profile::MAX_PROFILE_BYTES,
};

use crate::{
    documents::{document, tiny_document, whim},
    generated::{carried_out, intents},
    oracle,
    outcome::{stored, user},
    support::cases,
};

/// Every place is one of the body, unless it is a member that is missing or was too long to tell.
fn check_places(body: &Value, found: &[Violation]) -> Result<(), TestCaseError> {
    prop_assert!((1..=MAX_VIOLATIONS).contains(&found.len()));
    for Violation { pointer, .. } in found {
        let is_cut = pointer.ends_with("/…") && pointer.len() > MAX_POINTER_BYTES / 2;
        let of_an_operation = pointer.rsplit_once('/').is_some_and(|(operation, member)| {
            let missing = ["op", "path", "from", "value"].contains(&member);
            missing && body.pointer(operation).is_some_and(Value::is_object)
        });
        let is_there = body.pointer(pointer).is_some();
        prop_assert!(is_there || is_cut || of_an_operation, "{pointer} of {body}");
    }
    Ok(())
}

/// The first fault of each element of a JSON Patch, by the letter of RFC 6902.
fn faults_of_form(body: &Value) -> Vec<String> {
    let Value::Array(elements) = body else {
        return vec![String::new()];
    };
    if elements.len() > MAX_OPERATIONS {
        return vec![String::new()];
    }
    let elements = elements.iter().enumerate();
    let faults = elements.filter_map(|(index, element)| {
        fault_of_operation(element).map(|member| format!("/{index}{member}"))
    });
    faults.take(MAX_VIOLATIONS).collect()
}

fn fault_of_operation(element: &Value) -> Option<&'static str> {
    let Some(members) = element.as_object() else {
        return Some("");
    };
    let text = |name: &str| members.get(name).and_then(Value::as_str);
    let is_pointer = |name: &str| {
        text(name).is_some_and(|text| {
            let escapes = text.replace("~0", "").replace("~1", "");
            (text.is_empty() || text.starts_with('/')) && !escapes.contains('~')
        })
    };
    let needs = match text("op") {
        Some("add" | "replace" | "test") => "/value",
        Some("move" | "copy") => "/from",
        Some("remove") => "",
        _ => return Some("/op"),
    };
    if !is_pointer("path") {
        return Some("/path");
    }
    match needs {
        "/value" if !members.contains_key("value") => Some(needs),
        "/from" if !is_pointer("from") => Some(needs),
        "/from" if text("op") == Some("move") => {
            let (from, path) = (oracle::names(text("from")?), oracle::names(text("path")?));
            let into_itself = path.len() > from.len() && path.starts_with(&from);
            into_itself.then_some("/path")
        }
        _ => None,
    }
}

/// Reads a body as both kinds of patch, and applies what can be read.
fn check(bytes: &[u8]) -> Result<(), TestCaseError> {
    let is_json = std::str::from_utf8(bytes)
        .is_ok_and(|text| serde_json::from_str::<IgnoredAny>(text).is_ok());
    let (merge, operations) = (Patch::merge(bytes, &user()), Patch::operations(bytes));
    if !is_json {
        prop_assert!(matches!(merge, Err(PatchError::NotJson(_))), "{merge:?}");
        prop_assert!(
            matches!(operations, Err(PatchError::NotJson(_))),
            "{operations:?}"
        );
        return Ok(());
    }
    let Ok(body) = serde_json::from_slice::<Value>(bytes) else {
        // Too large a number, too deep or a lone surrogate: JSON by its grammar, and no more.
        prop_assert!(merge.is_err() && operations.is_err());
        return Ok(());
    };
    match &merge {
        Ok(_) => prop_assert!(body.is_object()),
        Err(PatchError::NotPortable(found)) => check_places(&body, found)?,
        Err(other) => prop_assert!(false, "{other:?} of {body}"),
    }
    let faults = faults_of_form(&body);
    match &operations {
        Ok(_) => prop_assert!(faults.is_empty(), "{faults:?} of {body}"),
        Err(PatchError::Invalid(found)) => {
            let named: Vec<_> = found.iter().map(|found| found.pointer.as_str()).collect();
            prop_assert_eq!(named, faults);
            check_places(&body, found)?;
        }
        Err(PatchError::NotPortable(found)) => {
            prop_assert!(faults.is_empty(), "{faults:?} of {body}");
            check_places(&body, found)?;
        }
        Err(other) => prop_assert!(false, "{other:?} of {body}"),
    }
    let before = stored(&json!({"a": {"a": [1]}, "b": null}));
    for patch in [merge, operations].into_iter().flatten() {
        let _ = patch.apply(&before, &user(), MAX_PROFILE_BYTES);
    }
    Ok(())
}

/// A patch to which one small accident happened.
fn damaged() -> impl Strategy<Value = Vec<u8>> {
    let accident = (any::<Index>(), any::<Index>(), 0..5_u8);
    let byte = prop_oneof![
        select(br#"{}[]",:0123456789eE+-.\u_/~opathvlue "#.to_vec()),
        any::<u8>(),
    ];
    let patch = (document(), intents(document()), whim());
    (patch, accident, byte).prop_map(|((before, intents, mut whim), accident, byte)| {
        let document = oracle::shown(&before.value(), user().as_str());
        let (patch, _) = carried_out(&document, &intents, &mut whim, MAX_PROFILE_BYTES);
        let mut bytes = patch.text.into_bytes();
        let (one, other) = (accident.0.index(bytes.len()), accident.1.index(bytes.len()));
        let (from, to) = (one.min(other), one.max(other));
        match accident.2 {
            0 => bytes[one] = byte,
            1 => bytes.insert(one, byte),
            2 => drop(bytes.drain(from..to)),
            3 => bytes.truncate(one),
            _ => {
                let again = bytes[from..to].to_vec();
                bytes.splice(to..to, again);
            }
        }
        bytes
    })
}

/// Nearly an operation, and often one.
fn operation_like() -> impl Strategy<Value = Value> {
    let op = select(vec![
        "add", "remove", "replace", "move", "copy", "test", "Add", "",
    ]);
    let pointer = select(vec![
        "", "/a", "/a/a", "/a/a/0", "/b", "a", "/~", "/~2", "/~0~1", "/a/", "/\0",
    ]);
    let other = tiny_document().prop_map(|document| document.value());
    let value = prop_oneof![
        4 => op.prop_map(Value::from),
        6 => pointer.prop_map(Value::from),
        1 => other,
        1 => select(vec![json!(null), json!(1), json!(u64::MAX), json!({"": 1}), json!({"_x": 1})]),
    ];
    let name = select(vec!["op", "path", "from", "value", "why", "_x", ""]).prop_map(str::to_owned);
    let likely = ["add", "remove", "replace", "move", "copy", "test"];
    let whole = (
        select(likely.to_vec()),
        btree_map(name.clone(), value.clone(), 0..5),
    )
        .prop_map(|(op, members)| {
            let mut operation = json!({"op": op, "path": "/a", "from": "/b", "value": 1});
            for (name, value) in members {
                operation[name] = value;
            }
            operation
        });
    prop_oneof![
        3 => whole,
        2 => btree_map(name, value.clone(), 0..5).prop_map(|members| members.into_iter().collect()),
        1 => value,
    ]
}

proptest! {
    #![proptest_config(cases(512))]

    #[test]
    fn any_bytes_are_judged_without_a_panic(bytes in vec(any::<u8>(), 0..40)) {
        check(&bytes)?;
    }

    #[test]
    fn any_tokens_are_judged_by_their_form(
        tokens in vec(
            select(vec![
                "{", "}", "[", "]", ",", ":", "\"op\"", "\"add\"", "\"path\"", "\"/a\"", "\"value\"",
                "\"userId\"", "\"\\ud800\"", "\"from\"", "\"\"", "null", "1", "1e400", "-", " ",
            ]),
            0..12,
        ),
    ) {
        check(tokens.concat().as_bytes())?;
        check(format!("[{{\"op\":\"remove\",{}}}]", tokens.concat()).as_bytes())?;
    }

    #[test]
    fn a_damaged_patch_is_judged_by_its_form(bytes in damaged()) {
        check(&bytes)?;
    }

    #[test]
    fn any_json_is_judged_by_its_form(body in document(), mut whim in whim()) {
        check(body.spelled(&mut whim).as_bytes())?;
        check(format!("[{}]", body.spelled(&mut whim)).as_bytes())?;
    }

    #[test]
    fn what_is_nearly_a_patch_is_judged_by_its_form(
        operations in vec(operation_like(), 0..8),
        times in select(vec![1, 1, 1, 5, 20]),
    ) {
        let many: Vec<_> = operations.iter().cycle().take(operations.len() * times).collect();
        check(json!(many).to_string().as_bytes())?;
    }
}
