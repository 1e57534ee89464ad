use std::collections::BTreeMap;

use sha2::{Digest as _, Sha256};

use super::{ATTEMPTS, ControlError, ControlPlane, check_key, with_plans};
use crate::{
    ports::{Change, Digest, ImportEntry, MAX_CHANGES},
    time::Timestamp,
    usage::{api_key::ApiKey, plan::UsagePlan, plan_file},
};

/// How many entries were applied; all others say what is there, or were imported before as they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Imported {
    /// Plans.
    pub plans: usize,
    /// Keys.
    pub keys: usize,
}

/// An entry costs its own change, and the memory of it.
const ENTRIES_AT_ONCE: usize = MAX_CHANGES / 2;

/// Who imports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    /// The start of a server, which remembers what it imported.
    Start,
    /// Somebody, by hand.
    Hand,
}

/// Entries of a file that one change of the store can hold.
#[derive(Clone, Copy)]
enum Entries<'a> {
    Plans(&'a [UsagePlan]),
    Keys(&'a [&'a ApiKey], Timestamp),
}

impl ControlPlane {
    /// Imports plans and keys out of files when a server starts. An entry is applied when its id is new
    /// or the entry has changed since it was last imported, so that importing the same file again undoes
    /// nothing that was changed since. What was imported earlier and is in the file no more stays.
    ///
    /// A key that is there keeps its secret, which may have been rotated: the id in a file follows
    /// from the first one. Of a key that appears twice the last counts, as in API Gateway's import.
    ///
    /// # Errors
    /// [`ControlError::Key`] when a key does not fit its plans, [`ControlError::KeyExists`] when its
    /// secret is the old one of another: of what comes before it some has been imported.
    pub async fn import(
        &self,
        plans: &[UsagePlan],
        keys: &[ApiKey],
        now: Timestamp,
    ) -> Result<Imported, ControlError> {
        self.import_by(By::Start, plans, keys, now).await
    }

    /// The same by hand: every entry is applied that says something else than what is there, and the
    /// next start does not take it for its own.
    ///
    /// # Errors
    /// Those of [`import`](Self::import).
    pub async fn import_by_hand(
        &self,
        plans: &[UsagePlan],
        keys: &[ApiKey],
        now: Timestamp,
    ) -> Result<Imported, ControlError> {
        self.import_by(By::Hand, plans, keys, now).await
    }

    async fn import_by(
        &self,
        by: By,
        plans: &[UsagePlan],
        keys: &[ApiKey],
        now: Timestamp,
    ) -> Result<Imported, ControlError> {
        let mut imported = Imported::default();
        for plans in plans.chunks(ENTRIES_AT_ONCE) {
            imported.plans += self.import_chunk(by, Entries::Plans(plans)).await?;
        }
        let last: BTreeMap<_, _> = keys.iter().map(|key| (&key.id, key)).collect();
        let keys: Vec<&ApiKey> = last.into_values().collect();
        for keys in keys.chunks(ENTRIES_AT_ONCE) {
            imported.keys += self.import_chunk(by, Entries::Keys(keys, now)).await?;
        }
        Ok(imported)
    }

    /// Makes the changes, worked out anew whenever somebody else came before, and tells how many
    /// entries they apply.
    async fn import_chunk(&self, by: By, entries: Entries<'_>) -> Result<usize, ControlError> {
        for _ in 0..ATTEMPTS {
            let revision = self.keys.revision().await?;
            let changes = match entries {
                Entries::Plans(plans) => self.new_plans(by, plans).await,
                Entries::Keys(keys, now) => self.new_keys(by, keys, now).await,
            };
            let changes = match changes {
                Ok(changes) => changes,
                Err(error) => {
                    self.unless_outdated(error, revision).await?;
                    continue;
                }
            };
            if changes.is_empty() || self.commit(&changes, revision).await? {
                let entries = changes.iter();
                let entries = entries.filter(|change| !matches!(change, Change::Imported(..)));
                return Ok(entries.count());
            }
        }
        Err(ControlError::Contended)
    }

