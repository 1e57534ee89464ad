//! A key store that is slow or silent as it is told, and that counts how often it is asked.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use usher_domain::{
    ports::{
        Applied, Change, Digest, ImportEntry, KeyPage, KeyStore, Revision, StoreError,
        StoreErrorKind,
    },
    time::Timestamp,
    usage::{
        api_key::{ApiKey, ApiKeyHash, ApiKeyId},
        plan::{PlanId, UsagePlan},
    },
};
use usher_testkit::conformance::plans::stage;
use usher_usage_local::KeyCache;

/// 2026-11-22T12:00:00Z.
const NOON: Timestamp = Timestamp::from_seconds(1_795_348_800);

/// How the store answers.
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is a fault of its own, and any of them may come together"
)]
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Manner {
    /// What a call takes, in the paused time of the test.
    pub(crate) latency: Duration,
    /// It is looked up when the call arrives and not when the answer leaves: what comes may be old.
    pub(crate) reads_first: bool,
    /// No call succeeds.
    pub(crate) fails: bool,
    /// Neither does any, and not because the store were out of reach.
    pub(crate) is_broken: bool,
    /// There is a plan that cannot be read.
    pub(crate) has_bad_plan: bool,
    /// For half a second after a change only its revision can be read.
    pub(crate) shows_changes_late: bool,
}

#[derive(Clone, Default)]
struct State {
    revision: u64,
    plans: BTreeMap<PlanId, UsagePlan>,
    keys: BTreeMap<ApiKeyId, ApiKey>,
}

#[derive(Default)]
pub(crate) struct SlowStore {
    state: Mutex<State>,
    before: Mutex<Option<(tokio::time::Instant, State)>>,
    manner: Mutex<Manner>,
    revisions: AtomicUsize,
    plans: AtomicUsize,
    finds: AtomicUsize,
}

impl SlowStore {
    pub(crate) fn new() -> Arc<Self> {
        Arc::default()
    }

    pub(crate) fn behave(&self, manner: Manner) {
        *self.manner.lock().unwrap() = manner;
    }

    /// Somebody changes plans and keys; no call that is counted.
    pub(crate) fn change(&self, changes: impl IntoIterator<Item = Change>) {
        let mut state = self.state();
        *self.before.lock().unwrap() = Some((tokio::time::Instant::now(), state.clone()));
        for change in changes {
            match change {
                Change::PutPlan(plan) => drop(state.plans.insert(plan.id.clone(), plan)),
                Change::DeletePlan(id) => drop(state.plans.remove(&id)),
                Change::PutKey(key) => drop(state.keys.insert(key.id.clone(), key)),
                Change::DeleteKey(id) => drop(state.keys.remove(&id)),
                Change::Imported(..) => {}
            }
        }
        state.revision += 1;
    }

    /// How often the revision, the plans and a key were asked for.
    pub(crate) fn calls(&self) -> [usize; 3] {
        [&self.revisions, &self.plans, &self.finds].map(|calls| calls.load(Ordering::SeqCst))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    async fn answer<T>(&self, read: impl Fn(&State) -> T) -> Result<T, StoreError> {
        let manner = *self.manner.lock().unwrap();
        if manner.shows_changes_late
            && let Some((changed, before)) = &*self.before.lock().unwrap()
            && changed.elapsed() < Duration::from_millis(500)
        {
            return Ok(read(before));
        }
        let early = read(&self.state());
        tokio::time::sleep(manner.latency).await;
        if manner.is_broken {
            return Err(StoreError::new(StoreErrorKind::Internal, "no such table"));
        }
        if manner.fails {
            return Err(StoreError::new(StoreErrorKind::Unavailable, "out of reach"));
        }
        Ok(if manner.reads_first {
            early
        } else {
            read(&self.state())
        })
    }
}

#[async_trait]
impl KeyStore for SlowStore {
    async fn revision(&self) -> Result<Revision, StoreError> {
        self.revisions.fetch_add(1, Ordering::SeqCst);
        self.answer(|_| ()).await?;
        Ok(Revision(self.state().revision))
    }

    fn shows_changes_whole(&self) -> bool {
        !self.manner.lock().unwrap().shows_changes_late
    }

    async fn plans(&self) -> Result<Vec<UsagePlan>, StoreError> {
        self.plans.fetch_add(1, Ordering::SeqCst);
        if self.manner.lock().unwrap().has_bad_plan {
            return Err(StoreError::new(StoreErrorKind::Corrupt, "not a plan"));
        }
        self.answer(|state| state.plans.values().cloned().collect())
            .await
    }

    async fn find(&self, hash: &ApiKeyHash) -> Result<Option<ApiKey>, StoreError> {
        self.finds.fetch_add(1, Ordering::SeqCst);
        let has = |key: &ApiKey| {
            key.hash == *hash || key.previous.is_some_and(|previous| previous.hash == *hash)
        };
        self.answer(|state| state.keys.values().find(|key| has(key)).cloned())
            .await
    }

    async fn key(&self, id: &ApiKeyId) -> Result<Option<ApiKey>, StoreError> {
        self.answer(|state| state.keys.get(id).cloned()).await
    }

    async fn keys(&self, _page: &KeyPage) -> Result<Vec<ApiKey>, StoreError> {
        panic!("the cache lists nothing")
    }

    async fn imported(&self, _entries: &[ImportEntry]) -> Result<Vec<Option<Digest>>, StoreError> {
        panic!("the cache imports nothing")
    }

    async fn apply(&self, _changes: &[Change], _seen: Revision) -> Result<Applied, StoreError> {
        panic!("the cache changes nothing")
    }
}

/// A cache of the stage `prod`, and the clock that its requests go by: the paused time of the test.
pub(crate) struct World {
    pub(crate) store: Arc<SlowStore>,
    pub(crate) cache: Arc<KeyCache>,
    started: tokio::time::Instant,
}

impl World {
    pub(crate) fn new() -> Self {
        let store = SlowStore::new();
        let cache = Arc::new(KeyCache::new(store.clone(), stage("prod")));
        let started = tokio::time::Instant::now();
        Self {
            store,
            cache,
            started,
        }
    }

    /// How long the test has run.
    pub(crate) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    pub(crate) fn now(&self) -> Timestamp {
        NOON.plus(self.elapsed())
    }
}
