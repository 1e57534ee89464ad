//! Items that another tool wrote, without Usher's metadata: their first conditional write claims
//! them, and writers that come at once lose no update by that.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use aws_sdk_dynamodb::{
    Client,
    config::{BehaviorVersion, Credentials, Region},
    types::AttributeValue,
};
use usher_domain::{
    ports::{Deleted, Expected, ProfileStore, Put, StoreError, StoredProfile},
    profile::Profile,
    user_id::UserId,
};
use usher_store_dynamodb::{Dynamo, DynamoProfileStore, DynamoSettings};
use usher_testkit::containers;

/// A store whose unconditional puts leave what another tool would have written.
struct ForeignPuts {
    store: DynamoProfileStore,
    client: Client,
    table: String,
}

async fn profiles() -> (Arc<dyn ProfileStore>, ()) {
    let endpoint = containers::dynamodb().await;
    let region = "eu-west-1";
    let settings = DynamoSettings {
        table: containers::unique_name("profiles"),
        control: containers::unique_name("control"),
        region: Some(region.to_owned()),
        endpoint: Some(endpoint.clone()),
        migrate: true,
        timeout: Duration::from_secs(30),
        consistent_reads: true,
    };
    let dynamo = Dynamo::open(&settings).await.expect("a table");
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(region))
        .endpoint_url(endpoint)
        .credentials_provider(Credentials::new("other", "other", None, None, "test"))
        .build();
    let foreign = ForeignPuts {
        store: DynamoProfileStore::new(dynamo),
        client: Client::from_conf(config),
        table: settings.table,
    };
    (Arc::new(foreign), ())
}

#[async_trait]
impl ProfileStore for ForeignPuts {
    async fn get(&self, id: &UserId) -> Result<Option<StoredProfile>, StoreError> {
        self.store.get(id).await
    }

    async fn get_for_write(&self, id: &UserId) -> Result<Option<StoredProfile>, StoreError> {
        self.store.get_for_write(id).await
    }

    async fn put(
        &self,
        id: &UserId,
        profile: &Profile,
        expected: &Expected,
    ) -> Result<Put, StoreError> {
        let put = self.store.put(id, profile, expected).await?;
        if *expected == Expected::Anything {
            let key = AttributeValue::S(id.as_str().to_owned());
            let removed = self
                .client
                .update_item()
                .table_name(&self.table)
                .key("userId", key)
                .update_expression("REMOVE #meta")
                // It may be deleted already, and an update would make it anew.
                .condition_expression("attribute_exists(#key)")
                .expression_attribute_names("#meta", "_usher")
                .expression_attribute_names("#key", "userId")
                .send()
                .await;
            if let Err(error) = removed {
                let error = error.into_service_error();
                assert!(error.is_conditional_check_failed_exception(), "{error:?}");
            }
        }
        Ok(put)
    }

    async fn delete(&self, id: &UserId, expected: &Expected) -> Result<Deleted, StoreError> {
        self.store.delete(id, expected).await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.store.ping().await
    }
}

usher_testkit::concurrent_writers_conformance!(profiles);
