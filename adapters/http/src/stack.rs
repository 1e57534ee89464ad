//! The layers around the Router, in the one place where their order is written down.
//!
//! From the outside in:
//!
//! 1. request id and start time: everything after can name the request;
//! 2. access log: sees every answer, those of the layers below included;
//! 3. CORS: on every answer, those of the layers below included;
//! 4. in-flight bound: 503 at once, while those already admitted keep their latency;
//! 5. size of the header block, 431, and of the target, 413;
//! 6. deadline: 504; a store's own deadline is shorter and answers 503;
//! 7. catch panic: 500, and the process goes on;
//! 8. the Router: routes, then in each handler user id, token, key, limits, access, body, store.
//!
//! It is one service and not five, because every boxed layer costs what the whole front door costs.

use std::{
    convert::Infallible,
    panic::AssertUnwindSafe,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    Router,
    body::{Body, HttpBody as _},
    http::{HeaderName, Request, StatusCode, header},
    response::Response,
};
use tower::Service;
use usher_domain::ports::{Answered, CLIENT_CLOSED, Telemetry};

use crate::{
    access_log::{self, AccessLog, Seen},
    bounds, execution_log,
    handlers::{failure, health},
    problem::{ErrorCode, Problem},
    rate_limit,
    report::{LeftBehind, Report},
    request_id::{RequestId, RequestIds},
    router::router,
    server_timing,
    state::App,
};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The Router with its layers. Clones share everything.
#[derive(Clone)]
pub struct Stack {
    router: Router,
    shared: Arc<Shared>,
}

struct Shared {
    app: App,
    ids: RequestIds,
    log: Arc<dyn AccessLog>,
    telemetry: Arc<dyn Telemetry>,
    /// Somebody wants to know when a request came to each phase.
    phases: bool,
}

impl Stack {
    /// Puts the layers around the Router of `app`.
    #[must_use]
    pub fn new(app: App, log: Arc<dyn AccessLog>, telemetry: Arc<dyn Telemetry>) -> Self {
        let router = router(app.clone());
        let phases = app.0.settings.server_timing || telemetry.wants_phases();
        let shared = Shared {
            app,
            ids: RequestIds::new(),
            log,
            telemetry,
            phases,
        };
        Self {
            router,
            shared: Arc::new(shared),
        }
    }

    /// Answers a request.
    pub async fn answer(&self, mut request: Request<Body>) -> Response {
        let Self { router, shared } = self;
        let mut router = router.clone();
        let id = shared.ids.next();
        let app = &shared.app.0;
        let seen = Seen::of(id, app.clock.now(), &request);
        let cors = app.settings.cors.judge(request.method(), request.headers());
        let left_behind = LeftBehind::new(shared.phases);
        request.extensions_mut().insert(id);
        request.extensions_mut().insert(left_behind.clone());
        // Declared before what is called: it is dropped after it, and finds what that has left behind.
        let unanswered = Unanswered {
            shared,
            seen: Some(seen),
            left_behind: &left_behind,
        };
        // A server that is busy is not a server that is ill: probes are always answered.
        let probe = is_probe(request.uri().path());
        let mut response = match app.load.admit(probe) {
            None => overloaded(id),
            Some(_slot) => 'answer: {
                if let Some(refusal) = bounds::refusal(&request, id) {
                    break 'answer refusal;
                }
                let answer = CatchPanic(AssertUnwindSafe(router.call(request)));
                let answer = match app.settings.limits.timeout {
                    None => Some(answer.await),
                    Some(timeout) => tokio::time::timeout(timeout, answer).await.ok(),
                };
                match answer {
                    Some(Some(response)) => response,
                    Some(None) => {
                        tracing::error!(requestId = %id, "a request panicked");
                        failed(ErrorCode::Internal, id, &left_behind)
                    }
                    None => failed(ErrorCode::Timeout, id, &left_behind),
                }
            }
        };
        let Some(seen) = unanswered.answered() else {
            return response;
        };
        if seen.is_head() {
            response = without_body(response);
        }
        if matches!(
            response.status(),
            StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED
        ) {
            // axum announces the length of an empty body, which these must not (RFC 9110, 8.6).
            response.headers_mut().remove(header::CONTENT_LENGTH);
        }
        cors.tell(response.status(), response.headers_mut());
        response.headers_mut().insert(REQUEST_ID, id.header());
        let report = response
            .extensions_mut()
            .remove::<Report>()
            .unwrap_or_default();
        if let Some(levels) = &report.trail.levels {
            rate_limit::announce(levels, response.headers_mut());
        }
        let latency = app.clock.now().since(seen.at);
        if app.settings.server_timing {
            server_timing::tell(&report.phases, latency, response.headers_mut());
        }
        let length = response.body().size_hint().exact();
        shared.record(&seen, &report, response.status().as_u16(), length, latency);
        response
    }
}

