//! What single calls are told, and what happens when a plan changes.

use std::time::Duration;

use usher_domain::{
    ports::{Admission, Pacer as _},
    usage::{
        account::LimitKind,
        plan::PlanInForce,
        quota::{Period, Quota},
    },
};
use usher_usage_local::{LocalPacer, PacerSettings};

use crate::{
    store::WatchedStore,
    support::{
        DAY, GET, NOON, PUT, SECOND, admit, admitted_of, after, daily, is_admitted, key, levels,
        pacer, plan, refused, throttle, with_method, with_per_user, with_quota, with_throttle,
    },
};

#[tokio::test]
async fn a_call_that_any_limit_refuses_is_charged_to_none() {
    let store = WatchedStore::new();
    let service = Some(throttle(1.0, 100));
    let settings = PacerSettings {
        service,
        ..PacerSettings::default()
    };
    let pacer = LocalPacer::new(store.clone(), settings);
    let plan = with_quota(
        with_per_user(with_throttle(plan("a"), 1.0, 10), 1.0, 2),
        daily(50),
    );
    let (alice, bob) = (key("k"), key("k").by("bob"));
    assert_eq!(admitted_of(30, &pacer, &plan, &alice, NOON).await, 2);
    let told = levels(&admit(&pacer, &plan, &bob, NOON).await);
    let left =
        |level: Option<usher_domain::usage::account::Level>| level.map(|level| level.remaining);
    assert_eq!(left(told.service), Some(97));
    assert_eq!(left(told.throttle), Some(7));
    assert_eq!(left(told.user), Some(1));
    assert_eq!(left(told.quota), Some(47));
    assert_eq!(store.used(&plan, &alice).await, 3);
}

#[tokio::test]
async fn of_several_refusals_the_one_that_opens_last_is_told() {
    let quick = 10.0;
    for (by, plan, service, wait) in [
        (
            LimitKind::Throttle,
            with_per_user(with_throttle(plan("a"), 1.0, 1), quick, 1),
            None,
            SECOND,
        ),
        (
            LimitKind::User,
            with_per_user(with_throttle(plan("a"), quick, 1), 1.0, 1),
            None,
            SECOND,
        ),
        (
            LimitKind::Service,
            with_throttle(plan("a"), quick, 1),
            Some(throttle(1.0, 1)),
            SECOND,
        ),
        (
            LimitKind::Throttle,
            with_throttle(plan("a"), 1.0, 1),
            Some(throttle(quick, 1)),
            SECOND,
        ),
        (
            LimitKind::Quota,
            with_quota(with_throttle(plan("a"), 1.0, 1), daily(1)),
            None,
            DAY / 2,
        ),
        (
            LimitKind::Throttle,
            with_quota(with_throttle(plan("a"), 1e-5, 1), daily(1)),
            None,
            SECOND * 100_000,
        ),
        (
            LimitKind::Throttle,
            with_method(with_per_user(plan("a"), quick, 1), 1.0, 1),
            None,
            SECOND,
        ),
    ] {
        let settings = PacerSettings {
            service,
            ..PacerSettings::default()
        };
        let pacer = LocalPacer::new(WatchedStore::new(), settings);
        assert!(is_admitted(&pacer, &plan, &key("k"), NOON).await);
        let refused = refused(admit(&pacer, &plan, &key("k"), NOON).await);
        assert_eq!((refused.by, refused.wait), (by, Some(wait)), "{plan:?}");
    }
}

#[tokio::test]
async fn a_methods_own_throttle_stands_in_place_of_the_plans() {
    let pacer = pacer(WatchedStore::new());
    let plan = with_method(with_throttle(plan("a"), 1.0, 2), 1.0, 5);
    let (get, put) = (key("k").calls(GET), key("k").calls(PUT));
    assert_eq!(admitted_of(9, &pacer, &plan, &get, NOON).await, 5);
    assert_eq!(admitted_of(9, &pacer, &plan, &put, NOON).await, 2);
    assert_eq!(
        admitted_of(9, &pacer, &plan, &key("l").calls(GET), NOON).await,
        5
    );
}

