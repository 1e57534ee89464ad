//! Lines of the Embedded Metric Format, held to the schema that its specification publishes.

mod support;

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use serde_json::{Value, json};
use usher_domain::{
    ports::{Answered, Phase, Telemetry as _},
    service::Trail,
    usage::plan::PlanId,
};
use usher_telemetry::{METRICS, Metrics, MetricsSettings, Output, REFUSED_BY, Stream, Ticked as _};
use usher_testkit::clock::FakeClock;

use self::support::{NOON, call, scrape, trail, value};

fn metrics(api_id: &str) -> (Metrics, Output) {
    let output = Output::buffered(Stream::Stdout);
    let settings = MetricsSettings {
        api_id: api_id.to_owned(),
        stage: "prod".to_owned(),
        prometheus: true,
        emf: Some("Usher".to_owned()),
    };
    (
        Metrics::new(settings, output.clone(), Arc::new(NOON)),
        output,
    )
}

/// What was written, line by line: each is valid, and what it refers to is there and of the right kind.
fn lines(output: &Output) -> Vec<Value> {
    let schema = serde_json::from_str(include_str!("emf.schema.json")).expect("JSON");
    let schema = jsonschema::validator_for(&schema).expect("a schema");
    let text = output.take();
    let lines = text.lines().map(|line| {
        assert!(line.len() < 256 * 1024, "{}", line.len());
        let line: Value = serde_json::from_str(line).expect("a line of JSON");
        if let Err(error) = schema.validate(&line) {
            panic!("{error}: {line}");
        }
        let directive = &line["_aws"]["CloudWatchMetrics"][0];
        let mut meant = BTreeSet::from(["_aws"]);
        for set in directive["Dimensions"].as_array().expect("sets") {
            for name in set.as_array().expect("names") {
                let name = name.as_str().expect("a name");
                assert!(line[name].is_string(), "{name} in {line}");
                meant.insert(name);
            }
        }
        for metric in directive["Metrics"].as_array().expect("metrics") {
            let name = metric["Name"].as_str().expect("a name");
            assert!(
                line[name].is_number() || line[name].is_array(),
                "{name} in {line}"
            );
            let known = METRICS.iter().find(|known| known.cloudwatch == name);
            assert_eq!(
                metric["Unit"],
                known.expect("a metric of the table").unit.as_str()
            );
            assert!(meant.insert(name), "{name} once");
        }
        let members = line.as_object().expect("an object").keys();
        assert_eq!(
            members.map(String::as_str).collect::<BTreeSet<_>>(),
            meant,
            "nothing else"
        );
        line
    });
    lines.collect()
}

#[test]
fn a_request_is_one_line_with_api_gateways_names() {
    let (metrics, output) = metrics("api-id-123");
    let trail = trail("gold", Some((250, 1000)));
    let mut call = call(&trail);
    call.phases.store = Some(Phase {
        start: NOON,
        took: Duration::from_nanos(1_234_567),
    });
    metrics.answered(&call);
    assert_eq!(output.take(), "", "until it is asked for");
    metrics.flush();
    let api = ["ApiId", "Stage"];
    let metric = |name: &str, unit: &str| json!({ "Name": name, "Unit": unit });
    assert_eq!(
        lines(&output),
        [json!({
            "_aws": {
                "Timestamp": 1_795_348_800_000_u64,
                "CloudWatchMetrics": [{
                    "Namespace": "Usher",
                    "Dimensions": [
                        api,
                        ["ApiId", "Stage", "Resource", "Method"],
                        ["ApiId", "Stage", "UsagePlan"],
                    ],
                    "Metrics": [
                        metric("Count", "Count"),
                        metric("4XXError", "Count"),
                        metric("5XXError", "Count"),
                        metric("Latency", "Milliseconds"),
                        metric("IntegrationLatency", "Milliseconds"),
                        metric("QuotaUsed", "Percent"),
                        metric("ClientClosed", "Count"),
                    ],
                }],
            },
            "ApiId": "api-id-123",
            "Stage": "prod",
            "Resource": "/users/{userId}/profile",
            "Method": "GET",
            "UsagePlan": "gold",
            "Count": 1.0,
            "4XXError": 0.0,
            "5XXError": 0.0,
            "ClientClosed": 0.0,
            "Latency": 2.0,
            "IntegrationLatency": 1.235,
            "QuotaUsed": 25.0,
        })]
    );
    metrics.flush();
    assert_eq!(output.take(), "", "once");
}

