//! What is held of quotas: how much, and that it comes back.

use std::{num::NonZeroU32, sync::Arc, time::Duration};

use usher_domain::{
    ports::{Pacer as _, StoreErrorKind, UsageStore as _},
    usage::quota::{Period, Quota},
};
use usher_testkit::fakes::Behaviour;
use usher_usage_local::{LocalPacer, PacerSettings};

use crate::{
    store::WatchedStore,
    support::{
        DAY, NOON, admitted_of, daily, is_admitted, key, pacer, plan, with_quota, with_throttle,
    },
};

#[tokio::test]
async fn at_most_one_per_cent_of_a_quota_is_held_at_any_moment() {
    for limit in [1, 7, 99, 100, 199, 2000, 300_000] {
        let store = WatchedStore::new();
        let (pacer, plan) = (pacer(store.clone()), with_quota(plan("a"), daily(limit)));
        for admitted in 0..limit.min(20_000) {
            assert!(
                is_admitted(&pacer, &plan, &key("k"), NOON).await,
                "{admitted} of {limit}"
            );
            let held = store.used(&plan, &key("k")).await - admitted - 1;
            assert!(held <= limit / 100, "{held} held of {limit}");
        }
    }
}

#[tokio::test]
async fn a_quota_that_is_used_is_fetched_in_few_calls() {
    let store = WatchedStore::new();
    let (pacer, plan) = (pacer(store.clone()), with_quota(plan("a"), daily(20_000)));
    assert_eq!(
        admitted_of(25_000, &pacer, &plan, &key("k"), NOON).await,
        20_000
    );
    assert!(store.takes() <= 320, "{}", store.takes());
    // And one that is spent is not asked for again, until the next day.
    let before = store.takes();
    assert_eq!(admitted_of(100, &pacer, &plan, &key("k"), NOON).await, 0);
    assert_eq!(store.takes(), before);
    assert_eq!(
        admitted_of(100, &pacer, &plan, &key("k"), NOON.plus(DAY)).await,
        100
    );
}

#[tokio::test]
async fn what_is_held_of_a_day_that_is_over_is_worth_nothing() {
    let store = WatchedStore::new();
    let (pacer, plan) = (pacer(store.clone()), with_quota(plan("a"), daily(2000)));
    admitted_of(1000, &pacer, &plan, &key("k"), NOON).await;
    assert!(store.used(&plan, &key("k")).await > 1000);
    let tomorrow = NOON.plus(DAY);
    // Nor is what was used: a new day begins with a single call.
    assert!(is_admitted(&pacer, &plan, &key("k"), tomorrow).await);
    assert_eq!(store.used(&plan, &key("k")).await, 1);
    assert_eq!(
        admitted_of(3000, &pacer, &plan, &key("k"), tomorrow).await,
        1999
    );
    assert_eq!(store.used(&plan, &key("k")).await, 2000);
    // A clock that goes back finds the later day, and that is spent.
    assert!(!is_admitted(&pacer, &plan, &key("k"), NOON).await);
}

/// A process that ends without a word, as a function's sandbox does, has nothing to lose.
#[tokio::test]
async fn who_takes_one_at_a_time_holds_nothing() {
    let store = WatchedStore::new();
    let settings = PacerSettings {
        most_leased: NonZeroU32::MIN,
        ..PacerSettings::default()
    };
    let pacer = LocalPacer::new(store.clone(), settings);
    let plan = with_quota(plan("a"), daily(2000));
    for admitted in 1..=2000 {
        assert!(is_admitted(&pacer, &plan, &key("k"), NOON).await);
        assert_eq!(store.used(&plan, &key("k")).await, admitted);
    }
    assert!(!is_admitted(&pacer, &plan, &key("k"), NOON).await);
}

/// The last calls are there for whoever comes, and not held by one process while others refuse.
#[tokio::test]
async fn near_the_end_of_a_quota_next_to_nothing_is_held() {
    let store = WatchedStore::new();
    let plan = with_quota(plan("a"), daily(20_000));
    let (one, other) = (pacer(store.clone()), pacer(store.clone()));
    assert_eq!(
        admitted_of(19_960, &one, &plan, &key("k"), NOON).await,
        19_960
    );
    let held = store.used(&plan, &key("k")).await - 19_960;
    assert!(held <= 4, "{held}");
    let rest = admitted_of(100, &other, &plan, &key("k"), NOON).await;
    assert!(rest >= 36, "{rest}");
}

