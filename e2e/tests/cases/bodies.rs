//! What a profile may contain, and what comes back.

use serde_json::Value;

use crate::support::{Deployment, call::Caller};

pub(crate) async fn a_profile_has_one_canonical_form(d: &Deployment) {
    let alice = d.somebody();
    let id = &alice.id;
    // What was sent, and what every store gives back.
    for (sent, kept) in [
        ("{}".to_owned(), ""),
        (format!(r#"{{"userId":"{id}"}}"#), ""),
        (r#" { "b" : 1.0 , "a" : -0 } "#.to_owned(), r#""a":0,"b":1"#),
        (
            r#"{"Z":1,"a":2,"Ä":3,"10":4,"9":5}"#.to_owned(),
            r#""10":4,"9":5,"Z":1,"a":2,"Ä":3"#,
        ),
        (
            r#"{"t":"\u00e9\ud83d\ude00\/\u0001\n"}"#.to_owned(),
            r#""t":"é😀/\u0001\n""#,
        ),
        (
            r#"{"n":[9223372036854775807,-9223372036854775808,1e20]}"#.to_owned(),
            r#""n":[9223372036854775807,-9223372036854775808,100000000000000000000]"#,
        ),
        (
            r#"{"n":[0.1,12.50,1e-7,1E3,1.7976931348623157e100,-2.5E-3]}"#.to_owned(),
            r#""n":[0.1,12.5,1e-7,1000,1.7976931348623157e100,-0.0025]"#,
        ),
        (
            r#"{"x":[null,true,false,"",[],{}],"y":{"userId":"inner","_z":1}}"#.to_owned(),
            r#""x":[null,true,false,"",[],{}],"y":{"_z":1,"userId":"inner"}"#,
        ),
        (nested(32), &nested(32)[1..nested(32).len() - 1]),
    ] {
        let comma = if kept.is_empty() { "" } else { "," };
        let text = format!(r#"{{"userId":"{id}"{comma}{kept}}}"#);
        let put = alice.put(&sent).await;
        let status = put.status;
        let put = put.shows(if status == 201 { 201 } else { 200 }, &text);
        let got = alice.get().await.shows(200, &text);
        assert_eq!(got.tag(), put.tag(), "{sent}");
        // What was given back is taken back, as the same content.
        let again = alice.put(&got.body).await.shows(200, &text);
        assert_eq!(again.tag(), put.tag(), "{sent}");
    }
}

pub(crate) async fn equal_tags_are_equal_contents(d: &Deployment) {
    let (alice, bob) = (d.somebody(), d.somebody());
    let tag = alice.put(r#"{"a":1,"b":"é"}"#).await.is(201).tag();
    let other_spelling = bob.put("{ \"b\":\"\\u00e9\", \"a\":1.000 }").await;
    assert_eq!(other_spelling.is(201).tag(), tag);
    for other in [
        r#"{"a":"1","b":"é"}"#,
        r#"{"a":1}"#,
        r#"{"a":1,"b":"e\u0301"}"#,
    ] {
        let answer = bob.put(other).await.is(200);
        assert_ne!(answer.tag(), tag, "{other}");
    }
}

pub(crate) async fn only_json_is_taken(d: &Deployment) {
    let alice = d.somebody();
    for content_type in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/json-patch+json",
        "application/jsonp",
        "json",
    ] {
        let call = alice.call("PUT", &alice.profile()).body("{}");
        let answer = call.header("content-type", content_type).await;
        let problem = answer.is_refused(415, "unsupported_media_type");
        assert_eq!(problem["detail"], "PUT takes application/json.");
    }
    let untyped = alice.call("PUT", &alice.profile()).body("{}").await;
    untyped.is_refused(415, "unsupported_media_type");
    // The media type comes first.
    let both = alice.call("PUT", &alice.profile()).body("{").await;
    both.is_refused(415, "unsupported_media_type");

    for body in [
        "",
        "{",
        "{} {}",
        r#"{"a":1,}"#,
        r#"{"a":01}"#,
        r#"{"a":"\ud800"}"#,
        "\u{feff}{}",
    ] {
        let answer = alice.put(body).await;
        let problem = answer.is_refused(400, "invalid_json");
        let detail = problem["detail"].as_str().expect("a detail");
        assert!(detail.starts_with("The body is not JSON: "), "{detail}");
    }
    let call = alice.call("PUT", &alice.profile()).body("{}");
    let spelled = call.header("content-type", "Application/JSON; charset=utf-8");
    spelled.await.is(201);
}

pub(crate) async fn what_some_store_could_not_keep_is_422_with_its_places(d: &Deployment) {
    let alice = d.somebody();
    let too_deep = (nested(33), vec!["/a".repeat(32)]);
    let bodies = [
        (r#"{"a":1,"b":{"c":2,"c":3}}"#, vec!["/b/c"]),
        (
            r#"{"big":1e400,"long":[0,3.14159265358979323846]}"#,
            vec!["/big", "/long/1"],
        ),
        (r#"{"n":18446744073709551615}"#, vec!["/n"]),
        (r#"{"":1,"a/b":{"~":{"":2}}}"#, vec!["/", "/a~1b/~0/"]),
        (r#"{"t":"a\u0000b","_mine":1}"#, vec!["/_mine", "/t"]),
        ("[]", vec![""]),
        ("null", vec![""]),
        (r#"{"userId":"somebody else"}"#, vec!["/userId"]),
        (r#"{"userId":null}"#, vec!["/userId"]),
    ];
    let bodies = bodies
        .into_iter()
        .map(|(body, places)| {
            (
                body.to_owned(),
                places.iter().map(ToString::to_string).collect(),
            )
        })
        .chain([too_deep]);
    for (body, places) in bodies {
        let answer = alice.put(&body).await;
        let problem = answer.is_refused(422, "not_portable");
        assert_eq!(pointers(&problem), places, "{body}");
    }
    alice.get().await.is_refused(404, "profile_not_found");
}

pub(crate) async fn a_profile_of_256_kib_is_kept_and_a_larger_one_is_413(d: &Deployment) {
    let alice = d.somebody();
    let largest = of_size(262_144);
    // White space does not count.
    let put = alice.put(&largest.replacen(':', " : ", 1)).await.is(201);
    let got = alice.get().await.is(200);
    assert_eq!(got.body.len(), put.body.len());
    assert!(got.body.ends_with(&largest[1..]), "the same came back");
    assert_eq!(got.tag(), put.tag());

    for larger in [of_size(262_145), of_size(500_000)] {
        let answer = alice.put(&larger).await;
        let problem = answer.is_refused(413, "too_large");
        let detail = "A profile has at most 262144 bytes of JSON.";
        assert_eq!(problem["detail"], detail);
    }
    still_has(&alice, &got.tag()).await;
}

async fn still_has(caller: &Caller, tag: &str) {
    assert_eq!(caller.get().await.is(200).tag(), tag);
}

/// A profile of so many bytes, in canonical form.
fn of_size(bytes: usize) -> String {
    format!(r#"{{"a":"{}"}}"#, "x".repeat(bytes - 8))
}

/// Objects in objects, the outermost being depth 1.
fn nested(depth: usize) -> String {
    format!(
        "{}{{}}{}",
        r#"{"a":"#.repeat(depth - 1),
        "}".repeat(depth - 1)
    )
}

fn pointers(problem: &Value) -> Vec<String> {
    let errors = problem["errors"].as_array().expect("a list of errors");
    let pointer = |error: &Value| {
        assert!(error["detail"].is_string(), "{problem}");
        error["pointer"].as_str().expect("a pointer").to_owned()
    };
    errors.iter().map(pointer).collect()
}
