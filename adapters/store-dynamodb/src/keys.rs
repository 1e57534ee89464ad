use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use async_trait::async_trait;
use aws_sdk_dynamodb::{
    operation::{batch_get_item::BatchGetItemError, transact_write_items::TransactWriteItemsError},
    types::{AttributeValue, Get, KeysAndAttributes, TransactGetItem, TransactWriteItem},
};
use usher_domain::{
    ports::{
        Applied, Change, Digest, ImportEntry, KeyPage, KeyStore, Revision, StoreError,
        StoreErrorKind,
    },
    usage::{
        api_key::{ApiKey, ApiKeyHash, ApiKeyId},
        plan::UsagePlan,
        plan_file,
    },
};

use crate::{
    changes::{Batch, REVISION, revision_key},
    control::{DynamoControl, Item, corrupt, number},
    error::store_error,
    key_items::{entry_key, id_key, key_from_item, key_key, secret_key},
};

/// What one `BatchGetItem` may ask for.
const MOST_READ: usize = 100;
/// How often a key is looked for again that was changed between two reads.
const ATTEMPTS: usize = 4;
/// A sort key has 1024 bytes, of which one stands before the id: nothing that is asked for by a longer one is there.
const LONGEST_ID: usize = 1023;
const PAUSE: Duration = Duration::from_millis(50);

/// Usage plans and API keys in the control table.
#[derive(Debug, Clone)]
pub struct DynamoKeyStore {
    control: DynamoControl,
}

impl DynamoKeyStore {
    /// Plans and keys in an open table.
    #[must_use]
    pub fn new(control: DynamoControl) -> Self {
        Self { control }
    }

    async fn item(&self, doing: &str, key: Item) -> Result<Option<Item>, StoreError> {
        self.control
            .client
            .get_item()
            .table_name(&self.control.table)
            .set_key(Some(key))
            .consistent_read(true)
            .send()
            .await
            .map(|read| read.item)
            .map_err(|error| store_error(doing, error))
    }

    /// Those of the items that are there, in no order.
    async fn items(&self, doing: &str, mut keys: Vec<Item>) -> Result<Vec<Item>, StoreError> {
        let table = &self.control.table;
        let mut found = Vec::new();
        while !keys.is_empty() {
            let left_before = keys.len();
            let rest = keys.split_off(keys.len().min(MOST_READ));
            let asked = KeysAndAttributes::builder()
                .set_keys(Some(std::mem::replace(&mut keys, rest)))
                .consistent_read(true)
                .build()
                .map_err(|error| {
                    StoreError::new(StoreErrorKind::Internal, "DynamoDB: keys to read")
                        .caused_by(error)
                })?;
            let read = self
                .control
                .client
                .batch_get_item()
                .request_items(table, asked)
                .send()
                .await
                .map_err(|error| store_error::<BatchGetItemError>(doing, error))?;
            let mut responses = read.responses.unwrap_or_default();
            found.extend(responses.remove(table).unwrap_or_default());
            // What did not fit into one answer, or was too much for the moment.
            let mut left = read.unprocessed_keys.unwrap_or_default();
            keys.extend(left.remove(table).map(|left| left.keys).unwrap_or_default());
            if keys.len() == left_before {
                // Asking again at once would be more of what was too much.
                let said = format!("DynamoDB: could not {doing}: too much at the moment");
                return Err(StoreError::new(StoreErrorKind::Overloaded, said));
            }
        }
        Ok(found)
    }