/// A store that hangs is told by clients who do not wait for it.
#[test]
fn a_client_that_went_away_is_no_error_of_the_request() {
    let (metrics, output) = metrics("api");
    let trail = trail("gold", None);
    let mut call = call(&trail);
    call.status = 499;
    metrics.answered(&call);
    metrics.flush();
    let line = lines(&output).remove(0);
    for (name, value) in [
        ("Count", 1),
        ("4XXError", 0),
        ("5XXError", 0),
        ("ClientClosed", 1),
    ] {
        assert_eq!(line[name], f64::from(value), "{name}");
    }
    let of = |class| {
        value(
            &scrape(&metrics),
            "usher_http_requests_total",
            &[("status_class", class)],
        )
    };
    assert_eq!((of("closed"), of("4xx")), (Some(1.0), Some(0.0)));
}

/// An alarm over it is about the issuer and the process that are worst off, and about those that need a key set.
#[test]
fn a_key_set_grows_old_while_it_cannot_be_had() {
    let clock = Arc::new(FakeClock::at(NOON));
    let output = Output::buffered(Stream::Stdout);
    let settings = MetricsSettings {
        prometheus: true,
        emf: Some("Usher".to_owned()),
        ..MetricsSettings::default()
    };
    let metrics = Metrics::new(settings, output.clone(), Arc::clone(&clock) as _);
    let told = |issuer: &str, fetched: bool| {
        metrics.key_set_fetched(issuer, fetched);
        metrics.flush();
        let age = lines(&output).remove(0)["KeySetAge"].as_f64();
        let at = "usher_key_set_fetched_timestamp_seconds";
        let at = value(&scrape(&metrics), at, &[("issuer", issuer)]);
        (
            age.expect("an age").to_string(),
            at.expect("a time").to_string(),
        )
    };
    let noon = || NOON.as_seconds().to_string();
    assert_eq!(told("a", true), ("0".to_owned(), noon()));
    clock.advance(Duration::from_hours(1));
    assert_eq!(told("a", false), ("3600".to_owned(), noon()));
    assert_eq!(
        told("b", false),
        ("93600".to_owned(), "0".to_owned()),
        "never had"
    );
    clock.advance(Duration::from_hours(1));
    let now = (NOON.as_seconds() + 7200).to_string();
    assert_eq!(told("a", true), ("0".to_owned(), now));
}

/// However often it is asked: a busy server writes its log a thousand times a second.
#[test]
fn values_wait_a_second_for_others() {
    let clock = Arc::new(FakeClock::at(NOON));
    let output = Output::buffered(Stream::Stdout);
    let settings = MetricsSettings {
        emf: Some("Usher".to_owned()),
        ..MetricsSettings::default()
    };
    let metrics = Metrics::new(settings, output.clone(), Arc::clone(&clock) as _);
    let trail = Trail::default();
    for _ in 0..9 {
        clock.advance(Duration::from_millis(100));
        metrics.answered(&call(&trail));
        metrics.tick();
    }
    assert_eq!(output.take(), "");
    clock.advance(Duration::from_millis(100));
    metrics.tick();
    assert_eq!(lines(&output)[0]["Count"].as_array().map(Vec::len), Some(9));
    // Set back, and on.
    clock.set(NOON);
    metrics.answered(&call(&trail));
    metrics.tick();
    assert_eq!(lines(&output).len(), 1);
}

