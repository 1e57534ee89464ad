//! Many at once: a quota is met and never exceeded, whatever the store does.

use std::{
    collections::BTreeMap,
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use usher_domain::{
    ports::{
        AccountPage, Admission, Pacer as _, Receipt, StoreError, StoreErrorKind, Taken, UsageStore,
    },
    time::Timestamp,
    usage::{
        account::AccountState,
        membership::{Account, AccountName},
        plan::PlanInForce,
    },
};
use usher_testkit::fakes::Behaviour;
use usher_usage_local::LocalPacer;

use crate::{
    store::{Trouble, WatchedStore},
    support::{Caller, DAY, NOON, daily, key, pacer, plan, with_quota},
};

const TASKS: usize = 64;

/// Tasks ask until each has been refused, or has seen so many errors; how many calls were let in.
async fn spend_all(
    pacer: &Arc<LocalPacer>,
    plan: &PlanInForce,
    caller: &Caller,
    now: Timestamp,
    errors: usize,
) -> usize {
    let tasks: Vec<_> = (0..TASKS)
        .map(|_| {
            let (pacer, plan, caller) = (Arc::clone(pacer), plan.clone(), caller.clone());
            tokio::spawn(async move {
                let (mut admitted, mut failed) = (0, 0);
                while failed <= errors {
                    match pacer.admit(Some(&caller.charge(&plan)), &now).await {
                        Ok(Admission::Admitted(_)) => admitted += 1,
                        Ok(Admission::Refused(_)) => break,
                        Err(_) => failed += 1,
                    }
                }
                admitted
            })
        })
        .collect();
    let mut admitted = 0;
    for task in tasks {
        admitted += task.await.expect("a task");
    }
    admitted
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_clients_exactly_the_quota_is_let_in() {
    for limit in [1, 7, 199, 2000] {
        let store = WatchedStore::new();
        let pacer = Arc::new(pacer(store.clone()));
        let plan = with_quota(plan("a"), daily(limit));
        for now in [NOON, NOON.plus(DAY)] {
            let admitted = spend_all(&pacer, &plan, &key("k"), now, 0).await;
            assert_eq!(admitted as u64, limit);
            assert_eq!(store.used(&plan, &key("k")).await, limit);
        }
        assert_eq!(
            store.most_at_once(),
            1,
            "the store was asked for one account at the same time"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_clients_of_several_processes_exactly_the_quota_is_let_in() {
    let store = WatchedStore::new();
    let plan = with_quota(plan("a"), daily(2000));
    let pacers: Vec<_> = (0..3).map(|_| Arc::new(pacer(store.clone()))).collect();
    let (mut admitted, caller) = (0, key("k"));
    // One of them may find nothing left while another holds some: it is given back, and spent.
    for _ in 0..3 {
        let (one, two, three) = tokio::join!(
            spend_all(&pacers[0], &plan, &caller, NOON, 0),
            spend_all(&pacers[1], &plan, &caller, NOON, 0),
            spend_all(&pacers[2], &plan, &caller, NOON, 0),
        );
        admitted += one + two + three;
        for pacer in &pacers {
            pacer.close(NOON).await;
        }
    }
    assert_eq!(admitted, 2000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_store_that_fails_dawdles_and_loses_answers_never_lets_more_in() {
    for seed in 1..=12 {
        for limit in [1, 7, 199, 2000] {
            let trouble = Trouble {
                fails: 20,
                loses_its_answer: 10,
                dawdles: 30,
                seed: seed * 7919,
            };
            let store = WatchedStore::in_trouble(trouble);
            let (one, two) = (
                Arc::new(pacer(store.clone())),
                Arc::new(pacer(store.clone())),
            );
            let plan = with_quota(plan("a"), daily(limit));
            let caller = key("k");
            let (first, second) = tokio::join!(
                spend_all(&one, &plan, &caller, NOON, 100),
                spend_all(&two, &plan, &caller, NOON, 100),
            );
            let admitted = (first + second) as u64;
            let used = store.used(&plan, &caller).await;
            assert!(
                admitted <= used && used <= limit,
                "{admitted} {used} {limit}"
            );
            // What is wasted is what the store gave and nobody heard of, and what is held.
            let held = 2 * (limit / 200).max(1);
            assert!(
                used - admitted <= store.lost() + held,
                "{admitted} {used} {}",
                store.lost()
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn while_plans_change_no_more_than_the_quota_is_let_in() {
    let store = WatchedStore::new();
    let pacer = Arc::new(pacer(store.clone()));
    let first = with_quota(plan("a"), daily(2000));
    // The same limit each time, by another generation.
    let plans: Vec<_> = (0..8)
        .map(|generation| PlanInForce {
            generation,
            ..first.clone()
        })
        .collect();
    let admitted = Arc::new(AtomicUsize::new(0));
    let tasks: Vec<_> = (0..TASKS)
        .map(|number| {
            let (pacer, plans, admitted) =
                (Arc::clone(&pacer), plans.clone(), Arc::clone(&admitted));
            tokio::spawn(async move {
                for plan in plans.iter().cycle().skip(number % 2).take(200) {
                    let caller = key("k");
                    let told = pacer
                        .admit(Some(&caller.charge(plan)), &NOON)
                        .await
                        .expect("an answer");
                    if matches!(told, Admission::Admitted(_)) {
                        admitted.fetch_add(1, Ordering::SeqCst);
                    }
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("a task");
    }
    let admitted = admitted.load(Ordering::SeqCst);
    assert_eq!(admitted, 2000);
}

/// Waits until every task waits for the store.
async fn settle() {
    for _ in 0..10 * TASKS {
        tokio::task::yield_now().await;
    }
}

/// As many clients as there are tasks ask while the store stalls; then it goes on as it is told.
async fn all_wait(
    pacer: &Arc<LocalPacer>,
    store: &WatchedStore,
    plan: &PlanInForce,
    then: Behaviour,
) -> Vec<Result<Admission, StoreError>> {
    store.behave(Behaviour::Stall);
    let tasks: Vec<_> = (0..TASKS)
        .map(|_| {
            let (pacer, plan) = (Arc::clone(pacer), plan.clone());
            tokio::spawn(async move { pacer.admit(Some(&key("k").charge(&plan)), &NOON).await })
        })
        .collect();
    settle().await;
    assert!(tasks.iter().all(|task| !task.is_finished()));
    store.behave(then);
    let mut answers = Vec::new();
    for task in tasks {
        answers.push(task.await.expect("a client"));
    }
    answers
}

#[tokio::test]
async fn many_who_wait_cost_one_call_to_the_store() {
    let store = WatchedStore::new();
    let pacer = Arc::new(pacer(store.clone()));
    let plan = with_quota(plan("a"), daily(20_000));
    // Used so far that it is taken from in hundreds, and then until nothing is held.
    let caller = key("k");
    while store.used(&plan, &caller).await < 1000 {
        pacer
            .admit(Some(&caller.charge(&plan)), &NOON)
            .await
            .unwrap();
    }
    while pacer.try_admit(Some(&caller.charge(&plan)), NOON).is_some() {}
    let before = store.takes();
    let answers = all_wait(&pacer, &store, &plan, Behaviour::Serve).await;
    assert!(
        answers
            .iter()
            .all(|answer| matches!(answer, Ok(Admission::Admitted(_))))
    );
    assert_eq!(store.takes() - before, 1);
}

#[tokio::test]
async fn a_store_that_has_nothing_left_says_so_to_all_who_wait_at_once() {
    let store = WatchedStore::new();
    let (other, pacer) = (pacer(store.clone()), Arc::new(pacer(store.clone())));
    let plan = with_quota(plan("a"), daily(1));
    other
        .admit(Some(&key("k").charge(&plan)), &NOON)
        .await
        .unwrap();
    let before = store.takes();
    let answers = all_wait(&pacer, &store, &plan, Behaviour::Serve).await;
    assert!(
        answers
            .iter()
            .all(|answer| matches!(answer, Ok(Admission::Refused(_))))
    );
    assert_eq!(store.takes() - before, 1);
}

#[tokio::test]
async fn a_store_that_fails_says_so_to_all_who_wait_at_once() {
    let store = WatchedStore::new();
    let pacer = Arc::new(pacer(store.clone()));
    let plan = with_quota(plan("a"), daily(1));
    for (then, kind) in [
        (
            Behaviour::Fail(StoreErrorKind::Unavailable),
            StoreErrorKind::Unavailable,
        ),
        (
            Behaviour::Fail(StoreErrorKind::Overloaded),
            StoreErrorKind::Overloaded,
        ),
        (Behaviour::Panic, StoreErrorKind::Internal),
    ] {
        let before = store.takes();
        let answers = all_wait(&pacer, &store, &plan, then).await;
        let kinds = answers
            .iter()
            .map(|answer| answer.as_ref().unwrap_err().kind());
        let counted = kinds.fold(BTreeMap::new(), |mut counted, told| {
            *counted.entry(format!("{told:?}")).or_insert(0) += 1;
            counted
        });
        assert_eq!(counted, BTreeMap::from([(format!("{kind:?}"), TASKS)]));
        assert_eq!(store.takes() - before, 1);
    }
    // Nothing was charged, and the next one is let in.
    store.behave(Behaviour::Serve);
    assert!(matches!(
        pacer.admit(Some(&key("k").charge(&plan)), &NOON).await,
        Ok(Admission::Admitted(_))
    ));
}

#[tokio::test]
async fn what_is_held_is_let_in_while_the_store_is_out_of_reach() {
    let store = WatchedStore::new();
    let pacer = pacer(store.clone());
    let plan = with_quota(plan("a"), daily(20_000));
    let caller = key("k");
    while store.used(&plan, &caller).await < 1000 {
        pacer
            .admit(Some(&caller.charge(&plan)), &NOON)
            .await
            .unwrap();
    }
    store.behave(Behaviour::Fail(StoreErrorKind::Unavailable));
    let mut held = 0;
    let error = loop {
        match pacer.admit(Some(&caller.charge(&plan)), &NOON).await {
            Ok(told) => {
                assert!(matches!(told, Admission::Admitted(_)));
                held += 1;
            }
            Err(error) => break error,
        }
    };
    assert!(held > 50, "{held}");
    assert_eq!(error.kind(), StoreErrorKind::Unavailable);
    store.behave(Behaviour::Serve);
    assert!(
        pacer
            .admit(Some(&caller.charge(&plan)), &NOON)
            .await
            .is_ok()
    );
}

/// A store that lives in the past.
struct Yesterdays(Arc<WatchedStore>);

#[async_trait::async_trait]
impl UsageStore for Yesterdays {
    async fn take(
        &self,
        account: &Account,
        tokens: NonZeroU32,
        now: Timestamp,
    ) -> Result<Taken, StoreError> {
        let yesterday = Timestamp::from_nanos(now.as_nanos() - 86_400_000_000_000);
        self.0.take(account, tokens, yesterday).await
    }

    async fn give_back(&self, account: &Account, receipt: Receipt) -> Result<(), StoreError> {
        self.0.give_back(account, receipt).await
    }

    async fn accounts(
        &self,
        page: &AccountPage,
    ) -> Result<Vec<(AccountName, AccountState)>, StoreError> {
        self.0.accounts(page).await
    }
}

#[tokio::test]
async fn a_store_that_speaks_of_a_period_that_is_over_is_an_error_and_not_asked_for_ever() {
    let store = WatchedStore::new();
    let pacer = pacer(Arc::new(Yesterdays(Arc::clone(&store))));
    let plan = with_quota(plan("a"), daily(1));
    for calls in 1..=2 {
        let told = pacer.admit(Some(&key("k").charge(&plan)), &NOON).await;
        assert_eq!(told.unwrap_err().kind(), StoreErrorKind::Internal);
        assert_eq!(store.takes(), calls);
    }
}
