//! An issuer's addresses on a loopback port, good and bad: its key set's and its metadata's.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use axum::{
    BoxError, Router,
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::Response,
    routing::get,
    serve::Listener,
};
use http_body_util::{BodyExt as _, Full};
use serde_json::json;
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};

use crate::authority::{Certified, TlsListener};

/// More than anybody reads of an answer, in bytes.
const OVERSIZED: usize = 10_000_000;

/// A test that waits so long for a request has failed.
const PATIENCE: Duration = Duration::from_secs(20);

/// What the server answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// 200 with this text, which may be metadata as well.
    KeySet(String),
    /// 200 with this text and so many spaces that it has 10 MB. It would read well: its size is all
    /// that is wrong with it.
    Oversized(String),
    /// 302 to another path of this server, which answers this text.
    Redirect(String),
    /// This status, with this text.
    Status(u16, String),
    /// 200 with this text, all but its end: then the connection breaks.
    Cut(String),
    /// 200 with this text, all but its end: then nothing more.
    Drained(String),
    /// Nothing, until the answer is changed.
    Stall,
}

/// A server that counts who asks it. It ends when it is dropped.
#[derive(Debug)]
pub struct KeyServer {
    /// Scheme, host and port.
    origin: String,
    keys: Arc<Place>,
    metadata: Arc<Place>,
    task: JoinHandle<()>,
}

/// A path, what it answers and how often it was asked.
#[derive(Debug)]
struct Place {
    answer: watch::Sender<Answer>,
    asked: watch::Sender<usize>,
    redirected: watch::Sender<usize>,
    /// Where its redirects lead.
    elsewhere: &'static str,
}

impl KeyServer {
    /// Starts a server on a port of its own. Its metadata are those of [`Self::issuer`].
    ///
    /// # Panics
    /// When the machine has no port left.
    pub async fn start(answer: Answer) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        Self::on(listener.expect("a port"), "http", answer)
    }

    /// The same over TLS, at 127.0.0.1, whatever host the certificate is for.
    ///
    /// # Panics
    /// When the machine has no port left.
    pub async fn start_tls(answer: Answer, certified: Certified) -> Self {
        let listener = TlsListener::bind(certified).await;
        Self::on(listener.expect("a port"), "https", answer)
    }

    fn on<L: Listener<Addr = SocketAddr>>(listener: L, scheme: &str, answer: Answer) -> Self {
        let address = listener.local_addr().expect("an address");
        let origin = format!("{scheme}://{address}");
        let keys = Arc::new(Place::new(answer, "/elsewhere/keys"));
        let metadata = Place::new(Answer::Stall, "/elsewhere/metadata");
        let metadata = Arc::new(metadata);
        let at = |place: &Arc<Place>| get(answered).with_state(Arc::clone(place));
        let elsewhere = |place: &Arc<Place>| get(redirected).with_state(Arc::clone(place));
        let router = Router::new()
            .route("/keys", at(&keys))
            // Where Amazon Cognito has them.
            .route("/.well-known/jwks.json", at(&keys))
            .route("/.well-known/openid-configuration", at(&metadata))
            // An issuer that is one of several on its host.
            .route("/{tenant}/.well-known/openid-configuration", at(&metadata))
            .route(keys.elsewhere, elsewhere(&keys))
            .route(metadata.elsewhere, elsewhere(&metadata));
        let task = tokio::spawn(async move {
            axum::serve(listener, router).await.expect("a server");
        });
        let server = Self {
            origin,
            keys,
            metadata,
            task,
        };
        server.answer_metadata(Answer::KeySet(server.metadata(&server.issuer())));
        server
    }

    /// Where the key set is.
    #[must_use]
    pub fn uri(&self) -> String {
        format!("{}/keys", self.origin)
    }

    /// The issuer whose metadata are here: no trailing slash.
    #[must_use]
    pub fn issuer(&self) -> String {
        self.origin.clone()
    }

    /// An issuer's metadata, by which its keys are here.
    #[must_use]
    pub fn metadata(&self, issuer: &str) -> String {
        json!({
            "issuer": issuer,
            "authorization_endpoint": format!("{issuer}/authorize"),
            "jwks_uri": self.uri(),
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
        })
        .to_string()
    }

    /// Changes the answer; requests that are stalled get it, too.
    pub fn answer(&self, answer: Answer) {
        self.keys.answer.send_replace(answer);
    }

    /// Changes what the metadata's address answers; requests that are stalled get it, too.
    pub fn answer_metadata(&self, answer: Answer) {
        self.metadata.answer.send_replace(answer);
    }

    /// How many requests for the key set there were.
    #[must_use]
    pub fn requests(&self) -> usize {
        *self.keys.asked.borrow()
    }

    /// How many requests for the metadata there were.
    #[must_use]
    pub fn metadata_requests(&self) -> usize {
        *self.metadata.asked.borrow()
    }

    /// How many requests followed a redirect.
    #[must_use]
    pub fn redirected(&self) -> usize {
        *self.keys.redirected.borrow() + *self.metadata.redirected.borrow()
    }

    /// Waits until there were so many requests for the key set. Not for a paused clock, on which
    /// the deadline is over as soon as nobody has anything to do.
    ///
    /// # Panics
    /// When nobody asks for so long that nobody will.
    pub async fn asked(&self, times: usize) {
        self.keys.asked(times).await;
    }

    /// Waits until there were so many requests for the metadata, as [`Self::asked`] does.
    ///
    /// # Panics
    /// When nobody asks for so long that nobody will.
    pub async fn asked_for_metadata(&self, times: usize) {
        self.metadata.asked(times).await;
    }
}

impl Drop for KeyServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Place {
    fn new(answer: Answer, elsewhere: &'static str) -> Self {
        Self {
            answer: watch::Sender::new(answer),
            asked: watch::Sender::new(0),
            redirected: watch::Sender::new(0),
            elsewhere,
        }
    }

    async fn asked(&self, times: usize) {
        let mut asked = self.asked.subscribe();
        let enough = asked.wait_for(|asked| *asked >= times);
        let waited = tokio::time::timeout(PATIENCE, enough).await;
        assert!(waited.is_ok(), "there were never {times} requests");
    }
}

async fn answered(State(place): State<Arc<Place>>) -> Response {
    place.asked.send_modify(|asked| *asked += 1);
    let mut told = place.answer.subscribe();
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
            let elsewhere = HeaderValue::from_static(place.elsewhere);
            response.headers_mut().insert(header::LOCATION, elsewhere);
            response
        }
        Answer::Status(status, text) => {
            text_of(StatusCode::from_u16(status).expect("a status"), text)
        }
        Answer::Cut(text) => {
            let broken: BoxError = "the connection breaks".into();
            unfinished(text, std::future::ready(Some(Err(broken)))).await
        }
        Answer::Drained(text) => unfinished(text, std::future::pending()).await,
        Answer::Stall => std::future::pending().await,
    }
}

async fn redirected(State(place): State<Arc<Place>>) -> Response {
    place.redirected.send_modify(|redirected| *redirected += 1);
    let answer = place.answer.borrow().clone();
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

/// All but the last byte, and what `end` makes of the rest: it is waited for as trailers are.
async fn unfinished<F>(mut text: String, end: F) -> Response
where
    F: Future<Output = Option<Result<HeaderMap, BoxError>>> + Send + 'static,
{
    text.pop();
    // What was collected does not know its length. A text does, and so would the client.
    let Ok(sent) = Full::new(Bytes::from(text)).collect().await;
    let sent = sent.map_err(BoxError::from).with_trailers(end);
    Response::new(Body::new(sent))
}