    /// Two changes for each entry that is new or has changed: its own, and the memory of it.
    async fn new_plans(&self, by: By, plans: &[UsagePlan]) -> Result<Vec<Change>, ControlError> {
        let mut memory = match by {
            By::Start => {
                let entries = plans.iter().map(|plan| {
                    let entry = ImportEntry::Plan(plan.id.clone());
                    (entry, digest_of_plan(plan))
                });
                self.unless_imported(entries.collect()).await?
            }
            By::Hand => vec![None; plans.len()],
        };
        if by == By::Start && memory.iter().all(Option::is_none) {
            return Ok(Vec::new());
        }
        let present = self.keys.plans().await?;
        let entries = plans.iter().zip(&mut memory);
        let new: Vec<_> = entries
            .filter(|(plan, memory)| match by {
                By::Start => memory.is_some(),
                By::Hand => !present.contains(plan),
            })
            .collect();
        // All at once, so that plans may exchange their stages.
        let going_to_be = with_plans(present.clone(), new.iter().map(|(plan, _)| *plan));
        let mut changes = Vec::new();
        for (plan, memory) in new {
            self.check_plan(plan, &present, &going_to_be).await?;
            changes.push(Change::PutPlan(plan.clone()));
            changes.extend(memory.take());
        }
        Ok(changes)
    }

    /// The same of keys.
    async fn new_keys(
        &self,
        by: By,
        keys: &[&ApiKey],
        now: Timestamp,
    ) -> Result<Vec<Change>, ControlError> {
        let memory = match by {
            By::Start => {
                let entries = keys.iter().map(|key| {
                    let entry = ImportEntry::Key(key.id.clone());
                    (entry, digest_of_key(key))
                });
                self.unless_imported(entries.collect()).await?
            }
            By::Hand => vec![None; keys.len()],
        };
        if by == By::Start && memory.iter().all(Option::is_none) {
            return Ok(Vec::new());
        }
        let plans = self.keys.plans().await?;
        let mut changes = Vec::new();
        for (key, memory) in keys.iter().zip(memory) {
            if by == By::Start && memory.is_none() {
                continue;
            }
            check_key(key, &plans)?;
            let (key, is_new) = self.merged(key, now).await?;
            if by == By::Hand && !is_new {
                continue;
            }
            // The store knows nothing yet of those that come with it.
            let twin = changes.iter().find_map(|change| match change {
                Change::PutKey(other) if other.hash == key.hash => Some(&other.id),
                _ => None,
            });
            if let Some(twin) = twin {
                return Err(ControlError::KeyExists(twin.clone()));
            }
            changes.push(Change::PutKey(key));
            changes.extend(memory);
        }
        Ok(changes)
    }

    /// The memory that is to be kept of each entry; `None` of those that were imported as they are.
    async fn unless_imported(
        &self,
        entries: Vec<(ImportEntry, Digest)>,
    ) -> Result<Vec<Option<Change>>, ControlError> {
        let names: Vec<_> = entries.iter().map(|(entry, _)| entry.clone()).collect();
        let known = self.keys.imported(&names).await?;
        let pairs = entries.into_iter().zip(known);
        let memory = pairs.map(|((entry, digest), known)| {
            (known != Some(digest)).then_some(Change::Imported(entry, digest))
        });
        Ok(memory.collect())
    }

    /// The key of a file's entry, with what the store alone knows of it, and whether that is something
    /// else than what is there.
    async fn merged(&self, key: &ApiKey, now: Timestamp) -> Result<(ApiKey, bool), ControlError> {
        let present = match self.keys.key(&key.id).await? {
            Some(present) => Some(present),
            // Somebody rotated the key, and then the file: it is the same key, under its first id.
            None => match self.keys.find(&key.hash).await? {
                Some(other) if other.hash != key.hash => {
                    return Err(ControlError::KeyExists(other.id));
                }
                found => found,
            },
        };
        let Some(present) = present else {
            let new = ApiKey {
                created_at: Some(now),
                ..key.clone()
            };
            return Ok((new, true));
        };
        let merged = ApiKey {
            id: present.id.clone(),
            hash: present.hash,
            previous: present.previous,
            created_at: present.created_at,
            ..key.clone()
        };
        let is_new = merged != present;
        Ok((merged, is_new))
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
