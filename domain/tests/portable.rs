//! The portable form: one document has one canonical text and one tag, however it was written, and
//! what is not JSON or could not be kept never gets in.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking; clippy.toml excuses test functions and not their helpers"
)]

#[path = "support/decimals.rs"]
mod decimals;
#[path = "support/documents.rs"]
mod documents;
mod support;

use documents::{Document, document, document_of_integers, name, tiny_document, whim};
use proptest::{
    collection::vec,
    prelude::*,
    sample::{Index, select},
};
use serde::de::IgnoredAny;
use serde_json::Value;
use support::cases;
use usher_domain::{
    json::portable::MAX_VIOLATIONS,
    profile::{MAX_PROFILE_BYTES, Profile, ProfileError},
    user_id::UserId,
};

fn parse(body: impl AsRef<[u8]>) -> Result<Profile, ProfileError> {
    let id = UserId::parse("u-1").expect("a user id");
    Profile::parse(body.as_ref(), &id, MAX_PROFILE_BYTES)
}

/// Whether two values are equal, numbers by value: `serde_json` holds 1 and 1.0 apart, and 2^63 as
/// integer and as double.
fn is_alike(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => match (one.as_i64(), other.as_i64()) {
            (Some(one), Some(other)) => one == other,
            _ => one.as_f64() == other.as_f64(),
        },
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(a, b)| is_alike(a, b))
        }
        (Value::Object(one), Value::Object(other)) => {
            let alike = |(name, a)| other.get(name).is_some_and(|b| is_alike(a, b));
            one.len() == other.len() && one.iter().all(alike)
        }
        _ => one == other,
    }
}

/// Holds the crate's verdict on any bytes against `serde_json`'s.
fn check_against_serde_json(bytes: &[u8]) -> Result<(), TestCaseError> {
    let ours = parse(bytes);
    let is_json = std::str::from_utf8(bytes)
        .is_ok_and(|text| serde_json::from_str::<IgnoredAny>(text).is_ok());
    if !is_json {
        prop_assert!(matches!(ours, Err(ProfileError::NotJson(_))), "{ours:?}");
        return Ok(());
    }
    match (serde_json::from_slice::<Value>(bytes), ours) {
        (Ok(value), Ok(profile)) => {
            let kept = Value::Object(profile.attributes());
            let mut sent = value;
            if let Some(members) = sent.as_object_mut() {
                members.remove("userId");
            }
            prop_assert!(is_alike(&kept, &sent), "{kept} of {sent}");
        }
        (Ok(value), Err(ProfileError::NotPortable(violations))) => {
            prop_assert!((1..=MAX_VIOLATIONS).contains(&violations.len()));
            for violation in violations {
                prop_assert!(value.pointer(&violation.pointer).is_some(), "{violation:?}");
            }
        }
        (Ok(_), Err(other)) => prop_assert!(false, "{other:?}"),
        // Too large a number, too deep or a lone surrogate: JSON by its grammar, and no more.
        (Err(_), ours) => prop_assert!(ours.is_err(), "{ours:?}"),
    }
    Ok(())
}

/// Bytes that are shown as text.
struct Bytes(Vec<u8>);

impl std::fmt::Debug for Bytes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "b\"{}\"", self.0.escape_ascii())
    }
}

