use axum::{
    body::Body,
    extract::State,
    http::{HeaderValue, header},
    response::Response,
};

use crate::{report::Report, state::App};

pub(crate) const KEY_SET: &str = "/.well-known/jwks.json";

/// The development issuer's key set.
pub(crate) async fn key_set(State(app): State<App>) -> Response {
    let jwks = app.0.settings.development_jwks.clone().unwrap_or_default();
    let mut response = Response::new(Body::from(jwks));
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/jwk-set+json"),
    );
    Report::of(KEY_SET).attach(response)
}
