//! Any patch of any profile: what comes out is what the second implementation says.

use proptest::{collection::vec, prelude::*};
use serde_json::Value;
use usher_domain::{
    json::Violation,
    patch::{Patch, PatchError, PatchFailure},
    profile::MAX_PROFILE_BYTES,
};

use crate::{
    documents::{Document, Whim, document, document_of_integers, tiny_document, whim},
    generated::{Intent, carried_out, intents, merge_patch},
    oracle::{self, Refusal},
    outcome::{Fault, apply, user},
    support::cases,
};

fn refusal(fault: Fault) -> Refusal {
    match fault {
        Fault::Unread(error) => panic!("a generated patch can be read: {error:?}"),
        Fault::Unfit(PatchFailure::TestFailed(violation)) => Refusal::TestFailed(violation.pointer),
        Fault::Unfit(PatchFailure::PathNotFound(violation)) => {
            Refusal::NoSuchPlace(violation.pointer)
        }
        Fault::Unfit(PatchFailure::TooLarge) => Refusal::TooLarge,
        Fault::Unfit(PatchFailure::NotPortable(_)) => Refusal::NotPortable,
    }
}

/// Long pointers are cut where they are told.
fn told(refusal: Refusal) -> Refusal {
    let cut = |pointer: String| Violation::new(&pointer, "").pointer;
    match refusal {
        Refusal::TestFailed(pointer) => Refusal::TestFailed(cut(pointer)),
        Refusal::NoSuchPlace(pointer) => Refusal::NoSuchPlace(cut(pointer)),
        other => other,
    }
}

fn check(
    ours: Result<Value, Fault>,
    theirs: Result<Value, Vec<Refusal>>,
) -> Result<(), TestCaseError> {
    match (ours.map_err(refusal), theirs) {
        (Ok(ours), Ok(theirs)) => prop_assert_eq!(ours, theirs),
        (Err(ours), Err(theirs)) => {
            let told: Vec<_> = theirs.into_iter().map(told).collect();
            prop_assert!(told.contains(&ours), "{ours:?} {told:?}");
        }
        (ours, theirs) => prop_assert!(false, "{ours:?} {theirs:?}"),
    }
    Ok(())
}

/// Holds a JSON Patch against the second implementation.
fn check_operations(
    before: &Document,
    intents: &[Intent],
    whim: &mut Whim,
    max_bytes: usize,
) -> Result<(), TestCaseError> {
    let (before, user) = (before.value(), user());
    let document = oracle::shown(&before, user.as_str());
    // {"userId":"…", …}
    let id = Value::from(user.as_str()).to_string().len() + 10;
    let (patch, outcome) = carried_out(&document, intents, whim, max_bytes + id);
    let theirs = outcome.and_then(|document| {
        oracle::kept(&document, user.as_str(), max_bytes).map_err(|refusal| vec![refusal])
    });
    let read = Patch::operations(patch.text.as_bytes()).expect("a patch");
    let steps = Patch::operations(Value::from(patch.steps).to_string().as_bytes());
    prop_assert_eq!(Ok(&read), steps.as_ref());
    check(apply(&read, &before, max_bytes), theirs)
}

/// Holds a merge patch against the second implementation.
fn check_merge(before: &Value, patch: &Value, max_bytes: usize) -> Result<(), TestCaseError> {
    let user = user();
    let read = Patch::merge(patch.to_string().as_bytes(), &user);
    if oracle::depth(patch) > 32 {
        prop_assert!(matches!(read, Err(PatchError::NotPortable(_))), "{read:?}");
        return Ok(());
    }
    let document = oracle::shown(before, user.as_str());
    let after = oracle::merged(Some(&document), patch);
    let theirs = oracle::kept(&after, user.as_str(), max_bytes).map_err(|refusal| vec![refusal]);
    check(apply(&read.expect("a patch"), before, max_bytes), theirs)
}

proptest! {
    #![proptest_config(cases(512))]

    #[test]
    fn a_json_patch_does_what_its_standard_says(
        before in document(),
        intents in intents(prop_oneof![1 => document(), 5 => tiny_document()]),
        mut whim in whim(),
    ) {
        check_operations(&before, &intents, &mut whim, MAX_PROFILE_BYTES)?;
    }

    #[test]
    fn a_json_patch_of_a_small_profile_does_what_its_standard_says(
        before in tiny_document(),
        intents in intents(tiny_document()),
        mut whim in whim(),
    ) {
        check_operations(&before, &intents, &mut whim, MAX_PROFILE_BYTES)?;
    }

    #[test]
    fn a_json_patch_stays_within_the_bytes_that_are_allowed(
        before in document_of_integers(),
        intents in intents(prop_oneof![1 => document_of_integers(), 5 => tiny_document()]),
        mut whim in whim(),
        room in prop_oneof![0..300_usize, 300..3000_usize],
    ) {
        let max_bytes = before.value().to_string().len() + room;
        check_operations(&before, &intents, &mut whim, max_bytes)?;
    }

    #[test]
    fn a_merge_patch_does_what_its_standard_says(
        before in document(),
        news in vec(document(), 1..4),
        mut whim in whim(),
    ) {
        let before = before.value();
        let patch = merge_patch(&before, &news, &mut whim);
        check_merge(&before, &patch, MAX_PROFILE_BYTES)?;
    }

    #[test]
    fn a_small_merge_patch_does_what_its_standard_says(
        before in tiny_document(),
        patch in tiny_document(),
    ) {
        check_merge(&before.value(), &patch.value(), MAX_PROFILE_BYTES)?;
    }

    #[test]
    fn a_merge_patch_stays_within_the_bytes_that_are_allowed(
        before in document_of_integers(),
        news in vec(document_of_integers(), 1..4),
        mut whim in whim(),
        room in 0..300_usize,
    ) {
        let before = before.value();
        let patch = merge_patch(&before, &news, &mut whim);
        check_merge(&before, &patch, before.to_string().len() + room)?;
    }

    /// A merge patch says what is to be: saying it again changes nothing.
    #[test]
    fn a_merge_patch_applied_twice_is_as_if_applied_once(
        before in document(),
        news in vec(document(), 1..4),
        mut whim in whim(),
    ) {
        let before = before.value();
        let patch = merge_patch(&before, &news, &mut whim).to_string();
        if let Ok(patch) = Patch::merge(patch.as_bytes(), &user())
            && let Ok(once) = apply(&patch, &before, MAX_PROFILE_BYTES)
        {
            prop_assert_eq!(apply(&patch, &once, MAX_PROFILE_BYTES), Ok(once));
        }
    }
}
