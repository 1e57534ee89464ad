//! Accounts in order, out of shards that each have an order of their own.

use std::collections::VecDeque;

use aws_sdk_dynamodb::types::AttributeValue;
use usher_domain::{
    ports::{AccountPage, StoreError},
    usage::{account::AccountState, membership::AccountName},
};

use crate::{
    account_items::{SHARDS, name_from_item, plan_part, shard, sort_key, state_from_item},
    control::{DynamoControl, Item},
    error::store_error,
};

/// One page of accounts.
pub(crate) struct Listing<'a> {
    control: &'a DynamoControl,
    /// What is looked for in every shard.
    condition: &'static str,
    values: Item,
    /// How many are wanted, and how many are read from a shard at once.
    limit: usize,
    at_once: i32,
    shards: Vec<Shard>,
}

/// What was read of a shard and not yet listed.
struct Shard {
    pk: String,
    items: VecDeque<Item>,
    next: Option<Item>,
    is_read: bool,
}

impl<'a> Listing<'a> {
    pub(crate) fn new(control: &'a DynamoControl, page: &AccountPage) -> Self {
        let after = page.after.as_ref().map(sort_key);
        let (condition, from, to) = match (&page.plan, after) {
            (None, None) => ("pk = :pk", None, None),
            (None, Some(after)) => ("pk = :pk AND sk > :from", Some(after), None),
            (Some(plan), after) => {
                let plan = plan_part(plan);
                let first = format!("{plan}\0");
                // The next text there is after that of an account.
                let next = after.map(|after| format!("{after}\0"));
                let from = next.filter(|next| *next > first).unwrap_or(first);
                let condition = "pk = :pk AND sk BETWEEN :from AND :to";
                (condition, Some(from), Some(format!("{plan}\u{1}")))
            }
        };
        let is_empty = to.as_ref().is_some_and(|to| from.as_ref() > Some(to));
        let values = [(":from", from), (":to", to)];
        let values = values
            .into_iter()
            .filter_map(|(name, text)| Some((name.to_owned(), AttributeValue::S(text?))));
        let shards = (0..SHARDS).map(|number| Shard {
            pk: shard(number),
            items: VecDeque::new(),
            next: None,
            is_read: is_empty,
        });
        let limit = usize::try_from(page.limit).unwrap_or(usize::MAX);
        Self {
            control,
            condition,
            values: values.collect(),
            limit,
            at_once: i32::try_from(page.limit / 8).unwrap_or(i32::MAX).max(10),
            shards: shards.collect(),
        }
    }

    pub(crate) async fn read(mut self) -> Result<Vec<(AccountName, AccountState)>, StoreError> {
        let mut accounts = Vec::new();
        while accounts.len() < self.limit {
            for number in 0..self.shards.len() {
                self.fill(number).await?;
            }
            let sort_key = |shard: &Shard| {
                let sk = shard.items.front()?.get("sk")?.as_s().ok()?;
                Some(sk.clone())
            };
            let shards = self.shards.iter_mut();
            let filled = shards.filter_map(|shard| Some((sort_key(shard)?, shard)));
            let first = filled.min_by(|(one, _), (other, _)| one.cmp(other));
            let Some(item) = first.and_then(|(_, shard)| shard.items.pop_front()) else {
                break;
            };
            accounts.push((name_from_item(&item)?, state_from_item(&item)?));
        }
        Ok(accounts)
    }

    /// Reads on in a shard of which everything was listed that was read.
    async fn fill(&mut self, number: usize) -> Result<(), StoreError> {
        let shard = &mut self.shards[number];
        while shard.items.is_empty() && !shard.is_read {
            let pk = AttributeValue::S(shard.pk.clone());
            let read = self
                .control
                .client
                .query()
                .table_name(&self.control.table)
                .key_condition_expression(self.condition)
                .set_expression_attribute_values(Some(self.values.clone()))
                .expression_attribute_values(":pk", pk)
                .set_exclusive_start_key(shard.next.take())
                .limit(self.at_once)
                .consistent_read(true)
                .send()
                .await
                .map_err(|error| store_error("list accounts", error))?;
            shard.items = read.items.unwrap_or_default().into();
            shard.next = read.last_evaluated_key;
            shard.is_read = shard.next.is_none();
        }
        Ok(())
    }
}
