//! How many operations, how deep, how large.

use serde_json::{Value, json};
use usher_domain::{
    json::portable::MAX_DEPTH,
    patch::{MAX_OPERATIONS, Patch},
    profile::MAX_PROFILE_BYTES,
};

use crate::outcome::{Fault, apply, merge, operations, refused, stored};

/// So many lists, one in the other.
fn lists(levels: usize) -> Value {
    (0..levels).fold(json!(0), |inner, _| json!([inner]))
}

/// So many members, one in the other, each by the name n.
fn members(levels: usize) -> Value {
    (0..levels).fold(json!(0), |inner, _| json!({"n": inner}))
}

#[test]
fn a_hundred_operations_are_done_and_one_more_is_refused() {
    assert_eq!(MAX_OPERATIONS, 100);
    let adds = |count: usize| {
        let add = |index| json!({"op": "add", "path": format!("/m{index}"), "value": index});
        Value::Array((0..count).map(add).collect())
    };
    let after = operations(&json!({}), &adds(100)).unwrap();
    assert_eq!(after.as_object().map(serde_json::Map::len), Some(100));
    refused(operations(&json!({}), &adds(101)), "not a patch", [""]);
    // However wrong each of them is.
    let nonsense = Value::Array(vec![json!(1); 101]);
    refused(operations(&json!({}), &nonsense), "not a patch", [""]);
}

#[test]
fn a_profile_becomes_as_deep_as_is_portable_and_no_deeper() {
    // The profile itself is the first level.
    for nested in [lists, members] {
        let add = |levels| json!([{"op": "add", "path": "/a", "value": nested(levels)}]);
        let after = operations(&json!({}), &add(MAX_DEPTH - 1));
        assert_eq!(after, Ok(json!({"a": nested(MAX_DEPTH - 1)})));
        refused(
            operations(&json!({}), &add(MAX_DEPTH)),
            "profile not portable",
            ["/a"],
        );
        // Deeper than any profile: named where it is too deep in the patch.
        let fault = operations(&json!({}), &add(MAX_DEPTH + 1)).unwrap_err();
        let (kind, places) = fault.named();
        assert_eq!((kind, places.len()), ("patch not portable", 1));
        assert!(places[0].starts_with("/0/value/"), "{places:?}");

        assert!(merge(&json!({}), &json!({"a": nested(MAX_DEPTH - 1)})).is_ok());
        let fault = merge(&json!({}), &json!({"a": nested(MAX_DEPTH)})).unwrap_err();
        assert_eq!(fault.named().0, "patch not portable");
    }
}

#[test]
fn what_is_portable_alone_may_be_too_deep_in_its_new_place() {
    let before = json!({"deep": lists(MAX_DEPTH - 1), "o": {"p": {}}, "l": []});
    for (path, op) in [
        ("/o/x", "copy"),
        ("/o/p/x", "move"),
        ("/l/-", "copy"),
        ("/l/0", "move"),
    ] {
        let patch = json!([{"op": op, "from": "/deep", "path": path}]);
        refused(operations(&before, &patch), "profile not portable", [path]);
    }
    let beside = json!([{"op": "copy", "from": "/deep", "path": "/deeper"}]);
    assert!(operations(&before, &beside).is_ok());
    let value = lists(MAX_DEPTH - 1);
    for op in ["add", "replace"] {
        let patch = json!([{"op": op, "path": "/o/p", "value": value}]);
        refused(
            operations(&before, &patch),
            "profile not portable",
            ["/o/p"],
        );
    }
}

/// Depth is looked at after each operation, not only at the end.
#[test]
fn a_profile_that_is_too_deep_on_the_way_only_is_refused() {
    let patch = json!([
        {"op": "add", "path": "/a", "value": lists(MAX_DEPTH)},
        {"op": "remove", "path": "/a"},
    ]);
    refused(
        operations(&json!({}), &patch),
        "profile not portable",
        ["/a"],
    );
}

/// A copy of the profile into itself makes it one level deeper; so does each of the next.
#[test]
fn copies_of_the_profile_into_itself_end_at_the_deepest_level() {
    let copy = json!({"op": "copy", "from": "", "path": "/a"});
    let copies = |count| Value::Array(vec![copy.clone(); count]);
    assert!(operations(&json!({}), &copies(MAX_DEPTH - 1)).is_ok());
    refused(
        operations(&json!({}), &copies(MAX_DEPTH)),
        "profile not portable",
        ["/a"],
    );
}

fn bounded(patch: &Value, before: &Value, max_bytes: usize) -> Result<Value, Fault> {
    let patch = Patch::operations(patch.to_string().as_bytes()).unwrap();
    apply(&patch, before, max_bytes)
}

#[test]
fn a_profile_becomes_as_large_as_is_allowed_and_no_larger() {
    let max_bytes = 1000;
    // {"a":"…"}
    let text = |bytes: usize| json!("x".repeat(bytes - 8));
    let before = json!({"b": 1});
    for path in ["", "/a"] {
        let value = |bytes| match path {
            "" => json!({"a": text(bytes)}),
            _ => text(bytes),
        };
        let patch = |bytes| {
            json!([
                {"op": "remove", "path": "/b"},
                {"op": "add", "path": path, "value": value(bytes)},
            ])
        };
        assert!(bounded(&patch(max_bytes), &before, max_bytes).is_ok());
        refused(
            bounded(&patch(max_bytes + 1), &before, max_bytes),
            "too large",
            [],
        );
    }
    for (bytes, fits) in [(max_bytes, true), (max_bytes + 1, false)] {
        let patch = json!({"b": null, "a": text(bytes)}).to_string();
        let patch = Patch::merge(patch.as_bytes(), &crate::outcome::user()).unwrap();
        assert_eq!(apply(&patch, &before, max_bytes).is_ok(), fits, "{bytes}");
    }
}

