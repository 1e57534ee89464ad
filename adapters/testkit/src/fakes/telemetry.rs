use std::sync::{Mutex, PoisonError};

use usher_domain::{
    ports::{Answered, Phases, Rule, Telemetry, TraceContext},
    usage::plan::PlanId,
};

/// Remembers everything that it is told.
#[derive(Debug, Default)]
pub struct FakeTelemetry(Mutex<Vec<Told>>);

/// What was told.
#[derive(Debug, Clone, PartialEq)]
pub enum Told {
    /// A request is over.
    Answered(Box<ToldAnswer>),
    /// An issuer was asked for its key set.
    KeySet {
        /// Which issuer.
        issuer: String,
        /// Whether it had one.
        fetched: bool,
    },
    /// Calls were taken from a quota of this plan.
    Taken(PlanId, u32),
    /// Calls were given back to one.
    Returned(PlanId, u32),
}

/// Of an [`Answered`], what tests look at.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs, reason = "see Answered")]
pub struct ToldAnswer {
    pub request_id: u128,
    pub method: String,
    pub resource: Option<&'static str>,
    pub status: u16,
    pub phases: Phases,
    pub key: Option<String>,
    pub plan: Option<PlanId>,
    pub error: Option<&'static str>,
    pub rule: Option<Rule>,
    pub trace: Option<TraceContext>,
}

impl FakeTelemetry {
    /// What it was told since the last time.
    #[must_use]
    pub fn take(&self) -> Vec<Told> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The requests that were over since the last time.
    #[must_use]
    pub fn answers(&self) -> Vec<ToldAnswer> {
        let answers = self.take().into_iter().filter_map(|told| match told {
            Told::Answered(answer) => Some(*answer),
            _ => None,
        });
        answers.collect()
    }

    fn hear(&self, told: Told) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.push(told);
    }
}

impl Telemetry for FakeTelemetry {
    fn answered(&self, call: &Answered<'_>) {
        self.hear(Told::Answered(Box::new(ToldAnswer {
            request_id: call.request_id,
            method: call.method.to_owned(),
            resource: call.resource,
            status: call.status,
            phases: call.phases,
            key: call.trail.key_id().map(str::to_owned),
            plan: call.trail.plan.as_ref().map(|plan| plan.id.clone()),
            error: call.error,
            rule: call.rule,
            trace: call.trace,
        })));
    }

    fn wants_phases(&self) -> bool {
        true
    }

    fn key_set_fetched(&self, issuer: &str, fetched: bool) {
        let issuer = issuer.to_owned();
        self.hear(Told::KeySet { issuer, fetched });
    }

    fn lease_taken(&self, plan: &PlanId, calls: u32) {
        self.hear(Told::Taken(plan.clone(), calls));
    }

    fn lease_returned(&self, plan: &PlanId, calls: u32) {
        self.hear(Told::Returned(plan.clone(), calls));
    }
}