#[tokio::test(start_paused = true)]
async fn many_leases_are_given_back_in_the_time_of_a_few() {
    let slow = Duration::from_millis(50);
    let store = WatchedStore::with_slow_returns(slow);
    let (pacer, plan) = (pacer(store.clone()), with_quota(plan("a"), daily(2000)));
    for number in 0..160 {
        admitted_of(93, &pacer, &plan, &key(&number.to_string()), NOON).await;
    }
    let began = tokio::time::Instant::now();
    pacer.close(NOON).await;
    assert_eq!(store.returns(), 160);
    assert!(began.elapsed() <= slow * 11, "{:?}", began.elapsed());
}

/// What is held is given back at once, and not when somebody has waited in vain for a store.
#[tokio::test(start_paused = true)]
async fn closing_does_not_wait_before_it_gives_back() {
    let store = WatchedStore::new();
    let (pacer, plan) = (
        Arc::new(pacer(store.clone())),
        with_quota(plan("a"), daily(2000)),
    );
    admitted_of(93, &pacer, &plan, &key("k"), NOON).await;
    let returns = {
        let (pacer, store) = (Arc::clone(&pacer), store.clone());
        let closing = async move {
            store.behave(Behaviour::Stall);
            let hangs = tokio::spawn({
                let (pacer, plan) = (Arc::clone(&pacer), plan.clone());
                async move { is_admitted(&pacer, &plan, &key("other"), NOON).await }
            });
            tokio::task::yield_now().await;
            let close = tokio::spawn(async move { pacer.close(NOON).await });
            tokio::time::sleep(Duration::from_millis(1)).await;
            let returns = store.returns();
            store.behave(Behaviour::Serve);
            close.await.unwrap();
            hangs.await.unwrap();
            returns
        };
        closing.await
    };
    assert_eq!(returns, 1);
}

#[tokio::test]
async fn closing_gives_back_all_that_is_held() {
    for quota in [
        daily(2000),
        Quota::new(2000.try_into().unwrap(), Period::Month)
            .with_start_day(14)
            .unwrap(),
        Quota::new(2000.try_into().unwrap(), Period::Week)
            .with_first_period_credit(5)
            .unwrap(),
    ] {
        let store = WatchedStore::new();
        let (pacer, plan) = (pacer(store.clone()), with_quota(plan("a"), quota));
        let keys: Vec<_> = (0..200).map(|number| key(&format!("{number}"))).collect();
        for key in &keys {
            assert_eq!(admitted_of(93, &pacer, &plan, key, NOON).await, 93);
        }
        let mut held = 0;
        let credit = u64::from(quota.period() == Period::Week) * 5;
        for key in &keys {
            held += store.used(&plan, key).await - 93 - credit;
        }
        assert!(held > 400, "{held}");
        pacer.close(NOON.plus(Duration::from_secs(1))).await;
        for key in &keys {
            assert_eq!(store.used(&plan, key).await, 93 + credit);
        }
        // At most once.
        let returns = store.returns();
        assert_eq!(returns, 200);
        pacer.close(NOON.plus(Duration::from_secs(1))).await;
        assert_eq!(store.returns(), returns);
    }
}

#[tokio::test]
async fn what_is_given_back_is_not_let_in_as_well() {
    let store = WatchedStore::new();
    let (one, two) = (pacer(store.clone()), pacer(store.clone()));
    let plan = with_quota(plan("a"), daily(2000));
    let first = admitted_of(1000, &one, &plan, &key("k"), NOON).await;
    one.close(NOON).await;
    let second = admitted_of(3000, &two, &plan, &key("k"), NOON).await;
    let third = admitted_of(3000, &one, &plan, &key("k"), NOON).await;
    assert_eq!((first, second, third), (1000, 1000, 0));
}

#[tokio::test]
async fn closing_after_the_day_gives_nothing_back_to_the_next() {
    let store = WatchedStore::new();
    let (one, two) = (pacer(store.clone()), pacer(store.clone()));
    let plan = with_quota(plan("a"), daily(2000));
    admitted_of(1000, &one, &plan, &key("k"), NOON).await;
    let tomorrow = NOON.plus(DAY);
    admitted_of(2000, &two, &plan, &key("k"), tomorrow).await;
    one.close(tomorrow).await;
    assert_eq!(store.used(&plan, &key("k")).await, 2000);
    assert_eq!(store.returns(), 0);
}

