use std::{num::NonZeroU32, sync::Arc};

use async_trait::async_trait;
use usher_domain::{
    ports::{Receipt, StoreError, Taken, UsageStore},
    time::Timestamp,
    usage::{
        account::{self, AccountState, Verdict},
        membership::Account,
    },
};

use crate::shards::Shards;

/// What this process has given out; lost when it ends.
///
/// One state for each account that was ever used: as many as there are keys, which are configured
/// and not the caller's to invent.
pub struct MemoryUsageStore {
    accounts: Shards<Arc<str>, AccountState>,
}

impl MemoryUsageStore {
    /// A store in which nothing has been spent.
    #[must_use]
    pub fn new() -> Self {
        Self {
            accounts: Shards::new(),
        }
    }
}

impl Default for MemoryUsageStore {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for MemoryUsageStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MemoryUsageStore").finish_non_exhaustive()
    }
}

#[async_trait]
impl UsageStore for MemoryUsageStore {
    async fn take(
        &self,
        account: &Account,
        tokens: NonZeroU32,
        now: Timestamp,
    ) -> Result<Taken, StoreError> {
        let mut accounts = self.accounts.lock(&account.id);
        let state = accounts.get(&account.id).copied().unwrap_or_default();
        match account::take(&state, &account.limits, tokens, now) {
            Verdict::Refused(refused) => Ok(Taken::Refused(refused)),
            Verdict::Granted { state, levels } => {
                match accounts.get_mut(&account.id) {
                    Some(kept) => *kept = state,
                    None => {
                        accounts.insert(Arc::clone(&account.id), state);
                    }
                }
                let window = account.limits.quota.as_ref().and_then(|quota| {
                    state
                        .spent
                        .map(|spent| quota.period().window_at(spent.window_start))
                });
                Ok(Taken::Granted {
                    receipt: Receipt { tokens, window },
                    levels,
                })
            }
        }
    }

    async fn give_back(&self, account: &Account, receipt: Receipt) -> Result<(), StoreError> {
        let mut accounts = self.accounts.lock(&account.id);
        if let Some(kept) = accounts.get_mut(&account.id) {
            *kept = account::give_back(kept, &account.limits, receipt.tokens, receipt.window);
        }
        Ok(())
    }
}
