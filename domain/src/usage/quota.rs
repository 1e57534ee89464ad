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

    /// The period that `now` lies in, when periods start at the beginning of a week or month.
    #[must_use]
    pub fn window_at(self, now: Timestamp) -> Window {
        self.window_from(0, now)
    }

    /// The period that `now` lies in, when periods start `late` days into a week or month.
    fn window_from(self, late: u8, now: Timestamp) -> Window {
        let late = i64::from(late);
        let day = now.as_seconds().div_euclid(DAY).saturating_sub(late);
        let (first, next) = match self {
            Self::Day => (day, day.saturating_add(1)),
            Self::Week => {
                // 1970-01-01 was a Thursday, four days after a Sunday.
                let sunday = day.saturating_sub(day.saturating_add(4).rem_euclid(7));
                (sunday, sunday.saturating_add(7))
            }
            Self::Month => month_around(day),
        };
        let midnight = |day: i64| day.saturating_add(late).saturating_mul(DAY);
        Window {
            start: Timestamp::from_seconds(midnight(first)),
            end: Timestamp::from_seconds(midnight(next)),
        }
    }

    /// How late a period may start: the last day of a week, and one that every month has.
    const fn latest_start(self) -> u64 {
        match self {
            Self::Day => 0,
            Self::Week => 6,
            Self::Month => 27,
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
    offset: Offset,
}

/// What a quota's `offset` means. AWS's own material has both readings, so that a usage plan with an
/// offset is read only where somebody said which.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Offset {
    /// There is none.
    #[default]
    None,
    /// So many calls fewer in the first period: the one in which an account is first used.
    FirstPeriodCredit(u64),
    /// Periods start so many days into the week (which starts on Sunday) or the month.
    StartDay(u8),
}

/// Why an offset does not fit its quota.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OffsetError {
    /// As much as the period's limit or more: an account would never be used for the first time.
    #[error("an offset that is a credit is less than the quota's limit")]
    Credit,
    /// No such day.
    #[error("an offset that is a start day is 0 for DAY, 0 to 6 for WEEK and 0 to 27 for MONTH")]
    StartDay,
}

impl Quota {
    /// A quota of `limit` calls a period. Zero is an error for the caller to report.
    #[must_use]
    pub const fn new(limit: NonZeroU64, period: Period) -> Self {
        Self {
            limit,
            period,
            offset: Offset::None,
        }
    }

    /// The same quota with `calls` fewer in an account's first period.
    ///
    /// # Errors
    /// [`OffsetError::Credit`].
    pub const fn with_first_period_credit(self, calls: u64) -> Result<Self, OffsetError> {
        if calls >= self.limit.get() {
            return Err(OffsetError::Credit);
        }
        let offset = match calls {
            0 => Offset::None,
            calls => Offset::FirstPeriodCredit(calls),
        };
        Ok(Self { offset, ..self })
    }

    /// The same quota with periods that start `day` days into the week or the month.
    ///
    /// # Errors
    /// [`OffsetError::StartDay`].
    pub fn with_start_day(self, day: u64) -> Result<Self, OffsetError> {
        let offset = match u8::try_from(day) {
            Ok(0) => Offset::None,
            Ok(late) if day <= self.period.latest_start() => Offset::StartDay(late),
            _ => return Err(OffsetError::StartDay),
        };
        Ok(Self { offset, ..self })
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

    /// Its offset.
    #[must_use]
    pub const fn offset(&self) -> Offset {
        self.offset
    }

    /// The period that `now` lies in.
    #[must_use]
    pub fn window_at(&self, now: Timestamp) -> Window {
        let late = match self.offset {
            Offset::StartDay(day) => day,
            Offset::None | Offset::FirstPeriodCredit(_) => 0,
        };
        self.period.window_from(late, now)
    }

    /// The calls that an account has spent before its first one.
    pub(super) const fn spent_at_first(&self) -> u64 {
        match self.offset {
            Offset::FirstPeriodCredit(calls) => calls,
            Offset::None | Offset::StartDay(_) => 0,
        }
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
    let window = quota.window_at(now);
    let used = match spent {
        Some(spent) if spent.window_start >= window.start => {
            return (spent, quota.window_at(spent.window_start));
        }
        Some(_) => 0,
        None => quota.spent_at_first(),
    };
    let window_start = window.start;
    (Spent { window_start, used }, window)
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

    fn monthly(limit: u64) -> Quota {
        Quota::new(NonZeroU64::new(limit).unwrap(), Period::Month)
    }

    #[test]
    fn a_period_may_start_later_in_the_week_or_month() {
        for (period, day, now, start, end) in [
            // 2026-11-22 is a Sunday.
            (
                Period::Week,
                1,
                "2026-11-22T12:00:00Z",
                "2026-11-16T00:00:00Z",
                "2026-11-23T00:00:00Z",
            ),
            (
                Period::Week,
                6,
                "2026-11-22T12:00:00Z",
                "2026-11-21T00:00:00Z",
                "2026-11-28T00:00:00Z",
            ),
            (
                Period::Month,
                14,
                "2026-11-14T23:59:59Z",
                "2026-10-15T00:00:00Z",
                "2026-11-15T00:00:00Z",
            ),
            (
                Period::Month,
                14,
                "2026-11-15T00:00:00Z",
                "2026-11-15T00:00:00Z",
                "2026-12-15T00:00:00Z",
            ),
            (
                Period::Month,
                27,
                "2026-02-28T00:00:00Z",
                "2026-02-28T00:00:00Z",
                "2026-03-28T00:00:00Z",
            ),
        ] {
            let quota = Quota::new(NonZeroU64::MIN, period)
                .with_start_day(day)
                .unwrap();
            let window = quota.window_at(at(now));
            assert_eq!(
                window,
                Window {
                    start: at(start),
                    end: at(end)
                },
                "{period:?} {day} {now}"
            );
        }
    }

    #[test]
    fn an_offset_that_fits_no_period_is_refused() {
        for (period, latest) in [(Period::Day, 0), (Period::Week, 6), (Period::Month, 27)] {
            let quota = Quota::new(NonZeroU64::MIN, period);
            assert!(quota.with_start_day(latest).is_ok());
            for day in [latest + 1, 256, u64::MAX] {
                assert_eq!(quota.with_start_day(day), Err(OffsetError::StartDay));
            }
        }
        assert!(monthly(5).with_first_period_credit(4).is_ok());
        assert_eq!(
            monthly(5).with_first_period_credit(5),
            Err(OffsetError::Credit)
        );
        assert_eq!(monthly(5).with_first_period_credit(0).unwrap(), monthly(5));
        assert_eq!(monthly(5).with_start_day(0).unwrap(), monthly(5));
    }

    #[test]
    fn the_first_period_alone_is_smaller_by_the_credit() {
        let quota = monthly(5).with_first_period_credit(3).unwrap();
        let (november, december) = (at("2026-11-22T00:00:00Z"), at("2026-12-01T00:00:00Z"));
        let (first, window) = current(None, &quota, november);
        assert_eq!((first.used, window.end), (3, december));
        assert_eq!(current(Some(first), &quota, november).0.used, 3);
        assert_eq!(current(Some(first), &quota, december).0.used, 0);
    }
}
