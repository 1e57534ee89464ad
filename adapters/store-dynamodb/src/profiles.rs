use async_trait::async_trait;
use aws_sdk_dynamodb::{
    operation::{delete_item::DeleteItemError, put_item::PutItemError},
    types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure},
};
use usher_domain::{
    ports::{Deleted, Expected, ProfileStore, Put, StoreError, StoreErrorKind, StoredProfile},
    profile::Profile,
    user_id::UserId,
};

use crate::{
    attributes::Item,
    condition::Condition,
    connect::Dynamo,
    error::{refusal, store_error},
    item::{self, KEY, Seen},
    update::{Found, found},
};

/// So often a write that expects anything is tried again when somebody else's came in between.
const ATTEMPTS: usize = 16;

/// Profiles as items of a table.
#[derive(Debug, Clone)]
pub struct DynamoProfileStore {
    pub(crate) dynamo: Dynamo,
}

impl DynamoProfileStore {
    /// Profiles in a table.
    #[must_use]
    pub fn new(dynamo: Dynamo) -> Self {
        Self { dynamo }
    }

    pub(crate) async fn item(
        &self,
        id: &UserId,
        consistent: bool,
    ) -> Result<Option<Item>, StoreError> {
        self.dynamo
            .client
            .get_item()
            .table_name(&self.dynamo.table)
            .key(KEY, item::key(id))
            .consistent_read(consistent)
            .send()
            .await
            .map(|answer| answer.item)
            .map_err(|error| store_error("read a profile", error))
    }

    pub(crate) fn corrupt(&self, what: &str) -> StoreError {
        let table = &self.dynamo.table;
        StoreError::new(
            StoreErrorKind::Corrupt,
            format!("DynamoDB: table {table}, {what}"),
        )
    }

    fn read(&self, item: &Item) -> Result<StoredProfile, StoreError> {
        item::read(item).map_err(|what| self.corrupt(&what))
    }

    /// Replaces the item whole, in one round trip, where it is Usher's alone.
    async fn put_whole(
        &self,
        id: &UserId,
        profile: &Profile,
        expected: &Expected,
    ) -> Result<Whole, StoreError> {
        let condition = Condition::of_replacing(expected);
        let request = self
            .dynamo
            .client
            .put_item()
            .table_name(&self.dynamo.table)
            .set_item(Some(item::of_profile(id, profile)))
            .condition_expression(condition.expression)
            .set_expression_attribute_names(Some(condition.names))
            .set_expression_attribute_values(condition.values);
        let request = match expected {
            Expected::Anything => request
                .return_values(ReturnValue::AllOld)
                .return_values_on_condition_check_failure(
                    ReturnValuesOnConditionCheckFailure::AllOld,
                ),
            Expected::Absent | Expected::Version(_) => request,
        };
        match request.send().await {
            Ok(answer) => Ok(Whole::Done(match expected {
                Expected::Absent => Put::Created,
                Expected::Anything if answer.attributes.is_none() => Put::Created,
                Expected::Anything | Expected::Version(_) => Put::Replaced,
            })),
            Err(error) => match error.as_service_error() {
                Some(PutItemError::ConditionalCheckFailedException(failed)) => {
                    Ok(Whole::Found(found(failed.item())))
                }
                _ => match refusal(&error) {
                    Some(refused) => Ok(Whole::Done(Put::Refused(vec![refused]))),
                    None => Err(store_error("write a profile", error)),
                },
            },
        }
    }

    /// Writes `profile` over whatever there is, without a loss of what others keep in it.
    async fn put_over(&self, id: &UserId, profile: &Profile) -> Result<Put, StoreError> {
        let mut found = None;
        for _ in 0..ATTEMPTS {
            let Some(item) = found.take() else {
                match self.put_whole(id, profile, &Expected::Anything).await? {
                    Whole::Done(put) => return Ok(put),
                    Whole::Found(item) => found = item,
                }
                continue;
            };
            let version = item::version(&item).map_err(|what| self.corrupt(&what))?;
            found = if let Some(version) = version {
                match self.update(id, &item, version, profile).await? {
                    Ok(put) => return Ok(put),
                    Err(item) => item,
                }
            } else {
                match self.claim(id).await? {
                    Ok(item) => Some(item),
                    Err(item) => item,
                }
            };
        }
        Ok(Put::Conflict)
    }

