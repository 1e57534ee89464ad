//! What a body must look like to be a JSON Patch, and what is said of one that does not.

use serde_json::{Value, json};
use usher_domain::patch::Patch;

use crate::outcome::{Fault, operations, refused};

fn read(body: &str) -> Result<Value, Fault> {
    Patch::operations(body.as_bytes())
        .map(|_| Value::Null)
        .map_err(Fault::Unread)
}

fn form(patch: &Value) -> Result<Value, Fault> {
    read(&patch.to_string())
}

#[test]
fn a_body_that_is_no_list_is_no_patch() {
    for body in [
        "{}",
        "null",
        "1",
        "\"[]\"",
        r#"{"op":"remove","path":"/a"}"#,
    ] {
        refused(read(body), "not a patch", [""]);
    }
    for body in ["", "[", "[}", "[]]", "nul", "[\"\\ud800\"]"] {
        refused(read(body), "not JSON", []);
    }
}

#[test]
fn an_element_that_is_no_object_is_no_operation() {
    let patch = json!([[], null, {"op": "remove", "path": "/a"}, "remove", 1]);
    refused(form(&patch), "not a patch", ["/0", "/1", "/3", "/4"]);
}

#[test]
fn an_unknown_operation_is_named() {
    for op in [
        json!("Add"),
        json!("merge"),
        json!(""),
        json!(null),
        json!(1),
        json!(["add"]),
    ] {
        let patch = json!([{"op": op, "path": "/a", "value": 1}]);
        refused(form(&patch), "not a patch", ["/0/op"]);
    }
    refused(
        form(&json!([{"path": "/a", "value": 1}])),
        "not a patch",
        ["/0/op"],
    );
    refused(form(&json!([{}])), "not a patch", ["/0/op"]);
}

#[test]
fn a_member_that_is_missing_or_of_another_type_is_named() {
    let whole = json!({"op": "", "path": "/a", "from": "/b", "value": 1});
    for (op, needed) in [
        ("add", ["path", "value"].as_slice()),
        ("remove", &["path"]),
        ("replace", &["path", "value"]),
        ("move", &["path", "from"]),
        ("copy", &["path", "from"]),
        ("test", &["path", "value"]),
    ] {
        let mut operation = whole.clone();
        operation["op"] = json!(op);
        assert!(form(&json!([operation])).is_ok(), "{op}");
        for member in ["path", "from", "value"] {
            let mut without = operation.clone();
            without.as_object_mut().unwrap().remove(member);
            let outcome = form(&json!([without]));
            if needed.contains(&member) {
                refused(outcome, "not a patch", [&format!("/0/{member}")]);
            } else {
                assert!(outcome.is_ok(), "{op} does not need {member}");
            }
            if member != "value" && needed.contains(&member) {
                for wrong in [
                    json!(null),
                    json!(1),
                    json!(["a"]),
                    json!("a"),
                    json!("/a~2"),
                    json!("/~"),
                ] {
                    let mut operation = operation.clone();
                    operation[member] = wrong;
                    refused(
                        form(&json!([operation])),
                        "not a patch",
                        [&format!("/0/{member}")],
                    );
                }
            }
        }
    }
    assert!(form(&json!([{"op": "add", "path": "/a", "value": null}])).is_ok());
}

#[test]
fn a_value_cannot_be_moved_into_itself() {
    for (from, path) in [
        ("/a", "/a/b"),
        ("/a", "/a/"),
        ("/a/0", "/a/0/x/y"),
        ("", "/a"),
        ("/~1", "/~1/a"),
    ] {
        let patch = json!([{"op": "move", "from": from, "path": path}]);
        refused(form(&patch), "not a patch", ["/0/path"]);
        let patch = json!([{"op": "copy", "from": from, "path": path}]);
        assert!(form(&patch).is_ok());
    }
    for (from, path) in [("/a", "/ab"), ("/a", "/a"), ("/a/b", "/a"), ("/a", "")] {
        let patch = json!([{"op": "move", "from": from, "path": path}]);
        assert!(form(&patch).is_ok(), "{from} {path}");
    }
}