#[tokio::test]
async fn keys_plans_users_and_principals_are_apart() {
    let pacer = pacer(WatchedStore::new());
    let (a, b) = (
        with_throttle(plan("a"), 1.0, 1),
        with_throttle(plan("b"), 1.0, 1),
    );
    let assigned = |user: &str| crate::support::Caller {
        key: None,
        ..key("").by(user)
    };
    for plan in [&a, &b] {
        for caller in [
            key("k"),
            key("K"),
            key("k "),
            assigned("k"),
            assigned("alice"),
        ] {
            assert_eq!(
                admitted_of(3, &pacer, plan, &caller, NOON).await,
                1,
                "{caller:?}"
            );
        }
    }
    // One key is one account, whoever calls with it; a plan may give each of them a part.
    assert!(!is_admitted(&pacer, &a, &key("k").by("bob"), NOON).await);
    let shared = with_per_user(with_throttle(plan("c"), 1.0, 10), 1.0, 1);
    for user in ["alice", "bob", "Bob"] {
        assert_eq!(
            admitted_of(3, &pacer, &shared, &key("k").by(user), NOON).await,
            1
        );
        assert_eq!(
            admitted_of(3, &pacer, &shared, &key("l").by(user), NOON).await,
            1
        );
    }
}

#[tokio::test]
async fn without_a_plan_the_service_alone_holds_a_call_back() {
    let service = Some(throttle(1.0, 2));
    let store = WatchedStore::new();
    let settings = PacerSettings {
        service,
        ..PacerSettings::default()
    };
    let held = LocalPacer::new(store.clone(), settings);
    let free = pacer(store.clone());
    for calls in 0..5 {
        let told = held.try_admit(None, NOON).unwrap();
        assert_eq!(matches!(told, Admission::Admitted(_)), calls < 2);
        assert!(matches!(
            free.try_admit(None, NOON),
            Some(Admission::Admitted(_))
        ));
        // A plan that limits nothing is no other thing.
        assert!(is_admitted(&free, &plan("a"), &key("k"), NOON).await);
    }
    assert!(matches!(
        held.admit(None, &NOON).await,
        Ok(Admission::Refused(_))
    ));
    assert_eq!((store.takes(), free.size().0), (0, 0));
}

/// The bucket lacks a thousand seconds' worth under the old plan.
async fn with_a_debt() -> (LocalPacer, PlanInForce) {
    let pacer = pacer(WatchedStore::new());
    let slow = with_per_user(with_throttle(plan("a"), 0.01, 10), 0.01, 10);
    assert_eq!(admitted_of(20, &pacer, &slow, &key("k"), NOON).await, 10);
    (pacer, slow)
}

#[tokio::test]
async fn after_a_change_a_bucket_lacks_no_more_than_it_can() {
    for (rate, burst) in [(1.0, 1), (1.0, 5), (100.0, 1)] {
        let (pacer, slow) = with_a_debt().await;
        let quick = with_per_user(with_throttle(plan("a"), rate, burst), rate, burst).after(&slow);
        let step = throttle(rate, burst).step_nanos();
        let refused = refused(admit(&pacer, &quick, &key("k"), NOON).await);
        assert_eq!(
            refused.wait,
            Some(Duration::from_nanos(step.unsigned_abs()))
        );
        // Though the calls in between were refused, the bucket has filled.
        for nanos in [step / 2, step - 1] {
            assert!(!is_admitted(&pacer, &quick, &key("k"), after(NOON, nanos)).await);
        }
        assert!(is_admitted(&pacer, &quick, &key("k"), after(NOON, step)).await);
    }
}

#[tokio::test]
async fn a_change_gives_nobody_more_than_the_new_plan_has() {
    let (pacer, slow) = with_a_debt().await;
    // Ten tokens are out: under a plan with room for more these are all it lacks.
    let wide = with_throttle(plan("a"), 0.01, 12).after(&slow);
    assert_eq!(admitted_of(20, &pacer, &wide, &key("k"), NOON).await, 2);
    // One that is narrower cuts what is lacking, and a wider one does not know what that was.
    let (narrow, back) = (
        with_throttle(plan("a"), 0.01, 1),
        with_throttle(plan("a"), 0.01, 12),
    );
    let narrow = narrow.after(&wide);
    assert_eq!(admitted_of(5, &pacer, &narrow, &key("k"), NOON).await, 0);
    let back = back.after(&narrow);
    assert_eq!(admitted_of(20, &pacer, &back, &key("k"), NOON).await, 11);
}

