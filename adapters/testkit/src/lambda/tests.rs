//! The whole way of a request, with a function that is a few lines of this test.

mod process;

use std::time::Duration;

use serde_json::{Value, json};

use super::front::Bridge;
use super::runtime_api::Phase;
use super::{ANSWER_LIMIT, Front};

/// A function's side of the Runtime API.
struct Function {
    client: reqwest::Client,
    api: String,
}

struct Given {
    id: String,
    headers: reqwest::header::HeaderMap,
    event: Value,
}

impl Function {
    fn of(bridge: &Bridge) -> Self {
        let api = format!("http://{}/2018-06-01/runtime", bridge.api);
        Self {
            client: reqwest::Client::new(),
            api,
        }
    }

    async fn next(&self) -> Given {
        let url = format!("{}/invocation/next", self.api);
        let response = self.client.get(url).send().await.expect("next");
        assert_eq!(response.status(), 200);
        let headers = response.headers().clone();
        let id = headers["lambda-runtime-aws-request-id"]
            .to_str()
            .expect("an id")
            .to_owned();
        Given {
            id,
            headers,
            event: response.json().await.expect("an event"),
        }
    }

    async fn post(&self, path: &str, body: &Value) -> u16 {
        let url = format!("{}/{path}", self.api);
        let response = self.client.post(url).json(body).send().await.expect("post");
        response.status().as_u16()
    }

    async fn answer(&self, id: &str, body: &Value) -> u16 {
        self.post(&format!("invocation/{id}/response"), body).await
    }
}

async fn bridge(front: Front) -> Bridge {
    Bridge::start(front, ANSWER_LIMIT).await.expect("ports")
}

/// A client's request, under way while the test plays the function.
fn request(bridge: &Bridge, path: &str) -> tokio::task::JoinHandle<reqwest::Response> {
    let request = reqwest::Client::new().get(format!("http://{}{path}", bridge.front));
    let request = request.header("x-many", "1").header("x-many", "2");
    tokio::spawn(async move { request.send().await.expect("a response") })
}

async fn expect_502(response: reqwest::Response) {
    assert_eq!(response.status(), 502);
    assert_eq!(
        response.headers()["x-amzn-errortype"],
        "InternalServerErrorException"
    );
    assert_eq!(
        response.text().await.expect("text"),
        r#"{"message":"Internal server error"}"#
    );
}

#[tokio::test]
async fn a_request_becomes_a_rest_event_and_its_answer_the_response() {
    let bridge = bridge(Front::RestApi).await;
    let function = Function::of(&bridge);
    let client = request(&bridge, "/users/a%20b/profile?x=%C3%A9");

    let given = function.next().await;
    assert_eq!(given.event["path"], "/users/a%20b/profile");
    assert_eq!(given.event["pathParameters"]["userId"], "a%20b");
    assert_eq!(given.event["queryStringParameters"]["x"], "é");
    assert_eq!(
        given.event["multiValueHeaders"]["x-many"],
        json!(["1", "2"])
    );
    assert_eq!(
        given.event["requestContext"]["identity"]["sourceIp"],
        "127.0.0.1"
    );
    let header = |name: &str| given.headers[name].to_str().expect("text").to_owned();
    let deadline: u64 = header("lambda-runtime-deadline-ms")
        .parse()
        .expect("milliseconds");
    let arrived = given.event["requestContext"]["requestTimeEpoch"]
        .as_u64()
        .expect("a time");
    assert!(deadline >= arrived + 30_000);
    assert!(header("lambda-runtime-invoked-function-arn").starts_with("arn:aws:lambda:"));
    assert!(header("lambda-runtime-trace-id").starts_with("Root=1-"));

    let answer = json!({
        "statusCode": 401,
        "multiValueHeaders": { "www-authenticate": ["Bearer"], "content-length": ["99"] },
        "body": "no",
        "isBase64Encoded": false,
    });
    assert_eq!(function.answer(&given.id, &answer).await, 202);
    let response = client.await.expect("joined");
    assert_eq!(response.status(), 401);
    assert_eq!(
        response.headers()["x-amzn-remapped-www-authenticate"],
        "Bearer"
    );
    assert_eq!(response.headers()["content-length"], "2");
    assert_eq!(response.text().await.expect("text"), "no");
}

#[tokio::test]
async fn a_request_becomes_an_http_event_and_its_answer_the_response() {
    let bridge = bridge(Front::HttpApi).await;
    let function = Function::of(&bridge);
    let client = request(&bridge, "/users/u-1/profile");

    let given = function.next().await;
    assert_eq!(given.event["rawPath"], "/prod/users/u-1/profile");
    assert_eq!(given.event["headers"]["x-many"], "1,2");
    let answer = json!({ "statusCode": 200, "cookies": ["a=1", "b=2"], "body": "yes" });
    assert_eq!(function.answer(&given.id, &answer).await, 202);
    let response = client.await.expect("joined");
    assert_eq!(response.headers().get_all("set-cookie").iter().count(), 2);
    assert_eq!(response.text().await.expect("text"), "yes");
}

#[tokio::test]
async fn requests_queue_and_each_gets_its_own_answer() {
    let bridge = bridge(Front::RestApi).await;
    let function = Function::of(&bridge);
    let clients = ["/a", "/b", "/c"].map(|path| (path, request(&bridge, path)));
    for _ in &clients {
        let given = function.next().await;
        let answer = json!({ "statusCode": 200, "body": given.event["path"] });
        assert_eq!(function.answer(&given.id, &answer).await, 202);
    }
    for (path, client) in clients {
        assert_eq!(
            client.await.expect("joined").text().await.expect("text"),
            path
        );
    }
}

