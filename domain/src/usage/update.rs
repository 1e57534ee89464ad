//! [`account::take`](super::account::take) as a conditional update.
//!
//! Databases that many nodes write to do not run our code between reading a row and writing it. What
//! they can do is change a row if its columns lie within bounds; the bounds of a call are worked out
//! here.

use std::num::NonZeroU32;

use super::{account::Limits, quota::Quota, throttle::Throttle};
use crate::time::Timestamp;

/// A call's bounds on what a store keeps of an account. It is granted when those of both halves are
/// met, and then both are changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Update {
    /// The bucket's; without one it stays as it is.
    pub bucket: Option<BucketUpdate>,
    /// The counter's; without one it stays as it is.
    pub counter: Option<CounterUpdate>,
}

/// A bucket's bounds, in nanoseconds since the epoch (and a century before these end, in 2262).
///
/// With `full_at` its state, `now` when there is none or that is earlier: granted if `full_at` is at
/// most `latest`, and then `full_at + cost` is the new state, which is no later than an `i64` holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BucketUpdate {
    /// When the call is made.
    pub now: i64,
    /// The latest state in which the tokens are there; `None`: they never are.
    pub latest: Option<i64>,
    /// How much later the bucket is full for them.
    pub cost: i64,
}

/// A counter's bounds.
///
/// `used` is what is kept when its window starts at `window_start` or later, zero when that is
/// earlier, and `first` when nothing is kept. Granted if `used` is at most `most`, and then
/// `used + tokens` is the new count, of the later one of both windows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CounterUpdate {
    /// The start of the period that the call is made in, in nanoseconds since the epoch.
    pub window_start: i64,
    /// What an account that is new counts as having spent.
    pub first: u64,
    /// The highest count at which the tokens are there; `None`: they never are.
    pub most: Option<u64>,
    /// What is added.
    pub tokens: u64,
}

impl Update {
    /// The bounds of a call for `tokens` at `now`.
    #[must_use]
    pub fn of(limits: &Limits, tokens: NonZeroU32, now: Timestamp) -> Self {
        Self {
            bucket: limits
                .throttle
                .map(|throttle| BucketUpdate::of(&throttle, tokens, now)),
            counter: limits
                .quota
                .map(|quota| CounterUpdate::of(&quota, tokens, now)),
        }
    }
}

impl BucketUpdate {
    fn of(throttle: &Throttle, tokens: NonZeroU32, now: Timestamp) -> Self {
        let now = now.as_nanos();
        let cost = throttle
            .step_nanos()
            .saturating_mul(i64::from(tokens.get()));
        let latest = now
            .saturating_add(throttle.refill_nanos())
            .saturating_sub(cost);
        let latest = (tokens.get() <= throttle.burst()).then_some(latest);
        Self { now, latest, cost }
    }
}

impl CounterUpdate {
    fn of(quota: &Quota, tokens: NonZeroU32, now: Timestamp) -> Self {
        let tokens = u64::from(tokens.get());
        Self {
            window_start: quota.window_at(now).start.as_nanos(),
            first: quota.spent_at_first(),
            most: quota.limit().checked_sub(tokens),
            tokens,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::usage::{
        account::{AccountState, Verdict, take},
        quota::{Period, Spent},
    };

    /// What a database does with the bounds.
    fn apply(update: &Update, state: &AccountState) -> Option<AccountState> {
        let mut next = *state;
        if let Some(BucketUpdate { now, latest, cost }) = update.bucket {
            let full_at = state.full_at.map_or(now, |at| at.as_nanos().max(now));
            if latest.is_none_or(|latest| full_at > latest) {
                return None;
            }
            next.full_at = Some(Timestamp::from_nanos(full_at + cost));
        }
        if let Some(counter) = update.counter {
            let start = Timestamp::from_nanos(counter.window_start);
            let (used, window_start) = match state.spent {
                None => (counter.first, start),
                Some(spent) if spent.window_start >= start => (spent.used, spent.window_start),
                Some(_) => (0, start),
            };
            if counter.most.is_none_or(|most| used > most) {
                return None;
            }
            let used = used + counter.tokens;
            next.spent = Some(Spent { window_start, used });
        }
        Some(next)
    }

    const DAY: i64 = 86_400_000_000_000;

    fn quota() -> impl Strategy<Value = Quota> {
        let limit = prop_oneof![1_u64..50, Just(u64::MAX)];
        let period = prop_oneof![Just(Period::Day), Just(Period::Week), Just(Period::Month)];
        (limit, period, 0_u64..60).prop_map(|(limit, period, credit)| {
            let quota = Quota::new(limit.try_into().unwrap(), period);
            quota.with_first_period_credit(credit).unwrap_or(quota)
        })
    }

    fn instant() -> impl Strategy<Value = i64> {
        prop_oneof![
            8 => -40 * DAY..40 * DAY,
            8 => -5_000_000_000_i64..5_000_000_000,
            1 => Just(i64::MIN),
        ]
    }

    proptest! {
        #[test]
        fn a_database_that_keeps_the_bounds_does_what_the_rule_says(
            throttle in proptest::option::of((0.01_f64..1e9, 1_u64..20)),
            quota in proptest::option::of(quota()),
            full_at in proptest::option::of(instant()),
            spent in proptest::option::of((-60_i64..60, prop_oneof![0_u64..60, Just(u64::MAX)])),
            tokens in prop_oneof![1_u32..25, Just(u32::MAX)],
            now in instant(),
        ) {
            let throttle = throttle.and_then(|(rate, burst)| Throttle::new(rate, burst).ok());
            let limits = Limits { throttle, quota };
            let state = AccountState {
                full_at: full_at.map(Timestamp::from_nanos),
                spent: spent.map(|(days, used)| Spent {
                    window_start: Timestamp::from_nanos(days * DAY),
                    used,
                }),
            };
            let (tokens, now) = (NonZeroU32::new(tokens).unwrap(), Timestamp::from_nanos(now));
            let expected = match take(&state, &limits, tokens, now) {
                Verdict::Granted { state, .. } => Some(state),
                Verdict::Refused(_) => None,
            };
            prop_assert_eq!(apply(&Update::of(&limits, tokens, now), &state), expected);
        }
    }
}
