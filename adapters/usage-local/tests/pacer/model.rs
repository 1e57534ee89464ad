//! What calls are let in, in the words of the specification and without a line of the pacer's.
//!
//! A bucket is one integer, the time at which it is full again. A call that any limit refuses is charged
//! to none; of several that refuse the one that opens last is told.

use std::{collections::BTreeMap, time::Duration};

use usher_domain::{
    time::Timestamp,
    usage::{
        account::{Level, LimitKind},
        plan::PlanInForce,
        quota::{Offset, Quota},
        throttle::Throttle,
    },
};

use crate::support::Caller;

/// Everything that is remembered, for ever.
#[derive(Default)]
pub(crate) struct Model {
    service: Option<Throttle>,
    /// By whom the bucket is for: `None` is everybody.
    buckets: BTreeMap<Option<BucketName>, Bucket>,
    /// Calls counted, and since when.
    quotas: BTreeMap<AccountName, (i64, u64)>,
}

type AccountName = (String, Option<String>, String);

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum BucketName {
    Account(AccountName),
    User(AccountName, String),
    Method(AccountName, &'static str),
}

#[derive(Debug, Clone, Copy, Default)]
struct Bucket {
    full_at: Option<i64>,
    generation: u16,
}

/// What is to be answered.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Expected {
    /// Every limit that refuses, and for how long.
    pub(crate) refusals: Vec<(LimitKind, Duration)>,
    /// What is left of each limit that the call is held to.
    pub(crate) levels: Vec<(LimitKind, Level)>,
}

impl Expected {
    pub(crate) fn level(&self, kind: LimitKind) -> Option<Level> {
        let mut levels = self.levels.iter();
        levels
            .find(|(other, _)| *other == kind)
            .map(|(_, level)| *level)
    }

    pub(crate) fn last_to_open(&self, known: impl Fn(LimitKind) -> bool) -> Option<Duration> {
        let known = self.refusals.iter().filter(|(kind, _)| known(*kind));
        known.map(|(_, wait)| *wait).max()
    }
}

impl Model {
    pub(crate) fn new(service: Option<Throttle>) -> Self {
        Self {
            service,
            ..Self::default()
        }
    }

    /// Judges a call, and charges it if it is let in.
    pub(crate) fn admit(
        &mut self,
        call: Option<(&PlanInForce, &Caller)>,
        now: Timestamp,
    ) -> Expected {
        let now = now.as_nanos();
        let mut held_to: Vec<(LimitKind, Option<BucketName>, Throttle)> = Vec::new();
        if let Some(throttle) = self.service {
            held_to.push((LimitKind::Service, None, throttle));
        }
        let mut quota = None;
        if let Some((plan, caller)) = call {
            let own_user = caller.key.is_none().then(|| caller.user.clone());
            let key = caller.key.as_ref().map(|id| id.as_str().to_owned());
            let account = (
                plan.id.as_str().to_owned(),
                key,
                own_user.unwrap_or_default(),
            );
            self.adopt(plan, &account, caller, now);
            if let Some(own) = plan.methods.get(caller.method) {
                let name = BucketName::Method(account.clone(), caller.method);
                held_to.push((LimitKind::Throttle, Some(name), *own));
            } else if let Some(throttle) = plan.limits.throttle {
                let name = BucketName::Account(account.clone());
                held_to.push((LimitKind::Throttle, Some(name), throttle));
            }
            if let Some(throttle) = plan.per_user {
                let name = BucketName::User(account.clone(), caller.user.clone());
                held_to.push((LimitKind::User, Some(name), throttle));
            }
            quota = plan.limits.quota.map(|quota| (account, quota));
        }
        let mut refusals = Vec::new();
        for (kind, name, throttle) in &held_to {
            let (step, burst) = (throttle.step_nanos(), i64::from(throttle.burst()));
            let full_at = self.full_at(name.as_ref()).unwrap_or(now).max(now);
            // Full is now + burst x step later than empty.
            let lacking = full_at + step - (now + burst * step);
            if lacking > 0 {
                refusals.push((*kind, nanos(lacking)));
            }
        }
        if let Some((account, quota)) = &quota {
            let (since, used) = self.counted(account, quota, now);
            if used >= quota.limit() {
                let ends = quota.window_at(Timestamp::from_nanos(since)).end;
                refusals.push((LimitKind::Quota, nanos(ends.as_nanos() - now)));
            }
        }
        if refusals.is_empty() {
            for (_, name, throttle) in &held_to {
                let bucket = self.buckets.entry(name.clone()).or_default();
                let full_at = bucket.full_at.unwrap_or(now).max(now);
                bucket.full_at = Some(full_at + throttle.step_nanos());
                bucket.generation = call.map_or(0, |(plan, _)| plan.generation);
            }
            if let Some((account, quota)) = &quota {
                let (since, used) = self.counted(account, quota, now);
                self.quotas.insert(account.clone(), (since, used + 1));
            }
        }
        let mut levels: Vec<_> = held_to
            .iter()
            .map(|(kind, name, throttle)| {
                (*kind, level(self.full_at(name.as_ref()), throttle, now))
            })
            .collect();
        if let Some((account, quota)) = &quota {
            let (since, used) = self.counted(account, quota, now);
            let window = quota.window_at(Timestamp::from_nanos(since));
            let level = Level {
                capacity: quota.limit(),
                window: nanos(window.end.as_nanos() - window.start.as_nanos()),
                remaining: quota.limit().saturating_sub(used),
                reset: nanos(window.end.as_nanos() - now),
            };
            levels.push((LimitKind::Quota, level));
        }
        Expected { refusals, levels }
    }

