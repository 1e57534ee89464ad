//! The token bucket: its bound holds for any history, the wait it announces is exact, and what it
//! refuses changes nothing.

#[path = "support/buckets.rs"]
mod buckets;
#[path = "support/limits.rs"]
mod limits;
mod support;

use std::{num::NonZeroU32, ops::Range, time::Duration};

use buckets::{Admitted, Bucket, Call, START, check_bound, history, is_taken};
use limits::after;
use proptest::prelude::*;
use support::cases;
use usher_domain::{
    time::Timestamp,
    usage::{
        bucket::{self, Step},
        throttle::Throttle,
    },
};

const RATES: Range<f64> = -2.0..6.0;

fn throttle() -> impl Strategy<Value = Throttle> {
    limits::throttle(RATES, 1..=1000)
}

fn steady_history() -> impl Strategy<Value = (Throttle, Vec<Call>)> {
    throttle().prop_flat_map(|throttle| {
        let pause = limits::pause(throttle);
        (Just(throttle), history(throttle, pause))
    })
}

fn jumping_history() -> impl Strategy<Value = (Throttle, Vec<Call>)> {
    throttle().prop_flat_map(|throttle| {
        let jump = limits::jump(throttle);
        (Just(throttle), history(throttle, jump))
    })
}

fn bucket_in_any_state() -> impl Strategy<Value = (Throttle, Option<Timestamp>)> {
    throttle().prop_flat_map(|throttle| (Just(throttle), limits::full_at(throttle, START)))
}

fn bucket_and_call() -> impl Strategy<Value = (Throttle, Option<Timestamp>, Call)> {
    bucket_in_any_state().prop_flat_map(|(throttle, full_at)| {
        let call = (limits::pause(throttle), limits::tokens(throttle));
        let call = call.prop_map(|(pause, tokens)| Call { pause, tokens });
        (Just(throttle), Just(full_at), call)
    })
}

