use std::{fmt, time::Duration};

use aws_config::{BehaviorVersion, Region, retry::RetryConfig, timeout::TimeoutConfig};
use aws_sdk_dynamodb::{
    Client,
    config::Credentials,
    error::ProvideErrorMetadata as _,
    types::{
        AttributeDefinition, BillingMode, KeySchemaElement, KeyType,
        PointInTimeRecoverySpecification, ScalarAttributeType, TableStatus,
    },
};
use serde_json::Value;
use usher_domain::ports::{StoreError, StoreErrorKind};

use crate::{error::store_error, http_client::RenewedClient};

const PROFILES: &str = include_str!("../../../migrations/dynamodb/profiles.json");

/// So long a new table may take to become active.
const CREATION: Duration = Duration::from_mins(1);

/// Where the table is and how to use it.
#[derive(Clone)]
pub struct DynamoSettings {
    /// The table of profiles; its key is `userId`, text, and nothing else.
    pub table: String,
    /// The region; left out, the environment's.
    pub region: Option<String>,
    /// Another endpoint than the region's own, for `DynamoDB` Local.
    pub endpoint: Option<String>,
    /// Create the table at start if it is not there. Otherwise a missing table stops the start.
    pub migrate: bool,
    /// How long one call may take.
    pub timeout: Duration,
    /// Strongly consistent reads. Without, a reader may miss a write that was just answered.
    pub consistent_reads: bool,
}

impl fmt::Debug for DynamoSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DynamoSettings")
            .field("table", &self.table)
            .finish_non_exhaustive()
    }
}

/// A client, and the table as this program knows it.
#[derive(Clone, Debug)]
pub struct Dynamo {
    pub(crate) client: Client,
    pub(crate) table: String,
    pub(crate) consistent_reads: bool,
}

impl Dynamo {
    /// Makes a client and looks at the table.
    ///
    /// # Errors
    /// When `DynamoDB` cannot be reached, or the table is missing (without `migrate`) or has
    /// another key.
    pub async fn open(settings: &DynamoSettings) -> Result<Self, StoreError> {
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(settings.timeout / 4)
            .operation_timeout(settings.timeout)
            .build();
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            // A write of unknown outcome is never sent again, and the SDK does not tell reads
            // from writes. Who calls does, and repeats reads.
            .retry_config(RetryConfig::disabled())
            .http_client(RenewedClient::new(settings.timeout / 4))
            .timeout_config(timeouts);
        if let Some(region) = &settings.region {
            loader = loader.region(Region::new(region.clone()));
        }
        if let Some(endpoint) = &settings.endpoint {
            loader = loader.endpoint_url(endpoint);
            if is_loopback(endpoint) {
                // DynamoDB Local wants a signature and takes any: nobody should have to invent
                // credentials for it.
                let anything = Credentials::new("local", "local", None, None, "loopback");
                loader = loader.credentials_provider(anything);
            }
        }
        let dynamo = Self {
            client: Client::new(&loader.load().await),
            table: settings.table.clone(),
            consistent_reads: settings.consistent_reads,
        };
        dynamo.check_table(settings.migrate).await?;
        Ok(dynamo)
    }

