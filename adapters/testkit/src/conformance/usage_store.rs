//! The suite of [`UsageStore`].

use std::{
    num::{NonZeroU32, NonZeroU64},
    sync::Arc,
    time::Duration,
};

use proptest::{collection, option, prelude::*, strategy::ValueTree as _, test_runner::TestRunner};
use usher_domain::{
    ports::{AccountPage, Receipt, Taken, UsageStore},
    time::Timestamp,
    usage::{
        account::{self, AccountState, LimitKind, Limits, Verdict},
        api_key::ApiKeyId,
        membership::{Account, AccountName, Holder},
        plan::PlanId,
        quota::{Period, Quota},
        throttle::Throttle,
    },
};

use super::plans::{self, LOOKALIKES};

const HISTORIES: usize = 48;
const STEPS: usize = 64;
const DAY: i64 = 86_400_000_000_000;

fn limits(rate: f64, burst: u64, quota: u64) -> Limits {
    Limits {
        throttle: Throttle::new(rate, burst).ok(),
        quota: NonZeroU64::new(quota).map(|limit| Quota::new(limit, Period::Day)),
    }
}

fn account(id: &str, limits: Limits) -> Account {
    Account {
        name: AccountName {
            plan: PlanId::new("plan"),
            holder: Holder::Key(ApiKeyId::new(id)),
        },
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

/// All accounts that are listed, page by page.
async fn listed(
    store: &dyn UsageStore,
    plan: Option<&str>,
    limit: u32,
) -> Vec<(AccountName, AccountState)> {
    let mut page = AccountPage {
        plan: plan.map(PlanId::new),
        after: None,
        limit,
    };
    let mut all = Vec::new();
    loop {
        let accounts = store.accounts(&page).await.expect("a page");
        assert!(accounts.len() <= limit as usize);
        let Some((last, _)) = accounts.last() else {
            return all;
        };
        page.after = Some(last.clone());
        all.extend(accounts);
        assert!(all.len() <= 10_000, "the pages have no end");
    }
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
    /// included, the store answers what the rule answers and keeps what it keeps.
    async fn on_any_history_the_store_answers_what_the_rule_answers(store) {
        let mut runner = TestRunner::deterministic();
        let jump = prop_oneof![
            4 => -5_000_000_000_i64..90_000_000_000,
            1 => -40 * DAY..40 * DAY,
        ];
        let step = (jump, 1_u32..6, any::<bool>());
        let small = (1_u64..40).prop_filter_map("a quota is not zero", NonZeroU64::new);
        let quota = prop_oneof![4 => small.prop_flat_map(plans::quota_of), 1 => plans::quota()];
        let history = (
            option::weighted(0.8, (0.01_f64..100.0, 1_u64..20)),
            option::weighted(0.8, quota),
            collection::vec(step, STEPS),
        );
        for number in 0..HISTORIES {
            let (throttle, quota, steps) =
                history.new_tree(&mut runner).expect("a history").current();
            let throttle = throttle.and_then(|(rate, burst)| Throttle::new(rate, burst).ok());
            let limits = Limits { throttle, quota };
            let account = account(&format!("history-{number}"), limits);
            let (mut model, mut now) = (AccountState::default(), noon());
            for (moved, count, return_it) in steps {
                now = Timestamp::from_nanos(now.as_nanos() + moved);
                let answer = take(&*store, &account, count, now).await;
                match (account::take(&model, &limits, tokens(count), now), answer) {
                    (Verdict::Granted { state, levels }, Taken::Granted { receipt, levels: told }) => {
                        assert_eq!(levels, told);
                        let window = account::counted_in(&state, &limits);
                        assert_eq!(receipt, Receipt { tokens: tokens(count), window });
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
            let kept = listed(&*store, None, 1000).await;
            match kept.into_iter().find(|(name, _)| *name == account.name) {
                Some((_, kept)) => assert_eq!(kept, model),
                // What is as good as new may be forgotten.
                None => assert!(
                    model == AccountState::default() || account::is_forgettable(&model, &limits, now)
                ),
            }
        }
    }

    /// By plan and then by the holder as it is written, byte by byte, whatever the pages' length.
    async fn accounts_are_listed_by_their_names_a_page_at_a_time(store) {
        let mut names: Vec<_> = ["p", "P", "p ", "p:q", "é"].into_iter().flat_map(|plan| {
            LOOKALIKES.into_iter().flat_map(move |id| {
                [Holder::Key(ApiKeyId::new(id)), Holder::Principal(id.into())]
                    .map(|holder| AccountName { plan: PlanId::new(plan), holder })
            })
        }).collect();
        // Not in the order in which they are listed.
        names.reverse();
        for (name, count) in names.iter().zip((1..=7).cycle()) {
            let account = Account { name: name.clone(), limits: limits(0.0, 0, 10) };
            granted(&*store, &account, count, noon()).await;
        }
        let used: Vec<_> = names.iter().cloned().zip((1..=7).cycle()).collect();
        let order = |name: &AccountName| (name.plan.as_str().to_owned(), name.holder.to_string());
        for plan in [None, Some("p"), Some("p "), Some("é"), Some("q")] {
            let mut expected: Vec<_> = used.iter()
                .filter(|(name, _)| plan.is_none_or(|plan| name.plan.as_str() == plan))
                .cloned()
                .collect();
            expected.sort_by_key(|(name, _)| order(name));
            for limit in [5, 48, 1000] {
                let listed = listed(&*store, plan, limit).await;
                let listed: Vec<_> = listed.into_iter().map(|(name, state)| {
                    assert_eq!(state.full_at, None);
                    (name, state.spent.map_or(0, |spent| spent.used))
                }).collect();
                assert_eq!(listed, expected, "{plan:?} {limit}");
            }
        }
    }

    /// A page begins where it is told to, be there such an account or not.
    async fn a_page_of_accounts_begins_after_any_name(store) {
        for id in ["a", "c"] {
            granted(&*store, &account(id, limits(0.0, 0, 10)), 1, noon()).await;
        }
        for (after, first) in [("", "a"), ("a", "c"), ("b", "c")] {
            let after = Some(account(after, Limits::default()).name);
            let page = AccountPage { plan: None, after, limit: 1 };
            let listed = store.accounts(&page).await.unwrap();
            assert_eq!(listed.len(), 1);
            assert_eq!(listed[0].0, account(first, Limits::default()).name);
        }
        for (plan, after) in [(None, "c"), (Some("other"), "a")] {
            let after = Some(account(after, Limits::default()).name);
            let page = AccountPage { plan: plan.map(PlanId::new), after, limit: 1 };
            assert_eq!(store.accounts(&page).await.unwrap(), []);
        }
    }

    /// An account that was only ever refused is as good as one that nobody knows.
    async fn accounts_that_were_given_nothing_are_not_listed(store) {
        assert_eq!(listed(&*store, None, 10).await, []);
        let account = account("a", limits(1.0, 1, 1));
        assert!(is_refused(&*store, &account, 2, noon()).await);
        let receipt = Receipt { tokens: tokens(1), window: None };
        store.give_back(&account, receipt).await.unwrap();
        assert_eq!(listed(&*store, None, 10).await, []);
    }

    /// A plan that changes finds what was spent before.
    async fn what_is_spent_stays_spent_when_limits_change(store) {
        let earlier = account("a", limits(1.0, 5, 10));
        granted(&*store, &earlier, 5, noon()).await;
        let later = account("a", limits(1.0, 5, 7));
        let Taken::Refused(refused) = take(&*store, &later, 3, noon()).await else { panic!() };
        assert_eq!(refused.levels.quota.map(|level| level.remaining), Some(2));
        assert_eq!(refused.levels.throttle.map(|level| level.remaining), Some(0));
        // What the later limits do not know is kept for when they do again.
        let unlimited = account("a", Limits::default());
        granted(&*store, &unlimited, 1000, noon()).await;
        let Taken::Refused(refused) = take(&*store, &earlier, 6, noon()).await else { panic!() };
        assert_eq!(refused.levels.quota.map(|level| level.remaining), Some(5));
    }
}
