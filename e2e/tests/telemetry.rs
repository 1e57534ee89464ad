//! What comes out besides answers: lines, metrics and traces, and nothing secret in any of it.

use std::{path::Path, time::Duration};

use reqwest::{Client, Method, StatusCode};
use serde_json::Value;
use tokio::time::sleep;
use usher_testkit::{
    lambda::{Front, LambdaHost, LambdaSpec},
    otlp::OtlpReceiver,
    process::{ServerProcess, Stream},
    tokens::TestKey,
};

use crate::{
    command::usher,
    support::{
        binaries,
        issuer::{TestIssuer, claims},
        plans,
    },
};

const IN_QUERY: &str = "marked-query";
const IN_CONTENT: &str = "marked-content";
const IN_KEY: &str = "marked-key-0123456789012345";
const IN_TOKEN: &str = "marked-token";
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

fn environment(
    folder: &Path,
    issuer: &TestIssuer,
    receiver: &OtlpReceiver,
) -> Vec<(String, String)> {
    let mut env = plans::write(folder);
    let more = [
        ("USHER_STORE__URL", "memory:".to_owned()),
        ("USHER_IDENTITY__ISSUERS", issuer.configuration()),
        ("USHER_TRACES__OTLP_ENDPOINT", receiver.endpoint()),
        ("USHER_SERVER__SERVER_TIMING", "true".to_owned()),
        ("USHER_METRICS__EMF", "true".to_owned()),
        ("USHER_LOG__LEVEL", "trace".to_owned()),
        ("USHER_LOG__FORMAT", "json".to_owned()),
    ];
    env.extend(more.map(|(name, value)| (name.to_owned(), value)));
    env
}

/// Everything that the requests sent and nobody may find again.
struct Secrets(Vec<String>);

impl Secrets {
    fn assert_not_in(&self, what: &str, text: &str) {
        for secret in &self.0 {
            assert!(
                !text.contains(secret.as_str()),
                "{secret} in {what}: {text}"
            );
        }
    }
}

