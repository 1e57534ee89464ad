use std::{sync::Arc, time::Duration};

use arc_swap::ArcSwapOption;
use reqwest::{Client, Url, redirect::Policy};
use tokio::{
    sync::{Mutex, OwnedMutexGuard},
    task::JoinHandle,
};
use usher_domain::{
    ports::{StoreError, StoreErrorKind},
    time::Timestamp,
};

use crate::{
    issuer::IssuerError,
    key_set::{Key, KeySet, MAX_BYTES},
};

const CONNECT_TIMEOUT: Duration = Duration::from_millis(1_500);
const TIMEOUT: Duration = Duration::from_secs(3);
/// A set that is older is fetched again by the next request that needs a key of it.
const FRESH: Duration = Duration::from_hours(1);
/// A set that is older is not used any more.
const USABLE: Duration = Duration::from_hours(24);
/// The address is asked at most this often, whatever came of it.
const COOL_DOWN: Duration = Duration::from_secs(10);

/// Where an issuer's keys come from, and the ones that are known.
#[derive(Debug)]
pub(crate) struct KeySource {
    current: Arc<ArcSwapOption<Known>>,
    remote: Option<Remote>,
}

#[derive(Debug)]
struct Known {
    set: KeySet,
    /// `None`: for ever.
    fetched: Option<Timestamp>,
}

#[derive(Debug, Clone)]
struct Remote {
    uri: Url,
    client: Client,
    /// One fetch at a time. Requests whose key is known never wait for it.
    flight: Arc<Mutex<Flight>>,
}

#[derive(Debug, Default)]
struct Flight {
    last: Option<Timestamp>,
    failure: Option<String>,
}

/// Why there is no key.
#[derive(Debug)]
pub(crate) enum NoKey {
    /// The issuer has no such key.
    Unknown,
    /// The issuer could not be asked.
    Unavailable(StoreError),
}

impl KeySource {
    pub(crate) fn fixed(set: KeySet) -> Self {
        let known = Known { set, fetched: None };
        Self {
            current: Arc::new(ArcSwapOption::from_pointee(known)),
            remote: None,
        }
    }

    pub(crate) fn remote(uri: &str) -> Result<Self, IssuerError> {
        let uri: Url = uri.parse().map_err(|_| IssuerError::InsecureUri)?;
        let secure = uri.scheme() == "https" || (uri.scheme() == "http" && is_loopback(&uri));
        if !secure {
            return Err(IssuerError::InsecureUri);
        }
        let mut client = Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(TIMEOUT)
            .redirect(Policy::none())
            .user_agent(concat!("usher/", env!("CARGO_PKG_VERSION")));
        if uri.scheme() == "http" {
            // What is allowed in clear because it does not leave the machine must not be sent to a
            // proxy that the environment names.
            client = client.no_proxy();
        }
        let client = client.build().map_err(IssuerError::Client)?;
        let remote = Remote {
            uri,
            client,
            flight: Arc::default(),
        };
        Ok(Self {
            current: Arc::new(ArcSwapOption::empty()),
            remote: Some(remote),
        })
    }

    /// Whether `key` is still what the issuer signs with under `kid`.
    pub(crate) fn still_has(&self, kid: &str, key: &Arc<Key>) -> bool {
        let current = self.current.load();
        let found = current.as_ref().and_then(|known| known.set.get(kid));
        found.is_some_and(|found| Arc::ptr_eq(found, key))
    }

    /// The key `kid`, fetched if it has to be.
    ///
    /// A set past its hour is fetched again beside the request that finds it so, which goes on with
    /// the key it has.
    pub(crate) async fn key(&self, kid: &str, now: Timestamp) -> Result<Arc<Key>, NoKey> {
        if let Some(key) = self.known(kid, now, FRESH) {
            return Ok(key);
        }
        let Some(remote) = &self.remote else {
            return Err(NoKey::Unknown);
        };
        if let Some(old) = self.known(kid, now, USABLE) {
            if let Ok(flight) = Arc::clone(&remote.flight).try_lock_owned()
                && flight.is_due(now)
            {
                drop(self.fetch(remote, flight, now));
            }
            return Ok(old);
        }
        let mut flight = Arc::clone(&remote.flight).lock_owned().await;
        // Whoever waited may find that the fetch it waited for was the one it needed.
        if let Some(key) = self.known(kid, now, USABLE) {
            return Ok(key);
        }
        if flight.is_due(now) {
            flight = self
                .fetch(remote, flight, now)
                .await
                .map_err(|_| remote.silent("it ended"))?;
        }
        match (self.known(kid, now, USABLE), &flight.failure) {
            (Some(key), _) => Ok(key),
            (None, None) => Err(NoKey::Unknown),
            (None, Some(failure)) => Err(remote.silent(failure)),
        }
    }

    /// Fetches the set, in a task of its own: a client that goes away takes its request with it, and
    /// the fetch that others wait for must not go too.
    fn fetch(
        &self,
        remote: &Remote,
        mut flight: OwnedMutexGuard<Flight>,
        now: Timestamp,
    ) -> JoinHandle<OwnedMutexGuard<Flight>> {
        let (remote, current) = (remote.clone(), Arc::clone(&self.current));
        tokio::spawn(async move {
            flight.last = Some(now);
            match remote.fetch().await {
                Ok(set) => {
                    flight.failure = None;
                    current.store(Some(Arc::new(Known {
                        set,
                        fetched: Some(now),
                    })));
                }
                Err(failure) => {
                    tracing::warn!(uri = %remote.uri, failure, "the key set could not be fetched");
                    flight.failure = Some(failure);
                }
            }
            flight
        })
    }

    fn known(&self, kid: &str, now: Timestamp, at_most: Duration) -> Option<Arc<Key>> {
        let current = self.current.load();
        let known = current.as_ref()?;
        let young = known
            .fetched
            .is_none_or(|fetched| now.since(fetched) < at_most);
        if young {
            known.set.get(kid).cloned()
        } else {
            None
        }
    }
}

impl Flight {
    fn is_due(&self, now: Timestamp) -> bool {
        // A clock that was set back far must not make the wait any longer.
        self.last
            .is_none_or(|last| now.since(last).max(last.since(now)) >= COOL_DOWN)
    }
}

impl Remote {
    fn silent(&self, failure: &str) -> NoKey {
        let said = format!("key set {}: {failure}", self.uri);
        NoKey::Unavailable(StoreError::new(StoreErrorKind::Unavailable, said))
    }

    async fn fetch(&self) -> Result<KeySet, String> {
        // Without the address: it is in the message already.
        let failed = |error: reqwest::Error| error.without_url().to_string();
        let mut response = self
            .client
            .get(self.uri.clone())
            .send()
            .await
            .map_err(failed)?;
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
        KeySet::parse(&body).map_err(|error| error.to_string())
    }
}

fn is_loopback(uri: &Url) -> bool {
    let host = uri.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || address
            .parse()
            .is_ok_and(|address: std::net::IpAddr| address.is_loopback())
}