proptest! {
    #![proptest_config(cases(512))]

    #[test]
    #[expect(clippy::cast_precision_loss, reason = "a step of these rates is under 2^53")]
    fn the_step_is_the_rates_rounded_up_to_a_whole_nanosecond(
        rate in limits::rate(RATES),
        burst in 1..=1000_u32,
    ) {
        let throttle = Throttle::new(rate, burst.into()).unwrap();
        let (step, exact) = (throttle.step_nanos() as f64, 1e9 / rate);
        prop_assert!(step >= exact && step < exact + 1.0, "{step} for {exact}");
        prop_assert_eq!(throttle.refill_nanos(), throttle.step_nanos() * i64::from(burst));
    }

    #[test]
    fn any_interval_admits_at_most_a_burst_and_what_the_rate_brings(
        (throttle, history) in steady_history(),
    ) {
        let mut bucket = Bucket::of(throttle, None);
        let (mut now, mut admitted) = (START, Vec::new());
        for call in history {
            now = after(now, call.pause);
            if is_taken(bucket.take(call.tokens, now)) {
                admitted.push(Admitted::new(now, call.tokens));
            }
        }
        check_bound(throttle, &admitted, 0)?;
    }

    #[test]
    fn a_clock_that_jumps_admits_no_more_than_its_latest_time_would(
        (throttle, history) in jumping_history(),
    ) {
        let mut bucket = Bucket::of(throttle, None);
        // The latest time that the state knows of: a refusal at a later one leaves no trace.
        let (mut now, mut latest, mut admitted) = (START, None, Vec::new());
        for call in history {
            now = after(now, call.pause);
            let before = bucket.full_at;
            prop_assert!(latest.is_none_or(
                |latest: Timestamp| bucket.available(now.min(latest)) <= bucket.available(latest)
            ));
            if let Step::Taken(full_at) = bucket.take(call.tokens, now) {
                prop_assert!(Some(full_at) > before, "the state went back");
                prop_assert!(full_at > now);
                let seen = latest.map_or(now, |latest| latest.max(now));
                latest = Some(seen);
                admitted.push(Admitted::new(seen, call.tokens));
            }
        }
        check_bound(throttle, &admitted, 0)?;
    }

    #[test]
    fn the_announced_wait_is_exact((throttle, history) in jumping_history()) {
        let mut bucket = Bucket::of(throttle, None);
        let mut now = START;
        for call in history {
            now = after(now, call.pause);
            let Step::Refused { wait } = bucket.take(call.tokens, now) else {
                continue;
            };
            prop_assert_eq!(wait.is_none(), call.tokens.get() > throttle.burst());
            if let Some(wait) = wait {
                prop_assert!(wait > Duration::ZERO);
                let take_at = |at| bucket::take(bucket.full_at, &throttle, call.tokens, at);
                let opens = now.plus(wait);
                prop_assert!(is_taken(take_at(opens)));
                prop_assert_eq!(
                    take_at(after(opens, -1)),
                    Step::Refused { wait: Some(Duration::from_nanos(1)) }
                );
            }
        }
    }

    #[test]
    fn refused_request_changes_nothing((throttle, history) in jumping_history()) {
        let mut bucket = Bucket::of(throttle, None);
        let (mut now, mut granted) = (START, Vec::new());
        for call in history {
            now = after(now, call.pause);
            let step = bucket.take(call.tokens, now);
            if is_taken(step) {
                granted.push((call.tokens, now, step));
            }
        }
        let mut unbothered = Bucket::of(throttle, None);
        for (tokens, now, step) in granted {
            prop_assert_eq!(unbothered.take(tokens, now), step);
        }
        prop_assert_eq!(unbothered.full_at, bucket.full_at);
    }

    #[test]
    fn as_many_tokens_as_are_available_can_be_taken_and_no_more(
        throttle in throttle(),
        now in any::<i64>(),
        full_at in proptest::option::of(any::<i64>()),
        near in any::<bool>(),
        tokens in 1..=1000_u32,
    ) {
        // In the last years before 2262 times saturate, and no rule could hold.
        let now = Timestamp::from_nanos(now.min(i64::MAX - 2 * throttle.refill_nanos()));
        let full_at = full_at.map(|nanos| if near {
            after(now, nanos % (2 * throttle.refill_nanos()))
        } else {
            Timestamp::from_nanos(nanos)
        });
        let available = bucket::available(full_at, &throttle, now);
        prop_assert!(available <= throttle.burst());
        for tokens in [tokens % throttle.burst() + 1, available, available + 1] {
            if let Some(tokens) = NonZeroU32::new(tokens) {
                let taken = is_taken(bucket::take(full_at, &throttle, tokens, now));
                prop_assert_eq!(taken, tokens.get() <= available, "{} of {}", tokens, available);
            }
        }
    }

    #[test]
    fn several_at_once_are_as_many_one_by_one((throttle, full_at, call) in bucket_and_call()) {
        let now = after(START, call.pause);
        let mut one_by_one = Bucket::of(throttle, full_at);
        let mut at_once = Bucket::of(throttle, full_at);
        if is_taken(at_once.take(call.tokens, now)) {
            for _ in 0..call.tokens.get() {
                prop_assert!(is_taken(one_by_one.take(NonZeroU32::MIN, now)));
            }
            prop_assert_eq!(one_by_one.full_at, at_once.full_at);
        } else {
            prop_assert!(one_by_one.drain(now) < call.tokens.get());
        }
    }

    #[test]
    fn a_take_that_is_given_back_is_as_if_it_had_not_been(
        (throttle, full_at, call) in bucket_and_call(),
        next in 0..=i64::from(u32::MAX),
    ) {
        let now = after(START, call.pause);
        if let Step::Taken(taken) = bucket::take(full_at, &throttle, call.tokens, now) {
            let restored = bucket::give_back(taken, &throttle, call.tokens);
            if let Some(full_at) = full_at.filter(|full_at| *full_at >= now) {
                prop_assert_eq!(restored, full_at);
            }
            for later in [now, after(now, next)] {
                for tokens in [call.tokens, NonZeroU32::MIN, NonZeroU32::MAX] {
                    prop_assert_eq!(
                        bucket::take(Some(restored), &throttle, tokens, later),
                        bucket::take(full_at, &throttle, tokens, later)
                    );
                }
            }
        }
    }

    #[test]
    fn however_much_is_given_back_a_bucket_holds_no_more_than_a_burst(
        (throttle, full_at) in bucket_in_any_state(),
        tokens in any::<NonZeroU32>(),
    ) {
        let restored = bucket::give_back(full_at.unwrap_or(START), &throttle, tokens);
        prop_assert!(full_at.is_none_or(|full_at| restored < full_at));
        let mut bucket = Bucket::of(throttle, Some(restored));
        prop_assert!(bucket.drain(START) <= throttle.burst());
    }

    /// Tokens are taken at one call, and spent or given back at the next: the bound for those who
    /// lease tokens. What comes back has left a bucket that has filled again meanwhile.
    #[test]
    fn tokens_given_back_widen_the_bound_by_their_age_alone(
        (throttle, history) in steady_history(),
        spent in proptest::collection::vec(any::<bool>(), 50),
    ) {
        let mut bucket = Bucket::of(throttle, None);
        let (mut now, mut oldest) = (START, 0);
        let (mut lease, mut admitted) = (None::<NonZeroU32>, Vec::new());
        for (call, is_spent) in history.into_iter().zip(spent) {
            oldest = oldest.max(call.pause);
            now = after(now, call.pause);
            match (lease.take(), bucket.full_at) {
                (Some(tokens), _) if is_spent => admitted.push(Admitted::new(now, tokens)),
                (Some(tokens), Some(full_at)) => {
                    bucket.full_at = Some(bucket::give_back(full_at, &throttle, tokens));
                }
                _ => {}
            }
            lease = is_taken(bucket.take(call.tokens, now)).then_some(call.tokens);
        }
        check_bound(throttle, &admitted, oldest)?;
    }

    #[test]
    fn the_debt_of_a_slower_throttle_is_cut_to_an_empty_bucket(
        (throttle, full_at, call) in bucket_and_call(),
        slower in 0..=1_000_000_000_000_000_i64,
    ) {
        let refill = Duration::from_nanos(throttle.refill_nanos().unsigned_abs());
        let left = after(full_at.unwrap_or(START), slower);
        for full_at in [left, full_at.unwrap_or(START)] {
            let clamped = bucket::clamp(full_at, &throttle, START);
            prop_assert_eq!(clamped, full_at.min(START.plus(refill)));
            prop_assert_eq!(bucket::clamp(clamped, &throttle, START), clamped);
            if let Step::Refused { wait: Some(wait) } =
                bucket::take(Some(clamped), &throttle, call.tokens, START)
            {
                prop_assert!(wait <= refill);
            }
        }
    }

    #[test]
    fn forgetting_a_full_bucket_changes_no_answer((throttle, full_at, call) in bucket_and_call()) {
        let full_at = full_at.unwrap_or(START);
        let full = bucket::is_full(full_at, START);
        let holds = bucket::available(Some(full_at), &throttle, START);
        prop_assert!(!full || holds == throttle.burst());
        // A bucket that is not full owes a part of a token at least, which a burst shows.
        let burst = NonZeroU32::new(throttle.burst()).unwrap();
        prop_assert_eq!(is_taken(bucket::take(Some(full_at), &throttle, burst, START)), full);
        if full {
            for later in [START, after(START, call.pause)] {
                prop_assert_eq!(
                    bucket::take(Some(full_at), &throttle, call.tokens, later),
                    bucket::take(None, &throttle, call.tokens, later)
                );
            }
        }
    }
}