impl Shared {
    /// Tells everybody who listens that a request is over.
    fn record(
        &self,
        seen: &Seen,
        report: &Report,
        status: u16,
        length: Option<u64>,
        latency: Duration,
    ) {
        access_log::record(&self.log, seen, report, status, length, latency);
        if let Some(refused) = &report.refused {
            execution_log::record(seen, report, refused);
        }
        // Probes ask about the server; what its callers get is not to be mixed with that.
        if !is_probe(seen.path()) {
            self.telemetry.answered(&Answered {
                request_id: seen.id.as_number(),
                at: seen.at,
                method: seen.method(),
                resource: report.resource,
                status,
                latency,
                phases: report.phases,
                trail: &report.trail,
                error: report.error.map(ErrorCode::as_str),
                rule: report.refused.map(|refused| refused.rule),
                trace: seen.traced.context,
            });
        }
    }
}

fn is_probe(path: &str) -> bool {
    matches!(path, health::LIVE | health::READY)
}

impl std::fmt::Debug for Stack {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stack")
            .field("limits", &self.shared.app.0.settings.limits)
            .finish_non_exhaustive()
    }
}

impl Service<Request<Body>> for Stack {
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let stack = self.clone();
        Box::pin(async move { Ok(stack.answer(request).await) })
    }
}

/// A request that has no answer yet. When its client goes away, hyper drops the whole call: the line
/// in the access log is then written here, for the call may have been charged, and a write done.
struct Unanswered<'a> {
    shared: &'a Shared,
    seen: Option<Seen>,
    left_behind: &'a LeftBehind,
}

impl Unanswered<'_> {
    fn answered(mut self) -> Option<Seen> {
        self.seen.take()
    }
}

impl Drop for Unanswered<'_> {
    fn drop(&mut self) {
        if let Some(seen) = self.seen.take() {
            let report = self.left_behind.take().unwrap_or_default();
            let latency = self.shared.app.0.clock.now().since(seen.at);
            self.shared
                .record(&seen, &report, CLIENT_CLOSED, None, latency);
        }
    }
}

/// What answers HEAD: the length of the body that GET would have, and no body. HTTP/1 would drop it on
/// the way out; HTTP/2 and Lambda hand over what they are given.
fn without_body(mut response: Response) -> Response {
    if let Some(length) = response.body().size_hint().exact()
        && !response.headers().contains_key(header::CONTENT_LENGTH)
    {
        response
            .headers_mut()
            .insert(header::CONTENT_LENGTH, length.into());
    }
    response.map(|_| Body::empty())
}

fn overloaded(id: RequestId) -> Response {
    let problem = failure::unavailable(ErrorCode::Overloaded);
    Report::failed(ErrorCode::Overloaded).attach(problem.into_response(id))
}

fn failed(code: ErrorCode, id: RequestId, left_behind: &LeftBehind) -> Response {
    let report = Report {
        error: Some(code),
        ..left_behind.take().unwrap_or_default()
    };
    report.attach(Problem::new(code).into_response(id))
}

/// Runs a Router's answer; `None` when it panicked. The panic's message goes to the panic hook.
struct CatchPanic<F>(AssertUnwindSafe<F>);

impl<F> Future for CatchPanic<F>
where
    F: Future<Output = Result<Response, Infallible>> + Unpin,
{
    type Output = Option<Response>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Response>> {
        let future = &mut self.0.0;
        match std::panic::catch_unwind(AssertUnwindSafe(|| Pin::new(future).poll(context))) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(Ok(response))) => Poll::Ready(Some(response)),
            Ok(Poll::Ready(Err(never))) => match never {},
            Err(_) => Poll::Ready(None),
        }
    }
}
