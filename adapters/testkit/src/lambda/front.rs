//! The HTTP side: both servers, and what becomes of a request between them.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::event::{self, Arrival};
use super::runtime_api::{self, Phase, Refusal, Runtime};
use super::{Front, response};

/// What a gateway takes as a request body, in bytes.
const REQUEST_LIMIT: usize = 10_485_760;

/// The Runtime API and the HTTP front, joined; it ends when dropped.
pub(super) struct Bridge {
    pub(super) runtime: Arc<Runtime>,
    pub(super) api: SocketAddr,
    pub(super) front: SocketAddr,
    /// Held for its drop, which aborts the accept loops.
    _servers: JoinSet<()>,
}

impl Bridge {
    pub(super) async fn start(kind: Front, answer_limit: Duration) -> io::Result<Self> {
        let runtime = Arc::new(Runtime::new(answer_limit));
        let mut servers = JoinSet::new();
        let api = serve(
            &mut servers,
            &runtime,
            runtime_api::router(Arc::clone(&runtime)),
        )
        .await?;
        let router = Router::new()
            .fallback(forward)
            .with_state((kind, Arc::clone(&runtime)));
        let front = serve(&mut servers, &runtime, router).await?;
        Ok(Self {
            runtime,
            api,
            front,
            _servers: servers,
        })
    }
}

impl Drop for Bridge {
    fn drop(&mut self) {
        // Connections are tasks of their own and outlive an aborted accept loop; this ends them.
        self.runtime.end(Phase::Stopped);
    }
}

async fn serve(
    servers: &mut JoinSet<()>,
    runtime: &Arc<Runtime>,
    router: Router,
) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    let runtime = Arc::clone(runtime);
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    servers.spawn(async move {
        let stopped = async move { runtime.stopped().await };
        let _ = axum::serve(listener, service)
            .with_graceful_shutdown(stopped)
            .await;
    });
    Ok(address)
}

async fn forward(
    State((kind, runtime)): State<(Front, Arc<Runtime>)>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, REQUEST_LIMIT).await else {
        return of_gateway(StatusCode::PAYLOAD_TOO_LARGE, "Request Too Long", None);
    };
    let arrival = Arrival::now(peer.ip().to_string());
    let event = match kind {
        Front::RestApi => event::rest_api(&parts, &body, &arrival),
        Front::HttpApi => event::http_api(&parts, &body, &arrival),
        Front::HttpApiV1 => event::http_api_v1(&parts, &body, &arrival),
        Front::FunctionUrl => event::function_url(&parts, &body, &arrival),
        Front::LoadBalancer { multi_value } => {
            event::load_balancer(&parts, &body, &arrival, multi_value)
        }
    };
    let internal = Some("InternalServerErrorException");
    let answer = match runtime.invoke(event.to_string().into_bytes()).await {
        Ok(answer) => answer,
        Err(Refusal::Failed) => {
            return of_gateway(StatusCode::BAD_GATEWAY, "Internal server error", internal);
        }
        Err(Refusal::TimedOut) => {
            let message = "Endpoint request timed out";
            return of_gateway(StatusCode::GATEWAY_TIMEOUT, message, internal);
        }
    };
    let response = serde_json::from_slice(&answer)
        .map_err(|error| format!("the answer is no JSON: {error}"))
        .and_then(|answer| match kind {
            Front::RestApi => response::from_rest_api(&answer),
            Front::HttpApi | Front::FunctionUrl => response::from_http_api(&answer),
            Front::HttpApiV1 => response::from_http_api_v1(&answer),
            Front::LoadBalancer { multi_value } => {
                response::from_load_balancer(&answer, multi_value)
            }
        });
    match response {
        Ok(mut response) => {
            if parts.method == Method::HEAD {
                *response.body_mut() = Body::empty();
            }
            response
        }
        Err(reason) => {
            runtime.note(format!(
                "malformed answer to {}: {reason}",
                arrival.request_id
            ));
            of_gateway(StatusCode::BAD_GATEWAY, "Internal server error", internal)
        }
    }
}

fn of_gateway(status: StatusCode, message: &str, error_type: Option<&'static str>) -> Response {
    let body = serde_json::json!({ "message": message }).to_string();
    let mut response = (status, [(CONTENT_TYPE, "application/json")], body).into_response();
    if let Some(error_type) = error_type {
        let value = axum::http::HeaderValue::from_static(error_type);
        response.headers_mut().insert("x-amzn-errortype", value);
    }
    response
}
