use std::{
    collections::{BTreeMap, HashMap, HashSet},
    hash::{BuildHasher as _, RandomState},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use arc_swap::ArcSwapOption;
use async_trait::async_trait;
use tokio::sync::Mutex as Turns;
use usher_domain::{
    ports::{KeyDirectory, KeyStore, Revision, StoreError, StoreErrorKind},
    time::Timestamp,
    usage::{
        api_key::ApiKeyHash,
        membership::KnownKey,
        plan::{ApiStage, PlanId, PlanInForce},
    },
};

/// From this age on one request asks whether anything was changed, and the others go on.
const ASK_AFTER: Duration = Duration::from_secs(1);
/// From this age on nobody goes on without an answer. With a store's own deadline of 2 s a change is
/// in force within the 5 s that are promised.
const WAIT_AFTER: Duration = Duration::from_millis(2500);
/// A store that did not answer is asked again after this.
const RETRY_AFTER: Duration = Duration::from_secs(1);

const PARTS: usize = 64;
/// 131 072 known keys at about 200 bytes each.
const MOST_KNOWN: usize = 2048;
/// 16 384 hashes that nobody has, so that hammering with one costs no call to the store.
const MOST_UNKNOWN: usize = 256;

/// The keys and plans of a store, at one stage, as long as nothing was changed there.
///
/// When the store cannot be reached to be asked whether anything was, what is known stays in force. A key that is not known is then an error.
pub struct KeyCache(Arc<Shared>);

struct Shared {
    store: Arc<dyn KeyStore>,
    stage: ApiStage,
    known: ArcSwapOption<Known>,
    turns: Arc<Turns<()>>,
    checked: Mutex<Checked>,
}

/// When the store was asked whether anything was changed.
#[derive(Debug, Clone, Default)]
struct Checked {
    /// And said so.
    answered: Option<Timestamp>,
    /// And has not answered since.
    failed: Option<(Timestamp, StoreErrorKind, String)>,
    /// How often, whatever came of it.
    times: u64,
    /// When somebody last came who needed to know. Whoever had to wait for a turn asks later than it
    /// came itself: by its own time what it hears would look older than it is, and with a slow store
    /// more and more would wait for longer and longer.
    came: Option<Timestamp>,
}

impl Checked {
    fn has_answered(&self, age: Duration, now: Timestamp) -> bool {
        self.answered.is_some_and(|at| now.distance(at) < age)
    }

    /// The error of those who come too soon after a failure.
    fn failure(&self, now: Timestamp) -> Option<StoreError> {
        let (at, ..) = self.failed.as_ref()?;
        (now.distance(*at) < RETRY_AFTER).then(|| self.error())?
    }

    fn error(&self) -> Option<StoreError> {
        let (_, kind, context) = self.failed.as_ref()?;
        Some(StoreError::new(*kind, context.clone()))
    }
}

/// What is known since the last change.
struct Known {
    revision: Revision,
    /// None of it is from before the change that the revision counts. Where the parts of a change become
    /// visible one after the other, what is read at once may be, and would stay so until the next
    /// change: it is read again a while later.
    is_settled: bool,
    plans: BTreeMap<PlanId, Arc<PlanInForce>>,
    /// The same, and those that there are no more: one that comes back goes on counting its changes.
    ever: BTreeMap<PlanId, Arc<PlanInForce>>,
    hasher: RandomState,
    parts: Box<[Mutex<Part>]>,
}

#[derive(Default)]
struct Part {
    known: HashMap<ApiKeyHash, Arc<KnownKey>>,
    /// Hashes of texts that are no key, which anybody may send: apart, lest they push out keys.
    unknown: HashSet<ApiKeyHash>,
}

impl KeyCache {
    /// The keys and plans of `store` at `stage`, which nobody has asked for yet.
    #[must_use]
    pub fn new(store: Arc<dyn KeyStore>, stage: ApiStage) -> Self {
        Self(Arc::new(Shared {
            store,
            stage,
            known: ArcSwapOption::empty(),
            turns: Arc::default(),
            checked: Mutex::default(),
        }))
    }

    /// Reads the plans, so that the first request does not have to wait for them.
    ///
    /// # Errors
    /// The store's.
    pub async fn load(&self, now: Timestamp) -> Result<(), StoreError> {
        Shared::known(&self.0, now).await.map(drop)
    }
}

impl Shared {
    /// What is known, as new as it has to be.
    async fn known(this: &Arc<Self>, now: Timestamp) -> Result<Arc<Known>, StoreError> {
        if let Some(known) = this.recent(now)? {
            return Ok(known);
        }
        let times = this.lock_checked().times;
        let turn = match Arc::clone(&this.turns).try_lock_owned() {
            Ok(turn) => turn,
            Err(_) => match this.usable(now) {
                Some(known) => return Ok(known),
                None => Arc::clone(&this.turns).lock_owned().await,
            },
        };
        // Whoever was here before has asked for all who waited.
        if this.lock_checked().times != times {
            if let Some(known) = this.usable(now) {
                return Ok(known);
            }
            if let Some(error) = this.lock_checked().error() {
                return Err(error);
            }
        }
        let shared = Arc::clone(this);
        to_the_end(async move {
            let _turn = turn;
            shared.check(now).await
        })
        .await
    }

    /// What is known, when nobody has to be asked, or nobody answered a moment ago.
    fn recent(&self, now: Timestamp) -> Result<Option<Arc<Known>>, StoreError> {
        let mut checked = self.lock_checked();
        checked.came = Some(now);
        let known = self.known.load_full();
        if checked.has_answered(ASK_AFTER, now) {
            return Ok(known);
        }
        match (checked.failure(now), known) {
            (None, _) => Ok(None),
            (Some(error), Some(known)) if error.is_transient() => Ok(Some(known)),
            (Some(error), _) => Err(error),
        }
    }

    /// What is known, when that will do while another is asking: it is new enough, or there is no
    /// telling.
    fn usable(&self, now: Timestamp) -> Option<Arc<Known>> {
        let checked = self.lock_checked();
        let out_of_reach = checked.error().is_some_and(|error| error.is_transient());
        let usable = checked.has_answered(WAIT_AFTER, now) || out_of_reach;
        self.known.load_full().filter(|_| usable)
    }

    /// Asks whether anything was changed, and reads the plans again if so.
    async fn check(&self, now: Timestamp) -> Result<Arc<Known>, StoreError> {
        let present = self.known.load_full();
        // The time at which it is asked: what is changed from then on may not be known.
        let asked = self.lock_checked().came.unwrap_or(now);
        let read = self.read(present.as_ref()).await;
        let mut checked = self.lock_checked();
        checked.times = checked.times.wrapping_add(1);
        match read {
            Ok(known) => {
                checked.answered = Some(asked);
                checked.failed = None;
                self.known.store(Some(Arc::clone(&known)));
                Ok(known)
            }
            Err(error) => {
                checked.failed = Some((asked, error.kind(), error.to_string()));
                drop(checked);
                tracing::warn!(
                    %error,
                    cause = std::error::Error::source(&error).map(ToString::to_string),
                    "it cannot be told whether keys or plans were changed"
                );
                present.filter(|_| error.is_transient()).ok_or(error)
            }
        }
    }

    async fn read(&self, present: Option<&Arc<Known>>) -> Result<Arc<Known>, StoreError> {
        // Read first: should the plans be newer than this, the next check reads them once more.
        let revision = self.store.revision().await?;
        let is_known = present.is_some_and(|present| present.revision == revision);
        let is_settled = is_known || self.store.shows_changes_whole();
        if let Some(present) = present
            && is_known
            && present.is_settled
        {
            return Ok(Arc::clone(present));
        }
        let plans = match (self.store.plans().await, present) {
            (Ok(plans), _) => plans,
            // One plan that cannot be read must not keep keys in force that were disabled since: plans
            // stay as they were, and keys are asked for again.
            (Err(error), Some(present)) if !error.is_transient() => {
                tracing::error!(
                    %error,
                    cause = std::error::Error::source(&error).map(ToString::to_string),
                    "the usage plans cannot be read: those of before stay in force"
                );
                let (plans, ever) = (present.plans.clone(), present.ever.clone());
                return Ok(Arc::new(Known::new(revision, is_settled, plans, ever)));
            }
            (Err(error), _) => return Err(error),
        };
        let mut ever = present.map_or_else(BTreeMap::new, |present| present.ever.clone());
        let mut in_force = BTreeMap::new();
        for plan in plans {
            let Some(mut new) = PlanInForce::new(&plan, &self.stage) else {
                continue;
            };
            if let Some(earlier) = ever.get(&plan.id) {
                new = new.after(earlier);
            }
            let new = Arc::new(new);
            ever.insert(plan.id.clone(), Arc::clone(&new));
            in_force.insert(plan.id, new);
        }
        Ok(Arc::new(Known::new(revision, is_settled, in_force, ever)))
    }

    /// Asks for a key, and keeps what is said with all else that is known.
    async fn find(
        &self,
        hash: &ApiKeyHash,
        known: &Known,
    ) -> Result<Option<Arc<KnownKey>>, StoreError> {
        let found = self.store.find(hash).await?;
        let key = found.map(|key| {
            let mut plans = key.plans.iter().filter_map(|id| known.plans.get(id));
            // With two plans for one stage nobody can say which counts.
            let plan = plans.next().filter(|_| plans.next().is_none());
            Arc::new(KnownKey::new(&key, hash, plan.map(Arc::clone)))
        });
        known.part(hash).insert(hash, key.as_ref());
        Ok(key)
    }

    fn lock_checked(&self) -> MutexGuard<'_, Checked> {
        self.checked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits for a task of its own: with a slow store and impatient clients nobody would ever hear what it
/// said.
async fn to_the_end<T: Send + 'static>(
    asking: impl Future<Output = Result<T, StoreError>> + Send + 'static,
) -> Result<T, StoreError> {
    tokio::spawn(asking).await.unwrap_or_else(|_| {
        Err(StoreError::new(
            StoreErrorKind::Internal,
            "the key store was asked and nothing came of it",
        ))
    })
}

impl Known {
    /// No keys yet: each is asked for when it is used.
    fn new(
        revision: Revision,
        is_settled: bool,
        plans: BTreeMap<PlanId, Arc<PlanInForce>>,
        ever: BTreeMap<PlanId, Arc<PlanInForce>>,
    ) -> Self {
        Self {
            revision,
            is_settled,
            plans,
            ever,
            hasher: RandomState::new(),
            parts: (0..PARTS).map(|_| Mutex::default()).collect(),
        }
    }

    fn part(&self, hash: &ApiKeyHash) -> MutexGuard<'_, Part> {
        #[allow(clippy::cast_possible_truncation, reason = "less than PARTS")]
        let part = (self.hasher.hash_one(hash) % PARTS as u64) as usize;
        self.parts[part]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Part {
    /// Forgetting a key costs a call to the store and nothing else: what is full begins anew.
    fn insert(&mut self, hash: &ApiKeyHash, key: Option<&Arc<KnownKey>>) {
        if let Some(key) = key {
            if self.known.len() >= MOST_KNOWN {
                self.known.clear();
            }
            self.known.insert(*hash, Arc::clone(key));
        } else {
            if self.unknown.len() >= MOST_UNKNOWN {
                self.unknown.clear();
            }
            self.unknown.insert(*hash);
        }
    }
}

#[async_trait]
impl KeyDirectory for KeyCache {
    async fn key(
        &self,
        hash: &ApiKeyHash,
        now: Timestamp,
    ) -> Result<Option<Arc<KnownKey>>, StoreError> {
        let known = Shared::known(&self.0, now).await?;
        {
            let part = known.part(hash);
            if let Some(key) = part.known.get(hash) {
                return Ok(Some(Arc::clone(key)));
            }
            if part.unknown.contains(hash) {
                return Ok(None);
            }
        }
        // In the request's own time: who goes away takes nothing along but what was to be remembered, and
        // no more are asking than there are requests.
        self.0.find(hash, &known).await
    }

    async fn plan(
        &self,
        id: &PlanId,
        now: Timestamp,
    ) -> Result<Option<Arc<PlanInForce>>, StoreError> {
        let known = Shared::known(&self.0, now).await?;
        Ok(known.plans.get(id).map(Arc::clone))
    }
}

impl std::fmt::Debug for KeyCache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeyCache")
            .field("stage", &self.0.stage)
            .finish_non_exhaustive()
    }
}
