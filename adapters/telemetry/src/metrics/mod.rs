//! Metrics: one table of names, one place where they are counted, two forms in which they are told.

mod cells;
mod emf;
mod series;
mod table;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

pub use cells::PLANS_SHOWN;
pub use table::{Kind, METRICS, Metric, REFUSED_BY, Scope, Unit};
use usher_domain::{
    ports::{Answered, CLIENT_CLOSED, Clock, Concern, Rule, Telemetry},
    time::Timestamp,
    usage::plan::PlanId,
};

use self::{
    cells::{Cell, Cells},
    emf::{Dimensions, Emf, Waiting},
    series::Series,
};
use crate::{Output, output::Ticked};

/// Values wait so long for others to share a line with.
const EVERY: Duration = Duration::from_secs(1);

/// What is told as the age of a key set that was never had: as long as one may be used at most. Its issuer's tokens are
/// refused, which is what old ones come to, and a process that lives for an hour would otherwise never tell.
const NEVER_HAD: Duration = Duration::from_hours(26);

/// The values of the label `status_class`.
pub const STATUS_CLASSES: [&str; 6] = series::CLASSES;
/// The values of the label `outcome`.
pub const OUTCOMES: [&str; 2] = series::OUTCOMES;

/// What is counted, and for whom.
#[derive(Debug, Default)]
pub struct MetricsSettings {
    /// The API that usage plans speak of, and its stage: dimensions of every metric in CloudWatch.
    pub api_id: String,
    /// See `api_id`.
    pub stage: String,
    /// Whether Prometheus may ask.
    pub prometheus: bool,
    /// CloudWatch's namespace, where metrics are written for it.
    pub emf: Option<String>,
}

/// Counts what happens.
pub struct Metrics {
    cells: Cells,
    series: Option<Series>,
    emf: Option<(Emf, Output)>,
    /// What is about no request, by the name and the value of its dimension: few.
    rest: Mutex<Rest>,
    /// When each issuer's key set was last fetched.
    fetched: Mutex<BTreeMap<Box<str>, Timestamp>>,
    /// When what waits was last written because it was time.
    last: Mutex<Timestamp>,
    clock: Arc<dyn Clock>,
}

type Rest = BTreeMap<(&'static str, Box<str>), Waiting>;

impl Metrics {
    /// Counts from nothing. Lines of the Embedded Metric Format go to `output`, when they are asked for by
    /// [`Metrics::flush`] or the values of a line are a hundred.
    #[must_use]
    pub fn new(settings: MetricsSettings, output: Output, clock: Arc<dyn Clock>) -> Self {
        let emf = settings.emf.map(|namespace| {
            let emf = Emf::new(namespace, &settings.api_id, &settings.stage);
            (emf, output)
        });
        Self {
            cells: Cells::default(),
            series: settings.prometheus.then(Series::new),
            emf,
            rest: Mutex::default(),
            fetched: Mutex::default(),
            last: Mutex::new(clock.now()),
            clock,
        }
    }

    /// Everything that was counted, in Prometheus' text format; empty when Prometheus may not ask.
    #[must_use]
    pub fn render(&self) -> String {
        self.series.as_ref().map(Series::render).unwrap_or_default()
    }

    /// Writes what CloudWatch has not been told yet.
    pub fn flush(&self) {
        let Some((emf, output)) = &self.emf else {
            return;
        };
        for cell in self.cells.all() {
            write(emf, output, &dimensions(&cell), &mut cell.waiting());
        }
        for ((name, value), waiting) in &mut *self.lock_rest() {
            write(emf, output, &[(name, value)], waiting);
        }
    }

    fn lock_rest(&self) -> MutexGuard<'_, Rest> {
        self.rest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts what is about no request.
    fn tell(&self, name: &'static str, value: &str, values: &[(&'static Metric, f64)]) {
        let Some((emf, output)) = &self.emf else {
            return;
        };
        let now = self.clock.now();
        let mut rest = self.lock_rest();
        let waiting = rest.entry((name, value.into())).or_default();
        let mut is_full = false;
        for (metric, value) in values {
            is_full |= waiting.add(metric, now, *value);
        }
        if is_full {
            write(emf, output, &[(name, value)], waiting);
        }
    }
}

fn write(emf: &Emf, output: &Output, dimensions: &Dimensions<'_>, waiting: &mut Waiting) {
    if let Some(line) = emf.line(dimensions, waiting) {
        output.line(&line);
    }
}

