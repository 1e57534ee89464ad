//! Random histories: whoever calls, whatever the plans, wherever the clock goes, the pacer lets in what
//! the rule lets in.

use proptest::{
    collection::vec,
    option,
    prelude::*,
    sample::select,
    test_runner::{Config, FileFailurePersistence},
};
use usher_domain::{
    ports::{Admission, Pacer as _},
    usage::{
        account::{Level, Levels, LimitKind},
        plan::PlanInForce,
        quota::Quota,
        throttle::Throttle,
    },
};
use usher_testkit::conformance::plans;
use usher_usage_local::{LocalPacer, PacerSettings};

use crate::{
    model::{Expected, Model},
    store::WatchedStore,
    support::{Caller, GET, NOON, PUT, admit, after, key, plan, with_quota},
};

const DAY_NANOS: i64 = 86_400_000_000_000;
const KINDS: [LimitKind; 4] = [
    LimitKind::Throttle,
    LimitKind::User,
    LimitKind::Quota,
    LimitKind::Service,
];

#[derive(Debug, Clone)]
struct History {
    service: Option<Throttle>,
    /// Two plans as they are now and then: a list of versions each.
    plans: [Vec<PlanInForce>; 2],
    steps: Vec<Step>,
}

#[derive(Debug, Clone)]
struct Step {
    moved: i64,
    /// `None`: a call without a plan.
    plan: Option<usize>,
    caller: Caller,
    calls: usize,
    /// Before it the plan becomes its next version.
    changes: bool,
}

fn cases(cases: u32) -> Config {
    Config {
        cases,
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource(
            "proptest-regressions",
        ))),
        ..Config::default()
    }
}

fn any_throttle() -> impl Strategy<Value = Throttle> {
    let rate = prop_oneof![
        Just(1.0),
        Just(3.0),
        (-3.0..3.0).prop_map(|power: f64| 10_f64.powf(power))
    ];
    (rate, prop_oneof![1..=4_u64, 1..=12_u64]).prop_filter_map("a throttle", |(rate, burst)| {
        Throttle::new(rate, burst).ok()
    })
}

/// Limits that are met at once, and ones that leases grow under.
fn any_quota() -> impl Strategy<Value = Quota> {
    prop_oneof![2 => 1..=15_u64, 1 => 400..=900_u64]
        .prop_flat_map(|limit| plans::quota_of(limit.try_into().unwrap()))
}

/// A version of a plan, its quota aside.
fn any_plan(id: &'static str) -> impl Strategy<Value = PlanInForce> {
    let limit = || option::of(any_throttle());
    (limit(), limit(), limit()).prop_map(move |(throttle, per_user, own)| {
        let mut plan = PlanInForce {
            per_user,
            ..plan(id)
        };
        plan.limits.throttle = throttle;
        plan.methods = own.map(|own| (GET.into(), own)).into_iter().collect();
        plan
    })
}

/// Versions of a plan; of its quota only the limit changes, and whether there is one. (Calls held of
/// another period would be worth nothing, which the rule does not know.)
fn versions(id: &'static str, most: usize) -> impl Strategy<Value = Vec<PlanInForce>> {
    let quota = option::weighted(0.6, any_quota());
    let version = (any_plan(id), 0.7..1.5_f64, any::<bool>());
    (quota, vec(version, 1..=most)).prop_map(|(quota, versions)| {
        let mut plans: Vec<PlanInForce> = Vec::new();
        for (plan, factor, keeps_quota) in versions {
            let scaled =
                quota.map(|quota| scaled(quota, if plans.is_empty() { 1.0 } else { factor }));
            let plan = match scaled.filter(|_| keeps_quota || plans.is_empty()) {
                Some(quota) => with_quota(plan, quota),
                None => plan,
            };
            plans.push(match plans.last() {
                Some(earlier) => plan.after(earlier),
                None => plan,
            });
        }
        plans
    })
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a few hundred"
)]
fn scaled(quota: Quota, factor: f64) -> Quota {
    use usher_domain::usage::quota::Offset;
    let limit = ((quota.limit() as f64 * factor) as u64).max(1);
    let other = Quota::new(limit.try_into().unwrap(), quota.period());
    match quota.offset() {
        Offset::None => other,
        Offset::FirstPeriodCredit(calls) => other
            .with_first_period_credit(calls.min(limit - 1))
            .unwrap(),
        Offset::StartDay(day) => other.with_start_day(day.into()).unwrap(),
    }
}

