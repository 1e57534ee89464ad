use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use arc_swap::ArcSwapOption;
use tokio::{
    sync::{Mutex, OwnedMutexGuard, Semaphore},
    task::JoinHandle,
};
use usher_domain::{
    ports::{Silent, StoreError, StoreErrorKind, Telemetry},
    time::Timestamp,
};

use crate::{
    Algorithm,
    fetch::{self, Discovered, Fetch, FetchError},
    key::Key,
    key_set::KeySet,
};

/// A set that is older is fetched again by the next request that needs a key of it.
const FRESH: Duration = Duration::from_hours(1);
/// A set that is older is not used any more. Its issuer may be away for 24 hours before that is
/// noticed, as long as there is a request in each hour: the first one after an hour has the set
/// fetched again, and it may come an hour later still.
const USABLE: Duration = Duration::from_hours(26);
/// The issuer is asked at most this often, whatever came of it.
const COOL_DOWN: Duration = Duration::from_secs(10);
/// After a failure, requests that have a key and would wait for a newer one wait this seldom.
const PATIENCE: Duration = Duration::from_mins(5);
const ENDED: &str = "it was broken off";
/// When to come back where the wait cannot be told.
const SOON: Duration = Duration::from_secs(1);

/// Where an issuer's keys come from, and the ones that are known.
#[derive(Debug)]
pub(crate) struct KeySource {
    current: Arc<Current>,
    remote: Option<Remote>,
    /// Whether a request that finds the set past its hour waits for the new one.
    frozen_between: bool,
}

#[derive(Debug)]
struct Current(ArcSwapOption<Known>);

#[derive(Debug)]
struct Known {
    set: KeySet,
    generation: u64,
    /// `None`: for ever.
    fetched: Option<Timestamp>,
}

#[derive(Debug, Clone)]
struct Remote {
    fetch: Arc<Fetch>,
    /// One fetch at a time: it is held by whoever fetches, and waited for by those who have no key
    /// without the fetch. Requests whose key is known never wait.
    flight: Arc<Mutex<Flight>>,
    waiting: Waiting,
    /// Whether the last fetch came to nothing.
    failing: Arc<AtomicBool>,
    /// Whether it was said that too many wait for this fetch.
    told: Arc<AtomicBool>,
    listener: Listener,
}

/// Who is told of each fetch, and whose key set it is.
#[derive(Clone)]
struct Listener {
    telemetry: Arc<dyn Telemetry>,
    issuer: Arc<str>,
}

impl std::fmt::Debug for Listener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Listener")
            .field("issuer", &self.issuer)
            .finish_non_exhaustive()
    }
}

/// How many requests may wait for key sets, whichever issuer they wait for, while there are others
/// that could be served. A flood of made-up tokens and an issuer that does not answer must not fill
/// the whole server.
#[derive(Debug, Clone)]
pub(crate) struct Waiting {
    places: Arc<Semaphore>,
    /// Whether nobody could be served before the first fetch has ended, so that all may wait for it.
    alone: bool,
}

impl Waiting {
    pub(crate) fn new(places: usize, alone: bool) -> Self {
        let places = Arc::new(Semaphore::new(places));
        Self { places, alone }
    }
}

#[derive(Debug, Default)]
struct Flight {
    last: Option<Timestamp>,
    failure: Option<FetchError>,
    discovered: Option<Discovered>,
}

/// A key, and which of the issuer's sets it is from.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) key: Arc<Key>,
    /// Counts the changes of the set.
    pub(crate) generation: u64,
}

/// Why there is no key.
#[derive(Debug)]
pub(crate) enum NoKey {
    /// The issuer has no such key.
    Unknown,
    /// The issuer could not be asked.
    Unavailable {
        source: StoreError,
        /// When it may be asked again.
        retry_after: Duration,
    },
}

impl KeySource {
    pub(crate) fn fixed(set: KeySet) -> Self {
        let known = Known {
            set,
            generation: 0,
            fetched: None,
        };
        Self::of(Some(known), None)
    }

    pub(crate) fn remote(fetch: Fetch) -> Self {
        let remote = Remote {
            fetch: Arc::new(fetch),
            flight: Arc::default(),
            // Until a verifier says how many it has for all of them.
            waiting: Waiting::new(0, true),
            failing: Arc::default(),
            told: Arc::default(),
            listener: Listener {
                telemetry: Arc::new(Silent),
                issuer: "".into(),
            },
        };
        Self::of(None, Some(remote))
    }

