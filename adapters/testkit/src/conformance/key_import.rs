//! The suite of what the [`ControlPlane`] imports out of files, over any stores.

use usher_domain::{
    ports::{Change, ImportEntry},
    service::{ControlError, ControlPlane, Imported, Overlap},
    time::Timestamp,
    usage::{
        api_key::{ApiKey, ApiKeyId},
        membership::MembershipError,
        plan::{PlanId, UsagePlan},
        throttle::Throttle,
    },
};

use super::{
    key_calls::{NOON, all_keys, control, ids, put_plans},
    overtaken::{Before, overtaken},
    plans::{key, plan, secret},
};

const HOUR: std::time::Duration = std::time::Duration::from_hours(1);

async fn import(control: &ControlPlane, plans: &[UsagePlan], keys: &[ApiKey]) -> (usize, usize) {
    let Imported { plans, keys } = control.import(plans, keys, NOON).await.expect("an import");
    (plans, keys)
}

/// What a file's entry is when it was applied.
fn made(key: ApiKey) -> ApiKey {
    let created_at = Some(NOON);
    ApiKey { created_at, ..key }
}

async fn plan_of(control: &ControlPlane, id: &str) -> Option<UsagePlan> {
    control.plan(&PlanId::new(id)).await.ok()
}

async fn key_of(control: &ControlPlane, id: &str) -> Option<ApiKey> {
    control.key(&ApiKeyId::new(id)).await.ok()
}

fn renamed(plan: UsagePlan, name: &str) -> UsagePlan {
    UsagePlan {
        name: name.to_owned(),
        ..plan
    }
}

fn titled(key: ApiKey, name: &str) -> ApiKey {
    ApiKey {
        name: name.to_owned(),
        ..key
    }
}

