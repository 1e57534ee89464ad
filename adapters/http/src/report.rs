use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::response::Response;
use usher_domain::{
    ports::{Clock, Phase, Phases, Rule, StoreWatch},
    service::Trail,
    time::Timestamp,
};

use crate::problem::ErrorCode;

/// What a handler tells the layers around it, in the answer's extensions.
#[derive(Debug, Clone, Default)]
pub(crate) struct Report {
    /// The route's template.
    pub(crate) resource: Option<&'static str>,
    /// Who called, with which key, under which plan.
    pub(crate) trail: Trail,
    /// Where the time went.
    pub(crate) phases: Phases,
    /// What went wrong.
    pub(crate) error: Option<ErrorCode>,
    /// The rule that refused the request.
    pub(crate) refused: Option<Refused>,
    /// Every phase is to be told, and not the store's alone.
    pub(crate) phased: bool,
    /// When the request came to the front door, while it is there.
    pub(crate) at_the_door: Option<Timestamp>,
}

/// A rule, and what of it was not met. The words are our own and repeat nothing that was sent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Refused {
    pub(crate) rule: Rule,
    pub(crate) why: Option<&'static str>,
}

impl Report {
    pub(crate) fn of(resource: &'static str) -> Self {
        Self {
            resource: Some(resource),
            ..Self::default()
        }
    }

    /// The front door is asked.
    pub(crate) fn came_to_the_door(&mut self, clock: &dyn Clock) {
        self.at_the_door = self.phased.then(|| clock.now());
    }

    /// The front door has let the request in or not, or is not waited for any more.
    pub(crate) fn left_the_door(&mut self, clock: &dyn Clock) {
        let Some(came) = self.at_the_door.take() else {
            return;
        };
        let left = clock.now();
        let verified = self.trail.verified;
        self.phases.verification = Some(Phase::between(came, verified.unwrap_or(left)));
        self.phases.admission = verified.map(|verified| Phase::between(verified, left));
    }

    /// Of a request that came to no handler.
    pub(crate) fn failed(code: ErrorCode) -> Self {
        Self {
            error: Some(code),
            ..Self::default()
        }
    }

    pub(crate) fn attach(self, mut response: Response) -> Response {
        response.extensions_mut().insert(self);
        response
    }
}

/// Where a report is left by a handler that comes to no answer.
#[derive(Debug, Clone)]
pub(crate) struct LeftBehind {
    report: Arc<Mutex<Option<Report>>>,
    /// Somebody wants to know about every phase.
    phases: bool,
}

impl LeftBehind {
    pub(crate) fn new(phases: bool) -> Self {
        Self {
            report: Arc::default(),
            phases,
        }
    }

    pub(crate) fn take(&self) -> Option<Report> {
        self.lock().take()
    }

    fn lock(&self) -> MutexGuard<'_, Option<Report>> {
        self.report.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A report that is not lost when its handler panics, or is dropped because its time is over or its client has gone: who
/// called, and what was charged, is known by then.
pub(crate) struct Reporting<'a> {
    pub(crate) report: Report,
    pub(crate) store: StoreTime<'a>,
    left_behind: Option<LeftBehind>,
}

impl<'a> Reporting<'a> {
    pub(crate) fn new(mut report: Report, left_behind: LeftBehind, clock: &'a dyn Clock) -> Self {
        report.phased = left_behind.phases;
        Self {
            report,
            store: StoreTime {
                clock,
                times: Mutex::default(),
            },
            left_behind: Some(left_behind),
        }
    }

    /// Sends the report with the answer.
    pub(crate) fn attach(mut self, response: Response) -> Response {
        self.left_behind = None;
        self.take().attach(response)
    }

    /// The report. What was still waited for ends now.
    fn take(&mut self) -> Report {
        let mut report = std::mem::take(&mut self.report);
        report.left_the_door(self.store.clock);
        report.phases.store = self.store.lock().phase;
        report
    }
}

/// How long the profile store is waited for.
pub(crate) struct StoreTime<'a> {
    clock: &'a dyn Clock,
    times: Mutex<Times>,
}

#[derive(Default)]
struct Times {
    /// From when it was first asked, and as long as it was waited for.
    phase: Option<Phase>,
    asked: Option<Timestamp>,
}

impl StoreTime<'_> {
    fn lock(&self) -> MutexGuard<'_, Times> {
        self.times.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl StoreWatch for StoreTime<'_> {
    fn asked(&self) {
        self.lock().asked = Some(self.clock.now());
    }

    fn answered(&self) {
        let mut times = self.lock();
        let Some(asked) = times.asked.take() else {
            return;
        };
        let waited = self.clock.now().since(asked);
        let phase = times.phase.get_or_insert(Phase {
            start: asked,
            took: Duration::ZERO,
        });
        phase.took += waited;
    }
}

impl std::fmt::Debug for StoreTime<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StoreTime").finish_non_exhaustive()
    }
}

impl Drop for Reporting<'_> {
    fn drop(&mut self) {
        if let Some(left_behind) = self.left_behind.take() {
            let report = self.take();
            *left_behind.lock() = Some(report);
        }
    }
}
