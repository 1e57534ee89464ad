//! The table of metrics. Dashboards, alarms and `docs/observability.md` are held to it by tests.

use usher_domain::ports::Rule;

/// A metric and its names.
#[derive(Debug, PartialEq)]
pub struct Metric {
    /// Its place in [`METRICS`].
    pub(super) number: usize,
    /// CloudWatch's name for it: API Gateway's own where it has one.
    pub cloudwatch: &'static str,
    /// CloudWatch's unit.
    pub unit: Unit,
    /// The same for Prometheus: a family, or the part of a family that it is.
    pub prometheus: &'static str,
    /// What that family is.
    pub kind: Kind,
    /// The labels of that family.
    pub labels: &'static [&'static str],
    /// What it is about, which are its dimensions in CloudWatch.
    pub scope: Scope,
    /// What is counted.
    pub meaning: &'static str,
}

/// CloudWatch's units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// A number of times.
    Count,
    /// Thousandths of a second. Prometheus has seconds.
    Milliseconds,
    /// Hundredths. Prometheus has a share from 0 to 1.
    Percent,
    /// A time that has passed. Prometheus has the point in time, and subtracts it from its own.
    Seconds,
}

impl Unit {
    /// CloudWatch's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Count => "Count",
            Self::Milliseconds => "Milliseconds",
            Self::Percent => "Percent",
            Self::Seconds => "Seconds",
        }
    }
}

/// What Prometheus keeps.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// A number that grows.
    Counter,
    /// A number that is what it is.
    Gauge,
    /// How many values are at most so large.
    Histogram(&'static [f64]),
    /// Some series of a family that another metric is all of.
    Part,
}

impl Kind {
    /// Prometheus' name for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Counter | Self::Part => "counter",
            Self::Gauge => "gauge",
            Self::Histogram(_) => "histogram",
        }
    }
}

/// What a metric is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// A request.
    Request,
    /// A usage plan.
    Plan,
    /// An issuer of tokens.
    Issuer,
}

impl Scope {
    /// The sets of dimensions that it has in CloudWatch, besides `ApiId` and `Stage`, which are in every set. Each is a
    /// metric of its own, which has to be paid for: so there are those that an alarm or a dashboard would ask for.
    #[must_use]
    pub const fn sets(self) -> &'static [&'static [&'static str]] {
        match self {
            Self::Request => &[&[], &["Resource", "Method"], &["UsagePlan"]],
            Self::Plan => &[&[], &["UsagePlan"]],
            Self::Issuer => &[&[], &["Issuer"]],
        }
    }
}

/// From half a millisecond to the longest that a request may take by default.
const SECONDS: &[f64] = &[
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];
/// Where somebody would want to know.
const SHARES: &[f64] = &[0.25, 0.5, 0.75, 0.8, 0.9, 0.95, 0.99, 1.0];

const REQUEST: &[&str] = &["resource", "method", "status_class", "plan"];
const ROUTE: &[&str] = &["resource", "method"];

