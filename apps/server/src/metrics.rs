//! `GET /metrics` for Prometheus, on a listener of its own, and nothing else.

use std::{convert::Infallible, net::SocketAddr, sync::Arc, time::Duration};

use hyper::{
    Method, Request, Response, StatusCode,
    body::Incoming,
    header::{ALLOW, CONTENT_TYPE, HeaderValue},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{net::TcpListener, sync::Semaphore};
use usher_http::Body;
use usher_wiring::Metrics;

use crate::{exit::Failure, listener};

/// Prometheus' text format.
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
/// A scrape is one connection, and few ask.
const MOST_CONNECTIONS: usize = 16;
/// So long a connection may stay without asking.
const PATIENCE: Duration = Duration::from_mins(1);

/// Listens, and answers as long as the process runs: what happens while it stops can be seen.
pub(crate) async fn serve(address: SocketAddr, metrics: Arc<Metrics>) -> Result<(), Failure> {
    let otherwise = "server.metrics_listen names another address, or none (\"\")";
    let listener = listener::bind(address, otherwise).await?;
    if let Ok(address) = listener.local_addr() {
        tracing::info!(%address, "metrics are at /metrics");
    }
    tokio::spawn(accept(listener, metrics));
    Ok(())
}

async fn accept(listener: TcpListener, metrics: Arc<Metrics>) {
    let places = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            return;
        };
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let metrics = Arc::clone(&metrics);
        let service = service_fn(move |request: Request<Incoming>| {
            let answer = answer(request.method(), request.uri().path(), &metrics);
            async move { Ok::<_, Infallible>(answer) }
        });
        tokio::spawn(async move {
            let mut server = http1::Builder::new();
            let server = server
                .timer(TokioTimer::new())
                .header_read_timeout(PATIENCE);
            // Whoever asks and goes away is its own business.
            let _ = server.serve_connection(TokioIo::new(stream), service).await;
            drop(place);
        });
    }
}

fn answer(method: &Method, path: &str, metrics: &Metrics) -> Response<Body> {
    let (status, body) = match (path, method) {
        ("/metrics", &Method::GET | &Method::HEAD) => (StatusCode::OK, metrics.render()),
        ("/metrics", _) => (StatusCode::METHOD_NOT_ALLOWED, String::new()),
        _ => (StatusCode::NOT_FOUND, String::new()),
    };
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    if status == StatusCode::OK {
        headers.insert(CONTENT_TYPE, TEXT);
    }
    if status == StatusCode::METHOD_NOT_ALLOWED {
        headers.insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
    }
    response
}
