use std::collections::HashMap;

use async_trait::async_trait;
use aws_sdk_dynamodb::{
    operation::{
        delete_item::DeleteItemError, put_item::PutItemError, update_item::UpdateItemError,
    },
    types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure},
};
use usher_domain::{
    ports::{
        Deleted, Expected, ProfileStore, Put, StoreError, StoreErrorKind, StoredProfile, Version,
    },
    profile::Profile,
    user_id::UserId,
};
use uuid::Uuid;

use crate::{
    attributes::{from_attributes, to_attribute},
    connect::Dynamo,
    error::store_error,
};

const KEY: &str = "userId";
const META: &str = "_usher";
const VERSION: &str = "v";

/// The version of an item that somebody else wrote, without our metadata.
const UNCLAIMED: &str = "";

/// Profiles as items of a table.
#[derive(Debug, Clone)]
pub struct DynamoProfileStore {
    dynamo: Dynamo,
}

type Item = HashMap<String, AttributeValue>;

impl DynamoProfileStore {
    /// Profiles in a table.
    #[must_use]
    pub fn new(dynamo: Dynamo) -> Self {
        Self { dynamo }
    }

    async fn item(&self, id: &UserId, consistent: bool) -> Result<Option<Item>, StoreError> {
        self.dynamo
            .client
            .get_item()
            .table_name(&self.dynamo.table)
            .key(KEY, AttributeValue::S(id.as_str().to_owned()))
            .consistent_read(consistent)
            .send()
            .await
            .map(|answer| answer.item)
            .map_err(|error| store_error("read a profile", error))
    }

    async fn latest(&self, id: &UserId) -> Result<Option<StoredProfile>, StoreError> {
        let item = self.item(id, true).await?;
        item.map(|item| self.read(item)).transpose()
    }

    fn read(&self, mut item: Item) -> Result<StoredProfile, StoreError> {
        let corrupt = |what: String| {
            let table = &self.dynamo.table;
            StoreError::new(
                StoreErrorKind::Corrupt,
                format!("DynamoDB: table {table}, {what}"),
            )
        };
        let version = match item.remove(META) {
            None => Version::new(UNCLAIMED),
            Some(meta) => meta
                .as_m()
                .ok()
                .and_then(|meta| meta.get(VERSION)?.as_s().ok())
                .map(|version| Version::new(version.as_str()))
                .ok_or_else(|| corrupt(format!("attribute {META}")))?,
        };
        // Other names with an underscore are another tool's bookkeeping, and not the user's.
        item.retain(|name, _| name != KEY && !name.starts_with('_'));
        let attributes = from_attributes(item, "").map_err(corrupt)?;
        let profile = Profile::from_attributes(attributes)
            .map_err(|error| corrupt("an item's attributes".to_owned()).caused_by(error))?;
        Ok(StoredProfile { profile, version })
    }

    fn write(id: &UserId, profile: &Profile) -> Item {
        let mut item: Item = profile
            .attributes()
            .iter()
            .map(|(name, value)| (name.clone(), to_attribute(value)))
            .collect();
        item.insert(KEY.to_owned(), AttributeValue::S(id.as_str().to_owned()));
        item.insert(META.to_owned(), new_meta());
        item
    }
}

/// A write's condition, in `DynamoDB`'s terms.
struct Condition {
    expression: Option<String>,
    names: Option<HashMap<String, String>>,
    values: Option<Item>,
}

impl Condition {
    fn exists() -> Self {
        Self {
            expression: Some("attribute_exists(#key)".to_owned()),
            names: Some([("#key".to_owned(), KEY.to_owned())].into()),
            values: None,
        }
    }

