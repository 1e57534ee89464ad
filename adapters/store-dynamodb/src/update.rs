//! Writes to items that others fill too: what is not touched stays as it is.

use std::collections::HashMap;

use aws_sdk_dynamodb::{
    operation::{put_item::PutItemError, update_item::UpdateItemError},
    types::{ReturnValue, ReturnValuesOnConditionCheckFailure},
};
use usher_domain::{
    json::Violation,
    ports::{Put, StoreError},
    profile::Profile,
    user_id::UserId,
};

use crate::{
    attributes::Item,
    condition::Condition,
    error::{refusal, store_error},
    item::{self, Change, KEY, META, Unchangeable},
    profiles::DynamoProfileStore,
};

/// So many attributes are written one by one: `DynamoDB` takes an expression of 4 KB and 300
/// operators. An item with more of them to change is written whole, on the same condition.
const ATTRIBUTES: usize = 128;

/// The item as it is, when that is not what was expected; `None` when there is none, or it is not known.
pub(crate) type Found = Option<Item>;

impl DynamoProfileStore {
    /// Gives a version to an item that somebody else wrote, so that whatever replaces it afterwards is
    /// noticed. Returns the item.
    pub(crate) async fn claim(&self, id: &UserId) -> Result<Result<Item, Found>, StoreError> {
        let condition = Condition::unclaimed();
        let claimed = self
            .dynamo
            .client
            .update_item()
            .table_name(&self.dynamo.table)
            .key(KEY, item::key(id))
            .update_expression("SET #meta = :meta")
            .condition_expression(condition.expression)
            .set_expression_attribute_names(Some(condition.names))
            .expression_attribute_values(":meta", item::new_meta(true))
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        match claimed {
            Ok(answer) => Ok(answer.attributes.ok_or(None)),
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(failed)) => {
                    Ok(Err(found(failed.item())))
                }
                _ => Err(store_error("claim a profile", error)),
            },
        }
    }

    /// Makes `item`, which has this version, show `profile`, if it still has it.
    pub(crate) async fn update(
        &self,
        id: &UserId,
        item: &Item,
        version: &str,
        profile: &Profile,
    ) -> Result<Result<Put, Found>, StoreError> {
        let change = match item::change(item, profile) {
            Ok(change) => change,
            Err(Unchangeable::Refused(places)) => return Ok(Ok(Put::Refused(places))),
            Err(Unchangeable::Corrupt(what)) => return Err(self.corrupt(&what)),
        };
        let becomes = change.becomes.clone();
        let left = if change.set.len() + change.remove.len() <= ATTRIBUTES {
            self.update_attributes(id, change, version).await?
        } else {
            self.replace(item, change, version).await?
        };
        Ok(match left {
            Err(found) => Err(found),
            Ok(Some(refused)) => Ok(Put::Refused(vec![refused])),
            Ok(None) if becomes == *profile => Ok(Put::Replaced),
            Ok(None) => Ok(Put::ReplacedAs(becomes)),
        })
    }

    async fn update_attributes(
        &self,
        id: &UserId,
        change: Change,
        version: &str,
    ) -> Result<Result<Option<Violation>, Found>, StoreError> {
        let condition = Condition::at(version);
        let (expression, names, values) = expression(change);
        let updated = self
            .dynamo
            .client
            .update_item()
            .table_name(&self.dynamo.table)
            .key(KEY, item::key(id))
            .update_expression(expression)
            .condition_expression(condition.expression)
            .set_expression_attribute_names(Some(with(condition.names, names)))
            .set_expression_attribute_values(Some(with(
                condition.values.unwrap_or_default(),
                values,
            )))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        match updated {
            Ok(_) => Ok(Ok(None)),
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(failed)) => {
                    Ok(Err(found(failed.item())))
                }
                _ => match refusal(&error) {
                    Some(refused) => Ok(Ok(Some(refused))),
                    None => Err(store_error("write a profile", error)),
                },
            },
        }
    }

    async fn replace(
        &self,
        item: &Item,
        change: Change,
        version: &str,
    ) -> Result<Result<Option<Violation>, Found>, StoreError> {
        let condition = Condition::at(version);
        let mut item = item.clone();
        item.retain(|name, _| !change.remove.contains(name));
        item.extend(change.set);
        item.insert(META.to_owned(), item::new_meta(true));
        let replaced = self
            .dynamo
            .client
            .put_item()
            .table_name(&self.dynamo.table)
            .set_item(Some(item))
            .condition_expression(condition.expression)
            .set_expression_attribute_names(Some(condition.names))
            .set_expression_attribute_values(condition.values)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        match replaced {
            Ok(_) => Ok(Ok(None)),
            Err(error) => match error.as_service_error() {
                Some(PutItemError::ConditionalCheckFailedException(failed)) => {
                    Ok(Err(found(failed.item())))
                }
                _ => match refusal(&error) {
                    Some(refused) => Ok(Ok(Some(refused))),
                    None => Err(store_error("write a profile", error)),
                },
            },
        }
    }
}

/// What a refused condition tells of the item.
pub(crate) fn found(item: Option<&Item>) -> Found {
    item.filter(|item| !item.is_empty()).cloned()
}

/// The update expression of a change, what its names stand for, and its values. No name of an attribute
/// is ever part of the expression itself: it may be any text.
fn expression(change: Change) -> (String, HashMap<String, String>, Item) {
    use std::fmt::Write as _;

    let mut expression = "SET #meta = :meta".to_owned();
    let mut names = HashMap::from([("#meta".to_owned(), META.to_owned())]);
    let mut values = Item::from([(":meta".to_owned(), item::new_meta(true))]);
    for (index, (name, value)) in change.set.into_iter().enumerate() {
        // Writing to a String cannot fail.
        let _ = write!(expression, ",#s{index}=:s{index}");
        names.insert(format!("#s{index}"), name);
        values.insert(format!(":s{index}"), value);
    }
    for (index, name) in change.remove.into_iter().enumerate() {
        expression += if index == 0 { " REMOVE " } else { "," };
        let _ = write!(expression, "#r{index}");
        names.insert(format!("#r{index}"), name);
    }
    (expression, names, values)
}

fn with<T>(mut one: HashMap<String, T>, other: HashMap<String, T>) -> HashMap<String, T> {
    one.extend(other);
    one
}

#[cfg(test)]
mod tests {
    use aws_sdk_dynamodb::types::AttributeValue;
    use usher_domain::profile::Profile;

    use super::*;

    /// `DynamoDB` Local takes longer ones.
    #[test]
    fn an_expression_is_within_what_dynamodb_takes() {
        let name = |index| format!("name of an attribute {index}");
        let set = (0..ATTRIBUTES).map(|index| (name(index), AttributeValue::Null(true)));
        let remove = (0..ATTRIBUTES).map(name);
        for (set, remove) in [
            (set.collect(), Vec::new()),
            (Vec::new(), remove.collect::<Vec<_>>()),
        ] {
            let change = Change {
                set,
                remove,
                becomes: Profile::from_stored_json(b"{}").unwrap(),
            };
            let (expression, names, values) = expression(change);
            assert!(expression.len() < 4096, "{}", expression.len());
            assert!(!expression.contains("name of"));
            let operators = expression.matches(['=', ',']).count();
            assert!(operators < 300, "{operators}");
            assert_eq!(names.len(), ATTRIBUTES + 1);
            assert!(values.len() == 1 || values.len() == names.len());
        }
    }
}
