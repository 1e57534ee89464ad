//! RFC 7396's own examples.

use super::{MERGE_PATCHES, outcome, with_user};
use crate::support::{ALICE, Ask};

/// The cases of Appendix A whose original is an object: original, patch, and result.
const APPENDIX_A: &[(&str, &str, &str)] = &[
    (r#"{"a":"b"}"#, r#"{"a":"c"}"#, r#"{"a":"c"}"#),
    (r#"{"a":"b"}"#, r#"{"b":"c"}"#, r#"{"a":"b","b":"c"}"#),
    (r#"{"a":"b"}"#, r#"{"a":null}"#, "{}"),
    (r#"{"a":"b","b":"c"}"#, r#"{"a":null}"#, r#"{"b":"c"}"#),
    (r#"{"a":["b"]}"#, r#"{"a":"c"}"#, r#"{"a":"c"}"#),
    (r#"{"a":"c"}"#, r#"{"a":["b"]}"#, r#"{"a":["b"]}"#),
    (
        r#"{"a":{"b":"c"}}"#,
        r#"{"a":{"b":"d","c":null}}"#,
        r#"{"a":{"b":"d"}}"#,
    ),
    (r#"{"a":[{"b":"c"}]}"#, r#"{"a":[1]}"#, r#"{"a":[1]}"#),
    (r#"{"a":"b"}"#, r#"["c"]"#, r#"["c"]"#),
    (r#"{"a":"foo"}"#, "null", "null"),
    (r#"{"a":"foo"}"#, r#""bar""#, r#""bar""#),
    (r#"{"e":null}"#, r#"{"a":1}"#, r#"{"a":1,"e":null}"#),
    ("{}", r#"{"a":{"bb":{"ccc":null}}}"#, r#"{"a":{"bb":{}}}"#),
];

/// The others: a profile is no list, so that they are taken one level deeper.
const APPENDIX_A_OF_LISTS: &[(&str, &str, &str)] = &[
    (r#"["a","b"]"#, r#"["c","d"]"#, r#"["c","d"]"#),
    ("[1,2]", r#"{"a":"b","c":null}"#, r#"{"a":"b"}"#),
];

async fn assert_example(original: &str, patch: &str, result: &str) {
    let expected = if result.starts_with('{') {
        Ok(with_user(result))
    } else {
        Err("not_portable".to_owned())
    };
    for media_type in MERGE_PATCHES {
        let found = outcome(original, Ask::patch(ALICE, media_type, patch.to_owned())).await;
        assert_eq!(found, expected, "{original} {patch}");
    }
}

#[tokio::test]
async fn the_test_cases_of_appendix_a_hold() {
    for (original, patch, result) in APPENDIX_A {
        assert_example(original, patch, result).await;
    }
    let deeper = |value: &str| format!(r#"{{"member":{value}}}"#);
    for (original, patch, result) in APPENDIX_A.iter().chain(APPENDIX_A_OF_LISTS) {
        // A null removes the member; nothing else about a member is another than about a document.
        let result = match *result {
            "null" => "{}".to_owned(),
            result => deeper(result),
        };
        assert_example(&deeper(original), &deeper(patch), &result).await;
    }
    assert_eq!(APPENDIX_A.len() + APPENDIX_A_OF_LISTS.len(), 15);
}

#[tokio::test]
async fn the_example_of_section_1_holds() {
    assert_example(
        r#"{"a":"b","c":{"d":"e","f":"g"}}"#,
        r#"{"a":"z","c":{"f":null}}"#,
        r#"{"a":"z","c":{"d":"e"}}"#,
    )
    .await;
}

#[tokio::test]
async fn the_example_of_section_3_holds() {
    let original = r#"{
        "title": "Goodbye!",
        "author": {"givenName": "John", "familyName": "Doe"},
        "tags": ["example", "sample"],
        "content": "This will be unchanged"
    }"#;
    let patch = r#"{
        "title": "Hello!",
        "phoneNumber": "+01-123-456-7890",
        "author": {"familyName": null},
        "tags": ["example"]
    }"#;
    let result = concat!(
        r#"{"author":{"givenName":"John"},"content":"This will be unchanged","#,
        r#""phoneNumber":"+01-123-456-7890","tags":["example"],"title":"Hello!"}"#
    );
    assert_example(original, patch, result).await;
}

#[tokio::test]
async fn a_null_in_a_list_is_a_value() {
    assert_example(
        r#"{"a":[1]}"#,
        r#"{"a":[null,{"b":null}]}"#,
        r#"{"a":[null,{"b":null}]}"#,
    )
    .await;
}
