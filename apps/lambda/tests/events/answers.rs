//! What is answered to each kind of event.

use lambda_http::http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::{Value, json};
use usher_lambda::{answer::write, event::Kind};

fn headers() -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert("etag", HeaderValue::from_static("\"a\""));
    headers.append("vary", HeaderValue::from_static("Authorization"));
    headers.append("vary", HeaderValue::from_static("Origin"));
    headers
}

fn answered(kind: Kind) -> Value {
    write(kind, StatusCode::OK, &headers(), "{\"ü\":1}".as_bytes())
}

#[test]
fn gateways_that_take_all_values_get_all() {
    let all = json!({"etag": ["\"a\""], "vary": ["Authorization", "Origin"]});
    for kind in [Kind::RestApi, Kind::HttpApiV1] {
        let expected = json!({
            "statusCode": 200,
            "multiValueHeaders": all,
            "body": "{\"ü\":1}",
            "isBase64Encoded": false,
        });
        assert_eq!(answered(kind), expected);
    }
    let balanced = answered(Kind::LoadBalancer { multi_value: true });
    assert_eq!(balanced["multiValueHeaders"], all);
    assert_eq!(balanced["statusDescription"], "200 OK");
    assert!(
        balanced.get("headers").is_none(),
        "one of the two, never both"
    );
}

#[test]
fn gateways_that_take_one_value_get_them_joined() {
    let joined = json!({"etag": "\"a\"", "vary": "Authorization, Origin"});
    for kind in [Kind::HttpApiV2, Kind::FunctionUrl] {
        let expected = json!({
            "statusCode": 200,
            "headers": joined,
            "body": "{\"ü\":1}",
            "isBase64Encoded": false,
        });
        assert_eq!(answered(kind), expected);
    }
    let balanced = answered(Kind::LoadBalancer { multi_value: false });
    assert_eq!(balanced["headers"], joined);
    assert!(balanced.get("multiValueHeaders").is_none());
}

#[test]
fn what_is_packed_or_no_text_travels_as_base64() {
    let mut packed = HeaderMap::new();
    packed.insert("content-encoding", HeaderValue::from_static("gzip"));
    let plain = HeaderMap::new();
    for (headers, body, text) in [
        (&packed, "abc".as_bytes(), "YWJj"),
        (&plain, b"\xff\xfe", "//4="),
    ] {
        let answer = write(Kind::HttpApiV2, StatusCode::OK, headers, body);
        assert_eq!(
            (&answer["body"], &answer["isBase64Encoded"]),
            (&json!(text), &json!(true))
        );
    }
    let odd = StatusCode::from_u16(499).unwrap();
    let answer = write(Kind::LoadBalancer { multi_value: false }, odd, &plain, b"");
    assert_eq!(answer["statusDescription"], "499 Unknown");
}
