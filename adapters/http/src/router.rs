use axum::{
    Extension, Router,
    response::Response,
    routing::{MethodRouter, any},
};

use crate::{
    handlers::{development, docs, health, profile},
    problem::{ErrorCode, Problem},
    report::Report,
    request_id::RequestId,
    state::App,
};

/// The routes, without the layers.
pub fn router(app: App) -> Router {
    routes()
        .into_iter()
        .fold(Router::new(), |router, (path, handler)| {
            router.route(path, handler)
        })
        .merge(development_routes(&app))
        .fallback(not_found)
        .with_state(app)
}

fn routes() -> [(&'static str, MethodRouter<App>); 6] {
    [
        (profile::RESOURCE, any(profile::handle)),
        (health::LIVE, any(health::live)),
        (health::READY, any(health::ready)),
        (docs::DOCUMENT, any(docs::document)),
        (docs::PAGE, any(docs::page)),
        (docs::FILES, any(docs::file)),
    ]
}

fn development_routes(app: &App) -> Router<App> {
    if app.0.settings.development_jwks.is_some() {
        Router::new().route(development::KEY_SET, any(development::key_set))
    } else {
        Router::new()
    }
}

pub(crate) async fn not_found(Extension(id): Extension<RequestId>) -> Response {
    let report = Report {
        error: Some(ErrorCode::RouteNotFound),
        ..Report::default()
    };
    report.attach(Problem::new(ErrorCode::RouteNotFound).into_response(id))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;
    use usher_domain::service::ProfileRules;

    use super::*;
    use crate::openapi::{self, Facts};

    #[test]
    fn every_route_is_documented_and_every_documented_path_is_a_route() {
        let rules = ProfileRules::default();
        let document = openapi::document(Facts::new(&rules, false));
        let document: Value = serde_json::from_str(&document).unwrap();
        let documented: BTreeSet<_> = document["paths"].as_object().unwrap().keys().collect();
        let routes = routes().map(|(path, _)| path.to_owned());
        // The page's own files are the page's business.
        let routes: BTreeSet<_> = routes.iter().filter(|path| *path != docs::FILES).collect();
        assert_eq!(documented, routes);
    }
}