#[tokio::test]
async fn the_answer_to_a_head_request_has_no_body() {
    let bridge = bridge(Front::RestApi).await;
    let function = Function::of(&bridge);
    let url = format!("http://{}/", bridge.front);
    let client = tokio::spawn(reqwest::Client::new().head(url).send());
    let given = function.next().await;
    assert_eq!(given.event["httpMethod"], "HEAD");
    function
        .answer(&given.id, &json!({ "statusCode": 200, "body": "long" }))
        .await;
    let response = client.await.expect("joined").expect("a response");
    assert_eq!(response.status(), 200);
    assert_eq!(response.text().await.expect("text"), "");
}

#[tokio::test]
async fn a_reported_error_is_a_502_and_the_next_request_is_served() {
    let bridge = bridge(Front::RestApi).await;
    let function = Function::of(&bridge);
    let client = request(&bridge, "/");
    let given = function.next().await;
    let path = format!("invocation/{}/error", given.id);
    let report = json!({ "errorType": "Panic", "errorMessage": "boom" });
    assert_eq!(function.post(&path, &report).await, 202);
    expect_502(client.await.expect("joined")).await;
    assert!(
        bridge
            .runtime
            .failures()
            .iter()
            .any(|failure| failure.contains("boom"))
    );

    let client = request(&bridge, "/");
    let given = function.next().await;
    function
        .answer(&given.id, &json!({ "statusCode": 204 }))
        .await;
    assert_eq!(client.await.expect("joined").status(), 204);
}

#[tokio::test]
async fn a_malformed_answer_is_a_502_with_its_reason_noted() {
    let bridge = bridge(Front::RestApi).await;
    let function = Function::of(&bridge);
    let client = request(&bridge, "/");
    let given = function.next().await;
    let answer = json!({ "statusCode": 200, "surprise": 1 });
    assert_eq!(function.answer(&given.id, &answer).await, 202);
    expect_502(client.await.expect("joined")).await;
    assert!(
        bridge
            .runtime
            .failures()
            .iter()
            .any(|failure| failure.contains("surprise"))
    );
}

#[tokio::test]
async fn an_answer_to_no_invocation_in_flight_is_refused() {
    let bridge = bridge(Front::RestApi).await;
    let function = Function::of(&bridge);
    assert_eq!(function.answer("unknown", &json!({})).await, 400);
    let client = request(&bridge, "/");
    let given = function.next().await;
    assert_eq!(
        function
            .answer(&given.id, &json!({ "statusCode": 200 }))
            .await,
        202
    );
    assert_eq!(
        function
            .answer(&given.id, &json!({ "statusCode": 500 }))
            .await,
        400
    );
    assert_eq!(client.await.expect("joined").status(), 200);
}

#[tokio::test]
async fn an_invocation_that_the_function_walks_away_from_is_a_502() {
    let bridge = bridge(Front::RestApi).await;
    let function = Function::of(&bridge);
    let (first, _) = (request(&bridge, "/"), function.next().await);
    let second = request(&bridge, "/");
    let given = function.next().await;
    expect_502(first.await.expect("joined")).await;
    function
        .answer(&given.id, &json!({ "statusCode": 200 }))
        .await;
    assert_eq!(second.await.expect("joined").status(), 200);
}

#[tokio::test]
async fn a_failed_initialisation_is_a_502_for_pending_and_later_requests() {
    let bridge = bridge(Front::RestApi).await;
    let function = Function::of(&bridge);
    let pending = request(&bridge, "/");
    let report = json!({ "errorMessage": "no table" });
    assert_eq!(function.post("init/error", &report).await, 202);
    expect_502(pending.await.expect("joined")).await;
    expect_502(request(&bridge, "/").await.expect("joined")).await;
    assert_eq!(bridge.runtime.started().await, Phase::InitFailed);
    assert!(
        bridge
            .runtime
            .failures()
            .iter()
            .any(|failure| failure.contains("no table"))
    );
}

#[tokio::test]
async fn the_end_of_the_process_is_a_502_for_what_it_had_in_hand() {
    let bridge = bridge(Front::RestApi).await;
    let function = Function::of(&bridge);
    let client = request(&bridge, "/");
    function.next().await;
    bridge.runtime.end(Phase::Exited("signal: 9".to_owned()));
    expect_502(client.await.expect("joined")).await;
}

#[tokio::test]
async fn a_request_that_gets_no_answer_in_time_is_a_504() {
    let bridge = Bridge::start(Front::RestApi, Duration::ZERO)
        .await
        .expect("ports");
    let response = request(&bridge, "/").await.expect("joined");
    assert_eq!(response.status(), 504);
    assert_eq!(
        response.text().await.expect("text"),
        r#"{"message":"Endpoint request timed out"}"#
    );
}

#[tokio::test]
async fn a_body_above_ten_mebibytes_is_a_413_and_never_an_event() {
    let bridge = bridge(Front::RestApi).await;
    let client = reqwest::Client::new().post(format!("http://{}/", bridge.front));
    let response = client
        .body(vec![b'x'; 10_485_761])
        .send()
        .await
        .expect("a response");
    assert_eq!(response.status(), 413);
}

#[tokio::test]
async fn a_drop_ends_a_pending_poll_and_closes_both_ports() {
    let bridge = bridge(Front::RestApi).await;
    let url = format!("http://{}/2018-06-01/runtime/invocation/next", bridge.api);
    let front = format!("http://{}/", bridge.front);
    let runtime = std::sync::Arc::clone(&bridge.runtime);
    let poll = tokio::spawn(reqwest::Client::new().get(url).send());
    assert_eq!(runtime.started().await, Phase::Ready);
    drop(bridge);
    assert_eq!(
        poll.await.expect("joined").expect("a response").status(),
        500
    );
    assert!(reqwest::Client::new().get(front).send().await.is_err());
}
