//! What only a table that others fill, or that is not there, can do wrong.

mod support;

use std::collections::HashMap;

use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, GlobalSecondaryIndex, KeySchemaElement,
    KeyType, Projection, ProjectionType, ScalarAttributeType,
};
use usher_domain::{
    ports::{Expected, ProfileStore as _, Put, StoreErrorKind},
    profile::Profile,
    user_id::UserId,
};
use usher_store_dynamodb::{Dynamo, DynamoProfileStore, DynamoSettings};

use crate::support::{another_client, settings};

async fn put_raw(settings: &DynamoSettings, id: &str, attributes: &[(&str, AttributeValue)]) {
    let mut item: HashMap<_, _> = attributes
        .iter()
        .map(|(name, value)| ((*name).to_owned(), value.clone()))
        .collect();
    item.insert("userId".to_owned(), AttributeValue::S(id.to_owned()));
    another_client(settings)
        .put_item()
        .table_name(&settings.table)
        .set_item(Some(item))
        .send()
        .await
        .unwrap();
}

fn alice() -> UserId {
    UserId::parse("alice").unwrap()
}

#[tokio::test]
async fn an_item_that_another_program_wrote_is_read_at_once() {
    let settings = settings(true).await;
    let store = DynamoProfileStore::new(Dynamo::open(&settings).await.unwrap());
    let number = |text: &str| AttributeValue::N(text.to_owned());
    let text = |text: &str| AttributeValue::S(text.to_owned());
    let nested = [
        ("city".to_owned(), text("Ulm")),
        ("zip".to_owned(), number("89073")),
    ];
    put_raw(
        &settings,
        "alice",
        &[
            ("age", number("30")),
            ("score", number("1.50")),
            ("address", AttributeValue::M(nested.into())),
            (
                "tags",
                AttributeValue::Ss(vec!["b".to_owned(), "a".to_owned()]),
            ),
            ("picture", AttributeValue::B(vec![1, 2, 3].into())),
            ("_internal", text("another tool's")),
        ],
    )
    .await;
    let stored = store.get(&alice()).await.unwrap().unwrap();
    assert_eq!(
        stored.profile.as_json(),
        r#"{"address":{"city":"Ulm","zip":89073},"age":30,"picture":"AQID","score":1.5,"tags":["a","b"]}"#
    );
}

#[tokio::test]
async fn an_item_without_metadata_is_claimed_by_its_first_conditional_write() {
    let settings = settings(true).await;
    let store = DynamoProfileStore::new(Dynamo::open(&settings).await.unwrap());
    put_raw(
        &settings,
        "alice",
        &[("n", AttributeValue::N("1".to_owned()))],
    )
    .await;
    let claimed = store.get_for_write(&alice()).await.unwrap().unwrap();
    // The other program replaces the item in between: nothing of ours is in it any more.
    put_raw(
        &settings,
        "alice",
        &[("n", AttributeValue::N("2".to_owned()))],
    )
    .await;
    let profile = Profile::from_stored_json(b"{\"n\":3}").unwrap();
    let expected = Expected::Version(claimed.version);
    assert_eq!(
        store.put(&alice(), &profile, &expected).await.unwrap(),
        Put::Conflict
    );
    let claimed = store.get_for_write(&alice()).await.unwrap().unwrap();
    let expected = Expected::Version(claimed.version);
    assert_eq!(
        store.put(&alice(), &profile, &expected).await.unwrap(),
        Put::Replaced
    );
}

#[tokio::test]
async fn an_attribute_that_no_profile_can_hold_is_named_and_nothing_that_is_in_it() {
    let settings = settings(true).await;
    let store = DynamoProfileStore::new(Dynamo::open(&settings).await.unwrap());
    let text = AttributeValue::S("a\0b".to_owned());
    // Names further in are content, too: an address book has its owner's friends for names.
    let book = HashMap::from([("marked@example.com".to_owned(), text)]);
    put_raw(&settings, "alice", &[("a/b", AttributeValue::M(book))]).await;
    let error = store.get(&alice()).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Corrupt);
    let said = error.to_string();
    assert!(
        said.contains("/a~1b: ") && !said.contains("marked"),
        "{said}"
    );
}

#[tokio::test]
async fn a_missing_table_stops_the_start_and_says_what_to_do() {
    let settings = settings(false).await;
    let error = Dynamo::open(&settings).await.unwrap_err().to_string();
    assert!(
        error.contains(&settings.table) && error.contains("usher migrate"),
        "{error}"
    );
}