#[tokio::test]
async fn what_was_held_under_another_period_is_given_back_at_the_end() {
    let store = WatchedStore::new();
    let pacer = pacer(store.clone());
    let days = with_quota(plan("a"), daily(2000));
    admitted_of(1000, &pacer, &days, &key("k"), NOON).await;
    // It is a Sunday: the week has begun with the day.
    let weeks = Quota::new(2000.try_into().unwrap(), Period::Week);
    let weeks = with_quota(plan("a"), weeks).after(&days);
    admitted_of(100, &pacer, &weeks, &key("k"), NOON).await;
    assert!(store.used(&weeks, &key("k")).await > 1100);
    pacer.close(NOON).await;
    assert_eq!(store.used(&weeks, &key("k")).await, 1100);
}

#[tokio::test]
async fn what_comes_when_the_quota_is_gone_is_given_back_at_once() {
    let store = WatchedStore::new();
    let pacer = pacer(store.clone());
    let counted = with_quota(with_throttle(plan("a"), 1.0, 5), daily(2000));
    let free = with_throttle(plan("a"), 1.0, 5).after(&counted);
    store.behave(Behaviour::Stall);
    let caller = key("k");
    let charge = caller.charge(&counted);
    tokio::select! {
        biased;
        _ = pacer.admit(Some(&charge), &NOON) => panic!("the store has not answered"),
        () = settle() => {}
    }
    assert!(is_admitted(&pacer, &free, &caller, NOON).await);
    store.behave(Behaviour::Serve);
    settle().await;
    assert_eq!((store.takes(), store.returns()), (1, 1));
    assert_eq!(store.used(&counted, &caller).await, 0);
}

#[tokio::test]
async fn when_less_is_left_than_a_lease_has_it_is_let_in_to_the_last_call() {
    let store = WatchedStore::new();
    let pacer = pacer(store.clone());
    let plan = with_quota(plan("a"), daily(2000));
    let caller = key("k");
    assert_eq!(admitted_of(1001, &pacer, &plan, &caller, NOON).await, 1001);
    assert_eq!(
        store.used(&plan, &caller).await,
        1001,
        "something is held: this shows nothing"
    );
    // Others take nearly all that is left.
    let account = caller.charge(&plan).quota_account();
    let others = 996.try_into().unwrap();
    store.take(&account, others, NOON).await.unwrap();
    assert_eq!(admitted_of(50, &pacer, &plan, &caller, NOON).await, 3);
}

#[tokio::test]
async fn what_is_held_of_a_quota_that_is_gone_is_given_back() {
    for quota_comes_back in [false, true] {
        let store = WatchedStore::new();
        let pacer = pacer(store.clone());
        let counted = with_quota(with_throttle(plan("a"), 1.0, 5000), daily(2000));
        admitted_of(1000, &pacer, &counted, &key("k"), NOON).await;
        assert!(store.used(&counted, &key("k")).await > 1000);
        let free = with_throttle(plan("a"), 1.0, 5000).after(&counted);
        assert_eq!(admitted_of(10, &pacer, &free, &key("k"), NOON).await, 10);
        if quota_comes_back {
            let again = with_quota(plan("a"), daily(2000)).after(&free);
            assert_eq!(
                admitted_of(2000, &pacer, &again, &key("k"), NOON).await,
                1000
            );
        } else {
            pacer.close(NOON).await;
            assert_eq!(store.used(&counted, &key("k")).await, 1000);
        }
    }
}

#[tokio::test]
async fn a_client_that_goes_away_takes_no_call_with_it() {
    let store = WatchedStore::new();
    let (pacer, plan) = (pacer(store.clone()), with_quota(plan("a"), daily(1)));
    gone_while_asking(&store, &pacer, &plan).await;
    // Its call is there for the next one, without another to the store.
    let caller = key("k");
    let charge = caller.charge(&plan);
    assert!(matches!(
        pacer.try_admit(Some(&charge), NOON),
        Some(usher_domain::ports::Admission::Admitted(_))
    ));
    assert_eq!(store.takes(), 1);
}

#[tokio::test]
async fn what_nobody_waited_for_is_given_back_at_the_end() {
    let store = WatchedStore::new();
    let (pacer, plan) = (pacer(store.clone()), with_quota(plan("a"), daily(1)));
    gone_while_asking(&store, &pacer, &plan).await;
    assert_eq!(store.used(&plan, &key("k")).await, 1);
    pacer.close(NOON).await;
    assert_eq!(store.used(&plan, &key("k")).await, 0);
}

/// A client leaves while the store is being asked for it; then the store answers.
async fn gone_while_asking(
    store: &Arc<WatchedStore>,
    pacer: &usher_usage_local::LocalPacer,
    plan: &usher_domain::usage::plan::PlanInForce,
) {
    store.behave(Behaviour::Stall);
    let caller = key("k");
    let charge = caller.charge(plan);
    tokio::select! {
        biased;
        _ = pacer.admit(Some(&charge), &NOON) => panic!("the store has not answered"),
        () = settle() => {}
    }
    store.behave(Behaviour::Serve);
    settle().await;
}

