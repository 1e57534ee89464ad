use axum::{
    Extension,
    body::Body,
    extract::State,
    http::{HeaderValue, Method, header},
    response::Response,
};

use super::read_only;
use crate::{report::Report, request_id::RequestId, state::App};

pub(crate) const KEY_SET: &str = "/.well-known/jwks.json";

/// The development issuer's key set.
pub(crate) async fn key_set(
    State(app): State<App>,
    method: Method,
    Extension(id): Extension<RequestId>,
) -> Response {
    if let Some(refused) = read_only(KEY_SET, &method, id) {
        return refused;
    }
    let jwks = app.0.settings.development_jwks.clone().unwrap_or_default();
    let mut response = Response::new(Body::from(jwks));
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/jwk-set+json"),
    );
    Report::of(KEY_SET).attach(response)
}
