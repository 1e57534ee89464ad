//! A key set's address on a loopback port, good and bad.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    extract::State,
    http::{HeaderValue, StatusCode, header},
    response::Response,
    routing::get,
};
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};

/// More than anybody reads of a key set, in bytes.
const OVERSIZED: usize = 10_000_000;

/// A test that waits so long for a request has failed.
const PATIENCE: Duration = Duration::from_secs(20);

/// What the server answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// 200 with this text.
    KeySet(String),
    /// 200 with this text and so many spaces that it has 10 MB. It would read well: its size is all
    /// that is wrong with it.
    Oversized(String),
    /// 302 to another path of this server, which answers this text.
    Redirect(String),
    /// This status, with this text.
    Status(u16, String),
    /// Nothing, until the answer is changed.
    Stall,
}

/// A server that counts who asks it. It ends when it is dropped.
#[derive(Debug)]
pub struct KeyServer {
    address: SocketAddr,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    answer: watch::Sender<Answer>,
    asked: watch::Sender<usize>,
    redirected: watch::Sender<usize>,
}

impl KeyServer {
    /// Starts a server on a port of its own.
    ///
    /// # Panics
    /// When the machine has no port left.
    pub async fn start(answer: Answer) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .expect("a port");
        let address = listener.local_addr().expect("an address");
        let shared = Arc::new(Shared {
            answer: watch::Sender::new(answer),
            asked: watch::Sender::new(0),
            redirected: watch::Sender::new(0),
        });
        let router = Router::new()
            .route("/keys", get(keys))
            .route("/elsewhere", get(elsewhere))
            .with_state(Arc::clone(&shared));
        let task = tokio::spawn(async move {
            axum::serve(listener, router).await.expect("a server");
        });
        Self {
            address,
            shared,
            task,
        }
    }

    /// Where the key set is.
    #[must_use]
    pub fn uri(&self) -> String {
        format!("http://{}/keys", self.address)
    }

    /// Changes the answer; requests that are stalled get it, too.
    pub fn answer(&self, answer: Answer) {
        self.shared.answer.send_replace(answer);
    }

    /// How many requests for the key set there were.
    #[must_use]
    pub fn requests(&self) -> usize {
        *self.shared.asked.borrow()
    }

    /// How many requests followed a redirect.
    #[must_use]
    pub fn redirected(&self) -> usize {
        *self.shared.redirected.borrow()
    }

    /// Waits until there were so many requests. Not for a paused clock, on which the deadline is
    /// over as soon as nobody has anything to do.
    ///
    /// # Panics
    /// When nobody asks for so long that nobody will.
    pub async fn asked(&self, times: usize) {
        let mut asked = self.shared.asked.subscribe();
        let enough = asked.wait_for(|asked| *asked >= times);
        let waited = tokio::time::timeout(PATIENCE, enough).await;
        assert!(waited.is_ok(), "there were never {times} requests");
    }
}

impl Drop for KeyServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn keys(State(shared): State<Arc<Shared>>) -> Response {
    shared.asked.send_modify(|asked| *asked += 1);
    let mut told = shared.answer.subscribe();
    let answer = told
        .wait_for(|answer| *answer != Answer::Stall)
        .await
        .map_or(Answer::Stall, |answer| answer.clone());
    match answer {
        Answer::KeySet(text) => text_of(StatusCode::OK, text),
        Answer::Oversized(mut text) => {
            text.extend(std::iter::repeat_n(' ', OVERSIZED - text.len()));
            text_of(StatusCode::OK, text)
        }
        Answer::Redirect(_) => {
            let mut response = text_of(StatusCode::FOUND, String::new());
            let elsewhere = HeaderValue::from_static("/elsewhere");
            response.headers_mut().insert(header::LOCATION, elsewhere);
            response
        }
        Answer::Status(status, text) => {
            text_of(StatusCode::from_u16(status).expect("a status"), text)
        }
        Answer::Stall => std::future::pending().await,
    }
}

async fn elsewhere(State(shared): State<Arc<Shared>>) -> Response {
    shared.redirected.send_modify(|redirected| *redirected += 1);
    let answer = shared.answer.borrow().clone();
    match answer {
        Answer::Redirect(text) => text_of(StatusCode::OK, text),
        _ => text_of(StatusCode::NOT_FOUND, String::new()),
    }
}

fn text_of(status: StatusCode, text: String) -> Response {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    response
}
