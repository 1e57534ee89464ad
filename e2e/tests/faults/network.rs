//! A server with a proxy between it and its database.

use std::time::Duration;

use usher_testkit::{
    otlp::OtlpReceiver,
    process::Stream,
    proxy::{Proxy, Sent, Weather},
};

use super::{Bench, REQUEST, SLACK, STORE, proxied, timed};
use crate::support::Store;

/// In a body, so that what is sent with it can be found.
const MARK: &str = "marked-4711";

/// A server, the proxy before its store, and the profile `{"n":0}` of Alice.
async fn behind_a_proxy(store: Store) -> (Bench, Proxy) {
    let folder = tempfile::tempdir().expect("a folder");
    let url = store.fresh(folder.path()).await;
    let (proxy, url) = proxied(&url).await;
    let bench = Bench::over(&url).await;
    assert_eq!(timed(bench.put("alice", r#"{"n":0}"#)).await.status, 201);
    proxy.take_sent();
    (bench, proxy)
}

macro_rules! over_each_database {
    ($($case:ident),* $(,)?) => {
        mod postgres {
            $(#[tokio::test]
            async fn $case() {
                super::$case(crate::support::Store::Postgres).await;
            })*
        }

        mod dynamodb {
            $(#[tokio::test]
            async fn $case() {
                super::$case(crate::support::Store::Dynamodb).await;
            })*
        }
    };
}

over_each_database! {
    a_get_is_one_round_trip,
    while_nothing_comes_back_everything_is_503_in_time_and_then_it_is_over,
    while_there_is_no_way_everything_is_503_at_once_and_then_it_is_over,
    reads_are_answered_though_their_connections_are_lost,
    a_write_whose_answer_is_lost_is_sent_once_and_is_503,
    a_request_is_504_when_its_own_time_is_up,
    nothing_secret_is_told_in_any_way_while_the_store_fails,
}

/// How often something was sent that has to be waited for.
fn round_trips(store: Store, sent: &[Sent]) -> usize {
    // What ends a batch of messages in PostgreSQL's protocol (`Sync`), and what begins a request.
    let mark: &[u8] = match store {
        Store::Postgres => &[b'S', 0, 0, 0, 4],
        _ => b"POST / HTTP/1.1\r\n",
    };
    let count = |sent: &Sent| {
        sent.bytes
            .windows(mark.len())
            .filter(|at| *at == mark)
            .count()
    };
    sent.iter().map(count).sum()
}

async fn a_get_is_one_round_trip(store: Store) {
    let (bench, proxy) = behind_a_proxy(store).await;
    assert_eq!(timed(bench.get("alice")).await.status, 200);
    proxy.take_sent();
    for _ in 0..50 {
        assert_eq!(timed(bench.get("alice")).await.status, 200);
    }
    let sent = proxy.take_sent();
    assert_eq!(round_trips(store, &sent), 50, "of 50 requests");
}

async fn all_are_unavailable_within(bench: &Bench, limit: Duration) {
    let requests = [
        bench.get("alice"),
        bench.put("alice", r#"{"n":1}"#),
        bench.patch("alice", r#"{"n":2}"#),
        bench.delete("alice"),
        bench.put("bob", r#"{"n":1}"#).header("if-none-match", "*"),
    ];
    for request in requests {
        let answer = timed(request).await;
        answer.is_unavailable();
        assert!(answer.took < limit, "{:?}", answer.took);
    }
    assert_eq!(bench.readiness().await, 503);
}

/// All is well within a second, and with no help.
async fn is_over(bench: &Bench) {
    let back = tokio::time::Instant::now();
    // What was held back may have been done after all.
    let status = timed(bench.get("alice")).await.status;
    assert!(status == 200 || status == 404, "{status}");
    while bench.readiness().await != 200 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let put = timed(bench.put("alice", r#"{"n":9}"#)).await;
    assert!(put.status == 200 || put.status == 201, "{}", put.body);
    assert!(
        back.elapsed() < Duration::from_secs(1),
        "{:?}",
        back.elapsed()
    );
}

/// Drivers have logs of their own, in which statements, items and addresses are.
async fn nothing_secret_is_told_in_any_way_while_the_store_fails(store: Store) {
    let folder = tempfile::tempdir().expect("a folder");
    let url = store.fresh(folder.path()).await;
    let (proxy, url) = proxied(&url).await;
    let receiver = OtlpReceiver::start().await;
    let bench = Bench::with(
        &url,
        &[
            ("USHER_LOG__LEVEL", "trace"),
            ("USHER_TRACES__OTLP_ENDPOINT", &receiver.endpoint()),
            ("USHER_METRICS__EMF", "true"),
            ("USHER_SERVER__METRICS_LISTEN", "127.0.0.1:0"),
        ],
    )
    .await;
    let (body, patch) = (
        format!(r#"{{"n":"{MARK}"}}"#),
        format!(r#"{{"m":"{MARK}"}}"#),
    );
    let mut bodies = String::new();
    let mut everything = async || {
        for request in [
            bench.put("alice", &body),
            bench.patch("alice", &patch),
            bench.get("alice"),
            bench.delete("alice"),
        ] {
            let answer = timed(request).await;
            if answer.status >= 400 {
                bodies.push_str(&answer.body);
            }
        }
    };
    everything().await;
    for weather in [Weather::Stalled, Weather::Down] {
        proxy.set(weather);
        everything().await;
        proxy.set(Weather::Fair);
        is_over(&bench).await;
    }
    let address = |line: &str| {
        let line: serde_json::Value = serde_json::from_str(line).ok()?;
        let is_it = line["message"] == "metrics are at /metrics";
        line["address"]
            .as_str()
            .filter(|_| is_it)
            .map(str::to_owned)
    };
    let address = bench.server.process().line(Stream::Stderr, address).await;
    let address = address.unwrap_or_else(|error| panic!("{error}"));
    let scraped = reqwest::get(format!("http://{address}/metrics")).await;
    let scraped = scraped.expect("an answer").text().await.expect("a body");
    let token = bench.issuer.token("alice");
    let ended = bench.server.terminate().await;
    let ended = ended.unwrap_or_else(|error| panic!("{error}"));
    let traces = receiver.text();
    for (text, told) in [
        (&ended.stderr, "a store did not serve"),
        (&ended.stdout, "integrationLatency"),
        (&ended.stdout, "\"5XXError\":["),
        (&scraped, "status_class=\"5xx\""),
        (&traces, "unavailable"),
        (&bodies, "\"unavailable\""),
    ] {
        assert!(text.contains(told), "what failed is told: {told} in {text}");
    }
    let signature = token.rsplit('.').next().expect("a signature");
    let mut secrets = vec![MARK.to_owned(), url.clone(), signature.to_owned()];
    let password = url
        .split_once("://")
        .and_then(|(_, rest)| rest.split_once('@'));
    let password = password.and_then(|(name, _)| name.split_once(':'));
    if let Some((_, password)) = password {
        secrets.extend([format!(":{password}@"), "password=".to_owned()]);
    }
    for text in [&ended.stderr, &ended.stdout, &scraped, &traces, &bodies] {
        for secret in &secrets {
            let line = text.lines().find(|line| line.contains(secret.as_str()));
            assert_eq!(line, None, "{secret}");
        }
    }
}

async fn while_nothing_comes_back_everything_is_503_in_time_and_then_it_is_over(store: Store) {
    let (bench, proxy) = behind_a_proxy(store).await;
    proxy.set(Weather::Stalled);
    all_are_unavailable_within(&bench, STORE + SLACK / 2).await;
    proxy.set(Weather::Fair);
    is_over(&bench).await;
}

async fn while_there_is_no_way_everything_is_503_at_once_and_then_it_is_over(store: Store) {
    let (bench, proxy) = behind_a_proxy(store).await;
    proxy.set(Weather::Down);
    all_are_unavailable_within(&bench, STORE / 2).await;
    proxy.set(Weather::Fair);
    is_over(&bench).await;
}

async fn reads_are_answered_though_their_connections_are_lost(store: Store) {
    let (bench, proxy) = behind_a_proxy(store).await;
    for lose in [Proxy::cut, Proxy::reset, Proxy::forget] {
        assert_eq!(timed(bench.get("alice")).await.status, 200);
        lose(&proxy);
        let answer = timed(bench.get("alice")).await;
        assert_eq!((answer.status, answer.json()["n"].as_u64()), (200, Some(0)));
        // Nothing is left of it.
        let answer = timed(bench.get("alice")).await;
        assert_eq!(answer.status, 200);
        assert!(answer.took < STORE / 4, "{:?}", answer.took);
    }
}

async fn a_write_whose_answer_is_lost_is_sent_once_and_is_503(store: Store) {
    let (bench, proxy) = behind_a_proxy(store).await;
    let body = format!(r#"{{"n":1,"mark":"{MARK}"}}"#);
    for (method, mark) in [("PUT", MARK), ("PATCH", MARK), ("DELETE", "alice")] {
        let write = |body: &str| match method {
            "PUT" => bench.put("alice", body),
            "PATCH" => bench.patch("alice", body),
            _ => bench.delete("alice"),
        };
        // The connection knows the statement afterwards, and sends it in one piece.
        assert!(timed(write(r#"{"n":2}"#)).await.status < 300);
        assert!(timed(bench.put("alice", r#"{"n":0}"#)).await.status < 300);
        proxy.take_sent();
        proxy.set(Weather::Mute(if mark == MARK { MARK } else { "" }));
        timed(write(&body)).await.is_unavailable();
        proxy.set(Weather::Fair);
        let times = |mark| {
            let sent = proxy.take_sent();
            sent.iter().filter(|sent| sent.contains(mark)).count()
        };
        assert_eq!(times(mark), 1, "{method} was sent");
        // Done or not, it is whole.
        let after = timed(bench.get("alice")).await;
        match (after.status, after.json()["n"].as_u64()) {
            (200, Some(0)) => {}
            (200, Some(1)) => assert_eq!(after.json()["mark"], MARK),
            (404, None) => assert_eq!(method, "DELETE"),
            other => panic!("{method}: {other:?}: {}", after.body),
        }
        // Whoever sent it again would have done so by now.
        assert_eq!(times(MARK), 0, "{method} was sent again");
        assert!(timed(bench.put("alice", r#"{"n":0}"#)).await.status < 300);
    }
}

async fn a_request_is_504_when_its_own_time_is_up(store: Store) {
    let (bench, proxy) = behind_a_proxy(store).await;
    // The connection knows the statement that reads.
    assert_eq!(timed(bench.get("alice")).await.status, 200);
    // There and back: more than half of a request's time, and less than a call's.
    proxy.set(Weather::Slow(STORE * 9 / 20));
    assert_eq!(timed(bench.get("alice")).await.status, 200);
    let answer = timed(bench.patch("alice", r#"{"n":1}"#)).await;
    answer.is_timeout();
    assert!(answer.took >= REQUEST, "{:?}", answer.took);
}
