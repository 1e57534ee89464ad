use std::sync::{Arc, Mutex, PoisonError};

use axum::response::Response;
use usher_domain::{
    ports::{Phase, Phases, Rule},
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

    /// The front door was asked at `came` and has let the request in or not at `left`.
    pub(crate) fn left_the_door(&mut self, came: Timestamp, left: Timestamp) {
        let verified = self.trail.verified;
        self.phases.verification = Some(Phase::between(came, verified.unwrap_or(left)));
        self.phases.admission = verified.map(|verified| Phase::between(verified, left));
    }

    pub(crate) fn attach(self, mut response: Response) -> Response {
        response.extensions_mut().insert(self);
        response
    }
}

/// Where a report is left by a handler that comes to no answer.
#[derive(Debug, Clone, Default)]
pub(crate) struct LeftBehind(Arc<Mutex<Option<Report>>>);

impl LeftBehind {
    pub(crate) fn take(&self) -> Option<Report> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// A report that is not lost when its handler panics, or is dropped because its time is over or its client has gone: who
/// called, and what was charged, is known by then.
pub(crate) struct Reporting {
    pub(crate) report: Report,
    left_behind: Option<LeftBehind>,
}

impl Reporting {
    pub(crate) const fn new(report: Report, left_behind: LeftBehind) -> Self {
        Self {
            report,
            left_behind: Some(left_behind),
        }
    }

    /// Sends the report with the answer.
    pub(crate) fn attach(mut self, response: Response) -> Response {
        self.left_behind = None;
        std::mem::take(&mut self.report).attach(response)
    }
}

impl Drop for Reporting {
    fn drop(&mut self) {
        if let Some(left_behind) = self.left_behind.take() {
            let report = std::mem::take(&mut self.report);
            *left_behind.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(report);
        }
    }
}
