//! What holds of any item that anybody may have written.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use aws_sdk_dynamodb::{primitives::Blob, types::AttributeValue};
use proptest::{collection, prelude::*, sample::Index};
use serde_json::{Map, Value, json};
use usher_domain::{json::number, profile::Profile};

use crate::{
    attributes::Item,
    item::{self, Change, Unchangeable, change},
};

/// Any number that `DynamoDB` keeps: 38 digits, 1E-130 to 9.9…E+125.
fn literal() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => "-?[0-9]{1,3}(\\.[0-9]{1,3})?",
        2 => "-?[1-9]\\.[0-9]{30,37}E(-?[1-9][0-9]|12[0-5])",
        1 => "-?[1-9][0-9]{16,37}",
        1 => Just("9223372036854775807".to_owned()),
    ]
}

/// Few, so that elements are often alike.
fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[abc]{0,1}", "[a-z/~é]{1,6}", Just("AQID".to_owned())]
}

fn blob() -> impl Strategy<Value = Vec<u8>> {
    collection::vec(0_u8..4, 0..4)
}

fn attribute() -> impl Strategy<Value = AttributeValue> {
    let leaf = prop_oneof![
        1 => Just(AttributeValue::Null(true)),
        1 => any::<bool>().prop_map(AttributeValue::Bool),
        3 => literal().prop_map(AttributeValue::N),
        2 => text().prop_map(AttributeValue::S),
        2 => blob().prop_map(|bytes| AttributeValue::B(Blob::new(bytes))),
        1 => collection::btree_set(text(), 1..4)
            .prop_map(|texts| AttributeValue::Ss(texts.into_iter().rev().collect())),
        1 => collection::vec(literal(), 1..4).prop_map(|mut literals| {
            let all = std::mem::take(&mut literals);
            for literal in all {
                if !literals.iter().any(|other| number::equal(other, &literal)) {
                    literals.push(literal);
                }
            }
            AttributeValue::Ns(literals)
        }),
        1 => collection::btree_set(blob(), 1..4)
            .prop_map(|blobs| AttributeValue::Bs(blobs.into_iter().map(Blob::new).collect())),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            collection::vec(inner.clone(), 0..5).prop_map(AttributeValue::L),
            collection::hash_map("[a-d]", inner, 0..4).prop_map(AttributeValue::M),
        ]
    })
}

/// An item with attributes of the user's, and others' own.
fn any_item() -> impl Strategy<Value = Item> {
    let name = prop_oneof![3 => "[a-f]", 1 => "[a-f/~]{2}", 1 => "_[a-c]"];
    collection::hash_map(name, attribute(), 0..6).prop_map(|mut item| {
        item.insert("userId".to_owned(), AttributeValue::S("alice".to_owned()));
        item
    })
}

/// Whether `DynamoDB` has one value for both.
fn same(one: &AttributeValue, other: &AttributeValue) -> bool {
    use AttributeValue::{Bs, L, M, N, Ns, Ss};
    let numbers = |one: &[String], other: &[String]| {
        one.iter()
            .all(|one| other.iter().any(|other| number::equal(one, other)))
    };
    match (one, other) {
        (N(one), N(other)) => number::equal(one, other),
        (Ns(one), Ns(other)) => numbers(one, other) && numbers(other, one),
        (Ss(one), Ss(other)) => {
            one.iter().collect::<BTreeSet<_>>() == other.iter().collect::<BTreeSet<_>>()
        }
        (Bs(one), Bs(other)) => {
            let all = |blobs: &[Blob]| blobs.iter().map(|blob| blob.as_ref().to_vec()).collect();
            let (one, other): (BTreeSet<_>, BTreeSet<_>) = (all(one), all(other));
            one == other
        }
        (L(one), L(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (M(one), M(other)) => same_items(one, other),
        (one, other) => one == other,
    }
}

fn same_items(one: &Item, other: &Item) -> bool {
    let in_other = |(name, value): (&String, &AttributeValue)| {
        other.get(name).is_some_and(|found| same(value, found))
    };
    one.len() == other.len() && one.iter().all(in_other)
}

fn applied(item: &Item, change: &Change) -> Item {
    let mut item = item.clone();
    item.retain(|name, _| !change.remove.contains(name));
    item.extend(change.set.iter().cloned());
    item
}

fn shown(item: &Item) -> Profile {
    item::read(item).unwrap().profile
}

fn profile(attributes: Map<String, Value>) -> Profile {
    Profile::from_attributes(attributes).unwrap()
}

/// The value with every list in one order: what is left of it when a set has lost its own.
fn unordered(value: &Value) -> String {
    match value {
        Value::Array(elements) => {
            let mut elements: Vec<_> = elements.iter().map(unordered).collect();
            elements.sort_unstable();
            format!("[{}]", elements.join(","))
        }
        Value::Object(members) => {
            let members: BTreeMap<_, _> = members
                .iter()
                .map(|(name, value)| (name, unordered(value)))
                .collect();
            format!("{members:?}")
        }
        other => other.to_string(),
    }
}

/// Every place in a list or a map, sets left out: they change as a whole.
fn places(attribute: &AttributeValue, at: &[String], found: &mut Vec<Vec<String>>) {
    let mut inner = |name: String, value: &AttributeValue| {
        let at = [at, &[name]].concat();
        places(value, &at, found);
        found.push(at);
    };
    match attribute {
        AttributeValue::L(elements) => {
            for (index, element) in elements.iter().enumerate() {
                inner(index.to_string(), element);
            }
        }
        AttributeValue::M(members) => {
            for (name, member) in members {
                inner(name.clone(), member);
            }
        }
        _ => {}
    }
}

fn stored_at<'a>(attribute: &'a mut AttributeValue, at: &[String]) -> &'a mut AttributeValue {
    let Some((name, rest)) = at.split_first() else {
        return attribute;
    };
    let inner = match attribute {
        AttributeValue::L(elements) => &mut elements[name.parse::<usize>().unwrap()],
        AttributeValue::M(members) => members.get_mut(name).unwrap(),
        _ => panic!("no place"),
    };
    stored_at(inner, rest)
}

