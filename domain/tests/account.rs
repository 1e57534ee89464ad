//! One account: both limits grant or nothing happens, what is announced is exact, and a quota is
//! never exceeded whatever the clock does.

#![allow(
    clippy::unwrap_used,
    reason = "a test fails by panicking; clippy.toml excuses test functions and not their helpers"
)]

#[path = "support/accounts.rs"]
mod accounts;
#[path = "support/limits.rs"]
mod limits;
mod support;

use std::{collections::HashMap, num::NonZeroU32, time::Duration};

use accounts::{
    DAY, granted, idle_situation, instant, jumping_history, period, situation, window_of,
};
use jiff::civil::Date;
use limits::after;
use proptest::{collection::vec, prelude::*};
use support::cases;
use usher_domain::{
    time::Timestamp,
    usage::{
        account::{self, AccountState, Levels, LimitKind, Limits, Verdict},
        quota::{Period, Spent},
    },
};

/// The first day of the period that `now` lies in, as the calendar has it.
fn first_day(period: Period, now: Timestamp) -> Date {
    let instant = jiff::Timestamp::from_nanosecond(now.as_nanos().into()).unwrap();
    let date = jiff::tz::Offset::UTC.to_datetime(instant).date();
    match period {
        Period::Day => date,
        Period::Week => {
            let after_sunday = date.weekday().to_sunday_zero_offset();
            date.checked_sub(jiff::Span::new().days(after_sunday))
                .unwrap()
        }
        Period::Month => date.first_of_month(),
    }
}

/// What a caller learns, which is all but the state.
fn told(verdict: &Verdict) -> (Option<(LimitKind, Option<Duration>)>, Levels) {
    match verdict {
        Verdict::Granted { levels, .. } => (None, *levels),
        Verdict::Refused(refused) => (Some((refused.by, refused.wait)), refused.levels),
    }
}

