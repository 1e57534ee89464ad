//! Numbers that every store keeps.
//!
//! A number is a signed 64-bit integer, or a double whose shortest decimal form has the very value
//! that was written. Its size lies within DynamoDB's range. Everything else would come back from
//! one store or another as a different number, and is refused.

use serde_json::Number;

/// Why a number is not portable.
pub const NOT_KEPT: &str =
    "the number is neither a 64-bit integer nor a double that keeps all of its digits";
/// Why a number is not portable.
pub const OUT_OF_RANGE: &str = "the number's size is outside 1E-130 to 9.99E+125";

/// Decimal exponents of the first digit that DynamoDB takes.
const EXPONENTS: std::ops::RangeInclusive<i64> = -130..=125;

/// Reads a JSON number literal.
///
/// # Errors
/// [`NOT_KEPT`] or [`OUT_OF_RANGE`]; `literal` must be valid JSON.
pub fn parse(literal: &str) -> Result<Number, &'static str> {
    let written = Decimal::of(literal);
    if written.digits.is_empty() {
        return Ok(0.into());
    }
    if let Some(integer) = written.to_i64() {
        return Ok(integer.into());
    }
    if !EXPONENTS.contains(&written.first_digit_exponent()) {
        return Err(OUT_OF_RANGE);
    }
    let double: f64 = literal.parse().map_err(|_| NOT_KEPT)?;
    let number = Number::from_f64(double).ok_or(NOT_KEPT)?;
    // Half-way between two shortest forms, Rust takes the larger one and JavaScript, Python and
    // serde_json the even one: what they read from us and send back is the same number.
    let kept = |spelled: &str| Decimal::of(spelled) == written;
    if kept(&format!("{double:e}")) || kept(&number.to_string()) {
        Ok(number)
    } else {
        Err(NOT_KEPT)
    }
}

/// Reads a number literal as [`parse`] does, and one with more digits than a double keeps as the double
/// nearest to it: what other readers of JSON would see. For showing what somebody else stored, never
/// for storing what was sent.
///
/// # Errors
/// [`OUT_OF_RANGE`]; [`NOT_KEPT`] for what is no literal at all.
pub fn nearest(literal: &str) -> Result<Number, &'static str> {
    match parse(literal) {
        Err(NOT_KEPT) => {}
        decided => return decided,
    }
    let double: f64 = literal.parse().map_err(|_| NOT_KEPT)?;
    let portable = |double| normalise(&Number::from_f64(double).ok_or(NOT_KEPT)?);
    // Thirty-eight nines round up, and out of the range that they are at the end of.
    let towards_zero = || {
        portable(if double > 0.0 {
            double.next_down()
        } else {
            double.next_up()
        })
    };
    portable(double).or_else(|_| towards_zero())
}

/// Whether two number literals have the same value, however they are spelled.
#[must_use]
pub fn equal(one: &str, other: &str) -> bool {
    let (one, other) = (Decimal::of(one), Decimal::of(other));
    one == other || one.digits.is_empty() && other.digits.is_empty()
}

/// Brings a number that is already binary into its portable form: 1.0 becomes 1, -0 becomes 0.
///
/// # Errors
/// [`NOT_KEPT`] or [`OUT_OF_RANGE`].
pub fn normalise(number: &Number) -> Result<Number, &'static str> {
    if number.as_i64().is_some() {
        return Ok(number.clone());
    }
    match number.as_f64() {
        Some(double) if number.is_f64() => parse(&format!("{double:e}")),
        _ => parse(&number.to_string()),
    }
}

/// The one spelling of a portable number. Integers are plain; doubles are their shortest digits,
/// plain between 1E-5 and 1E+21 and with an exponent outside.
pub fn write(number: &Number, out: &mut String) {
    use std::fmt::Write as _;
    // Writing to a String cannot fail.
    let _ = match (number.as_i64(), number.as_f64()) {
        (Some(integer), _) => write!(out, "{integer}"),
        (None, Some(double)) if (1e-5..1e21).contains(&double.abs()) => write!(out, "{double}"),
        (None, Some(double)) => write!(out, "{double:e}"),
        (None, None) => write!(out, "{number}"),
    };
}

/// A decimal number as written, without the zeros that say nothing: `digits` x 10^`exponent`.
#[derive(PartialEq, Eq)]
struct Decimal {
    negative: bool,
    digits: String,
    exponent: i64,
}

impl Decimal {
    fn of(literal: &str) -> Self {
        let (mantissa, exponent) = literal.split_once(['e', 'E']).unwrap_or((literal, "0"));
        let (negative, mantissa) = match mantissa.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, mantissa),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let mut exponent = saturating_i64(exponent)
            .saturating_sub(i64::try_from(fraction.len()).unwrap_or(i64::MAX));
        let all = format!("{whole}{fraction}");
        let kept = all.trim_end_matches('0');
        exponent = exponent.saturating_add(i64::try_from(all.len() - kept.len()).unwrap_or(0));
        let digits = kept.trim_start_matches('0').to_owned();
        Self {
            negative,
            digits,
            exponent,
        }
    }

    /// This number as an integer, if it is one and fits.
    fn to_i64(&self) -> Option<i64> {
        let zeros = usize::try_from(self.exponent)
            .ok()
            .filter(|zeros| *zeros <= 19)?;
        let sign = if self.negative { "-" } else { "" };
        format!("{sign}{}{}", self.digits, "0".repeat(zeros))
            .parse()
            .ok()
    }

    /// n in d.ddd x 10^n.
    fn first_digit_exponent(&self) -> i64 {
        let digits = i64::try_from(self.digits.len()).unwrap_or(i64::MAX);
        self.exponent.saturating_add(digits).saturating_sub(1)
    }
}

