//! How large a request may be before anything of it is read.

use axum::{
    body::Body,
    http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode, Uri},
    response::Response,
};

use crate::{
    problem::{ErrorCode, Problem},
    report::Report,
    request_id::RequestId,
};

/// The longest target, path and query together, in bytes.
pub const MAX_TARGET_BYTES: usize = 8 * 1024;
/// All header fields together, in bytes.
pub const MAX_HEADER_BYTES: usize = 16 * 1024;

/// The answer to a request that is too large.
pub(crate) fn refusal(request: &Request<Body>, id: RequestId) -> Option<Response> {
    if header_bytes(request.headers()) > MAX_HEADER_BYTES {
        return Some(header_block_too_large());
    }
    (target_length(request.uri()) > MAX_TARGET_BYTES).then(|| target_too_long(id))
}

/// As HTTP/2 counts them, without its allowance for each (RFC 9113, 10.5.1).
fn header_bytes(headers: &HeaderMap) -> usize {
    let field = |(name, value): (&HeaderName, &HeaderValue)| name.as_str().len() + value.len();
    headers.iter().map(field).sum()
}

/// As hyper answers a head that does not fit its buffer: bare, for nothing of it was read.
fn header_block_too_large() -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
    response
}

fn target_length(uri: &Uri) -> usize {
    uri.path_and_query()
        .map_or(0, |target| target.as_str().len())
}

fn target_too_long(id: RequestId) -> Response {
    let problem = Problem::new(ErrorCode::TooLarge).detail(format!(
        "A request's target has at most {MAX_TARGET_BYTES} bytes."
    ));
    Report::failed(ErrorCode::TooLarge).attach(problem.into_response(id))
}
