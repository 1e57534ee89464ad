//! Plans and keys as those who run a deployment see and change them.

mod error;
mod import;

use std::{sync::Arc, time::Duration};

pub use self::{error::ControlError, import::Imported};
use crate::{
    ports::{AccountPage, Applied, Change, KeyPage, KeyStore, Revision, UsageStore},
    time::Timestamp,
    usage::{
        api_key::{ApiKey, ApiKeyHash, ApiKeyId, PreviousSecret},
        membership::{self, AccountName},
        plan::{PlanId, UsagePlan},
        quota::{self, Window},
    },
};

/// How often a change is tried again that somebody else came before.
const ATTEMPTS: usize = 16;
/// Keys and accounts that are read at once.
const PAGE: u32 = 500;

/// Changes plans and keys so that they fit together, whoever else changes them at the same time.
#[derive(Clone)]
pub struct ControlPlane {
    keys: Arc<dyn KeyStore>,
    usage: Arc<dyn UsageStore>,
}

/// A key that is to be made. The secret stays with whoever made it up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewKey {
    /// The secret's hash.
    pub hash: ApiKeyHash,
    /// For people.
    pub name: String,
    /// For people.
    pub description: String,
    /// Whether it opens anything yet.
    pub enabled: bool,
    /// Its plans.
    pub plans: Vec<PlanId>,
}

/// How long the old secret of a rotated key stays good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overlap {
    /// Not at all.
    None,
    /// So long.
    For(Duration),
}

/// What an account has spent of its quota.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedUsage {
    /// Whose account.
    pub name: AccountName,
    /// Calls counted in the period: those let in, and those that running processes have set aside.
    pub used: u64,
    /// The plan's limit.
    pub limit: u64,
    /// The period.
    pub window: Window,
}

impl ControlPlane {
    /// A control plane over these stores.
    #[must_use]
    pub fn new(keys: Arc<dyn KeyStore>, usage: Arc<dyn UsageStore>) -> Self {
        Self { keys, usage }
    }

    /// All plans, by id.
    ///
    /// # Errors
    /// [`ControlError::Store`].
    pub async fn plans(&self) -> Result<Vec<UsagePlan>, ControlError> {
        Ok(self.keys.plans().await?)
    }

    /// One plan.
    ///
    /// # Errors
    /// [`ControlError::NoSuchPlan`], [`ControlError::Store`].
    pub async fn plan(&self, id: &PlanId) -> Result<UsagePlan, ControlError> {
        let plans = self.keys.plans().await?;
        let found = plans.into_iter().find(|plan| plan.id == *id);
        found.ok_or_else(|| ControlError::NoSuchPlan(id.clone()))
    }

    /// Deletes a plan that no key belongs to.
    ///
    /// # Errors
    /// [`ControlError::NoSuchPlan`], [`ControlError::PlanInUse`].
    pub async fn delete_plan(&self, id: &PlanId) -> Result<(), ControlError> {
        for _ in 0..ATTEMPTS {
            let revision = self.keys.revision().await?;
            self.plan(id).await?;
            let page = KeyPage {
                plan: Some(id.clone()),
                limit: 1,
                ..KeyPage::default()
            };
            if let Some(key) = self.keys.keys(&page).await?.into_iter().next() {
                return Err(ControlError::PlanInUse(id.clone(), key.id));
            }
            if self
                .commit(&[Change::DeletePlan(id.clone())], revision)
                .await?
            {
                return Ok(());
            }
        }
        Err(ControlError::Contended)
    }

    /// Keys by id, a page at a time.
    ///
    /// # Errors
    /// [`ControlError::NoSuchPlan`] when the page names one that is not there.
    pub async fn keys(&self, page: &KeyPage) -> Result<Vec<ApiKey>, ControlError> {
        if let Some(plan) = &page.plan {
            self.plan(plan).await?;
        }
        Ok(self.keys.keys(page).await?)
    }