#[test]
fn without_a_plan_there_is_no_dimension_for_it() {
    let (metrics, output) = metrics("");
    metrics.answered(&Answered {
        resource: None,
        status: 503,
        ..call(&Trail::default())
    });
    metrics.flush();
    let line = lines(&output).remove(0);
    assert_eq!(line["ApiId"], "-");
    assert_eq!(line["Resource"], "-");
    assert_eq!(line["5XXError"], 1.0);
    assert_eq!(line["UsagePlan"], Value::Null);
}

#[test]
fn a_line_has_a_hundred_values_at_most_and_none_is_lost() {
    let (metrics, output) = metrics("api");
    let trail = trail("gold", None);
    for number in 0..250_u16 {
        let status = if number % 5 == 0 { 404 } else { 200 };
        metrics.answered(&Answered {
            status,
            ..call(&trail)
        });
    }
    let whole = lines(&output);
    assert_eq!(whole.len(), 2, "written when they are full");
    metrics.flush();
    let rest = lines(&output);
    let of = |name: &str| -> Vec<f64> {
        let lines = whole.iter().chain(&rest);
        let values = lines.flat_map(|line| line[name].as_array().expect("values"));
        values
            .map(|value| value.as_f64().expect("a number"))
            .collect()
    };
    assert_eq!(of("Count").len(), 250);
    assert_eq!(of("4XXError").iter().sum::<f64>().to_string(), "50");
    assert_eq!(of("Latency").len(), 250);
}

#[test]
fn every_metric_of_the_table_is_written_and_says_what_prometheus_says() {
    let (metrics, output) = metrics("api");
    let trail = trail("gold", Some((1, 10)));
    for rule in REFUSED_BY {
        let mut call = call(&trail);
        call.rule = Some(rule);
        call.status = 429;
        call.phases.store = Some(Phase {
            start: NOON,
            took: Duration::ZERO,
        });
        metrics.answered(&call);
    }
    metrics.key_set_fetched("https://issuer.example.com/\u{e4}\n", false);
    metrics.lease_taken(&PlanId::new("gold"), 1);
    metrics.lease_returned(&PlanId::new("gold"), 3);
    metrics.flush();
    let lines = lines(&output);
    let sum = |name: &str| -> f64 {
        let values = lines.iter().flat_map(|line| match &line[name] {
            Value::Array(values) => values.clone(),
            Value::Null => Vec::new(),
            value => vec![value.clone()],
        });
        values.map(|value| value.as_f64().expect("a number")).sum()
    };
    for metric in METRICS {
        assert!(
            lines.iter().any(|line| !line[metric.cloudwatch].is_null()),
            "{}",
            metric.cloudwatch
        );
    }
    let scraped = scrape(&metrics);
    let total = |name: &str| -> f64 {
        let rules = REFUSED_BY.iter().map(|rule| ("rule", rule.as_str()));
        rules
            .filter_map(|label| value(&scraped, name, &[label]))
            .sum()
    };
    for (cloudwatch, prometheus) in [
        ("Throttled", "usher_throttled_total"),
        ("AuthFailure", "usher_auth_failures_total"),
        ("AccessDenied", "usher_access_denied_total"),
    ] {
        assert!(sum(cloudwatch) > 0.0);
        assert_eq!(
            sum(cloudwatch).to_string(),
            total(prometheus).to_string(),
            "{cloudwatch}"
        );
    }
    assert_eq!(sum("QuotaExceeded").to_string(), "1");
    assert_eq!(sum("KeySetRefreshError").to_string(), "1");
    assert_eq!(sum("LeaseTokensUnspent").to_string(), "3");
}

#[test]
fn names_that_cloudwatch_would_refuse_are_written_so_that_it_takes_them() {
    for name in ["", " ", "\u{1F600}", "a\tb", &"x".repeat(5000), "\u{0}"] {
        let (metrics, output) = metrics(name);
        metrics.answered(&call(&trail(name, None)));
        metrics.key_set_fetched(name, true);
        metrics.flush();
        assert_eq!(lines(&output).len(), 2, "{name:?}");
    }
}