/// The bound holds for the profile and not for its user's id, however long that is.
#[test]
fn the_user_id_takes_no_room() {
    let user = usher_domain::user_id::UserId::parse(&"\"".repeat(256)).unwrap();
    let before = stored(&json!({"a": "1234"}));
    let bytes = before.as_json().len();
    let same = json!([{"op": "add", "path": "/a", "value": "4321"}]).to_string();
    let same = Patch::operations(same.as_bytes()).unwrap();
    assert!(same.apply(&before, &user, bytes).is_ok());
    assert!(same.apply(&before, &user, bytes - 1).is_err());
    let copy = json!([{"op": "copy", "from": "/userId", "path": "/a"}]).to_string();
    let copy = Patch::operations(copy.as_bytes()).unwrap();
    assert!(copy.apply(&before, &user, bytes + 100).is_err());
}

/// Size is looked at after each operation, not only at the end.
#[test]
fn a_profile_that_is_too_large_on_the_way_only_is_refused() {
    let half = "x".repeat(600);
    let patch = json!([
        {"op": "add", "path": "/a", "value": half},
        {"op": "add", "path": "/b", "value": half},
        {"op": "remove", "path": "/a"},
    ]);
    refused(bounded(&patch, &json!({}), 1000), "too large", []);
    assert!(bounded(&patch, &json!({}), 2000).is_ok());
}

/// Names, commas and quotes count like values, to the byte: whatever the operation is, the profile
/// may be as large as it gets by it, and no smaller bound will do.
#[test]
fn every_operation_is_held_to_the_byte() {
    let before = json!({"a": "12345678", "l": [1, "2"], "o": {"é": {}}, "z": 1});
    let name = "n\"\n".repeat(100);
    for operation in [
        json!({"op": "add", "path": format!("/{name}"), "value": 1}),
        json!({"op": "add", "path": format!("/o/{name}"), "value": {"b": [0.5, 1e21]}}),
        json!({"op": "add", "path": "/l/0", "value": "é\u{1}"}),
        json!({"op": "add", "path": "/l/-", "value": []}),
        json!({"op": "replace", "path": "/z", "value": {"b": null}}),
        json!({"op": "add", "path": "/o", "value": {name.as_str(): 1}}),
        json!({"op": "copy", "from": "/a", "path": format!("/{name}")}),
        json!({"op": "copy", "from": "/l", "path": "/l/1"}),
        json!({"op": "copy", "from": "/o", "path": "/l/-"}),
        json!({"op": "copy", "from": "", "path": "/o/p"}),
        json!({"op": "move", "from": "/z", "path": format!("/o/{name}")}),
    ] {
        let larger = operations(&before, &json!([operation])).unwrap();
        let bytes = stored(&larger).as_json().len();
        // Only on the way: at the end the profile is small again.
        let there_and_back = json!([
            {"op": "test", "path": "/z", "value": 1},
            operation,
            {"op": "replace", "path": "", "value": {}},
        ]);
        assert_eq!(
            bounded(&there_and_back, &before, bytes),
            Ok(json!({})),
            "{operation}"
        );
        refused(
            bounded(&there_and_back, &before, bytes - 1),
            "too large",
            [],
        );
    }
}

/// What is taken away makes room, however often it was there.
#[test]
fn what_was_removed_does_not_count() {
    let pairs = (0..50).flat_map(|_| {
        [
            json!({"op": "add", "path": "/a", "value": "x".repeat(900)}),
            json!({"op": "remove", "path": "/a"}),
        ]
    });
    let patch = Value::Array(pairs.collect());
    assert_eq!(bounded(&patch, &json!({"b": 1}), 1000), Ok(json!({"b": 1})));
    let replaced = json!({"op": "replace", "path": "/a", "value": "y".repeat(900)});
    let patch = Value::Array(vec![replaced; 100]);
    assert!(bounded(&patch, &json!({"a": 1}), 1000).is_ok());
}

#[test]
fn fourteen_copies_that_would_make_16_mb_of_1_kb_are_stopped() {
    let before = json!({"l": ["x".repeat(1000)]});
    // Each copy doubles the profile.
    let copy = |number| json!({"op": "copy", "from": "", "path": format!("/c{number}")});
    let copies = |count| Value::Array((0..count).map(copy).collect());
    refused(operations(&before, &copies(14)), "too large", []);
    // 1 KB doubled seven times is 128 KB; once more passes 256 KB.
    let after = operations(&before, &copies(7)).unwrap();
    assert!(after.to_string().len() > MAX_PROFILE_BYTES / 4);
    refused(operations(&before, &copies(8)), "too large", []);
    let wide = |number| json!({"op": "copy", "from": "/l", "path": format!("/l/{number}")});
    let patch = Value::Array((0..14).map(wide).collect());
    refused(operations(&before, &patch), "too large", []);
}
