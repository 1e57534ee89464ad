use super::*;
use axum::body::to_bytes;
use serde_json::json;

async fn text(response: Response) -> String {
    let body = to_bytes(response.into_body(), usize::MAX)
        .await
        .expect("a body");
    String::from_utf8(body.to_vec()).expect("text")
}

fn values(response: &Response, name: &str) -> Vec<String> {
    let values = response.headers().get_all(name).iter();
    values
        .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
        .collect()
}

#[tokio::test]
async fn what_lambda_http_answers_to_a_rest_api_is_accepted() {
    let answer = json!({
        "statusCode": 404,
        "headers": {},
        "multiValueHeaders": { "content-type": ["application/problem+json"], "vary": ["a", "b"] },
        "body": "{}",
        "isBase64Encoded": false,
    });
    let response = from_rest_api(&answer).expect("accepted");
    assert_eq!(response.status(), 404);
    assert_eq!(
        values(&response, "content-type"),
        ["application/problem+json"]
    );
    assert_eq!(values(&response, "vary"), ["a", "b"]);
    assert_eq!(text(response).await, "{}");
}

#[tokio::test]
async fn what_lambda_http_answers_to_an_http_api_is_accepted() {
    let answer = json!({
        "statusCode": 200,
        "headers": { "content-type": "text/html" },
        "multiValueHeaders": {},
        "body": "é",
        "isBase64Encoded": false,
        "cookies": ["a=1", "b=2"],
    });
    let response = from_http_api(&answer).expect("accepted");
    assert_eq!(values(&response, "content-type"), ["text/html"]);
    assert_eq!(values(&response, "set-cookie"), ["a=1", "b=2"]);
    assert_eq!(text(response).await, "é");
}

#[tokio::test]
async fn a_base64_body_is_decoded_by_both() {
    let answer = json!({ "statusCode": 200, "body": "aGk=", "isBase64Encoded": true });
    assert_eq!(text(from_rest_api(&answer).expect("accepted")).await, "hi");
    assert_eq!(text(from_http_api(&answer).expect("accepted")).await, "hi");
}

#[tokio::test]
async fn a_rest_answer_with_headers_alone_is_an_empty_200() {
    let response = from_rest_api(&json!({ "headers": { "x-one": "1" } })).expect("accepted");
    assert_eq!(response.status(), 200);
    assert_eq!(values(&response, "x-one"), ["1"]);
    assert_eq!(text(response).await, "");
}

#[test]
fn a_rest_status_may_be_a_numeric_string() {
    let response = from_rest_api(&json!({ "statusCode": "201", "headers": null }));
    assert_eq!(response.expect("accepted").status(), 201);
}

#[test]
fn rest_header_values_may_be_booleans_and_numbers() {
    let response = from_rest_api(&json!({ "headers": { "x-flag": true, "x-count": 3 } }));
    let response = response.expect("accepted");
    assert_eq!(values(&response, "x-flag"), ["true"]);
    assert_eq!(values(&response, "x-count"), ["3"]);
}

#[test]
fn a_rest_header_in_both_maps_has_the_multiple_values_first_and_no_value_twice() {
    let response = from_rest_api(&json!({
        "headers": { "X-One": "c", "x-two": "a" },
        "multiValueHeaders": { "x-one": ["a", "b"], "X-Two": ["a", "b"] },
    }));
    let response = response.expect("accepted");
    assert_eq!(values(&response, "x-one"), ["a", "b", "c"]);
    assert_eq!(values(&response, "x-two"), ["a", "b"]);
}

