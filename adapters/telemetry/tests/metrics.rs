//! What is counted, as Prometheus and as CloudWatch read it.

mod support;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use usher_domain::{
    ports::{Answered, Phase, Phases, Rule, Telemetry as _},
    principal::Principal,
    service::Trail,
    usage::plan::PlanId,
};
use usher_telemetry::{METRICS, Metrics, MetricsSettings, Output, PLANS_SHOWN, REFUSED_BY, Stream};

use self::support::{NOON, call, scrape, trail, value};

fn metrics() -> Metrics {
    let settings = MetricsSettings {
        prometheus: true,
        ..MetricsSettings::default()
    };
    Metrics::new(settings, Output::buffered(Stream::Stdout), Arc::new(NOON))
}

#[test]
fn a_request_is_counted_where_it_belongs() {
    let metrics = metrics();
    let trail = trail("gold", Some((250, 1000)));
    let mut call = call(&trail);
    call.phases.store = Some(Phase {
        start: NOON,
        took: Duration::from_millis(3),
    });
    metrics.answered(&call);
    metrics.answered(&call);
    metrics.answered(&Answered {
        status: 404,
        ..call
    });
    let scraped = scrape(&metrics);
    let count = |class| {
        let labels = [
            ("resource", "/users/{userId}/profile"),
            ("method", "GET"),
            ("status_class", class),
            ("plan", "gold"),
        ];
        value(&scraped, "usher_http_requests_total", &labels)
    };
    assert_eq!((count("2xx"), count("4xx")), (Some(2.0), Some(1.0)));
    let route = [("resource", "/users/{userId}/profile"), ("method", "GET")];
    let bucket = |name: &str, labels: &[(&str, &str)], le: &str| {
        let labels: Vec<_> = labels.iter().copied().chain([("le", le)]).collect();
        value(&scraped, &format!("{name}_bucket"), &labels)
    };
    // 2 ms in all, 3 ms in the store, 250 of 1000.
    for (name, labels, under, over) in [
        (
            "usher_http_request_duration_seconds",
            &route[..],
            "0.001",
            "0.0025",
        ),
        ("usher_store_duration_seconds", &route, "0.0025", "0.005"),
        ("usher_quota_used_ratio", &[("plan", "gold")], "0.2", "0.25"),
    ] {
        assert_eq!(
            bucket(name, labels, under).unwrap_or(0.0).to_string(),
            "0",
            "{name}"
        );
        assert_eq!(bucket(name, labels, over), Some(3.0), "{name}");
        assert_eq!(bucket(name, labels, "+Inf"), Some(3.0), "{name}");
    }
}

#[test]
fn every_rule_is_counted_once_and_under_its_name() {
    let trail = trail("gold", None);
    for rule in REFUSED_BY {
        let metrics = metrics();
        metrics.answered(&Answered {
            rule: Some(rule),
            status: 403,
            ..call(&trail)
        });
        let scraped = scrape(&metrics);
        let counted: Vec<_> = [
            "usher_throttled_total",
            "usher_quota_exceeded_total",
            "usher_auth_failures_total",
            "usher_access_denied_total",
        ]
        .into_iter()
        .flat_map(|name| scraped.iter().filter(move |sample| sample.metric == name))
        // The others are there from a plan's first request on, so that their first increase is seen.
        .filter(|sample| sample.value > 0.0)
        .collect();
        assert_eq!(counted.len(), 1, "{rule:?}: {counted:?}");
        let named = counted[0].labels.get("rule").map(String::as_str);
        assert_eq!(named, (rule != Rule::Quota).then_some(rule.as_str()));
    }
}

#[test]
fn key_sets_and_leases_are_counted() {
    let metrics = metrics();
    metrics.key_set_fetched("https://issuer.example.com/", true);
    metrics.key_set_fetched("https://issuer.example.com/", false);
    metrics.key_set_fetched("https://issuer.example.com/", false);
    let gold = PlanId::new("gold");
    metrics.lease_taken(&gold, 10);
    metrics.lease_taken(&gold, 10);
    metrics.lease_returned(&gold, 7);
    let scraped = scrape(&metrics);
    let issuer = ("issuer", "https://issuer.example.com/");
    for (name, labels, expected) in [
        (
            "usher_key_set_refreshes_total",
            [issuer, ("outcome", "fetched")],
            1.0,
        ),
        (
            "usher_key_set_refreshes_total",
            [issuer, ("outcome", "failed")],
            2.0,
        ),
        ("usher_leases_taken_total", [("plan", "gold"); 2], 2.0),
        (
            "usher_lease_tokens_unspent_total",
            [("plan", "gold"); 2],
            7.0,
        ),
    ] {
        assert_eq!(
            value(&scraped, name, &labels),
            Some(expected),
            "{name} {labels:?}"
        );
    }
}

