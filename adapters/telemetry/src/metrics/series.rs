//! The same for Prometheus.

use prometheus::{
    Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGaugeVec, Opts, Registry,
    TextEncoder,
};
use usher_domain::ports::{Answered, Concern, Rule};

use super::{
    cells::NONE,
    table::{self, Kind, Metric},
};

/// Every family, registered in one registry.
#[derive(Debug)]
pub(super) struct Series {
    registry: Registry,
    requests: IntCounterVec,
    latency: HistogramVec,
    store_latency: HistogramVec,
    throttled: IntCounterVec,
    quota_exceeded: IntCounterVec,
    quota_used: HistogramVec,
    auth_failures: IntCounterVec,
    access_denied: IntCounterVec,
    key_set_refreshes: IntCounterVec,
    leases_taken: IntCounterVec,
    lease_tokens_unspent: IntCounterVec,
}

impl Series {
    #[allow(
        clippy::missing_panics_doc,
        reason = "the table's names are good, which a test sees by rendering all of them"
    )]
    pub(super) fn new() -> Self {
        let registry = Registry::new();
        let counter = |metric: &Metric| {
            let opts = Opts::new(metric.prometheus, metric.meaning);
            let family = IntCounterVec::new(opts, metric.labels).expect("a good name");
            registry
                .register(Box::new(family.clone()))
                .expect("one name once");
            family
        };
        let histogram = |metric: &Metric| {
            let Kind::Histogram(buckets) = metric.kind else {
                unreachable!("{} is a histogram", metric.prometheus)
            };
            let opts = HistogramOpts::new(metric.prometheus, metric.meaning);
            let opts = opts.buckets(buckets.to_vec());
            let family = HistogramVec::new(opts, metric.labels).expect("a good name");
            registry
                .register(Box::new(family.clone()))
                .expect("one name once");
            family
        };
        let build = IntGaugeVec::new(
            Opts::new("usher_build_info", "the version that runs; the value is 1"),
            &["version"],
        )
        .expect("a good name");
        build.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        registry.register(Box::new(build)).expect("one name once");
        Self {
            requests: counter(&table::COUNT),
            latency: histogram(&table::LATENCY),
            store_latency: histogram(&table::INTEGRATION_LATENCY),
            throttled: counter(&table::THROTTLED),
            quota_exceeded: counter(&table::QUOTA_EXCEEDED),
            quota_used: histogram(&table::QUOTA_USED),
            auth_failures: counter(&table::AUTH_FAILURE),
            access_denied: counter(&table::ACCESS_DENIED),
            key_set_refreshes: counter(&table::KEY_SET_REFRESH),
            leases_taken: counter(&table::LEASE_TAKEN),
            lease_tokens_unspent: counter(&table::LEASE_TOKENS_UNSPENT),
            registry,
        }
    }

    /// The series of one combination, so that they need not be looked for by their labels each time.
    pub(super) fn cell(&self, resource: &str, method: &str, plan: Option<&str>) -> CellSeries {
        let plan = plan.unwrap_or(NONE);
        let route = [resource, method];
        CellSeries {
            requests: CLASSES.map(|class| {
                let labels = [resource, method, class, plan];
                self.requests.with_label_values(&labels)
            }),
            latency: self.latency.with_label_values(&route),
            store_latency: self.store_latency.with_label_values(&route),
            quota_used: self.quota_used.with_label_values(&[plan]),
        }
    }

    pub(super) fn refused(&self, rule: Rule, plan: Option<&str>) {
        let (name, plan) = (rule.as_str(), plan.unwrap_or(NONE));
        let (family, labels) = match rule.concern() {
            Concern::Authentication => (&self.auth_failures, &[name][..]),
            Concern::Throttle => (&self.throttled, &[name, plan][..]),
            Concern::Quota => (&self.quota_exceeded, &[plan][..]),
            Concern::Access => (&self.access_denied, &[name][..]),
        };
        family.with_label_values(labels).inc();
    }

    pub(super) fn key_set_fetched(&self, issuer: &str, fetched: bool) {
        let outcome = if fetched { "fetched" } else { "failed" };
        self.key_set_refreshes
            .with_label_values(&[issuer, outcome])
            .inc();
    }

    pub(super) fn lease_taken(&self, plan: &str) {
        self.leases_taken.with_label_values(&[plan]).inc();
    }

    pub(super) fn lease_returned(&self, plan: &str, calls: u32) {
        self.lease_tokens_unspent
            .with_label_values(&[plan])
            .inc_by(calls.into());
    }

    pub(super) fn render(&self) -> String {
        let mut text = String::new();
        // Of a family of ours everything can be written.
        let _ = TextEncoder::new().encode_utf8(&self.registry.gather(), &mut text);
        text
    }
}

const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

/// What is counted for one combination of route, method and plan.
#[derive(Debug)]
pub(super) struct CellSeries {
    requests: [IntCounter; CLASSES.len()],
    latency: Histogram,
    store_latency: Histogram,
    quota_used: Histogram,
}

impl CellSeries {
    pub(super) fn answered(&self, call: &Answered<'_>, spent: Option<f64>) {
        let class = usize::from(call.status / 100).clamp(1, CLASSES.len()) - 1;
        if let Some(requests) = self.requests.get(class) {
            requests.inc();
        }
        self.latency.observe(call.latency.as_secs_f64());
        if let Some(store) = call.phases.store {
            self.store_latency.observe(store.took.as_secs_f64());
        }
        if let Some(share) = spent {
            self.quota_used.observe(share);
        }
    }
}