proptest! {
    #![proptest_config(cases(1000))]

    #[test]
    fn a_quotas_periods_are_those_of_the_utc_calendar(now in instant(), period in period()) {
        let window = period.window_at(now);
        prop_assert!(window.start <= now && now < window.end);
        prop_assert_eq!(window.start.as_nanos().rem_euclid(DAY), 0);
        let first = first_day(period, now);
        for within in [window.start, after(window.end, -1)] {
            prop_assert_eq!(first_day(period, within), first);
        }
        for outside in [after(window.start, -1), window.end] {
            prop_assert_ne!(first_day(period, outside), first);
        }
    }

    #[test]
    fn a_call_is_granted_if_and_only_if_both_limits_grant_it(call in situation()) {
        let (by_throttle, by_quota) = (call.held_to_throttle(), call.held_to_quota());
        let halves = granted(&by_throttle).zip(granted(&by_quota));
        let together = halves.map(|(throttle, quota)| AccountState {
            full_at: throttle.full_at,
            spent: quota.spent,
        });
        prop_assert_eq!(call.granted(), together);
    }

    #[test]
    fn the_refusal_is_that_of_the_limit_that_opens_last(call in situation()) {
        let halves = [
            (LimitKind::Throttle, call.held_to_throttle()),
            (LimitKind::Quota, call.held_to_quota()),
        ];
        let never = Duration::MAX;
        let waits: Vec<_> = halves
            .iter()
            .filter_map(|(kind, verdict)| match verdict {
                Verdict::Refused(refused) => Some((*kind, refused.wait.unwrap_or(never))),
                Verdict::Granted { .. } => None,
            })
            .collect();
        match call.take_at(call.now) {
            Verdict::Granted { .. } => prop_assert!(waits.is_empty()),
            Verdict::Refused(refused) => {
                let wait = refused.wait.unwrap_or(never);
                prop_assert!(waits.contains(&(refused.by, wait)));
                prop_assert_eq!(waits.iter().map(|(_, wait)| *wait).max(), Some(wait));
            }
        }
    }

    #[test]
    fn the_announced_wait_is_exact(call in situation()) {
        if let Verdict::Refused(refused) = call.take_at(call.now) {
            if let Some(wait) = refused.wait {
                prop_assert!(wait > Duration::ZERO);
                let opens = call.now.plus(wait);
                prop_assert!(granted(&call.take_at(opens)).is_some());
                let one_early = told(&call.take_at(after(opens, -1))).0;
                prop_assert_eq!(one_early, Some((refused.by, Some(Duration::from_nanos(1)))));
            } else {
                let in_ten_years = after(call.now, 3650 * DAY);
                prop_assert!(granted(&call.take_at(in_ten_years)).is_none());
            }
        }
    }

    #[test]
    fn refused_request_changes_nothing((limits, start, history) in jumping_history()) {
        let (mut now, mut state, mut grants) = (start, AccountState::default(), Vec::new());
        for call in &history {
            now = call.from(now, &limits);
            let verdict = account::take(&state, &limits, call.tokens, now);
            if let Some(next) = granted(&verdict) {
                grants.push((call.tokens, now, verdict));
                state = next;
            }
        }
        let mut unbothered = AccountState::default();
        for (tokens, now, verdict) in grants {
            prop_assert_eq!(account::take(&unbothered, &limits, tokens, now), verdict);
            unbothered = granted(&verdict).unwrap();
        }
    }

    #[test]
    fn a_quota_is_never_exceeded_however_the_clock_jumps(
        (limits, start, history) in jumping_history(),
    ) {
        let Some(quota) = limits.quota else { return Ok(()) };
        let (mut now, mut state) = (start, AccountState::default());
        // The latest time that the state knows of: a refusal at a later one leaves no trace.
        let (mut latest, mut used) = (None, HashMap::new());
        for call in &history {
            now = call.from(now, &limits);
            if let Some(next) = granted(&account::take(&state, &limits, call.tokens, now)) {
                state = next;
                let seen = latest.map_or(now, |latest: Timestamp| latest.max(now));
                latest = Some(seen);
                let used = used.entry(first_day(quota.period(), seen)).or_insert(0);
                *used += u64::from(call.tokens.get());
                prop_assert!(*used <= quota.limit(), "{used}");
            }
        }
    }

    #[test]
    fn a_take_that_is_given_back_at_once_is_as_if_it_had_not_been(call in situation()) {
        if let Some(taken) = call.granted() {
            let window = window_of(&taken, &call.limits);
            let restored = account::give_back(&taken, &call.limits, call.tokens, window);
            prop_assert_eq!(
                account::levels(&restored, &call.limits, call.now),
                account::levels(&call.state, &call.limits, call.now)
            );
        }
    }

    #[test]
    fn what_is_given_back_in_its_period_returns_to_the_quota_exactly(
        call in situation(),
        others in 0..=5_u64,
    ) {
        let granted = call.granted();
        if let Some((state, spent)) = granted.and_then(|state| Some((state, state.spent?))) {
            let window = window_of(&state, &call.limits);
            let used = spent.used.saturating_add(others);
            let state = AccountState { spent: Some(Spent { used, ..spent }), ..state };
            let restored = account::give_back(&state, &call.limits, call.tokens, window);
            let returned = call.limits.quota.map_or(0, |_| call.tokens.get().into());
            prop_assert_eq!(used - restored.spent.unwrap().used, returned);
        }
    }

    /// Whatever plan it was taken under: a month's tokens are not given back to a day.
    #[test]
    fn what_is_given_back_from_an_earlier_period_returns_nothing(
        call in situation(),
        period in period(),
        ago in 0..60 * DAY,
    ) {
        if let Some(state) = call.granted() {
            let counts_from = window_of(&state, &call.limits).map(|window| window.start);
            let earlier = period.window_at(after(counts_from.unwrap_or(call.now), -ago));
            if counts_from.is_some_and(|start| earlier.start < start) {
                let (limits, tokens) = (&call.limits, call.tokens);
                let restored = account::give_back(&state, limits, tokens, Some(earlier));
                prop_assert_eq!(restored.spent, state.spent);
            }
        }
    }

    #[test]
    fn without_a_period_nothing_returns_to_the_quota(call in situation()) {
        let restored = account::give_back(&call.state, &call.limits, call.tokens, None);
        prop_assert_eq!(restored.spent, call.state.spent);
    }

    #[test]
    fn a_forgettable_account_answers_like_a_fresh_one(
        account in idle_situation(),
        pauses in vec((0..3 * DAY, 1..=5_u32), 1..20),
    ) {
        prop_assume!(account::is_forgettable(&account.state, &account.limits, account.now));
        let (mut kept, mut fresh) = (account.state, AccountState::default());
        let mut now = account.now;
        for (pause, tokens) in pauses {
            prop_assert_eq!(
                account::levels(&kept, &account.limits, now),
                account::levels(&fresh, &account.limits, now)
            );
            let tokens = NonZeroU32::new(tokens).unwrap();
            let of_kept = account::take(&kept, &account.limits, tokens, now);
            let of_fresh = account::take(&fresh, &account.limits, tokens, now);
            prop_assert_eq!(told(&of_kept), told(&of_fresh));
            kept = granted(&of_kept).unwrap_or(kept);
            fresh = granted(&of_fresh).unwrap_or(fresh);
            now = after(now, pause);
        }
    }

    #[test]
    fn an_account_with_less_than_everything_is_never_forgettable(call in situation()) {
        let levels = account::levels(&call.state, &call.limits, call.now);
        let lacks = [levels.throttle, levels.quota]
            .iter()
            .flatten()
            .any(|level| level.remaining < level.capacity);
        let forgettable = account::is_forgettable(&call.state, &call.limits, call.now);
        prop_assert!(!(lacks && forgettable));
    }

    #[test]
    fn what_is_told_to_be_left_is_what_is_left(call in situation()) {
        let left = call.granted().unwrap_or(call.state);
        prop_assert_eq!(
            told(&call.take_at(call.now)).1,
            account::levels(&left, &call.limits, call.now)
        );
    }

    #[test]
    fn the_calls_that_remain_can_be_made_one_by_one_and_no_more(call in situation()) {
        // More than any bucket here holds; a quota may be all but endless.
        const ENOUGH: usize = 20;
        let remaining = |state: &AccountState| {
            let Levels { throttle, quota, .. } = account::levels(state, &call.limits, call.now);
            [throttle, quota].iter().flatten().map(|level| level.remaining).min()
        };
        let take_one = |state: &AccountState| {
            granted(&account::take(state, &call.limits, NonZeroU32::MIN, call.now))
        };
        let mut state = call.state;
        let mut lefts = (0..remaining(&state).unwrap_or(0)).rev();
        for left in lefts.by_ref().take(ENOUGH) {
            state = take_one(&state).expect("a call remained");
            prop_assert_eq!(remaining(&state), Some(left));
        }
        if lefts.next().is_none() && call.limits != Limits::default() {
            prop_assert_eq!(take_one(&state), None);
        }
    }

    #[test]
    fn the_announced_reset_is_exact(call in situation()) {
        let at = |now| account::levels(&call.state, &call.limits, now);
        let Levels { throttle, quota, .. } = at(call.now);
        if let Some(level) = throttle {
            let reset = call.now.plus(level.reset);
            let then = |now| at(now).throttle.unwrap().remaining;
            if level.remaining == level.capacity {
                prop_assert_eq!(level.reset, Duration::ZERO);
            } else {
                prop_assert_eq!(then(reset), level.remaining + 1);
                prop_assert_eq!(then(after(reset, -1)), level.remaining);
            }
        }
        if let Some(level) = quota {
            let reset = call.now.plus(level.reset);
            let then = |now| at(now).quota.unwrap().remaining;
            prop_assert_eq!(then(reset), level.capacity);
            prop_assert_eq!(then(after(reset, -1)), level.remaining);
        }
    }
}
