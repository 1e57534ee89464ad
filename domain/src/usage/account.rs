//! One account: what a key has left of its plan's throttle and quota.

use std::{num::NonZeroU32, time::Duration};

use super::{
    bucket::{self, Step},
    quota::{self, Offset, Quota, Spent, Window},
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LimitKind {
    /// The plan's token bucket, or the method's own.
    Throttle,
    /// The bucket that a plan gives each of a key's users.
    User,
    /// The quota.
    Quota,
    /// The bucket over everything in a process.
    Service,
}

/// What is left of the limits that a call is held to, for the caller to be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Levels {
    /// Whole tokens in the bucket, and how long until it has one more.
    pub throttle: Option<Level>,
    /// The same of the bucket that the user alone draws from.
    pub user: Option<Level>,
    /// Calls left in the period, and how long until the next one.
    pub quota: Option<Level>,
    /// The same as `throttle`, of everything in this process.
    pub service: Option<Level>,
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
    let mut refusals = Refusals::default();
    if let Some(throttle) = &limits.throttle {
        match bucket::take(state.full_at, throttle, tokens, now) {
            Step::Taken(full_at) => next.full_at = Some(full_at),
            Step::Refused { wait } => refusals.add(LimitKind::Throttle, wait),
        }
    }
    if let Some(quota) = &limits.quota {
        let (spent, window) = quota::current(state.spent, quota, now);
        match spent.used.checked_add(tokens.get().into()) {
            Some(used) if used <= quota.limit() => next.spent = Some(Spent { used, ..spent }),
            _ => {
                let fits = u64::from(tokens.get()) <= quota.limit();
                let wait = fits.then(|| window.end.since(now));
                refusals.add(LimitKind::Quota, wait);
            }
        }
    }
    match refusals.last_to_open() {
        None => Verdict::Granted {
            state: next,
            levels: levels(&next, limits, now),
        },
        Some((by, wait)) => Verdict::Refused(Refused {
            by,
            wait,
            levels: levels(state, limits, now),
        }),
    }
}

/// The limits that refuse one call, of which the one that opens last is told: whoever comes back
/// earlier is refused again.
#[derive(Debug, Clone, Copy, Default)]
pub struct Refusals(Option<(LimitKind, Option<Duration>)>);

impl Refusals {
    /// `by` opens after `wait`; `None` is never. Of two that open together the later one added is
    /// told.
    pub fn add(&mut self, by: LimitKind, wait: Option<Duration>) {
        let later = match (wait, self.0) {
            (_, None) | (None, _) => true,
            (Some(_), Some((_, None))) => false,
            (Some(wait), Some((_, Some(other)))) => wait >= other,
        };
        if later {
            self.0 = Some((by, wait));
        }
    }

    /// The one that opens last, and when; `None`: nothing refuses.
    #[must_use]
    pub const fn last_to_open(&self) -> Option<(LimitKind, Option<Duration>)> {
        self.0
    }
}

/// Where calls count that were just taken: from the counter's start, which is not that of a period when
/// the plan has changed its periods, to the period's end.
#[must_use]
pub fn counted_in(state: &AccountState, limits: &Limits) -> Option<Window> {
    let (quota, spent) = (limits.quota.as_ref()?, state.spent?);
    Some(Window {
        start: spent.window_start,
        end: quota.window_at(spent.window_start).end,
    })
}

/// Puts `tokens` back that were taken, [counted in](counted_in) `window`, and not spent.
///
/// The bucket takes them back always; the quota only while the counter counts that they were added to.
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
    // A plan that changed its period may have begun another counter, from which nothing may be
    // subtracted that was taken before.
    let counts = window.is_some() && counted_in(state, limits) == window;
    let spent = state.spent.map(|spent| {
        let returned = if counts { tokens.get().into() } else { 0 };
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
    let throttle = limits
        .throttle
        .as_ref()
        .map(|throttle| bucket_level(state.full_at, throttle, now));
    let quota = limits.quota.as_ref().map(|quota| {
        let (spent, window) = quota::current(state.spent, quota, now);
        Level {
            capacity: quota.limit(),
            window: window.length(),
            remaining: quota.limit().saturating_sub(spent.used),
            reset: window.end.since(now),
        }
    });
    Levels {
        throttle,
        quota,
        ..Levels::default()
    }
}

/// What is left of a bucket at `now`.
#[must_use]
pub fn bucket_level(full_at: Option<Timestamp>, throttle: &Throttle, now: Timestamp) -> Level {
    let remaining = bucket::available(full_at, throttle, now);
    let full_at = full_at.map_or(now, |full_at| full_at.max(now));
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
        // An account that is forgotten is new again, and a new one has a smaller first period.
        let is_known =
            matches!(quota.offset(), Offset::FirstPeriodCredit(_)) && state.spent.is_some();
        spent.used == 0 && window.start <= now && !is_known
    });
    full && unspent
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU64;

    use super::*;
    use crate::usage::quota::Period;

    #[test]
    fn what_was_taken_from_a_longer_period_is_not_given_back_to_a_shorter_one() {
        let limits = |period| Limits {
            throttle: None,
            quota: Some(Quota::new(NonZeroU64::new(1_000).unwrap(), period)),
        };
        let tokens = |count| NonZeroU32::new(count).unwrap();
        let taken = |state: &AccountState, limits: &Limits, count, now| {
            let Verdict::Granted { state, .. } = take(state, limits, tokens(count), now) else {
                panic!("refused")
            };
            state
        };
        // The 22nd of November. One process holds 500 calls of the month.
        let now = Timestamp::from_seconds(1_795_348_800);
        let (monthly, daily) = (limits(Period::Month), limits(Period::Day));
        let month = monthly.quota.map(|quota| quota.window_at(now));
        let held = taken(&AccountState::default(), &monthly, 500, now);
        // The plan becomes a day's, and another process lets in 300.
        let spent = taken(&held, &daily, 300, now);
        assert_eq!(spent.spent.map(|spent| spent.used), Some(300));
        for limits in [monthly, daily] {
            let back = give_back(&spent, &limits, tokens(500), month);
            assert_eq!(back, spent);
        }
    }
}
