//! Accounts in any state that clocks, plans and other requests may have left them in.

use std::num::{NonZeroU32, NonZeroU64};

use proptest::{collection::vec, option, prelude::*, sample::select};
use usher_domain::{
    time::Timestamp,
    usage::{
        account::{self, AccountState, Limits, Verdict},
        quota::{Period, Quota, Spent, Window},
        throttle::Throttle,
    },
};

use crate::limits::{self, after};

pub(crate) const DAY: i64 = 86_400_000_000_000;
pub(crate) const PERIODS: [Period; 3] = [Period::Day, Period::Week, Period::Month];

/// One account and one call on it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Situation {
    pub(crate) limits: Limits,
    pub(crate) now: Timestamp,
    pub(crate) state: AccountState,
    pub(crate) tokens: NonZeroU32,
}

impl Situation {
    pub(crate) fn take_at(&self, now: Timestamp) -> Verdict {
        account::take(&self.state, &self.limits, self.tokens, now)
    }

    /// What the account is left with if the call is granted.
    pub(crate) fn granted(&self) -> Option<AccountState> {
        granted(&self.take_at(self.now))
    }

    /// The same call, held to one of the two limits.
    pub(crate) fn held_to_throttle(&self) -> Verdict {
        let quota = None;
        let limits = Limits {
            quota,
            ..self.limits
        };
        account::take(&self.state, &limits, self.tokens, self.now)
    }

    /// The same call, held to the other.
    pub(crate) fn held_to_quota(&self) -> Verdict {
        let throttle = None;
        let limits = Limits {
            throttle,
            ..self.limits
        };
        account::take(&self.state, &limits, self.tokens, self.now)
    }
}

pub(crate) fn granted(verdict: &Verdict) -> Option<AccountState> {
    match verdict {
        Verdict::Granted { state, .. } => Some(*state),
        Verdict::Refused(_) => None,
    }
}

/// The period that tokens count in which were just taken, as a store's receipt names it.
pub(crate) fn window_of(state: &AccountState, limits: &Limits) -> Option<Window> {
    account::counted_in(state, limits)
}

pub(crate) fn situation() -> impl Strategy<Value = Situation> {
    (limits(), instant())
        .prop_flat_map(|(limits, now)| {
            let (state, tokens) = (state(limits, now), tokens(limits));
            (Just(limits), Just(now), state, tokens)
        })
        .prop_map(|(limits, now, state, tokens)| Situation {
            limits,
            now,
            state,
            tokens,
        })
}

/// An account that may well be forgotten: its bucket full, its quota untouched or of another period.
pub(crate) fn idle_situation() -> impl Strategy<Value = Situation> {
    let idle = (-DAY..=0, any::<bool>(), 0..=1_u64);
    (situation(), idle).prop_map(|(mut situation, (ago, in_use, used))| {
        situation.state.full_at = in_use.then(|| after(situation.now, ago));
        if let Some(spent) = &mut situation.state.spent {
            spent.used = spent.used.min(used);
        }
        situation
    })
}

/// Throttles from one call in eleven days to a thousand a second, and quotas as small as a burst,
/// so that either may be the one that refuses.
pub(crate) fn limits() -> impl Strategy<Value = Limits> {
    let throttle = limits::throttle(-6.0..3.0, 1..=12);
    let limit = prop_oneof![9 => 1..=15_u64, 1 => Just(u64::MAX)];
    let quota = (limit, period()).prop_filter_map("a quota is not zero", |(limit, period)| {
        Some(Quota::new(NonZeroU64::new(limit)?, period))
    });
    (
        option::weighted(0.8, throttle),
        option::weighted(0.8, quota),
    )
        .prop_map(|(throttle, quota)| Limits { throttle, quota })
}

pub(crate) fn period() -> impl Strategy<Value = Period> {
    select(&PERIODS[..])
}

/// Some time in a century, or next to where a period ends.
pub(crate) fn instant() -> impl Strategy<Value = Timestamp> {
    let any = (-3650 * DAY..32_850 * DAY).prop_map(Timestamp::from_nanos);
    let edge = (any.clone(), period(), -1..=1_i64)
        .prop_map(|(near, period, off)| after(period.window_at(near).end, off));
    prop_oneof![any, edge]
}

pub(crate) fn tokens(limits: Limits) -> impl Strategy<Value = NonZeroU32> {
    limits::tokens(throttle_or_another(limits))
}

fn throttle_or_another(limits: Limits) -> Throttle {
    limits.throttle.unwrap_or(Throttle::new(1.0, 5).unwrap())
}

fn state(limits: Limits, now: Timestamp) -> impl Strategy<Value = AccountState> {
    let full_at = limits::full_at(throttle_or_another(limits), now);
    let limit = limits.quota.map_or(5, |quota| quota.limit());
    let used = prop_oneof![
        Just(0),
        0..=limit.min(5),
        // Beyond the limit is what a plan leaves that allowed more.
        limit.saturating_sub(3)..=limit.saturating_add(2),
    ];
    let own = limits.quota.map_or(Period::Day, |quota| quota.period());
    let period = prop_oneof![4 => Just(own), 1 => period()];
    let off = prop_oneof![3 => Just(0), 1 => -40 * DAY..40 * DAY];
    let spent = (used, period, off).prop_map(move |(used, period, off)| Spent {
        window_start: period.window_at(after(now, off)).start,
        used,
    });
    (full_at, option::weighted(0.8, spent))
        .prop_map(|(full_at, spent)| AccountState { full_at, spent })
}

/// One request of a history whose clock may jump to the end of a period, back or far ahead.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Move {
    jump: i64,
    to_edge: Option<i64>,
    pub(crate) tokens: NonZeroU32,
}

impl Move {
    pub(crate) fn from(&self, now: Timestamp, limits: &Limits) -> Timestamp {
        let period = limits.quota.map_or(Period::Day, |quota| quota.period());
        let there = after(now, self.jump);
        self.to_edge
            .map_or(there, |off| after(period.window_at(there).end, off))
    }
}

pub(crate) fn jumping_history() -> impl Strategy<Value = (Limits, Timestamp, Vec<Move>)> {
    let days = prop_oneof![3 => Just(0), 1 => -40 * DAY..40 * DAY];
    (limits(), instant(), days).prop_flat_map(|(limits, start, days)| {
        let jump = prop_oneof![
            4 => limits::jump(throttle_or_another(limits)),
            1 => Just(days),
        ];
        let edge = option::weighted(0.2, -1..=1_i64);
        let each = (jump, edge, tokens(limits)).prop_map(|(jump, to_edge, tokens)| Move {
            jump,
            to_edge,
            tokens,
        });
        (Just(limits), Just(start), vec(each, 1..60))
    })
}
