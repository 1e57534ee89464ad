//! The suite of [`KeyStore`](usher_domain::ports::KeyStore).

use std::sync::Arc;

use proptest::{strategy::Strategy, strategy::ValueTree as _, test_runner::TestRunner};
use usher_domain::{
    ports::{Applied, Change, ImportEntry, KeyPage, MAX_CHANGES, Revision},
    time::Timestamp,
    usage::{
        api_key::{ApiKey, ApiKeyId, PreviousSecret},
        plan::{PlanId, UsagePlan},
    },
};

use super::{
    key_calls::{
        apply, delete_key, digests, everything, found, imported, in_byte_order, key_of, listed,
        plans, put_key, put_plan, revision,
    },
    plans::{LOOKALIKES, any_key, any_plan, key, plan, secret},
};

const GENERATED: usize = 48;
const WRITERS: u16 = 8;

crate::suite! {
    ($) key_store_conformance for KeyStore in key_store;

    /// Nothing is there, and that is no error.
    async fn a_new_store_knows_nothing(store) {
        assert_eq!(plans(&*store).await, []);
        assert_eq!(listed(&*store, None, 10).await, [""; 0]);
        assert_eq!(listed(&*store, Some("a"), 10).await, [""; 0]);
        assert_eq!(key_of(&*store, "a").await, None);
        assert_eq!(found(&*store, 1).await, None);
        let entries = [ImportEntry::Plan(PlanId::new("a")), ImportEntry::Key(ApiKeyId::new("a"))];
        assert_eq!(digests(&*store, &entries).await, [None, None]);
        assert_eq!(revision(&*store).await, revision(&*store).await);
    }

    /// A batch counts once, however much it changes, and so does one that changes nothing.
    async fn every_batch_counts_the_revision_up_by_one(store) {
        apply(&*store, &[put_plan("a"), put_plan("b"), put_key("k", 1, &["a"])]).await;
        apply(&*store, &[put_plan("a")]).await;
        apply(&*store, &[delete_key("nobody"), Change::DeletePlan(PlanId::new("nothing"))]).await;
    }

    /// Whoever has not seen the latest revision changes nothing.
    async fn changes_that_expect_another_revision_are_not_made(store) {
        let first = revision(&*store).await;
        apply(&*store, &[put_plan("a"), put_key("k", 1, &["a"])]).await;
        let (seen, before) = (revision(&*store).await, everything(&*store).await);
        let entry = ImportEntry::Plan(PlanId::new("b"));
        let changes = [
            put_plan("b"),
            put_key("k", 2, &[]),
            put_key("l", 3, &["b"]),
            imported(entry.clone(), 1),
        ];
        for other in [first, Revision(seen.0 + 1), Revision(u64::MAX)] {
            assert_eq!(store.apply(&changes, other).await.unwrap(), Applied::Conflict);
            assert_eq!(revision(&*store).await, seen);
            assert_eq!(everything(&*store).await, before);
            assert_eq!(found(&*store, 2).await, None);
            assert_eq!(digests(&*store, std::slice::from_ref(&entry)).await, [None]);
        }
    }

    /// The loser has changed nothing.
    async fn of_writers_who_expect_one_revision_exactly_one_wins(store) {
        for round in 0..6 {
            let seen = revision(&*store).await;
            let number = |writer| 1 + round * WRITERS + writer;
            let writers: Vec<_> = (0..WRITERS).map(|writer| {
                let (store, name) = (Arc::clone(&store), format!("{round} {writer}"));
                let changes = [
                    put_plan(&name),
                    put_key(&name, number(writer), &[&name]),
                    imported(ImportEntry::Key(ApiKeyId::new(&name)), 1),
                ];
                tokio::spawn(async move { store.apply(&changes, seen).await.expect("an answer") })
            }).collect();
            let mut winners = Vec::new();
            for (writer, task) in (0..).zip(writers) {
                if let Applied::Done(revision) = task.await.expect("a writer") {
                    assert_eq!(revision, Revision(seen.0 + 1));
                    winners.push(writer);
                }
            }
            assert_eq!(winners.len(), 1, "{winners:?}");
            assert_eq!(revision(&*store).await, Revision(seen.0 + 1));
            for writer in 0..WRITERS {
                let (name, won) = (format!("{round} {writer}"), winners.contains(&writer));
                assert_eq!(plans(&*store).await.iter().any(|plan| plan.id.as_str() == name), won);
                assert_eq!(key_of(&*store, &name).await.is_some(), won);
                assert_eq!(found(&*store, number(writer)).await.is_some(), won);
                let entry = ImportEntry::Key(ApiKeyId::new(&name));
                assert_eq!(digests(&*store, &[entry]).await, [won.then_some([1; 32])]);
            }
        }
    }

    /// What one writer wrote is never mixed with what another did.
    async fn a_batch_is_made_as_a_whole(store) {
        let names: Vec<String> = (0..MAX_CHANGES / 2).map(|number| format!("{number}")).collect();
        let changes = |writer: &str| -> Vec<Change> {
            let plans = names.iter().map(|name| {
                Change::PutPlan(UsagePlan { name: writer.to_owned(), ..plan(name, &["prod"]) })
            });
            let keys = (0..).zip(&names).map(|(number, name)| {
                Change::PutKey(ApiKey { name: writer.to_owned(), ..key(name, number, &[name]) })
            });
            plans.chain(keys).collect()
        };
        let writers: Vec<_> = ["one", "two", "three", "four"].map(|writer| {
            let (store, changes) = (Arc::clone(&store), changes(writer));
            tokio::spawn(async move {
                for _ in 0..50 {
                    let seen = revision(&*store).await;
                    if store.apply(&changes, seen).await.expect("an answer") != Applied::Conflict {
                        return;
                    }
                }
                panic!("one of four writers never came through");
            })
        }).into();
        for writer in writers {
            writer.await.expect("a writer");
        }
        let (plans, keys) = everything(&*store).await;
        assert_eq!((plans.len(), keys.len()), (names.len(), names.len()));
        let mut writers: Vec<_> = plans.into_iter().map(|plan| plan.name).collect();
        writers.extend(keys.into_iter().map(|key| key.name));
        writers.dedup();
        assert_eq!(writers.len(), 1, "{writers:?}");
    }

    /// A plan is replaced as a whole.
    async fn a_plan_is_put_replaced_and_deleted(store) {
        let first = UsagePlan {
            description: "first".to_owned(),
            tags: [("k".to_owned(), "v".to_owned())].into(),
            ..plan("a", &["prod", "dev"])
        };
        apply(&*store, &[Change::PutPlan(first.clone()), put_plan("b")]).await;
        assert_eq!(plans(&*store).await, [first, plan("b", &["prod"])]);
        apply(&*store, &[Change::PutPlan(plan("a", &[]))]).await;
        assert_eq!(plans(&*store).await, [plan("a", &[]), plan("b", &["prod"])]);
        apply(&*store, &[Change::DeletePlan(PlanId::new("a"))]).await;
        assert_eq!(plans(&*store).await, [plan("b", &["prod"])]);
    }

    /// A key is replaced as a whole, its secrets included.
    async fn a_key_is_put_replaced_and_deleted(store) {
        let until = Timestamp::from_seconds(5);
        let first = ApiKey {
            previous: Some(PreviousSecret { hash: secret(2), until }),
            description: "first".to_owned(),
            created_at: Some(until),
            ..key("k", 1, &["b", "a"])
        };
        apply(&*store, &[put_plan("a"), put_plan("b"), Change::PutKey(first.clone())]).await;
        assert_eq!(key_of(&*store, "k").await, Some(first));
        let second = ApiKey { enabled: false, name: String::new(), ..key("k", 3, &["b"]) };
        apply(&*store, &[Change::PutKey(second.clone())]).await;
        assert_eq!(key_of(&*store, "k").await, Some(second));
        assert_eq!(found(&*store, 3).await.as_deref(), Some("k"));
        for gone in [1, 2] {
            assert_eq!(found(&*store, gone).await, None);
        }
        assert_eq!(listed(&*store, Some("a"), 10).await, [""; 0]);
        apply(&*store, &[delete_key("k")]).await;
        assert_eq!(key_of(&*store, "k").await, None);
        assert_eq!(found(&*store, 3).await, None);
        assert_eq!(listed(&*store, Some("b"), 10).await, [""; 0]);
    }

    /// Both open the door as long as the rotation runs; which of them did is the caller's to see.
    async fn a_key_is_found_by_its_present_and_by_its_previous_secret(store) {
        let previous = PreviousSecret { hash: secret(2), until: Timestamp::from_seconds(-5) };
        let rotated = ApiKey { previous: Some(previous), ..key("k", 1, &[]) };
        apply(&*store, &[Change::PutKey(rotated.clone()), put_key("l", 3, &[])]).await;
        for number in [1, 2] {
            assert_eq!(store.find(&secret(number)).await.unwrap(), Some(rotated.clone()));
        }
        assert_eq!(found(&*store, 3).await.as_deref(), Some("l"));
        assert_eq!(found(&*store, 4).await, None);
    }

    /// What a key left behind belongs to whoever takes it next.
    async fn a_secret_that_is_free_again_finds_its_new_key_alone(store) {
        let previous = PreviousSecret { hash: secret(2), until: Timestamp::from_seconds(5) };
        apply(&*store, &[Change::PutKey(ApiKey { previous: Some(previous), ..key("k", 1, &[]) })]).await;
        apply(&*store, &[put_key("k", 3, &[])]).await;
        apply(&*store, &[put_key("l", 1, &[]), put_key("m", 2, &[])]).await;
        for (number, id) in [(1, "l"), (2, "m"), (3, "k")] {
            assert_eq!(found(&*store, number).await.as_deref(), Some(id));
        }
        apply(&*store, &[delete_key("l"), put_key("n", 1, &[])]).await;
        assert_eq!(found(&*store, 1).await.as_deref(), Some("n"));
    }

    /// Byte for byte: no folding, no trimming, no patterns.
    async fn names_that_look_alike_are_different_plans_and_keys(store) {
        for (number, name) in (0..).zip(LOOKALIKES) {
            apply(&*store, &[
                Change::PutPlan(UsagePlan { name: name.to_owned(), ..plan(name, &[name]) }),
                put_key(name, number, &[name]),
                imported(ImportEntry::Plan(PlanId::new(name)), 1),
            ]).await;
        }
        assert_eq!(plans(&*store).await.len(), LOOKALIKES.len());
        for (number, name) in (0..).zip(LOOKALIKES) {
            assert_eq!(key_of(&*store, name).await, Some(key(name, number, &[name])));
            assert_eq!(found(&*store, number).await.as_deref(), Some(name));
            assert_eq!(listed(&*store, Some(name), 10).await, [name]);
            let entries = [
                ImportEntry::Plan(PlanId::new(name)),
                ImportEntry::Key(ApiKeyId::new(name)),
            ];
            assert_eq!(digests(&*store, &entries).await, [Some([1; 32]), None]);
        }
        for (number, name) in LOOKALIKES.iter().enumerate() {
            apply(&*store, &[delete_key(name), Change::DeletePlan(PlanId::new(name))]).await;
            let left = &LOOKALIKES[number + 1..];
            assert_eq!(listed(&*store, None, 100).await, in_byte_order(left.to_vec()));
            let ids = plans(&*store).await.into_iter().map(|plan| plan.id.as_str().to_owned());
            assert_eq!(ids.collect::<Vec<_>>(), in_byte_order(left.to_vec()));
        }
    }

    /// Whatever the pages' length.
    async fn keys_are_listed_in_byte_order_a_page_at_a_time(store) {
        for (number, name) in (0..).zip(LOOKALIKES) {
            apply(&*store, &[put_key(name, number, &[])]).await;
        }
        for limit in [1, 2, 7, 24, 25, 1000] {
            assert_eq!(listed(&*store, None, limit).await, in_byte_order(LOOKALIKES));
        }
        // A page begins where it is told to, be there such a key or not.
        let after = Some(ApiKeyId::new("a "));
        let page = KeyPage { after, limit: 1, ..KeyPage::default() };
        let next = store.keys(&page).await.unwrap();
        apply(&*store, &[delete_key("a ")]).await;
        assert_eq!(store.keys(&page).await.unwrap(), next);
        assert!(next[0].id.as_str() > "a ");
    }

    /// A key is in the list of each of its plans, with all of its plans.
    async fn the_keys_of_one_plan_are_listed_without_the_others(store) {
        apply(&*store, &[put_plan("p"), put_plan("q"), put_plan("r")]).await;
        for number in 0..12_u16 {
            let plans: &[&str] = match number % 4 {
                0 => &["p"],
                1 => &["q", "p"],
                2 => &["q"],
                _ => &[],
            };
            apply(&*store, &[put_key(&format!("{number}"), number, plans)]).await;
        }
        for limit in [1, 2, 3, 100] {
            let listed = |plan| listed(&*store, Some(plan), limit);
            assert_eq!(listed("p").await, in_byte_order(["0", "1", "4", "5", "8", "9"]));
            assert_eq!(listed("q").await, in_byte_order(["1", "2", "5", "6", "9", "10"]));
            assert_eq!(listed("r").await, [""; 0]);
            assert_eq!(listed("s").await, [""; 0]);
        }
        let plan = Some(PlanId::new("p"));
        let page = KeyPage { plan, after: Some(ApiKeyId::new("0")), limit: 1 };
        assert_eq!(store.keys(&page).await.unwrap(), [key("1", 1, &["q", "p"])]);
    }

    /// Of several changes of one thing the last counts.
    async fn changes_are_made_in_their_order(store) {
        apply(&*store, &[put_plan("old"), put_key("old", 1, &[])]).await;
        let entry = ImportEntry::Key(ApiKeyId::new("k"));
        apply(&*store, &[
            put_plan("a"),
            Change::PutPlan(plan("a", &["dev"])),
            put_plan("b"),
            Change::DeletePlan(PlanId::new("b")),
            Change::DeletePlan(PlanId::new("old")),
            put_plan("old"),
            put_key("k", 2, &["a"]),
            put_key("k", 3, &[]),
            put_key("l", 4, &[]),
            delete_key("l"),
            delete_key("old"),
            put_key("old", 5, &[]),
            imported(entry.clone(), 1),
            imported(entry.clone(), 2),
        ]).await;
        assert_eq!(plans(&*store).await, [plan("a", &["dev"]), plan("old", &["prod"])]);
        assert_eq!(listed(&*store, None, 10).await, ["k", "old"]);
        assert_eq!(key_of(&*store, "k").await, Some(key("k", 3, &[])));
        for (number, id) in [(1, None), (2, None), (3, Some("k")), (4, None), (5, Some("old"))] {
            assert_eq!(found(&*store, number).await.as_deref(), id);
        }
        assert_eq!(digests(&*store, &[entry]).await, [Some([2; 32])]);
    }

    /// An entry that was once imported and then deleted must not come back by itself.
    async fn what_was_imported_is_remembered_when_it_is_deleted(store) {
        let (plan, key) = (PlanId::new("x"), ApiKeyId::new("x"));
        let entries = [
            ImportEntry::Key(ApiKeyId::new("never")),
            ImportEntry::Plan(plan.clone()),
            ImportEntry::Key(key.clone()),
            ImportEntry::Plan(plan.clone()),
        ];
        apply(&*store, &[put_plan("x"), imported(entries[1].clone(), 1)]).await;
        apply(&*store, &[put_key("x", 1, &["x"]), imported(entries[2].clone(), 2)]).await;
        let both = [None, Some([1; 32]), Some([2; 32]), Some([1; 32])];
        assert_eq!(digests(&*store, &entries).await, both);
        apply(&*store, &[Change::DeleteKey(key), Change::DeletePlan(plan)]).await;
        assert_eq!(digests(&*store, &entries).await, both);
        assert_eq!(digests(&*store, &[]).await, []);
        apply(&*store, &[imported(entries[1].clone(), 3)]).await;
        assert_eq!(digests(&*store, &entries[1..3]).await, [Some([3; 32]), Some([2; 32])]);
    }

    /// As many as the port allows, of each kind.
    async fn as_many_changes_as_may_be_are_made_at_once(store) {
        let names: Vec<String> = (0..MAX_CHANGES).map(|number| format!("{number:02}")).collect();
        let plans: Vec<_> = names.iter().map(|name| put_plan(name)).collect();
        apply(&*store, &plans).await;
        let keys = (0..).zip(&names).map(|(number, name)| put_key(name, number, &[name, "00"]));
        apply(&*store, &keys.collect::<Vec<_>>()).await;
        assert_eq!(listed(&*store, Some("00"), 7).await, names);
        let entries: Vec<_> =
            names.iter().map(|name| ImportEntry::Key(ApiKeyId::new(name))).collect();
        let all = entries.iter().map(|entry| imported(entry.clone(), 9));
        apply(&*store, &all.collect::<Vec<_>>()).await;
        assert_eq!(digests(&*store, &entries).await, vec![Some([9; 32]); MAX_CHANGES]);
        apply(&*store, &names.iter().map(|name| delete_key(name)).collect::<Vec<_>>()).await;
        assert_eq!(listed(&*store, None, 100).await, [""; 0]);
    }

    /// Rates that are no binary fractions, offsets of both kinds, methods' own throttles, the largest
    /// numbers, any text.
    async fn any_plan_comes_back_as_it_was(store) {
        let (mut runner, any) = (TestRunner::deterministic(), any_plan("p"));
        for _ in 0..GENERATED {
            let plan = any.new_tree(&mut runner).expect("a plan").current();
            apply(&*store, &[Change::PutPlan(plan.clone())]).await;
            assert_eq!(plans(&*store).await, [plan]);
        }
    }

    /// Any text, any hash, any instant, any order of plans.
    async fn any_key_comes_back_as_it_was(store) {
        let ids = ["p", "q", "r"];
        apply(&*store, &ids.map(put_plan)).await;
        let (mut runner, any) = (TestRunner::deterministic(), any_key("k", &ids));
        for _ in 0..GENERATED {
            let key = any.new_tree(&mut runner).expect("a key").current();
            apply(&*store, &[Change::PutKey(key.clone())]).await;
            let mut hashes = vec![key.hash];
            hashes.extend(key.previous.map(|previous| previous.hash));
            for hash in hashes {
                assert_eq!(store.find(&hash).await.unwrap().as_ref(), Some(&key));
            }
            assert_eq!(key_of(&*store, "k").await, Some(key));
        }
    }
}