    /// One key.
    ///
    /// # Errors
    /// [`ControlError::NoSuchKey`].
    pub async fn key(&self, id: &ApiKeyId) -> Result<ApiKey, ControlError> {
        let found = self.keys.key(id).await?;
        found.ok_or_else(|| ControlError::NoSuchKey(id.clone()))
    }

    /// Makes a key.
    ///
    /// # Errors
    /// [`ControlError::KeyExists`], [`ControlError::Key`] when its plans do not fit.
    pub async fn create_key(&self, new: &NewKey, now: Timestamp) -> Result<ApiKey, ControlError> {
        let key = ApiKey {
            id: ApiKeyId::derived_from(&new.hash),
            hash: new.hash,
            previous: None,
            name: new.name.clone(),
            description: new.description.clone(),
            enabled: new.enabled,
            plans: new.plans.clone(),
            created_at: Some(now),
        };
        for _ in 0..ATTEMPTS {
            let revision = self.keys.revision().await?;
            if let Some(other) = self.keys.find(&key.hash).await? {
                return Err(ControlError::KeyExists(other.id));
            }
            if self.keys.key(&key.id).await?.is_some() {
                return Err(ControlError::KeyExists(key.id));
            }
            check_key(&key, &self.keys.plans().await?)?;
            if self
                .commit(&[Change::PutKey(key.clone())], revision)
                .await?
            {
                return Ok(key);
            }
        }
        Err(ControlError::Contended)
    }

    /// Lets a key open what it may, or nothing.
    ///
    /// # Errors
    /// [`ControlError::NoSuchKey`].
    pub async fn set_enabled(&self, id: &ApiKeyId, enabled: bool) -> Result<ApiKey, ControlError> {
        for _ in 0..ATTEMPTS {
            let revision = self.keys.revision().await?;
            let key = ApiKey {
                enabled,
                ..self.key(id).await?
            };
            if self
                .commit(&[Change::PutKey(key.clone())], revision)
                .await?
            {
                return Ok(key);
            }
        }
        Err(ControlError::Contended)
    }

    /// Gives a key another secret. Id, plans and what is spent stay; the old secret stays good for the
    /// overlap.
    ///
    /// # Errors
    /// [`ControlError::NoSuchKey`]; [`ControlError::KeyExists`]; [`ControlError::StillRotating`] when
    /// an overlap is wanted while one runs: the first secret would stop earlier than was said.
    pub async fn rotate_key(
        &self,
        id: &ApiKeyId,
        hash: ApiKeyHash,
        overlap: Overlap,
        now: Timestamp,
    ) -> Result<ApiKey, ControlError> {
        for _ in 0..ATTEMPTS {
            let revision = self.keys.revision().await?;
            let key = self.key(id).await?;
            if let Some(other) = self.keys.find(&hash).await? {
                return Err(ControlError::KeyExists(other.id));
            }
            let previous = match (overlap, key.previous) {
                (Overlap::None, _) => None,
                (Overlap::For(_), Some(other)) if now < other.until => {
                    return Err(ControlError::StillRotating(key.id, other.until));
                }
                (Overlap::For(overlap), _) => Some(PreviousSecret {
                    hash: key.hash,
                    until: now.plus(overlap),
                }),
            };
            let key = ApiKey {
                hash,
                previous,
                ..key
            };
            if self
                .commit(&[Change::PutKey(key.clone())], revision)
                .await?
            {
                return Ok(key);
            }
        }
        Err(ControlError::Contended)
    }

    /// Deletes a key. What it has spent stays counted, should the same key ever come back.
    ///
    /// # Errors
    /// [`ControlError::NoSuchKey`].
    pub async fn delete_key(&self, id: &ApiKeyId) -> Result<(), ControlError> {
        for _ in 0..ATTEMPTS {
            let revision = self.keys.revision().await?;
            self.key(id).await?;
            if self
                .commit(&[Change::DeleteKey(id.clone())], revision)
                .await?
            {
                return Ok(());
            }
        }
        Err(ControlError::Contended)
    }

