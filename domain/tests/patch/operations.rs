//! RFC 6902, JSON Patch: its rules one by one.

use serde_json::{Value, json};

use crate::outcome::{operations, refused, user};

fn one(before: &Value, operation: &Value) -> Result<Value, crate::outcome::Fault> {
    operations(before, &json!([operation]))
}

fn at(op: &str, path: &str) -> Value {
    json!({"op": op, "path": path, "value": 9})
}

fn from(op: &str, from: &str, path: &str) -> Value {
    json!({"op": op, "from": from, "path": path})
}

#[test]
fn add_sets_a_member_and_puts_an_element_before_the_one_that_is_there() {
    let before = json!({"a": 1, "l": [0, 1], "o": {}});
    for (path, after) in [
        ("/b", json!({"a": 1, "b": 9, "l": [0, 1], "o": {}})),
        ("/a", json!({"a": 9, "l": [0, 1], "o": {}})),
        ("/o/-", json!({"a": 1, "l": [0, 1], "o": {"-": 9}})),
        ("/o/01", json!({"a": 1, "l": [0, 1], "o": {"01": 9}})),
        ("/l/0", json!({"a": 1, "l": [9, 0, 1], "o": {}})),
        ("/l/1", json!({"a": 1, "l": [0, 9, 1], "o": {}})),
        ("/l/2", json!({"a": 1, "l": [0, 1, 9], "o": {}})),
        ("/l/-", json!({"a": 1, "l": [0, 1, 9], "o": {}})),
        ("/l", json!({"a": 1, "l": 9, "o": {}})),
    ] {
        assert_eq!(one(&before, &at("add", path)), Ok(after), "{path}");
    }
    // Beyond the end, within a scalar, within what is not there.
    for path in [
        "/l/3", "/l/-/a", "/l/x", "/l/", "/a/b", "/a/0", "/x/y", "/l/2/0",
    ] {
        refused(one(&before, &at("add", path)), "no such place", [path]);
    }
}

#[test]
fn an_index_has_one_spelling() {
    let before = json!({"l": [0, 1, 2]});
    let spellings = [
        "00",
        "01",
        "-0",
        "-1",
        "+1",
        "1.0",
        "1e0",
        "0x1",
        " 1",
        "1 ",
        "",
        "١",
        "18446744073709551616",
        "99999999999999999999999",
    ];
    for spelling in spellings {
        let path = format!("/l/{spelling}");
        for op in ["add", "remove", "replace"] {
            refused(one(&before, &at(op, &path)), "no such place", [&path]);
        }
        refused(one(&before, &at("test", &path)), "test failed", [&path]);
        for op in ["move", "copy"] {
            refused(
                one(&before, &from(op, &path, "/x")),
                "no such place",
                [&path],
            );
            refused(
                one(&before, &from(op, "/l/0", &path)),
                "no such place",
                [&path],
            );
        }
    }
}

/// `-` is the place after the last element: there is nothing.
#[test]
fn the_place_after_the_last_element_is_only_for_adding() {
    let before = json!({"l": [0, 1]});
    for op in ["remove", "replace"] {
        refused(one(&before, &at(op, "/l/-")), "no such place", ["/l/-"]);
    }
    refused(one(&before, &at("test", "/l/-")), "test failed", ["/l/-"]);
    for op in ["move", "copy"] {
        refused(
            one(&before, &from(op, "/l/-", "/x")),
            "no such place",
            ["/l/-"],
        );
    }
    assert_eq!(
        one(&before, &from("copy", "/l/0", "/l/-")),
        Ok(json!({"l": [0, 1, 0]}))
    );
    assert_eq!(
        one(&before, &from("move", "/l/0", "/l/-")),
        Ok(json!({"l": [1, 0]}))
    );
}

#[test]
fn remove_and_replace_need_what_is_there() {
    let before = json!({"a": null, "l": [0], "o": {"b": 1}});
    assert_eq!(
        one(&before, &at("remove", "/a")),
        Ok(json!({"l": [0], "o": {"b": 1}}))
    );
    assert_eq!(
        one(&before, &at("replace", "/a")),
        Ok(json!({"a": 9, "l": [0], "o": {"b": 1}}))
    );
    assert_eq!(
        one(&before, &at("remove", "/l/0")),
        Ok(json!({"a": null, "l": [], "o": {"b": 1}}))
    );
    assert_eq!(
        one(&before, &at("replace", "/o/b")),
        Ok(json!({"a": null, "l": [0], "o": {"b": 9}}))
    );
    for op in ["remove", "replace"] {
        for path in ["/b", "/l/1", "/o/c", "/a/b", "/x/y", "/o/", "/"] {
            refused(one(&before, &at(op, path)), "no such place", [path]);
        }
    }
}

