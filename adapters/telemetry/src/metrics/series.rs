//! The same for Prometheus.

use prometheus::{
    Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGaugeVec, Opts, Registry,
    TextEncoder,
};
use usher_domain::{
    ports::{Answered, CLIENT_CLOSED, Concern, Rule},
    time::Timestamp,
};

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
    key_sets_fetched: IntGaugeVec,
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
        let gauge = |name: &str, meaning: &str, labels: &[&str]| {
            let family = IntGaugeVec::new(Opts::new(name, meaning), labels).expect("a good name");
            registry
                .register(Box::new(family.clone()))
                .expect("one name once");
            family
        };
        let is_one = "the version that runs; the value is 1";
        let build = gauge("usher_build_info", is_one, &["version"]);
        build.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        let fetched = table::KEY_SET_AGE;
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
            key_sets_fetched: gauge(fetched.prometheus, fetched.meaning, fetched.labels),
            leases_taken: counter(&table::LEASE_TAKEN),
            lease_tokens_unspent: counter(&table::LEASE_TOKENS_UNSPENT),
            registry,
        }
    }

    /// The series of one combination, so that they need not be looked for by their labels each time.
    pub(super) fn cell(&self, resource: &str, method: &str, plan: Option<&str>) -> CellSeries {
        if let Some(plan) = plan {
            // From nothing to one would be no increase: a series has to be there before it is counted up.
            let throttle = Rule::Throttle.as_str();
            self.throttled.with_label_values(&[throttle, plan]);
            for family in [
                &self.quota_exceeded,
                &self.leases_taken,
                &self.lease_tokens_unspent,
            ] {
                family.with_label_values(&[plan]);
            }
        }
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

    pub(super) fn key_set_fetched(&self, issuer: &str, fetched: bool, now: Timestamp) {
        let [good, bad] = OUTCOMES.map(|outcome| {
            let labels = [issuer, outcome];
            self.key_set_refreshes.with_label_values(&labels)
        });
        // It is there from the first time on, 0 for never.
        let last = self.key_sets_fetched.with_label_values(&[issuer]);
        if fetched {
            good.inc();
            last.set(now.as_seconds());
        } else {
            bad.inc();
        }
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

/// The values of the label `outcome`.
pub(super) const OUTCOMES: [&str; 2] = ["fetched", "failed"];
/// The values of the label `status_class`: those of answers, and that of requests whose clients went away.
pub(super) const CLASSES: [&str; 6] = ["1xx", "2xx", "3xx", "4xx", "5xx", "closed"];

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
        let class = match call.status {
            CLIENT_CLOSED => CLASSES.len(),
            status => usize::from(status / 100).clamp(1, CLASSES.len() - 1),
        } - 1;
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
