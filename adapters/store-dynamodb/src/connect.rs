use std::{fmt, time::Duration};

use aws_config::{BehaviorVersion, Region, retry::RetryConfig, timeout::TimeoutConfig};
use aws_sdk_dynamodb::{Client, config::Credentials, types::AttributeValue};
use usher_domain::ports::StoreError;

use crate::{control::DynamoControl, http_client::RenewedClient, table::Table};

const PROFILES: &str = include_str!("../../../migrations/dynamodb/profiles.json");

/// No user's id: it has a slash.
const NOBODY: &str = "usher/start";

/// Where the table is and how to use it.
#[derive(Clone)]
pub struct DynamoSettings {
    /// The table of profiles; its key is `userId`, text, and nothing else.
    pub table: String,
    /// The table of plans, keys and usage; its key is `pk` and `sk`, both text.
    pub control: String,
    /// The region; left out, the environment's.
    pub region: Option<String>,
    /// Another endpoint than the region's own, for `DynamoDB` Local.
    pub endpoint: Option<String>,
    /// Create a table at start if it is not there. Otherwise a missing table stops the start.
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
    /// Makes a client and looks at the table of profiles.
    ///
    /// # Errors
    /// When `DynamoDB` cannot be reached, or the table is missing (without `migrate`) or has
    /// another key.
    pub async fn open(settings: &DynamoSettings) -> Result<Self, StoreError> {
        let dynamo = Self {
            client: client(settings).await,
            table: settings.table.clone(),
            consistent_reads: settings.consistent_reads,
        };
        let table = Table {
            client: &dynamo.client,
            name: &dynamo.table,
            definition: PROFILES,
            expires: None,
        };
        // A read of nobody's profile says that the table is there and what its key is, and is less than to
        // describe it, in time and in rights. What it leaves is a connection for the first caller.
        let nobody = AttributeValue::S(NOBODY.to_owned());
        let nobody = [("userId".to_owned(), nobody)].into();
        if table.read(nobody).await?.is_none() {
            table.await_it(settings.migrate).await?;
        }
        Ok(dynamo)
    }

    /// Looks at the table of plans, keys and usage with the same client.
    ///
    /// # Errors
    /// Those of [`DynamoControl::open`].
    pub async fn control(&self, settings: &DynamoSettings) -> Result<DynamoControl, StoreError> {
        DynamoControl::with(self.client.clone(), settings).await
    }
}

impl DynamoControl {
    /// Makes a client and looks at the table of plans, keys and usage.
    ///
    /// # Errors
    /// When `DynamoDB` cannot be reached, or the table is missing or older (without `migrate`), newer
    /// than this program knows it, or another program's.
    pub async fn open(settings: &DynamoSettings) -> Result<Self, StoreError> {
        Self::with(client(settings).await, settings).await
    }
}

async fn client(settings: &DynamoSettings) -> Client {
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
    Client::new(&loader.load().await)
}

/// Whether `endpoint` is on this machine.
fn is_loopback(endpoint: &str) -> bool {
    let host = endpoint
        .split_once("://")
        .map_or(endpoint, |(_, rest)| rest);
    let host = host.split('/').next().unwrap_or_default();
    host.starts_with("127.") || host.starts_with("localhost") || host.starts_with("[::1]")
}
