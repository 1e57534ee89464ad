//! One account: what a key has left of its plan's throttle and quota.

use std::{num::NonZeroU32, time::Duration};

use super::{
    bucket::{self, Step},
    quota::{self, Quota, Spent, Window},
    throttle::Throttle,
};
use crate::time::Timestamp;

/// What an account is held to. Both halves live in one row of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Limits {
    /// How fast.
    pub throttle: Option<Throttle>,
    /// How much.
    pub quota: Option<Quota>,
}

/// What a store keeps of an account. The default is an account that nobody has used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AccountState {
    /// When the bucket is full again; `None`: it is.
    pub full_at: Option<Timestamp>,
    /// What is spent of the quota.
    pub spent: Option<Spent>,
}

/// Which limit refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LimitKind {
    /// The token bucket.
    Throttle,
    /// The quota.
    Quota,
}

/// What is left of an account's limits, for the caller to be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Levels {
    /// Whole tokens in the bucket, and how long until it has one more.
    pub throttle: Option<Level>,
    /// Calls left in the period, and how long until the next one.
    pub quota: Option<Level>,
}

/// What is left of one limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Level {
    /// The most that is ever there at once.
    pub capacity: u64,
    /// How long the limit takes from empty to full.
    pub window: Duration,
    /// Calls that could be made now.
    pub remaining: u64,
    /// How long until more is there than now.
    pub reset: Duration,
}

/// What an account answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The tokens are the caller's to spend.
    Granted {
        /// What a store must keep from now on.
        state: AccountState,
        /// What is left afterwards.
        levels: Levels,
    },
    /// Nothing was taken and nothing has changed.
    Refused(Refused),
}

/// A refusal, by the limit that opens last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused {
    /// That limit.
    pub by: LimitKind,
    /// After exactly this long the call would be granted if nobody else spent meanwhile; `None`
    /// when it never could be.
    pub wait: Option<Duration>,
    /// What is left.
    pub levels: Levels,
}

/// Takes `tokens` at `now` from an account, all of them from both limits, or none.
#[must_use]
pub fn take(state: &AccountState, limits: &Limits, tokens: NonZeroU32, now: Timestamp) -> Verdict {
    let mut next = *state;
    let mut refused: Option<(Option<Duration>, LimitKind)> = None;
    if let Some(throttle) = &limits.throttle {
        match bucket::take(state.full_at, throttle, tokens, now) {
            Step::Taken(full_at) => next.full_at = Some(full_at),
            Step::Refused { wait } => refused = Some((wait, LimitKind::Throttle)),
        }
    }
    if let Some(quota) = &limits.quota {
        let (spent, window) = quota::current(state.spent, quota, now);
        match spent.used.checked_add(tokens.get().into()) {
            Some(used) if used <= quota.limit() => next.spent = Some(Spent { used, ..spent }),
            _ => {
                let fits = u64::from(tokens.get()) <= quota.limit();
                let wait = fits.then(|| window.end.since(now));
                if refused.is_none_or(|(other, _)| opens_later(wait, other)) {
                    refused = Some((wait, LimitKind::Quota));
                }
            }
        }
    }
    match refused {
        None => Verdict::Granted {
            state: next,
            levels: levels(&next, limits, now),
        },
        Some((wait, by)) => Verdict::Refused(Refused {
            by,
            wait,
            levels: levels(state, limits, now),
        }),
    }
}

/// `None` is never.
fn opens_later(wait: Option<Duration>, other: Option<Duration>) -> bool {
    match (wait, other) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(wait), Some(other)) => wait >= other,
    }
}

/// Puts `tokens` back that were taken at `window` and not spent.
///
/// The bucket takes them back always; the quota only while the period that they came from counts.
#[must_use]
pub fn give_back(
    state: &AccountState,
    limits: &Limits,
    tokens: NonZeroU32,
    window: Option<Window>,
) -> AccountState {
    let full_at = match (state.full_at, &limits.throttle) {
        (Some(full_at), Some(throttle)) => Some(bucket::give_back(full_at, throttle, tokens)),
        (full_at, _) => full_at,
    };
    let counts = |spent: &Spent| {
        // By period and not by start: a plan that changed its period leaves a counter behind that
        // does not begin where a period does.
        let present = limits
            .quota
            .map(|quota| quota.period().window_at(spent.window_start));
        present.is_some() && present == window
    };
    let spent = state.spent.map(|spent| {
        let returned = if counts(&spent) {
            tokens.get().into()
        } else {
            0
        };
        Spent {
            used: spent.used.saturating_sub(returned),
            ..spent
        }
    });
    AccountState { full_at, spent }
}

/// What is left of an account at `now`.
#[must_use]
pub fn levels(state: &AccountState, limits: &Limits, now: Timestamp) -> Levels {
    let throttle = limits.throttle.as_ref().map(|throttle| {
        let remaining = bucket::available(state.full_at, throttle, now);
        let full_at = state.full_at.map_or(now, |full_at| full_at.max(now));
        // The next token is there when the bucket lacks one token less than it does now.
        let lacking = i64::from(throttle.burst().saturating_sub(remaining).saturating_sub(1));
        let until = throttle.step_nanos().saturating_mul(lacking);
        let reset = if remaining >= throttle.burst() {
            Duration::ZERO
        } else {
            Timestamp::from_nanos(full_at.as_nanos().saturating_sub(until)).since(now)
        };
        Level {
            capacity: throttle.burst().into(),
            window: Duration::from_nanos(u64::try_from(throttle.refill_nanos()).unwrap_or(0)),
            remaining: remaining.into(),
            reset,
        }
    });
    let quota = limits.quota.as_ref().map(|quota| {
        let (spent, window) = quota::current(state.spent, quota, now);
        Level {
            capacity: quota.limit(),
            window: window.length(),
            remaining: quota.limit().saturating_sub(spent.used),
            reset: window.end.since(now),
        }
    });
    Levels { throttle, quota }
}

/// Whether forgetting the account would change no answer: its bucket is full and its quota untouched.
#[must_use]
pub fn is_forgettable(state: &AccountState, limits: &Limits, now: Timestamp) -> bool {
    let full = state
        .full_at
        .is_none_or(|full_at| bucket::is_full(full_at, now));
    let unspent = limits.quota.as_ref().is_none_or(|quota| {
        // An untouched counter of a later period still keeps the earlier one shut.
        let (spent, window) = quota::current(state.spent, quota, now);
        spent.used == 0 && window.start <= now
    });
    full && unspent
}