#[tokio::test]
async fn a_table_with_another_key_stops_the_start() {
    let settings = settings(true).await;
    another_client(&settings)
        .create_table()
        .table_name(&settings.table)
        .billing_mode(BillingMode::PayPerRequest)
        .attribute_definitions(
            AttributeDefinition::builder()
                .attribute_name("id")
                .attribute_type(ScalarAttributeType::S)
                .build()
                .unwrap(),
        )
        .key_schema(
            KeySchemaElement::builder()
                .attribute_name("id")
                .key_type(KeyType::Hash)
                .build()
                .unwrap(),
        )
        .send()
        .await
        .unwrap();
    let error = Dynamo::open(&settings).await.unwrap_err().to_string();
    assert!(error.contains("another key"), "{error}");
}

#[tokio::test]
async fn several_processes_may_create_the_table_at_once() {
    let settings = settings(true).await;
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let settings = settings.clone();
            tokio::spawn(async move { Dynamo::open(&settings).await.map(drop) })
        })
        .collect();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn an_endpoint_out_of_reach_is_transient() {
    let settings = DynamoSettings {
        // Port 1 is not listened on.
        endpoint: Some("http://127.0.0.1:1".to_owned()),
        ..settings(true).await
    };
    let error = Dynamo::open(&settings).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unavailable);
    assert!(error.is_transient());
}

/// What every other table would take, and this one does not, is the caller's to change: 422, and not 500.
#[tokio::test]
async fn what_an_index_of_the_table_does_not_take_is_refused() {
    let settings = settings(true).await;
    let text = |name: &str| {
        let attribute = AttributeDefinition::builder().attribute_name(name);
        let attribute = attribute.attribute_type(ScalarAttributeType::S);
        attribute.build().unwrap()
    };
    let key = |name: &str| {
        let key = KeySchemaElement::builder().attribute_name(name);
        key.key_type(KeyType::Hash).build().unwrap()
    };
    let projection = Projection::builder().projection_type(ProjectionType::KeysOnly);
    let index = GlobalSecondaryIndex::builder()
        .index_name("byEmail")
        .key_schema(key("email"))
        .projection(projection.build());
    another_client(&settings)
        .create_table()
        .table_name(&settings.table)
        .attribute_definitions(text("userId"))
        .attribute_definitions(text("email"))
        .key_schema(key("userId"))
        .global_secondary_indexes(index.build().unwrap())
        .billing_mode(BillingMode::PayPerRequest)
        .send()
        .await
        .unwrap();
    let store = DynamoProfileStore::new(Dynamo::open(&settings).await.unwrap());
    let profile = |text: &str| Profile::from_stored_json(text.as_bytes()).unwrap();
    let put = async |text: &str, expected: Expected| {
        let put = store.put(&alice(), &profile(text), &expected).await;
        put.unwrap_or_else(|error| panic!("{text}: {error:?}"))
    };
    let fine = r#"{"email":"a@example.org"}"#;
    for wrong in [r#"{"email":5}"#, r#"{"email":""}"#] {
        for expected in [Expected::Anything, Expected::Absent] {
            let put = put(wrong, expected).await;
            assert!(
                matches!(&put, Put::Refused(places) if places.len() == 1),
                "{wrong}: {put:?}"
            );
        }
    }
    assert_eq!(put(fine, Expected::Anything).await, Put::Created);
    let version = store
        .get_for_write(&alice())
        .await
        .unwrap()
        .unwrap()
        .version;
    let put = put(r#"{"email":7}"#, Expected::Version(version)).await;
    assert!(matches!(put, Put::Refused(_)), "{put:?}");
}

/// The room is what other programs leave.
#[tokio::test]
async fn what_other_programs_leave_no_room_for_is_refused() {
    let settings = settings(true).await;
    let store = DynamoProfileStore::new(Dynamo::open(&settings).await.unwrap());
    let blob = AttributeValue::S("x".repeat(300_000));
    put_raw(&settings, "alice", &[("_blob", blob)]).await;
    let profile = |size: usize| {
        let text = serde_json::json!({"text": "y".repeat(size)}).to_string();
        Profile::from_stored_json(text.as_bytes()).unwrap()
    };
    let version = store
        .get_for_write(&alice())
        .await
        .unwrap()
        .unwrap()
        .version;
    for expected in [Expected::Anything, Expected::Version(version)] {
        let put = store.put(&alice(), &profile(150_000), &expected).await;
        assert!(matches!(put, Ok(Put::Refused(_))), "{put:?}");
    }
    let put = store
        .put(&alice(), &profile(90_000), &Expected::Anything)
        .await;
    assert_eq!(put.unwrap(), Put::Replaced);
}
