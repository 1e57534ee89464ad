//! Pacers with many known keys: Usher's and the `governor` crate's, for the benchmarks.

use std::{
    hash::Hash,
    num::{NonZeroU32, NonZeroU64},
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use async_trait::async_trait;
use governor::{
    DefaultKeyedRateLimiter, RateLimiter, clock::DefaultClock,
    middleware::StateInformationMiddleware, state::keyed::DefaultKeyedStateStore,
};
use usher_domain::{
    ports::{
        AccountPage, Admission, Charge, Pacer as _, Receipt, Spender, StoreError, Taken, UsageStore,
    },
    time::Timestamp,
    usage::{
        account::{self, AccountState, Limits},
        api_key::ApiKeyId,
        membership::{Account, AccountName, AccountTag, Holder},
        plan::{ApiStage, PlanId, PlanInForce, PlanStage, UsagePlan},
        quota::{Period, Quota, Spent},
        throttle::Throttle,
    },
};
use usher_usage_local::{LocalPacer, PacerSettings};

/// A bucket that no measurement empties, and that takes years to be full again: what is measured is
/// letting in, and no key may be forgotten meanwhile.
const BURST: u32 = 1_000_000;
const STEP: Duration = Duration::from_secs(1_000);
const METHOD: &str = "/users/{userId}/profile/GET";

/// What `make` makes, and the bytes that are allocated for it and stay.
pub(crate) fn allocated<T>(make: impl FnOnce() -> T) -> (u64, T) {
    let mut result = None;
    let counted = allocation_counter::measure(|| result = Some(make()));
    let bytes = u64::try_from(counted.bytes_current).unwrap_or_default();
    (bytes, result.expect("it was made"))
}

/// A key as API Gateway makes them.
pub(crate) fn key(number: u32) -> String {
    format!("{:040}", u64::from(number) * 0x9E37_79B9)
}

/// `governor` as it tells what is left.
pub(crate) type Telling<K> =
    RateLimiter<K, DefaultKeyedStateStore<K>, DefaultClock, StateInformationMiddleware>;

/// The same, telling what is left.
pub(crate) fn telling<K: Hash + Eq + Clone>(keys: impl Iterator<Item = K>) -> Telling<K> {
    governor(keys).with_middleware()
}

/// `governor` with each of `keys` seen once.
pub(crate) fn governor<K: Hash + Eq + Clone>(
    keys: impl Iterator<Item = K>,
) -> DefaultKeyedRateLimiter<K> {
    let quota = governor::Quota::with_period(STEP).expect("a period");
    let burst = NonZeroU32::new(BURST).expect("a burst");
    let limiter = RateLimiter::keyed(quota.allow_burst(burst));
    for key in keys {
        limiter.check_key(&key).expect("a first call");
    }
    limiter
}

/// A pacer whose keys have all called, and what a call with each of them is charged to.
pub(crate) struct Known {
    pacer: LocalPacer,
    plan: PlanInForce,
    keys: Vec<(ApiKeyId, AccountTag)>,
    runtime: tokio::runtime::Runtime,
    now: Timestamp,
}

impl Known {
    /// A pacer of so many keys, held to a throttle, and to a quota if wanted.
    pub(crate) fn new(keys: u32, with_quota: bool) -> Self {
        let plan = plan(with_quota);
        let keys: Vec<_> = (0..keys).map(|number| id(&plan, number)).collect();
        let known = Self {
            pacer: LocalPacer::new(Arc::new(Half), PacerSettings::default()),
            plan,
            keys,
            runtime: tokio::runtime::Builder::new_current_thread()
                .build()
                .expect("a runtime"),
            now: now(),
        };
        known.call(2);
        known
    }

    /// Has each key call, so that the pacer knows it. The first call takes one call of the quota, the
    /// second a thousand, of which the others are held.
    fn call(&self, times: u32) {
        let known = self;
        known.runtime.block_on(async {
            for _ in 0..times {
                for number in 0..known.keys.len() {
                    let charge = known.charge(number);
                    let answer = known.pacer.admit(Some(&charge), &known.now).await;
                    assert!(matches!(answer, Ok(Admission::Admitted(_))), "{answer:?}");
                }
            }
        });
    }

    /// The bytes of memory that a pacer takes for so many keys which called once or twice; a key's own
    /// name aside, which a directory of keys has anyway.
    pub(crate) fn bytes(keys: u32, times: u32) -> u64 {
        let mut known = Self::new(keys, true);
        known.pacer = LocalPacer::new(Arc::new(Half), PacerSettings::default());
        let empty = allocated(|| LocalPacer::new(Arc::new(Half), PacerSettings::default())).0;
        empty + allocated(|| known.call(times)).0
    }

    /// Lets the key with this number in: out of memory, and once in a thousand calls through the store.
    /// What time it is a request has asked before, for its token.
    pub(crate) fn admit(&self, number: u32) -> bool {
        let charge = self.charge(number as usize);
        let admission = self.pacer.try_admit(Some(&charge), self.now).or_else(|| {
            let asked = self.pacer.admit(Some(&charge), &self.now);
            self.runtime.block_on(asked).ok()
        });
        matches!(admission, Some(Admission::Admitted(_)))
    }

    fn charge(&self, number: usize) -> Charge<'_> {
        let (id, tag) = &self.keys[number];
        Charge {
            plan: &self.plan,
            spender: Spender::Key(id),
            tag: *tag,
            principal: "alice",
            method: METHOD,
        }
    }
}