    /// Writes `profile` over an item that must not be replaced whole, if it is still as it was seen.
    async fn put_carefully(
        &self,
        id: &UserId,
        profile: &Profile,
        seen: Seen<'_>,
    ) -> Result<Put, StoreError> {
        let (item, shown) = match seen {
            Seen::Unclaimed { shown } => (self.claim(id).await?.ok(), Some(shown)),
            Seen::At { version, shown } => {
                let found = self.item(id, true).await?;
                let same = |item: &Item| matches!(item::version(item), Ok(Some(found)) if found == version);
                (found.filter(same), shown)
            }
        };
        let Some(item) = item else {
            return Ok(Put::Conflict);
        };
        // The profile was made from what was shown then. What others have changed in place since would be
        // changed back by it.
        let now = item::shown(&self.read(&item)?.profile);
        if shown.is_some_and(|shown| shown != now) {
            return Ok(Put::Conflict);
        }
        let Ok(Some(version)) = item::version(&item) else {
            return Ok(Put::Conflict);
        };
        let put = self.update(id, &item, version, profile).await?;
        Ok(put.unwrap_or(Put::Conflict))
    }
}

/// What came of replacing an item whole.
enum Whole {
    Done(Put),
    /// It was not as expected. The item, if it is known.
    Found(Found),
}

#[async_trait]
impl ProfileStore for DynamoProfileStore {
    async fn get(&self, id: &UserId) -> Result<Option<StoredProfile>, StoreError> {
        let item = self.item(id, self.dynamo.consistent_reads).await?;
        item.map(|item| self.read(&item)).transpose()
    }

    async fn get_for_write(&self, id: &UserId) -> Result<Option<StoredProfile>, StoreError> {
        // Always consistent: a write that relies on a stale version would be refused for nothing.
        let Some(item) = self.item(id, true).await? else {
            return Ok(None);
        };
        let stored = self.read(&item)?;
        if !matches!(Seen::of(&stored.version), Seen::Unclaimed { .. }) {
            return Ok(Some(stored));
        }
        match self.claim(id).await? {
            Ok(claimed) => self.read(&claimed).map(Some),
            // Somebody else claimed or deleted it: what is there now is what counts.
            Err(found) => found.map(|item| self.read(&item)).transpose(),
        }
    }

    async fn put(
        &self,
        id: &UserId,
        profile: &Profile,
        expected: &Expected,
    ) -> Result<Put, StoreError> {
        if let Expected::Version(version) = expected
            && let seen @ (Seen::Unclaimed { .. } | Seen::At { shown: Some(_), .. }) =
                Seen::of(version)
        {
            return self.put_carefully(id, profile, seen).await;
        }
        if *expected == Expected::Anything {
            return self.put_over(id, profile).await;
        }
        match self.put_whole(id, profile, expected).await? {
            Whole::Done(put) => Ok(put),
            Whole::Found(_) => Ok(Put::Conflict),
        }
    }

    async fn delete(&self, id: &UserId, expected: &Expected) -> Result<Deleted, StoreError> {
        let condition = match expected {
            Expected::Absent => {
                let found = self.item(id, true).await?.is_some();
                return Ok(if found {
                    Deleted::Conflict
                } else {
                    Deleted::Absent
                });
            }
            // A condition, and not the returned old item, says whether there was one: it is judged
            // together with the deletion everywhere, DynamoDB Local included.
            Expected::Anything => Condition::exists(),
            Expected::Version(version) => Condition::of_seen(Seen::of(version)),
        };
        let request = self
            .dynamo
            .client
            .delete_item()
            .table_name(&self.dynamo.table)
            .key(KEY, item::key(id))
            .condition_expression(condition.expression)
            .set_expression_attribute_names(Some(condition.names))
            .set_expression_attribute_values(condition.values)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        match request.send().await {
            Ok(_) => Ok(Deleted::Deleted),
            Err(error) => match error.as_service_error() {
                Some(DeleteItemError::ConditionalCheckFailedException(failed)) => {
                    let there = failed.item().is_some_and(|item| !item.is_empty());
                    Ok(if there {
                        Deleted::Conflict
                    } else {
                        Deleted::Absent
                    })
                }
                _ => Err(store_error("delete a profile", error)),
            },
        }
    }

    async fn ping(&self) -> Result<(), StoreError> {
        // No user can have this id: it contains a slash.
        self.dynamo
            .client
            .get_item()
            .table_name(&self.dynamo.table)
            .key(KEY, AttributeValue::S("/readyz".to_owned()))
            .projection_expression("#key")
            .expression_attribute_names("#key", KEY)
            .send()
            .await
            .map(drop)
            .map_err(|error| store_error("answer", error))
    }
}
