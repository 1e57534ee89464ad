use std::time::Duration;

use reqwest::{Client, StatusCode, Url, redirect::Policy};
use serde::Deserialize;
use usher_domain::time::Timestamp;

use crate::{
    Algorithm,
    issuer::IssuerError,
    key_set::{KeySet, MAX_BYTES},
};

const CONNECT_TIMEOUT: Duration = Duration::from_millis(1_500);
/// For everything that one fetch takes, discovery included.
const TIMEOUT: Duration = Duration::from_secs(3);
/// For asking again what is known, so that there is time left for the address that was known before.
const DISCOVERY_TIMEOUT: Duration = Duration::from_millis(1_500);
/// An address that was discovered longer ago is asked for again.
const DISCOVERED_FOR: Duration = Duration::from_hours(1);

/// How an issuer's key set is fetched.
#[derive(Debug, Clone)]
pub(crate) struct Fetch {
    client: Client,
    from: From,
    algorithms: Vec<Algorithm>,
    /// Whether there may be nothing at all.
    optional: bool,
}

/// Why there is no key set.
#[derive(Debug, Clone)]
pub(crate) enum FetchError {
    /// There is none, as there may be.
    Absent,
    /// What was wrong, without addresses.
    Failed(String),
}

#[derive(Debug, Clone)]
enum From {
    Keys(Url),
    Discovery { issuer: String, metadata: Url },
}

/// Where keys were found the last time.
#[derive(Debug)]
pub(crate) struct Discovered {
    keys: Url,
    /// When that was learned; `None` when it has turned out to be wrong.
    at: Option<Timestamp>,
}

/// What is read of an issuer's metadata (`OpenID` Connect Discovery 1.0, section 3).
#[derive(Deserialize)]
struct Metadata {
    issuer: String,
    jwks_uri: String,
}

impl Fetch {
    /// From this address.
    pub(crate) fn from(uri: &str, algorithms: Vec<Algorithm>) -> Result<Self, IssuerError> {
        let uri = uri.parse().ok().filter(may_be_asked);
        let uri = uri.ok_or(IssuerError::InsecureUri)?;
        Ok(Self {
            client: client(&uri)?,
            from: From::Keys(uri),
            algorithms,
            optional: false,
        })
    }

    /// From where the issuer's metadata say.
    pub(crate) fn discovering(
        issuer: &str,
        algorithms: Vec<Algorithm>,
    ) -> Result<Self, IssuerError> {
        let plain = !issuer.contains(['?', '#']);
        let base = issuer.strip_suffix('/').unwrap_or(issuer);
        let metadata = format!("{base}/.well-known/openid-configuration").parse();
        let metadata = metadata.ok().filter(|uri| plain && may_be_asked(uri));
        let metadata = metadata.ok_or(IssuerError::NotDiscoverable)?;
        Ok(Self {
            client: client(&metadata)?,
            from: From::Discovery {
                issuer: issuer.to_owned(),
                metadata,
            },
            algorithms,
            optional: false,
        })
    }

    /// For an issuer that may not exist: who answers that there is no such thing is believed.
    pub(crate) fn optional(self) -> Self {
        Self {
            optional: true,
            ..self
        }
    }

    /// What is asked first, for logs.
    pub(crate) fn address(&self) -> &Url {
        match &self.from {
            From::Keys(uri) => uri,
            From::Discovery { metadata, .. } => metadata,
        }
    }

    /// Fetches the set.
    ///
    /// # Errors
    /// See [`FetchError`].
    pub(crate) async fn run(
        &self,
        discovered: &mut Option<Discovered>,
        now: Timestamp,
    ) -> Result<KeySet, FetchError> {
        let all = async {
            let uri = match &self.from {
                From::Keys(uri) => uri.clone(),
                From::Discovery { issuer, metadata } => {
                    self.discover(issuer, metadata, discovered, now).await?
                }
            };
            let body = self.get(&uri).await?;
            KeySet::parse(&body, &self.algorithms).map_err(|error| failed(error.to_string()))
        };
        let fetched = tokio::time::timeout(TIMEOUT, all)
            .await
            .unwrap_or_else(|_| {
                Err(failed(format!(
                    "it took longer than {} s",
                    TIMEOUT.as_secs()
                )))
            });
        if fetched.is_err()
            && let Some(discovered) = discovered
        {
            // The keys may have moved, so the next fetch asks again; until it is told where to, the
            // old place is the best there is.
            discovered.at = None;
        }
        fetched
    }