    fn of(expected: &Expected) -> Self {
        let (expression, names): (_, &[_]) = match expected {
            Expected::Anything => {
                return Self {
                    expression: None,
                    names: None,
                    values: None,
                };
            }
            Expected::Absent => ("attribute_not_exists(#key)", &[("#key", KEY)]),
            Expected::Version(version) if version.as_str() == UNCLAIMED => (
                "attribute_exists(#key) AND attribute_not_exists(#meta)",
                &[("#key", KEY), ("#meta", META)],
            ),
            Expected::Version(_) => (
                "#meta.#version = :version",
                &[("#meta", META), ("#version", VERSION)],
            ),
        };
        let values = match expected {
            Expected::Version(version) if version.as_str() != UNCLAIMED => {
                let version = AttributeValue::S(version.as_str().to_owned());
                Some(Item::from([(":version".to_owned(), version)]))
            }
            _ => None,
        };
        let owned = |(short, name): &(&str, &str)| ((*short).to_owned(), (*name).to_owned());
        Self {
            expression: Some(expression.to_owned()),
            names: Some(names.iter().map(owned).collect()),
            values,
        }
    }
}

/// Never the same version twice, also not after a delete: a writer that still holds an old one must
/// not find it again.
#[allow(
    clippy::disallowed_methods,
    reason = "no sequence is at hand here, and none is needed"
)]
fn new_meta() -> AttributeValue {
    let version = AttributeValue::S(Uuid::new_v4().simple().to_string());
    AttributeValue::M([(VERSION.to_owned(), version)].into())
}

#[async_trait]
impl ProfileStore for DynamoProfileStore {
    async fn get(&self, id: &UserId) -> Result<Option<StoredProfile>, StoreError> {
        let item = self.item(id, self.dynamo.consistent_reads).await?;
        item.map(|item| self.read(item)).transpose()
    }

    async fn get_for_write(&self, id: &UserId) -> Result<Option<StoredProfile>, StoreError> {
        // Always consistent: a write that relies on a stale version would be refused for nothing.
        let Some(stored) = self.latest(id).await? else {
            return Ok(None);
        };
        if stored.version.as_str() != UNCLAIMED {
            return Ok(Some(stored));
        }
        let claimed = self
            .dynamo
            .client
            .update_item()
            .table_name(&self.dynamo.table)
            .key(KEY, AttributeValue::S(id.as_str().to_owned()))
            .update_expression("SET #meta = :meta")
            .condition_expression("attribute_exists(#key) AND attribute_not_exists(#meta)")
            .expression_attribute_names("#key", KEY)
            .expression_attribute_names("#meta", META)
            .expression_attribute_values(":meta", new_meta())
            .return_values(ReturnValue::AllNew)
            .send()
            .await;
        match claimed {
            Ok(answer) => answer.attributes.map(|item| self.read(item)).transpose(),
            // Somebody else claimed or deleted it: what is there now is what counts.
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(UpdateItemError::is_conditional_check_failed_exception) =>
            {
                self.latest(id).await
            }
            Err(error) => Err(store_error("claim a profile", error)),
        }
    }

    async fn put(
        &self,
        id: &UserId,
        profile: &Profile,
        expected: &Expected,
    ) -> Result<Put, StoreError> {
        let request = self
            .dynamo
            .client
            .put_item()
            .table_name(&self.dynamo.table)
            .set_item(Some(Self::write(id, profile)));
        let request = match expected {
            Expected::Anything => request.return_values(ReturnValue::AllOld),
            Expected::Absent | Expected::Version(_) => request,
        };
        let Condition {
            expression,
            names,
            values,
        } = Condition::of(expected);
        let request = request
            .set_condition_expression(expression)
            .set_expression_attribute_names(names)
            .set_expression_attribute_values(values);
        match request.send().await {
            Ok(answer) => Ok(match expected {
                Expected::Absent => Put::Created,
                Expected::Anything if answer.attributes.is_none() => Put::Created,
                Expected::Anything | Expected::Version(_) => Put::Replaced,
            }),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(PutItemError::is_conditional_check_failed_exception) =>
            {
                Ok(Put::Conflict)
            }
            Err(error) => Err(store_error("write a profile", error)),
        }
    }

    async fn delete(&self, id: &UserId, expected: &Expected) -> Result<Deleted, StoreError> {
        let request = self
            .dynamo
            .client
            .delete_item()
            .table_name(&self.dynamo.table)
            .key(KEY, AttributeValue::S(id.as_str().to_owned()));
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
            Expected::Version(_) => Condition::of(expected),
        };
        let Condition {
            expression,
            names,
            values,
        } = condition;
        let request = request
            .set_condition_expression(expression)
            .set_expression_attribute_names(names)
            .set_expression_attribute_values(values)
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