pub(super) const COUNT: Metric = Metric {
    number: 0,
    cloudwatch: "Count",
    unit: Unit::Count,
    prometheus: "usher_http_requests_total",
    kind: Kind::Counter,
    labels: REQUEST,
    scope: Scope::Request,
    meaning: "requests that have been answered, or whose clients went away (status 499); probes are not among them",
};
pub(super) const ERRORS_4XX: Metric = Metric {
    number: 1,
    cloudwatch: "4XXError",
    unit: Unit::Count,
    prometheus: "usher_http_requests_total{status_class=\"4xx\"}",
    kind: Kind::Part,
    labels: REQUEST,
    scope: Scope::Request,
    meaning: "answers that say that the request is at fault, refusals among them, and 499 not; 1 or 0 for each request, so that the average is the rate",
};
pub(super) const ERRORS_5XX: Metric = Metric {
    number: 2,
    cloudwatch: "5XXError",
    unit: Unit::Count,
    prometheus: "usher_http_requests_total{status_class=\"5xx\"}",
    kind: Kind::Part,
    labels: REQUEST,
    scope: Scope::Request,
    meaning: "answers that say that Usher or its store is at fault; 1 or 0 for each request, so that the average is the rate",
};
pub(super) const LATENCY: Metric = Metric {
    number: 3,
    cloudwatch: "Latency",
    unit: Unit::Milliseconds,
    prometheus: "usher_http_request_duration_seconds",
    kind: Kind::Histogram(SECONDS),
    labels: ROUTE,
    scope: Scope::Request,
    meaning: "from a request's head to its answer's",
};
pub(super) const INTEGRATION_LATENCY: Metric = Metric {
    number: 4,
    cloudwatch: "IntegrationLatency",
    unit: Unit::Milliseconds,
    prometheus: "usher_store_duration_seconds",
    kind: Kind::Histogram(SECONDS),
    labels: ROUTE,
    scope: Scope::Request,
    meaning: "the part of it in which the profile store was waited for, of requests that came so far",
};
pub(super) const THROTTLED: Metric = Metric {
    number: 5,
    cloudwatch: "Throttled",
    unit: Unit::Count,
    prometheus: "usher_throttled_total",
    kind: Kind::Counter,
    labels: &["rule", "plan"],
    scope: Scope::Request,
    meaning: "requests that a token bucket refused (429)",
};
pub(super) const QUOTA_EXCEEDED: Metric = Metric {
    number: 6,
    cloudwatch: "QuotaExceeded",
    unit: Unit::Count,
    prometheus: "usher_quota_exceeded_total",
    kind: Kind::Counter,
    labels: &["plan"],
    scope: Scope::Request,
    meaning: "requests that a quota refused (429)",
};
pub(super) const QUOTA_USED: Metric = Metric {
    number: 7,
    cloudwatch: "QuotaUsed",
    unit: Unit::Percent,
    prometheus: "usher_quota_used_ratio",
    kind: Kind::Histogram(SHARES),
    labels: &["plan"],
    scope: Scope::Request,
    meaning: "how much of its quota the caller's account has used, at each call that a quota was asked about",
};
pub(super) const AUTH_FAILURE: Metric = Metric {
    number: 8,
    cloudwatch: "AuthFailure",
    unit: Unit::Count,
    prometheus: "usher_auth_failures_total",
    kind: Kind::Counter,
    labels: &["rule"],
    scope: Scope::Request,
    meaning: "requests whose token or key was refused (401, and 403 for the key)",
};
pub(super) const ACCESS_DENIED: Metric = Metric {
    number: 9,
    cloudwatch: "AccessDenied",
    unit: Unit::Count,
    prometheus: "usher_access_denied_total",
    kind: Kind::Counter,
    labels: &["rule"],
    scope: Scope::Request,
    meaning: "requests for what the caller may not do (403)",
};
pub(super) const KEY_SET_REFRESH: Metric = Metric {
    number: 10,
    cloudwatch: "KeySetRefresh",
    unit: Unit::Count,
    prometheus: "usher_key_set_refreshes_total",
    kind: Kind::Counter,
    labels: &["issuer", "outcome"],
    scope: Scope::Issuer,
    meaning: "times that an issuer was asked for its key set",
};
pub(super) const KEY_SET_REFRESH_ERROR: Metric = Metric {
    number: 11,
    cloudwatch: "KeySetRefreshError",
    unit: Unit::Count,
    prometheus: "usher_key_set_refreshes_total{outcome=\"failed\"}",
    kind: Kind::Part,
    labels: &["issuer", "outcome"],
    scope: Scope::Issuer,
    meaning: "times that nothing came of it; 1 or 0 for each time, so that the average is the rate",
};
pub(super) const LEASE_TAKEN: Metric = Metric {
    number: 12,
    cloudwatch: "LeaseTaken",
    unit: Unit::Count,
    prometheus: "usher_leases_taken_total",
    kind: Kind::Counter,
    labels: &["plan"],
    scope: Scope::Plan,
    meaning: "times that calls of a quota were fetched from the usage store, a few for one account at once",
};
pub(super) const LEASE_TOKENS_UNSPENT: Metric = Metric {
    number: 13,
    cloudwatch: "LeaseTokensUnspent",
    unit: Unit::Count,
    prometheus: "usher_lease_tokens_unspent_total",
    kind: Kind::Counter,
    labels: &["plan"],
    scope: Scope::Plan,
    meaning: "calls that were fetched and given back, because the plan was changed or the process ended before anybody came for them; at the end of a process Prometheus asks no more",
};
pub(super) const CLIENT_CLOSED: Metric = Metric {
    number: 14,
    cloudwatch: "ClientClosed",
    unit: Unit::Count,
    prometheus: "usher_http_requests_total{status_class=\"closed\"}",
    kind: Kind::Part,
    labels: REQUEST,
    scope: Scope::Request,
    meaning: "requests whose clients went away before their answer (status 499), because it took too long for them, or that were cut off when the server ended; 1 or 0 for each request, so that the average is the rate",
};
pub(super) const KEY_SET_AGE: Metric = Metric {
    number: 15,
    cloudwatch: "KeySetAge",
    unit: Unit::Seconds,
    prometheus: "usher_key_set_fetched_timestamp_seconds",
    kind: Kind::Gauge,
    labels: &["issuer"],
    scope: Scope::Issuer,
    meaning: "how old the key set in use is each time the issuer was asked for another, 0 where that came, and 93600 (26 h, when keys end) where there never was one; for Prometheus when it was last fetched, in seconds since 1970, 0 for never",
};

/// All metrics there are.
pub const METRICS: [&Metric; 16] = [
    &COUNT,
    &ERRORS_4XX,
    &ERRORS_5XX,
    &LATENCY,
    &INTEGRATION_LATENCY,
    &THROTTLED,
    &QUOTA_EXCEEDED,
    &QUOTA_USED,
    &AUTH_FAILURE,
    &ACCESS_DENIED,
    &KEY_SET_REFRESH,
    &KEY_SET_REFRESH_ERROR,
    &LEASE_TAKEN,
    &LEASE_TOKENS_UNSPENT,
    &CLIENT_CLOSED,
    &KEY_SET_AGE,
];

/// The values of the label `rule`.
pub const REFUSED_BY: [Rule; Rule::ALL.len()] = Rule::ALL;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_is_where_its_number_says_and_has_a_name_of_its_own() {
        for (number, metric) in METRICS.iter().enumerate() {
            assert_eq!(metric.number, number, "{}", metric.cloudwatch);
            let same = METRICS.iter().filter(|other| {
                other.cloudwatch == metric.cloudwatch || other.prometheus == metric.prometheus
            });
            assert_eq!(same.count(), 1, "{}", metric.cloudwatch);
        }
    }
}