crate::suite! {
    ($) key_import_conformance over (crate::conformance::ControlStores) in key_import;

    /// Keys of plans of the same files.
    async fn what_is_new_is_imported(stores) {
        let control = control(&stores);
        let plans = [plan("b", &["dev"]), plan("a", &["prod"])];
        let keys = [key("k", 1, &["b", "a"]), ApiKey { enabled: false, ..key("l", 2, &[]) }];
        assert_eq!(import(&control, &plans, &keys).await, (2, 2));
        assert_eq!(control.plans().await.unwrap(), [plans[1].clone(), plans[0].clone()]);
        assert_eq!(all_keys(&control).await, keys.map(made));
        assert_eq!(import(&control, &[], &[]).await, (0, 0));
    }

    /// A start that finds nothing new costs no other node anything.
    async fn the_same_files_again_change_nothing(stores) {
        let control = control(&stores);
        let (plans, keys) = ([plan("a", &["prod"])], [key("k", 1, &["a"])]);
        import(&control, &plans, &keys).await;
        let revision = stores.keys.revision().await.unwrap();
        let later = control.import(&plans, &keys, NOON.plus(HOUR)).await.unwrap();
        assert_eq!(later, Imported::default());
        assert_eq!(stores.keys.revision().await.unwrap(), revision);
        assert_eq!(all_keys(&control).await, keys.map(made));
    }

    /// A restart undoes nothing.
    async fn what_was_changed_since_is_not_undone(stores) {
        let control = control(&stores);
        let (plans, keys) = ([plan("a", &["prod"])], [key("k", 1, &["a"]), key("l", 2, &["a"])]);
        import(&control, &plans, &keys).await;
        put_plans(&control, &[plan("a", &["prod", "dev"])]).await;
        control.set_enabled(&keys[0].id, false).await.unwrap();
        control.rotate_key(&keys[1].id, secret(3), Overlap::None, NOON).await.unwrap();
        let (present, changed) = (control.plans().await.unwrap(), all_keys(&control).await);
        assert_eq!(import(&control, &plans, &keys).await, (0, 0));
        assert_eq!(control.plans().await.unwrap(), present);
        assert_eq!(all_keys(&control).await, changed);
    }

    /// Over what was changed since, and the others are left alone.
    async fn an_entry_that_has_changed_is_applied_and_no_other(stores) {
        let control = control(&stores);
        let plans = [plan("a", &["prod"]), plan("b", &["dev"])];
        let keys = [key("k", 1, &["a"]), key("l", 2, &["a"])];
        import(&control, &plans, &keys).await;
        put_plans(&control, &plans.clone().map(|plan| renamed(plan, "by hand"))).await;
        for key in &keys {
            control.set_enabled(&key.id, false).await.unwrap();
        }
        let per_user = Throttle::new(0.3, 7).ok();
        let edited = [UsagePlan { per_user, ..plans[0].clone() }, plans[1].clone()];
        let edited_keys = [ApiKey { plans: vec![plans[1].id.clone()], ..keys[0].clone() }, keys[1].clone()];
        assert_eq!(import(&control, &edited, &edited_keys).await, (1, 1));
        assert_eq!(plan_of(&control, "a").await, Some(edited[0].clone()));
        assert_eq!(plan_of(&control, "b").await, Some(renamed(plans[1].clone(), "by hand")));
        assert_eq!(key_of(&control, "k").await, Some(made(edited_keys[0].clone())));
        let disabled = ApiKey { enabled: false, ..keys[1].clone() };
        assert_eq!(key_of(&control, "l").await, Some(made(disabled)));
        // Changed back is changed as well.
        assert_eq!(import(&control, &plans, &keys).await, (1, 1));
        assert_eq!(plan_of(&control, "a").await, Some(plans[0].clone()));
        assert_eq!(key_of(&control, "k").await, Some(made(keys[0].clone())));
    }

    /// Whatever a file's entry says of a key, a change of it is seen.
    async fn every_part_of_an_entry_is_looked_at(stores) {
        let control = control(&stores);
        import(&control, &[plan("a", &["prod"]), plan("b", &["dev"])], &[]).await;
        let mut entry = key("k", 1, &["a"]);
        for change in [
            (|_| {}) as fn(&mut ApiKey),
            |key| key.name.push_str(" and more"),
            // What leaves one text and joins the next is a change.
            |key| (key.name, key.description) = ("the key k".to_owned(), " and more".to_owned()),
            |key| key.description.push_str(" and more"),
            |key| key.enabled = false,
            |key| key.plans = vec![PlanId::new("a"), PlanId::new("b")],
            |key| key.plans = vec![PlanId::new("b"), PlanId::new("a")],
            |key| key.plans.clear(),
        ] {
            change(&mut entry);
            let entries = std::slice::from_ref(&entry);
            assert_eq!(import(&control, &[], entries).await, (0, 1), "{entry:?}");
            assert_eq!(import(&control, &[], entries).await, (0, 0));
            assert_eq!(key_of(&control, "k").await, Some(made(entry.clone())));
        }
    }

    /// The id in a file follows from the first secret, which may be long gone.
    async fn a_rotated_key_keeps_its_secrets_when_its_entry_changes(stores) {
        let control = control(&stores);
        let entry = key("k", 1, &[]);
        import(&control, &[], std::slice::from_ref(&entry)).await;
        let overlap = Overlap::For(HOUR);
        let rotated = control.rotate_key(&entry.id, secret(2), overlap, NOON).await.unwrap();
        let entry = titled(entry, "another name");
        let imported = control.import(&[], std::slice::from_ref(&entry), NOON.plus(HOUR)).await.unwrap();
        assert_eq!(imported, Imported { plans: 0, keys: 1 });
        let (hash, previous) = (rotated.hash, rotated.previous);
        assert_eq!(key_of(&control, "k").await, Some(made(ApiKey { hash, previous, ..entry })));
        assert!(previous.is_some());
    }

    /// Deleted is deleted, until somebody says something else.
    async fn a_deleted_entry_comes_back_only_when_it_has_changed(stores) {
        let control = control(&stores);
        let (plans, keys) = ([plan("a", &["prod"])], [key("k", 1, &[])]);
        import(&control, &plans, &keys).await;
        control.rotate_key(&keys[0].id, secret(2), Overlap::None, NOON).await.unwrap();
        control.delete_key(&keys[0].id).await.unwrap();
        control.delete_plan(&plans[0].id).await.unwrap();
        assert_eq!(import(&control, &plans, &keys).await, (0, 0));
        assert_eq!((plan_of(&control, "a").await, key_of(&control, "k").await), (None, None));
        let (plans, keys) = (plans.map(|plan| renamed(plan, "x")), keys.map(|key| titled(key, "x")));
        let later = NOON.plus(HOUR);
        let imported = control.import(&plans, &keys, later).await.unwrap();
        assert_eq!(imported, Imported { plans: 1, keys: 1 });
        assert_eq!(plan_of(&control, "a").await, Some(plans[0].clone()));
        // It is another key by the same name: with the file's secret, and made now.
        let back = ApiKey { created_at: Some(later), ..keys[0].clone() };
        assert_eq!(key_of(&control, "k").await, Some(back));
        // Another secret is a change as well.
        control.delete_key(&keys[0].id).await.unwrap();
        let other = ApiKey { hash: secret(3), ..keys[0].clone() };
        assert_eq!(import(&control, &plans, std::slice::from_ref(&other)).await, (0, 1));
        assert_eq!(key_of(&control, "k").await, Some(made(other)));
    }

    /// The files say what is to be there, not what else may be.
    async fn what_is_in_the_files_no_more_stays(stores) {
        let control = control(&stores);
        import(&control, &[plan("a", &["prod"])], &[key("k", 1, &["a"])]).await;
        import(&control, &[plan("b", &["dev"])], &[key("l", 2, &["b"])]).await;
        assert_eq!(control.plans().await.unwrap().len(), 2);
        assert_eq!(ids(&all_keys(&control).await), ["k", "l"]);
    }

    /// As in API Gateway's import; and the same file again has nothing new.
    async fn of_a_key_that_is_there_twice_the_last_entry_counts(stores) {
        let control = control(&stores);
        let keys = ["first", "second", "last"].map(|name| titled(key("k", 1, &[]), name));
        assert_eq!(import(&control, &[], &keys).await, (0, 1));
        assert_eq!(key_of(&control, "k").await, Some(made(keys[2].clone())));
        assert_eq!(import(&control, &[], &keys).await, (0, 0));
    }

    /// More than a store changes at once.
    async fn files_of_many_entries_are_imported(stores) {
        let control = control(&stores);
        let names: Vec<String> = (0..95).map(|number| format!("{number:02}")).collect();
        let plans: Vec<_> = names.iter().map(|name| plan(name, &["prod"])).collect();
        let mut keys: Vec<_> = (0..).zip(&names).map(|(number, name)| key(name, number, &[name])).collect();
        assert_eq!(import(&control, &plans, &keys).await, (95, 95));
        assert_eq!(control.plans().await.unwrap(), plans);
        assert_eq!(ids(&all_keys(&control).await), ids(&keys));
        keys[94].enabled = false;
        assert_eq!(import(&control, &plans, &keys).await, (0, 1));
    }

    /// Several nodes start at once: each entry is applied by one of them.
    async fn of_importers_at_the_same_time_one_applies_each_entry(stores) {
        let control = control(&stores);
        let names: Vec<String> = (0..45).map(|number| format!("{number:02}")).collect();
        let plans: Vec<_> = names.iter().map(|name| plan(name, &["prod"])).collect();
        let keys: Vec<_> = (0..).zip(&names).map(|(number, name)| key(name, number, &[name])).collect();
        let importers: Vec<_> = (0..3).map(|_| {
            let (control, plans, keys) = (control.clone(), plans.clone(), keys.clone());
            tokio::spawn(async move { import(&control, &plans, &keys).await })
        }).collect();
        let mut applied = (0, 0);
        for importer in importers {
            let (plans, keys) = importer.await.expect("an importer");
            applied = (applied.0 + plans, applied.1 + keys);
        }
        assert_eq!(applied, (45, 45));
        assert_eq!(control.plans().await.unwrap(), plans);
        assert_eq!(ids(&all_keys(&control).await), ids(&keys));
    }

    /// Between two looks of one of them the other one finishes.
    async fn an_importer_that_is_overtaken_finds_nothing_left_to_do(stores) {
        let control = control(&stores);
        let (other, keys) = (control.clone(), [key("k", 1, &[])]);
        let overtaking = {
            let keys = keys.clone();
            async move { assert_eq!(import(&other, &[], &keys).await, (0, 1)) }
        };
        let slow = super::key_calls::control(&overtaken(&stores, Before::Find, overtaking));
        assert_eq!(import(&slow, &[], &keys).await, (0, 0));
        assert_eq!(all_keys(&control).await, keys.map(made));
    }

    /// Its plans' keys come in between, of a plan that was not there before.
    async fn plans_are_judged_by_what_is_there_at_one_moment(stores) {
        let control = control(&stores);
        import(&control, &[plan("a", &["prod"])], &[key("k", 1, &["a"])]).await;
        let other = control.clone();
        let overtaking = async move {
            import(&other, &[plan("z", &["test"])], &[key("l", 2, &["a", "z"])]).await;
        };
        let slow = super::key_calls::control(&overtaken(&stores, Before::Keys, overtaking));
        assert_eq!(import(&slow, &[plan("a", &["prod", "dev"])], &[]).await, (1, 0));
    }

    /// Nothing of the key is imported, and once it fits, it is.
    async fn a_key_that_does_not_fit_its_plans_is_an_error(stores) {
        let control = control(&stores);
        let plans = [plan("a", &["prod"]), plan("b", &["prod"])];
        for (members, expected) in [
            (&["a", "x"][..], MembershipError::UnknownPlan(PlanId::new("x"))),
            (&["a", "b"], MembershipError::Ambiguous(PlanId::new("a"), PlanId::new("b"))),
        ] {
            match control.import(&plans, &[key("k", 1, members)], NOON).await {
                Err(ControlError::Key(id, error)) => assert_eq!((id.as_str(), error), ("k", expected)),
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(all_keys(&control).await, []);
        let entry = key("k", 1, &["a", "b"]);
        let fitting = [plans[0].clone(), plan("b", &["dev"])];
        assert_eq!(import(&control, &fitting, &[entry]).await, (1, 1));
    }

    /// The same holds when it is the plan that changes.
    async fn a_plan_that_its_keys_do_not_fit_is_an_error(stores) {
        let control = control(&stores);
        let plans = [plan("a", &["prod"]), plan("b", &["dev"])];
        import(&control, &plans, &[key("k", 1, &["a", "b"])]).await;
        let grown = [plans[0].clone(), plan("b", &["dev", "prod"])];
        match control.import(&grown, &[], NOON).await {
            Err(ControlError::Key(id, MembershipError::Ambiguous(..))) => assert_eq!(id.as_str(), "k"),
            other => panic!("{other:?}"),
        }
        assert_eq!(control.plans().await.unwrap(), plans);
        // It was not remembered either.
        control.delete_key(&ApiKeyId::new("k")).await.unwrap();
        assert_eq!(import(&control, &grown, &[]).await, (1, 0));
    }

    /// What fits at the end may be imported, whichever of two plans is the first in the file.
    async fn plans_may_exchange_their_stages(stores) {
        let control = control(&stores);
        import(&control, &[plan("a", &["prod"]), plan("b", &["dev"])], &[key("k", 1, &["a", "b"])]).await;
        let exchanged = [plan("a", &["dev"]), plan("b", &["prod"])];
        assert_eq!(import(&control, &exchanged, &[]).await, (2, 0));
        assert_eq!(control.plans().await.unwrap(), exchanged);
    }

    /// An old secret that is still good, or one that comes twice in a file.
    async fn a_secret_of_another_key_is_an_error(stores) {
        let control = control(&stores);
        import(&control, &[], &[key("k", 1, &[])]).await;
        control.rotate_key(&ApiKeyId::new("k"), secret(2), Overlap::For(HOUR), NOON).await.unwrap();
        let imported = control.import(&[], &[key("l", 1, &[])], NOON).await;
        assert!(matches!(&imported, Err(ControlError::KeyExists(id)) if id.as_str() == "k"), "{imported:?}");
        let twins = [key("m", 3, &[]), key("n", 3, &[])];
        let imported = control.import(&[], &twins, NOON).await;
        assert!(matches!(&imported, Err(ControlError::KeyExists(id)) if id.as_str() == "m"), "{imported:?}");
        assert_eq!(ids(&all_keys(&control).await), ["k"]);
    }

    /// Somebody rotated the key and wrote its new secret into the file, from which another id follows.
    async fn an_entry_with_the_present_secret_of_a_rotated_key_is_that_key(stores) {
        let control = control(&stores);
        import(&control, &[], &[key("k", 1, &[])]).await;
        let rotated = control.rotate_key(&ApiKeyId::new("k"), secret(2), Overlap::For(HOUR), NOON).await.unwrap();
        let entry = titled(key("l", 2, &[]), "by its new secret");
        for applied in [1, 0] {
            assert_eq!(import(&control, &[], std::slice::from_ref(&entry)).await, (0, applied));
            assert_eq!(all_keys(&control).await, [titled(rotated.clone(), &entry.name)]);
        }
    }

    /// Whoever imports by hand means what the file says now; the next start is not concerned.
    async fn by_hand_every_entry_is_applied_that_says_something_else(stores) {
        let control = control(&stores);
        let (plans, keys) = ([plan("a", &["prod"])], [key("k", 1, &["a"]), key("l", 2, &[])]);
        import(&control, &plans, &keys).await;
        put_plans(&control, &[plan("a", &["prod", "dev"])]).await;
        control.set_enabled(&keys[0].id, false).await.unwrap();
        let rotated = control.rotate_key(&keys[0].id, secret(3), Overlap::None, NOON).await.unwrap();
        let by_hand = control.import_by_hand(&plans, &keys, NOON.plus(HOUR)).await.unwrap();
        assert_eq!(by_hand, Imported { plans: 1, keys: 1 });
        let hash = rotated.hash;
        let as_it_was = made(ApiKey { hash, ..keys[0].clone() });
        assert_eq!(all_keys(&control).await, [as_it_was, made(keys[1].clone())]);
        assert_eq!(control.plans().await.unwrap(), plans);
        let again = control.import_by_hand(&plans, &keys, NOON.plus(HOUR)).await.unwrap();
        assert_eq!(again, Imported::default());
        // What is imported by hand is not undone by a start whose files have not changed.
        let others = [renamed(plans[0].clone(), "by hand")];
        let by_hand = control.import_by_hand(&others, &[], NOON).await.unwrap();
        assert_eq!(by_hand, Imported { plans: 1, keys: 0 });
        assert_eq!(import(&control, &plans, &keys).await, (0, 0));
        assert_eq!(control.plans().await.unwrap(), others);
    }

    /// A plan or key that somebody made by hand before is the file's from its first import on.
    async fn an_entry_that_was_never_imported_counts_as_new(stores) {
        let control = control(&stores);
        put_plans(&control, &[renamed(plan("a", &["prod"]), "by hand")]).await;
        let revision = stores.keys.revision().await.unwrap();
        let by_hand = ApiKey { created_at: Some(Timestamp::from_seconds(1)), ..key("k", 9, &["a"]) };
        stores.keys.apply(&[Change::PutKey(by_hand.clone())], revision).await.unwrap();
        let (plans, keys) = ([plan("a", &["prod"])], [titled(key("k", 1, &[]), "from a file")]);
        assert_eq!(import(&control, &plans, &keys).await, (1, 1));
        assert_eq!(plan_of(&control, "a").await, Some(plans[0].clone()));
        let (hash, created_at) = (by_hand.hash, by_hand.created_at);
        assert_eq!(key_of(&control, "k").await, Some(ApiKey { hash, created_at, ..keys[0].clone() }));
        let entry = ImportEntry::Key(ApiKeyId::new("k"));
        assert!(stores.keys.imported(&[entry]).await.unwrap()[0].is_some());
    }
}
