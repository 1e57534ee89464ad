//! From connections to requests.

use std::{
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use anyhow::Context as _;
use hyper::{Request, body::Incoming, rt::Executor, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::{conn::auto::Builder, graceful::GracefulShutdown},
};
use tokio::{
    net::{TcpListener, TcpStream},
    signal::unix::{SignalKind, signal},
};
use tokio_io_timeout::TimeoutStream;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use usher_http::{ClientAddress, MAX_HEADER_BYTES, MAX_TARGET_BYTES, Stack};

use crate::exit::Failure;

/// A client has so long to send its first header block, and between one request and the next.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// A client has so long to take something of an answer, once what lies between is full.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);
/// The header block and the request's line, both of which are judged by the stack.
const MAX_HEAD_BYTES: usize = MAX_HEADER_BYTES + MAX_TARGET_BYTES + 512;
/// What is cut off at the end has so long to notice, and to leave its line in the log.
const CUTTING: Duration = Duration::from_secs(1);
/// So many files may be open, connections above all. Shells and service managers commonly give 1024
/// and allow far more; as many slow clients would keep out everybody else. No more than this, because
/// a connection that sends slowly has some 20 KB of memory.
const MAX_OPEN_FILES: u64 = 65_536;

/// Listens; `otherwise` says what to do where that cannot be.
pub(crate) async fn bind(address: SocketAddr, otherwise: &str) -> Result<TcpListener, Failure> {
    TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot listen on {address}; {otherwise}"))
        .map_err(Failure::Unavailable)
}

/// Lets this process have as many connections as the system allows, within reason.
pub(crate) fn raise_open_files() {
    if let Err(error) = rlimit::increase_nofile_limit(MAX_OPEN_FILES) {
        tracing::warn!(%error, "the limit of open files stays as it is");
    }
}

/// Serves until `stop` is over, then lets what is in flight end, for at most `patience`.
pub(crate) async fn serve(
    listener: TcpListener,
    stack: Stack,
    patience: Duration,
    stop: impl Future<Output = ()>,
) {
    let tasks = TaskTracker::new();
    let cut_off = CancellationToken::new();
    let server = server(Tracked(tasks.clone(), cut_off.clone()));
    let connections = GracefulShutdown::new();
    let mut stop = std::pin::pin!(stop);
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
        let asked = Arc::new(AtomicBool::new(false));
        let connection = connection(&server, stream, peer, stack.clone(), Arc::clone(&asked));
        let watched = connections.watch(connection.into_owned());
        let serving = async move {
            let mut watched = std::pin::pin!(watched);
            // Until a connection has chosen its protocol, no deadline of hyper's counts: one that
            // stays silent, or stops within HTTP/2's preface, would stay for ever.
            let first = tokio::time::timeout(HEADER_TIMEOUT, &mut watched).await;
            if first.is_err() && asked.load(Ordering::Relaxed) {
                // A client that goes away or talks nonsense is its own business.
                let _ = watched.await;
            }
        };
        Tracked(tasks.clone(), cut_off.clone()).execute(serving);
    }
    drop(listener);
    tracing::info!("stopping: no new connections");
    if tokio::time::timeout(patience, connections.shutdown())
        .await
        .is_err()
    {
        tracing::warn!("some requests did not end within server.shutdown_timeout");
    }
    // They may have been charged, and have written something: each leaves its line when it is dropped, which has to be
    // before the last lines are written out.
    cut_off.cancel();
    tasks.close();
    let _ = tokio::time::timeout(CUTTING, tasks.wait()).await;
}

/// Runs what a connection needs until it is cut off.
#[derive(Clone)]
struct Tracked(TaskTracker, CancellationToken);

impl<F: Future<Output: Send> + Send + 'static> Executor<F> for Tracked {
    fn execute(&self, task: F) {
        let cut_off = self.1.clone();
        self.0.spawn(async move {
            tokio::select! {
                _ = task => {}
                () = cut_off.cancelled() => {}
            }
        });
    }
}

fn server(executor: Tracked) -> Builder<Tracked> {
    let mut server = Builder::new(executor);
    server
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(MAX_HEAD_BYTES);
    server
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(HEADER_TIMEOUT)
        .keep_alive_timeout(HEADER_TIMEOUT)
        .max_header_list_size(24 * 1024);
    server
}

/// A connection that gives up a client who takes nothing.
type Stream = TokioIo<Pin<Box<TimeoutStream<TcpStream>>>>;

