use super::*;
use axum::http::Request;

fn arrival() -> Arrival {
    Arrival {
        request_id: "00000001-0000-4000-8000-000000000002".to_owned(),
        epoch_ms: 1_722_641_683_123,
        source_ip: "192.0.2.7".to_owned(),
    }
}

fn parts(method: &str, uri: &str, headers: &[(&str, &str)]) -> Parts {
    let request = Request::builder().method(method).uri(uri);
    let request = headers.iter().fold(request, |request, (name, value)| {
        request.header(*name, *value)
    });
    request.body(()).expect("a request").into_parts().0
}

fn rest(uri: &str, headers: &[(&str, &str)]) -> Value {
    rest_api(&parts("GET", uri, headers), &Bytes::new(), &arrival())
}

fn http(uri: &str, headers: &[(&str, &str)]) -> Value {
    http_api(&parts("GET", uri, headers), &Bytes::new(), &arrival())
}

#[test]
fn a_rest_event_has_the_recorded_shape() {
    let event = rest(
        "/users/u-1/profile",
        &[("user-agent", "test/1"), ("x-one", "1")],
    );
    assert_eq!(
        event,
        json!({
            "resource": "/users/{userId}/profile",
            "path": "/users/u-1/profile",
            "httpMethod": "GET",
            "headers": { "user-agent": "test/1", "x-one": "1" },
            "multiValueHeaders": { "user-agent": ["test/1"], "x-one": ["1"] },
            "queryStringParameters": null,
            "multiValueQueryStringParameters": null,
            "pathParameters": { "userId": "u-1" },
            "stageVariables": null,
            "body": null,
            "isBase64Encoded": false,
            "requestContext": {
                "accountId": "123456789012",
                "apiId": "api-id-123",
                "deploymentId": "deploy",
                "domainName": "api-id-123.execute-api.eu-west-1.amazonaws.com",
                "domainPrefix": "api-id-123",
                "extendedRequestId": STANDARD.encode("00000001-0000-4000-8000-000000000002"),
                "httpMethod": "GET",
                "identity": {
                    "accessKey": null, "accountId": null, "caller": null,
                    "cognitoAuthenticationProvider": null, "cognitoAuthenticationType": null,
                    "cognitoIdentityId": null, "cognitoIdentityPoolId": null,
                    "principalOrgId": null, "sourceIp": "192.0.2.7", "user": null,
                    "userAgent": "test/1", "userArn": null,
                },
                "path": "/prod/users/u-1/profile",
                "protocol": "HTTP/1.1",
                "requestId": "00000001-0000-4000-8000-000000000002",
                "requestTime": "02/Aug/2024:23:34:43 +0000",
                "requestTimeEpoch": 1_722_641_683_123_u64,
                "resourceId": "profil",
                "resourcePath": "/users/{userId}/profile",
                "stage": "prod",
            },
        })
    );
}

#[test]
fn an_http_event_has_the_documented_shape() {
    let event = http("/users/u-1/profile", &[("user-agent", "test/1")]);
    assert_eq!(
        event,
        json!({
            "version": "2.0",
            "routeKey": "GET /users/{userId}/profile",
            "rawPath": "/prod/users/u-1/profile",
            "rawQueryString": "",
            "headers": { "user-agent": "test/1" },
            "pathParameters": { "userId": "u-1" },
            "requestContext": {
                "accountId": "123456789012",
                "apiId": "api-id-123",
                "domainName": "api-id-123.execute-api.eu-west-1.amazonaws.com",
                "domainPrefix": "api-id-123",
                "http": {
                    "method": "GET",
                    "path": "/prod/users/u-1/profile",
                    "protocol": "HTTP/1.1",
                    "sourceIp": "192.0.2.7",
                    "userAgent": "test/1",
                },
                "requestId": "00000001-0000-4000-8000-000000000002",
                "routeKey": "GET /users/{userId}/profile",
                "stage": "prod",
                "time": "02/Aug/2024:23:34:43 +0000",
                "timeEpoch": 1_722_641_683_123_u64,
            },
            "isBase64Encoded": false,
        })
    );
}

#[test]
fn a_rest_path_and_its_parameter_stay_percent_encoded() {
    let event = rest("/users/a%2Fb%2B%20c/profile", &[]);
    assert_eq!(event["path"], "/users/a%2Fb%2B%20c/profile");
    assert_eq!(event["pathParameters"], json!({ "userId": "a%2Fb%2B%20c" }));
    assert_eq!(
        event["requestContext"]["path"],
        "/prod/users/a%2Fb%2B%20c/profile"
    );
}

#[test]
fn an_http_path_and_its_parameter_are_decoded_once() {
    let event = http("/users/a+%2B%2520%C3%A9/profile", &[]);
    assert_eq!(event["rawPath"], "/prod/users/a++%20é/profile");
    assert_eq!(
        event["requestContext"]["http"]["path"],
        "/prod/users/a++%20é/profile"
    );
    assert_eq!(event["pathParameters"], json!({ "userId": "a++%20é" }));
}

