use std::{collections::BTreeMap, num::NonZeroU32};

use async_trait::async_trait;
use usher_domain::{
    ports::{AccountPage, Receipt, StoreError, StoreErrorKind, Taken, UsageStore},
    time::Timestamp,
    usage::{
        account::{self, AccountState, Limits, Verdict},
        membership::{Account, AccountName},
    },
};

use crate::shards::Shards;

/// What this process has given out; lost when it ends.
///
/// An account is forgotten when that changes no answer, and never before: when there is no room for
/// another, that one is refused.
pub struct MemoryUsageStore {
    accounts: Shards<AccountName, Kept>,
    most_in_a_shard: usize,
}

/// An account, and by what its state is to be read.
#[derive(Debug, Clone, Copy)]
struct Kept {
    state: AccountState,
    limits: Limits,
}

/// Accounts that are kept at most: about 300 bytes each.
const MOST: usize = 1 << 20;

impl MemoryUsageStore {
    /// A store in which nothing has been spent.
    #[must_use]
    pub fn new() -> Self {
        Self::with_room_for(MOST)
    }

    /// A store that keeps about so many accounts which are not as good as new.
    #[must_use]
    pub fn with_room_for(accounts: usize) -> Self {
        let shards = Shards::new();
        Self {
            most_in_a_shard: accounts.div_ceil(shards.len()),
            accounts: shards,
        }
    }

    /// How many accounts are kept.
    #[must_use]
    pub fn len(&self) -> usize {
        self.accounts.all().map(|accounts| accounts.len()).sum()
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
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
        let mut accounts = self.accounts.lock(&account.name);
        let known = accounts.get(&account.name).map(|kept| kept.state);
        match account::take(&known.unwrap_or_default(), &account.limits, tokens, now) {
            Verdict::Refused(refused) => Ok(Taken::Refused(refused)),
            Verdict::Granted { state, levels } => {
                if known.is_none()
                    && accounts.len() == accounts.capacity().min(self.most_in_a_shard)
                {
                    // Before the map grows, so that each account is looked at about as often as it is
                    // copied.
                    accounts
                        .retain(|_, kept| !account::is_forgettable(&kept.state, &kept.limits, now));
                    if accounts.len() >= self.most_in_a_shard {
                        return Err(StoreError::new(
                            StoreErrorKind::Overloaded,
                            "memory: as many accounts have spent something as may be kept",
                        ));
                    }
                }
                let limits = account.limits;
                accounts.insert(account.name.clone(), Kept { state, limits });
                let window = account::counted_in(&state, &limits);
                Ok(Taken::Granted {
                    receipt: Receipt { tokens, window },
                    levels,
                })
            }
        }
    }

    async fn give_back(&self, account: &Account, receipt: Receipt) -> Result<(), StoreError> {
        let mut accounts = self.accounts.lock(&account.name);
        if let Some(kept) = accounts.get_mut(&account.name) {
            let Receipt { tokens, window } = receipt;
            kept.state = account::give_back(&kept.state, &account.limits, tokens, window);
        }
        Ok(())
    }

    async fn accounts(
        &self,
        page: &AccountPage,
    ) -> Result<Vec<(AccountName, AccountState)>, StoreError> {
        let order = |name: &AccountName| (name.plan.clone(), name.holder.to_string());
        let after = page.after.as_ref().map(order);
        let mut listed = BTreeMap::new();
        for accounts in self.accounts.all() {
            for (name, kept) in accounts.iter() {
                let place = order(name);
                let wanted = page.plan.as_ref().is_none_or(|plan| *plan == name.plan)
                    && after.as_ref().is_none_or(|after| place > *after);
                if wanted {
                    listed.insert(place, (name.clone(), kept.state));
                }
            }
        }
        let limit = page.limit.try_into().unwrap_or(usize::MAX);
        Ok(listed.into_values().take(limit).collect())
    }
}