fn place_in<'a>(value: &'a mut Value, at: &[String]) -> &'a mut Value {
    at.iter().fold(value, |value, name| match value {
        Value::Array(elements) => &mut elements[name.parse::<usize>().unwrap()],
        Value::Object(members) => members.get_mut(name).unwrap(),
        _ => panic!("no place"),
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(512) })]

    #[test]
    fn any_item_is_read_or_the_place_is_named(
        mut item in any_item(), nul in any::<bool>(), deep in 0_usize..40
    ) {
        let mut value = AttributeValue::S(if nul { "a\0" } else { "a" }.to_owned());
        for _ in 0..deep {
            value = AttributeValue::L(vec![value]);
        }
        item.insert("nested".to_owned(), value);
        match item::read(&item) {
            Ok(_) => prop_assert!(!nul && deep < 32),
            Err(place) => {
                prop_assert!(place.starts_with("/nested"), "{place}");
                prop_assert!(nul || deep >= 32);
            }
        }
    }

    #[test]
    fn what_was_read_is_put_back_without_touching_anything(item in any_item()) {
        let shown = shown(&item);
        let change = change(&item, &shown).unwrap();
        prop_assert!(change.set.is_empty() && change.remove.is_empty(), "{change:?}");
        prop_assert_eq!(change.becomes, shown);
    }

    #[test]
    fn what_is_put_touches_what_differs_and_is_kept_but_for_the_order_of_sets(
        item in any_item(), other in any_item(), takes_from_other in collection::vec(any::<bool>(), 6)
    ) {
        // Some attributes as they are, some as in another item, some gone.
        let (before, mut wanted) = (shown(&item).attributes(), shown(&item).attributes());
        let from_other = shown(&other).attributes().into_iter();
        for ((name, value), takes) in from_other.zip(&takes_from_other) {
            if *takes { wanted.insert(name, value); } else { wanted.remove(&name); }
        }
        let (after, wanted) = (wanted.clone(), profile(wanted));
        match change(&item, &wanted) {
            Err(Unchangeable::Corrupt(what)) => prop_assert!(false, "{what}"),
            Err(Unchangeable::Refused(places)) => {
                for place in places {
                    let name = place.pointer.split('/').nth(1).unwrap();
                    let name = name.replace("~1", "/").replace("~0", "~");
                    prop_assert_ne!(before.get(&name), after.get(&name));
                }
            }
            Ok(change) => {
                let touched = change.set.iter().map(|(name, _)| name).chain(&change.remove);
                for name in touched {
                    prop_assert_ne!(before.get(name), after.get(name));
                }
                let left = applied(&item, &change);
                prop_assert_eq!(&shown(&left), &change.becomes);
                let all = |profile: &Profile| unordered(&Value::Object(profile.attributes()));
                prop_assert_eq!(all(&change.becomes), all(&wanted));
                for (name, value) in item.iter().filter(|(name, _)| name.starts_with('_')) {
                    prop_assert!(same(value, &left[name]));
                }
            }
        }
    }

    #[test]
    fn a_change_in_one_place_leaves_every_other_place_as_it_is(
        value in attribute(), which in any::<Index>()
    ) {
        let mut found = Vec::new();
        places(&value, &[], &mut found);
        prop_assume!(!found.is_empty());
        let at = which.get(&found);
        let item = Item::from([("a".to_owned(), value.clone())]);
        let mut wanted = shown(&item).attributes();
        // It is of no kind that anything is generated of.
        *place_in(&mut wanted["a"], at) = json!({"changed": -1_234_567});
        let change = change(&item, &profile(wanted)).unwrap();
        let mut expected = value;
        let changed = HashMap::from([("changed".to_owned(), AttributeValue::N("-1234567".to_owned()))]);
        *stored_at(&mut expected, at) = AttributeValue::M(changed);
        prop_assert!(same(&applied(&item, &change)["a"], &expected), "{at:?} {change:?}");
    }

    #[test]
    fn an_element_that_comes_or_goes_leaves_the_others_as_they_are(
        elements in collection::vec(attribute(), 1..6), which in any::<Index>(), comes in any::<bool>()
    ) {
        let mut elements = elements;
        let item = Item::from([("a".to_owned(), AttributeValue::L(elements.clone()))]);
        let mut wanted = shown(&item).attributes();
        let list = wanted["a"].as_array_mut().unwrap();
        if comes {
            let at = which.index(elements.len() + 1);
            list.insert(at, json!("a new one"));
            elements.insert(at, AttributeValue::S("a new one".to_owned()));
        } else {
            let at = which.index(elements.len());
            // Of two that are shown alike it cannot be told which has gone.
            let gone = list.remove(at);
            prop_assume!(!list.contains(&gone));
            elements.remove(at);
        }
        let change = change(&item, &profile(wanted)).unwrap();
        let after = &applied(&item, &change)["a"];
        prop_assert!(same(after, &AttributeValue::L(elements)), "{after:?}");
    }

    #[test]
    fn one_element_goes_one_comes_and_one_changes_and_the_types_of_all_are_kept(
        values in collection::vec((attribute(), attribute()), 2..6),
        (goes, changes, comes) in any::<(Index, Index, Index)>()
    ) {
        let element = |(id, (one, two)): (usize, (AttributeValue, AttributeValue))| {
            let members = [
                ("id".to_owned(), AttributeValue::N(id.to_string())),
                ("one".to_owned(), one),
                ("two".to_owned(), two),
                ("state".to_owned(), AttributeValue::S("old".to_owned())),
            ];
            AttributeValue::M(members.into())
        };
        let mut elements: Vec<_> = values.into_iter().enumerate().map(element).collect();
        let item = Item::from([("a".to_owned(), AttributeValue::L(elements.clone()))]);
        let mut wanted = shown(&item).attributes();
        let list = wanted["a"].as_array_mut().unwrap();
        let goes = goes.index(elements.len());
        elements.remove(goes);
        list.remove(goes);
        let changes = changes.index(elements.len());
        *stored_at(&mut elements[changes], &["state".to_owned()]) = AttributeValue::N("7".to_owned());
        list[changes]["state"] = json!(7);
        let comes = comes.index(elements.len() + 1);
        elements.insert(comes, AttributeValue::S("new".to_owned()));
        list.insert(comes, json!("new"));
        let change = change(&item, &profile(wanted)).unwrap();
        let after = &applied(&item, &change)["a"];
        prop_assert!(same(after, &AttributeValue::L(elements)), "{after:?}");
    }

    #[test]
    fn elements_that_only_move_stay_what_they_are(
        elements in collection::vec(attribute(), 0..6).prop_shuffle(), seed in any::<u64>()
    ) {
        let item = Item::from([("a".to_owned(), AttributeValue::L(elements.clone()))]);
        let mut wanted = shown(&item).attributes();
        let list = wanted["a"].as_array_mut().unwrap();
        let by = usize::try_from(seed % 7).unwrap() % elements.len().max(1);
        list.rotate_left(by);
        let unlike: BTreeSet<_> = list.iter().map(Value::to_string).collect();
        prop_assume!(unlike.len() == elements.len());
        let mut expected = elements;
        expected.rotate_left(by);
        let change = change(&item, &profile(wanted)).unwrap();
        let after = &applied(&item, &change)["a"];
        prop_assert!(same(after, &AttributeValue::L(expected)), "{after:?}");
    }
}