    fn of(known: Option<Known>, remote: Option<Remote>) -> Self {
        let current = Current(ArcSwapOption::from(known.map(Arc::new)));
        Self {
            current: Arc::new(current),
            remote,
            frozen_between: false,
        }
    }

    /// Has its requests wait in the same places as those of other issuers.
    pub(crate) fn wait_in(&mut self, waiting: &Waiting) {
        if let Some(remote) = &mut self.remote {
            remote.waiting = waiting.clone();
        }
    }

    /// Tells of each fetch that it was `issuer` who was asked.
    pub(crate) fn tell(&mut self, telemetry: Arc<dyn Telemetry>, issuer: &str) {
        if let Some(remote) = &mut self.remote {
            let issuer = issuer.into();
            remote.listener = Listener { telemetry, issuer };
        }
    }

    /// Has requests wait for a set that they have fetched again: what is left to run beside them would be frozen with
    /// the process, as soon as they are answered.
    pub(crate) const fn freezes_between_requests(&mut self) {
        self.frozen_between = true;
    }

    /// Fetches the set if there is none. What comes of it a request finds out.
    pub(crate) async fn make_ready(&self, now: Timestamp) {
        if let Some(remote) = &self.remote
            && let Ok(flight) = Arc::clone(&remote.flight).try_lock_owned()
            && flight.last.is_none()
            && let Ok(mut flight) = self.fetch(remote, flight, now).await
            && flight.failure.is_some()
        {
            // Nobody has been told: whoever comes first asks once more.
            flight.last = None;
        }
    }

    /// Whether the keys are still those of `generation`.
    pub(crate) fn is_at(&self, generation: u64) -> bool {
        let known = self.current.0.load();
        known
            .as_ref()
            .is_some_and(|known| known.generation == generation)
    }

    /// Whether the key that was found is still what the issuer signs with under `kid`.
    pub(crate) fn still_has(&self, kid: &str, found: &Found, now: Timestamp) -> bool {
        let known = self.current.0.load();
        known.as_ref().is_some_and(|known| {
            known.is_usable(now)
                && (known.generation == found.generation || known.set.has(kid, &found.key))
        })
    }

    /// The key `kid`, for `algorithm` if there are several, fetched if it has to be.
    ///
    /// A set past its hour is fetched again beside the request that finds it so, which goes on with
    /// the key it has; it waits for it where nothing can run beside requests.
    pub(crate) async fn key(
        &self,
        kid: &str,
        algorithm: Algorithm,
        now: Timestamp,
    ) -> Result<Found, NoKey> {
        let known = |good| self.current.key(kid, algorithm, now, good);
        if let Some(key) = known(Known::is_fresh) {
            return Ok(key);
        }
        let Some(remote) = &self.remote else {
            return Err(NoKey::Unknown);
        };
        if let Some(old) = known(Known::is_usable) {
            if let Ok(flight) = Arc::clone(&remote.flight).try_lock_owned()
                && flight.is_due(now)
                && !(self.frozen_between && flight.has_failed_lately(now))
            {
                let fetching = self.fetch(remote, flight, now);
                if self.frozen_between && fetching.await.is_ok() {
                    // The key may be gone from the set by now.
                    return known(Known::is_usable).ok_or(NoKey::Unknown);
                }
            }
            return Ok(old);
        }
        let place = remote.waiting.places.try_acquire();
        if place.is_err() && (self.current.is_usable(now) || remote.is_doubtful()) {
            return Err(remote.is_full());
        }
        let mut flight = Arc::clone(&remote.flight).lock_owned().await;
        // Whoever waited may find that the fetch it waited for was the one it needed.
        if let Some(key) = known(Known::is_usable) {
            return Ok(key);
        }
        if flight.is_due(now) {
            flight = self
                .fetch(remote, flight, now)
                .await
                .map_err(|_| remote.silent(ENDED, COOL_DOWN))?;
        }
        if let Some(key) = known(Known::is_usable) {
            return Ok(key);
        }
        // The key may be where the issuer's metadata say by now.
        fetch::doubt(&mut flight.discovered);
        match flight.failure.as_ref().and_then(FetchError::why) {
            Some(why) => Err(remote.silent(why, flight.wait(now))),
            None => Err(NoKey::Unknown),
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
            // In force unless the fetch comes to an end of its own.
            flight.failure = Some(FetchError::Failed(ENDED.to_owned()));
            remote.told.store(false, Ordering::Relaxed);
            let fetched = remote.fetch.run(&mut flight.discovered, now).await;
            remote.tell(&fetched);
            remote.failing.store(fetched.is_err(), Ordering::Relaxed);
            flight.failure = fetched.map(|set| current.replace(set, now)).err();
            flight
        })
    }
}

