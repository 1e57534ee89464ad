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
/// A scrape has so long, from its connection to the end of its answer; less than Prometheus gives it by default. Whoever
/// does not ask, or does not read, must not keep a place.
const PATIENCE: Duration = Duration::from_secs(8);

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
            let server = server.timer(TokioTimer::new()).keep_alive(false);
            let scrape = server.serve_connection(TokioIo::new(stream), service);
            // Whoever asks and goes away is its own business.
            let _ = tokio::time::timeout(PATIENCE, scrape).await;
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpStream,
    };
    use usher_wiring::{
        Role, Telemetry,
        config::{Config, Sources},
    };

    use super::*;

    /// Time stands still but for timers, so nobody waits in truth.
    #[tokio::test(start_paused = true)]
    async fn who_does_not_ask_or_does_not_read_keeps_nobody_out() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let toml = "[store]\nurl = \"memory:\"\n[usage]\napi_key_required = false\n\
                    [server]\nmetrics_listen = \"127.0.0.1:1\"\n\
                    [[identity.issuers]]\nkind = \"oidc\"\nissuer = \"https://i\"\naudiences = [\"a\"]\n";
        let (config, _) =
            Config::read(Sources::default().toml("test", toml), false).expect("a configuration");
        let metrics = Telemetry::start(&config, &Role::Server)
            .expect("it starts")
            .metrics();
        let server = tokio::spawn(accept(listener, Arc::clone(&metrics)));
        let mut idle = Vec::new();
        for number in 0..2 * MOST_CONNECTIONS {
            let mut client = TcpStream::connect(address).await.expect("a connection");
            if number % 2 == 0 {
                let asked = "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n".repeat(1000);
                client.write_all(asked.as_bytes()).await.expect("sent");
            }
            idle.push(client);
        }
        let mut client = TcpStream::connect(address).await.expect("a connection");
        client
            .write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
            .await
            .expect("sent");
        let mut said = String::new();
        client.read_to_string(&mut said).await.expect("an answer");
        assert!(
            said.starts_with("HTTP/1.1 200 OK\r\n") && said.contains("usher_build_info"),
            "{said}"
        );
        server.abort();
    }
}
