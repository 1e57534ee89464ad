use std::time::Duration;

use reqwest::{Client, Url, redirect::Policy};
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
/// For discovery, so that the address that was known before can still be tried.
const DISCOVERY_TIMEOUT: Duration = Duration::from_millis(1_500);
/// An address that was discovered longer ago is asked for again.
const DISCOVERED_FOR: Duration = Duration::from_hours(1);

/// How an issuer's key set is fetched.
#[derive(Debug, Clone)]
pub(crate) struct Fetch {
    client: Client,
    from: From,
    algorithms: Vec<Algorithm>,
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
        })
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
    /// What was wrong, without addresses.
    pub(crate) async fn run(
        &self,
        discovered: &mut Option<Discovered>,
        now: Timestamp,
    ) -> Result<KeySet, String> {
        let all = async {
            let uri = match &self.from {
                From::Keys(uri) => uri.clone(),
                From::Discovery { issuer, metadata } => {
                    self.discover(issuer, metadata, discovered, now).await?
                }
            };
            let body = self.get(&uri).await?;
            KeySet::parse(&body, &self.algorithms).map_err(|error| error.to_string())
        };
        let fetched = tokio::time::timeout(TIMEOUT, all)
            .await
            .unwrap_or_else(|_| Err(format!("it took longer than {} s", TIMEOUT.as_secs())));
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
    ) -> Result<Url, String> {
        if let Some(known) = discovered
            && known.at.is_some_and(|at| now.since(at) < DISCOVERED_FOR)
        {
            return Ok(known.keys.clone());
        }
        let asked = tokio::time::timeout(DISCOVERY_TIMEOUT, self.metadata(issuer, metadata)).await;
        let answer = asked.unwrap_or_else(|_| Err("it took too long".to_owned()));
        match (answer, &discovered) {
            (Ok(keys), _) => {
                *discovered = Some(Discovered {
                    keys: keys.clone(),
                    at: Some(now),
                });
                Ok(keys)
            }
            (Err(_), Some(known)) => Ok(known.keys.clone()),
            (Err(failure), None) => Err(format!("discovery: {failure}")),
        }
    }

    async fn metadata(&self, issuer: &str, uri: &Url) -> Result<Url, String> {
        let body = self.get(uri).await?;
        let metadata: Metadata = serde_json::from_slice(&body)
            .map_err(|_| "it is not an issuer's metadata".to_owned())?;
        // Otherwise one tenant of a shared host could hand out keys for another (section 4.3).
        if metadata.issuer != issuer {
            return Err("it is another issuer's metadata".to_owned());
        }
        let keys: Option<Url> = metadata.jwks_uri.parse().ok();
        // An issuer on the network must not send us to this machine's own ports.
        keys.filter(|keys| keys.scheme() == "https" || (may_be_asked(keys) && may_be_clear(uri)))
            .ok_or_else(|| "its jwks_uri is not an https address".to_owned())
    }

    async fn get(&self, uri: &Url) -> Result<Vec<u8>, String> {
        // Without the address: it is in the message already.
        let failed = |error: reqwest::Error| error.without_url().to_string();
        let request = self.client.get(uri.clone());
        let mut response = request.send().await.map_err(failed)?;
        if response.status() != reqwest::StatusCode::OK {
            return Err(format!("it answered {}", response.status()));
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            body.extend_from_slice(&chunk);
            if body.len() > MAX_BYTES {
                return Err(format!("it is larger than {MAX_BYTES} bytes"));
            }
        }
        Ok(body)
    }
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