#[test]
fn an_http_path_ends_at_a_decoded_question_mark() {
    let event = http("/users/a%3Fb/profile?x=1", &[]);
    assert_eq!(event["rawPath"], "/prod/users/a");
    assert_eq!(event["routeKey"], "$default");
    assert_eq!(event["rawQueryString"], "x=1");
}

#[test]
fn a_decoded_slash_takes_an_http_path_to_the_default_route() {
    let event = http("/users/a%2Fb/profile", &[]);
    assert_eq!(event["routeKey"], "$default");
    assert!(event.get("pathParameters").is_none());
}

#[test]
fn another_method_takes_an_http_path_to_the_default_route() {
    let event = http_api(
        &parts("DELETE", "/users/u-1/profile", &[]),
        &Bytes::new(),
        &arrival(),
    );
    assert_eq!(event["routeKey"], "$default");
    assert_eq!(event["requestContext"]["http"]["method"], "DELETE");
    assert!(event.get("pathParameters").is_none());
}

#[test]
fn a_trailing_slash_stays_in_a_rest_path_but_not_in_its_routing() {
    let event = rest("/users/u-1/profile/", &[]);
    assert_eq!(event["path"], "/users/u-1/profile/");
    assert_eq!(event["resource"], PROFILE_RESOURCE);
    assert_eq!(event["pathParameters"], json!({ "userId": "u-1" }));
    let other = rest("/health/ready/", &[]);
    assert_eq!(other["resource"], "/{proxy+}");
    assert_eq!(other["pathParameters"], json!({ "proxy": "health/ready" }));
}

#[test]
fn an_empty_or_a_longer_user_segment_is_not_the_profile_resource() {
    for path in [
        "/users//profile",
        "/users/a/b/profile",
        "/users/profile",
        "/users/a/profile/x",
    ] {
        assert_eq!(rest(path, &[])["resource"], "/{proxy+}", "{path}");
        assert_eq!(http(path, &[])["routeKey"], "$default", "{path}");
    }
}

#[test]
fn the_root_is_a_rest_resource_of_its_own() {
    let event = rest("/", &[]);
    assert_eq!(event["resource"], "/");
    assert_eq!(event["pathParameters"], Value::Null);
}

#[test]
fn a_repeated_header_is_last_value_in_rest_and_comma_joined_in_http() {
    let repeated = [("x-many", "one"), ("X-Many", "two")];
    let event = rest("/", &repeated);
    assert_eq!(event["headers"]["x-many"], "two");
    assert_eq!(event["multiValueHeaders"]["x-many"], json!(["one", "two"]));
    assert_eq!(http("/", &repeated)["headers"]["x-many"], "one,two");
}

#[test]
fn query_parameters_are_decoded_and_repeated_ones_kept() {
    let uri = "/?a=1&a=%C3%A9+x&b&=&c=%2&d=%zz";
    let event = rest(uri, &[]);
    assert_eq!(
        event["queryStringParameters"],
        json!({ "": "", "a": "é x", "b": "", "c": "%2", "d": "%zz" })
    );
    assert_eq!(
        event["multiValueQueryStringParameters"]["a"],
        json!(["1", "é x"])
    );
    let event = http(uri, &[]);
    assert_eq!(event["queryStringParameters"]["a"], "1,é x");
    assert_eq!(event["rawQueryString"], "a=1&a=%C3%A9+x&b&=&c=%2&d=%zz");
}

#[test]
fn a_question_mark_without_a_query_leaves_no_parameters() {
    assert_eq!(rest("/?", &[])["queryStringParameters"], Value::Null);
    assert!(http("/?", &[]).get("queryStringParameters").is_none());
}

#[test]
fn an_http_event_has_cookies_in_their_member_and_not_in_the_headers() {
    let event = http("/", &[("cookie", "a=1; b=2;"), ("cookie", "c=3")]);
    assert_eq!(event["cookies"], json!(["a=1", "b=2", "c=3"]));
    assert!(event["headers"].get("cookie").is_none());
    assert!(http("/", &[]).get("cookies").is_none());
    assert_eq!(rest("/", &[("cookie", "a=1")])["headers"]["cookie"], "a=1");
}

#[test]
fn a_text_body_is_text_and_a_binary_one_is_base64() {
    let parts = parts("POST", "/", &[]);
    for event in [rest_api, http_api] {
        let text = event(&parts, &Bytes::from("é"), &arrival());
        assert_eq!(
            (&text["body"], &text["isBase64Encoded"]),
            (&json!("é"), &json!(false))
        );
        let binary = event(&parts, &Bytes::from_static(&[0xFF, 0x00]), &arrival());
        assert_eq!(
            (&binary["body"], &binary["isBase64Encoded"]),
            (&json!("/wA="), &json!(true))
        );
    }
    assert!(
        http_api(&parts, &Bytes::new(), &arrival())
            .get("body")
            .is_none()
    );
}

