use std::time::Duration;

use aws_sdk_dynamodb::{
    Client,
    error::ProvideErrorMetadata as _,
    operation::{
        create_table::CreateTableError, describe_table::DescribeTableError, get_item::GetItemError,
        update_time_to_live::UpdateTimeToLiveError,
    },
    types::{
        AttributeDefinition, BillingMode, KeySchemaElement, KeyType,
        PointInTimeRecoverySpecification, TableDescription, TableStatus, TimeToLiveSpecification,
    },
};
use serde_json::Value;
use tokio::time::Instant;
use usher_domain::ports::{StoreError, StoreErrorKind};

use crate::{control::Item, error::store_error};

/// So long a new table may take to become active.
const CREATION: Duration = Duration::from_mins(1);

/// What is not ready yet is asked again so often.
const PAUSE: Duration = Duration::from_millis(200);

/// A table as it has to be.
#[derive(Clone, Copy)]
pub(crate) struct Table<'a> {
    pub(crate) client: &'a Client,
    pub(crate) name: &'a str,
    /// What `CreateTable` takes, as JSON.
    pub(crate) definition: &'a str,
    /// The attribute with the time from which on an item may be removed.
    pub(crate) expires: Option<&'a str>,
}

impl Table<'_> {
    /// Reads an item, which is `Some(None)` when there is no such item, and `None` when there is no table.
    ///
    /// # Errors
    /// When `DynamoDB` cannot be reached, or the table has another key.
    pub(crate) async fn read(self, key: Item) -> Result<Option<Option<Item>>, StoreError> {
        let read = self.client.get_item().table_name(self.name);
        let read = read.set_key(Some(key)).consistent_read(true).send().await;
        match read {
            Ok(read) => Ok(Some(read.item)),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(GetItemError::is_resource_not_found_exception) =>
            {
                Ok(None)
            }
            // The key that was asked for is not this table's. What else may be wrong with the request is its name.
            Err(error)
                if error.code() == Some("ValidationException")
                    && error.message().is_some_and(|said| said.contains("key")) =>
            {
                Err(self.another_key().caused_by(error))
            }
            Err(error) => {
                let doing = format!("read the table {}", self.name);
                Err(store_error(&doing, error))
            }
        }
    }

    /// Waits for the table, which cannot be read yet: `DynamoDB` says of one that is being made or restored what it
    /// says of one that is not there. It is made, if it may be and nobody else does.
    ///
    /// # Errors
    /// When `DynamoDB` cannot be reached, does not make it, or it has another key.
    pub(crate) async fn await_it(self, migrate: bool) -> Result<(), StoreError> {
        let definition: Value = serde_json::from_str(self.definition).unwrap_or_default();
        let missing = match self.status(&definition).await {
            Ok(status) => status.is_none(),
            Err(error) if migrate => return Err(error),
            // Who only reads and writes need not be allowed to look.
            Err(_) => true,
        };
        if missing {
            if !migrate {
                return Err(self.wrong(
                    "does not exist, or not yet: run `usher migrate`, or set store.migrate = true",
                ));
            }
            self.make(&definition).await?;
        }
        let active = async {
            // A table that is being changed (an index, a replica, its billing) serves all the while, for
            // up to an hour.
            while !matches!(
                self.status(&definition).await?,
                Some(TableStatus::Active | TableStatus::Updating)
            ) {
                tokio::time::sleep(PAUSE).await;
            }
            Ok(())
        };
        tokio::time::timeout(CREATION, active)
            .await
            .unwrap_or_else(|_| {
                let said = "DynamoDB: the table is not active";
                Err(StoreError::new(StoreErrorKind::Unavailable, said))
            })?;
        // A table that is not active yet refuses these.
        if missing {
            self.keep_backups().await;
            self.tidy_up().await;
        }
        Ok(())
    }

    /// The table's status, `None` when there is no table.
    async fn status(self, definition: &Value) -> Result<Option<TableStatus>, StoreError> {
        let described = self
            .client
            .describe_table()
            .table_name(self.name)
            .send()
            .await;
        let table = match described {
            Ok(described) => described.table,
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(DescribeTableError::is_resource_not_found_exception) =>
            {
                return Ok(None);
            }
            Err(error) => return Err(store_error("describe the table", error)),
        };
        let Some(table) = table else { return Ok(None) };
        let expected = members(definition, "KeySchema", ["AttributeName", "KeyType"]);
        if key_of(&table) == expected && all_text(&table) {
            return Ok(table.table_status);
        }
        Err(self.another_key())
    }

    fn another_key(self) -> StoreError {
        let definition: Value = serde_json::from_str(self.definition).unwrap_or_default();
        let expected = members(&definition, "KeySchema", ["AttributeName", "KeyType"]);
        let names: Vec<_> = expected.iter().map(|[name, _]| name.as_str()).collect();
        let names = names.join(" and ");
        self.wrong(&format!(
            "has another key than {names}, text, and nothing else"
        ))
    }

    async fn make(self, definition: &Value) -> Result<(), StoreError> {
        let broken = |error| {
            StoreError::new(
                StoreErrorKind::Internal,
                "DynamoDB: the definition of the table",
            )
            .caused_by(error)
        };
        let billing = definition["BillingMode"].as_str().unwrap_or_default();
        let mut request = self
            .client
            .create_table()
            .table_name(self.name)
            .billing_mode(BillingMode::from(billing))
            .set_deletion_protection_enabled(definition["DeletionProtectionEnabled"].as_bool());
        let attributes = ["AttributeName", "AttributeType"];
        for [name, kind] in members(definition, "AttributeDefinitions", attributes) {
            request = request.attribute_definitions(
                AttributeDefinition::builder()
                    .attribute_name(name)
                    .attribute_type(kind.as_str().into())
                    .build()
                    .map_err(broken)?,
            );
        }
        for [name, kind] in members(definition, "KeySchema", ["AttributeName", "KeyType"]) {
            request = request.key_schema(
                KeySchemaElement::builder()
                    .attribute_name(name)
                    .key_type(KeyType::from(kind.as_str()))
                    .build()
                    .map_err(broken)?,
            );
        }
        match request.send().await {
            Ok(_) => Ok(()),
            // Another process, starting at the same time, was faster.
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(CreateTableError::is_resource_in_use_exception) =>
            {
                Ok(())
            }
            Err(error) => Err(store_error("create the table", error)),
        }
    }

    /// Switches on point-in-time recovery of a table that was just made. An endpoint that does not
    /// know backups has none to switch on; any other failure is told, and is no reason not to serve.
    async fn keep_backups(self) {
        let recovery = PointInTimeRecoverySpecification::builder()
            .point_in_time_recovery_enabled(true)
            .build();
        let Ok(recovery) = recovery else { return };
        let deadline = Instant::now() + CREATION;
        let error = loop {
            let switched_on = self
                .client
                .update_continuous_backups()
                .table_name(self.name)
                .point_in_time_recovery_specification(recovery.clone())
                .send()
                .await;
            match switched_on {
                // Backups of a new table are being enabled, says AWS, for some seconds.
                Err(error)
                    if error.code() == Some("ContinuousBackupsUnavailableException")
                        && Instant::now() < deadline =>
                {
                    tokio::time::sleep(PAUSE).await;
                }
                Err(error) => break error,
                Ok(_) => return,
            }
        };
        if error.code() != Some("UnknownOperationException") {
            let code = error.code().unwrap_or("no answer");
            tracing::warn!(
                table = self.name,
                code,
                "point-in-time recovery is not switched on"
            );
        }
    }

    /// Lets `DynamoDB` remove what has expired. Nothing depends on it: what has expired and is still
    /// there counts as absent.
    async fn tidy_up(self) {
        let Some(attribute) = self.expires else {
            return;
        };
        let expiry = TimeToLiveSpecification::builder()
            .attribute_name(attribute)
            .enabled(true)
            .build();
        let Ok(expiry) = expiry else { return };
        let switched_on = self
            .client
            .update_time_to_live()
            .table_name(self.name)
            .time_to_live_specification(expiry)
            .send()
            .await;
        if let Err(error) = switched_on {
            let code = error
                .as_service_error()
                .and_then(UpdateTimeToLiveError::code);
            // Somebody who started at the same time switched it on.
            if code != Some("ValidationException") {
                let code = code.unwrap_or("no answer");
                tracing::warn!(
                    table = self.name,
                    code,
                    "items that have expired are not removed"
                );
            }
        }
    }

    pub(crate) fn wrong(self, what: &str) -> StoreError {
        let table = self.name;
        StoreError::new(
            StoreErrorKind::Internal,
            format!("DynamoDB: the table {table} {what}"),
        )
    }
}

/// Two members of each object in a list of a definition.
fn members(definition: &Value, list: &str, names: [&str; 2]) -> Vec<[String; 2]> {
    let objects = definition[list].as_array().into_iter().flatten();
    let text = |object: &Value, name: &str| object[name].as_str().unwrap_or_default().to_owned();
    objects
        .map(|object| names.map(|name| text(object, name)))
        .collect()
}

fn key_of(table: &TableDescription) -> Vec<[String; 2]> {
    let parts = table.key_schema().iter();
    parts
        .map(|part| {
            [
                part.attribute_name.clone(),
                part.key_type.as_str().to_owned(),
            ]
        })
        .collect()
}

/// Whether every part of the key is text.
fn all_text(table: &TableDescription) -> bool {
    table.key_schema().iter().all(|part| {
        table.attribute_definitions().iter().any(|definition| {
            definition.attribute_name == part.attribute_name
                && definition.attribute_type.as_str() == "S"
        })
    })
}
