//! The start over the table of plans, keys and usage.

mod support;

use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType,
    ScalarAttributeType,
};
use usher_domain::ports::{KeyStore as _, Revision};
use usher_store_dynamodb::{DynamoControl, DynamoKeyStore, DynamoSettings};

use crate::support::{another_client, settings};

async fn says(settings: &DynamoSettings) -> String {
    let error = DynamoControl::open(settings).await.map(drop).unwrap_err();
    assert!(!error.is_transient(), "{error:?}");
    error.to_string()
}

#[tokio::test]
async fn a_missing_control_table_stops_the_start_and_says_what_to_do() {
    let with = settings(true).await;
    let without = DynamoSettings {
        migrate: false,
        ..with.clone()
    };
    let said = says(&without).await;
    assert!(
        said.contains(&with.control) && said.contains("usher migrate"),
        "{said}"
    );
    DynamoControl::open(&with).await.unwrap();
    let control = DynamoControl::open(&without).await.unwrap();
    let revision = DynamoKeyStore::new(control).revision().await.unwrap();
    assert_eq!(revision, Revision(0));
}

#[tokio::test]
async fn a_control_table_of_another_layout_stops_the_start_with_and_without_migration() {
    let with = settings(true).await;
    DynamoControl::open(&with).await.unwrap();
    let put = another_client(&with).put_item().table_name(&with.control);
    let text = |text: &str| AttributeValue::S(text.to_owned());
    put.item("pk", text("control"))
        .item("sk", text("schema"))
        .item("version", AttributeValue::N("2".to_owned()))
        .send()
        .await
        .unwrap();
    for migrate in [true, false] {
        let settings = DynamoSettings {
            migrate,
            ..with.clone()
        };
        let said = says(&settings).await;
        assert!(said.contains("use the program that made it"), "{said}");
    }
}

#[tokio::test]
async fn somebody_elses_table_is_left_alone() {
    let settings = settings(true).await;
    let text = |name: &str| {
        let definition = AttributeDefinition::builder().attribute_name(name);
        let definition = definition.attribute_type(ScalarAttributeType::S);
        definition.build().unwrap()
    };
    let key = KeySchemaElement::builder()
        .attribute_name("id")
        .key_type(KeyType::Hash);
    another_client(&settings)
        .create_table()
        .table_name(&settings.control)
        .billing_mode(BillingMode::PayPerRequest)
        .attribute_definitions(text("id"))
        .key_schema(key.build().unwrap())
        .send()
        .await
        .unwrap();
    let said = says(&settings).await;
    assert!(said.contains("another key than pk and sk"), "{said}");
    let scanned = another_client(&settings)
        .scan()
        .table_name(&settings.control)
        .send()
        .await
        .unwrap();
    assert_eq!(scanned.count, 0);
}

#[tokio::test]
async fn several_processes_may_make_the_control_table_at_once() {
    let settings = settings(true).await;
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let settings = settings.clone();
            tokio::spawn(async move { DynamoControl::open(&settings).await.map(drop) })
        })
        .collect();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
}