fn id(plan: &PlanInForce, number: u32) -> (ApiKeyId, AccountTag) {
    let id = ApiKeyId::new(&format!("{number:010x}"));
    let tag = AccountTag::of(&plan.id, &Holder::Key(id.clone()));
    (id, tag)
}

fn plan(with_quota: bool) -> PlanInForce {
    let stage = ApiStage {
        api_id: "api".into(),
        stage: "prod".into(),
    };
    let limit = NonZeroU64::new(1 << 60).expect("a limit");
    let plan = UsagePlan {
        limits: Limits {
            throttle: Some(
                Throttle::new(1.0 / STEP.as_secs_f64(), BURST.into()).expect("a throttle"),
            ),
            quota: with_quota.then(|| Quota::new(limit, Period::Day)),
        },
        stages: vec![PlanStage::new(stage.clone())],
        ..UsagePlan::new(PlanId::new("plan"))
    };
    PlanInForce::new(&plan, &stage).expect("a plan of this stage")
}

#[allow(clippy::disallowed_methods, reason = "a measurement is taken now")]
fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let nanos = since.unwrap_or_default().as_nanos();
    Timestamp::from_nanos(i64::try_from(nanos).unwrap_or(i64::MAX))
}

/// A store that keeps nothing: half of every quota is spent, so that it gives much at once.
struct Half;

#[async_trait]
impl UsageStore for Half {
    async fn take(
        &self,
        account: &Account,
        tokens: NonZeroU32,
        now: Timestamp,
    ) -> Result<Taken, StoreError> {
        let quota = account.limits.quota.expect("a quota");
        let window = quota.window_at(now);
        let state = AccountState {
            full_at: None,
            spent: Some(Spent {
                window_start: window.start,
                used: quota.limit() / 2,
            }),
        };
        Ok(Taken::Granted {
            receipt: Receipt {
                tokens,
                window: Some(window),
            },
            levels: account::levels(&state, &account.limits, now),
        })
    }

    async fn give_back(&self, _: &Account, _: Receipt) -> Result<(), StoreError> {
        Ok(())
    }

    async fn accounts(
        &self,
        _: &AccountPage,
    ) -> Result<Vec<(AccountName, AccountState)>, StoreError> {
        Ok(Vec::new())
    }
}
