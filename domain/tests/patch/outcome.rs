//! A patch from its text to what it leaves.

use serde_json::Value;
use usher_domain::{
    json::Violation,
    patch::{Patch, PatchError, PatchFailure},
    profile::{MAX_PROFILE_BYTES, Profile, USER_ID_MEMBER},
    user_id::UserId,
};

/// Why a patch came to nothing.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It could not be read.
    Unread(PatchError),
    /// It does not fit the profile.
    Unfit(PatchFailure),
}

pub(crate) fn user() -> UserId {
    UserId::parse("u-1").expect("a user id")
}

pub(crate) fn stored(attributes: &Value) -> Profile {
    let members = attributes.as_object().expect("an object").clone();
    Profile::from_attributes(members).expect("a portable profile")
}

/// What a JSON Patch makes of a profile.
pub(crate) fn operations(before: &Value, patch: &Value) -> Result<Value, Fault> {
    let patch = Patch::operations(patch.to_string().as_bytes()).map_err(Fault::Unread)?;
    apply(&patch, before, MAX_PROFILE_BYTES)
}

/// What a merge patch makes of a profile.
pub(crate) fn merge(before: &Value, patch: &Value) -> Result<Value, Fault> {
    let patch = Patch::merge(patch.to_string().as_bytes(), &user()).map_err(Fault::Unread)?;
    apply(&patch, before, MAX_PROFILE_BYTES)
}

pub(crate) fn apply(patch: &Patch, before: &Value, max_bytes: usize) -> Result<Value, Fault> {
    let before = stored(before);
    let after = patch.apply(&before, &user(), max_bytes);
    let after = after.map_err(|unapplied| Fault::Unfit(unapplied.why))?;
    check_form(&after, max_bytes);
    Ok(Value::Object(after.attributes()))
}

/// What a patch leaves is as canonical as what a client puts.
fn check_form(profile: &Profile, max_bytes: usize) {
    let text = profile.as_json();
    let again = Profile::parse(text.as_bytes(), &user(), max_bytes);
    assert_eq!(again.as_ref(), Ok(profile));
    assert!(text.len() <= max_bytes);
    assert!(!profile.attributes().contains_key(USER_ID_MEMBER));
    let answered = profile.render(&user());
    let again = Profile::parse(answered.as_bytes(), &user(), max_bytes);
    assert_eq!(again.as_ref(), Ok(profile));
}

impl Fault {
    /// The kind of the fault, and every place that it names.
    pub(crate) fn named(&self) -> (&'static str, Vec<&str>) {
        match self {
            Self::Unread(PatchError::NotJson(_)) => ("not JSON", vec![]),
            Self::Unread(PatchError::Invalid(found)) => ("not a patch", pointers(found)),
            Self::Unread(PatchError::NotPortable(found)) => ("patch not portable", pointers(found)),
            Self::Unfit(PatchFailure::TestFailed(found)) => {
                ("test failed", vec![found.pointer.as_str()])
            }
            Self::Unfit(PatchFailure::PathNotFound(found)) => {
                ("no such place", vec![found.pointer.as_str()])
            }
            Self::Unfit(PatchFailure::TooLarge) => ("too large", vec![]),
            Self::Unfit(PatchFailure::NotPortable(found)) => {
                ("profile not portable", pointers(found))
            }
        }
    }
}

fn pointers(found: &[Violation]) -> Vec<&str> {
    found.iter().map(|found| found.pointer.as_str()).collect()
}

/// Holds that a patch was refused, for this reason and at these places.
#[track_caller]
pub(crate) fn refused<const N: usize>(
    outcome: Result<Value, Fault>,
    kind: &str,
    places: [&str; N],
) {
    let fault = outcome.expect_err("the patch was taken");
    assert_eq!(fault.named(), (kind, places.to_vec()), "{fault:?}");
}