#[tokio::test]
async fn a_clock_that_goes_back_after_a_change_opens_nothing() {
    let (pacer, slow) = with_a_debt().await;
    let quick = with_per_user(with_throttle(plan("a"), 1.0, 5), 1.0, 5).after(&slow);
    let later = NOON.plus(SECOND * 10_000);
    assert_eq!(admitted_of(9, &pacer, &quick, &key("k"), later).await, 5);
    // What was taken then is still out, and what the plan cut was cut then.
    let refused = refused(admit(&pacer, &quick, &key("k"), NOON).await);
    assert_eq!(refused.wait, Some(SECOND * 10_001));
}

#[tokio::test]
async fn a_change_that_is_seen_by_a_method_of_its_own_leaves_the_plans_bucket_alone() {
    let pacer = pacer(WatchedStore::new());
    let limited = with_method(with_throttle(plan("a"), 0.01, 5), 1.0, 5);
    let first = with_quota(limited.clone(), daily(1000));
    let (get, put) = (key("k").calls(GET), key("k").calls(PUT));
    assert_eq!(admitted_of(9, &pacer, &first, &put, NOON).await, 5);
    assert_eq!(admitted_of(9, &pacer, &first, &get, NOON).await, 5);
    let second = with_quota(limited, daily(2000)).after(&first);
    assert_eq!(admitted_of(1, &pacer, &second, &get, NOON).await, 0);
    assert_eq!(admitted_of(9, &pacer, &second, &put, NOON).await, 0);
}

#[tokio::test]
async fn a_limit_that_is_gone_holds_nobody_back_and_one_that_comes_is_full() {
    let (pacer, slow) = with_a_debt().await;
    let free = with_quota(plan("a"), daily(1000)).after(&slow);
    assert_eq!(admitted_of(100, &pacer, &free, &key("k"), NOON).await, 100);
    let again = with_quota(with_throttle(plan("a"), 0.01, 10), daily(1000)).after(&free);
    assert_eq!(admitted_of(100, &pacer, &again, &key("k"), NOON).await, 10);
}

#[tokio::test]
async fn a_quota_that_changes_goes_on_counting() {
    let store = WatchedStore::new();
    let pacer = pacer(store.clone());
    let first = with_quota(plan("a"), daily(1000));
    assert_eq!(admitted_of(500, &pacer, &first, &key("k"), NOON).await, 500);
    assert!(
        store.used(&first, &key("k")).await > 500,
        "nothing was held: this shows nothing"
    );
    let more = with_quota(plan("a"), daily(600)).after(&first);
    assert_eq!(admitted_of(500, &pacer, &more, &key("k"), NOON).await, 100);
    let less = with_quota(plan("a"), daily(10)).after(&more);
    let refused = refused(admit(&pacer, &less, &key("k"), NOON).await);
    assert_eq!(
        (refused.by, refused.wait),
        (LimitKind::Quota, Some(DAY / 2))
    );
    let again = with_quota(plan("a"), daily(601)).after(&less);
    assert_eq!(admitted_of(500, &pacer, &again, &key("k"), NOON).await, 1);
    assert_eq!(store.used(&first, &key("k")).await, 601);
}

#[tokio::test]
async fn what_was_held_of_a_day_is_given_back_when_the_plan_counts_months() {
    let store = WatchedStore::new();
    let pacer = pacer(store.clone());
    let days = with_quota(plan("a"), daily(1000));
    assert_eq!(admitted_of(500, &pacer, &days, &key("k"), NOON).await, 500);
    assert!(store.used(&days, &key("k")).await > 500);
    let monthly = Quota::new(1000.try_into().unwrap(), Period::Month);
    let months = with_quota(plan("a"), monthly).after(&days);
    assert_eq!(
        admitted_of(1000, &pacer, &months, &key("k"), NOON).await,
        500
    );
}
