//! The Runtime API of one sandbox: invocations queue, and one at a time is with the function.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use bytes::Bytes;
use tokio::sync::{mpsc, oneshot, watch};

use super::event::{unique_id, wall_clock_ms};

/// What a synchronous invocation may return, in bytes.
const ANSWER_LIMIT: usize = 6_291_556;

const FUNCTION_ARN: &str = "arn:aws:lambda:eu-west-1:123456789012:function:usher";

/// How far the function has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// It has not asked for an invocation yet.
    Starting,
    Ready,
    /// It reported that its initialisation failed.
    InitFailed,
    /// Its process has ended.
    Exited(String),
    /// The host was dropped or stopped.
    Stopped,
}

impl Phase {
    fn is_over(&self) -> bool {
        !matches!(self, Self::Starting | Self::Ready)
    }
}

/// Why an invocation has no answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    Failed,
    TimedOut,
}

struct Invocation {
    id: String,
    event: Vec<u8>,
    answer: oneshot::Sender<Result<Bytes, Refusal>>,
}

/// The state that the HTTP front, the Runtime API and the process supervisor share.
pub(super) struct Runtime {
    queue: mpsc::UnboundedSender<Invocation>,
    queued: tokio::sync::Mutex<mpsc::UnboundedReceiver<Invocation>>,
    in_flight: Mutex<Option<Invocation>>,
    phase: watch::Sender<Phase>,
    failures: Mutex<Vec<String>>,
    answer_limit: Duration,
}

impl Runtime {
    pub(super) fn new(answer_limit: Duration) -> Self {
        let (queue, queued) = mpsc::unbounded_channel();
        Self {
            queue,
            queued: tokio::sync::Mutex::new(queued),
            in_flight: Mutex::new(None),
            phase: watch::Sender::new(Phase::Starting),
            failures: Mutex::new(Vec::new()),
            answer_limit,
        }
    }

    /// Queues an event and waits for what the function answers to it.
    pub(super) async fn invoke(&self, event: Vec<u8>) -> Result<Bytes, Refusal> {
        let (answer, answered) = oneshot::channel();
        // This cannot fail: the receiver lives in `self`.
        let _ = self.queue.send(Invocation {
            id: unique_id(),
            event,
            answer,
        });
        tokio::select! {
            // An answer that was given counts, also when the process ended right after it.
            biased;
            answer = answered => answer.unwrap_or(Err(Refusal::Failed)),
            () = self.over() => Err(Refusal::Failed),
            () = tokio::time::sleep(self.answer_limit) => Err(Refusal::TimedOut),
        }
    }

    /// Waits until the function will answer nothing any more.
    pub(super) async fn over(&self) {
        let _ = self.phase.subscribe().wait_for(Phase::is_over).await;
    }

    /// Waits until the host is dropped or stopped.
    pub(super) async fn stopped(&self) {
        let _ = self
            .phase
            .subscribe()
            .wait_for(|phase| *phase == Phase::Stopped)
            .await;
    }

    /// Waits until the function has asked for its first invocation or never will.
    pub(super) async fn started(&self) -> Phase {
        let mut phase = self.phase.subscribe();
        let started = phase.wait_for(|phase| *phase != Phase::Starting).await;
        started.map_or(Phase::Stopped, |phase| phase.clone())
    }

    /// Ends the function's life; the first cause is kept, except that a host can always stop.
    pub(super) fn end(&self, cause: Phase) {
        self.phase.send_if_modified(|phase| {
            let news = !phase.is_over() || cause == Phase::Stopped;
            if news {
                *phase = cause;
            }
            news
        });
    }

    pub(super) fn note(&self, failure: String) {
        locked(&self.failures).push(failure);
    }

    pub(super) fn failures(&self) -> Vec<String> {
        locked(&self.failures).clone()
    }

