//! From connections to requests.

use std::{net::SocketAddr, time::Duration};

use anyhow::Context as _;
use hyper::{Request, body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto::Builder, graceful::GracefulShutdown},
};
use tokio::{
    net::{TcpListener, TcpStream},
    signal::unix::{SignalKind, signal},
};
use usher_http::{ClientAddress, Stack};

use crate::exit::Failure;

/// A client has so long to send its header block.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// Header block and target together, in bytes.
const MAX_HEADER_BYTES: usize = 16 * 1024;

pub(crate) async fn bind(address: SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot listen on {address}; --listen names another address"))
        .map_err(Failure::Unavailable)
}

/// Serves until SIGTERM or SIGINT, then lets what is in flight end, for at most `patience`.
pub(crate) async fn serve(
    listener: TcpListener,
    stack: Stack,
    patience: Duration,
) -> Result<(), Failure> {
    let server = server();
    let connections = GracefulShutdown::new();
    let mut stop = std::pin::pin!(stopped()?);
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => (stream, peer),
                Err(error) => {
                    // Out of file descriptors, most likely: those that end give some back.
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            },
            () = &mut stop => break,
        };
        let (stream, peer) = stream;
        let _ = stream.set_nodelay(true);
        let connection = connection(&server, stream, peer, stack.clone());
        let watched = connections.watch(connection.into_owned());
        tokio::spawn(async move {
            // A client that goes away or talks nonsense is its own business.
            let _ = watched.await;
        });
    }
    drop(listener);
    tracing::info!("stopping: no new connections");
    if tokio::time::timeout(patience, connections.shutdown())
        .await
        .is_err()
    {
        tracing::warn!("some requests did not end within server.shutdown_timeout");
    }
    Ok(())
}

fn server() -> Builder<TokioExecutor> {
    let mut server = Builder::new(TokioExecutor::new());
    server
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(MAX_HEADER_BYTES);
    server
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(16 * 1024);
    server
}

fn connection(
    server: &Builder<TokioExecutor>,
    stream: TcpStream,
    peer: SocketAddr,
    stack: Stack,
) -> hyper_util::server::conn::auto::Connection<
    '_,
    TokioIo<TcpStream>,
    impl hyper::service::Service<
        Request<Incoming>,
        Response = hyper::Response<usher_http::Body>,
        Error = std::convert::Infallible,
        Future: Send,
    > + use<>,
    TokioExecutor,
> {
    let address = ClientAddress(peer.ip());
    let service = service_fn(move |request: Request<Incoming>| {
        let mut request = request.map(usher_http::Body::new);
        request.extensions_mut().insert(address);
        let stack = stack.clone();
        async move { Ok(stack.answer(request).await) }
    });
    server.serve_connection(TokioIo::new(stream), service)
}

/// Ends at SIGTERM or SIGINT.
fn stopped() -> Result<impl Future<Output = ()>, Failure> {
    let listen = |kind| signal(kind).map_err(|error| Failure::Bug(error.into()));
    let (mut terminate, mut interrupt) = (
        listen(SignalKind::terminate())?,
        listen(SignalKind::interrupt())?,
    );
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