/// Each fault of the form is named, and only 32 of them.
#[test]
fn every_operation_that_is_wrong_is_named() {
    let patch = json!([
        {"op": "add", "path": "a", "value": 1},
        {"op": "add", "path": "/a", "value": 1},
        {"op": "copy", "path": "/a"},
        {"op": "x", "path": 1},
    ]);
    refused(form(&patch), "not a patch", ["/0/path", "/2/from", "/3/op"]);
    let fault = form(&json!(vec![1; 100])).unwrap_err();
    let places: Vec<String> = (0..32).map(|index| format!("/{index}")).collect();
    assert_eq!(fault.named().1, places);
}

/// A.13 of RFC 6902: which of the two is meant, nobody knows.
#[test]
fn a_member_that_is_there_twice_is_refused() {
    let body = r#"[{"op":"add","path":"/baz","value":"qux","op":"remove"}]"#;
    refused(read(body), "patch not portable", ["/0/op"]);
    let body = r#"[{"op":"add","path":"/a","value":{"x":1,"x":1}}]"#;
    refused(read(body), "patch not portable", ["/0/value/x"]);
}

#[test]
fn a_value_that_cannot_be_kept_is_named_with_its_place_in_the_patch() {
    let body = r#"[
        {"op": "add", "path": "/a", "value": 1e400},
        {"op": "replace", "path": "/a", "value": {"b": [18446744073709551615, 1]}},
        {"op": "test", "path": "/a", "value": {"": {"c": "\u0000"}}},
        {"op": "add", "path": "/b", "value": {"_x": 1}}
    ]"#;
    let fault = read(body).unwrap_err();
    let (kind, mut places) = fault.named();
    places.sort_unstable();
    let expected = ["/0/value", "/1/value/b/0", "/2/value/", "/2/value//c"];
    assert_eq!((kind, places), ("patch not portable", expected.to_vec()));
}

#[test]
fn a_name_that_cannot_be_kept_is_refused_wherever_it_comes_from() {
    let before = json!({"a": 1, "o": {}});
    let add = |path: &str, value: Value| json!([{"op": "add", "path": path, "value": value}]);
    for (patch, place) in [
        (add("/_x", json!(1)), "/_x"),
        (add("/", json!(1)), "/"),
        (add("/o/", json!(1)), "/o/"),
        (add("", json!({"_x": 1})), "/_x"),
        (json!([{"op": "copy", "from": "/a", "path": "/_x"}]), "/_x"),
        (json!([{"op": "move", "from": "/a", "path": "/_x"}]), "/_x"),
    ] {
        refused(operations(&before, &patch), "profile not portable", [place]);
    }
    // Names with an underscore are reserved at the top only.
    for (patch, after) in [
        (add("/o/_x", json!(1)), json!({"a": 1, "o": {"_x": 1}})),
        (add("/o", json!({"_x": 1})), json!({"a": 1, "o": {"_x": 1}})),
    ] {
        assert_eq!(operations(&before, &patch), Ok(after));
    }
    refused(
        form(&add("/\0", json!(1))),
        "patch not portable",
        ["/0/path"],
    );
    let lifted = json!([
        {"op": "add", "path": "/o/_x", "value": 1},
        {"op": "move", "from": "/o", "path": ""},
    ]);
    refused(
        operations(&before, &lifted),
        "profile not portable",
        ["/_x"],
    );
}

/// RFC 6902, section 4: members that the operation does not define are ignored.
#[test]
fn members_that_mean_nothing_to_the_operation_are_ignored() {
    let before = json!({"a": 1});
    for operation in [
        json!({"op": "remove", "path": "/a", "value": {"deep": [1]}, "from": 1, "why": null}),
        json!({"op": "remove", "path": "/a", "from": "not a pointer", "_comment": "x"}),
        json!({"why": "x", "path": "/a", "op": "remove"}),
    ] {
        assert_eq!(
            operations(&before, &json!([operation])),
            Ok(json!({})),
            "{operation}"
        );
    }
}