    /// The items under `pk` with ids after `after` that `keep` keeps, by their ids, at most `limit`;
    /// `at_once` is how many are read in one round trip, as many as there may be if that is not said.
    async fn query<T>(
        &self,
        doing: &str,
        pk: &str,
        after: Option<&str>,
        limit: Option<u32>,
        at_once: Option<u32>,
        mut keep: impl FnMut(Item) -> Result<Option<T>, StoreError> + Send,
    ) -> Result<Vec<T>, StoreError>
    where
        T: Send,
    {
        let at_once = at_once.map(|most| i32::try_from(most).unwrap_or(i32::MAX));
        let limit = limit.map_or(usize::MAX, |limit| limit as usize);
        let (mut kept, mut next) = (Vec::new(), after.map(|after| id_key(pk, after)));
        loop {
            let read = self
                .control
                .client
                .query()
                .table_name(&self.control.table)
                .key_condition_expression("pk = :pk")
                .expression_attribute_values(":pk", AttributeValue::S(pk.to_owned()))
                .set_exclusive_start_key(next)
                .set_limit(at_once)
                .consistent_read(true)
                .send()
                .await
                .map_err(|error| store_error(doing, error))?;
            for item in read.items.unwrap_or_default() {
                if kept.len() == limit {
                    return Ok(kept);
                }
                kept.extend(keep(item)?);
            }
            next = read.last_evaluated_key;
            if next.is_none() || kept.len() == limit {
                return Ok(kept);
            }
        }
    }
}

#[async_trait]
impl KeyStore for DynamoKeyStore {
    async fn revision(&self) -> Result<Revision, StoreError> {
        let doing = "read the revision of plans and keys";
        let Some(item) = self.item(doing, revision_key()).await? else {
            return Ok(Revision(0));
        };
        let revision = item.get(REVISION).and_then(number);
        revision
            .map(Revision)
            .ok_or_else(|| corrupt("the revision"))
    }

    /// A transaction is one for other transactions, and read-committed for single reads and queries.
    fn shows_changes_whole(&self) -> bool {
        false
    }

    async fn plans(&self) -> Result<Vec<UsagePlan>, StoreError> {
        let read = |item: Item| {
            let id = item
                .get("sk")
                .and_then(|sk| sk.as_s().ok()?.strip_prefix('#'));
            let id = id.ok_or_else(|| corrupt("a usage plan without an id"))?;
            let place = || format!("body of the usage plan {id}");
            let body = item.get("body").and_then(|body| body.as_s().ok());
            let body = body.ok_or_else(|| corrupt(place()))?;
            let plan = plan_file::parse_stored(id, body);
            plan.map(Some)
                .map_err(|problem| corrupt(place()).caused_by(problem))
        };
        self.query("read the usage plans", "plans", None, None, None, read)
            .await
    }

    async fn find(&self, hash: &ApiKeyHash) -> Result<Option<ApiKey>, StoreError> {
        for _ in 0..ATTEMPTS {
            let doing = "look for a key";
            let Some(secret) = self.item(doing, secret_key(hash)).await? else {
                return Ok(None);
            };
            let id = secret.get("key").and_then(|id| id.as_s().ok());
            let id = id.ok_or_else(|| corrupt("whose secret a hash is"))?;
            let found = self.key(&ApiKeyId::new(id)).await?;
            let is_its = |key: &ApiKey| {
                let previous = key.previous.as_ref().map(|previous| &previous.hash);
                key.hash == *hash || previous == Some(hash)
            };
            if found.as_ref().is_some_and(is_its) {
                return Ok(found);
            }
            // It was rotated or deleted after the first read, or is just being so.
            tokio::time::sleep(PAUSE).await;
        }
        let said = "DynamoDB: control table, a secret that its key does not have";
        Err(StoreError::new(StoreErrorKind::Corrupt, said))
    }

    async fn key(&self, id: &ApiKeyId) -> Result<Option<ApiKey>, StoreError> {
        if id.as_str().len() > LONGEST_ID {
            return Ok(None);
        }
        // Whoever has read the revision of a change must not read the key as it was before: single reads
        // see the parts of a transaction one after the other. One together with the revision sees all of
        // it or nothing.
        let broken = |error| {
            StoreError::new(StoreErrorKind::Internal, "DynamoDB: a key to read").caused_by(error)
        };
        let mut reads = Vec::new();
        for key in [key_key(id), revision_key()] {
            let get = Get::builder()
                .table_name(&self.control.table)
                .set_key(Some(key))
                .build()
                .map_err(broken)?;
            reads.push(TransactGetItem::builder().get(get).build());
        }
        let read = self
            .control
            .client
            .transact_get_items()
            .set_transact_items(Some(reads))
            .send()
            .await
            .map_err(|error| store_error("read a key", error))?;
        let item = read.responses.into_iter().flatten().next();
        let item = item.and_then(|response| response.item);
        item.map(|item| key_from_item(&item)).transpose()
    }