/// Sends requests that get as far as each stage, with all the secrets that each can carry; answers how many there were.
async fn send_all(base_url: &str, issuer: &TestIssuer) -> (usize, Secrets) {
    let client = Client::new();
    let stranger = TestKey::es256("es");
    let good = issuer.token("alice");
    let expired = {
        let mut claims = claims("alice");
        claims["exp"] = 1.into();
        issuer.es256.sign(&claims)
    };
    let forged = stranger.sign(&claims("alice"));
    let tokens = [&good, &expired, &forged, IN_TOKEN];
    let keys = [
        plans::AMPLE,
        plans::SLOW,
        plans::SCARCE,
        plans::DISABLED,
        IN_KEY,
    ];
    let own = format!("/users/alice/profile?access_token={IN_QUERY}");
    let others = format!("/users/bob/profile?{IN_QUERY}");
    let content = format!(r#"{{"name":"{IN_CONTENT}"}}"#);
    let broken = format!(r#"{{"name":"{IN_CONTENT}""#);
    let mut asked = 0;
    let mut send =
        async |method: Method, path: &str, token: &str, key: &str, body: Option<&str>| {
            let mut request = client
                .request(method, format!("{base_url}{path}"))
                .header("authorization", format!("Bearer {token}"))
                .header("x-api-key", key)
                .header("traceparent", format!("00-{TRACE}-00f067aa0ba902b7-01"));
            if let Some(body) = body {
                request = request
                    .header("content-type", "application/json")
                    .body(body.to_owned());
            }
            let answer = request.send().await.expect("an answer");
            asked += 1;
            let timing = answer.headers().get("server-timing").cloned();
            let timing = timing
                .expect("server-timing")
                .to_str()
                .expect("text")
                .to_owned();
            assert!(timing.contains("total;dur="), "{timing}");
            let status = answer.status();
            let text = answer.text().await.expect("a body");
            if !status.is_success() {
                for secret in [IN_CONTENT, IN_QUERY, IN_KEY, IN_TOKEN, token, key] {
                    assert!(!text.contains(secret), "{secret} in {text}");
                }
            }
            status
        };
    for token in tokens {
        for key in keys {
            for path in [own.as_str(), &others, "/nowhere"] {
                send(Method::PUT, path, token, key, Some(&content)).await;
                send(Method::PATCH, path, token, key, Some(&broken)).await;
                send(Method::GET, path, token, key, None).await;
            }
        }
    }
    let put = send(Method::PUT, &own, &good, plans::AMPLE, Some(&content)).await;
    assert_eq!(put, StatusCode::OK, "the secrets got to the store");
    let mut secrets = vec![IN_QUERY, IN_CONTENT, IN_KEY, IN_TOKEN];
    secrets.extend(tokens);
    // A signature by itself would be enough for whoever can guess the rest.
    secrets.extend(tokens.iter().filter_map(|token| token.rsplit('.').next()));
    secrets.extend(keys);
    let secrets = secrets.into_iter().map(str::to_owned).collect();
    (asked, Secrets(secrets))
}

/// The lines that are metrics; each is what CloudWatch takes.
fn metrics(lines: &str) -> Vec<Value> {
    let schema = include_str!("../../adapters/telemetry/tests/emf.schema.json");
    let schema = serde_json::from_str(schema).expect("JSON");
    let schema = jsonschema::validator_for(&schema).expect("a schema");
    let lines = lines
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .filter(|line: &Value| line["_aws"].is_object());
    let lines: Vec<_> = lines.collect();
    for line in &lines {
        if let Err(error) = schema.validate(line) {
            panic!("{error}: {line}");
        }
    }
    lines
}

/// Waits for what is there, or is about to be.
async fn until(holds: impl Fn() -> bool) {
    for _ in 0..500 {
        if holds() {
            return;
        }
        sleep(Duration::from_millis(10)).await;
    }
}

/// How many values there are of a metric, and their sum.
fn total(lines: &[Value], name: &str) -> (usize, f64) {
    let values = lines.iter().flat_map(|line| match &line[name] {
        Value::Array(values) => values.clone(),
        Value::Null => Vec::new(),
        value => vec![value.clone()],
    });
    let values: Vec<_> = values
        .map(|value| value.as_f64().expect("a number"))
        .collect();
    (values.len(), values.iter().sum())
}

#[tokio::test]
async fn a_server_tells_of_every_request_in_three_ways_and_of_no_secret() {
    let folder = tempfile::tempdir().expect("a folder");
    let (issuer, receiver) = (TestIssuer::new(), OtlpReceiver::start().await);
    let mut env = environment(folder.path(), &issuer, &receiver);
    env.push((
        "USHER_SERVER__METRICS_LISTEN".to_owned(),
        "127.0.0.1:0".to_owned(),
    ));
    let server = ServerProcess::start(usher(&[], env, folder.path())).await;
    let server = server.unwrap_or_else(|error| panic!("{error}"));
    let address = |line: &str| {
        let line: Value = serde_json::from_str(line).ok()?;
        let is_it = line["message"] == "metrics are at /metrics";
        is_it
            .then(|| line["address"].as_str().map(str::to_owned))
            .flatten()
    };
    let address = server.process().line(Stream::Stderr, address).await;
    let address = address.unwrap_or_else(|error| panic!("{error}"));

    let (sent, secrets) = send_all(server.base_url(), &issuer).await;
    let get = async |path: &str| {
        reqwest::get(format!("http://{address}{path}"))
            .await
            .expect("an answer")
    };
    let scraped = get("/metrics").await;
    let kind = scraped.headers()["content-type"]
        .to_str()
        .expect("text")
        .to_owned();
    assert_eq!(kind, "text/plain; version=0.0.4; charset=utf-8");
    let scraped = scraped.text().await.expect("a body");
    for path in ["/", "/metrics/", "/users/alice/profile", "/healthz"] {
        assert_eq!(get(path).await.status(), 404, "{path}");
    }
    let posted = Client::new()
        .post(format!("http://{address}/metrics"))
        .send();
    assert_eq!(posted.await.expect("an answer").status(), 405);

    let ended = server
        .terminate()
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    let counted: f64 = scraped
        .lines()
        .filter(|line| line.starts_with("usher_http_requests_total{"))
        .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
        .sum();
    assert_eq!(counted.to_string(), sent.to_string(), "{scraped}");
    let lines = metrics(&ended.stdout);
    let (count, sum) = total(&lines, "Count");
    assert_eq!((count, sum.to_string()), (sent, sent.to_string()));
    for name in [
        "Throttled",
        "QuotaExceeded",
        "AuthFailure",
        "AccessDenied",
        "4XXError",
    ] {
        assert!(total(&lines, name).1 > 0.0, "{name}");
    }
    let access = ended
        .stdout
        .lines()
        .filter(|line| line.contains("\"requestId\""));
    assert_eq!(access.count(), sent);
    // What was recorded before it ended was sent before it ended.
    let spans = receiver.spans();
    let roots = spans
        .iter()
        .filter(|span| span.name.starts_with("GET") || span.name.starts_with('P'));
    assert_eq!(roots.count(), sent);
    assert!(spans.iter().all(|span| span.trace_id == TRACE));
    for rule in ["token", "api_key", "throttle", "quota", "owner"] {
        let line = format!("\"rule\":\"{rule}\"");
        assert!(ended.stderr.contains(&line), "{line}");
        let attribute = ("usher.rule".to_owned(), rule.to_owned());
        assert!(
            spans
                .iter()
                .any(|span| span.attributes.contains(&attribute)),
            "{rule}"
        );
    }
    for (what, text) in [
        ("standard output", &ended.stdout),
        ("standard error", &ended.stderr),
        ("metrics", &scraped),
        ("traces", &receiver.text()),
    ] {
        assert!(!text.is_empty(), "{what}");
        secrets.assert_not_in(what, text);
    }
}

/// For people it is the same in other words.
#[tokio::test]
async fn a_server_tells_people_of_every_request_and_of_no_secret() {
    let folder = tempfile::tempdir().expect("a folder");
    let (issuer, receiver) = (TestIssuer::new(), OtlpReceiver::start().await);
    let mut env = environment(folder.path(), &issuer, &receiver);
    env.push(("USHER_LOG__FORMAT".to_owned(), "text".to_owned()));
    let server = ServerProcess::start(usher(&[], env, folder.path())).await;
    let server = server.unwrap_or_else(|error| panic!("{error}"));
    let (sent, secrets) = send_all(server.base_url(), &issuer).await;
    let ended = server
        .terminate()
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    let lines: Vec<_> = ended
        .stdout
        .lines()
        .filter(|line| line.contains(" id="))
        .collect();
    assert_eq!(lines.len(), sent);
    for part in [
        " 403 GET /users/bob/profile ",
        " error=not_your_profile ",
        " sub=alice ",
        " key=",
        " plan=",
    ] {
        assert!(
            lines.iter().any(|line| line.contains(part)),
            "{part} in {lines:?}"
        );
    }
    for part in [
        "refused",
        "rule=\"owner\"",
        "identity.apiKeyId=\"",
        "usagePlanId=\"",
    ] {
        let mut lines = ended.stderr.lines();
        assert!(
            lines.any(|line| line.contains("not_your_profile") && line.contains(part)),
            "{part}"
        );
    }
    secrets.assert_not_in("standard output", &ended.stdout);
    secrets.assert_not_in("standard error", &ended.stderr);
}

#[tokio::test]
async fn a_function_has_told_everything_when_its_answer_is_there() {
    let folder = tempfile::tempdir().expect("a folder");
    let (issuer, receiver) = (TestIssuer::new(), OtlpReceiver::start().await);
    let mut env = environment(folder.path(), &issuer, &receiver);
    // It is on where nobody says otherwise.
    env.retain(|(name, _)| name != "USHER_METRICS__EMF");
    let function = LambdaHost::start(LambdaSpec {
        binary: binaries::lambda(),
        env,
        front: Front::RestApi,
    });
    let function = function.await.unwrap_or_else(|error| panic!("{error}"));
    let url = format!("{}/users/alice/profile", function.base_url());
    for number in 1..=3 {
        let answer = Client::new()
            .get(&url)
            .bearer_auth(issuer.token("alice"))
            .header("x-api-key", plans::AMPLE)
            .header(
                "x-amzn-trace-id",
                "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1",
            )
            .send()
            .await
            .expect("an answer");
        assert_eq!(answer.status(), 404);
        assert_eq!(
            receiver.exports(),
            number,
            "sent before the answer was handed over"
        );
        // It was written before the answer, and is read beside it.
        until(|| metrics(&function.output()).len() >= number).await;
        assert_eq!(metrics(&function.output()).len(), number);
    }
    let root = receiver.spans().remove(0);
    assert_eq!(root.trace_id, "5759e988bd862e3fe1be46a994272793");
    assert!(
        function
            .output()
            .contains("\"xrayTraceId\":\"1-5759e988-bd862e3fe1be46a994272793\"")
    );
    let (_, secrets) = send_all(&function.base_url(), &issuer).await;
    secrets.assert_not_in("lines", &function.output());
    secrets.assert_not_in("traces", &receiver.text());
}

/// A collector that is away costs a function's callers a moment once, and not an answer.
#[tokio::test]
async fn a_function_answers_though_its_collector_is_away() {
    let folder = tempfile::tempdir().expect("a folder");
    let (issuer, receiver) = (TestIssuer::new(), OtlpReceiver::start().await);
    let env = environment(folder.path(), &issuer, &receiver);
    drop(receiver);
    let function = LambdaHost::start(LambdaSpec {
        binary: binaries::lambda(),
        env,
        front: Front::HttpApi,
    });
    let function = function.await.unwrap_or_else(|error| panic!("{error}"));
    for _ in 0..3 {
        let answer = Client::new()
            .get(format!("{}/users/alice/profile", function.base_url()))
            .bearer_auth(issuer.token("alice"))
            .header("x-api-key", plans::AMPLE)
            .send();
        assert_eq!(answer.await.expect("an answer").status(), 404);
    }
    until(|| function.output().contains("traces cannot be sent")).await;
    let output = function.output();
    assert_eq!(
        output.matches("traces cannot be sent").count(),
        1,
        "{output}"
    );
}
