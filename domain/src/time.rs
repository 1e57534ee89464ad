//! Time as a value: nobody in this crate can ask what time it is.

use std::time::Duration;

const NANOS_PER_SECOND: i64 = 1_000_000_000;

/// An instant, in nanoseconds since 1970-01-01T00:00:00Z (as far as the year 2262).
///
/// Arithmetic saturates: an instant beyond the range is the range's end, which every rule reads as
/// "later than anything else".
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The instant `nanos` nanoseconds after the epoch.
    #[must_use]
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// The instant `seconds` seconds after the epoch.
    #[must_use]
    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(NANOS_PER_SECOND))
    }

    /// Nanoseconds since the epoch.
    #[must_use]
    pub const fn as_nanos(self) -> i64 {
        self.0
    }

    /// Whole seconds since the epoch, rounded down.
    #[must_use]
    pub const fn as_seconds(self) -> i64 {
        self.0.div_euclid(NANOS_PER_SECOND)
    }

    /// Whole milliseconds since the epoch, rounded down.
    #[must_use]
    pub const fn as_millis(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// This instant, `duration` later.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(saturating_nanos(duration)))
    }

    /// How long after `earlier` this instant is; zero when it is not after it.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        let nanos = self.0.saturating_sub(earlier.0);
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(0))
    }

    /// How far apart the two are, whichever is earlier. Ages are judged by it where a clock that was
    /// set back must not keep something young.
    #[must_use]
    pub fn distance(self, other: Self) -> Duration {
        self.since(other).max(other.since(self))
    }
}

/// `duration` in nanoseconds, or the largest number there is.
pub(crate) fn saturating_nanos(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_is_never_negative() {
        let (early, late) = (Timestamp::from_seconds(10), Timestamp::from_seconds(12));
        assert_eq!(late.since(early), Duration::from_secs(2));
        assert_eq!(early.since(late), Duration::ZERO);
    }

    #[test]
    fn seconds_before_the_epoch_round_down() {
        assert_eq!(Timestamp::from_nanos(-1).as_seconds(), -1);
    }

    #[test]
    fn the_far_future_saturates() {
        assert_eq!(
            Timestamp::from_seconds(i64::MAX)
                .plus(Duration::MAX)
                .as_nanos(),
            i64::MAX
        );
    }
}
