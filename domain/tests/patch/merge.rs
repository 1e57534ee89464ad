//! RFC 7396, JSON Merge Patch.

use serde_json::{Value, json};

use crate::outcome::{merge, refused};

/// Appendix A: the document, the patch, and what comes out.
fn appendix_a() -> [(Value, Value, Value); 15] {
    [
        (json!({"a": "b"}), json!({"a": "c"}), json!({"a": "c"})),
        (
            json!({"a": "b"}),
            json!({"b": "c"}),
            json!({"a": "b", "b": "c"}),
        ),
        (json!({"a": "b"}), json!({"a": null}), json!({})),
        (
            json!({"a": "b", "b": "c"}),
            json!({"a": null}),
            json!({"b": "c"}),
        ),
        (json!({"a": ["b"]}), json!({"a": "c"}), json!({"a": "c"})),
        (json!({"a": "c"}), json!({"a": ["b"]}), json!({"a": ["b"]})),
        (
            json!({"a": {"b": "c"}}),
            json!({"a": {"b": "d", "c": null}}),
            json!({"a": {"b": "d"}}),
        ),
        (
            json!({"a": [{"b": "c"}]}),
            json!({"a": [1]}),
            json!({"a": [1]}),
        ),
        (json!(["a", "b"]), json!(["c", "d"]), json!(["c", "d"])),
        (json!({"a": "b"}), json!(["c"]), json!(["c"])),
        (json!({"a": "foo"}), Value::Null, Value::Null),
        (json!({"a": "foo"}), json!("bar"), json!("bar")),
        (
            json!({"e": null}),
            json!({"a": 1}),
            json!({"e": null, "a": 1}),
        ),
        (
            json!([1, 2]),
            json!({"a": "b", "c": null}),
            json!({"a": "b"}),
        ),
        (
            json!({}),
            json!({"a": {"bb": {"ccc": null}}}),
            json!({"a": {"bb": {}}}),
        ),
    ]
}

#[test]
fn every_row_of_the_appendix_holds_for_a_profile() {
    let mut rows = 0;
    for (before, patch, after) in appendix_a() {
        if before.is_object() && after.is_object() {
            assert_eq!(merge(&before, &patch), Ok(after), "{before} {patch}");
            rows += 1;
        }
    }
    assert_eq!(rows, 10);
}

/// A profile is an object: what would leave none cannot be read as a patch of one.
#[test]
fn a_patch_that_is_no_object_is_refused() {
    for (before, patch, _) in appendix_a() {
        if before.is_object() && !patch.is_object() {
            refused(merge(&before, &patch), "patch not portable", [""]);
        }
    }
}

/// One level down, a document may be anything; but null means removal there.
#[test]
fn every_row_of_the_appendix_holds_within_a_profile() {
    for (before, patch, after) in appendix_a() {
        let expected = if patch.is_null() {
            json!({})
        } else {
            json!({"in": after})
        };
        let outcome = merge(&json!({"in": before}), &json!({"in": patch}));
        assert_eq!(outcome, Ok(expected), "{before} {patch}");
    }
}

#[test]
fn the_example_of_section_3_comes_out_as_it_says() {
    let before = json!({
        "title": "Goodbye!",
        "author": {"givenName": "John", "familyName": "Doe"},
        "tags": ["example", "sample"],
        "content": "This will be unchanged",
    });
    let patch = json!({
        "title": "Hello!",
        "phoneNumber": "+01-123-456-7890",
        "author": {"familyName": null},
        "tags": ["example"],
    });
    let after = json!({
        "title": "Hello!",
        "author": {"givenName": "John"},
        "tags": ["example"],
        "content": "This will be unchanged",
        "phoneNumber": "+01-123-456-7890",
    });
    assert_eq!(merge(&before, &patch), Ok(after));
}

#[test]
fn null_within_a_list_is_a_value() {
    let patch = json!({"a": [null, {"b": null}]});
    assert_eq!(merge(&json!({"a": 1}), &patch), Ok(patch));
}

#[test]
fn removing_what_is_not_there_changes_nothing() {
    let before = json!({"a": {"b": 1}});
    let patch = json!({"x": null, "a": {"y": null}});
    assert_eq!(merge(&before, &patch), Ok(before));
}

#[test]
fn the_user_id_may_be_named_and_not_changed() {
    let before = json!({"a": 1});
    let after = merge(&before, &json!({"userId": "u-1", "a": 2}));
    assert_eq!(after, Ok(json!({"a": 2})));
    for id in [json!("u-2"), json!(null), json!(1), json!({"a": "u-1"})] {
        let patch = json!({"userId": id});
        refused(merge(&before, &patch), "patch not portable", ["/userId"]);
    }
}

#[test]
fn what_cannot_be_kept_is_named_with_its_place_in_the_patch() {
    let patch = json!({
        "_x": null,
        "a": {"": 1, "_y": {"\0": 2}},
        "b": ["\0", u64::MAX, 1e-200],
        "c": {"_x": 1},
    });
    let places = ["/_x", "/a/", "/a/_y/\0", "/b/0", "/b/1", "/b/2"];
    let fault = merge(&json!({}), &patch).unwrap_err();
    let (kind, mut named) = fault.named();
    named.sort_unstable();
    assert_eq!((kind, named), ("patch not portable", places.to_vec()));
}