/// A client chooses its id and its method, a program may make plans, and of a path nothing but its route is told.
#[test]
fn a_hundred_thousand_users_keys_paths_methods_and_plans_make_no_more_series() {
    let output = Output::buffered(Stream::Stdout);
    let settings = MetricsSettings {
        prometheus: true,
        emf: Some("Usher".to_owned()),
        ..MetricsSettings::default()
    };
    let metrics = Metrics::new(settings, output.clone(), Arc::new(NOON));
    let count = |metrics: &Metrics| metrics.render().lines().count();
    let mut after_a_while = (0, 0);
    let mut dimensions = BTreeSet::new();
    let read = |dimensions: &mut BTreeSet<_>| {
        metrics.flush();
        for line in output.take().lines() {
            let line: serde_json::Value = serde_json::from_str(line).expect("JSON");
            let names = ["Resource", "Method", "UsagePlan"];
            dimensions.insert(names.map(|name| line[name].as_str().map(str::to_owned)));
        }
    };
    for number in 0..100_000_u32 {
        let name = format!("n{number}");
        let mut trail = trail(&name, Some((1, 10)));
        trail.gateway_key = Some(name.as_str().into());
        trail.principal = Some(Arc::new(Principal::new(
            &name,
            "https://issuer.example.com/",
        )));
        let call = call(&trail);
        metrics.answered(&Answered {
            request_id: number.into(),
            method: if number % 2 == 0 { "GET" } else { &name },
            resource: call.resource.filter(|_| number % 3 != 0),
            status: 200 + u16::try_from(number % 400).expect("a status"),
            rule: REFUSED_BY
                .get(usize::try_from(number).expect("small") % 20)
                .copied(),
            ..call
        });
        metrics.lease_taken(&PlanId::new(&name), 1);
        metrics.lease_returned(&PlanId::new(&name), 1);
        // Before there is enough to be written by itself.
        if number % 10 == 0 {
            read(&mut dimensions);
        }
        if number == 20_000 {
            after_a_while = (count(&metrics), dimensions.len());
        }
    }
    let text = metrics.render();
    assert_eq!(
        (text.lines().count(), dimensions.len()),
        after_a_while,
        "nothing is added any more"
    );
    let samples = scrape(&metrics);
    let plans = samples
        .iter()
        .filter_map(|sample| sample.labels.get("plan"));
    let plans: BTreeSet<_> = plans.collect();
    assert_eq!(
        plans.len(),
        PLANS_SHOWN + 1,
        "as many as are shown, and the others as one"
    );
    assert!(text.len() < 2_000_000, "{}", text.len());
    // Two routes, two methods, and what is about a plan alone.
    let plans = PLANS_SHOWN..=(PLANS_SHOWN + 1) * (2 * 2 + 1);
    assert!(plans.contains(&dimensions.len()), "{}", dimensions.len());
}

#[test]
fn what_prometheus_may_not_ask_for_is_not_kept() {
    let metrics = Metrics::new(
        MetricsSettings::default(),
        Output::buffered(Stream::Stdout),
        Arc::new(NOON),
    );
    metrics.answered(&call(&Trail::default()));
    assert_eq!(metrics.render(), "");
}

/// A histogram's lines have names of their own.
fn family(metric: &str) -> &str {
    let ends = ["_bucket", "_sum", "_count"].iter();
    let mut families = ends.filter_map(|end| metric.strip_suffix(end));
    families.next().unwrap_or(metric)
}

#[test]
fn the_table_is_what_prometheus_gets() {
    let metrics = metrics();
    let trail = trail("gold", Some((1, 10)));
    for rule in REFUSED_BY {
        let phases = Phases {
            store: Some(Phase {
                start: NOON,
                took: Duration::ZERO,
            }),
            ..Phases::default()
        };
        metrics.answered(&Answered {
            rule: Some(rule),
            phases,
            ..call(&trail)
        });
    }
    metrics.key_set_fetched("i", true);
    metrics.lease_taken(&PlanId::new("gold"), 1);
    metrics.lease_returned(&PlanId::new("gold"), 1);
    let told: BTreeMap<_, _> = scrape(&metrics)
        .into_iter()
        .map(|sample| (family(&sample.metric).to_owned(), sample.labels))
        .collect();
    let mut names: Vec<_> = METRICS
        .iter()
        .filter(|metric| !metric.prometheus.contains('{'))
        .map(|metric| metric.prometheus)
        .collect();
    names.push("usher_build_info");
    names.sort_unstable();
    let found: Vec<_> = told.keys().map(String::as_str).collect();
    assert_eq!(found, names);
    for metric in METRICS {
        let family = metric.prometheus.split('{').next().expect("a name");
        let labels = &told[family];
        let mut has: Vec<_> = labels
            .keys()
            .map(String::as_str)
            .filter(|name| *name != "le")
            .collect();
        has.sort_unstable();
        let mut wants = metric.labels.to_vec();
        wants.sort_unstable();
        assert_eq!(has, wants, "{family}");
    }
}
