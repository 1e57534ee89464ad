//! The suite of the control plane over any stores of plans, keys and what was spent of them.

use std::{
    num::{NonZeroU32, NonZeroU64},
    sync::Arc,
    time::Duration,
};

use usher_domain::{
    ports::{Applied, Change, KeyPage, Taken},
    service::{ControlError, NewKey, Overlap},
    time::Timestamp,
    usage::{
        account::Limits,
        api_key::{ApiKey, ApiKeyHash, ApiKeyId},
        membership::{Account, AccountName, Holder, KnownKey, MembershipError},
        plan::{PlanId, PlanInForce, UsagePlan},
        quota::{Period, Quota},
        throttle::Throttle,
    },
};

use super::{
    ControlStores,
    key_calls::{NOON, all_keys, control, ids, import_plan, put_plans},
    plans::{key, plan, secret, stage},
};

const HOUR: Duration = Duration::from_hours(1);

fn new_key(number: u16, plans: &[&str]) -> NewKey {
    NewKey {
        hash: secret(number),
        name: format!("number {number}"),
        description: "made by hand".to_owned(),
        enabled: true,
        plans: plans.iter().map(|id| PlanId::new(id)).collect(),
    }
}

/// Whether this secret opens the plan at the stage `prod` then.
async fn opens(stores: &ControlStores, hash: ApiKeyHash, now: Timestamp) -> bool {
    let Some(key) = stores.keys.find(&hash).await.expect("an answer") else {
        return false;
    };
    let plans = stores.keys.plans().await.expect("plans");
    let mut plans = plans.iter().filter(|plan| key.plans.contains(&plan.id));
    let plan = plans.find_map(|plan| PlanInForce::new(plan, &stage("prod")));
    let known = KnownKey::new(&key, &hash, plan.map(Arc::new));
    known.plan_at(now).is_ok()
}

fn with_quota(plan: UsagePlan, quota: Quota) -> UsagePlan {
    let limits = Limits {
        quota: Some(quota),
        ..plan.limits
    };
    UsagePlan { limits, ..plan }
}

fn daily(limit: u64) -> Quota {
    Quota::new(NonZeroU64::new(limit).expect("a limit"), Period::Day)
}

async fn spend(stores: &ControlStores, plan: &UsagePlan, holder: Holder, calls: u32) {
    let name = AccountName {
        plan: plan.id.clone(),
        holder,
    };
    let account = Account {
        name,
        limits: plan.limits,
    };
    let calls = NonZeroU32::new(calls).expect("a call");
    let taken = stores
        .usage
        .take(&account, calls, NOON)
        .await
        .expect("an answer");
    assert!(matches!(taken, Taken::Granted { .. }), "{taken:?}");
}

fn of_key(id: &str) -> Holder {
    Holder::Key(ApiKeyId::new(id))
}