/// Lets everything run that can: tests of this kind have one thread.
async fn settle() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn closing_waits_for_what_is_still_to_come() {
    let store = WatchedStore::new();
    let (pacer, plan) = (pacer(store.clone()), with_quota(plan("a"), daily(1)));
    store.behave(Behaviour::Stall);
    let caller = key("k");
    let charge = caller.charge(&plan);
    tokio::select! {
        biased;
        _ = pacer.admit(Some(&charge), &NOON) => panic!("the store has not answered"),
        () = settle() => {}
    }
    let answers = async {
        settle().await;
        store.behave(Behaviour::Serve);
    };
    tokio::join!(pacer.close(NOON), answers);
    settle().await;
    assert_eq!(store.takes(), 1);
    assert_eq!(store.used(&plan, &caller).await, 0);
}

#[tokio::test(start_paused = true)]
async fn closing_does_not_wait_for_a_store_that_never_answers() {
    let store = WatchedStore::new();
    let (pacer, plan) = (pacer(store.clone()), with_quota(plan("a"), daily(1)));
    store.behave(Behaviour::Stall);
    let caller = key("k");
    let charge = caller.charge(&plan);
    tokio::select! {
        biased;
        _ = pacer.admit(Some(&charge), &NOON) => panic!("the store has not answered"),
        () = settle() => {}
    }
    let started = tokio::time::Instant::now();
    pacer.close(NOON).await;
    assert_eq!(started.elapsed(), Duration::from_secs(2));
}

#[tokio::test(start_paused = true)]
async fn what_a_slow_store_gives_late_is_held_and_not_asked_for_again() {
    let store = WatchedStore::new();
    let (pacer, plan) = (pacer(store.clone()), with_quota(plan("a"), daily(1)));
    store.behave(Behaviour::Stall);
    let caller = key("k");
    let charge = caller.charge(&plan);
    for _ in 0..3 {
        let told = pacer.admit(Some(&charge), &NOON).await;
        assert_eq!(told.unwrap_err().kind(), StoreErrorKind::Unavailable);
    }
    store.behave(Behaviour::Serve);
    settle().await;
    assert!(is_admitted(&pacer, &plan, &caller, NOON).await);
    assert_eq!(store.takes(), 1);
}

#[tokio::test]
async fn a_call_that_is_refused_by_then_leaves_the_other_ones_what_it_asked_for() {
    // Two ask for a quota of one; the bucket lets one of them in. Both quota and bucket are charged once.
    let store = WatchedStore::new();
    let plan = with_quota(with_throttle(plan("a"), 1.0, 1), daily(2));
    let pacer = pacer(store.clone());
    store.behave(Behaviour::Stall);
    let caller = key("k");
    let charge = caller.charge(&plan);
    let answers = async {
        settle().await;
        store.behave(Behaviour::Serve);
    };
    let (one, two, ()) = tokio::join!(
        pacer.admit(Some(&charge), &NOON),
        pacer.admit(Some(&charge), &NOON),
        answers
    );
    let admitted = [one.unwrap(), two.unwrap()]
        .iter()
        .filter(|told| matches!(told, usher_domain::ports::Admission::Admitted(_)))
        .count();
    assert_eq!(admitted, 1);
    pacer.close(NOON).await;
    assert_eq!(store.used(&plan, &caller).await, 1);
}

#[tokio::test]
async fn what_cannot_be_given_back_counts_as_spent() {
    let store = WatchedStore::new();
    let (one, two) = (pacer(store.clone()), pacer(store.clone()));
    let plan = with_quota(plan("a"), daily(2000));
    let first = admitted_of(1000, &one, &plan, &key("k"), NOON).await;
    let before = store.used(&plan, &key("k")).await;
    store.behave(Behaviour::Fail(StoreErrorKind::Unavailable));
    one.close(NOON).await;
    store.behave(Behaviour::Serve);
    assert_eq!(store.used(&plan, &key("k")).await, before);
    let second = admitted_of(3000, &two, &plan, &key("k"), NOON).await;
    let third = admitted_of(3000, &one, &plan, &key("k"), NOON).await;
    assert!(first + second + third <= 2000);
    assert_eq!(third, 0);
    let page = usher_domain::ports::AccountPage {
        limit: 1,
        ..Default::default()
    };
    assert_eq!(store.accounts(&page).await.unwrap().len(), 1);
}
