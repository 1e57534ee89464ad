//! The token bucket on one integer (the generic cell rate algorithm, ITU-T I.371, in its virtual
//! scheduling form).
//!
//! The state is the theoretical arrival time: the instant, in nanoseconds since the epoch, at which
//! the bucket is full again. A bucket without a state is full.

use std::{num::NonZeroU32, time::Duration};

use super::throttle::Throttle;
use crate::time::Timestamp;

/// What a bucket answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The tokens are taken; this is the bucket's new state.
    Taken(Timestamp),
    /// The tokens are not there, and nothing has changed.
    Refused {
        /// After exactly this long they will be, if nobody else takes any; `None` when more were
        /// asked for than the bucket ever holds.
        wait: Option<Duration>,
    },
}

/// Takes `tokens` at `now` from a bucket whose state is `full_at`, all of them or none.
///
/// A clock that went back does no harm: the new state is never earlier than the old one, and the
/// bucket admits at most what it would have admitted at the latest time it ever saw.
#[must_use]
pub fn take(
    full_at: Option<Timestamp>,
    throttle: &Throttle,
    tokens: NonZeroU32,
    now: Timestamp,
) -> Step {
    if tokens.get() > throttle.burst() {
        return Step::Refused { wait: None };
    }
    let base = full_at.map_or(now, |full_at| full_at.max(now)).as_nanos();
    let cost = throttle
        .step_nanos()
        .saturating_mul(i64::from(tokens.get()));
    let next = base.saturating_add(cost);
    let latest = now.as_nanos().saturating_add(throttle.refill_nanos());
    if next <= latest {
        Step::Taken(Timestamp::from_nanos(next))
    } else {
        let wait = Timestamp::from_nanos(next).since(Timestamp::from_nanos(latest));
        Step::Refused { wait: Some(wait) }
    }
}

/// How many whole tokens are there at `now`.
#[must_use]
pub fn available(full_at: Option<Timestamp>, throttle: &Throttle, now: Timestamp) -> u32 {
    let base = full_at.map_or(now, |full_at| full_at.max(now)).as_nanos();
    let room = now
        .as_nanos()
        .saturating_add(throttle.refill_nanos())
        .saturating_sub(base);
    let tokens = room
        .div_euclid(throttle.step_nanos())
        .clamp(0, i64::from(throttle.burst()));
    u32::try_from(tokens).unwrap_or(0)
}

/// Puts `tokens` back that were taken and not spent.
#[must_use]
pub fn give_back(full_at: Timestamp, throttle: &Throttle, tokens: NonZeroU32) -> Timestamp {
    let cost = throttle
        .step_nanos()
        .saturating_mul(i64::from(tokens.get()));
    Timestamp::from_nanos(full_at.as_nanos().saturating_sub(cost))
}

/// Fits a state that another throttle left to this one: a bucket is never emptier than empty.
/// To be called when a plan changes, and never while deciding.
#[must_use]
pub fn clamp(full_at: Timestamp, throttle: &Throttle, now: Timestamp) -> Timestamp {
    full_at.min(Timestamp::from_nanos(
        now.as_nanos().saturating_add(throttle.refill_nanos()),
    ))
}

/// Whether the bucket is full at `now`: forgetting it would change no answer.
#[must_use]
pub fn is_full(full_at: Timestamp, now: Timestamp) -> bool {
    full_at <= now
}