crate::suite! {
    ($) control_plane_conformance over (crate::conformance::ControlStores) in control_plane;

    /// Its id follows from the secret's hash, and it is there at once.
    async fn a_key_is_made(stores) {
        let control = control(&stores);
        put_plans(&control, &[plan("a", &["prod"]), plan("b", &["dev"])]).await;
        let made = control.create_key(&new_key(1, &["a", "b"]), NOON).await.unwrap();
        assert_eq!(made.id, ApiKeyId::derived_from(&secret(1)));
        assert_eq!((made.created_at, made.enabled, made.previous), (Some(NOON), true, None));
        assert_eq!(made.plans, [PlanId::new("a"), PlanId::new("b")]);
        assert_eq!(control.key(&made.id).await.unwrap(), made);
        assert_eq!(all_keys(&control).await, [made]);
        assert!(opens(&stores, secret(1), NOON).await);
        let off = NewKey { enabled: false, ..new_key(2, &["a"]) };
        control.create_key(&off, NOON).await.unwrap();
        assert!(!opens(&stores, secret(2), NOON).await);
    }

    /// Not by its secret, not by the one before, and not by its id.
    async fn a_key_that_is_there_is_not_made_again(stores) {
        let control = control(&stores);
        let made = control.create_key(&new_key(1, &[]), NOON).await.unwrap();
        control.rotate_key(&made.id, secret(2), Overlap::For(HOUR), NOON).await.unwrap();
        let before = all_keys(&control).await;
        for number in [1, 2] {
            let again = control.create_key(&new_key(number, &[]), NOON).await;
            assert!(matches!(&again, Err(ControlError::KeyExists(id)) if *id == made.id), "{again:?}");
        }
        // The first secret is gone, and the id that follows from it is not.
        control.rotate_key(&made.id, secret(3), Overlap::None, NOON).await.unwrap();
        let again = control.create_key(&new_key(1, &[]), NOON).await;
        assert!(matches!(again, Err(ControlError::KeyExists(id)) if id == made.id));
        assert_eq!(ids(&all_keys(&control).await), ids(&before));
    }

    /// Nobody could say what limits its calls.
    async fn a_key_that_does_not_fit_its_plans_is_not_made(stores) {
        let control = control(&stores);
        let plans = [plan("a", &["prod"]), plan("b", &["dev", "prod"]), plan("c", &["dev"])];
        put_plans(&control, &plans).await;
        for (plans, expected) in [
            (&["a", "x"][..], MembershipError::UnknownPlan(PlanId::new("x"))),
            (&["a", "c", "b"], MembershipError::Ambiguous(PlanId::new("a"), PlanId::new("b"))),
            (&["a", "a"], MembershipError::Ambiguous(PlanId::new("a"), PlanId::new("a"))),
        ] {
            match control.create_key(&new_key(1, plans), NOON).await {
                Err(ControlError::Key(id, error)) => {
                    assert_eq!((id, error), (ApiKeyId::derived_from(&secret(1)), expected));
                }
                other => panic!("{plans:?}: {other:?}"),
            }
        }
        assert_eq!(all_keys(&control).await, []);
        control.create_key(&new_key(1, &["a", "c"]), NOON).await.unwrap();
    }

    /// And nothing else of it changes.
    async fn a_key_is_disabled_and_enabled(stores) {
        let control = control(&stores);
        put_plans(&control, &[plan("a", &["prod"])]).await;
        let made = control.create_key(&new_key(1, &["a"]), NOON).await.unwrap();
        for enabled in [false, false, true] {
            let changed = control.set_enabled(&made.id, enabled).await.unwrap();
            assert_eq!(changed, ApiKey { enabled, ..made.clone() });
            assert_eq!(control.key(&made.id).await.unwrap(), changed);
            assert_eq!(opens(&stores, secret(1), NOON).await, enabled);
        }
    }

    /// Both secrets open until the overlap ends, and the old one not a nanosecond longer.
    async fn the_old_secret_of_a_rotated_key_is_good_until_the_overlap_ends(stores) {
        let control = control(&stores);
        put_plans(&control, &[plan("a", &["prod"])]).await;
        let made = control.create_key(&new_key(1, &["a"]), NOON).await.unwrap();
        let rotated = control.rotate_key(&made.id, secret(2), Overlap::For(HOUR), NOON).await.unwrap();
        assert_eq!(ApiKey { hash: made.hash, previous: None, ..rotated.clone() }, made);
        assert_eq!(control.key(&made.id).await.unwrap(), rotated);
        let until = NOON.plus(HOUR);
        let before = Timestamp::from_nanos(until.as_nanos() - 1);
        for (now, old_is_good) in [(NOON, true), (before, true), (until, false), (until.plus(HOUR), false)] {
            assert_eq!(opens(&stores, secret(1), now).await, old_is_good, "{now:?}");
            assert!(opens(&stores, secret(2), now).await);
        }
    }

    /// Somebody was told that the first secret is good until then.
    async fn while_an_overlap_runs_no_other_one_starts(stores) {
        let control = control(&stores);
        put_plans(&control, &[plan("a", &["prod"])]).await;
        let made = control.create_key(&new_key(1, &["a"]), NOON).await.unwrap();
        let rotated = control.rotate_key(&made.id, secret(2), Overlap::For(HOUR), NOON).await.unwrap();
        let until = NOON.plus(HOUR);
        let before = Timestamp::from_nanos(until.as_nanos() - 1);
        for now in [NOON, before] {
            match control.rotate_key(&made.id, secret(3), Overlap::For(HOUR), now).await {
                Err(ControlError::StillRotating(id, told)) => assert_eq!((id, told), (made.id.clone(), until)),
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(control.key(&made.id).await.unwrap(), rotated);
        control.rotate_key(&made.id, secret(3), Overlap::For(HOUR), until).await.unwrap();
        for (number, is_good) in [(1, false), (2, true), (3, true)] {
            assert_eq!(opens(&stores, secret(number), until).await, is_good, "{number}");
        }
    }

    /// For a secret that leaked: whatever was promised, it ends now.
    async fn without_an_overlap_all_earlier_secrets_end(stores) {
        let control = control(&stores);
        put_plans(&control, &[plan("a", &["prod"])]).await;
        let made = control.create_key(&new_key(1, &["a"]), NOON).await.unwrap();
        control.rotate_key(&made.id, secret(2), Overlap::For(HOUR), NOON).await.unwrap();
        control.rotate_key(&made.id, secret(3), Overlap::None, NOON).await.unwrap();
        for (number, is_good) in [(1, false), (2, false), (3, true)] {
            assert_eq!(opens(&stores, secret(number), NOON).await, is_good, "{number}");
        }
    }

    /// Not the key's own, not another's, present or previous.
    async fn a_secret_that_is_in_use_is_no_new_one(stores) {
        let control = control(&stores);
        let one = control.create_key(&new_key(1, &[]), NOON).await.unwrap();
        let two = control.create_key(&new_key(2, &[]), NOON).await.unwrap();
        control.rotate_key(&two.id, secret(3), Overlap::For(HOUR), NOON).await.unwrap();
        let before = all_keys(&control).await;
        for (number, whose) in [(1, &one.id), (2, &two.id), (3, &two.id)] {
            let rotated = control.rotate_key(&one.id, secret(number), Overlap::None, NOON).await;
            assert!(matches!(&rotated, Err(ControlError::KeyExists(id)) if id == whose), "{rotated:?}");
        }
        assert_eq!(all_keys(&control).await, before);
    }

    /// With all that led to it.
    async fn a_deleted_key_is_gone(stores) {
        let control = control(&stores);
        put_plans(&control, &[plan("a", &["prod"])]).await;
        let made = control.create_key(&new_key(1, &["a"]), NOON).await.unwrap();
        control.rotate_key(&made.id, secret(2), Overlap::For(HOUR), NOON).await.unwrap();
        control.delete_key(&made.id).await.unwrap();
        for number in [1, 2] {
            assert!(!opens(&stores, secret(number), NOON).await);
        }
        assert_eq!(all_keys(&control).await, []);
        control.create_key(&new_key(1, &["a"]), NOON).await.unwrap();
    }

    /// Each by its own name.
    async fn what_is_not_there_is_named(stores) {
        let (control, id) = (control(&stores), ApiKeyId::new("nobody"));
        for result in [
            control.key(&id).await.map(drop),
            control.set_enabled(&id, true).await.map(drop),
            control.rotate_key(&id, secret(1), Overlap::None, NOON).await.map(drop),
            control.delete_key(&id).await,
        ] {
            assert!(matches!(&result, Err(ControlError::NoSuchKey(told)) if *told == id), "{result:?}");
        }
        let id = PlanId::new("nothing");
        let page = KeyPage { plan: Some(id.clone()), after: None, limit: 1 };
        for result in [
            control.plan(&id).await.map(drop),
            control.delete_plan(&id).await,
            control.keys(&page).await.map(drop),
            control.usage(Some(&id), NOON).await.map(drop),
        ] {
            assert!(matches!(&result, Err(ControlError::NoSuchPlan(told)) if *told == id), "{result:?}");
        }
    }

    /// A key's plan is always there.
    async fn a_plan_that_keys_belong_to_is_not_deleted(stores) {
        let control = control(&stores);
        put_plans(&control, &[plan("a", &["prod"]), plan("b", &[])]).await;
        let made = control.create_key(&new_key(1, &["b", "a"]), NOON).await.unwrap();
        match control.delete_plan(&PlanId::new("a")).await {
            Err(ControlError::PlanInUse(plan, key)) => assert_eq!((plan.as_str(), key), ("a", made.id.clone())),
            other => panic!("{other:?}"),
        }
        assert_eq!(control.plans().await.unwrap().len(), 2);
        control.delete_key(&made.id).await.unwrap();
        control.delete_plan(&PlanId::new("a")).await.unwrap();
        assert_eq!(control.plans().await.unwrap(), [plan("b", &[])]);
    }

    /// Another plan of one of its keys covers that stage; there may be many keys, and it is the last.
    async fn a_plan_does_not_grow_into_a_stage_that_its_keys_have_a_plan_for(stores) {
        let control = control(&stores);
        put_plans(&control, &[plan("a", &["prod"]), plan("b", &["dev"]), plan("c", &[])]).await;
        let many: Vec<_> = (0..520).map(|number| Change::PutKey(key(&format!("{number:03}"), number, &["a"]))).collect();
        let last = Change::PutKey(key("zz", 600, &["a", "b"]));
        for changes in many.chunks(40).chain([&[last][..]]) {
            let revision = stores.keys.revision().await.unwrap();
            let applied = stores.keys.apply(changes, revision).await.unwrap();
            assert!(matches!(applied, Applied::Done(_)));
        }
        let grown = plan("a", &["prod", "dev"]);
        match import_plan(&control, &grown).await {
            Err(ControlError::Key(id, MembershipError::Ambiguous(..))) => assert_eq!(id.as_str(), "zz"),
            other => panic!("{other:?}"),
        }
        assert_eq!(control.plan(&grown.id).await.unwrap(), plan("a", &["prod"]));
        // Into another stage it may, and it may change in any other way.
        let throttle = Throttle::new(0.3, 7).ok();
        let changed = UsagePlan { per_user: throttle, ..plan("a", &["test"]) };
        import_plan(&control, &changed).await.unwrap();
        assert_eq!(control.plan(&changed.id).await.unwrap(), changed);
        control.delete_key(&ApiKeyId::new("zz")).await.unwrap();
        import_plan(&control, &grown).await.unwrap();
    }

    /// Each change sees those before it.
    async fn of_changes_at_the_same_time_none_is_lost(stores) {
        let control = control(&stores);
        let made = control.create_key(&new_key(100, &[]), NOON).await.unwrap();
        let (disabling, rotating) = (control.clone(), control.clone());
        let (disabled, rotated) = (made.id.clone(), made.id.clone());
        let others: Vec<_> = (0..6).map(|number| {
            let control = control.clone();
            tokio::spawn(async move { control.create_key(&new_key(number, &[]), NOON).await.map(drop) })
        }).chain([
            tokio::spawn(async move { disabling.set_enabled(&disabled, false).await.map(drop) }),
            tokio::spawn(async move {
                rotating.rotate_key(&rotated, secret(101), Overlap::None, NOON).await.map(drop)
            }),
        ]).collect();
        for other in others {
            other.await.expect("a change").unwrap();
        }
        assert_eq!(all_keys(&control).await.len(), 7);
        let changed = control.key(&made.id).await.unwrap();
        assert_eq!(changed, ApiKey { enabled: false, hash: secret(101), ..made });
    }

    /// Whoever comes first.
    async fn a_plan_that_is_deleted_while_a_key_joins_it_leaves_no_key_without_a_plan(stores) {
        let control = control(&stores);
        for number in 0..8 {
            put_plans(&control, &[plan("a", &["prod"])]).await;
            let (joining, deleting) = (control.clone(), control.clone());
            let joined = tokio::spawn(async move { joining.create_key(&new_key(number, &["a"]), NOON).await });
            let deleted = tokio::spawn(async move { deleting.delete_plan(&PlanId::new("a")).await });
            match (joined.await.expect("a task"), deleted.await.expect("a task")) {
                (Ok(key), Err(ControlError::PlanInUse(..))) => control.delete_key(&key.id).await.unwrap(),
                (Err(ControlError::Key(_, MembershipError::UnknownPlan(_))), Ok(())) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    /// Each account of a plan that has a quota, in the period that counts.
    async fn usage_is_what_accounts_have_spent_of_their_quotas(stores) {
        let control = control(&stores);
        let a = with_quota(plan("a", &["prod"]), daily(10));
        let monthly = Quota::new(NonZeroU64::MAX, Period::Month).with_start_day(14).unwrap();
        let (b, free) = (with_quota(plan("b", &[]), monthly), plan("free", &[]));
        let gone = with_quota(plan("gone", &[]), daily(10));
        put_plans(&control, &[a.clone(), b.clone(), free.clone()]).await;
        spend(&stores, &a, of_key("k"), 3).await;
        spend(&stores, &a, Holder::Principal("eu:zoë".into()), 4).await;
        spend(&stores, &b, of_key("k"), 5).await;
        for plan in [&free, &gone] {
            spend(&stores, plan, of_key("k"), 6).await;
        }
        let told = |plan: Option<&'static str>, now| {
            let control = control.clone();
            async move {
                let usage = control.usage(plan.map(PlanId::new).as_ref(), now).await.unwrap();
                usage.into_iter().map(|usage| {
                    let holder = usage.name.holder.to_string();
                    (usage.name.plan.to_string(), holder, usage.used, usage.limit)
                }).collect::<Vec<_>>()
            }
        };
        let line = |plan: &str, holder: &str, used, limit| (plan.to_owned(), holder.to_owned(), used, limit);
        let (of_k, of_zoe) = (line("a", "key:k", 3, 10), line("a", "principal:eu:zoë", 4, 10));
        let of_b = line("b", "key:k", 5, u64::MAX);
        assert_eq!(told(None, NOON).await, [of_k.clone(), of_zoe.clone(), of_b.clone()]);
        assert_eq!(told(Some("a"), NOON).await, [of_k, of_zoe]);
        assert_eq!(told(Some("free"), NOON).await, []);
        // The day is over, the month is not.
        let tomorrow = NOON.plus(12 * HOUR);
        let (of_k, of_zoe) = (line("a", "key:k", 0, 10), line("a", "principal:eu:zoë", 0, 10));
        assert_eq!(told(None, tomorrow).await, [of_k, of_zoe, of_b]);
        for usage in control.usage(None, tomorrow).await.unwrap() {
            let quota = if usage.name.plan == a.id { daily(10) } else { monthly };
            assert_eq!(usage.window, quota.window_at(tomorrow));
        }
    }

    /// However many there are.
    async fn every_account_is_listed_once(stores) {
        let control = control(&stores);
        let a = with_quota(plan("a", &["prod"]), daily(10));
        put_plans(&control, std::slice::from_ref(&a)).await;
        for number in 0..520 {
            spend(&stores, &a, of_key(&format!("{number:03}")), 1).await;
        }
        let usage = control.usage(None, NOON).await.unwrap();
        let holders: Vec<_> = usage.into_iter().map(|usage| usage.name.holder).collect();
        let expected: Vec<_> = (0..520).map(|number| of_key(&format!("{number:03}"))).collect();
        assert_eq!(holders, expected);
    }
}
