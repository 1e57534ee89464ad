use std::time::Duration;

use axum::response::Response;
use usher_domain::service::Trail;

use crate::problem::ErrorCode;

/// What a handler tells the layers around it, in the answer's extensions.
#[derive(Debug, Clone, Default)]
pub(crate) struct Report {
    /// The route's template.
    pub(crate) resource: Option<&'static str>,
    /// Who called, with which key, under which plan.
    pub(crate) trail: Trail,
    /// Time spent in the store.
    pub(crate) store_time: Option<Duration>,
    /// What went wrong.
    pub(crate) error: Option<ErrorCode>,
}

impl Report {
    pub(crate) fn of(resource: &'static str) -> Self {
        Self {
            resource: Some(resource),
            ..Self::default()
        }
    }

    pub(crate) fn attach(self, mut response: Response) -> Response {
        response.extensions_mut().insert(self);
        response
    }
}
