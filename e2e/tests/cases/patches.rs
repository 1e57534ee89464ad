//! PATCH in both of its formats.

use serde_json::json;

use crate::support::{Answer, Deployment, call::Caller};

/// Where `errors` points to.
fn places(problem: &serde_json::Value) -> Vec<&str> {
    let errors = problem["errors"].as_array().expect("errors");
    errors
        .iter()
        .map(|error| {
            assert!(error["detail"].is_string(), "{problem}");
            error["pointer"].as_str().expect("a pointer")
        })
        .collect()
}

pub(crate) async fn a_merge_patch_changes_what_it_names(d: &Deployment) {
    let alice = d.somebody();
    let absent = alice.merge(r#"{"a":1}"#).await;
    absent.is_refused(404, "profile_not_found");

    let before = r#"{"title":"Goodbye!","author":{"given":"John","family":"Doe"},"tags":["a","b"],"kept":1}"#;
    let first = alice.put(before).await.is(201).tag();
    let patch =
        r#"{"title":"Hello!","phone":1.50,"author":{"family":null},"tags":["a"],"none":null}"#;
    let id = &alice.id;
    let after = format!(
        r#"{{"userId":"{id}","author":{{"given":"John"}},"kept":1,"phone":1.5,"tags":["a"],"title":"Hello!"}}"#
    );
    let patched = alice.merge(patch).await.shows(200, &after);
    assert_ne!(patched.tag(), first);
    let read = alice.get().await.shows(200, &after);
    assert_eq!(read.tag(), patched.tag());

    // The same again changes nothing, and application/json means the same.
    let again = alice.patch("application/json; charset=utf-8", patch).await;
    assert_eq!(again.shows(200, &after).tag(), patched.tag());
}

pub(crate) async fn a_json_patch_is_done_whole_or_not_at_all(d: &Deployment) {
    let alice = d.somebody();
    alice.put(r#"{"a":[1,2],"b":{"c":"d"}}"#).await.is(201);
    let id = &alice.id;
    let patch = json!([
        {"op": "test", "path": "/userId", "value": id},
        {"op": "test", "path": "/a/0", "value": 1.0},
        {"op": "add", "path": "/a/1", "value": {"x": -0.0}},
        {"op": "replace", "path": "/b/c", "value": null},
        {"op": "copy", "from": "/a", "path": "/copied"},
        {"op": "move", "from": "/a/2", "path": "/b/~0~1"},
        {"op": "remove", "path": "/a/0"},
    ]);
    let after = format!(
        r#"{{"userId":"{id}","a":[{{"x":0}}],"b":{{"c":null,"~/":2}},"copied":[1,{{"x":0}},2]}}"#
    );
    alice
        .operations(&patch.to_string())
        .await
        .shows(200, &after);

    let failing = json!([
        {"op": "remove", "path": "/copied"},
        {"op": "test", "path": "/b/c", "value": "d"},
    ]);
    let refused = alice.operations(&failing.to_string()).await;
    assert_eq!(
        places(&refused.is_refused(409, "patch_test_failed")),
        ["/b/c"]
    );
    for (operation, place) in [
        (
            json!({"op": "replace", "path": "/none", "value": 1}),
            "/none",
        ),
        (json!({"op": "remove", "path": "/a/1"}), "/a/1"),
        (
            json!({"op": "add", "path": "/none/x", "value": 1}),
            "/none/x",
        ),
        (
            json!({"op": "copy", "from": "/none", "path": "/x"}),
            "/none",
        ),
    ] {
        let patch = json!([{"op": "remove", "path": "/copied"}, operation]);
        let refused = alice.operations(&patch.to_string()).await;
        let problem = refused.is_refused(422, "patch_path_not_found");
        assert_eq!(places(&problem), [place]);
    }
    alice.get().await.shows(200, &after);
}

pub(crate) async fn a_patch_that_is_none_is_refused_with_its_places(d: &Deployment) {
    let alice = d.somebody();
    alice.put(r#"{"a":1}"#).await.is(201);
    let stays = |caller: Caller| async move {
        caller.get().await.is(200);
    };

    for (content_type, body) in [
        ("text/plain", "{}"),
        ("application/json-patch", "[]"),
        ("", "{}"),
    ] {
        let mut call = alice.call("PATCH", &alice.profile()).body(body);
        if !content_type.is_empty() {
            call = call.header("content-type", content_type);
        }
        let answer = call.await;
        answer.is_refused(415, "unsupported_media_type");
        let accepted = answer.must_have("accept-patch");
        for one in [
            "application/merge-patch+json",
            "application/json-patch+json",
        ] {
            assert!(accepted.contains(one), "{answer}");
        }
    }
    alice
        .merge(r#"{"a":"#)
        .await
        .is_refused(400, "invalid_json");
    alice.operations("[").await.is_refused(400, "invalid_json");
    let too_many = vec![json!({"op": "remove", "path": "/a"}); 101];
    for (body, expected) in [
        (json!({"a": 1}), vec![""]),
        (json!([7]), vec!["/0"]),
        (
            json!([{"op": "add", "path": "a", "value": 1}, {"op": "spam"}]),
            vec!["/0/path", "/1/op"],
        ),
        (json!([{"op": "add", "path": "/a"}]), vec!["/0/value"]),
        (
            json!([{"op": "move", "from": "/a", "path": "/a/b"}]),
            vec!["/0/path"],
        ),
        (json!(too_many), vec![""]),
    ] {
        let refused = alice.operations(&body.to_string()).await;
        assert_eq!(places(&refused.is_refused(400, "invalid_patch")), expected);
    }
    for (body, expected) in [
        ("[]", ""),
        (r#"{"b":{"_":1,"":2}}"#, "/b/"),
        (r#"{"_b":1}"#, "/_b"),
        (r#"{"userId":"somebody else"}"#, "/userId"),
        (r#"{"b":1,"b":2}"#, "/b"),
    ] {
        let problem = alice.merge(body).await.is_refused(422, "not_portable");
        assert_eq!(places(&problem), [expected], "{body}");
    }
    for (body, expected) in [
        (
            r#"[{"op":"add","path":"/b","value":{"c":1e400}}]"#,
            "/0/value/c",
        ),
        (r#"[{"op":"add","path":"/_b","value":1}]"#, "/_b"),
        (
            r#"[{"op":"replace","path":"/userId","value":"x"}]"#,
            "/userId",
        ),
        (r#"[{"op":"replace","path":"","value":[]}]"#, ""),
    ] {
        let problem = alice.operations(body).await.is_refused(422, "not_portable");
        assert_eq!(places(&problem), [expected], "{body}");
    }
    stays(alice).await;
}

pub(crate) async fn a_patch_is_conditional(d: &Deployment) {
    let alice = d.somebody();
    let absent = alice.merge("{}").header("if-match", "*").await;
    absent.is_refused(404, "profile_not_found");
    let first = alice.put(r#"{"v":1}"#).await.is(201).tag();
    let second = alice.merge(r#"{"v":2}"#).header("if-match", &first).await;
    let second = second.is(200).tag();
    let refused = |answer: Answer| {
        answer.is_refused(412, "precondition_failed");
    };
    refused(alice.merge(r#"{"v":3}"#).header("if-match", &first).await);
    refused(alice.merge(r#"{"v":3}"#).header("if-none-match", "*").await);
    refused(
        alice
            .merge(r#"{"v":3}"#)
            .header("if-none-match", &second)
            .await,
    );
    // The precondition comes before what the patch says of the profile.
    let patch = r#"[{"op":"test","path":"/v","value":9}]"#;
    refused(alice.operations(patch).header("if-match", &first).await);
    let kept = alice.get().await.is(200);
    assert_eq!(kept.tag(), second);
    alice
        .merge(r#"{"v":3}"#)
        .header("if-match", "*")
        .await
        .is(200);
}

pub(crate) async fn a_patch_that_grows_is_stopped(d: &Deployment) {
    let alice = d.somebody();
    alice
        .put(&json!({"a": {"text": "x".repeat(1000)}}).to_string())
        .await
        .is(201);
    let double: Vec<_> = (0..14)
        .map(|n| json!({"op": "copy", "from": "", "path": format!("/a/{n}")}))
        .collect();
    let grown = alice.operations(&json!(double).to_string()).await;
    grown.is_refused(413, "too_large");
    let deeper: Vec<_> = (0..40)
        .map(|_| json!({"op": "copy", "from": "/a", "path": "/a/a"}))
        .collect();
    let deep = json!([{"op": "replace", "path": "/a", "value": {}}]);
    alice.operations(&deep.to_string()).await.is(200);
    let problem = alice.operations(&json!(deeper).to_string()).await;
    let problem = problem.is_refused(422, "not_portable");
    assert_eq!(places(&problem), ["/a/a"]);
}