impl Current {
    fn key(
        &self,
        kid: &str,
        algorithm: Algorithm,
        now: Timestamp,
        good: fn(&Known, Timestamp) -> bool,
    ) -> Option<Found> {
        let known = self.0.load();
        let known = known.as_ref().filter(|known| good(known, now))?;
        let key = Arc::clone(known.set.get(kid, algorithm)?);
        let generation = known.generation;
        Some(Found { key, generation })
    }

    fn is_usable(&self, now: Timestamp) -> bool {
        let known = self.0.load();
        known.as_ref().is_some_and(|known| known.is_usable(now))
    }

    /// Only whoever holds the flight replaces a set.
    fn replace(&self, mut set: KeySet, now: Timestamp) {
        let generation = match &*self.0.load() {
            Some(known) if set.take_over(&known.set) => known.generation,
            Some(known) => known.generation.wrapping_add(1),
            None => 0,
        };
        self.0.store(Some(Arc::new(Known {
            set,
            generation,
            fetched: Some(now),
        })));
    }
}

impl Known {
    /// A clock that was set back far leaves a set from the future, which is as good as an old one.
    fn is_fresh(&self, now: Timestamp) -> bool {
        self.fetched
            .is_none_or(|fetched| now.distance(fetched) < FRESH)
    }

    fn is_usable(&self, now: Timestamp) -> bool {
        self.fetched
            .is_none_or(|fetched| now.distance(fetched) < USABLE)
    }
}

impl Flight {
    /// How long until the issuer may be asked again.
    fn wait(&self, now: Timestamp) -> Duration {
        let since = self.last.map_or(COOL_DOWN, |last| now.distance(last));
        COOL_DOWN.saturating_sub(since).max(SOON)
    }

    /// Whether a request that has a key and would wait for this fetch all the same should not.
    fn has_failed_lately(&self, now: Timestamp) -> bool {
        let last = self.last.filter(|_| self.failure.is_some());
        last.is_some_and(|last| now.distance(last) < PATIENCE)
    }

    fn is_due(&self, now: Timestamp) -> bool {
        // A clock that was set back far must not make the wait any longer.
        self.last.is_none_or(|last| now.distance(last) >= COOL_DOWN)
    }
}

impl Remote {
    /// Whether there may be nothing to wait for, or others who need not.
    fn is_doubtful(&self) -> bool {
        !self.waiting.alone || self.fetch.is_optional() || self.failing.load(Ordering::Relaxed)
    }

    fn is_full(&self) -> NoKey {
        const FULL: &str = "too many requests wait for the key set";
        if !self.told.swap(true, Ordering::Relaxed) {
            tracing::warn!(uri = %self.fetch.address(), "{FULL}");
        }
        self.silent(FULL, SOON)
    }

    fn silent(&self, failure: &str, retry_after: Duration) -> NoKey {
        let said = format!("key set {}: {failure}", self.fetch.address());
        NoKey::Unavailable {
            source: StoreError::new(StoreErrorKind::Unavailable, said),
            retry_after,
        }
    }

    /// Once for each fetch, and not for each request that needed it.
    fn tell(&self, fetched: &Result<KeySet, FetchError>) {
        let uri = self.fetch.address();
        let why = fetched.as_ref().map_err(FetchError::why);
        // Where there need not be a key set, its absence is no failure.
        if !matches!(why, Err(None)) {
            let Listener { telemetry, issuer } = &self.listener;
            telemetry.key_set_fetched(issuer, why.is_ok());
        }
        match why {
            Ok(set) if set.is_empty() => {
                tracing::warn!(%uri, "the key set has no key that can be used: its tokens are refused");
            }
            Ok(_) => {}
            Err(None) => tracing::debug!(%uri, "there is no key set"),
            Err(Some(failure)) => tracing::warn!(%uri, failure, "the key set could not be fetched"),
        }
    }
}
