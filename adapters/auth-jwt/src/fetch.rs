use std::{error::Error as _, sync::OnceLock, time::Duration};

use reqwest::{Client, StatusCode, Url, redirect::Policy};
use serde::Deserialize;
use usher_domain::time::Timestamp;

use crate::{
    Algorithm,
    issuer::IssuerError,
    key_set::{KeySet, MAX_BYTES},
};

const CONNECT_TIMEOUT: Duration = Duration::from_millis(1_500);
/// So long may the fetch of a key set take, discovery included.
pub const TIMEOUT: Duration = Duration::from_secs(3);
/// For asking again what is known, so that there is time left for the address that was known before.
const DISCOVERY_TIMEOUT: Duration = Duration::from_millis(1_500);
/// An address that was discovered longer ago is asked for again.
const DISCOVERED_FOR: Duration = Duration::from_hours(1);

/// How an issuer's key set is fetched.
#[derive(Debug)]
pub(crate) struct Fetch {
    place: Place,
    algorithms: Vec<Algorithm>,
    /// Whether there may be nothing at all.
    optional: bool,
    clients: Clients,
}

/// One for the network, one for this machine. Each is made when it is needed: reading the machine's
/// certificates takes longer than all else that a start does.
#[derive(Debug, Default)]
struct Clients {
    secure: OnceLock<Client>,
    clear: OnceLock<Client>,
}

#[derive(Debug)]
enum Place {
    Keys(Url),
    Discovery { issuer: String, metadata: Url },
}

/// Why there is no key set.
#[derive(Debug, Clone)]
pub(crate) enum FetchError {
    /// There is none, as there may be.
    Absent,
    /// Nothing came, or nothing that could be read. Without addresses.
    Failed(String),
    /// What came says that it is not what we look for.
    Wrong(&'static str),
}

impl FetchError {
    /// What went wrong, if anything did.
    pub(crate) fn why(&self) -> Option<&str> {
        match self {
            Self::Absent => None,
            Self::Failed(why) => Some(why),
            Self::Wrong(why) => Some(why),
        }
    }
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

/// Has the next fetch ask the issuer where its keys are: they may have moved. Until it is told where
/// to, the old place is the best there is.
pub(crate) const fn doubt(discovered: &mut Option<Discovered>) {
    if let Some(discovered) = discovered {
        discovered.at = None;
    }
}

impl Fetch {
    /// From this address.
    pub(crate) fn from(uri: &str, algorithms: Vec<Algorithm>) -> Result<Self, IssuerError> {
        let uri = uri.parse().ok().filter(may_be_asked);
        Ok(Self::at(
            Place::Keys(uri.ok_or(IssuerError::InsecureUri)?),
            algorithms,
        ))
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
        let place = Place::Discovery {
            issuer: issuer.to_owned(),
            metadata: metadata.ok_or(IssuerError::NotDiscoverable)?,
        };
        Ok(Self::at(place, algorithms))
    }

    fn at(place: Place, algorithms: Vec<Algorithm>) -> Self {
        Self {
            place,
            algorithms,
            optional: false,
            clients: Clients::default(),
        }
    }

    /// For an issuer that may not exist: who answers that there is no such thing is believed.
    pub(crate) fn optional(self) -> Self {
        Self {
            optional: true,
            ..self
        }
    }

    pub(crate) const fn is_optional(&self) -> bool {
        self.optional
    }

    /// What is asked first, fit for logs: a query may have a secret in it.
    pub(crate) fn address(&self) -> Url {
        let mut address = self.first().clone();
        address.set_query(None);
        address
    }

    const fn first(&self) -> &Url {
        match &self.place {
            Place::Keys(uri) => uri,
            Place::Discovery { metadata, .. } => metadata,
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
            let uri = match &self.place {
                Place::Keys(uri) => uri.clone(),
                Place::Discovery { issuer, metadata } => {
                    self.discover(issuer, metadata, discovered, now).await?
                }
            };
            let body = self.get(&uri).await?;
            KeySet::parse(&body, &self.algorithms).map_err(|error| failed(error.to_string()))
        };
        let fetched = tokio::time::timeout(TIMEOUT, all)
            .await
            .unwrap_or_else(|_| Err(failed(format!("it took longer than {TIMEOUT:?}"))));
        if fetched.is_err() {
            doubt(discovered);
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
            && known.at.is_some_and(|at| now.distance(at) < DISCOVERED_FOR)
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
            (Err(FetchError::Failed(why)), Some(known)) => {
                let uri = self.address();
                tracing::warn!(%uri, failure = why, "discovery failed; the known address is asked");
                Ok(known.keys.clone())
            }
            (Err(FetchError::Failed(why)), None) => Err(failed(format!("discovery: {why}"))),
            // An issuer that says that it is another, or sends us where keys must not come from, is
            // not one that is out of reach.
            (Err(error), _) => Err(error),
        }
    }

    async fn metadata(&self, issuer: &str, uri: &Url) -> Result<Url, FetchError> {
        let body = self.get(uri).await?;
        let metadata: Metadata =
            serde_json::from_slice(&body).map_err(|_| failed("it is not an issuer's metadata"))?;
        // Otherwise one tenant of a shared host could hand out keys for another (section 4.3).
        if metadata.issuer != issuer {
            return Err(FetchError::Wrong(
                "discovery found another issuer's metadata",
            ));
        }
        let keys: Option<Url> = metadata.jwks_uri.parse().ok();
        // An issuer on the network must not send us to this machine's own ports.
        keys.filter(|keys| may_be_asked(keys) && (is_secure(keys) || may_be_clear(uri)))
            .ok_or(FetchError::Wrong(
                "discovery found a jwks_uri that keys must not come from",
            ))
    }

    async fn get(&self, uri: &Url) -> Result<Vec<u8>, FetchError> {
        let client = self.clients.for_address(uri);
        let request = client.map_err(|error| unanswered(&error))?.get(uri.clone());
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
    let mut source = error.source();
    while let Some(error) = source {
        why.push_str(": ");
        why.push_str(&error.to_string());
        source = error.source();
    }
    failed(why)
}

impl Clients {
    fn for_address(&self, uri: &Url) -> Result<&Client, reqwest::Error> {
        let is_clear = may_be_clear(uri);
        let made = if is_clear { &self.clear } else { &self.secure };
        match made.get() {
            Some(client) => Ok(client),
            None => client(is_clear).map(|client| made.get_or_init(|| client)),
        }
    }
}

fn client(is_clear: bool) -> Result<Client, reqwest::Error> {
    let client = Client::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(TIMEOUT)
        .redirect(Policy::none())
        // A connection that is kept for an hour, or through a frozen Lambda, is dead when it is
        // needed, and finding that out would cost the fetch.
        .pool_max_idle_per_host(0)
        .user_agent(concat!("usher/", env!("CARGO_PKG_VERSION")));
    if is_clear {
        // What is allowed in clear because it does not leave the machine must not be sent to a
        // proxy that the environment names. It needs no certificates, and the machine may have none.
        client.no_proxy().tls_certs_only([]).build()
    } else {
        client.https_only(true).build()
    }
}

/// Who may be asked for keys. A name and a password in an address would be shown and logged.
fn may_be_asked(uri: &Url) -> bool {
    (is_secure(uri) || may_be_clear(uri)) && uri.username().is_empty() && uri.password().is_none()
}

fn is_secure(uri: &Url) -> bool {
    uri.scheme() == "https"
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
