//! The suite of [`UsageStore`].

use std::{
    num::{NonZeroU32, NonZeroU64},
    sync::Arc,
    time::Duration,
};

use proptest::{collection, prelude::*, strategy::ValueTree as _, test_runner::TestRunner};
use usher_domain::{
    ports::{Receipt, Taken, UsageStore},
    time::Timestamp,
    usage::{
        account::{self, AccountState, LimitKind, Limits, Verdict},
        membership::Account,
        quota::{Period, Quota},
        throttle::Throttle,
    },
};

const HISTORIES: usize = 24;
const STEPS: usize = 64;

fn limits(rate: f64, burst: u64, quota: u64) -> Limits {
    Limits {
        throttle: Throttle::new(rate, burst).ok(),
        quota: NonZeroU64::new(quota).map(|limit| Quota::new(limit, Period::Day)),
    }
}

fn account(id: &str, limits: Limits) -> Account {
    Account {
        id: id.into(),
        limits,
    }
}

fn noon() -> Timestamp {
    Timestamp::from_seconds(1_795_348_800)
}

fn tokens(count: u32) -> NonZeroU32 {
    NonZeroU32::new(count).expect("at least one")
}

async fn take(store: &dyn UsageStore, account: &Account, count: u32, now: Timestamp) -> Taken {
    store
        .take(account, tokens(count), now)
        .await
        .expect("an answer")
}

async fn granted(store: &dyn UsageStore, account: &Account, count: u32, now: Timestamp) -> Receipt {
    match take(store, account, count, now).await {
        Taken::Granted { receipt, .. } => receipt,
        Taken::Refused(refused) => panic!("{refused:?}"),
    }
}

async fn is_refused(store: &dyn UsageStore, account: &Account, count: u32, now: Timestamp) -> bool {
    matches!(take(store, account, count, now).await, Taken::Refused(_))
}

/// 64 tasks ask for one token each, again and again, until each has been refused; what they got.
async fn spend_all(store: &Arc<dyn UsageStore>, account: &Account, now: Timestamp) -> usize {
    let tasks: Vec<_> = (0..64)
        .map(|_| {
            let (store, account) = (Arc::clone(store), account.clone());
            tokio::spawn(async move {
                let mut got = 0;
                while !is_refused(&*store, &account, 1, now).await {
                    got += 1;
                }
                got
            })
        })
        .collect();
    let mut got = 0;
    for task in tasks {
        got += task.await.expect("a client");
    }
    got
}

