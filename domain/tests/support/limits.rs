//! Throttles, times and states that reach a limit's edges: uniform ones would hardly ever.

use std::{
    num::NonZeroU32,
    ops::{Range, RangeInclusive},
};

use proptest::prelude::*;
use usher_domain::{time::Timestamp, usage::throttle::Throttle};

pub(crate) fn after(instant: Timestamp, nanos: i64) -> Timestamp {
    Timestamp::from_nanos(instant.as_nanos().saturating_add(nanos))
}

/// Calls a second, every order of magnitude from 10^start to 10^end as likely as another.
pub(crate) fn rate(powers: Range<f64>) -> impl Strategy<Value = f64> {
    prop_oneof![
        1 => Just(1.0),
        1 => Just(3.0),
        6 => powers.prop_map(|power| 10_f64.powf(power)),
    ]
}

pub(crate) fn throttle(
    powers: Range<f64>,
    burst: RangeInclusive<u64>,
) -> impl Strategy<Value = Throttle> {
    let small = *burst.start()..=4;
    (rate(powers), prop_oneof![small, burst])
        .prop_filter_map("a full bucket refills within a century", |(rate, burst)| {
            Throttle::new(rate, burst).ok()
        })
}

/// Nanoseconds between two calls: none, a few, those of a few tokens give or take one, or any up
/// to a full bucket's and somewhat more.
pub(crate) fn pause(throttle: Throttle) -> impl Strategy<Value = i64> {
    let (step, refill) = (throttle.step_nanos(), throttle.refill_nanos());
    prop_oneof![
        4 => Just(0),
        1 => 0..3_i64,
        4 => (0..=3_i64, -1..=1_i64).prop_map(move |(steps, off)| (steps * step + off).max(0)),
        2 => 0..=refill + step,
    ]
}

/// The same, and now and then the clock goes back.
pub(crate) fn jump(throttle: Throttle) -> impl Strategy<Value = i64> {
    prop_oneof![
        4 => pause(throttle),
        1 => pause(throttle).prop_map(|nanos| -nanos),
    ]
}

/// One to a full bucket and one more, mostly few.
pub(crate) fn tokens(throttle: Throttle) -> impl Strategy<Value = NonZeroU32> {
    let most = throttle.burst() + 1;
    prop_oneof![3 => 1..=most.min(3), 1 => 1..=most]
        .prop_filter_map("a call is for one token or more", NonZeroU32::new)
}

/// A bucket's state as seen at `now`: none, full since some time, in use, or overfull with the debt
/// of a slower throttle.
pub(crate) fn full_at(
    throttle: Throttle,
    now: Timestamp,
) -> impl Strategy<Value = Option<Timestamp>> {
    let (step, refill) = (throttle.step_nanos(), throttle.refill_nanos());
    let steps = i64::from(throttle.burst()) + 2;
    let debt = prop_oneof![
        3 => -step..=refill,
        3 => (-1..=steps, -1..=1_i64).prop_map(move |(steps, off)| steps * step + off),
        1 => -refill..=3 * refill,
    ];
    prop_oneof![
        1 => Just(None),
        6 => debt.prop_map(move |nanos| Some(after(now, nanos))),
    ]
}
