//! `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers-10), and `Retry-After`.

use std::{fmt::Write as _, time::Duration};

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use usher_domain::usage::account::{Level, Levels};

const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const LIMIT: HeaderName = HeaderName::from_static("ratelimit");

const MOST: u64 = 999_999_999_999_999;

/// Tells the caller what applies and what is left. Nothing when nothing applies.
pub(crate) fn announce(levels: &Levels, headers: &mut HeaderMap) {
    let (mut policy, mut limit) = (String::with_capacity(64), String::with_capacity(64));
    for (name, level) in [
        ("throttle", &levels.throttle),
        ("user", &levels.user),
        ("quota", &levels.quota),
        ("service", &levels.service),
    ] {
        let Some(Level {
            capacity,
            window,
            remaining,
            reset,
        }) = level
        else {
            continue;
        };
        let separator = if policy.is_empty() { "" } else { ", " };
        // The largest integers that the fields may have (RFC 9651, 3.3.1).
        let [capacity, remaining] = [*capacity, *remaining].map(|number| number.min(MOST));
        let (window, reset) = (whole_seconds(*window).max(1), whole_seconds(*reset));
        // Writing to a String cannot fail.
        let _ = write!(policy, "{separator}\"{name}\";q={capacity};w={window}");
        let _ = write!(limit, "{separator}\"{name}\";r={remaining};t={reset}");
    }
    for (name, text) in [(POLICY, policy), (LIMIT, limit)] {
        if !text.is_empty()
            && let Ok(value) = HeaderValue::try_from(text)
        {
            headers.insert(name, value);
        }
    }
}

/// Whole seconds, rounded up: a caller that waits so long has waited long enough.
pub(crate) fn whole_seconds(wait: Duration) -> u64 {
    wait.as_nanos()
        .div_ceil(1_000_000_000)
        .try_into()
        .unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_rounded_up() {
        for (wait, seconds) in [
            (0, 0),
            (1, 1),
            (999_999_999, 1),
            (1_000_000_000, 1),
            (1_000_000_001, 2),
        ] {
            assert_eq!(whole_seconds(Duration::from_nanos(wait)), seconds);
        }
    }

    #[test]
    fn the_fields_have_the_drafts_form() {
        let level = |capacity, window, remaining, reset| {
            Some(Level {
                capacity,
                window: Duration::from_secs(window),
                remaining,
                reset: Duration::from_millis(reset),
            })
        };
        let mut headers = HeaderMap::new();
        let levels = Levels {
            throttle: level(100, 2, 7, 20),
            user: level(5, 1, 4, 0),
            quota: level(10_000, 86_400, 9, 3_000),
            service: level(2_500, 1, 0, 1),
        };
        announce(&levels, &mut headers);
        assert_eq!(
            headers[POLICY],
            "\"throttle\";q=100;w=2, \"user\";q=5;w=1, \"quota\";q=10000;w=86400, \
             \"service\";q=2500;w=1"
        );
        assert_eq!(
            headers[LIMIT],
            "\"throttle\";r=7;t=1, \"user\";r=4;t=0, \"quota\";r=9;t=3, \"service\";r=0;t=1"
        );
    }

    #[test]
    fn no_limit_no_field() {
        let mut headers = HeaderMap::new();
        announce(&Levels::default(), &mut headers);
        assert!(headers.is_empty());
    }
}
