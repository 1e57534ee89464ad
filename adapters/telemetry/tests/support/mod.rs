//! A request that is over, and what Prometheus reads.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use usher_domain::{
    ports::{Answered, Phases},
    service::Trail,
    time::Timestamp,
    usage::{
        account::{Level, Levels, Limits},
        plan::{PlanId, PlanInForce},
    },
};
use usher_telemetry::Metrics;

pub(crate) const NOON: Timestamp = Timestamp::from_seconds(1_795_348_800);

pub(crate) fn call(trail: &Trail) -> Answered<'_> {
    Answered {
        request_id: 7,
        at: NOON,
        method: "GET",
        resource: Some("/users/{userId}/profile"),
        status: 200,
        latency: Duration::from_millis(2),
        phases: Phases::default(),
        trail,
        error: None,
        rule: None,
        trace: None,
    }
}

/// The trail of a call under a plan, of whose quota so much is used.
pub(crate) fn trail(plan: &str, quota: Option<(u64, u64)>) -> Trail {
    let plan = PlanInForce {
        id: PlanId::new(plan),
        limits: Limits::default(),
        per_user: None,
        methods: BTreeMap::new(),
        generation: 0,
    };
    let quota = quota.map(|(used, capacity)| Level {
        capacity,
        window: Duration::from_hours(24),
        remaining: capacity - used,
        reset: Duration::ZERO,
    });
    Trail {
        plan: Some(Arc::new(plan)),
        levels: Some(Levels {
            quota,
            ..Levels::default()
        }),
        ..Trail::default()
    }
}

/// One line of Prometheus' text format.
#[derive(Debug)]
pub(crate) struct Sample {
    pub(crate) metric: String,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) value: f64,
}

/// Every line that is no comment. A parser that is not ours reads the same in `.ci/metrics`.
pub(crate) fn scrape(metrics: &Metrics) -> Vec<Sample> {
    let text = metrics.render();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| sample(line).unwrap_or_else(|| panic!("{line}")))
        .collect()
}

fn sample(line: &str) -> Option<Sample> {
    let (series, value) = line.rsplit_once(' ')?;
    let (metric, labels) = series.split_once('{').unwrap_or((series, "}"));
    let mut rest = labels.strip_suffix('}')?;
    let mut labels = BTreeMap::new();
    while let Some((name, more)) = rest.split_once("=\"") {
        let (value, more) = more.split_once('"')?;
        labels.insert(name.to_owned(), value.to_owned());
        rest = more.strip_prefix(',').unwrap_or(more);
    }
    let metric = metric.to_owned();
    let value = value.parse().ok()?;
    rest.is_empty().then_some(Sample {
        metric,
        labels,
        value,
    })
}

/// The value of the one series that has these labels, others aside.
pub(crate) fn value(samples: &[Sample], name: &str, labels: &[(&str, &str)]) -> Option<f64> {
    let mut found = samples.iter().filter(|sample| {
        let has =
            |(name, value): &(&str, &str)| sample.labels.get(*name).is_some_and(|is| is == value);
        sample.metric == name && labels.iter().all(has)
    });
    let one = found.next()?;
    assert!(found.next().is_none(), "{name} {labels:?} is one series");
    Some(one.value)
}
