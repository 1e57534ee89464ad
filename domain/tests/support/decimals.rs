//! Decimal numbers as text, independent of how the crate reads them.

use proptest::{prelude::*, sample::select};
use serde_json::Number;

/// A decimal literal's value: `0.digits` x 10^`point`, without zeros at either end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Decimal {
    negative: bool,
    digits: String,
    point: i32,
}

impl Decimal {
    /// The value of a JSON number whose exponent fits an `i32`. All zeros are equal.
    pub(crate) fn of(literal: &str) -> Self {
        let lower = literal.to_ascii_lowercase();
        let (mantissa, exponent) = lower.split_once('e').unwrap_or((&lower, "0"));
        let mut point: i32 = exponent.parse().expect("an exponent");
        let (mut digits, mut is_whole) = (String::new(), true);
        for character in mantissa.chars() {
            match character {
                '.' => is_whole = false,
                '0' if digits.is_empty() && is_whole => {}
                '0' if digits.is_empty() => point -= 1,
                '0'..='9' => {
                    digits.push(character);
                    point += i32::from(is_whole);
                }
                _ => {}
            }
        }
        while digits.ends_with('0') {
            digits.pop();
        }
        if digits.is_empty() {
            (digits, point) = ("0".into(), 1);
        }
        let negative = literal.starts_with('-') && digits != "0";
        Self {
            negative,
            digits,
            point,
        }
    }

    /// n in d.ddd x 10^n.
    pub(crate) fn magnitude(&self) -> i32 {
        self.point - 1
    }

    /// The number as an integer, if it is one of 64 bits.
    pub(crate) fn integer(&self) -> Option<i64> {
        let length = i32::try_from(self.digits.len()).ok()?;
        let zeros = usize::try_from(self.point - length)
            .ok()
            .filter(|zeros| *zeros < 20)?;
        let sign = if self.negative { "-" } else { "" };
        format!("{sign}{}{}", self.digits, "0".repeat(zeros))
            .parse()
            .ok()
    }

    /// A literal of this value, with so many `zeros` at its end, its point behind digit `point` or
    /// after the last one, and `e` before the exponent.
    pub(crate) fn spelled(&self, zeros: usize, point: usize, e: &str) -> String {
        let digits = format!("{}{}", self.digits, "0".repeat(zeros));
        // A literal that begins with a zero may have no other digit before its point.
        let at = if self.digits == "0" {
            1
        } else {
            (point + 1).min(digits.len())
        };
        let (whole, fraction) = digits.split_at(at);
        let exponent = self.point - i32::try_from(at).expect("few digits");
        let sign = if self.negative { "-" } else { "" };
        let point = if fraction.is_empty() { "" } else { "." };
        match (exponent, exponent < 0) {
            (0, _) => format!("{sign}{whole}{point}{fraction}"),
            (_, true) => format!("{sign}{whole}{point}{fraction}e{exponent}"),
            (_, false) => format!("{sign}{whole}{point}{fraction}{e}{exponent}"),
        }
    }
}

/// The shortest literal that reads as `double`; its value is what `double` stands for.
pub(crate) fn shortest(double: f64) -> String {
    format!("{double:e}")
}

/// Whether `double` lies half-way between two shortest literals. Rust's formatter then takes the
/// larger one and `serde_json`, like JavaScript and Python, the even one.
pub(crate) fn is_tie(double: f64) -> bool {
    let elsewhere = Number::from_f64(double).map_or_else(String::new, |number| number.to_string());
    double.is_finite() && Decimal::of(&elsewhere) != Decimal::of(&shortest(double))
}

/// What `double` is in the portable form.
pub(crate) fn number(double: f64) -> Number {
    match Decimal::of(&shortest(double)).integer() {
        Some(integer) => integer.into(),
        None => Number::from_f64(double).expect("a finite double"),
    }
}

/// Whether `DynamoDB` keeps numbers of this size.
pub(crate) fn is_kept(value: &Decimal) -> bool {
    value.digits == "0" || (-130..=125).contains(&value.magnitude())
}

/// A double of a size that every store keeps, and of which all agree what its digits are.
pub(crate) fn double() -> impl Strategy<Value = f64> {
    let edge = select(vec![
        0.1,
        1.0,
        -0.0,
        1e-5,
        9.99e-6,
        9.999_999_999_999_999e20,
        1e21,
        1e-130,
        9.99e125,
        // The first doubles that are no 64-bit integers, with sign and without.
        9_223_372_036_854_775_808.0,
        18_446_744_073_709_551_616.0,
    ]);
    let scaled = (any::<i32>(), -150..120_i32)
        .prop_map(|(digits, exponent)| format!("{digits}e{exponent}").parse().unwrap_or(0.0));
    prop_oneof![
        1 => edge,
        2 => any::<i32>().prop_map(|cents| f64::from(cents) / 100.0),
        3 => scaled,
        3 => any::<u64>().prop_map(f64::from_bits),
    ]
    .prop_filter("some store would not keep it", |double| {
        double.is_finite() && is_kept(&Decimal::of(&shortest(*double))) && !is_tie(*double)
    })
}