    async fn discover(
        &self,
        issuer: &str,
        metadata: &Url,
        discovered: &mut Option<Discovered>,
        now: Timestamp,
    ) -> Result<Url, FetchError> {
        if let Some(known) = discovered
            && known.at.is_some_and(|at| now.since(at) < DISCOVERED_FOR)
        {
            return Ok(known.keys.clone());
        }
        let asked = self.metadata(issuer, metadata);
        let answer = match &discovered {
            None => asked.await,
            Some(_) => tokio::time::timeout(DISCOVERY_TIMEOUT, asked)
                .await
                .unwrap_or_else(|_| Err(failed("it took too long"))),
        };
        match (answer, &discovered) {
            (Ok(keys), _) => {
                *discovered = Some(Discovered {
                    keys: keys.clone(),
                    at: Some(now),
                });
                Ok(keys)
            }
            (Err(_), Some(known)) => Ok(known.keys.clone()),
            (Err(FetchError::Failed(why)), None) => Err(failed(format!("discovery: {why}"))),
            (Err(FetchError::Absent), None) => Err(FetchError::Absent),
        }
    }

    async fn metadata(&self, issuer: &str, uri: &Url) -> Result<Url, FetchError> {
        let body = self.get(uri).await?;
        let metadata: Metadata =
            serde_json::from_slice(&body).map_err(|_| failed("it is not an issuer's metadata"))?;
        // Otherwise one tenant of a shared host could hand out keys for another (section 4.3).
        if metadata.issuer != issuer {
            return Err(failed("it is another issuer's metadata"));
        }
        let keys: Option<Url> = metadata.jwks_uri.parse().ok();
        // An issuer on the network must not send us to this machine's own ports.
        keys.filter(|keys| keys.scheme() == "https" || (may_be_asked(keys) && may_be_clear(uri)))
            .ok_or_else(|| failed("its jwks_uri is not an https address"))
    }

    async fn get(&self, uri: &Url) -> Result<Vec<u8>, FetchError> {
        let request = self.client.get(uri.clone());
        let mut response = request.send().await.map_err(|error| unanswered(&error))?;
        match response.status() {
            StatusCode::OK => {}
            StatusCode::FORBIDDEN | StatusCode::NOT_FOUND if self.optional => {
                return Err(FetchError::Absent);
            }
            other => return Err(failed(format!("it answered {other}"))),
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| unanswered(&error))? {
            body.extend_from_slice(&chunk);
            if body.len() > MAX_BYTES {
                return Err(failed(format!("it is larger than {MAX_BYTES} bytes")));
            }
        }
        Ok(body)
    }
}

fn failed(why: impl Into<String>) -> FetchError {
    FetchError::Failed(why.into())
}

/// What the library says, and what that came of: without it a certificate that nobody trusts looks
/// like a name that nobody knows. The address, which is all that the error itself adds, is known.
fn unanswered(error: &reqwest::Error) -> FetchError {
    let mut why = "it cannot be reached".to_owned();
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        why.push_str(": ");
        why.push_str(&error.to_string());
        source = error.source();
    }
    failed(why)
}

fn client(first: &Url) -> Result<Client, IssuerError> {
    let mut client = Client::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(TIMEOUT)
        .redirect(Policy::none())
        // A connection that is kept for an hour, or through a frozen Lambda, is dead when it is
        // needed, and finding that out would cost the fetch.
        .pool_max_idle_per_host(0)
        .user_agent(concat!("usher/", env!("CARGO_PKG_VERSION")));
    if may_be_clear(first) {
        // What is allowed in clear because it does not leave the machine must not be sent to a
        // proxy that the environment names.
        client = client.no_proxy();
    } else {
        client = client.https_only(true);
    }
    client.build().map_err(IssuerError::Client)
}

fn may_be_asked(uri: &Url) -> bool {
    uri.scheme() == "https" || may_be_clear(uri)
}

fn may_be_clear(uri: &Url) -> bool {
    uri.scheme() == "http" && is_loopback(uri)
}

fn is_loopback(uri: &Url) -> bool {
    let host = uri.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || address
            .parse()
            .is_ok_and(|address: std::net::IpAddr| address.is_loopback())
}
