use std::time::Duration;

use axum::{
    Extension,
    body::Body,
    extract::State,
    http::{HeaderValue, Method, header},
    response::Response,
};

use super::{failure, read_only};
use crate::{problem::ErrorCode, report::Report, request_id::RequestId, state::App};

pub(crate) const LIVE: &str = "/healthz";
pub(crate) const READY: &str = "/readyz";

/// The store is asked at most this often, however often we are.
const ASK_EVERY: Duration = Duration::from_secs(1);
/// And this often while it is not ready, so that all know soon when it is.
const ASK_AGAIN: Duration = Duration::from_millis(100);
/// A store that takes longer is not ready.
const DEADLINE: Duration = Duration::from_secs(1);

/// The process answers.
pub(crate) async fn live(method: Method, Extension(id): Extension<RequestId>) -> Response {
    read_only(LIVE, &method, id).unwrap_or_else(|| Report::of(LIVE).attach(ok()))
}

/// The process answers and its store does.
pub(crate) async fn ready(
    State(app): State<App>,
    method: Method,
    Extension(id): Extension<RequestId>,
) -> Response {
    if let Some(refused) = read_only(READY, &method, id) {
        return refused;
    }
    if store_answers(&app).await {
        return Report::of(READY).attach(ok());
    }
    let problem = failure::unavailable(ErrorCode::Unavailable);
    let report = Report {
        error: Some(problem.code()),
        ..Report::of(READY)
    };
    report.attach(problem.into_response(id))
}

async fn store_answers(app: &App) -> bool {
    // Whoever comes while the store is being asked waits for that answer.
    let mut readiness = app.0.readiness.lock().await;
    let now = app.0.clock.now();
    if let Some((asked, answer)) = *readiness
        && now >= asked
        && now.since(asked) < if answer { ASK_EVERY } else { ASK_AGAIN }
    {
        return answer;
    }
    let answer = match tokio::time::timeout(DEADLINE, app.0.profiles.ping()).await {
        Ok(Ok(())) => true,
        Ok(Err(error)) => {
            tracing::warn!(error = failure::chain(&error), "the store is not ready");
            false
        }
        Err(_) => false,
    };
    *readiness = Some((now, answer));
    answer
}

fn ok() -> Response {
    let mut response = Response::new(Body::from("{\"status\":\"ok\"}"));
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