    async fn check_table(&self, migrate: bool) -> Result<(), StoreError> {
        let missing = self.status().await?.is_none();
        if missing {
            if !migrate {
                return Err(
                    self.wrong("does not exist: run `usher migrate`, or set store.migrate = true")
                );
            }
            self.create().await?;
        }
        let active = async {
            while self.status().await? != Some(TableStatus::Active) {
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
            Ok(())
        };
        tokio::time::timeout(CREATION, active)
            .await
            .unwrap_or_else(|_| {
                let said = "DynamoDB: the table is not active";
                Err(StoreError::new(StoreErrorKind::Unavailable, said))
            })?;
        // A table that is not active yet refuses this.
        if missing {
            self.keep_backups().await;
        }
        Ok(())
    }

    /// The table's status, `None` when there is no table.
    async fn status(&self) -> Result<Option<TableStatus>, StoreError> {
        let described = self
            .client
            .describe_table()
            .table_name(&self.table)
            .send()
            .await;
        let table = match described {
            Ok(described) => described.table,
            Err(error) if error.as_service_error().is_some_and(
                aws_sdk_dynamodb::operation::describe_table::DescribeTableError::is_resource_not_found_exception,
            ) => return Ok(None),
            Err(error) => return Err(store_error("describe the table", error)),
        };
        let Some(table) = table else { return Ok(None) };
        let keys = table.key_schema();
        let user_id_is_text = table.attribute_definitions().iter().any(|definition| {
            definition.attribute_name == "userId"
                && definition.attribute_type == ScalarAttributeType::S
        });
        match keys {
            [key] if key.attribute_name == "userId" && user_id_is_text => Ok(table.table_status),
            _ => Err(self.wrong("has another key than userId, text, and nothing else")),
        }
    }

    async fn create(&self) -> Result<(), StoreError> {
        let definition: Value = serde_json::from_str(PROFILES).unwrap_or_default();
        let text = |value: &Value, name: &str| value[name].as_str().unwrap_or_default().to_owned();
        let broken = |error| {
            StoreError::new(
                StoreErrorKind::Internal,
                "DynamoDB: the definition of the table",
            )
            .caused_by(error)
        };
        let mut request = self
            .client
            .create_table()
            .table_name(&self.table)
            .billing_mode(BillingMode::from(text(&definition, "BillingMode").as_str()))
            .set_deletion_protection_enabled(definition["DeletionProtectionEnabled"].as_bool());
        for attribute in definition["AttributeDefinitions"]
            .as_array()
            .into_iter()
            .flatten()
        {
            request = request.attribute_definitions(
                AttributeDefinition::builder()
                    .attribute_name(text(attribute, "AttributeName"))
                    .attribute_type(text(attribute, "AttributeType").as_str().into())
                    .build()
                    .map_err(broken)?,
            );
        }
        for key in definition["KeySchema"].as_array().into_iter().flatten() {
            request = request.key_schema(
                KeySchemaElement::builder()
                    .attribute_name(text(key, "AttributeName"))
                    .key_type(KeyType::from(text(key, "KeyType").as_str()))
                    .build()
                    .map_err(broken)?,
            );
        }
        match request.send().await {
            Ok(_) => {}
            // Another process, starting at the same time, was faster.
            Err(error) if error.as_service_error().is_some_and(
                aws_sdk_dynamodb::operation::create_table::CreateTableError::is_resource_in_use_exception,
            ) => return Ok(()),
            Err(error) => return Err(store_error("create the table", error)),
        }
        Ok(())
    }

    /// Switches on point-in-time recovery of a table that was just made. An endpoint that does not
    /// know backups has none to switch on; any other failure is told, and is no reason not to serve.
    async fn keep_backups(&self) {
        let recovery = PointInTimeRecoverySpecification::builder()
            .point_in_time_recovery_enabled(true)
            .build();
        let Ok(recovery) = recovery else { return };
        let switched_on = self
            .client
            .update_continuous_backups()
            .table_name(&self.table)
            .point_in_time_recovery_specification(recovery)
            .send()
            .await;
        if let Err(error) = switched_on
            && error.code() != Some("UnknownOperationException")
        {
            let code = error.code().unwrap_or("no answer");
            tracing::warn!(
                table = self.table,
                code,
                "point-in-time recovery is not switched on"
            );
        }
    }

    fn wrong(&self, what: &str) -> StoreError {
        let table = &self.table;
        StoreError::new(
            StoreErrorKind::Internal,
            format!("DynamoDB: the table {table} {what}"),
        )
    }
}

/// Whether `endpoint` is on this machine.
fn is_loopback(endpoint: &str) -> bool {
    let host = endpoint
        .split_once("://")
        .map_or(endpoint, |(_, rest)| rest);
    let host = host.split('/').next().unwrap_or_default();
    host.starts_with("127.") || host.starts_with("localhost") || host.starts_with("[::1]")
}