#[test]
fn neither_event_has_an_authorizer_or_an_api_key() {
    let key = [("x-api-key", "k"), ("authorization", "Bearer t")];
    let event = rest("/", &key);
    assert!(event["requestContext"].get("authorizer").is_none());
    assert!(event["requestContext"]["identity"].get("apiKey").is_none());
    assert!(
        event["requestContext"]["identity"]
            .get("apiKeyId")
            .is_none()
    );
    assert!(
        http("/", &key)["requestContext"]
            .get("authorizer")
            .is_none()
    );
}

#[test]
fn times_are_right_around_leap_days_and_year_ends() {
    for (epoch_s, expected) in [
        (0, "01/Jan/1970:00:00:00 +0000"),
        (951_782_399, "28/Feb/2000:23:59:59 +0000"),
        (951_782_400, "29/Feb/2000:00:00:00 +0000"),
        (951_868_800, "01/Mar/2000:00:00:00 +0000"),
        (1_735_689_599, "31/Dec/2024:23:59:59 +0000"),
        (1_735_689_600, "01/Jan/2025:00:00:00 +0000"),
        (4_107_542_400, "01/Mar/2100:00:00:00 +0000"),
    ] {
        assert_eq!(common_log_time(epoch_s * 1000 + 999), expected);
    }
}

#[test]
fn ids_differ_and_have_the_shape_of_a_uuid() {
    let (first, second) = (unique_id(), unique_id());
    assert_ne!(first, second);
    let groups: Vec<usize> = first.split('-').map(str::len).collect();
    assert_eq!(groups, [8, 4, 4, 4, 12]);
    assert!(
        first
            .chars()
            .all(|char| char == '-' || char.is_ascii_hexdigit())
    );
}

#[test]
fn a_function_url_hands_over_the_path_as_it_was_sent_and_has_no_stage() {
    let parts = parts("GET", "/users/a%2Fb/profile?x=%20", &[]);
    let event = function_url(&parts, &Bytes::new(), &arrival());
    assert_eq!(event["version"], "2.0");
    assert_eq!(event["rawPath"], "/users/a%2Fb/profile");
    assert_eq!(event["rawQueryString"], "x=%20");
    assert_eq!(event["requestContext"]["stage"], "$default");
    assert!(event.get("pathParameters").is_none());
    let domain = event["requestContext"]["domainName"].as_str();
    assert!(domain.is_some_and(|domain| domain.contains(".lambda-url.")));
}

#[test]
fn an_http_event_of_format_1_has_a_decoded_path_with_the_stage() {
    let parts = parts("GET", "/users/a%20b/profile", &[]);
    let event = http_api_v1(&parts, &Bytes::new(), &arrival());
    assert_eq!(event["version"], "1.0");
    assert_eq!(event["path"], "/prod/users/a b/profile");
    assert_eq!(event["resource"], PROFILE_RESOURCE);
    assert_eq!(event["pathParameters"]["userId"], "a b");
    assert_eq!(event["requestContext"]["authorizer"]["claims"], Value::Null);
}

#[test]
fn a_load_balancer_has_all_values_or_the_last_ones_and_decodes_nothing() {
    let headers = [
        ("x-a", "1"),
        ("x-a", "2"),
        ("x-forwarded-for", "203.0.113.9"),
    ];
    let parts = parts("GET", "/a%20b?q=%20&q=2", &headers);
    let one = load_balancer(&parts, &Bytes::new(), &arrival(), false);
    assert_eq!(
        (&one["path"], &one["headers"]["x-a"]),
        (&json!("/a%20b"), &json!("2"))
    );
    assert_eq!(one["queryStringParameters"], json!({"q": "2"}));
    let forwarded = one["headers"]["x-forwarded-for"].as_str().expect("text");
    assert!(forwarded.starts_with("203.0.113.9, "), "{forwarded}");
    assert!(one.get("multiValueHeaders").is_none());
    let all = load_balancer(&parts, &Bytes::new(), &arrival(), true);
    assert_eq!(all["multiValueHeaders"]["x-a"], json!(["1", "2"]));
    assert_eq!(
        all["multiValueQueryStringParameters"],
        json!({"q": ["%20", "2"]})
    );
    assert!(all.get("headers").is_none());
}

#[test]
fn a_load_balancer_sends_a_body_of_an_unknown_type_as_base64() {
    for (kind, is_text) in [
        ("application/json; charset=utf-8", true),
        ("text/plain", true),
        ("application/merge-patch+json", false),
        ("application/json-patch+json", false),
    ] {
        let parts = parts("PATCH", "/", &[("content-type", kind)]);
        let event = load_balancer(&parts, &Bytes::from("{}"), &arrival(), false);
        let expected = if is_text { "{}" } else { "e30=" };
        assert_eq!(
            (&event["body"], &event["isBase64Encoded"]),
            (&json!(expected), &json!(!is_text))
        );
    }
}
