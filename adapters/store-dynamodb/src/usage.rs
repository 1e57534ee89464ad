use std::num::NonZeroU32;

use async_trait::async_trait;
use aws_sdk_dynamodb::{
    operation::update_item::UpdateItemError,
    types::{ReturnValue, ReturnValuesOnConditionCheckFailure},
};
use usher_domain::{
    ports::{AccountPage, Receipt, StoreError, StoreErrorKind, Taken, UsageStore},
    time::Timestamp,
    usage::{
        account::{self, AccountState, Verdict},
        membership::{Account, AccountName},
    },
};

use crate::{
    account_items::{state_from_item, usage_key},
    account_list::Listing,
    account_updates::{Expression, GiveBack, Take},
    control::{DynamoControl, Item},
    error::store_error,
};

/// How often a call is tried again that found the account otherwise than it thought. Twice is usual at a
/// period's begin; more often only while others change the account all the time.
const ATTEMPTS: usize = 8;

/// What accounts have spent, in the control table, which any number of processes share.
#[derive(Debug, Clone)]
pub struct DynamoUsageStore {
    control: DynamoControl,
}

/// What became of a conditional update.
enum Updated {
    /// It was made, and this is the item now.
    Done(Item),
    /// The condition was not met by this item; `None`: by none being there.
    Found(Option<Item>),
}

impl DynamoUsageStore {
    /// Accounts in an open table.
    #[must_use]
    pub fn new(control: DynamoControl) -> Self {
        Self { control }
    }

    async fn update(
        &self,
        doing: &str,
        name: &AccountName,
        expression: Expression,
    ) -> Result<Updated, StoreError> {
        let Expression {
            update,
            condition,
            names,
            values,
        } = expression;
        let sent = self
            .control
            .client
            .update_item()
            .table_name(&self.control.table)
            .set_key(Some(usage_key(name)))
            .update_expression(update)
            .condition_expression(condition)
            .set_expression_attribute_names(Some(names))
            .set_expression_attribute_values(Some(values))
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        match sent {
            Ok(done) => Ok(Updated::Done(done.attributes.unwrap_or_default())),
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(failed)) => {
                    let item = failed.item().filter(|item| !item.is_empty());
                    Ok(Updated::Found(item.cloned()))
                }
                _ => Err(store_error(doing, error)),
            },
        }
    }

    async fn state(&self, name: &AccountName) -> Result<AccountState, StoreError> {
        let read = self
            .control
            .client
            .get_item()
            .table_name(&self.control.table)
            .set_key(Some(usage_key(name)))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| store_error("read an account", error))?;
        let state = read.item.map(|item| state_from_item(&item)).transpose();
        Ok(state?.unwrap_or_default())
    }
}

#[async_trait]
impl UsageStore for DynamoUsageStore {
    async fn take(
        &self,
        account: &Account,
        tokens: NonZeroU32,
        now: Timestamp,
    ) -> Result<Taken, StoreError> {
        let Account { name, limits } = account;
        // Most calls find an account that was used before in this period.
        let mut take = Take::of_a_known_account(limits, tokens, now);
        for _ in 0..ATTEMPTS {
            let found = match take.expression(name) {
                // There will never be so many at once: what is there is all there is to say.
                None => self.state(name).await?,
                Some(expression) => {
                    match self
                        .update("take from an account", name, expression)
                        .await?
                    {
                        Updated::Done(item) => {
                            let state = state_from_item(&item)?;
                            let window = account::counted_in(&state, limits);
                            return Ok(Taken::Granted {
                                receipt: Receipt { tokens, window },
                                levels: account::levels(&state, limits, now),
                            });
                        }
                        Updated::Found(None) => AccountState::default(),
                        Updated::Found(Some(item)) => state_from_item(&item)?,
                    }
                }
            };
            match account::take(&found, limits, tokens, now) {
                Verdict::Refused(refused) => return Ok(Taken::Refused(refused)),
                Verdict::Granted { .. } => take = Take::of(&found, limits, tokens, now),
            }
        }
        Err(contended())
    }

    async fn give_back(&self, account: &Account, receipt: Receipt) -> Result<(), StoreError> {
        let Account { name, limits } = account;
        let mut back = GiveBack::to_a_usual_account(limits, receipt);
        for _ in 0..ATTEMPTS {
            let Some(expression) = back.expression() else {
                return Ok(());
            };
            match self
                .update("give back to an account", name, expression)
                .await?
            {
                Updated::Done(_) | Updated::Found(None) => return Ok(()),
                Updated::Found(Some(item)) => {
                    back = GiveBack::to(&state_from_item(&item)?, limits, receipt);
                }
            }
        }
        Err(contended())
    }

    async fn accounts(
        &self,
        page: &AccountPage,
    ) -> Result<Vec<(AccountName, AccountState)>, StoreError> {
        Listing::new(&self.control, page).read().await
    }
}

fn contended() -> StoreError {
    let said = "DynamoDB: an account is being changed again and again by others";
    StoreError::new(StoreErrorKind::Overloaded, said)
}