#[test]
fn move_takes_away_first_and_copy_does_not() {
    let before = json!({"a": {"b": 1}, "l": [0, 1, 2]});
    for (op, source, target, after) in [
        (
            "move",
            "/a/b",
            "/c",
            json!({"a": {}, "c": 1, "l": [0, 1, 2]}),
        ),
        (
            "copy",
            "/a/b",
            "/c",
            json!({"a": {"b": 1}, "c": 1, "l": [0, 1, 2]}),
        ),
        ("move", "/a/b", "/a", json!({"a": 1, "l": [0, 1, 2]})),
        ("copy", "/a/b", "/a", json!({"a": 1, "l": [0, 1, 2]})),
        (
            "copy",
            "/a",
            "/a/b",
            json!({"a": {"b": {"b": 1}}, "l": [0, 1, 2]}),
        ),
        (
            "copy",
            "/a",
            "/a/c",
            json!({"a": {"b": 1, "c": {"b": 1}}, "l": [0, 1, 2]}),
        ),
        (
            "move",
            "/l/0",
            "/l/2",
            json!({"a": {"b": 1}, "l": [1, 2, 0]}),
        ),
        (
            "copy",
            "/l/0",
            "/l/2",
            json!({"a": {"b": 1}, "l": [0, 1, 0, 2]}),
        ),
        ("move", "/a", "/l/1", json!({"l": [0, {"b": 1}, 1, 2]})),
        (
            "copy",
            "/l",
            "/l/3",
            json!({"a": {"b": 1}, "l": [0, 1, 2, [0, 1, 2]]}),
        ),
    ] {
        let outcome = one(&before, &from(op, source, target));
        assert_eq!(outcome, Ok(after), "{op} {source} {target}");
    }
    // What moves away is not there any more when its new place is looked for.
    refused(
        one(&before, &from("move", "/l/0", "/l/3")),
        "no such place",
        ["/l/3"],
    );
    assert!(one(&before, &from("copy", "/l/0", "/l/3")).is_ok());
    for op in ["move", "copy"] {
        refused(one(&before, &from(op, "/x", "/y")), "no such place", ["/x"]);
        refused(
            one(&before, &from(op, "/a/x", "/y")),
            "no such place",
            ["/a/x"],
        );
        refused(
            one(&before, &from(op, "/a", "/y/z")),
            "no such place",
            ["/y/z"],
        );
    }
}

#[test]
fn what_moves_onto_itself_stays() {
    let before = json!({"a": {"b": 1}, "l": [0, 1, 2]});
    for path in ["/a", "/a/b", "/l", "/l/0", "/l/2"] {
        assert_eq!(
            one(&before, &from("move", path, path)),
            Ok(before.clone()),
            "{path}"
        );
        assert_eq!(
            one(
                &before,
                &from("move", &format!("{path}/x"), &format!("{path}/x"))
            ),
            one(&before, &at("remove", &format!("{path}/x"))),
        );
    }
}

