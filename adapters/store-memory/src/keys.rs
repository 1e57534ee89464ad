use std::{collections::HashMap, sync::Arc};

use async_trait::async_trait;
use usher_domain::{
    ports::{KeyStore, StoreError},
    usage::{
        api_key::{ApiKey, ApiKeyHash},
        membership::{KeyEntry, MembershipError},
        plan::UsagePlan,
    },
};

/// API keys and their plans, read once.
pub struct MemoryKeyStore {
    entries: HashMap<ApiKeyHash, Arc<KeyEntry>>,
}

impl MemoryKeyStore {
    /// A store of these keys, each joined with its plans. A key that appears twice counts as it
    /// appears last, as in API Gateway's import.
    ///
    /// # Errors
    /// The index of each key that does not fit its plans, and why.
    pub fn new(
        keys: &[ApiKey],
        plans: &[Arc<UsagePlan>],
    ) -> Result<Self, Vec<(usize, MembershipError)>> {
        let mut entries = HashMap::new();
        let mut errors = Vec::new();
        for (index, key) in keys.iter().enumerate() {
            match KeyEntry::join(key, plans) {
                Ok(entry) => {
                    entries.insert(key.hash, Arc::new(entry));
                }
                Err(error) => errors.push((index, error)),
            }
        }
        if errors.is_empty() {
            Ok(Self { entries })
        } else {
            Err(errors)
        }
    }
}

impl std::fmt::Debug for MemoryKeyStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MemoryKeyStore")
            .field("keys", &self.entries.len())
            .finish()
    }
}

#[async_trait]
impl KeyStore for MemoryKeyStore {
    async fn find(&self, hash: &ApiKeyHash) -> Result<Option<Arc<KeyEntry>>, StoreError> {
        Ok(self.entries.get(hash).cloned())
    }
}
