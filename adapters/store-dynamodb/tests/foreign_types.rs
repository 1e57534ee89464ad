//! Items that another program wrote, with types that JSON does not have and attributes of its own:
//! what Usher writes changes what it touches, and nothing else.

mod support;

use std::collections::HashMap;

use aws_sdk_dynamodb::{primitives::Blob, types::AttributeValue};
use serde_json::{Value, json};
use support::Another;
use usher_domain::{
    ports::{Deleted, Expected, ProfileStore as _, Put},
    profile::Profile,
    user_id::UserId,
};
use usher_store_dynamodb::DynamoProfileStore;

const PI: &str = "3.1415926535897932384626433832795028841";

fn alice() -> UserId {
    UserId::parse("alice").unwrap()
}

fn text(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

fn number(literal: &str) -> AttributeValue {
    AttributeValue::N(literal.to_owned())
}

fn texts(texts: &[&str]) -> AttributeValue {
    AttributeValue::Ss(texts.iter().map(|text| (*text).to_owned()).collect())
}

fn profile(attributes: &Value) -> Profile {
    Profile::from_attributes(attributes.as_object().unwrap().clone()).unwrap()
}

/// One of each.
fn foreign() -> Vec<(&'static str, AttributeValue)> {
    let inner = [
        ("pi".to_owned(), number(PI)),
        ("tags".to_owned(), texts(&["x", "y"])),
        ("n".to_owned(), number("1")),
    ];
    vec![
        ("pi", number(PI)),
        ("tags", texts(&["a", "b"])),
        (
            "marks",
            AttributeValue::Ns(vec!["1".to_owned(), PI.to_owned()]),
        ),
        ("picture", AttributeValue::B(Blob::new([0, 1, 255]))),
        ("parts", AttributeValue::Bs(vec![Blob::new([1])])),
        ("nested", AttributeValue::M(inner.into())),
        ("list", AttributeValue::L(vec![texts(&["p"]), number("2")])),
        ("none", AttributeValue::Null(true)),
        ("name", text("Alice")),
        ("_ttl", number("1900000000")),
    ]
}

fn with(changes: &[(&str, AttributeValue)]) -> HashMap<String, AttributeValue> {
    let mut item: HashMap<_, _> = foreign()
        .iter()
        .chain(changes)
        .map(|(name, value)| ((*name).to_owned(), value.clone()))
        .collect();
    item.insert("userId".to_owned(), text("alice"));
    item
}

/// A table with a foreign item, and what a caller of Usher sees of it.
async fn scene() -> (DynamoProfileStore, Another, serde_json::Map<String, Value>) {
    let (dynamo, another) = Another::with_usher().await;
    another.put("alice", &foreign()).await;
    let store = DynamoProfileStore::new(dynamo);
    let seen = store.get(&alice()).await.unwrap().unwrap().profile;
    (store, another, seen.attributes())
}

/// Reads for a write, and writes what `change` makes of it.
async fn patch(
    store: &DynamoProfileStore,
    change: impl Fn(&mut serde_json::Map<String, Value>),
) -> Put {
    let stored = store.get_for_write(&alice()).await.unwrap().unwrap();
    let mut attributes = stored.profile.attributes();
    change(&mut attributes);
    let profile = Profile::from_attributes(attributes).unwrap();
    let expected = Expected::Version(stored.version);
    store.put(&alice(), &profile, &expected).await.unwrap()
}

fn refused_at(put: &Put) -> Vec<&str> {
    match put {
        Put::Refused(places) => places.iter().map(|place| &*place.pointer).collect(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_was_read_and_put_back_changes_nothing() {
    let (store, another, seen) = scene().await;
    let seen = Profile::from_attributes(seen).unwrap();
    for _ in 0..2 {
        let put = store.put(&alice(), &seen, &Expected::Anything).await;
        assert_eq!(put.unwrap(), Put::Replaced);
        assert_eq!(another.get("alice").await.0, with(&[]));
    }
    assert_eq!(patch(&store, |_| {}).await, Put::Replaced);
    assert_eq!(another.get("alice").await.0, with(&[]));
}

#[tokio::test]
async fn a_patch_of_one_attribute_leaves_the_others() {
    let (store, another, _) = scene().await;
    let put = patch(&store, |profile| {
        profile["name"] = json!("Bob");
        profile["nested"]["n"] = json!(2);
        profile.remove("none");
        profile.insert("new".to_owned(), json!([1]));
    })
    .await;
    assert_eq!(put, Put::Replaced);
    let inner = [
        ("pi".to_owned(), number(PI)),
        ("tags".to_owned(), texts(&["x", "y"])),
        ("n".to_owned(), number("2")),
    ];
    let mut expected = with(&[
        ("name", text("Bob")),
        ("nested", AttributeValue::M(inner.into())),
        ("new", AttributeValue::L(vec![number("1")])),
    ]);
    expected.remove("none");
    assert_eq!(another.get("alice").await.0, expected);
}

#[tokio::test]
async fn a_set_and_bytes_get_what_they_can_hold() {
    let (store, another, mut seen) = scene().await;
    seen["tags"] = json!(["z", "b", ""]);
    seen["marks"] = json!([5, std::f64::consts::PI]);
    seen["picture"] = json!("");
    seen["parts"] = json!(["AQ==", "Ag=="]);
    let put = store
        .put(&alice(), &profile(&json!(seen)), &Expected::Anything)
        .await;
    let Put::ReplacedAs(stored) = put.unwrap() else {
        panic!("sets have an order of their own")
    };
    let changed = [
        ("tags", texts(&["", "b", "z"])),
        (
            "marks",
            AttributeValue::Ns(vec![PI.to_owned(), "5".to_owned()]),
        ),
        ("picture", AttributeValue::B(Blob::new([]))),
        (
            "parts",
            AttributeValue::Bs(vec![Blob::new([1]), Blob::new([2])]),
        ),
    ];
    assert_eq!(another.get("alice").await.0, with(&changed));
    let read = store.get(&alice()).await.unwrap().unwrap().profile;
    assert_eq!(
        (read.as_json(), read.tag()),
        (stored.as_json(), stored.tag())
    );
    assert_eq!(read.attributes()["tags"], json!(["", "b", "z"]));
}

#[tokio::test]
async fn what_a_set_or_bytes_cannot_hold_is_refused_and_nothing_is_written() {
    let (store, another, seen) = scene().await;
    for (name, value, place) in [
        ("tags", json!([]), "/tags"),
        ("tags", json!(["a", "b", "a"]), "/tags/2"),
        ("tags", json!(["a", 1]), "/tags/1"),
        ("marks", json!(["1"]), "/marks/0"),
        ("parts", json!(["?"]), "/parts/0"),
        ("picture", json!("not base64"), "/picture"),
        ("picture", json!("AAH/="), "/picture"),
        ("nested", json!({"tags": []}), "/nested/tags"),
        ("list", json!([["p", "p"], 2]), "/list/0/1"),
        ("list", json!([["q"], ["r"], ["s"]]), "/list"),
    ] {
        let mut wanted = seen.clone();
        wanted[name] = value.clone();
        let wanted = profile(&json!(wanted));
        let put = store
            .put(&alice(), &wanted, &Expected::Anything)
            .await
            .unwrap();
        assert_eq!(refused_at(&put), [place], "{name} {value}");
        let put = patch(&store, |profile| profile[name] = value.clone()).await;
        assert_eq!(refused_at(&put), [place], "{name} {value}");
        assert_eq!(another.get("alice").await.0, with(&[]));
    }
}

#[tokio::test]
async fn another_kind_of_value_replaces_whatever_was_there() {
    let (store, another, _) = scene().await;
    let names = ["pi", "tags", "marks", "picture", "parts", "nested", "list"];
    let put = patch(&store, |profile| {
        for name in names {
            profile[name] = Value::Null;
        }
    })
    .await;
    assert_eq!(put, Put::Replaced);
    let null = AttributeValue::Null(true);
    let changed = names.map(|name| (name, null.clone()));
    assert_eq!(another.get("alice").await.0, with(&changed));
    // It is another program's still: what it puts there later is as safe as what was there.
    another.set("alice", "tags", texts(&["a"])).await;
    let bare = profile(&json!({"tags": ["a"]}));
    let put = store.put(&alice(), &bare, &Expected::Anything).await;
    assert_eq!(put.unwrap(), Put::Replaced);
    let (left, _) = another.get("alice").await;
    let mut names: Vec<_> = left.keys().collect();
    names.sort();
    assert_eq!(names, ["_ttl", "tags", "userId"]);
    assert_eq!(left["tags"], texts(&["a"]));
}

/// A profile that was made from what was shown before says of every attribute how it was then: whoever wrote it all
/// would change back what it has not touched.
#[tokio::test]
async fn what_another_program_changes_elsewhere_meanwhile_is_not_lost() {
    let (store, another, mut wanted) = scene().await;
    wanted["name"] = json!("Bob");
    for (changed, value) in [("picture", text("gone")), ("new", number("7"))] {
        let stored = store.get_for_write(&alice()).await.unwrap().unwrap();
        another.set("alice", changed, value).await;
        let before = another.get("alice").await;
        let expected = Expected::Version(stored.version);
        let put = store
            .put(&alice(), &profile(&json!(wanted)), &expected)
            .await;
        assert_eq!(put.unwrap(), Put::Conflict, "{changed}");
        assert_eq!(another.get("alice").await, before);
    }
    // What is not shown does not stand in the way, and is kept.
    let stored = store.get_for_write(&alice()).await.unwrap().unwrap();
    another.set("alice", "_seen", number("7")).await;
    wanted["picture"] = json!("gone");
    wanted.insert("new".to_owned(), json!(7));
    let expected = Expected::Version(stored.version);
    let put = store
        .put(&alice(), &profile(&json!(wanted)), &expected)
        .await;
    assert_eq!(put.unwrap(), Put::Replaced);
    let changed = [
        ("picture", text("gone")),
        ("new", number("7")),
        ("_seen", number("7")),
        ("name", text("Bob")),
    ];
    assert_eq!(another.get("alice").await.0, with(&changed));
}

#[tokio::test]
async fn an_item_that_became_shared_in_place_is_noticed_by_who_reads_it() {
    let (dynamo, another) = Another::with_usher().await;
    let store = DynamoProfileStore::new(dynamo);
    let own = profile(&json!({"name": "Alice"}));
    store
        .put(&alice(), &own, &Expected::Anything)
        .await
        .unwrap();
    for (name, value) in [
        ("_ttl", number("1900000000")),
        ("tags", texts(&["a"])),
        ("pi", number(PI)),
        ("list", AttributeValue::L(vec![number(PI)])),
    ] {
        store.delete(&alice(), &Expected::Anything).await.unwrap();
        store
            .put(&alice(), &own, &Expected::Anything)
            .await
            .unwrap();
        another.set("alice", name, value.clone()).await;
        let put = patch(&store, |profile| profile["name"] = json!("Bob")).await;
        assert_eq!(put, Put::Replaced);
        assert_eq!(another.get("alice").await.0[name], value);
        // And from then on by who does not.
        let seen = store.get(&alice()).await.unwrap().unwrap().profile;
        let put = store.put(&alice(), &seen, &Expected::Anything).await;
        assert_eq!(put.unwrap(), Put::Replaced);
        assert_eq!(another.get("alice").await.0[name], value);
    }
}

#[tokio::test]
async fn the_version_of_an_item_that_nobody_claimed_is_good_for_one_write() {
    let (store, another, _) = scene().await;
    let stored = store.get(&alice()).await.unwrap().unwrap();
    let expected = Expected::Version(stored.version);
    let put = store.put(&alice(), &stored.profile, &expected).await;
    assert_eq!(put.unwrap(), Put::Replaced);
    let put = store.put(&alice(), &stored.profile, &expected).await;
    assert_eq!(put.unwrap(), Put::Conflict);
    assert_eq!(another.get("alice").await.0, with(&[]));
}

#[tokio::test]
async fn many_callers_with_many_attributes_lose_nothing() {
    let (store, another, _) = scene().await;
    let tasks = (0..6).map(|caller| {
        let store = store.clone();
        tokio::spawn(async move {
            let add = |profile: &mut serde_json::Map<String, Value>| {
                for index in 0..140 {
                    profile.insert(format!("m{caller}_{index}"), json!(index));
                }
            };
            loop {
                match patch(&store, add).await {
                    Put::Conflict => {}
                    Put::Replaced => return,
                    other => panic!("{other:?}"),
                }
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
    let (item, _) = another.get("alice").await;
    assert_eq!(item.len(), with(&[]).len() + 6 * 140);
}

#[tokio::test]
async fn an_item_of_ushers_alone_is_not_marked_as_shared() {
    let (dynamo, another) = Another::with_usher().await;
    let store = DynamoProfileStore::new(dynamo);
    let own = profile(&json!({"n": [1, 0.1, 1e21, -1e-7], "o": {"a": [null, true, "x"]}}));
    store
        .put(&alice(), &own, &Expected::Anything)
        .await
        .unwrap();
    patch(&store, |profile| {
        profile.insert("m".to_owned(), json!(1));
    })
    .await;
    store
        .put(&alice(), &own, &Expected::Anything)
        .await
        .unwrap();
    let (_, usher) = another.get("alice").await;
    let usher = usher.unwrap();
    assert_eq!(usher.as_m().unwrap().keys().collect::<Vec<_>>(), ["v"]);
}

#[tokio::test]
async fn more_attributes_than_an_expression_holds_are_written_too() {
    let (store, another, seen) = scene().await;
    let put = patch(&store, |profile| {
        for index in 0..300 {
            profile.insert(format!("m{index}"), json!(index));
        }
        profile.remove("none");
    })
    .await;
    assert_eq!(put, Put::Replaced);
    let (item, _) = another.get("alice").await;
    assert_eq!(item.len(), with(&[]).len() - 1 + 300);
    assert_eq!(item["tags"], texts(&["a", "b"]));
    let all: Vec<_> = seen.keys().cloned().collect();
    let put = patch(&store, |profile| {
        profile.retain(|name, _| all.contains(name));
    })
    .await;
    assert_eq!(put, Put::Replaced);
    let mut left = with(&[]);
    left.remove("none");
    assert_eq!(another.get("alice").await.0, left);
}

#[tokio::test]
async fn many_callers_at_once_lose_nothing_and_keep_every_type() {
    let (store, another, _) = scene().await;
    let tasks = (0..24).map(|number| {
        let store = store.clone();
        tokio::spawn(async move {
            let tag = format!("t{number:02}");
            loop {
                let add = |profile: &mut serde_json::Map<String, Value>| {
                    profile.insert(tag.clone(), json!(number));
                    let tags = profile["tags"].as_array_mut().unwrap();
                    tags.push(json!(tag));
                };
                match patch(&store, add).await {
                    Put::Conflict => {}
                    Put::Replaced | Put::ReplacedAs(_) => return,
                    other => panic!("{other:?}"),
                }
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
    let mut expected = with(&[]);
    let mut tags = vec!["a".to_owned(), "b".to_owned()];
    for index in 0..24 {
        let tag = format!("t{index:02}");
        expected.insert(tag.clone(), number(&index.to_string()));
        tags.push(tag);
    }
    expected.insert("tags".to_owned(), AttributeValue::Ss(tags));
    assert_eq!(another.get("alice").await.0, expected);
}

#[tokio::test]
async fn a_version_of_a_shared_item_is_spent_and_deletes_it_once() {
    let (store, another, seen) = scene().await;
    let stored = store.get_for_write(&alice()).await.unwrap().unwrap();
    let expected = Expected::Version(stored.version);
    let seen = Profile::from_attributes(seen).unwrap();
    let put = store.put(&alice(), &seen, &expected).await;
    assert_eq!(put.unwrap(), Put::Replaced);
    let put = store.put(&alice(), &seen, &expected).await;
    assert_eq!(put.unwrap(), Put::Conflict);
    let deleted = store.delete(&alice(), &expected).await.unwrap();
    assert_eq!(deleted, Deleted::Conflict);
    let stored = store.get_for_write(&alice()).await.unwrap().unwrap();
    let expected = Expected::Version(stored.version);
    let deleted = store.delete(&alice(), &expected).await.unwrap();
    assert_eq!(deleted, Deleted::Deleted);
    assert!(another.get("alice").await.0.is_empty());
    let put = store.put(&alice(), &seen, &expected).await;
    assert_eq!(put.unwrap(), Put::Conflict);
}