    async fn next(&self) -> Option<Response> {
        self.phase.send_if_modified(|phase| {
            let first = *phase == Phase::Starting;
            if first {
                *phase = Phase::Ready;
            }
            first
        });
        // Whoever asks for more has given up what it had. Its caller learns that by the drop.
        let abandoned = locked(&self.in_flight).take();
        if let Some(invocation) = abandoned {
            self.note(format!(
                "invocation {} was left without an answer",
                invocation.id
            ));
        }
        let invocation = tokio::select! {
            biased;
            () = self.over() => None,
            invocation = async { self.queued.lock().await.recv().await } => invocation,
        }?;
        let response = Response::builder()
            .header(CONTENT_TYPE, "application/json")
            .header("lambda-runtime-aws-request-id", &invocation.id)
            .header("lambda-runtime-deadline-ms", deadline(self.answer_limit))
            .header("lambda-runtime-invoked-function-arn", FUNCTION_ARN)
            .header("lambda-runtime-trace-id", trace_id(&invocation.id))
            .body(Body::from(invocation.event.clone()));
        *locked(&self.in_flight) = Some(invocation);
        response.ok()
    }

    /// Gives the answer to the invocation of this id; `false` when it is not in flight.
    fn answer(&self, id: &str, answer: Result<Bytes, Refusal>) -> bool {
        let invocation = locked(&self.in_flight).take_if(|invocation| invocation.id == id);
        invocation.is_some_and(|invocation| {
            // A caller that has gone away, or was told 504, no longer wants it.
            let _ = invocation.answer.send(answer);
            true
        })
    }
}

/// The Runtime API of 2018-06-01, as far as a function without extensions uses it.
pub(super) fn router(runtime: Arc<Runtime>) -> Router {
    Router::new()
        .route("/2018-06-01/runtime/invocation/next", get(next))
        .route(
            "/2018-06-01/runtime/invocation/{id}/response",
            post(response),
        )
        .route("/2018-06-01/runtime/invocation/{id}/error", post(error))
        .route("/2018-06-01/runtime/init/error", post(init_error))
        .with_state(runtime)
}

async fn next(State(runtime): State<Arc<Runtime>>) -> Response {
    let next = runtime.next().await;
    next.unwrap_or_else(|| refused(StatusCode::INTERNAL_SERVER_ERROR, "SandboxIsOver"))
}

async fn response(
    State(runtime): State<Arc<Runtime>>,
    Path(id): Path<String>,
    body: Body,
) -> Response {
    let Ok(body) = to_bytes(body, ANSWER_LIMIT).await else {
        runtime.note(format!(
            "invocation {id} has an answer above {ANSWER_LIMIT} bytes"
        ));
        runtime.answer(&id, Err(Refusal::Failed));
        return refused(
            StatusCode::PAYLOAD_TOO_LARGE,
            "Function.ResponseSizeTooLarge",
        );
    };
    accepted_if(runtime.answer(&id, Ok(body)))
}

async fn error(
    State(runtime): State<Arc<Runtime>>,
    Path(id): Path<String>,
    body: Body,
) -> Response {
    runtime.note(format!("invocation {id} failed: {}", text(body).await));
    accepted_if(runtime.answer(&id, Err(Refusal::Failed)))
}

async fn init_error(State(runtime): State<Arc<Runtime>>, body: Body) -> Response {
    runtime.note(format!("initialisation failed: {}", text(body).await));
    runtime.end(Phase::InitFailed);
    accepted_if(true)
}

fn accepted_if(known: bool) -> Response {
    if known {
        let body = r#"{"status":"OK"}"#;
        (
            StatusCode::ACCEPTED,
            [(CONTENT_TYPE, "application/json")],
            body,
        )
            .into_response()
    } else {
        refused(StatusCode::BAD_REQUEST, "InvalidRequestID")
    }
}

fn refused(status: StatusCode, kind: &str) -> Response {
    let body = serde_json::json!({ "errorType": kind, "errorMessage": kind }).to_string();
    (status, [(CONTENT_TYPE, "application/json")], body).into_response()
}

async fn text(body: Body) -> String {
    let body = to_bytes(body, ANSWER_LIMIT).await.unwrap_or_default();
    String::from_utf8_lossy(&body).into_owned()
}

fn deadline(limit: Duration) -> u64 {
    wall_clock_ms().saturating_add(u64::try_from(limit.as_millis()).unwrap_or(u64::MAX))
}

/// `Root=1-<8 hex digits of seconds>-<24 hex digits>;Sampled=0`, the X-Ray header of a request.
fn trace_id(invocation_id: &str) -> String {
    let digits = invocation_id.replace('-', "");
    let unique = digits.get(8..).unwrap_or_default();
    format!("Root=1-{:08x}-{unique};Sampled=0", wall_clock_ms() / 1000)
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