/// Numbers by value, texts by their characters, lists in order, objects in any order.
#[test]
fn test_compares_values() {
    let before = json!({
        "n": 1, "d": 0.5, "b": 100, "z": 0, "s": "é", "l": [1, [2], {"a": 1, "b": 2}], "null": null,
        "t": true, "o": {"a": 1, "b": [1, 2]}, "e": {}, "el": [], "es": "",
    });
    let equal = [
        ("/n", "1"),
        ("/n", "1.0"),
        ("/n", "10e-1"),
        ("/d", "5e-1"),
        ("/d", "0.50"),
        ("/b", "1e2"),
        ("/z", "-0"),
        ("/z", "-0.0e9"),
        ("/s", "\"\\u00e9\""),
        ("/l", "[1.0,[2e0],{\"b\":2,\"a\":1}]"),
        ("/l/1/0", "2"),
        ("/l/2/b", "2"),
        ("/null", "null"),
        ("/t", "true"),
        ("/o", "{\"b\":[1,2],\"a\":1}"),
        ("/e", "{}"),
        ("/el", "[]"),
        ("/es", "\"\""),
        ("/userId", "\"u-1\""),
    ];
    let unequal = [
        ("/n", "\"1\""),
        ("/n", "2"),
        ("/n", "1.0000000000000002"),
        ("/n", "true"),
        ("/z", "false"),
        ("/z", "null"),
        ("/s", "\"e\\u0301\""),
        ("/s", "\"É\""),
        ("/l", "[[2],1,{\"a\":1,\"b\":2}]"),
        ("/l", "[1,[2]]"),
        ("/l", "[1,[2],{\"a\":1,\"b\":2},3]"),
        ("/null", "false"),
        ("/null", "\"null\""),
        ("/t", "false"),
        ("/o", "{\"a\":1}"),
        ("/o", "{\"a\":1,\"b\":[2,1]}"),
        ("/o", "{\"a\":1,\"b\":[1,2],\"c\":null}"),
        ("/e", "[]"),
        ("/el", "{}"),
        ("/es", "null"),
        ("/x", "null"),
        ("/x", "1"),
        ("/o/c", "null"),
        ("/l/3", "null"),
        ("/userId", "\"u-2\""),
    ];
    let outcome = |path: &str, value: &str| {
        let text = format!(r#"[{{"op":"test","path":"{path}","value":{value}}}]"#);
        let patch = usher_domain::patch::Patch::operations(text.as_bytes()).unwrap();
        crate::outcome::apply(&patch, &before, 4096)
    };
    for (path, value) in equal {
        assert_eq!(outcome(path, value), Ok(before.clone()), "{path} {value}");
    }
    for (path, value) in unequal {
        refused(outcome(path, value), "test failed", [path]);
    }
}

#[test]
fn operations_are_done_in_their_order_or_not_at_all() {
    let before = json!({"a": 1});
    let steps = [
        json!({"op": "add", "path": "/l", "value": []}),
        json!({"op": "move", "from": "/a", "path": "/l/0"}),
        json!({"op": "add", "path": "/l/0", "value": 0}),
        json!({"op": "test", "path": "/l", "value": [0, 1]}),
        json!({"op": "copy", "from": "/l", "path": "/a"}),
        json!({"op": "replace", "path": "/a/1", "value": {}}),
        json!({"op": "remove", "path": "/l"}),
    ];
    let all = json!(steps);
    assert_eq!(operations(&before, &all), Ok(json!({"a": [0, {}]})));
    let mut too_early = steps.to_vec();
    too_early.swap(0, 1);
    refused(
        operations(&before, &json!(too_early)),
        "no such place",
        ["/l/0"],
    );
    let mut failing = steps.to_vec();
    failing.push(json!({"op": "test", "path": "/a", "value": 1}));
    refused(operations(&before, &json!(failing)), "test failed", ["/a"]);
    assert_eq!(operations(&before, &json!([])), Ok(before));
}

/// The detail says which operation it was: the place is one of the profile.
#[test]
fn a_failure_names_its_operation() {
    let patch = json!([at("add", "/b"), at("remove", "/b"), at("remove", "/b")]);
    let fault = operations(&json!({}), &patch).unwrap_err();
    assert!(format!("{fault:?}").contains("operation 2: "), "{fault:?}");
}

#[test]
fn escapes_in_a_pointer_are_read_as_rfc_6901_says() {
    let before =
        json!({"/": 1, "~": 2, "~1": 3, "a/b": {"m~n": 4}, "~0": 5, " ": 6, "\"": 7, "%41": 8});
    for (path, value) in [
        ("/~1", 1),
        ("/~0", 2),
        ("/~01", 3),
        ("/a~1b/m~0n", 4),
        ("/~00", 5),
        ("/ ", 6),
        ("/\"", 7),
        ("/%41", 8),
    ] {
        let test = json!({"op": "test", "path": path, "value": value});
        assert_eq!(one(&before, &test), Ok(before.clone()), "{path}");
    }
}

/// The whole document: what comes out is judged as the body of a PUT is.
#[test]
fn the_whole_profile_can_be_replaced_and_not_removed() {
    let before = json!({"a": 1});
    for op in ["add", "replace"] {
        let whole = |value: Value| one(&before, &json!({"op": op, "path": "", "value": value}));
        assert_eq!(whole(json!({"b": 2})), Ok(json!({"b": 2})));
        assert_eq!(whole(json!({"userId": "u-1", "b": 2})), Ok(json!({"b": 2})));
        refused(
            whole(json!({"userId": "u-2"})),
            "profile not portable",
            ["/userId"],
        );
        for value in [json!([]), json!(null), json!("x"), json!(1)] {
            refused(whole(value), "profile not portable", [""]);
        }
    }
    refused(one(&before, &at("remove", "")), "no such place", [""]);
    let seen = json!({"op": "test", "path": "", "value": {"a": 1, "userId": user().as_str()}});
    assert_eq!(one(&before, &seen), Ok(before.clone()));
    // A profile may be another thing on the way.
    let patch = json!([
        {"op": "replace", "path": "", "value": [1, 2]},
        {"op": "remove", "path": "/0"},
        {"op": "copy", "from": "/0", "path": ""},
        {"op": "test", "path": "", "value": 2},
        {"op": "add", "path": "", "value": {"b": []}},
        {"op": "copy", "from": "", "path": "/b/0"},
        {"op": "move", "from": "/b/0", "path": ""},
    ]);
    assert_eq!(operations(&before, &patch), Ok(json!({"b": []})));
}

#[test]
fn the_user_id_is_seen_and_never_changed() {
    let before = json!({"a": 1});
    let copied = one(&before, &from("copy", "/userId", "/id"));
    assert_eq!(copied, Ok(json!({"a": 1, "id": "u-1"})));
    for operation in [at("remove", "/userId"), from("move", "/userId", "/id")] {
        // A profile without the member is one whose member the client left out.
        assert!(one(&before, &operation).is_ok(), "{operation}");
    }
    for operation in [
        at("replace", "/userId"),
        at("add", "/userId"),
        from("copy", "/a", "/userId"),
        from("move", "/a", "/userId"),
    ] {
        refused(
            one(&before, &operation),
            "profile not portable",
            ["/userId"],
        );
    }
    let there_and_back = json!([
        {"op": "replace", "path": "/userId", "value": "u-2"},
        {"op": "replace", "path": "/userId", "value": "u-1"},
    ]);
    assert_eq!(operations(&before, &there_and_back), Ok(before));
}