#[test]
fn a_malformed_rest_answer_is_refused() {
    for answer in [
        json!("text"),
        json!(null),
        json!([]),
        json!({ "statusCode": 200, "wrongValue": 1 }),
        json!({ "statusCode": 200, "cookies": [] }),
        json!({ "statusCode": "test" }),
        json!({ "statusCode": 99 }),
        json!({ "statusCode": 100 }),
        json!({ "statusCode": 600 }),
        json!({ "statusCode": 200.5 }),
        json!({ "statusCode": true }),
        json!({ "headers": [] }),
        json!({ "headers": { "x": null } }),
        json!({ "headers": { "x": ["a"] } }),
        json!({ "headers": { "a name": "x" } }),
        json!({ "headers": { "x": "a\nb" } }),
        json!({ "multiValueHeaders": { "x": "a" } }),
        json!({ "body": {} }),
        json!({ "body": 1 }),
        json!({ "body": "x", "isBase64Encoded": "true" }),
        json!({ "body": "no base64!", "isBase64Encoded": true }),
    ] {
        assert!(from_rest_api(&answer).is_err(), "{answer}");
    }
}

#[test]
fn a_malformed_http_answer_is_refused() {
    for answer in [
        json!({ "statusCode": "test" }),
        json!({ "statusCode": 200, "headers": [] }),
        json!({ "statusCode": 200, "cookies": "a=1" }),
        json!({ "statusCode": 200, "cookies": [[]] }),
        json!({ "statusCode": 200, "body": [] }),
        json!({ "statusCode": 200, "body": "no base64!", "isBase64Encoded": true }),
    ] {
        assert!(from_http_api(&answer).is_err(), "{answer}");
    }
}

#[tokio::test]
async fn an_http_answer_without_a_status_is_itself_the_body() {
    for (answer, expected) in [
        (json!({ "body": "x" }), r#"{"body":"x"}"#),
        (json!("text"), "text"),
        (json!([1]), "[1]"),
    ] {
        let response = from_http_api(&answer).expect("accepted");
        assert_eq!(response.status(), 200);
        assert_eq!(values(&response, "content-type"), ["application/json"]);
        assert_eq!(text(response).await, expected);
    }
}

#[test]
fn unknown_members_and_multiple_values_have_no_effect_in_an_http_answer() {
    let answer = json!({ "statusCode": 200, "multiValueHeaders": { "x": ["1"] }, "other": 1 });
    assert!(
        from_http_api(&answer)
            .expect("accepted")
            .headers()
            .get("x")
            .is_none()
    );
}

#[test]
fn a_rest_api_renames_headers_and_an_http_api_does_not() {
    let answer = json!({ "statusCode": 401, "headers": { "WWW-Authenticate": "Bearer" } });
    let rest = from_rest_api(&answer).expect("accepted");
    assert_eq!(
        values(&rest, "x-amzn-remapped-www-authenticate"),
        ["Bearer"]
    );
    assert!(values(&rest, "www-authenticate").is_empty());
    let http = from_http_api(&answer).expect("accepted");
    assert_eq!(values(&http, "www-authenticate"), ["Bearer"]);
}

#[test]
fn every_renamed_header_keeps_all_its_values() {
    for (from, to) in REMAPPED {
        let answer = json!({ "multiValueHeaders": { from: ["a", "b"] } });
        let response = from_rest_api(&answer).expect("accepted");
        assert_eq!(values(&response, to), ["a", "b"]);
        assert!(values(&response, from).is_empty());
    }
}

#[test]
fn hop_by_hop_headers_and_the_body_length_of_a_function_never_reach_the_client() {
    let headers = json!({ "transfer-encoding": "chunked", "upgrade": "x", "content-length": "9" });
    let answer = json!({ "statusCode": 200, "headers": headers });
    for response in [from_rest_api(&answer), from_http_api(&answer)] {
        let response = response.expect("accepted");
        let names: Vec<&str> = response.headers().keys().map(HeaderName::as_str).collect();
        assert_eq!(names, ["content-type"]);
    }
}

#[test]
fn an_answer_without_a_content_type_gets_the_default_of_its_gateway() {
    let answer = json!({ "statusCode": 204 });
    let rest = from_rest_api(&answer).expect("accepted");
    assert_eq!(values(&rest, "content-type"), [REST_API_CONTENT_TYPE]);
    let http = from_http_api(&answer).expect("accepted");
    assert_eq!(values(&http, "content-type"), [HTTP_API_CONTENT_TYPE]);
}
