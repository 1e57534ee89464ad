//! Plans, callers, and a pacer for them.

use std::{num::NonZeroU64, sync::Arc, time::Duration};

use usher_domain::{
    ports::{Admission, Charge, Pacer as _, Spender, UsageStore},
    time::Timestamp,
    usage::{
        account::{Levels, Limits, Refused},
        api_key::ApiKeyId,
        membership::{AccountTag, Holder},
        plan::{PlanId, PlanInForce},
        quota::{Period, Quota},
        throttle::Throttle,
    },
};
use usher_usage_local::{LocalPacer, PacerSettings};

/// 2026-11-22T12:00:00Z, a Sunday.
pub(crate) const NOON: Timestamp = Timestamp::from_seconds(1_795_348_800);
pub(crate) const DAY: Duration = Duration::from_hours(24);
pub(crate) const SECOND: Duration = Duration::from_secs(1);
pub(crate) const GET: &str = "/users/{userId}/profile/GET";
pub(crate) const PUT: &str = "/users/{userId}/profile/PUT";

pub(crate) fn after(instant: Timestamp, nanos: i64) -> Timestamp {
    Timestamp::from_nanos(instant.as_nanos() + nanos)
}

/// A plan that limits nothing.
pub(crate) fn plan(id: &str) -> PlanInForce {
    PlanInForce {
        id: PlanId::new(id),
        limits: Limits::default(),
        per_user: None,
        methods: std::collections::BTreeMap::new(),
        generation: 0,
    }
}

pub(crate) fn throttle(rate: f64, burst: u64) -> Throttle {
    Throttle::new(rate, burst).unwrap()
}

pub(crate) fn daily(limit: u64) -> Quota {
    Quota::new(NonZeroU64::new(limit).unwrap(), Period::Day)
}

pub(crate) fn with_throttle(plan: PlanInForce, rate: f64, burst: u64) -> PlanInForce {
    let throttle = Some(throttle(rate, burst));
    let limits = Limits {
        throttle,
        ..plan.limits
    };
    PlanInForce { limits, ..plan }
}

pub(crate) fn with_quota(plan: PlanInForce, quota: Quota) -> PlanInForce {
    let quota = Some(quota);
    let limits = Limits {
        quota,
        ..plan.limits
    };
    PlanInForce { limits, ..plan }
}

pub(crate) fn with_per_user(plan: PlanInForce, rate: f64, burst: u64) -> PlanInForce {
    let per_user = Some(throttle(rate, burst));
    PlanInForce { per_user, ..plan }
}

pub(crate) fn with_method(plan: PlanInForce, rate: f64, burst: u64) -> PlanInForce {
    let methods = [(GET.into(), throttle(rate, burst))].into();
    PlanInForce { methods, ..plan }
}

/// Who calls, and what for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Caller {
    /// `None`: the plan is assigned to the user.
    pub(crate) key: Option<ApiKeyId>,
    pub(crate) user: String,
    pub(crate) method: &'static str,
}

/// Whoever calls with this key.
pub(crate) fn key(id: &str) -> Caller {
    Caller {
        key: Some(ApiKeyId::new(id)),
        user: "alice".to_owned(),
        method: GET,
    }
}

impl Caller {
    pub(crate) fn by(self, user: &str) -> Self {
        let user = user.to_owned();
        Self { user, ..self }
    }

    pub(crate) fn calls(self, method: &'static str) -> Self {
        Self { method, ..self }
    }

    pub(crate) fn holder(&self) -> Holder {
        match &self.key {
            Some(id) => Holder::Key(id.clone()),
            None => Holder::Principal(self.user.as_str().into()),
        }
    }

    pub(crate) fn charge<'a>(&'a self, plan: &'a PlanInForce) -> Charge<'a> {
        let (spender, tag) = match &self.key {
            Some(id) => (Spender::Key(id), AccountTag::of(&plan.id, &self.holder())),
            None => (
                Spender::Principal(&self.user),
                AccountTag::of_principal(&plan.id, &self.user),
            ),
        };
        Charge {
            plan,
            spender,
            tag,
            principal: &self.user,
            method: self.method,
        }
    }
}

pub(crate) fn pacer(store: Arc<dyn UsageStore>) -> LocalPacer {
    LocalPacer::new(store, PacerSettings::default())
}

/// What the front door does: first without waiting.
pub(crate) async fn admit(
    pacer: &LocalPacer,
    plan: &PlanInForce,
    caller: &Caller,
    now: Timestamp,
) -> Admission {
    let charge = caller.charge(plan);
    match pacer.try_admit(Some(&charge), now) {
        Some(admission) => admission,
        None => pacer.admit(Some(&charge), &now).await.expect("an answer"),
    }
}

pub(crate) async fn is_admitted(
    pacer: &LocalPacer,
    plan: &PlanInForce,
    caller: &Caller,
    now: Timestamp,
) -> bool {
    matches!(
        admit(pacer, plan, caller, now).await,
        Admission::Admitted(_)
    )
}

/// How many of `calls` at one time are let in.
pub(crate) async fn admitted_of(
    calls: usize,
    pacer: &LocalPacer,
    plan: &PlanInForce,
    caller: &Caller,
    now: Timestamp,
) -> usize {
    let mut admitted = 0;
    for _ in 0..calls {
        admitted += usize::from(is_admitted(pacer, plan, caller, now).await);
    }
    admitted
}

pub(crate) fn levels(admission: &Admission) -> Levels {
    match admission {
        Admission::Admitted(levels) => *levels,
        Admission::Refused(refused) => refused.levels,
    }
}

pub(crate) fn refused(admission: Admission) -> Refused {
    match admission {
        Admission::Refused(refused) => refused,
        Admission::Admitted(levels) => panic!("it was let in: {levels:?}"),
    }
}
