//! Calls of a quota that a process has been given by the store and has not let in yet.
//!
//! They count as spent from the moment on when the store gives them. So a process that dies loses what
//! it held and never lets in more than the quota; how much that is at most is [`size`]'s business.

use std::{num::NonZeroU32, time::Duration};

use super::{
    account::Level,
    quota::{Quota, Window},
};
use crate::time::Timestamp;

/// What a process holds of one account's quota.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    /// The end of the period that the calls count in. From then on they are worth nothing.
    pub ends: Timestamp,
    /// Calls that may be let in without asking the store.
    pub calls: u16,
    /// Calls that nobody had taken when the store last gave some.
    pub unclaimed: u64,
}

/// What a lease has to say to one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Draw {
    /// Let in; this is left.
    Drawn(Lease),
    /// The store has to be asked.
    Ask,
    /// Nothing is left in the period, the store included.
    Refused {
        /// Until the next period.
        wait: Duration,
    },
}

/// Draws one call.
///
/// A clock that went back does no harm: what is held belongs to the later period, which the store
/// goes on counting.
#[must_use]
pub fn draw(lease: Option<Lease>, now: Timestamp) -> Draw {
    match lease {
        Some(lease) if now < lease.ends => match (lease.calls.checked_sub(1), lease.unclaimed) {
            (Some(calls), _) => Draw::Drawn(Lease { calls, ..lease }),
            (None, 0) => Draw::Refused {
                wait: lease.ends.since(now),
            },
            (None, _) => Draw::Ask,
        },
        _ => Draw::Ask,
    }
}

/// Whether forgetting what is held changes no answer and wastes no call.
#[must_use]
pub fn is_forgettable(lease: &Lease, now: Timestamp) -> bool {
    now >= lease.ends || (lease.calls == 0 && lease.unclaimed > 0)
}

/// What a caller is told of its quota. With leases, what remains is the store's last word and what
/// this process holds.
#[must_use]
pub fn level(lease: &Lease, quota: &Quota, now: Timestamp) -> Level {
    // The last nanosecond of the period tells where it starts, whatever its length.
    let inside = Timestamp::from_nanos(lease.ends.as_nanos().saturating_sub(1));
    let window: Window = quota.window_at(inside);
    Level {
        capacity: quota.limit(),
        window: window.length(),
        remaining: lease.unclaimed.saturating_add(lease.calls.into()),
        reset: lease.ends.since(now),
    }
}

/// A lease is at most this part of the limit. A process that dies has then wasted at most 1 % of it:
/// half for what it holds, half for the calls that were let in and had no answer yet.
const PART: u64 = 200;
/// More would save nothing: the store is asked once in so many calls.
const MOST: u64 = 1000;

/// Near the end it is at most this part of what is left, and one at last: nobody must be refused because
/// another process holds what it may never need.
const NEAR: u64 = 16;

/// How many calls to take from an account of which `unclaimed` are left.
///
/// It grows with what was used in the period, so that an account that is hardly used holds nothing,
/// and costs no memory.
///
/// A process that may end at any time without a word should take one at a time, whatever this says.
#[must_use]
pub fn size(quota: &Quota, unclaimed: u64) -> NonZeroU32 {
    let used = quota.limit().saturating_sub(unclaimed);
    let calls = (used / 4)
        .min(quota.limit() / PART)
        .min(MOST)
        .min(unclaimed / NEAR);
    u32::try_from(calls)
        .ok()
        .and_then(NonZeroU32::new)
        .unwrap_or(NonZeroU32::MIN)
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU64;

    use super::*;
    use crate::usage::quota::Period;

    fn quota(limit: u64) -> Quota {
        Quota::new(NonZeroU64::new(limit).unwrap(), Period::Day)
    }

    fn lease(calls: u16, unclaimed: u64) -> Lease {
        let ends = Timestamp::from_seconds(86_400);
        Lease {
            ends,
            calls,
            unclaimed,
        }
    }

    #[test]
    fn what_is_held_is_let_in_and_then_the_store_is_asked_until_it_has_nothing() {
        let noon = Timestamp::from_seconds(43_200);
        assert_eq!(draw(None, noon), Draw::Ask);
        assert_eq!(draw(Some(lease(2, 5)), noon), Draw::Drawn(lease(1, 5)));
        assert_eq!(draw(Some(lease(1, 0)), noon), Draw::Drawn(lease(0, 0)));
        assert_eq!(draw(Some(lease(0, 5)), noon), Draw::Ask);
        let wait = Duration::from_hours(12);
        assert_eq!(draw(Some(lease(0, 0)), noon), Draw::Refused { wait });
    }

    #[test]
    fn what_belongs_to_a_period_that_is_over_is_worth_nothing() {
        let midnight = Timestamp::from_seconds(86_400);
        for held in [lease(2, 5), lease(0, 0)] {
            assert_eq!(draw(Some(held), midnight), Draw::Ask);
            assert!(is_forgettable(&held, midnight));
        }
        // A clock that went back is still before the period's end.
        let yesterday = Timestamp::from_seconds(-1);
        assert_eq!(draw(Some(lease(2, 5)), yesterday), Draw::Drawn(lease(1, 5)));
    }

    #[test]
    fn only_a_lease_that_neither_holds_calls_nor_refuses_may_be_forgotten() {
        let noon = Timestamp::from_seconds(43_200);
        assert!(is_forgettable(&lease(0, 5), noon));
        assert!(!is_forgettable(&lease(1, 5), noon));
        assert!(!is_forgettable(&lease(0, 0), noon));
    }

    #[test]
    fn a_lease_grows_with_use_and_never_beyond_a_two_hundredth_of_the_limit() {
        for (limit, unclaimed, calls) in [
            (10_000, 10_000, 1),
            (10_000, 9_996, 1),
            (10_000, 9_960, 10),
            (10_000, 5_000, 50),
            (10_000, 800, 50),
            (10_000, 160, 10),
            (10_000, 31, 1),
            (10_000, 7, 1),
            (10_000, 0, 1),
            (199, 1, 1),
            (u64::MAX, 1, 1),
            (u64::MAX, u64::MAX / 2, 1000),
        ] {
            assert_eq!(
                size(&quota(limit), unclaimed).get(),
                calls,
                "{limit} {unclaimed}"
            );
        }
    }

    #[test]
    fn a_level_is_what_is_held_and_what_nobody_has_taken() {
        let noon = Timestamp::from_seconds(43_200);
        let level = level(&lease(2, 5), &quota(10), noon);
        assert_eq!((level.capacity, level.remaining), (10, 7));
        assert_eq!(level.window, Duration::from_hours(24));
        assert_eq!(level.reset, Duration::from_hours(12));
    }
}
