//! The table of plans, keys and usage: one table, whose items are told apart by their key.
//!
//! | `pk` | `sk` | |
//! |---|---|---|
//! | `control` | `schema` | `version` of this very table |
//! | `control` | `revision` | `revision`: how often plans and keys were changed |
//! | `plans` | `#ID` | `body`: the plan as JSON, in the shapes of API Gateway |
//! | `keys` | `#ID` | a key: SHA-256 of its secrets, its names, its plans |
//! | `secret#HEX` | `#` | `key`: whose secret has this SHA-256 |
//! | `imports` | `plan#ID`, `key#ID` | `digest` of what an entry of a file was |
//! | `usage#NN` | plan, holder | what an account has spent |
//!
//! Sort keys begin with a `#` where an id may be empty, which no key of an item may be.

use std::collections::HashMap;

use aws_sdk_dynamodb::{Client, operation::update_item::UpdateItemError, types::AttributeValue};
use usher_domain::ports::{StoreError, StoreErrorKind};

use crate::{connect::DynamoSettings, error::store_error, table::Table};

const DEFINITION: &str = include_str!("../../../migrations/dynamodb/control.json");

/// The layout that this program reads and writes.
const VERSION: u64 = 1;

/// Epoch seconds from which on an item may be removed.
pub(crate) const EXPIRES: &str = "expires";

pub(crate) type Item = HashMap<String, AttributeValue>;

/// The table of plans, keys and usage as this program knows it.
#[derive(Clone, Debug)]
pub struct DynamoControl {
    pub(crate) client: Client,
    pub(crate) table: String,
}

impl DynamoControl {
    pub(crate) async fn with(
        client: Client,
        settings: &DynamoSettings,
    ) -> Result<Self, StoreError> {
        let control = Self {
            client,
            table: settings.control.clone(),
        };
        let table = Table {
            client: &control.client,
            name: &control.table,
            definition: DEFINITION,
            expires: Some(EXPIRES),
        };
        // The usual start: one read says that the table is there, and what is in it.
        let mut found = version(table).await?;
        if found.is_none() && settings.migrate {
            table.await_it(true).await?;
            control.claim().await?;
            found = version(table).await?;
        }
        match found {
            Some(VERSION) => Ok(control),
            None => Err(table.wrong(
                "does not exist or has nothing in it: run `usher migrate`, or set store.migrate = true",
            )),
            Some(other) => Err(table.wrong(&format!(
                "is laid out in version {other} and this program knows {VERSION}: use the program \
                 that made it"
            ))),
        }
    }

    /// Writes the version into a table that has none.
    async fn claim(&self) -> Result<(), StoreError> {
        let claimed = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(key("control", "schema")))
            .update_expression("SET #version = :version")
            .condition_expression("attribute_not_exists(#version)")
            .expression_attribute_names("#version", "version")
            .expression_attribute_values(":version", AttributeValue::N(VERSION.to_string()))
            .send()
            .await;
        match claimed {
            Ok(_) => Ok(()),
            // Another process, starting at the same time, was faster.
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(UpdateItemError::is_conditional_check_failed_exception) =>
            {
                Ok(())
            }
            Err(error) => Err(store_error("claim the control table", error)),
        }
    }
}

/// The layout's version; `None` when there is no table, or nothing in it.
async fn version(table: Table<'_>) -> Result<Option<u64>, StoreError> {
    let Some(item) = table.read(key("control", "schema")).await?.flatten() else {
        return Ok(None);
    };
    let version = item.get("version").and_then(number);
    version.map(Some).ok_or_else(|| corrupt("the version"))
}

/// An item's key.
pub(crate) fn key(pk: impl Into<String>, sk: impl Into<String>) -> Item {
    [
        ("pk".to_owned(), AttributeValue::S(pk.into())),
        ("sk".to_owned(), AttributeValue::S(sk.into())),
    ]
    .into()
}

/// A number attribute.
pub(crate) fn number<T: std::str::FromStr>(value: &AttributeValue) -> Option<T> {
    value.as_n().ok()?.parse().ok()
}

/// An item that does not read as what it should be.
pub(crate) fn corrupt(place: impl std::fmt::Display) -> StoreError {
    StoreError::new(
        StoreErrorKind::Corrupt,
        format!("DynamoDB: control table, {place}"),
    )
}
