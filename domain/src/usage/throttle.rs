//! A rate and a burst, as a usage plan states them.

/// How fast calls may come: a token bucket that holds `burst` tokens, starts full and is refilled
/// at a rate per second.
///
/// The rate is kept as the time between two tokens in whole nanoseconds, rounded up, so that the
/// bucket never runs faster than it was configured (and differs by less than a nanosecond a token).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Throttle {
    step_nanos: i64,
    burst: u32,
    /// As it was given, to be shown: the step has lost a part of it.
    rate: f64,
}

/// A rate is a number: nothing that is not equal to itself becomes a throttle.
impl Eq for Throttle {}

/// Why a rate and a burst are not a throttle. Zero is an error, never "unlimited".
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ThrottleError {
    /// Zero, negative, not a number or infinite.
    #[error("rateLimit must be a number greater than zero")]
    Rate,
    /// Zero or more than can be counted.
    #[error("burstLimit must be a whole number from 1 to 4294967295")]
    Burst,
    /// A full bucket would take more than a century to refill.
    #[error("burstLimit divided by rateLimit must be under a century")]
    TooSlow,
}

/// A full bucket refills within a century: far from where nanoseconds in an `i64` end.
const MAX_REFILL_NANOS: i64 = 100 * 366 * 86_400 * 1_000_000_000;

impl Throttle {
    /// A throttle of `rate` calls a second (API Gateway's `rateLimit`) and `burst` calls at once
    /// (`burstLimit`).
    ///
    /// # Errors
    /// See [`ThrottleError`].
    pub fn new(rate: f64, burst: u64) -> Result<Self, ThrottleError> {
        if !rate.is_finite() || rate <= 0.0 {
            return Err(ThrottleError::Rate);
        }
        let burst = u32::try_from(burst).ok().filter(|burst| *burst > 0);
        let burst = burst.ok_or(ThrottleError::Burst)?;
        let step = (1e9 / rate).ceil().max(1.0);
        if step > 1e18 {
            return Err(ThrottleError::TooSlow);
        }
        #[allow(
            clippy::cast_possible_truncation,
            reason = "a whole number from 1 to 1e18 is an i64, and std has no checked conversion"
        )]
        let step_nanos = step as i64;
        match step_nanos.checked_mul(i64::from(burst)) {
            Some(refill) if refill <= MAX_REFILL_NANOS => Ok(Self {
                step_nanos,
                burst,
                rate,
            }),
            _ => Err(ThrottleError::TooSlow),
        }
    }

    /// Calls a second, as they were given.
    #[must_use]
    pub const fn rate(&self) -> f64 {
        self.rate
    }

    /// Nanoseconds between two tokens.
    #[must_use]
    pub const fn step_nanos(&self) -> i64 {
        self.step_nanos
    }

    /// How many tokens a full bucket holds.
    #[must_use]
    pub const fn burst(&self) -> u32 {
        self.burst
    }

    /// Nanoseconds that an empty bucket needs to be full.
    #[must_use]
    pub const fn refill_nanos(&self) -> i64 {
        self.step_nanos.saturating_mul(self.burst as i64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_step_is_rounded_up_so_that_the_rate_is_never_exceeded() {
        for (rate, step) in [
            (50.0, 20_000_000),
            (3.0, 333_333_334),
            (0.5, 2_000_000_000),
            (1e12, 1),
        ] {
            assert_eq!(Throttle::new(rate, 1).unwrap().step_nanos(), step, "{rate}");
        }
    }

    #[test]
    fn zero_is_an_error_and_never_unlimited() {
        for rate in [0.0, -0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert_eq!(Throttle::new(rate, 1), Err(ThrottleError::Rate), "{rate}");
        }
        assert_eq!(Throttle::new(1.0, 0), Err(ThrottleError::Burst));
        assert_eq!(Throttle::new(1.0, 1 << 32), Err(ThrottleError::Burst));
        assert_eq!(Throttle::new(1e-300, 1), Err(ThrottleError::TooSlow));
        assert_eq!(Throttle::new(1e-9, 10), Err(ThrottleError::TooSlow));
    }
}
