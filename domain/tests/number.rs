//! Numbers: one that is accepted has exactly the value that was written, and none is refused that
//! every store keeps.

#![allow(
    clippy::expect_used,
    reason = "a test fails by panicking; clippy.toml excuses test functions and not their helpers"
)]

#[path = "support/decimals.rs"]
mod decimals;
mod support;

use decimals::{Decimal, is_kept};
use proptest::{prelude::*, sample::select};
use serde_json::Number;
use support::cases;
use usher_domain::json::number::{self, NOT_KEPT, OUT_OF_RANGE};

fn written(number: &Number) -> String {
    let mut out = String::new();
    number::write(number, &mut out);
    out
}

/// A JSON number as anybody may write it, short ones and such as no double keeps.
fn literal() -> impl Strategy<Value = String> {
    const WRITTEN: &str = concat!(
        "-?(0|[1-9][0-9]{0,2}|[1-9][0-9]{0,19}0{0,4})",
        "(\\.(0{0,3}[0-9]{1,3}|[0-9]{1,20})0{0,3})?",
        "([eE][+-]?0{0,2}(1[0-9]{2}|[0-9]{1,2}))?",
    );
    let edge = select(vec![
        "9223372036854775807",
        "9223372036854775808",
        "-9223372036854775808",
        "-9223372036854775809",
        "9223372036854776000",
        "18446744073709551615",
        "9007199254740993",
        "-9e18",
        "1e-130",
        "0.99e-130",
        "9.99e125",
        "10e125",
        "1e400",
    ]);
    prop_oneof![8 => WRITTEN, 1 => edge.prop_map(str::to_owned)]
}

proptest! {
    #![proptest_config(cases(1000))]

    #[test]
    fn what_is_shown_of_any_number_is_portable_and_what_a_double_keeps_of_it(
        literal in "-?[1-9](\\.[0-9]{0,37})?E(-?(1[01][0-9]|[0-9]{1,2})|12[0-5])"
    ) {
        let shown = number::nearest(&literal).unwrap();
        prop_assert_eq!(number::parse(&written(&shown)), Ok(shown.clone()));
        match number::parse(&literal) {
            Ok(kept) => prop_assert_eq!(kept, shown),
            Err(why) => {
                prop_assert_eq!(why, NOT_KEPT);
                let double: f64 = literal.parse().unwrap();
                let below = double.abs().next_down().copysign(double);
                prop_assert!(
                    shown.as_f64() == Some(double)
                        || double.abs() >= 1e126 && shown.as_f64() == Some(below)
                );
            }
        }
    }

    #[test]
    fn a_doubles_shortest_form_reads_as_that_double(double in decimals::double()) {
        for literal in [decimals::shortest(double), format!("{double}"), format!("{double:?}")] {
            let number = number::parse(&literal).unwrap();
            prop_assert_eq!(&number, &decimals::number(double));
            prop_assert!(number.as_f64() == Some(double), "{number}");
        }
        let binary = Number::from_f64(double).unwrap();
        prop_assert_eq!(number::normalise(&binary), Ok(decimals::number(double)));
    }

    /// What a client reads as a double and writes again is the same number to it.
    #[test]
    fn a_double_is_taken_as_javascript_and_python_write_it(
        double in (8_388_608..10_000_000_u32, 0..512_u32)
            .prop_map(|(whole, odd)| f64::from(whole) + f64::from(2 * odd + 1) / 1024.0)
            .prop_filter("all agree on its digits", |double| decimals::is_tie(*double)),
    ) {
        let number = Number::from_f64(double).unwrap();
        let theirs = number::parse(&number.to_string());
        prop_assert_eq!(theirs, Ok(number.clone()), "{}", number);
        prop_assert_eq!(number::parse(&written(&number)), Ok(number));
    }

    #[test]
    fn a_respelled_number_is_the_same_number(
        double in decimals::double(),
        zeros in 0..4_usize,
        point in 0..30_usize,
        exponent in select(vec!["e", "E", "e+0", "E+00"]),
    ) {
        let value = Decimal::of(&decimals::shortest(double));
        let literal = value.spelled(zeros, point, exponent);
        prop_assert_eq!(number::parse(&literal), Ok(decimals::number(double)), "{}", literal);
    }

    #[test]
    fn a_number_is_kept_exactly_as_written_or_refused(literal in literal()) {
        let value = Decimal::of(&literal);
        let double: f64 = literal.parse().unwrap();
        prop_assume!(!decimals::is_tie(double));
        let is_double = || Decimal::of(&decimals::shortest(double)) == value;
        match number::parse(&literal) {
            Ok(number) => {
                let exact = match number.as_i64() {
                    Some(integer) => integer.to_string(),
                    None => decimals::shortest(number.as_f64().unwrap()),
                };
                prop_assert_eq!(&Decimal::of(&exact), &value);
                prop_assert_eq!(number.as_i64(), value.integer());
                prop_assert!(is_kept(&value));
                let written = written(&number);
                prop_assert_eq!(&Decimal::of(&written), &value);
                prop_assert!(serde_json::from_str::<Number>(&written).is_ok());
                prop_assert_eq!(number::parse(&written), Ok(number));
            }
            Err(OUT_OF_RANGE) => prop_assert!(!is_kept(&value)),
            Err(reason) => {
                prop_assert_eq!(reason, NOT_KEPT);
                prop_assert!(value.integer().is_none() && is_kept(&value) && !is_double());
            }
        }
    }
}
