//! A day without the issuer, on a clock of the test's own.

use std::time::Duration;

use usher_domain::time::Timestamp;
use usher_testkit::{
    key_server::{Answer, KeyServer},
    tokens::TestKey,
};

use crate::{
    key_source::long_claims,
    support::{asking, just_before, key_set, now, outcome},
};

const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);
const NANOSECOND: Duration = Duration::from_nanos(1);

/// A request at each `step` from [`now`] on. Returns what became of those of the outage, which
/// begins at `start`, up to its end.
async fn outage(step: Duration, start: Duration, end: Duration) -> Vec<(Duration, &'static str)> {
    let key = TestKey::es256("a");
    let server = KeyServer::start(Answer::KeySet(key_set(&[&key]))).await;
    let verifier = asking(&server);
    let mut outcomes = Vec::new();
    let (mut at, mut fetched) = (Duration::ZERO, Duration::ZERO);
    while at < end {
        if at >= start {
            server.answer(Answer::Status(503, String::new()));
        }
        let asked = server.requests();
        let token = key.sign(&long_claims());
        let answer = outcome(&verifier, &token, now().plus(at)).await;
        if at >= start {
            outcomes.push((at, answer));
        } else {
            assert_eq!(answer, "accepted", "before the outage, at {at:?}");
            // A refresh is beside the request. Its end is awaited, so that each row of the timeline
            // is what it says: before the outage it succeeds.
            if at >= fetched + HOUR {
                fetched = at;
                server.asked(asked + 1).await;
                let unknown = TestKey::es256("unknown").sign(&long_claims());
                let refused = outcome(&verifier, &unknown, now().plus(at)).await;
                assert_eq!(refused, "invalid");
            }
        }
        at += step;
    }
    outcomes
}

/// Whenever it begins: just after a refresh, in the middle of the hour, a nanosecond before the
/// next refresh, at it; and however often there is a request, if there is one in an hour.
#[tokio::test]
async fn nobody_notices_24_hours_without_the_issuer() {
    let cases = [10, 7, 59, 60].map(|minutes| minutes * MINUTE);
    let starts = [
        NANOSECOND,
        10 * MINUTE,
        31 * MINUTE,
        Duration::from_nanos(3_599_999_999_999),
        HOUR,
        HOUR + NANOSECOND,
        4 * HOUR + Duration::from_nanos(3_599_999_999_999),
        5 * HOUR + 25 * MINUTE,
    ];
    for (step, start) in cases
        .iter()
        .flat_map(|step| starts.map(|start| (*step, start)))
    {
        let outcomes = outage(step, start, start + DAY).await;
        assert!(outcomes.len() >= 24, "a request in each hour at least");
        for (at, answer) in outcomes {
            let place = format!("{at:?} of an outage from {start:?} on, asking each {step:?}");
            assert_eq!(answer, "accepted", "{place}");
        }
    }
}

/// 24 hours from when the set would have been fetched again, as `stale-if-error` counts them (RFC
/// 5861, section 4), and the hour in which there may have been nobody who had it fetched.
#[tokio::test]
async fn keys_that_are_26_hours_old_serve_nobody() {
    for (start, fetched) in [(NANOSECOND, Duration::ZERO), (HOUR + NANOSECOND, HOUR)] {
        let too_old = fetched + 26 * HOUR;
        let outcomes = outage(10 * MINUTE, start, start + 27 * HOUR).await;
        for (at, answer) in outcomes {
            let expected = if at < too_old {
                "accepted"
            } else {
                "unavailable"
            };
            assert_eq!(answer, expected, "{at:?} of an outage from {start:?} on");
        }
    }
}

#[tokio::test]
async fn the_first_good_fetch_after_a_long_outage_ends_it() {
    let key = TestKey::es256("a");
    let server = KeyServer::start(Answer::KeySet(key_set(&[&key]))).await;
    let verifier = asking(&server);
    // The same each time, so that it is remembered.
    let token = key.sign(&long_claims());
    let ask = async |at: Timestamp| outcome(&verifier, &token, at).await;
    assert_eq!(ask(now()).await, "accepted");
    server.answer(Answer::Status(503, String::new()));
    let end = now().plus(2 * HOUR + DAY);
    assert_eq!(ask(just_before(end)).await, "accepted");
    // That one had the set fetched again; whoever comes within ten seconds is told what came of it.
    server.asked(2).await;
    assert_eq!(ask(end).await, "unavailable");
    assert_eq!(server.requests(), 2);
    server.answer(Answer::KeySet(key_set(&[&key])));
    let later = end.plus(Duration::from_secs(10));
    assert_eq!(ask(later).await, "accepted");
    assert_eq!(ask(later.plus(DAY)).await, "accepted");
}