    async fn keys(&self, page: &KeyPage) -> Result<Vec<ApiKey>, StoreError> {
        let after = page.after.as_ref().map(ApiKeyId::as_str);
        // Keys are many and plans are few: for the keys of one plan all are read, in as few round trips as
        // can be, however few of them are wanted.
        let at_once = page.plan.is_none().then_some(page.limit.max(1));
        let read = |item: Item| {
            let key = key_from_item(&item)?;
            let plan = page.plan.as_ref();
            let belongs = plan.is_none_or(|plan| key.plans.contains(plan));
            Ok(belongs.then_some(key))
        };
        self.query("list keys", "keys", after, Some(page.limit), at_once, read)
            .await
    }

    async fn imported(&self, entries: &[ImportEntry]) -> Result<Vec<Option<Digest>>, StoreError> {
        // Asked for once, or it is an error.
        let mut asked: Vec<_> = entries.iter().collect();
        asked.sort_unstable();
        asked.dedup();
        let keys = asked.into_iter().map(entry_key).collect();
        let mut digests = HashMap::new();
        for item in self.items("read what was imported", keys).await? {
            let digest = item.get("digest").and_then(|digest| digest.as_b().ok());
            let digest = digest.and_then(|digest| Digest::try_from(digest.as_ref()).ok());
            if let (Some(AttributeValue::S(sk)), Some(digest)) = (item.get("sk"), digest) {
                digests.insert(sk.clone(), digest);
            }
        }
        let known = |entry| {
            let sk = entry_key(entry).remove("sk");
            digests.get(sk?.as_s().ok()?).copied()
        };
        Ok(entries.iter().map(known).collect())
    }

    async fn apply(&self, changes: &[Change], expected: Revision) -> Result<Applied, StoreError> {
        let doing = "change plans and keys";
        let batch = Batch::of(changes);
        // What they are now, to know which secrets they leave. Whoever changes them meanwhile counts the
        // revision up, and then nothing of this is done.
        let read = batch.keys.keys().map(|id| key_key(id)).collect();
        let mut present = BTreeMap::new();
        for item in self.items(doing, read).await? {
            let key = key_from_item(&item)?;
            present.insert(key.id.clone(), key);
        }
        let actions = batch.actions(&self.control.table, &present, expected)?;
        match self.write(actions).await {
            Ok(()) => Ok(Applied::Done(Revision(expected.0.wrapping_add(1)))),
            Err(Failed::Conflict) => Ok(Applied::Conflict),
            Err(Failed::Store(error)) => Err(error),
        }
    }
}

enum Failed {
    Conflict,
    Store(StoreError),
}

impl DynamoKeyStore {
    async fn write(&self, actions: Vec<TransactWriteItem>) -> Result<(), Failed> {
        let doing = "change plans and keys";
        let sent = self
            .control
            .client
            .transact_write_items()
            .set_transact_items(Some(actions))
            .send()
            .await;
        let Err(error) = sent else { return Ok(()) };
        let Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) =
            error.as_service_error()
        else {
            return Err(Failed::Store(store_error(doing, error)));
        };
        let codes: Vec<&str> = cancelled
            .cancellation_reasons()
            .iter()
            .map(|reason| reason.code().unwrap_or("None"))
            .collect();
        let any = |code: &str| codes.contains(&code);
        // The first action is the revision's. Another transaction under way changes it, too.
        if codes.first() == Some(&"ConditionalCheckFailed") || any("TransactionConflict") {
            return Err(Failed::Conflict);
        }
        let (kind, why) = if any("ConditionalCheckFailed") {
            let why = "a secret of another key cannot be given to a key";
            (StoreErrorKind::Internal, why)
        } else if any("ThrottlingError") || any("ProvisionedThroughputExceeded") {
            (StoreErrorKind::Overloaded, "too much at the moment")
        } else {
            (StoreErrorKind::Internal, "the changes were refused")
        };
        let context = format!("DynamoDB: could not {doing}: {why}");
        Err(Failed::Store(
            StoreError::new(kind, context).caused_by(error),
        ))
    }
}
