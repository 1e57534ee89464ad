use std::{collections::HashMap, time::Duration};

use aws_sdk_dynamodb::{
    Client,
    config::{BehaviorVersion, Credentials, Region},
    types::AttributeValue,
};
use usher_store_dynamodb::{Dynamo, DynamoControl, DynamoSettings};
use usher_testkit::containers;

/// Tables that nobody else has, and that are not there yet.
pub(crate) async fn settings(migrate: bool) -> DynamoSettings {
    DynamoSettings {
        table: containers::unique_name("profiles"),
        control: containers::unique_name("control"),
        region: Some("eu-west-1".to_owned()),
        endpoint: Some(containers::dynamodb().await),
        migrate,
        timeout: Duration::from_secs(30),
        consistent_reads: true,
    }
}

/// A new table of profiles.
#[allow(dead_code, reason = "not every test binary needs it")]
pub(crate) async fn fresh() -> Dynamo {
    Dynamo::open(&settings(true).await).await.expect("a table")
}

/// A new control table.
#[allow(dead_code, reason = "not every test binary needs it")]
pub(crate) async fn fresh_control() -> DynamoControl {
    let settings = settings(true).await;
    DynamoControl::open(&settings).await.expect("a table")
}

/// Another program's client.
#[allow(dead_code, reason = "each test file is a program of its own")]
pub(crate) fn another_client(settings: &DynamoSettings) -> Client {
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-west-1"))
        .endpoint_url(settings.endpoint.clone().expect("an endpoint"))
        .credentials_provider(Credentials::new("other", "other", None, None, "test"))
        .build();
    Client::from_conf(config)
}

/// Another program, with a table that Usher has too.
#[allow(dead_code, reason = "each test file is a program of its own")]
#[derive(Clone)]
pub(crate) struct Another {
    pub(crate) client: Client,
    pub(crate) table: String,
}

#[allow(dead_code, reason = "each test file is a program of its own")]
impl Another {
    /// A new table, as Usher has it and as the other program has it.
    pub(crate) async fn with_usher() -> (Dynamo, Self) {
        let settings = settings(true).await;
        let dynamo = Dynamo::open(&settings).await.expect("a table");
        let another = Self {
            client: another_client(&settings),
            table: settings.table,
        };
        (dynamo, another)
    }

    fn key(id: &str) -> AttributeValue {
        AttributeValue::S(id.to_owned())
    }

    /// Writes an item whole.
    pub(crate) async fn put(&self, id: &str, attributes: &[(&str, AttributeValue)]) {
        let request = self.client.put_item().table_name(&self.table);
        let request = request.item("userId", Self::key(id));
        let item = attributes
            .iter()
            .fold(request, |request, (name, value)| {
                request.item(*name, value.clone())
            })
            .send();
        item.await.expect("an item is written");
    }

    /// Changes one attribute of an item in place.
    pub(crate) async fn set(&self, id: &str, name: &str, value: AttributeValue) {
        let updated = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("userId", Self::key(id))
            .update_expression("SET #name = :value")
            .expression_attribute_names("#name", name)
            .expression_attribute_values(":value", value)
            .send();
        updated.await.expect("an item is changed");
    }

    /// An item without Usher's attribute, and that attribute.
    pub(crate) async fn get(
        &self,
        id: &str,
    ) -> (HashMap<String, AttributeValue>, Option<AttributeValue>) {
        let read = self
            .client
            .get_item()
            .table_name(&self.table)
            .key("userId", Self::key(id))
            .consistent_read(true)
            .send();
        let mut item = read
            .await
            .expect("an item is read")
            .item
            .unwrap_or_default();
        let usher = item.remove("_usher");
        // A set comes back in any order.
        for value in item.values_mut() {
            match value {
                AttributeValue::Ss(elements) | AttributeValue::Ns(elements) => elements.sort(),
                _ => {}
            }
        }
        (item, usher)
    }
}