fn any_caller() -> impl Strategy<Value = Caller> {
    let id = select(vec![Some("one"), Some("two"), None]);
    (id, select(vec!["alice", "bob"]), select(vec![GET, PUT])).prop_map(|(id, user, method)| {
        let caller = key("").by(user).calls(method);
        Caller {
            key: id.map(usher_domain::usage::api_key::ApiKeyId::new),
            ..caller
        }
    })
}

/// Some nanoseconds around the steps of the throttles that there are, any few seconds, or days.
fn any_move(steps: Vec<i64>, back: bool) -> impl Strategy<Value = i64> {
    let steps = if steps.is_empty() {
        vec![1_000_000_000]
    } else {
        steps
    };
    let about =
        (select(steps), 0..=3_i64, -1..=1_i64).prop_map(|(step, times, off)| step * times + off);
    let forward = prop_oneof![
        5 => Just(0),
        5 => about.prop_map(|nanos| nanos.max(0)),
        2 => 0..20_000_000_000_i64,
        1 => prop_oneof![0..=2 * DAY_NANOS, 0..=40 * DAY_NANOS],
    ];
    (forward, 0..100).prop_map(move |(nanos, roll)| if back && roll < 15 { -nanos } else { nanos })
}

fn any_history(changes: bool) -> impl Strategy<Value = History> {
    let most = if changes { 4 } else { 1 };
    let plans = (versions("a", most), versions("b", most));
    (option::weighted(0.3, any_throttle()), plans).prop_flat_map(move |(service, (a, b))| {
        let versions = a.iter().chain(&b);
        let throttles = versions.flat_map(|plan| {
            [
                plan.limits.throttle,
                plan.per_user,
                plan.methods.get(GET).copied(),
            ]
        });
        let steps = throttles
            .chain([service])
            .flatten()
            .map(|throttle| throttle.step_nanos());
        // A clock that goes back and a plan that changes would each be fitted to the other's time.
        let moved = any_move(steps.collect(), !changes);
        let plan = prop_oneof![6 => Just(Some(0)), 3 => Just(Some(1)), 1 => Just(None)];
        let calls = prop_oneof![4 => 1..=4_usize, 1 => 1..=120_usize];
        let step = (moved, plan, any_caller(), calls, any::<u8>()).prop_map(
            move |(moved, plan, caller, calls, roll)| Step {
                moved,
                plan,
                caller,
                calls,
                changes: changes && roll < 40,
            },
        );
        let (service, plans) = (Just(service), Just([a, b]));
        (service, plans, vec(step, 1..50)).prop_map(|(service, plans, steps)| History {
            service,
            plans,
            steps,
        })
    })
}

fn of(levels: &Levels, kind: LimitKind) -> Option<Level> {
    match kind {
        LimitKind::Throttle => levels.throttle,
        LimitKind::User => levels.user,
        LimitKind::Quota => levels.quota,
        LimitKind::Service => levels.service,
    }
}

