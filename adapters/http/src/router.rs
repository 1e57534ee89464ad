use axum::{Extension, Router, extract::State, response::Response, routing::any};

use crate::{
    handlers::{development, health, profile},
    problem::{ErrorCode, Problem},
    report::Report,
    request_id::RequestId,
    state::App,
};

/// The routes, without the layers.
pub fn router(app: App) -> Router {
    Router::new()
        .route(profile::RESOURCE, any(profile::handle))
        .route(health::LIVE, any(health::live))
        .route(health::READY, any(health::ready))
        .merge(development_routes(&app))
        .fallback(not_found)
        .with_state(app)
}

fn development_routes(app: &App) -> Router<App> {
    if app.0.settings.development_jwks.is_some() {
        Router::new().route(development::KEY_SET, any(development::key_set))
    } else {
        Router::new()
    }
}

async fn not_found(State(_): State<App>, Extension(id): Extension<RequestId>) -> Response {
    let report = Report {
        error: Some(ErrorCode::RouteNotFound),
        ..Report::default()
    };
    report.attach(Problem::new(ErrorCode::RouteNotFound).into_response(id))
}
