//! A bucket that keeps what the rule answers, histories to try it with, and its bound.

use std::num::NonZeroU32;

use proptest::{collection::vec, prelude::*};
use usher_domain::{
    time::Timestamp,
    usage::{
        bucket::{self, Step},
        throttle::Throttle,
    },
};

use crate::limits;

/// 2026-11-18T11:06:40Z: where a history begins if it does not matter where.
pub(crate) const START: Timestamp = Timestamp::from_seconds(1_795_000_000);

/// One request: so long after the one before it, and for so many tokens.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Call {
    pub(crate) pause: i64,
    pub(crate) tokens: NonZeroU32,
}

pub(crate) fn history(
    throttle: Throttle,
    pause: impl Strategy<Value = i64>,
) -> impl Strategy<Value = Vec<Call>> {
    let call = (pause, limits::tokens(throttle)).prop_map(|(pause, tokens)| Call { pause, tokens });
    vec(call, 1..50)
}

/// A store as the rule wants it: it writes what was taken and nothing else.
pub(crate) struct Bucket {
    pub(crate) throttle: Throttle,
    pub(crate) full_at: Option<Timestamp>,
}

impl Bucket {
    pub(crate) fn of(throttle: Throttle, full_at: Option<Timestamp>) -> Self {
        Self { throttle, full_at }
    }

    pub(crate) fn take(&mut self, tokens: NonZeroU32, now: Timestamp) -> Step {
        let step = bucket::take(self.full_at, &self.throttle, tokens, now);
        if let Step::Taken(full_at) = step {
            self.full_at = Some(full_at);
        }
        step
    }

    pub(crate) fn available(&self, now: Timestamp) -> u32 {
        bucket::available(self.full_at, &self.throttle, now)
    }

    /// How many single tokens it gives at `now`, up to one more than it may ever hold.
    pub(crate) fn drain(&mut self, now: Timestamp) -> u32 {
        let most = self.throttle.burst() + 1;
        let taken = (0..most).take_while(|_| is_taken(self.take(NonZeroU32::MIN, now)));
        u32::try_from(taken.count()).unwrap_or(u32::MAX)
    }
}

pub(crate) fn is_taken(step: Step) -> bool {
    matches!(step, Step::Taken(_))
}

/// So many tokens were admitted then.
pub(crate) struct Admitted {
    at: i64,
    tokens: i64,
}

impl Admitted {
    pub(crate) fn new(at: Timestamp, tokens: NonZeroU32) -> Self {
        Self {
            at: at.as_nanos(),
            tokens: i64::from(tokens.get()),
        }
    }
}

/// Between any two of `admitted`, tokens <= burst + rate x (their distance + `slack`).
pub(crate) fn check_bound(
    throttle: Throttle,
    admitted: &[Admitted],
    slack: i64,
) -> Result<(), TestCaseError> {
    for (index, first) in admitted.iter().enumerate() {
        let mut sum = 0;
        for last in admitted.iter().skip(index) {
            sum += last.tokens;
            let beyond_burst = sum - i64::from(throttle.burst());
            let elapsed = last.at - first.at + slack;
            prop_assert!(
                beyond_burst * throttle.step_nanos() <= elapsed,
                "{sum} tokens in {elapsed} ns"
            );
        }
    }
    Ok(())
}
