//! What callers see while the database, or the way to it, is not what it should be.

mod load;
mod network;
mod restarts;
mod start;

use std::time::Duration;

use reqwest::{Client, RequestBuilder, Response};
use serde_json::Value;
use tempfile::TempDir;
use tokio::time::Instant;
use usher_testkit::{
    process::{ProcessSpec, ServerProcess},
    proxy::Proxy,
};

use crate::support::{binaries, call::profile_path, deployment::client, issuer::TestIssuer};

/// `store.timeout` of these servers: the default.
const STORE: Duration = Duration::from_secs(2);
/// `server.request_timeout`: less than two calls to the store may take.
const REQUEST: Duration = Duration::from_millis(3200);
/// What a busy machine may add to it.
const SLACK: Duration = Duration::from_millis(800);

/// A server over a store that somebody else provides.
struct Bench {
    issuer: TestIssuer,
    client: Client,
    server: ServerProcess,
    _folder: TempDir,
}

impl Bench {
    async fn over(store_url: &str) -> Self {
        Self::with(store_url, &[]).await
    }

    /// The same, with more of a configuration.
    async fn with(store_url: &str, more: &[(&str, &str)]) -> Self {
        let (folder, issuer) = (tempfile::tempdir().expect("a folder"), TestIssuer::new());
        let mut spec = spec(store_url, &issuer, &folder);
        let more = more.iter();
        spec.env
            .extend(more.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let server = ServerProcess::start(spec).await;
        Self {
            issuer,
            client: client(),
            server: server.unwrap_or_else(|error| panic!("{error}")),
            _folder: folder,
        }
    }

    fn url(&self, id: &str) -> String {
        format!("{}{}", self.server.base_url(), profile_path(id))
    }

    fn get(&self, id: &str) -> RequestBuilder {
        let request = self.client.get(self.url(id));
        request.bearer_auth(self.issuer.token(id))
    }

    fn put(&self, id: &str, body: &str) -> RequestBuilder {
        let request = self.client.put(self.url(id)).body(body.to_owned());
        let request = request.header("content-type", "application/json");
        request.bearer_auth(self.issuer.token(id))
    }

    fn patch(&self, id: &str, body: &str) -> RequestBuilder {
        let request = self.client.patch(self.url(id)).body(body.to_owned());
        let request = request.header("content-type", "application/merge-patch+json");
        request.bearer_auth(self.issuer.token(id))
    }

    fn delete(&self, id: &str) -> RequestBuilder {
        let request = self.client.delete(self.url(id));
        request.bearer_auth(self.issuer.token(id))
    }

    async fn readiness(&self) -> u16 {
        let url = format!("{}/readyz", self.server.base_url());
        let answer = self.client.get(url).send().await.expect("an answer");
        answer.status().as_u16()
    }
}

fn spec(store_url: &str, issuer: &TestIssuer, folder: &TempDir) -> ProcessSpec {
    let env = [
        ("USHER_STORE__URL", store_url.to_owned()),
        ("USHER_STORE__TIMEOUT", format!("{}ms", STORE.as_millis())),
        (
            "USHER_SERVER__REQUEST_TIMEOUT",
            format!("{}ms", REQUEST.as_millis()),
        ),
        ("USHER_IDENTITY__ISSUERS", issuer.configuration()),
        ("USHER_USAGE__API_KEY_REQUIRED", "false".to_owned()),
        ("USHER_USAGE__STORE", "memory:".to_owned()),
    ];
    ProcessSpec {
        binary: binaries::server(),
        args: Vec::new(),
        env: env.map(|(name, value)| (name.to_owned(), value)).into(),
        dir: folder.path().to_owned(),
    }
}

/// A proxy before this store, and the URL of the store through it.
pub(crate) async fn proxied(url: &str) -> (Proxy, String) {
    match url.split_once("endpoint=") {
        Some((before, endpoint)) => {
            let (proxy, endpoint) = Proxy::of(endpoint).await;
            (proxy, format!("{before}endpoint={endpoint}"))
        }
        None => Proxy::of(url).await,
    }
}

/// An answer, and how long it took.
struct Timed {
    status: u16,
    retry_after: Option<String>,
    etag: Option<String>,
    body: String,
    took: Duration,
}

/// Sends a request, which is answered within its deadline whatever becomes of it.
async fn timed(request: RequestBuilder) -> Timed {
    let began = Instant::now();
    let answer: Response = request.send().await.expect("an answer");
    let header = |name: &str| {
        let value = answer.headers().get(name)?;
        Some(value.to_str().expect("text").to_owned())
    };
    let (retry_after, etag) = (header("retry-after"), header("etag"));
    let status = answer.status().as_u16();
    let body = answer.text().await.expect("a body");
    let took = began.elapsed();
    assert!(took < REQUEST + SLACK, "{status} after {took:?}: {body}");
    Timed {
        status,
        retry_after,
        etag,
        body,
        took,
    }
}

impl Timed {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    /// Demands the answer for a store that does not serve.
    #[track_caller]
    fn is_unavailable(&self) {
        assert_eq!(self.status, 503, "{}", self.body);
        assert_eq!(self.retry_after.as_deref(), Some("1"));
        assert_eq!(self.json()["code"], "unavailable");
    }

    #[track_caller]
    fn is_timeout(&self) {
        assert_eq!(self.status, 504, "{}", self.body);
        assert_eq!(self.json()["code"], "timeout");
    }
}
