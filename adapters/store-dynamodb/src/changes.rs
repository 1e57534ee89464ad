//! A batch of changes as one transaction.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::{
    error::BuildError,
    types::{AttributeValue, Delete, Put, TransactWriteItem, Update},
};
use usher_domain::{
    ports::{Change, Digest, ImportEntry, Revision, StoreError, StoreErrorKind},
    usage::{
        api_key::{ApiKey, ApiKeyHash, ApiKeyId},
        plan::{PlanId, UsagePlan},
        plan_file,
    },
};

use crate::{
    control::{Item, key},
    key_items::{entry_key, id_key, key_key, key_to_item, secret_key},
};

pub(crate) const REVISION: &str = "revision";

/// What a transaction may have.
const MOST_ACTIONS: usize = 100;

pub(crate) fn revision_key() -> Item {
    key("control", REVISION)
}

/// What is there after all changes: a transaction must not touch an item twice, and so of several
/// changes of one thing only the last is made.
pub(crate) struct Batch<'a> {
    plans: BTreeMap<&'a PlanId, Option<&'a UsagePlan>>,
    pub(crate) keys: BTreeMap<&'a ApiKeyId, Option<&'a ApiKey>>,
    imported: BTreeMap<&'a ImportEntry, &'a Digest>,
}

impl<'a> Batch<'a> {
    pub(crate) fn of(changes: &'a [Change]) -> Self {
        let mut batch = Self {
            plans: BTreeMap::new(),
            keys: BTreeMap::new(),
            imported: BTreeMap::new(),
        };
        for change in changes {
            match change {
                Change::PutPlan(plan) => drop(batch.plans.insert(&plan.id, Some(plan))),
                Change::DeletePlan(id) => drop(batch.plans.insert(id, None)),
                Change::PutKey(key) => drop(batch.keys.insert(&key.id, Some(key))),
                Change::DeleteKey(id) => drop(batch.keys.insert(id, None)),
                Change::Imported(entry, digest) => drop(batch.imported.insert(entry, digest)),
            }
        }
        batch
    }

    /// The transaction: first the revision, which has to be the `expected` one. `present` is what keys
    /// of the batch are now.
    ///
    /// # Errors
    /// When it would be more than a transaction may have.
    pub(crate) fn actions(
        &self,
        table: &str,
        present: &BTreeMap<ApiKeyId, ApiKey>,
        expected: Revision,
    ) -> Result<Vec<TransactWriteItem>, StoreError> {
        let made = self.build(table, present, expected);
        let internal = |said| StoreError::new(StoreErrorKind::Internal, said);
        match made {
            Ok(actions) if actions.len() <= MOST_ACTIONS => Ok(actions),
            Ok(_) => Err(internal(
                "DynamoDB: more changes than one transaction may have",
            )),
            Err(error) => Err(internal("DynamoDB: changes").caused_by(error)),
        }
    }

    fn build(
        &self,
        table: &str,
        present: &BTreeMap<ApiKeyId, ApiKey>,
        expected: Revision,
    ) -> Result<Vec<TransactWriteItem>, BuildError> {
        let mut actions = vec![count_up(table, expected)?];
        for (id, plan) in &self.plans {
            let key = id_key("plans", id.as_str());
            actions.push(match plan {
                None => delete(table, key)?,
                Some(plan) => {
                    let body = plan_file::to_json(plan).to_string();
                    put(table, with(key, "body", AttributeValue::S(body)), false)?
                }
            });
        }
        for (id, key) in &self.keys {
            actions.push(match key {
                None => delete(table, key_key(id))?,
                Some(key) => put(table, key_to_item(key), false)?,
            });
        }
        let before = secrets(present.values());
        let after = secrets(self.keys.values().filter_map(|key| *key));
        for hash in before.keys().filter(|hash| !after.contains_key(*hash)) {
            actions.push(delete(table, secret_key(&ApiKeyHash::from_bytes(**hash)))?);
        }
        for (hash, id) in &after {
            if before.get(hash) == Some(id) {
                continue;
            }
            // It is free, or becomes so in this very batch.
            let is_new = !before.contains_key(hash);
            let key = secret_key(&ApiKeyHash::from_bytes(**hash));
            let id = AttributeValue::S(id.as_str().to_owned());
            actions.push(put(table, with(key, "key", id), is_new)?);
        }
        for (entry, digest) in &self.imported {
            let digest = AttributeValue::B(digest.to_vec().into());
            actions.push(put(table, with(entry_key(entry), "digest", digest), false)?);
        }
        Ok(actions)
    }
}

/// Whose secrets these are: present ones, and previous ones.
fn secrets<'a>(keys: impl Iterator<Item = &'a ApiKey>) -> BTreeMap<&'a [u8; 32], &'a ApiKeyId> {
    keys.flat_map(|key| {
        let previous = key.previous.as_ref().map(|previous| &previous.hash);
        let hashes = std::iter::once(&key.hash).chain(previous);
        hashes.map(|hash| (hash.as_bytes(), &key.id))
    })
    .collect()
}

fn count_up(table: &str, expected: Revision) -> Result<TransactWriteItem, BuildError> {
    // A table without a revision was never changed.
    let condition = match expected {
        Revision(0) => "attribute_not_exists(#revision) OR #revision = :seen",
        Revision(_) => "#revision = :seen",
    };
    let number = |number: u64| AttributeValue::N(number.to_string());
    let update = Update::builder()
        .table_name(table)
        .set_key(Some(revision_key()))
        .update_expression("SET #revision = :next")
        .condition_expression(condition)
        .expression_attribute_names("#revision", REVISION)
        .expression_attribute_values(":seen", number(expected.0))
        .expression_attribute_values(":next", number(expected.0.wrapping_add(1)))
        .build()?;
    Ok(TransactWriteItem::builder().update(update).build())
}

fn put(table: &str, item: Item, is_new: bool) -> Result<TransactWriteItem, BuildError> {
    let condition = is_new.then(|| "attribute_not_exists(pk)".to_owned());
    let put = Put::builder()
        .table_name(table)
        .set_item(Some(item))
        .set_condition_expression(condition)
        .build()?;
    Ok(TransactWriteItem::builder().put(put).build())
}

fn delete(table: &str, key: Item) -> Result<TransactWriteItem, BuildError> {
    let delete = Delete::builder()
        .table_name(table)
        .set_key(Some(key))
        .build()?;
    Ok(TransactWriteItem::builder().delete(delete).build())
}

fn with(mut item: Item, name: &str, value: AttributeValue) -> Item {
    item.insert(name.to_owned(), value);
    item
}
