//! A number of calls per calendar period.

use std::{num::NonZeroU64, time::Duration};

use jiff::{ToSpan as _, civil::Date};

use crate::time::Timestamp;

const DAY: i64 = 86_400;

/// The length of a quota's period. Periods are UTC calendar periods, as in API Gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Period {
    /// From midnight to midnight.
    Day,
    /// From Sunday to Sunday.
    Week,
    /// From the first of the month to the next first.
    Month,
}

impl Period {
    /// The name that a usage plan uses.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Day => "DAY",
            Self::Week => "WEEK",
            Self::Month => "MONTH",
        }
    }

    /// The period that `now` lies in.
    #[must_use]
    pub fn window_at(self, now: Timestamp) -> Window {
        let day = now.as_seconds().div_euclid(DAY);
        let (first, next) = match self {
            Self::Day => (day, day.saturating_add(1)),
            Self::Week => {
                // 1970-01-01 was a Thursday, four days after a Sunday.
                let sunday = day.saturating_sub(day.saturating_add(4).rem_euclid(7));
                (sunday, sunday.saturating_add(7))
            }
            Self::Month => month_around(day),
        };
        Window {
            start: Timestamp::from_seconds(first.saturating_mul(DAY)),
            end: Timestamp::from_seconds(next.saturating_mul(DAY)),
        }
    }
}

/// The first day of the month that `day` lies in and of the next one, all in days since the epoch.
fn month_around(day: i64) -> (i64, i64) {
    let epoch = Date::constant(1970, 1, 1);
    let days_of = |date: Date| {
        epoch
            .until(date)
            .map_or(day, |span| i64::from(span.get_days()))
    };
    // A Timestamp ends in 2262, well inside what a Date can hold.
    let date = i32::try_from(day)
        .ok()
        .and_then(|day| 0.days().try_days(day).ok())
        .and_then(|span| epoch.checked_add(span).ok())
        .unwrap_or(epoch);
    let first = date.first_of_month();
    let next = first.checked_add(1.month()).unwrap_or(first);
    (days_of(first), days_of(next))
}

/// One period of a quota: from `start` on, before `end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// The first instant of the period.
    pub start: Timestamp,
    /// The first instant of the next one.
    pub end: Timestamp,
}

impl Window {
    /// How long the period is.
    #[must_use]
    pub fn length(&self) -> Duration {
        self.end.since(self.start)
    }
}

/// How many calls a period allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    limit: NonZeroU64,
    period: Period,
}

impl Quota {
    /// A quota of `limit` calls a period. Zero is an error for the caller to report.
    #[must_use]
    pub const fn new(limit: NonZeroU64, period: Period) -> Self {
        Self { limit, period }
    }

    /// Calls per period.
    #[must_use]
    pub const fn limit(&self) -> u64 {
        self.limit.get()
    }

    /// The period.
    #[must_use]
    pub const fn period(&self) -> Period {
        self.period
    }
}

/// What has been spent of a quota, and in which period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spent {
    /// The start of the period that `used` counts.
    pub window_start: Timestamp,
    /// Calls taken in that period.
    pub used: u64,
}

/// What has been spent in the period that counts at `now`, and that period.
///
/// A new period starts at zero. A clock that went back into an earlier period does not: the later
/// period goes on counting, so that nothing is given out twice.
#[must_use]
pub fn current(spent: Option<Spent>, quota: &Quota, now: Timestamp) -> (Spent, Window) {
    let window = quota.period().window_at(now);
    match spent {
        Some(spent) if spent.window_start >= window.start => {
            (spent, quota.period().window_at(spent.window_start))
        }
        _ => (
            Spent {
                window_start: window.start,
                used: 0,
            },
            window,
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        let instant: jiff::Timestamp = text.parse().unwrap();
        Timestamp::from_seconds(instant.as_second())
    }

    #[test]
    fn windows_are_utc_calendar_periods() {
        for (period, now, start, end) in [
            (
                Period::Day,
                "2026-11-22T09:50:25Z",
                "2026-11-22T00:00:00Z",
                "2026-11-23T00:00:00Z",
            ),
            (
                Period::Day,
                "2026-11-22T00:00:00Z",
                "2026-11-22T00:00:00Z",
                "2026-11-23T00:00:00Z",
            ),
            // A Sunday, and the Saturday before it.
            (
                Period::Week,
                "2026-11-22T00:00:00Z",
                "2026-11-22T00:00:00Z",
                "2026-11-29T00:00:00Z",
            ),
            (
                Period::Week,
                "2026-11-21T23:59:59Z",
                "2026-11-15T00:00:00Z",
                "2026-11-22T00:00:00Z",
            ),
            (
                Period::Month,
                "2024-02-29T12:00:00Z",
                "2024-02-01T00:00:00Z",
                "2024-03-01T00:00:00Z",
            ),
            (
                Period::Month,
                "2026-12-31T23:59:59Z",
                "2026-12-01T00:00:00Z",
                "2027-01-01T00:00:00Z",
            ),
            (
                Period::Month,
                "1969-12-31T23:59:59Z",
                "1969-12-01T00:00:00Z",
                "1970-01-01T00:00:00Z",
            ),
        ] {
            let window = period.window_at(at(now));
            assert_eq!(
                window,
                Window {
                    start: at(start),
                    end: at(end)
                },
                "{period:?} {now}"
            );
        }
    }

    #[test]
    fn the_ends_of_time_have_windows() {
        for period in [Period::Day, Period::Week, Period::Month] {
            for now in [i64::MIN, i64::MAX] {
                let now = Timestamp::from_nanos(now);
                let window = period.window_at(now);
                assert!(
                    window.start <= now && now <= window.end,
                    "{period:?} {now:?} {window:?}"
                );
            }
        }
    }

    #[test]
    fn a_clock_that_goes_back_does_not_open_a_spent_period_again() {
        let quota = Quota::new(NonZeroU64::new(5).unwrap(), Period::Day);
        let today = at("2026-11-22T00:00:00Z");
        let spent = Spent {
            window_start: today,
            used: 5,
        };
        let (kept, window) = current(Some(spent), &quota, at("2026-11-21T23:00:00Z"));
        assert_eq!((kept, window.start), (spent, today));
        let (fresh, _) = current(Some(spent), &quota, at("2026-11-23T00:00:00Z"));
        assert_eq!(fresh.used, 0);
    }
}