/// An exponent may have any number of digits; beyond an `i64` only its sign matters.
fn saturating_i64(text: &str) -> i64 {
    match text.strip_prefix('+').unwrap_or(text).parse() {
        Ok(exponent) => exponent,
        Err(_) if text.starts_with('-') => i64::MIN,
        Err(_) => i64::MAX,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spelled(literal: &str) -> Result<String, &'static str> {
        parse(literal).map(|number| {
            let mut out = String::new();
            write(&number, &mut out);
            out
        })
    }

    #[test]
    fn a_value_has_one_spelling() {
        for (written, expected) in [
            ("0", "0"),
            ("-0", "0"),
            ("-0.0e7", "0"),
            ("0e99999999999999999999", "0"),
            ("1.0", "1"),
            ("1e3", "1000"),
            ("12.50", "12.5"),
            ("100e-2", "1"),
            ("0.1", "0.1"),
            ("-2.5E-3", "-0.0025"),
            ("1e-7", "1e-7"),
            ("9223372036854775807", "9223372036854775807"),
            ("-9223372036854775808", "-9223372036854775808"),
            ("1e20", "100000000000000000000"),
            ("1e21", "1e21"),
            ("1.7976931348623157e100", "1.7976931348623157e100"),
            ("1e-130", "1e-130"),
            ("9.999e125", "9.999e125"),
        ] {
            assert_eq!(spelled(written).as_deref(), Ok(expected), "{written}");
        }
    }

    #[test]
    fn what_some_store_would_change_is_refused() {
        for (written, reason) in [
            ("9223372036854775809", NOT_KEPT),
            ("18446744073709551615", NOT_KEPT),
            ("0.1000000000000000055511151231257827", NOT_KEPT),
            ("3.14159265358979323846", NOT_KEPT),
            ("1e126", OUT_OF_RANGE),
            ("1e400", OUT_OF_RANGE),
            ("-1e400", OUT_OF_RANGE),
            ("9e-131", OUT_OF_RANGE),
            ("1e-400", OUT_OF_RANGE),
            ("5e99999999999999999999", OUT_OF_RANGE),
            ("5e-99999999999999999999", OUT_OF_RANGE),
        ] {
            assert_eq!(spelled(written), Err(reason), "{written}");
        }
    }

    #[test]
    fn a_number_with_too_many_digits_is_shown_as_the_nearest() {
        let nines = "9".repeat(38);
        for (written, expected) in [
            ("12.50", "12.5"),
            ("3.14159265358979323846", "3.141592653589793"),
            ("-3.14159265358979323846", "-3.141592653589793"),
            ("18446744073709551615", "18446744073709552000"),
            ("9223372036854775808", "9223372036854776000"),
            ("9007199254740993.5", "9007199254740994"),
            (&nines, "1e38"),
            (&format!("{nines}E+88"), "9.999999999999998e125"),
            (&format!("-{nines}E+88"), "-9.999999999999998e125"),
            ("1.0000000000000000000000000000000000001E-130", "1e-130"),
        ] {
            let mut out = String::new();
            write(&nearest(written).unwrap(), &mut out);
            assert_eq!(out, expected, "{written}");
            assert_eq!(spelled(&out).as_deref(), Ok(expected), "{written}");
        }
        assert_eq!(nearest("1e126"), Err(OUT_OF_RANGE));
        assert_eq!(nearest("1.23456789012345678901e-140"), Err(OUT_OF_RANGE));
    }

    #[test]
    fn numbers_are_equal_by_value_and_not_by_spelling() {
        for (one, other, are) in [
            ("1", "1.0", true),
            ("100", "1E+2", true),
            ("0", "-0.0e9", true),
            ("0.1", "0.1000000000000000055511151231257827", false),
            ("1", "-1", false),
            ("1", "10", false),
        ] {
            assert_eq!(equal(one, other), are, "{one} {other}");
        }
    }

    #[test]
    fn binary_numbers_are_brought_to_the_same_form() {
        for (number, expected) in [
            (Number::from_f64(1.0), Some("1")),
            (Number::from_f64(-0.0), Some("0")),
            (Number::from_f64(0.1), Some("0.1")),
            (Number::from_f64(1e300), None),
            (Some(Number::from(u64::MAX)), None),
        ] {
            let mut out = String::new();
            let found = normalise(&number.unwrap()).ok().map(|number| {
                write(&number, &mut out);
                out.as_str()
            });
            assert_eq!(found, expected);
        }
    }
}
