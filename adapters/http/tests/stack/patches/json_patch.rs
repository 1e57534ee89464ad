//! RFC 6902's own examples, and its pointers.

use serde_json::{Value, json};

use super::{outcome, with_user};
use crate::support::{ALICE, Ask};

/// An example of Appendix A: its number, the document, the patch, and the result or its code.
type Example = (u8, Value, Value, Result<Value, &'static str>);

fn appendix_a() -> Vec<Example> {
    vec![
        (
            1,
            json!({"foo": "bar"}),
            json!([{"op": "add", "path": "/baz", "value": "qux"}]),
            Ok(json!({"baz": "qux", "foo": "bar"})),
        ),
        (
            2,
            json!({"foo": ["bar", "baz"]}),
            json!([{"op": "add", "path": "/foo/1", "value": "qux"}]),
            Ok(json!({"foo": ["bar", "qux", "baz"]})),
        ),
        (
            3,
            json!({"baz": "qux", "foo": "bar"}),
            json!([{"op": "remove", "path": "/baz"}]),
            Ok(json!({"foo": "bar"})),
        ),
        (
            4,
            json!({"foo": ["bar", "qux", "baz"]}),
            json!([{"op": "remove", "path": "/foo/1"}]),
            Ok(json!({"foo": ["bar", "baz"]})),
        ),
        (
            5,
            json!({"baz": "qux", "foo": "bar"}),
            json!([{"op": "replace", "path": "/baz", "value": "boo"}]),
            Ok(json!({"baz": "boo", "foo": "bar"})),
        ),
        (
            6,
            json!({"foo": {"bar": "baz", "waldo": "fred"}, "qux": {"corge": "grault"}}),
            json!([{"op": "move", "from": "/foo/waldo", "path": "/qux/thud"}]),
            Ok(json!({"foo": {"bar": "baz"}, "qux": {"corge": "grault", "thud": "fred"}})),
        ),
        (
            7,
            json!({"foo": ["all", "grass", "cows", "eat"]}),
            json!([{"op": "move", "from": "/foo/1", "path": "/foo/3"}]),
            Ok(json!({"foo": ["all", "cows", "eat", "grass"]})),
        ),
        (
            8,
            json!({"baz": "qux", "foo": ["a", 2, "c"]}),
            json!([
                {"op": "test", "path": "/baz", "value": "qux"},
                {"op": "test", "path": "/foo/1", "value": 2}
            ]),
            Ok(json!({"baz": "qux", "foo": ["a", 2, "c"]})),
        ),
        (
            9,
            json!({"baz": "qux"}),
            json!([{"op": "test", "path": "/baz", "value": "bar"}]),
            Err("patch_test_failed"),
        ),
        (
            10,
            json!({"foo": "bar"}),
            json!([{"op": "add", "path": "/child", "value": {"grandchild": {}}}]),
            Ok(json!({"child": {"grandchild": {}}, "foo": "bar"})),
        ),
        (
            11,
            json!({"foo": "bar"}),
            json!([{"op": "add", "path": "/baz", "value": "qux", "xyz": 123}]),
            Ok(json!({"baz": "qux", "foo": "bar"})),
        ),
        (
            12,
            json!({"foo": "bar"}),
            json!([{"op": "add", "path": "/baz/bat", "value": "qux"}]),
            Err("patch_path_not_found"),
        ),
        (
            14,
            json!({"/": 9, "~1": 10}),
            json!([{"op": "test", "path": "/~01", "value": 10}]),
            Ok(json!({"/": 9, "~1": 10})),
        ),
        (
            15,
            json!({"/": 9, "~1": 10}),
            json!([{"op": "test", "path": "/~01", "value": "10"}]),
            Err("patch_test_failed"),
        ),
        (
            16,
            json!({"foo": ["bar"]}),
            json!([{"op": "add", "path": "/foo/-", "value": ["abc", "def"]}]),
            Ok(json!({"foo": ["bar", ["abc", "def"]]})),
        ),
    ]
}

async fn patched(before: &str, operations: &str) -> Result<String, String> {
    outcome(before, Ask::operations(ALICE, operations.to_owned())).await
}

#[tokio::test]
async fn the_examples_of_appendix_a_hold() {
    for (number, before, operations, expected) in appendix_a() {
        let found = patched(&before.to_string(), &operations.to_string()).await;
        let expected = expected
            .map(|after| with_user(&after.to_string()))
            .map_err(str::to_owned);
        assert_eq!(found, expected, "A.{number}");
    }
}

/// A.13 has no result: the standard leaves open what becomes of a name that is there twice. Names
/// are not in a profile twice, and not in a patch.
#[tokio::test]
async fn the_operation_with_two_names_of_appendix_a_13_is_refused() {
    let operations = r#"[{"op":"add","path":"/baz","value":"qux","op":"remove"}]"#;
    let found = patched(r#"{"foo":"bar"}"#, operations).await;
    assert_eq!(found, Err("not_portable".to_owned()));
}

#[tokio::test]
async fn a_test_compares_values_and_not_spellings() {
    let before = r#"{"n":10,"f":0.5,"s":"é","o":{"a":1,"b":[1,null]}}"#;
    for (path, value, holds) in [
        ("/n", "10", true),
        ("/n", "10.0", true),
        ("/n", "1e1", true),
        ("/n", "11", false),
        ("/n", r#""10""#, false),
        ("/f", "5e-1", true),
        ("/s", r#""\u00e9""#, true),
        ("/s", r#""e\u0301""#, false),
        ("/o", r#"{"b":[1.0,null],"a":1}"#, true),
        ("/o", r#"{"b":[null,1],"a":1}"#, false),
        ("/o", r#"{"b":[1,null]}"#, false),
        ("/o/b/1", "null", true),
        ("/o/b/1", "false", false),
        // What is not there is not null either.
        ("/o/b/2", "null", false),
        ("/o/b/-", "null", false),
    ] {
        let test = format!(r#"[{{"op":"test","path":"{path}","value":{value}}}]"#);
        let found = patched(before, &test).await.map(drop);
        let expected = if holds {
            Ok(())
        } else {
            Err("patch_test_failed".to_owned())
        };
        assert_eq!(found, expected, "{path} {value}");
    }
}

#[tokio::test]
async fn a_place_is_found_as_json_pointers_are_read() {
    let before = r#"{"a/b":1,"c%d":2,"list":["x","y"],"m~n":3,"o":{"0":4}," ":5}"#;
    for (path, found) in [
        ("/a~1b", true),
        ("/m~0n", true),
        ("/c%d", true),
        ("/ ", true),
        ("/o/0", true),
        ("/list/0", true),
        ("/list/1", true),
        ("/a/b", false),
        ("/c%25d", false),
        ("/list/00", false),
        ("/list/01", false),
        ("/list/+1", false),
        ("/list/-1", false),
        ("/list/1e0", false),
        ("/list/2", false),
        ("/list/-", false),
        ("/list/99999999999999999999", false),
        ("/list/x", false),
        ("/A~1b", false),
        ("/list/0/0", false),
    ] {
        for op in ["remove", "replace"] {
            let operation = format!(r#"[{{"op":"{op}","path":"{path}","value":7}}]"#);
            let outcome = patched(before, &operation).await.map(drop);
            let expected = if found {
                Ok(())
            } else {
                Err("patch_path_not_found".to_owned())
            };
            assert_eq!(outcome, expected, "{op} {path}");
        }
    }
    for (path, found) in [
        ("/list/2", true),
        ("/list/-", true),
        ("/list/3", false),
        ("/list/x", false),
    ] {
        let operation = format!(r#"[{{"op":"add","path":"{path}","value":7}}]"#);
        assert_eq!(
            patched(before, &operation).await.is_ok(),
            found,
            "add {path}"
        );
    }
}

/// The first operation that fails decides (RFC 6902, section 5), and nothing of those before it
/// stays.
#[tokio::test]
async fn operations_are_carried_out_in_their_order_and_all_or_none() {
    let test = r#"{"op":"test","path":"/a","value":2}"#;
    let replace = r#"{"op":"replace","path":"/a","value":2}"#;
    let missing = r#"{"op":"remove","path":"/b"}"#;
    for (operations, expected) in [
        (vec![replace, test], Ok(r#"{"a":2}"#)),
        (vec![test, replace], Err("patch_test_failed")),
        (vec![replace, missing], Err("patch_path_not_found")),
        (vec![test, missing], Err("patch_test_failed")),
        (vec![missing, test], Err("patch_path_not_found")),
        (vec![replace, missing, test], Err("patch_path_not_found")),
    ] {
        let found = patched(r#"{"a":1}"#, &format!("[{}]", operations.join(","))).await;
        let expected = expected.map(with_user).map_err(str::to_owned);
        assert_eq!(found, expected, "{operations:?}");
    }
}
