use std::collections::BTreeMap;

use sha2::{Digest as _, Sha256};

use super::{ATTEMPTS, ControlError, ControlPlane, check_key, with_plans};
use crate::{
    ports::{Change, Digest, ImportEntry, MAX_CHANGES},
    time::Timestamp,
    usage::{api_key::ApiKey, plan::UsagePlan, plan_file},
};

/// How many entries were applied; all others were imported before as they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Imported {
    /// Plans.
    pub plans: usize,
    /// Keys.
    pub keys: usize,
}

/// An entry costs its own change, and the memory of it.
const ENTRIES_AT_ONCE: usize = MAX_CHANGES / 2;

impl ControlPlane {
    /// Imports plans and keys out of files. An entry is applied when its id is new or the entry has
    /// changed since it was last imported, so that importing the same file again undoes nothing that
    /// was changed since. What was imported earlier and is in the file no more stays.
    ///
    /// A key that is there keeps its secret, which may have been rotated: the id in a file follows
    /// from the first one. Of a key that appears twice the last counts, as in API Gateway's import.
    ///
    /// # Errors
    /// [`ControlError::Key`] when a key does not fit its plans, [`ControlError::KeyExists`] when its
    /// secret is another's: of what comes before it some has been imported.
    pub async fn import(
        &self,
        plans: &[UsagePlan],
        keys: &[ApiKey],
        now: Timestamp,
    ) -> Result<Imported, ControlError> {
        let mut imported = Imported::default();
        for plans in plans.chunks(ENTRIES_AT_ONCE) {
            imported.plans += self.import_plans(plans).await?;
        }
        let last: BTreeMap<_, _> = keys.iter().map(|key| (&key.id, key)).collect();
        let keys: Vec<&ApiKey> = last.into_values().collect();
        for keys in keys.chunks(ENTRIES_AT_ONCE) {
            imported.keys += self.import_keys(keys, now).await?;
        }
        Ok(imported)
    }

    async fn import_plans(&self, plans: &[UsagePlan]) -> Result<usize, ControlError> {
        let entries: Vec<_> = plans
            .iter()
            .map(|plan| (ImportEntry::Plan(plan.id.clone()), digest_of_plan(plan)))
            .collect();
        for _ in 0..ATTEMPTS {
            let revision = self.keys.revision().await?;
            let fresh = self.fresh(&entries).await?;
            let mut changes = Vec::new();
            if fresh.contains(&true) {
                let present = self.keys.plans().await?;
                let entries = plans.iter().zip(&entries).zip(fresh);
                let new: Vec<_> = entries
                    .filter(|(_, fresh)| *fresh)
                    .map(|(new, _)| new)
                    .collect();
                // All at once, so that plans may exchange their stages.
                let going_to_be = with_plans(present.clone(), new.iter().map(|(plan, _)| *plan));
                for (plan, (entry, digest)) in new {
                    self.check_plan(plan, &present, &going_to_be).await?;
                    changes.push(Change::PutPlan(plan.clone()));
                    changes.push(Change::Imported(entry.clone(), *digest));
                }
            }
            if changes.is_empty() || self.commit(&changes, revision).await? {
                return Ok(changes.len() / 2);
            }
        }
        Err(ControlError::Contended)
    }

    async fn import_keys(&self, keys: &[&ApiKey], now: Timestamp) -> Result<usize, ControlError> {
        let entries: Vec<_> = keys
            .iter()
            .map(|key| (ImportEntry::Key(key.id.clone()), digest_of_key(key)))
            .collect();
        for _ in 0..ATTEMPTS {
            let revision = self.keys.revision().await?;
            let fresh = self.fresh(&entries).await?;
            let mut changes = Vec::new();
            if fresh.contains(&true) {
                let plans = self.keys.plans().await?;
                for ((key, (entry, digest)), fresh) in keys.iter().zip(&entries).zip(fresh) {
                    if !fresh {
                        continue;
                    }
                    check_key(key, &plans)?;
                    let key = self.merged(key, now).await?;
                    // The store knows nothing yet of those that come with it.
                    let twin = changes.iter().find_map(|change| match change {
                        Change::PutKey(other) if other.hash == key.hash => Some(&other.id),
                        _ => None,
                    });
                    if let Some(twin) = twin {
                        return Err(ControlError::KeyExists(twin.clone()));
                    }
                    changes.push(Change::PutKey(key));
                    changes.push(Change::Imported(entry.clone(), *digest));
                }
            }
            if changes.is_empty() || self.commit(&changes, revision).await? {
                return Ok(changes.len() / 2);
            }
        }
        Err(ControlError::Contended)
    }

    /// Which entries are new or have changed.
    async fn fresh(&self, entries: &[(ImportEntry, Digest)]) -> Result<Vec<bool>, ControlError> {
        let names: Vec<_> = entries.iter().map(|(entry, _)| entry.clone()).collect();
        let known = self.keys.imported(&names).await?;
        let pairs = entries.iter().zip(known);
        Ok(pairs
            .map(|((_, digest), known)| known != Some(*digest))
            .collect())
    }

    /// The key of a file's entry, with what the store alone knows of it.
    async fn merged(&self, key: &ApiKey, now: Timestamp) -> Result<ApiKey, ControlError> {
        let new = ApiKey {
            created_at: Some(now),
            ..key.clone()
        };
        if let Some(present) = self.keys.key(&key.id).await? {
            return Ok(ApiKey {
                hash: present.hash,
                previous: present.previous,
                created_at: present.created_at,
                ..new
            });
        }
        match self.keys.find(&key.hash).await? {
            Some(other) => Err(ControlError::KeyExists(other.id)),
            None => Ok(new),
        }
    }
}

fn digest_of_plan(plan: &UsagePlan) -> Digest {
    Sha256::digest(plan_file::to_json(plan).to_string()).into()
}

fn digest_of_key(key: &ApiKey) -> Digest {
    let mut digest = Sha256::new();
    let mut part = |bytes: &[u8]| {
        digest.update((bytes.len() as u64).to_be_bytes());
        digest.update(bytes);
    };
    part(key.hash.as_bytes());
    part(key.name.as_bytes());
    part(key.description.as_bytes());
    part(&[key.enabled.into()]);
    for plan in &key.plans {
        part(plan.as_str().as_bytes());
    }
    digest.finalize().into()
}