/// A document to which one small accident happened.
fn damaged() -> impl Strategy<Value = Bytes> {
    let accident = (any::<Index>(), any::<Index>(), 0..5_u8, any::<u8>());
    let byte = prop_oneof![
        select(br#"{}[]",:0123456789eE+-.\u_ "#.to_vec()),
        any::<u8>(),
    ];
    (document(), whim(), accident, byte).prop_map(|(document, mut whim, accident, byte)| {
        let mut bytes = document.spelled(&mut whim).into_bytes();
        let (one, other, kind, _) = accident;
        let (one, other) = (one.index(bytes.len()), other.index(bytes.len()));
        let (from, to) = (one.min(other), one.max(other));
        match kind {
            0 => bytes[one] = byte,
            1 => bytes.insert(one, byte),
            2 => drop(bytes.drain(from..to)),
            3 => bytes.truncate(one),
            _ => {
                let again = bytes[from..to].to_vec();
                bytes.splice(to..to, again);
            }
        }
        Bytes(bytes)
    })
}

proptest! {
    #![proptest_config(cases(256))]

    #[test]
    fn a_portable_document_is_taken_and_its_canonical_text_stays_as_it_is(
        document in document(),
        mut whim in whim(),
    ) {
        let profile = parse(document.spelled(&mut whim)).unwrap();
        prop_assert_eq!(parse(profile.as_json()), Ok(profile.clone()));
        prop_assert_eq!(Profile::from_stored_json(profile.as_json().as_bytes()), Ok(profile));
    }

    #[test]
    fn a_document_has_one_tag_however_it_is_written(
        document in document(),
        mut one in whim(),
        mut other in whim(),
    ) {
        let (one, other) = (document.spelled(&mut one), document.spelled(&mut other));
        prop_assert_eq!(parse(&one), parse(&other), "{} and {}", one, other);
        prop_assert_eq!(parse(&one), Profile::from_attributes(document.members()));
        prop_assert_eq!(parse(one), Profile::from_attributes(document.binary_members()));
    }

    #[test]
    fn tags_are_equal_if_and_only_if_the_values_are(
        one in tiny_document(),
        other in tiny_document(),
        mut whim in whim(),
    ) {
        let tags_of = |document: &Document, text| {
            let attributes = Profile::from_attributes(document.members()).unwrap();
            let text = parse(text).unwrap();
            assert_eq!(attributes.tag(), text.tag());
            *text.tag()
        };
        let equal = one.value() == other.value();
        let one = tags_of(&one, one.spelled(&mut whim));
        let other = tags_of(&other, other.spelled(&mut whim));
        prop_assert_eq!(one == other, equal);
    }

    #[test]
    fn the_canonical_text_is_compact_and_sorted(
        document in document_of_integers(),
        mut whim in whim(),
    ) {
        let profile = parse(document.spelled(&mut whim)).unwrap();
        let compact = serde_json::to_string(&document.value()).unwrap();
        prop_assert_eq!(profile.as_json(), compact);
    }

    #[test]
    fn serde_json_reads_the_canonical_text_to_an_equal_value(
        document in document(),
        mut whim in whim(),
    ) {
        let profile = parse(document.spelled(&mut whim)).unwrap();
        let read: Value = serde_json::from_str(profile.as_json()).unwrap();
        prop_assert!(is_alike(&read, &document.value()), "{read}");
    }

    #[test]
    fn the_attributes_are_what_was_sent_to_the_last_bit(
        document in document(),
        mut whim in whim(),
    ) {
        let profile = parse(document.spelled(&mut whim)).unwrap();
        let kept = Value::Object(profile.attributes());
        prop_assert!(is_alike(&kept, &document.value()), "{kept}");
        prop_assert_eq!(Profile::from_attributes(profile.attributes()), Ok(profile));
    }

    #[test]
    fn a_member_named_like_serde_jsons_own_token_is_like_any_other(
        inside in tiny_document(),
        name in select(vec![
            "$serde_json::private::RawValue",
            "$serde_json::private::Number",
        ]),
    ) {
        let text = inside.value().to_string();
        let token = Document::Object(vec![(name.into(), Document::Text(text))]);
        let document = Document::Object(vec![("a".into(), token)]);
        let profile = parse(document.value().to_string()).unwrap();
        prop_assert_eq!(profile.attributes(), document.members());
        prop_assert_eq!(Profile::from_attributes(document.members()), Ok(profile));
    }

    #[test]
    fn any_bytes_are_judged_like_serde_json_judges_them(bytes in vec(any::<u8>(), 0..40)) {
        check_against_serde_json(&bytes)?;
    }

    #[test]
    fn any_tokens_are_judged_like_serde_json_judges_them(
        tokens in vec(
            select(vec![
                "{", "}", "[", "]", ",", ":", "\"", "\"a\"", "\"_b\"", "\"\"", "\"userId\"", "\"u-1\"", "\\",
                "\\u", "d800", "null", "true", "0", "-", "1", ".5", "e9", "1e400", " ", "\u{feff}",
            ]),
            0..12,
        ),
    ) {
        check_against_serde_json(tokens.concat().as_bytes())?;
        check_against_serde_json(format!("{{\"a\":{}}}", tokens.concat()).as_bytes())?;
    }

    #[test]
    fn a_damaged_document_is_judged_like_serde_json_judges_it(Bytes(bytes) in damaged()) {
        check_against_serde_json(&bytes)?;
        let _ = Profile::from_stored_json(&bytes);
    }

    #[test]
    fn what_cannot_be_kept_is_named_with_its_place(
        document in document(),
        name in name(),
        fault in select(vec![Value::from("\0"), Value::from(u64::MAX), Value::from(1e-200)]),
    ) {
        let mut body = document.value();
        body["a"] = serde_json::json!([{name: fault.clone()}]);
        let Err(ProfileError::NotPortable(violations)) = parse(body.to_string()) else {
            return Err(TestCaseError::fail("taken"));
        };
        let places: Vec<_> = violations.iter().map(|found| body.pointer(&found.pointer)).collect();
        prop_assert_eq!(places, [Some(&fault)]);
    }

    #[test]
    fn half_a_surrogate_pair_is_not_json(
        document in document(),
        half in 0xd800..=0xdfff_u16,
        as_name in any::<bool>(),
    ) {
        let document = document.value();
        let half = format!("\\u{half:04x}");
        let text = if as_name {
            format!("{{\"a\":{document},\"{half}\":1e400}}")
        } else {
            format!("{{\"_\":1e400,\"a\":[{document},\"{half}\"]}}")
        };
        prop_assert!(matches!(parse(text), Err(ProfileError::NotJson(_))));
    }
}