fn connection(
    server: &Builder<Tracked>,
    stream: TcpStream,
    peer: SocketAddr,
    stack: Stack,
    asked: Arc<AtomicBool>,
) -> hyper_util::server::conn::auto::Connection<
    '_,
    Stream,
    impl hyper::service::Service<
        Request<Incoming>,
        Response = hyper::Response<usher_http::Body>,
        Error = std::convert::Infallible,
        Future: Send,
    > + use<>,
    Tracked,
> {
    let address = ClientAddress(peer.ip());
    let service = service_fn(move |request: Request<Incoming>| {
        asked.store(true, Ordering::Relaxed);
        let mut request = request.map(usher_http::Body::new);
        request.extensions_mut().insert(address);
        let stack = stack.clone();
        async move { Ok(stack.answer(request).await) }
    });
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(WRITE_TIMEOUT));
    server.serve_connection(TokioIo::new(Box::pin(stream)), service)
}

/// Ends at SIGTERM or SIGINT.
pub(crate) fn stopped() -> Result<impl Future<Output = ()>, Failure> {
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

#[cfg(test)]
mod tests {
    use std::future::pending;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use usher_auth_jwt::DevelopmentKey;
    use usher_wiring::{
        Deployment, Listeners, Role,
        config::{Config, Sources},
    };

    use super::*;

    async fn stack() -> Stack {
        let jwks = DevelopmentKey::generate().expect("a key").jwks();
        let toml = format!(
            "[store]\nurl = \"memory:\"\n[usage]\napi_key_required = false\n\
             [[identity.issuers]]\nkind = \"oidc\"\nissuer = \"i\"\naudiences = [\"a\"]\n\
             jwks = '{jwks}'\n"
        );
        let sources = Sources::default().toml("test", &toml);
        let (config, _) = Config::read(sources, false).expect("a configuration");
        let deployment = Deployment::open(config, &Role::Server, Listeners::none()).await;
        deployment.expect("a deployment").stack
    }

    /// What the server says before it closes the connection of a client that sends `sent` and then
    /// waits. Time stands still but for timers, so nobody waits in truth.
    async fn answer_to(sent: &str) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let server = tokio::spawn(serve(listener, stack().await, Duration::ZERO, pending()));
        let mut client = TcpStream::connect(address).await.expect("a connection");
        client.write_all(sent.as_bytes()).await.expect("sent");
        let mut said = Vec::new();
        client.read_to_end(&mut said).await.expect("the end");
        server.abort();
        String::from_utf8_lossy(&said).into_owned()
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_asks_nothing_is_closed() {
        for sent in [
            "",
            "PRI * HTTP/2.0\r\n",
            "GET /healthz HTTP/1.1\r\nHost: x\r\n",
        ] {
            let said = answer_to(sent).await;
            assert!(!said.contains("200 OK"), "{sent:?}: {said}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_asks_nothing_more_is_closed_after_its_answer() {
        let said = answer_to("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").await;
        assert!(said.starts_with("HTTP/1.1 200 OK\r\n"), "{said}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_header_block_over_16_kib_is_refused_and_the_target_does_not_count() {
        let target = format!("/healthz?{}", "q".repeat(8 * 1024 - 9));
        for (bytes, status) in [(15 * 1024, "200"), (17 * 1024, "431"), (40 * 1024, "431")] {
            let field = "a".repeat(bytes);
            let sent = format!("GET {target} HTTP/1.1\r\nHost: x\r\nA: {field}\r\n\r\n");
            let said = answer_to(&sent).await;
            assert!(
                said.starts_with(&format!("HTTP/1.1 {status} ")),
                "{bytes}: {said}"
            );
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_does_not_take_its_answers_is_left() {
        const REQUESTS: usize = 40;
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let server = tokio::spawn(serve(listener, stack().await, Duration::ZERO, pending()));
        let mut client = TcpStream::connect(address).await.expect("a connection");
        let request = "GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nHost: x\r\n\r\n";
        let requests = request.repeat(REQUESTS);
        client.write_all(requests.as_bytes()).await.expect("sent");
        tokio::time::sleep(WRITE_TIMEOUT * 3).await;
        let mut taken = Vec::new();
        // What lay between is still there; then the connection ends, and not all of it came.
        let _ = client.read_to_end(&mut taken).await;
        let answer = taken.len().min(2_000_000);
        assert!(
            answer > 0 && taken.len() < REQUESTS * 1_000_000,
            "{}",
            taken.len()
        );
        server.abort();
    }
}