/// The pacer may not know what is left of a quota of which it holds nothing. Then it neither tells it
/// nor, when another limit refuses, asks the store.
fn check(told: &Admission, expected: &Expected) -> Result<(), TestCaseError> {
    let (levels, refused) = match told {
        Admission::Admitted(levels) => (levels, None),
        Admission::Refused(refused) => (&refused.levels, Some(refused)),
    };
    let knows = |kind| kind != LimitKind::Quota || levels.quota.is_some();
    for kind in KINDS.into_iter().filter(|kind| knows(*kind)) {
        prop_assert_eq!(of(levels, kind), expected.level(kind), "{:?}", kind);
    }
    match refused {
        None => {
            prop_assert_eq!(&expected.refusals, &[]);
            prop_assert_eq!(levels.quota, expected.level(LimitKind::Quota));
        }
        Some(refused) => {
            let wait = expected.last_to_open(knows);
            prop_assert_eq!(refused.wait, wait);
            let by = expected
                .refusals
                .iter()
                .find(|(kind, _)| *kind == refused.by);
            prop_assert_eq!(by.map(|(_, wait)| *wait), wait);
        }
    }
    Ok(())
}

async fn run(history: &History) -> Result<(), TestCaseError> {
    let store = WatchedStore::new();
    let settings = PacerSettings {
        service: history.service,
        ..PacerSettings::default()
    };
    let pacer = LocalPacer::new(store.clone(), settings);
    let mut model = Model::new(history.service);
    let (mut now, mut versions) = (NOON, [0, 0]);
    for step in &history.steps {
        now = after(now, step.moved);
        if let (Some(plan), true) = (step.plan, step.changes) {
            versions[plan] = (versions[plan] + 1).min(history.plans[plan].len() - 1);
        }
        let plan = step.plan.map(|plan| &history.plans[plan][versions[plan]]);
        for _ in 0..step.calls {
            let expected = model.admit(plan.map(|plan| (plan, &step.caller)), now);
            let told = match plan {
                Some(plan) => admit(&pacer, plan, &step.caller, now).await,
                None => pacer.try_admit(None, now).expect("without a store"),
            };
            check(&told, &expected).map_err(|error| {
                TestCaseError::fail(format!(
                    "{error}\nat {now:?} {step:?}\n{told:?}\n{expected:?}\n{plan:?}"
                ))
            })?;
        }
    }
    Ok(())
}

/// The last call of a history is refused until the moment that is announced, and let in then.
async fn wait_for_it(history: &History) -> Result<(), TestCaseError> {
    let store = WatchedStore::new();
    let settings = PacerSettings {
        service: history.service,
        ..PacerSettings::default()
    };
    let pacer = LocalPacer::new(store, settings);
    let mut now = NOON;
    for step in &history.steps {
        now = after(now, step.moved);
        let Some(plan) = step.plan.map(|plan| &history.plans[plan][0]) else {
            continue;
        };
        for _ in 0..step.calls {
            let Admission::Refused(refused) = admit(&pacer, plan, &step.caller, now).await else {
                continue;
            };
            if plan.limits.quota.is_some() && refused.levels.quota.is_none() {
                // There may be more to come.
                continue;
            }
            let wait = refused.wait.expect("a single call always fits");
            let just_before = after(now.plus(wait), -1);
            let early = admit(&pacer, plan, &step.caller, just_before).await;
            prop_assert!(
                matches!(early, Admission::Refused(_)),
                "{:?} {:?}",
                refused,
                early
            );
            let then = admit(&pacer, plan, &step.caller, now.plus(wait)).await;
            prop_assert!(
                matches!(then, Admission::Admitted(_)),
                "{:?} {:?}",
                refused,
                then
            );
            now = now.plus(wait);
            break;
        }
    }
    Ok(())
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    runtime.block_on(future)
}

proptest! {
    #![proptest_config(cases(300))]

    #[test]
    fn on_any_history_the_pacer_lets_in_what_the_rule_lets_in(history in any_history(false)) {
        block_on(run(&history))?;
    }

    #[test]
    fn however_plans_change_the_pacer_lets_in_what_the_rule_lets_in(history in any_history(true)) {
        block_on(run(&history))?;
    }

    #[test]
    fn the_announced_wait_is_exact(history in any_history(false)) {
        block_on(wait_for_it(&history))?;
    }
}
