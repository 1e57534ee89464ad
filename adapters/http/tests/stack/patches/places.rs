//! The places that `errors` names: where a fault can be seen in the body alone, places in the body;
//! where the profile had to be read, places in the profile.

use crate::support::{ALICE, Ask, Setup};

const BEFORE: &str = r#"{"age":1,"deep":{"list":[1]},"tier":"gold"}"#;

async fn assert_names(before: &str, media_type: &str, rows: &[(&str, &str, &[&str])]) {
    for (body, code, pointers) in rows {
        let world = Setup::with_schema(&["tier"]).start();
        world.alice_was_given(before);
        let patch = Ask::patch(ALICE, media_type, (*body).to_owned());
        let answer = world.ask(patch).await;
        assert_eq!(answer.code(), *code, "{body}");
        let mut found = answer.pointers();
        found.sort_unstable();
        assert_eq!(found, *pointers, "{body}");
    }
}

#[tokio::test]
async fn a_json_patch_that_cannot_be_read_is_told_of_places_in_it() {
    let rows: &[(&str, &str, &[&str])] = &[
        (
            r#"[{"op":"add","path":"/a","value":{"b":[1e400]}}]"#,
            "not_portable",
            &["/0/value/b/0"],
        ),
        (
            r#"[{"op":"add","path":"/a","value":{"":1}}]"#,
            "not_portable",
            &["/0/value/"],
        ),
        (
            r#"[{"op":"test","path":"/tier","value":"gold"},7]"#,
            "invalid_patch",
            &["/1"],
        ),
        (
            r#"[{"op":"move","path":"/a"},{"op":"add"}]"#,
            "invalid_patch",
            &["/0/from", "/1/path"],
        ),
        ("{}", "invalid_patch", &[""]),
    ];
    assert_names(BEFORE, super::OPERATIONS, rows).await;
}

#[tokio::test]
async fn a_json_patch_that_cannot_be_carried_out_is_told_of_places_in_the_profile() {
    let rows: &[(&str, &str, &[&str])] = &[
        (
            r#"[{"op":"test","path":"/deep/list/0","value":2}]"#,
            "patch_test_failed",
            &["/deep/list/0"],
        ),
        (
            r#"[{"op":"test","path":"/deep/list/1","value":1}]"#,
            "patch_test_failed",
            &["/deep/list/1"],
        ),
        (
            r#"[{"op":"remove","path":"/deep/~1~0"}]"#,
            "patch_path_not_found",
            &["/deep/~1~0"],
        ),
        (
            r#"[{"op":"move","from":"/b/c","path":"/a"}]"#,
            "patch_path_not_found",
            &["/b/c"],
        ),
        (
            r#"[{"op":"copy","from":"/age","path":"/b/c"}]"#,
            "patch_path_not_found",
            &["/b/c"],
        ),
        (
            r#"[{"op":"add","path":"/_a","value":1}]"#,
            "not_portable",
            &["/_a"],
        ),
        (
            r#"[{"op":"add","path":"/deep/","value":1}]"#,
            "not_portable",
            &["/deep/"],
        ),
        (
            r#"[{"op":"replace","path":"/userId","value":"bob"}]"#,
            "not_portable",
            &["/userId"],
        ),
        (
            r#"[{"op":"replace","path":"/tier","value":1}]"#,
            "attribute_read_only",
            &["/tier"],
        ),
        (
            r#"[{"op":"replace","path":"/age","value":-1}]"#,
            "schema_violation",
            &["/age"],
        ),
    ];
    assert_names(BEFORE, super::OPERATIONS, rows).await;
    let no_object = r#"[{"op":"replace","path":"","value":1}]"#;
    assert_names(
        "{}",
        super::OPERATIONS,
        &[(no_object, "not_portable", &[""])],
    )
    .await;
}

#[tokio::test]
async fn the_places_of_a_merge_patch_are_those_of_the_profile() {
    let rows: &[(&str, &str, &[&str])] = &[
        (
            r#"{"deep":{"list":["\u0000",{"":1}]}}"#,
            "not_portable",
            &["/deep/list/0", "/deep/list/1/"],
        ),
        (r#"{"userId":"bob"}"#, "not_portable", &["/userId"]),
        ("1", "not_portable", &[""]),
        (r#"{"tier":{"a":null}}"#, "attribute_read_only", &["/tier"]),
        (
            r#"{"age":-1,"email":1}"#,
            "schema_violation",
            &["/age", "/email"],
        ),
    ];
    for media_type in super::MERGE_PATCHES {
        assert_names(BEFORE, media_type, rows).await;
    }
}
