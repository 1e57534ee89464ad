use std::{
    collections::{BTreeMap, HashMap},
    num::NonZeroU32,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use usher_domain::{
    ports::{
        AccountPage, Admission, Charge, Clock, KeyDirectory, Pacer, Receipt, StoreError, Taken,
        UsageStore,
    },
    time::Timestamp,
    usage::{
        account::{self, AccountState, Levels, LimitKind, Limits, Refusals, Refused, Verdict},
        api_key::ApiKeyHash,
        membership::{Account, AccountName, Holder, KnownKey},
        plan::{PlanId, PlanInForce},
        throttle::Throttle,
    },
};

use super::{Behaviour, Switch, lock};

/// The domain's rule over a map.
#[derive(Debug)]
pub struct FakeUsageStore {
    accounts: Mutex<BTreeMap<AccountName, AccountState>>,
    switch: Switch,
}

impl FakeUsageStore {
    /// A store in which nothing has been spent.
    #[must_use]
    pub fn new() -> Self {
        Self {
            accounts: Mutex::default(),
            switch: Switch::new(),
        }
    }

    /// Tells the store what to do from now on.
    pub fn behave(&self, behaviour: Behaviour) {
        self.switch.set(behaviour);
    }
}

impl FakeUsageStore {
    /// What is left of an account, behind everybody's back.
    fn levels(&self, account: &Account, now: Timestamp) -> Levels {
        let state = lock(&self.accounts).get(&account.name).copied();
        account::levels(&state.unwrap_or_default(), &account.limits, now)
    }
}

impl Default for FakeUsageStore {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl UsageStore for FakeUsageStore {
    async fn take(
        &self,
        account: &Account,
        tokens: NonZeroU32,
        now: Timestamp,
    ) -> Result<Taken, StoreError> {
        self.switch.pass().await?;
        let mut accounts = lock(&self.accounts);
        let state = accounts.get(&account.name).copied().unwrap_or_default();
        match account::take(&state, &account.limits, tokens, now) {
            Verdict::Refused(refused) => Ok(Taken::Refused(refused)),
            Verdict::Granted { state, levels } => {
                accounts.insert(account.name.clone(), state);
                let window = account::counted_in(&state, &account.limits);
                let receipt = Receipt { tokens, window };
                Ok(Taken::Granted { receipt, levels })
            }
        }
    }

    async fn give_back(&self, account: &Account, receipt: Receipt) -> Result<(), StoreError> {
        self.switch.pass().await?;
        if let Some(state) = lock(&self.accounts).get_mut(&account.name) {
            *state = account::give_back(state, &account.limits, receipt.tokens, receipt.window);
        }
        Ok(())
    }

    async fn accounts(
        &self,
        page: &AccountPage,
    ) -> Result<Vec<(AccountName, AccountState)>, StoreError> {
        self.switch.pass().await?;
        let order = |name: &AccountName| (name.plan.clone(), name.holder.to_string());
        let mut listed: Vec<_> = lock(&self.accounts)
            .iter()
            .map(|(name, state)| (name.clone(), *state))
            .filter(|(name, _)| page.plan.as_ref().is_none_or(|plan| *plan == name.plan))
            .filter(|(name, _)| {
                page.after
                    .as_ref()
                    .is_none_or(|after| order(name) > order(after))
            })
            .collect();
        listed.sort_by_key(|(name, _)| order(name));
        listed.truncate(page.limit as usize);
        Ok(listed)
    }
}

/// The keys and plans of a list.
#[derive(Debug)]
pub struct FakeKeyDirectory {
    keys: HashMap<ApiKeyHash, Arc<KnownKey>>,
    plans: Vec<Arc<PlanInForce>>,
    switch: Switch,
}

impl FakeKeyDirectory {
    /// A directory of these.
    #[must_use]
    pub fn new(
        keys: impl IntoIterator<Item = (ApiKeyHash, KnownKey)>,
        plans: impl IntoIterator<Item = Arc<PlanInForce>>,
    ) -> Self {
        let keys = keys.into_iter();
        Self {
            keys: keys.map(|(hash, key)| (hash, Arc::new(key))).collect(),
            plans: plans.into_iter().collect(),
            switch: Switch::new(),
        }
    }

    /// Tells the directory what to do from now on.
    pub fn behave(&self, behaviour: Behaviour) {
        self.switch.set(behaviour);
    }
}

#[async_trait]
impl KeyDirectory for FakeKeyDirectory {
    async fn key(
        &self,
        hash: &ApiKeyHash,
        _now: Timestamp,
    ) -> Result<Option<Arc<KnownKey>>, StoreError> {
        self.switch.pass().await?;
        Ok(self.keys.get(hash).cloned())
    }

    async fn plan(
        &self,
        id: &PlanId,
        _now: Timestamp,
    ) -> Result<Option<Arc<PlanInForce>>, StoreError> {
        self.switch.pass().await?;
        Ok(self.plans.iter().find(|plan| plan.id == *id).cloned())
    }
}

/// A pacer that asks a usage store for each bucket of each call.
#[derive(Debug)]
pub struct FakePacer {
    store: Arc<FakeUsageStore>,
    service: Option<Throttle>,
}

impl FakePacer {
    /// A pacer over this store, with a bucket over everything if wanted.
    #[must_use]
    pub fn new(store: Arc<FakeUsageStore>, service: Option<Throttle>) -> Self {
        Self { store, service }
    }

    /// A bucket as an account of its own.
    fn bucket(plan: &str, holder: &str, throttle: Throttle) -> Account {
        let (throttle, quota) = (Some(throttle), None);
        Account {
            name: AccountName {
                plan: PlanId::new(plan),
                holder: Holder::Principal(holder.into()),
            },
            limits: Limits { throttle, quota },
        }
    }

    /// What a call is charged to, and which limit each account's bucket is.
    fn accounts(&self, charge: Option<&Charge<'_>>) -> Vec<(LimitKind, Account)> {
        let mut accounts = Vec::new();
        if let Some(service) = self.service {
            accounts.push((LimitKind::Service, Self::bucket("", "service", service)));
        }
        let Some(charge) = charge else {
            return accounts;
        };
        let name = charge.name();
        if let Some(throttle) = charge.plan.per_user {
            let user = format!("{name:?} {}", charge.principal);
            accounts.push((LimitKind::User, Self::bucket("user", &user, throttle)));
        }
        let mut limits = charge.plan.limits;
        if let Some((own, true)) = charge.plan.throttle(charge.method) {
            limits.throttle = None;
            let method = format!("{name:?} {}", charge.method);
            accounts.push((LimitKind::Throttle, Self::bucket("method", &method, *own)));
        }
        accounts.push((LimitKind::Throttle, Account { name, limits }));
        accounts
    }
}

#[async_trait]
impl Pacer for FakePacer {
    fn try_admit(&self, _charge: Option<&Charge<'_>>, _now: Timestamp) -> Option<Admission> {
        None
    }

    async fn admit(
        &self,
        charge: Option<&Charge<'_>>,
        clock: &dyn Clock,
    ) -> Result<Admission, StoreError> {
        let now = clock.now();
        let accounts = self.accounts(charge);
        let mut refusals = Refusals::default();
        let mut taken = Vec::new();
        for (kind, account) in &accounts {
            match self.store.take(account, NonZeroU32::MIN, now).await? {
                Taken::Granted { receipt, .. } => taken.push((account, receipt)),
                Taken::Refused(refused) if refused.by == LimitKind::Quota => {
                    refusals.add(LimitKind::Quota, refused.wait);
                }
                Taken::Refused(refused) => refusals.add(*kind, refused.wait),
            }
        }
        let refused = refusals.last_to_open();
        if refused.is_some() {
            for (account, receipt) in taken {
                self.store.give_back(account, receipt).await?;
            }
        }
        let mut levels = Levels::default();
        for (kind, account) in &accounts {
            let told = self.store.levels(account, now);
            levels.quota = told.quota.or(levels.quota);
            let bucket = match kind {
                LimitKind::User => &mut levels.user,
                LimitKind::Service => &mut levels.service,
                LimitKind::Throttle | LimitKind::Quota => &mut levels.throttle,
            };
            *bucket = told.throttle.or(*bucket);
        }
        Ok(match refused {
            None => Admission::Admitted(levels),
            Some((by, wait)) => Admission::Refused(Refused { by, wait, levels }),
        })
    }
}
