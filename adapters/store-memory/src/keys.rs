use std::{
    collections::{BTreeMap, HashMap},
    ops::Bound,
    sync::{PoisonError, RwLock, RwLockReadGuard},
};

use async_trait::async_trait;
use usher_domain::{
    ports::{Applied, Change, Digest, ImportEntry, KeyPage, KeyStore, Revision, StoreError},
    usage::{
        api_key::{ApiKey, ApiKeyHash, ApiKeyId},
        plan::{PlanId, UsagePlan},
    },
};

/// API keys and their plans; lost when the process ends.
#[derive(Default)]
pub struct MemoryKeyStore {
    state: RwLock<State>,
}

#[derive(Default)]
struct State {
    revision: u64,
    plans: BTreeMap<PlanId, UsagePlan>,
    keys: BTreeMap<ApiKeyId, ApiKey>,
    /// Present and previous secrets.
    hashes: HashMap<ApiKeyHash, ApiKeyId>,
    imported: HashMap<ImportEntry, Digest>,
}

impl MemoryKeyStore {
    /// A store without plans and keys.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for MemoryKeyStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let state = self.read();
        f.debug_struct("MemoryKeyStore")
            .field("plans", &state.plans.len())
            .field("keys", &state.keys.len())
            .finish()
    }
}

impl State {
    fn make(&mut self, change: &Change) {
        match change {
            Change::PutPlan(plan) => drop(self.plans.insert(plan.id.clone(), plan.clone())),
            Change::DeletePlan(id) => drop(self.plans.remove(id)),
            Change::PutKey(key) => {
                self.remove_key(&key.id);
                let previous = key.previous.map(|previous| previous.hash);
                for hash in [Some(key.hash), previous].into_iter().flatten() {
                    self.hashes.insert(hash, key.id.clone());
                }
                self.keys.insert(key.id.clone(), key.clone());
            }
            Change::DeleteKey(id) => self.remove_key(id),
            Change::Imported(entry, digest) => drop(self.imported.insert(entry.clone(), *digest)),
        }
    }

    fn remove_key(&mut self, id: &ApiKeyId) {
        if let Some(key) = self.keys.remove(id) {
            let previous = key.previous.map(|previous| previous.hash);
            for hash in [Some(key.hash), previous].into_iter().flatten() {
                self.hashes.remove(&hash);
            }
        }
    }
}

#[async_trait]
impl KeyStore for MemoryKeyStore {
    async fn revision(&self) -> Result<Revision, StoreError> {
        Ok(Revision(self.read().revision))
    }

    async fn plans(&self) -> Result<Vec<UsagePlan>, StoreError> {
        Ok(self.read().plans.values().cloned().collect())
    }

    async fn find(&self, hash: &ApiKeyHash) -> Result<Option<ApiKey>, StoreError> {
        let state = self.read();
        let id = state.hashes.get(hash);
        Ok(id.and_then(|id| state.keys.get(id)).cloned())
    }

    async fn key(&self, id: &ApiKeyId) -> Result<Option<ApiKey>, StoreError> {
        Ok(self.read().keys.get(id).cloned())
    }

    async fn keys(&self, page: &KeyPage) -> Result<Vec<ApiKey>, StoreError> {
        let state = self.read();
        let from = page
            .after
            .as_ref()
            .map_or(Bound::Unbounded, Bound::Excluded);
        let keys = state.keys.range::<ApiKeyId, _>((from, Bound::Unbounded));
        let wanted = |key: &&ApiKey| page.plan.as_ref().is_none_or(|id| key.plans.contains(id));
        let limit = page.limit.try_into().unwrap_or(usize::MAX);
        let keys = keys.map(|(_, key)| key).filter(wanted);
        Ok(keys.take(limit).cloned().collect())
    }

    async fn imported(&self, entries: &[ImportEntry]) -> Result<Vec<Option<Digest>>, StoreError> {
        let state = self.read();
        let digests = entries
            .iter()
            .map(|entry| state.imported.get(entry).copied());
        Ok(digests.collect())
    }

    async fn apply(&self, changes: &[Change], expected: Revision) -> Result<Applied, StoreError> {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        if state.revision != expected.0 {
            return Ok(Applied::Conflict);
        }
        for change in changes {
            state.make(change);
        }
        state.revision += 1;
        Ok(Applied::Done(Revision(state.revision)))
    }
}