    /// What accounts have spent of their quotas in the periods that count at `now`, for plans that
    /// have quotas. Accounts that were never used are not listed.
    ///
    /// # Errors
    /// [`ControlError::NoSuchPlan`].
    pub async fn usage(
        &self,
        plan: Option<&PlanId>,
        now: Timestamp,
    ) -> Result<Vec<ListedUsage>, ControlError> {
        let plans = match plan {
            Some(id) => vec![self.plan(id).await?],
            None => self.keys.plans().await?,
        };
        let mut listed = Vec::new();
        let mut page = AccountPage {
            plan: plan.cloned(),
            after: None,
            limit: PAGE,
        };
        loop {
            let accounts = self.usage.accounts(&page).await?;
            for (name, state) in &accounts {
                let plan = plans.iter().find(|plan| plan.id == name.plan);
                let Some(limits) = plan.and_then(|plan| plan.limits.quota.as_ref()) else {
                    continue;
                };
                let (spent, window) = quota::current(state.spent, limits, now);
                listed.push(ListedUsage {
                    name: name.clone(),
                    used: spent.used,
                    limit: limits.limit(),
                    window,
                });
            }
            match accounts.into_iter().last() {
                Some((last, _)) => page.after = Some(last),
                None => return Ok(listed),
            }
        }
    }

    /// Whether the changes were made; `false` when somebody else came before.
    async fn commit(&self, changes: &[Change], seen: Revision) -> Result<bool, ControlError> {
        Ok(matches!(
            self.keys.apply(changes, seen).await?,
            Applied::Done(_)
        ))
    }

    /// Whoever read in several calls may have read of two revisions, and what does not fit then says
    /// nothing: it is looked at anew.
    async fn unless_outdated(
        &self,
        error: ControlError,
        seen: Revision,
    ) -> Result<(), ControlError> {
        let is_genuine = match &error {
            ControlError::Store(_) => true,
            _ => self.keys.revision().await? == seen,
        };
        if is_genuine { Err(error) } else { Ok(()) }
    }

    /// Whether the keys of a plan fit it when `plans` become what they are `going_to_be`.
    async fn check_plan(
        &self,
        plan: &UsagePlan,
        plans: &[UsagePlan],
        going_to_be: &[UsagePlan],
    ) -> Result<(), ControlError> {
        let present = plans.iter().find(|other| other.id == plan.id);
        let grows = |present: &UsagePlan| {
            let mut stages = plan.stages.iter();
            stages.any(|entry| !present.covers(&entry.stage))
        };
        // A plan that is new has no keys, and one that covers no more than before fits as before.
        if !present.is_some_and(grows) {
            return Ok(());
        }
        let mut page = KeyPage {
            plan: Some(plan.id.clone()),
            after: None,
            limit: PAGE,
        };
        loop {
            let keys = self.keys.keys(&page).await?;
            for key in &keys {
                check_key(key, going_to_be)?;
            }
            match keys.into_iter().last() {
                Some(last) => page.after = Some(last.id),
                None => return Ok(()),
            }
        }
    }
}

/// `plans` when these have been made or replaced.
fn with_plans<'a>(
    mut plans: Vec<UsagePlan>,
    new: impl IntoIterator<Item = &'a UsagePlan>,
) -> Vec<UsagePlan> {
    for plan in new {
        plans.retain(|other| other.id != plan.id);
        plans.push(plan.clone());
    }
    plans
}

fn check_key(key: &ApiKey, plans: &[UsagePlan]) -> Result<(), ControlError> {
    membership::check(&key.plans, |id| plans.iter().find(|plan| plan.id == *id))
        .map_err(|error| ControlError::Key(key.id.clone(), error))
}

impl std::fmt::Debug for ControlPlane {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ControlPlane").finish_non_exhaustive()
    }
}