fn dimensions(cell: &Cell) -> Vec<(&'static str, &str)> {
    let mut dimensions = vec![("Resource", cell.resource), ("Method", cell.method)];
    dimensions.extend(cell.plan.as_deref().map(|plan| ("UsagePlan", plan)));
    dimensions
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Metrics")
            .field("prometheus", &self.series.is_some())
            .field("emf", &self.emf.is_some())
            .finish_non_exhaustive()
    }
}

impl Ticked for Metrics {
    fn tick(&self) {
        let now = self.clock.now();
        {
            let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
            // A clock that was set back must not stop it.
            let is_early = *last <= now && now.since(*last) < EVERY;
            if self.emf.is_none() || is_early {
                return;
            }
            *last = now;
        }
        self.flush();
    }
}

/// What share of a quota is spent, from 0 to 1.
fn spent(call: &Answered<'_>) -> Option<f64> {
    let quota = call.trail.levels.as_ref()?.quota.as_ref()?;
    let used = quota.capacity.saturating_sub(quota.remaining);
    #[allow(clippy::cast_precision_loss, reason = "a share, and not a count")]
    let (used, capacity) = (used as f64, quota.capacity as f64);
    (quota.capacity > 0).then(|| used / capacity)
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

impl Telemetry for Metrics {
    fn answered(&self, call: &Answered<'_>) {
        if self.series.is_none() && self.emf.is_none() {
            return;
        }
        let plan = call.trail.plan.as_ref().map(|plan| &plan.id);
        let series = self.series.as_ref();
        let found = self.cells.find(call.resource, call.method, plan, series);
        let spent = spent(call);
        if let Some(series) = &found.series {
            series.answered(call, spent);
        }
        if let (Some(series), Some(rule)) = (series, call.rule) {
            series.refused(rule, found.plan.as_deref());
        }
        let Some((emf, output)) = &self.emf else {
            return;
        };
        let mut waiting = found.waiting();
        let class = call.status / 100;
        let is = |holds: bool| f64::from(u8::from(holds));
        let mut add = |metric, value| waiting.add(metric, call.at, value);
        // As many as of any other.
        let is_full = add(&table::COUNT, 1.0);
        let is_closed = call.status == CLIENT_CLOSED;
        add(&table::ERRORS_4XX, is(class == 4 && !is_closed));
        add(&table::ERRORS_5XX, is(class == 5));
        add(&table::CLIENT_CLOSED, is(is_closed));
        add(&table::LATENCY, millis(call.latency));
        if let Some(store) = call.phases.store {
            add(&table::INTEGRATION_LATENCY, millis(store.took));
        }
        if let Some(share) = spent {
            add(&table::QUOTA_USED, share * 100.0);
        }
        if let Some(rule) = call.rule {
            add(of_rule(rule), 1.0);
        }
        if is_full {
            write(emf, output, &dimensions(&found), &mut waiting);
        }
    }

    fn key_set_fetched(&self, issuer: &str, fetched: bool) {
        let now = self.clock.now();
        if let Some(series) = &self.series {
            series.key_set_fetched(issuer, fetched, now);
        }
        let age = {
            let mut last = self.fetched.lock().unwrap_or_else(PoisonError::into_inner);
            if fetched {
                last.insert(issuer.into(), now);
            }
            last.get(issuer).map_or(NEVER_HAD, |last| now.since(*last))
        };
        let failed = f64::from(u8::from(!fetched));
        let values = [
            (&table::KEY_SET_REFRESH, 1.0),
            (&table::KEY_SET_REFRESH_ERROR, failed),
            (&table::KEY_SET_AGE, age.as_secs_f64()),
        ];
        self.tell("Issuer", issuer, &values);
    }

    fn lease_taken(&self, plan: &PlanId, _: u32) {
        let plan = self.cells.label(plan);
        if let Some(series) = &self.series {
            series.lease_taken(plan);
        }
        self.tell("UsagePlan", plan, &[(&table::LEASE_TAKEN, 1.0)]);
    }

    fn lease_returned(&self, plan: &PlanId, calls: u32) {
        let plan = self.cells.label(plan);
        if let Some(series) = &self.series {
            series.lease_returned(plan, calls);
        }
        let values = [(&table::LEASE_TOKENS_UNSPENT, f64::from(calls))];
        self.tell("UsagePlan", plan, &values);
    }
}

/// What a refusal counts for.
const fn of_rule(rule: Rule) -> &'static Metric {
    match rule.concern() {
        Concern::Authentication => &table::AUTH_FAILURE,
        Concern::Throttle => &table::THROTTLED,
        Concern::Quota => &table::QUOTA_EXCEEDED,
        Concern::Access => &table::ACCESS_DENIED,
    }
}