    fn full_at(&self, name: Option<&BucketName>) -> Option<i64> {
        self.buckets
            .get(&name.cloned())
            .and_then(|bucket| bucket.full_at)
    }

    /// The first call after a plan has changed finds what the account's buckets lack cut to what they
    /// can lack.
    fn adopt(&mut self, plan: &PlanInForce, account: &AccountName, caller: &Caller, now: i64) {
        let own_method = plan.methods.get(caller.method);
        let of_account = own_method.is_none() || plan.limits.quota.is_some();
        for (name, throttle, concerned) in [
            (
                BucketName::Account(account.clone()),
                plan.limits.throttle.as_ref(),
                of_account,
            ),
            (
                BucketName::Method(account.clone(), caller.method),
                own_method,
                own_method.is_some(),
            ),
            (
                BucketName::User(account.clone(), caller.user.clone()),
                plan.per_user.as_ref(),
                true,
            ),
        ] {
            // A limit that is gone is not looked at, except that an account's own state is one.
            let is_looked_at = throttle.is_some()
                || (matches!(name, BucketName::Account(_)) && plan.limits.quota.is_some());
            let Some(bucket) = self.buckets.get_mut(&Some(name)) else {
                continue;
            };
            if !concerned || !is_looked_at || bucket.generation == plan.generation {
                continue;
            }
            bucket.generation = plan.generation;
            bucket.full_at = bucket.full_at.zip(throttle).map(|(full_at, throttle)| {
                let most = throttle.step_nanos() * i64::from(throttle.burst());
                full_at.min(now + most)
            });
        }
    }

    /// Since when calls are counted that count now, and how many there are. A period that has begun
    /// stays, though the clock goes back before it.
    fn counted(&self, account: &AccountName, quota: &Quota, now: i64) -> (i64, u64) {
        let start = quota.window_at(Timestamp::from_nanos(now)).start.as_nanos();
        match (self.quotas.get(account), quota.offset()) {
            (Some(&(since, used)), _) if since >= start => (since, used),
            (None, Offset::FirstPeriodCredit(calls)) => (start, calls),
            _ => (start, 0),
        }
    }
}

fn level(full_at: Option<i64>, throttle: &Throttle, now: i64) -> Level {
    let (step, burst) = (throttle.step_nanos(), i64::from(throttle.burst()));
    let lacking = (full_at.unwrap_or(now) - now).max(0);
    // Whole tokens: one that lacks a nanosecond is not there.
    let missing = (lacking + step - 1) / step;
    let remaining = (burst - missing).max(0);
    let until = if missing == 0 {
        0
    } else if missing > burst {
        lacking - (burst - 1) * step
    } else {
        lacking - (missing - 1) * step
    };
    Level {
        capacity: u64::from(throttle.burst()),
        window: nanos(step * burst),
        remaining: u64::try_from(remaining).unwrap(),
        reset: nanos(until),
    }
}

fn nanos(nanos: i64) -> Duration {
    Duration::from_nanos(u64::try_from(nanos).expect("a wait is not negative"))
}