crate::suite! {
    ($) usage_store_conformance for UsageStore in usage_store;

    /// A fresh account holds a full bucket, and not one token more.
    async fn a_bucket_starts_full(store) {
        let account = account("a", limits(1.0, 5, 0));
        for _ in 0..5 {
            granted(&*store, &account, 1, noon()).await;
        }
        let Taken::Refused(refused) = take(&*store, &account, 1, noon()).await else { panic!() };
        assert_eq!(refused.by, LimitKind::Throttle);
        assert_eq!(refused.wait, Some(Duration::from_secs(1)));
    }

    /// All or nothing.
    async fn a_refusal_takes_nothing(store) {
        let account = account("a", limits(1.0, 5, 0));
        granted(&*store, &account, 3, noon()).await;
        assert!(is_refused(&*store, &account, 3, noon()).await);
        granted(&*store, &account, 2, noon()).await;
        assert!(is_refused(&*store, &account, 1, noon()).await);
    }

    /// The quota refuses: the bucket is not charged. The bucket refuses: the quota is not charged.
    async fn a_refusal_by_one_limit_charges_neither(store) {
        let by_quota = account("q", limits(1.0, 100, 2));
        granted(&*store, &by_quota, 2, noon()).await;
        for _ in 0..200 {
            assert!(is_refused(&*store, &by_quota, 1, noon()).await);
        }
        let tomorrow = noon().plus(Duration::from_hours(12));
        granted(&*store, &by_quota, 2, tomorrow).await;

        let by_bucket = account("b", limits(1.0, 2, 5));
        granted(&*store, &by_bucket, 2, noon()).await;
        for _ in 0..10 {
            assert!(is_refused(&*store, &by_bucket, 1, noon()).await);
        }
        granted(&*store, &by_bucket, 2, noon().plus(Duration::from_secs(2))).await;
        granted(&*store, &by_bucket, 1, noon().plus(Duration::from_secs(3))).await;
        let late = noon().plus(Duration::from_secs(9));
        let Taken::Refused(refused) = take(&*store, &by_bucket, 1, late).await else { panic!() };
        assert_eq!(refused.by, LimitKind::Quota);
    }

    /// What one account spends is nothing to another.
    async fn accounts_are_apart(store) {
        let limits = limits(1.0, 1, 1);
        for id in ["a", "A", "a ", "b"] {
            granted(&*store, &account(id, limits), 1, noon()).await;
            assert!(is_refused(&*store, &account(id, limits), 1, noon()).await);
        }
    }

    /// However many ask at once, a bucket gives what it holds.
    async fn of_many_clients_exactly_the_burst_is_let_in(store) {
        assert_eq!(spend_all(&store, &account("a", limits(0.001, 500, 0)), noon()).await, 500);
    }

    /// However many ask at once, a quota is met and never exceeded.
    async fn of_many_clients_exactly_the_quota_is_let_in(store) {
        assert_eq!(spend_all(&store, &account("a", limits(1e9, 1_000_000, 700)), noon()).await, 700);
    }

    /// What was taken and not spent can be taken again.
    async fn what_is_given_back_can_be_taken_again(store) {
        let account = account("a", limits(0.001, 10, 10));
        let receipt = granted(&*store, &account, 10, noon()).await;
        assert!(is_refused(&*store, &account, 1, noon()).await);
        store.give_back(&account, Receipt { tokens: tokens(4), ..receipt }).await.unwrap();
        granted(&*store, &account, 4, noon()).await;
        assert!(is_refused(&*store, &account, 1, noon()).await);
    }

    /// Yesterday's calls are not today's.
    async fn what_a_past_period_gave_is_not_given_back_to_this_one(store) {
        let account = account("a", limits(1e9, 1_000, 10));
        let receipt = granted(&*store, &account, 10, noon()).await;
        let tomorrow = noon().plus(Duration::from_hours(24));
        granted(&*store, &account, 10, tomorrow).await;
        store.give_back(&account, receipt).await.unwrap();
        assert!(is_refused(&*store, &account, 1, tomorrow).await);
    }

    /// Giving back to an account that nobody used is no error.
    async fn giving_back_to_an_unknown_account_changes_nothing(store) {
        let account = account("a", limits(0.001, 2, 2));
        let receipt = Receipt { tokens: tokens(1), window: None };
        store.give_back(&account, receipt).await.unwrap();
        granted(&*store, &account, 2, noon()).await;
        assert!(is_refused(&*store, &account, 1, noon()).await);
    }

    /// The rule of the domain is the oracle: on random histories, clock jumps and returns
    /// included, the store answers what the rule answers.
    async fn on_any_history_the_store_answers_what_the_rule_answers(store) {
        let mut runner = TestRunner::deterministic();
        let step = (-5_000_000_000_i64..90_000_000_000, 1_u32..6, any::<bool>());
        let history = (
            0.01_f64..100.0,
            1_u64..20,
            0_u64..40,
            collection::vec(step, STEPS),
        );
        for number in 0..HISTORIES {
            let (rate, burst, quota, steps) =
                history.new_tree(&mut runner).expect("a history").current();
            let limits = limits(rate, burst, quota);
            let account = account(&format!("history-{number}"), limits);
            let (mut model, mut now) = (AccountState::default(), noon());
            for (moved, count, return_it) in steps {
                now = Timestamp::from_nanos(now.as_nanos() + moved);
                let answer = take(&*store, &account, count, now).await;
                match (account::take(&model, &limits, tokens(count), now), answer) {
                    (Verdict::Granted { state, levels }, Taken::Granted { receipt, levels: told }) => {
                        assert_eq!(levels, told);
                        model = state;
                        if return_it {
                            store.give_back(&account, receipt).await.unwrap();
                            model = account::give_back(&model, &limits, receipt.tokens, receipt.window);
                        }
                    }
                    (Verdict::Refused(expected), Taken::Refused(refused)) => {
                        assert_eq!(expected, refused);
                    }
                    (expected, answer) => panic!("expected {expected:?}, got {answer:?}"),
                }
            }
        }
    }
}
