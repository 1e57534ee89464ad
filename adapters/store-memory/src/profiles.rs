use async_trait::async_trait;
use usher_domain::{
    ports::{Deleted, Expected, ProfileStore, Put, StoreError, StoredProfile, Version},
    profile::Profile,
    user_id::UserId,
};

use crate::shards::Shards;

/// Profiles in a map.
pub struct MemoryProfileStore {
    rows: Shards<UserId, StoredProfile>,
    next_version: std::sync::atomic::AtomicU64,
}

impl MemoryProfileStore {
    /// A store without profiles.
    #[must_use]
    pub fn new() -> Self {
        Self {
            rows: Shards::new(),
            next_version: 1.into(),
        }
    }
}

impl Default for MemoryProfileStore {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for MemoryProfileStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MemoryProfileStore").finish_non_exhaustive()
    }
}

#[async_trait]
impl ProfileStore for MemoryProfileStore {
    async fn get(&self, id: &UserId) -> Result<Option<StoredProfile>, StoreError> {
        Ok(self.rows.lock(id).get(id).cloned())
    }

    async fn put(
        &self,
        id: &UserId,
        profile: &Profile,
        expected: &Expected,
    ) -> Result<Put, StoreError> {
        let mut rows = self.rows.lock(id);
        let current = rows.get(id);
        let outcome = match (current, expected) {
            (None, Expected::Anything | Expected::Absent) => Put::Created,
            (Some(_), Expected::Anything) => Put::Replaced,
            (Some(stored), Expected::Version(version)) if stored.version == *version => {
                Put::Replaced
            }
            (Some(_), Expected::Absent | Expected::Version(_)) | (None, Expected::Version(_)) => {
                return Ok(Put::Conflict);
            }
        };
        // Never the same version twice, also not after a delete: a writer that still holds an old
        // one must not find it again.
        let version = self
            .next_version
            .fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let version = Version::new(version.to_string());
        rows.insert(
            id.clone(),
            StoredProfile {
                profile: profile.clone(),
                version,
            },
        );
        Ok(outcome)
    }

    async fn delete(&self, id: &UserId, expected: &Expected) -> Result<Deleted, StoreError> {
        let mut rows = self.rows.lock(id);
        match (rows.get(id), expected) {
            (None, _) => return Ok(Deleted::Absent),
            (Some(_), Expected::Anything) => {}
            (Some(stored), Expected::Version(version)) if stored.version == *version => {}
            (Some(_), Expected::Absent | Expected::Version(_)) => return Ok(Deleted::Conflict),
        }
        rows.remove(id);
        Ok(Deleted::Deleted)
    }

    async fn ping(&self) -> Result<(), StoreError> {
        Ok(())
    }
}
