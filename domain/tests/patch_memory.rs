//! How much memory a patch takes while it is applied: a small multiple of the largest profile and
//! of the patch's own text, whatever it says.
//!
//! A binary of its own: the allocator that counts is that of the whole process. It counts by
//! threads, so that the tests may run at the same time.

#![allow(
    clippy::expect_used,
    reason = "a test fails by panicking; clippy.toml excuses test functions and not their helpers"
)]

use serde_json::{Value, json};
use usher_domain::{
    patch::{Patch, PatchFailure},
    profile::Profile,
    user_id::UserId,
};

/// The largest profile here: large enough for what grows to be seen.
const MAX_BYTES: usize = 64 * 1024;

/// To apply a patch takes no more than so many times what it takes to read the largest profile
/// that is made of the same parts. (In memory a number takes 16 times its text, and an object of
/// one short member 80 times: no bound in bytes of text would hold for all.)
const TIMES: u64 = 3;

fn user() -> UserId {
    UserId::parse("u-1").expect("a user id")
}

fn read(attributes: &Value) -> Profile {
    let body = attributes.to_string();
    Profile::parse(body.as_bytes(), &user(), MAX_BYTES).expect("a profile")
}

/// What a profile may be made of, from what is largest in memory to what is smallest.
fn parts() -> [Value; 4] {
    [json!({"a": 0}), json!(0), json!({}), json!("x".repeat(500))]
}

/// A list of equal parts that has about so many bytes.
fn list(part: &Value, bytes: usize) -> Value {
    Value::Array(vec![part.clone(); bytes / (part.to_string().len() + 1)])
}

/// The largest list that a profile has room for, beside a few short members.
fn largest(part: &Value) -> Value {
    list(part, MAX_BYTES - 64)
}

/// The most bytes that are allocated at once, beyond what was there before.
fn peak<T>(work: impl FnOnce() -> T) -> (u64, T) {
    let mut result = None;
    let counted = allocation_counter::measure(|| result = Some(work()));
    (counted.bytes_max, result.expect("it has been run"))
}

/// What a patch may take for profiles of these parts.
struct Allowed(u64);

impl Allowed {
    fn of(part: &Value) -> Self {
        let profile = json!({"l": largest(part)});
        Self(TIMES * peak(|| read(&profile)).0)
    }

    /// Applies a patch, and holds that it takes no more memory than it may.
    #[track_caller]
    fn apply(&self, patch: &Patch, before: &Profile) -> Result<Profile, PatchFailure> {
        let (peak, outcome) = peak(|| patch.apply(before, &user(), MAX_BYTES));
        assert!(peak <= self.0, "{peak} bytes of {}", self.0);
        outcome.map_err(|unapplied| unapplied.why)
    }
}

fn operations(operations: impl IntoIterator<Item = Value>) -> Patch {
    let body = Value::from_iter(operations).to_string();
    Patch::operations(body.as_bytes()).expect("a patch")
}

fn merge(patch: &Value) -> Patch {
    Patch::merge(patch.to_string().as_bytes(), &user()).expect("a patch")
}

#[test]
fn copies_that_double_the_profile_are_stopped_before_they_take_much_memory() {
    let double = |number| json!({"op": "copy", "from": "", "path": format!("/c{number}")});
    for part in parts() {
        let allowed = Allowed::of(&part);
        let before = read(&json!({"l": list(&part, 4000)}));
        // 2^9 times the profile, if nobody looked; more would take the machine down with the test.
        let outcome = allowed.apply(&operations((0..9).map(double)), &before);
        assert_eq!(outcome, Err(PatchFailure::TooLarge));
    }
}

#[test]
fn copies_of_a_list_into_itself_are_stopped_before_they_take_much_memory() {
    let copy = json!({"op": "copy", "from": "/l", "path": "/l/0"});
    let beside = json!({"op": "copy", "from": "/l", "path": "/l/-"});
    for part in parts() {
        let allowed = Allowed::of(&part);
        let before = read(&json!({"l": list(&part, 4000)}));
        let patch = operations((0..4).flat_map(|_| [copy.clone(), beside.clone()]));
        let outcome = allowed.apply(&patch, &before);
        assert_eq!(outcome, Err(PatchFailure::TooLarge));
    }
}

#[test]
fn a_profile_that_is_copied_into_itself_takes_little_memory() {
    let copy = json!({"op": "copy", "from": "", "path": "/a"});
    for part in parts() {
        let allowed = Allowed::of(&part);
        let before = read(&json!({"l": list(&part, 1800)}));
        let patch = operations(vec![copy.clone(); 28]);
        assert!(allowed.apply(&patch, &before).is_ok());
    }
}

/// The largest profile in one step, and what would be twice as large.
#[test]
fn one_operation_on_the_largest_profile_takes_little_memory() {
    for part in parts() {
        let allowed = Allowed::of(&part);
        let before = read(&json!({"l": largest(&part)}));
        for (operation, fits) in [
            (json!({"op": "copy", "from": "/l", "path": "/m"}), false),
            (
                json!({"op": "add", "path": "/m", "value": largest(&part)}),
                false,
            ),
            (
                json!({"op": "add", "path": "/l", "value": largest(&part)}),
                true,
            ),
            (json!({"op": "move", "from": "/l", "path": "/m"}), true),
            (
                json!({"op": "test", "path": "/l", "value": largest(&part)}),
                true,
            ),
        ] {
            let outcome = allowed.apply(&operations([operation]), &before);
            assert_eq!(outcome.is_ok(), fits);
        }
    }
}

#[test]
fn values_that_are_added_and_removed_again_take_little_memory() {
    for part in parts() {
        let allowed = Allowed::of(&part);
        // The body is as large as a body may be.
        let value = list(&part, MAX_BYTES / 50 - 100);
        let add = json!({"op": "add", "path": "/m", "value": value});
        let remove = json!({"op": "remove", "path": "/m"});
        let before = read(&json!({"l": list(&part, MAX_BYTES - 2000)}));
        let patch = operations((0..50).flat_map(|_| [add.clone(), remove.clone()]));
        assert_eq!(allowed.apply(&patch, &before), Ok(before));
    }
}

#[test]
fn merge_patches_take_little_memory() {
    for part in parts() {
        let allowed = Allowed::of(&part);
        let before = read(&json!({"l": largest(&part)}));
        for (patch, fits) in [
            (json!({"l": largest(&part)}), true),
            (json!({"l": null, "m": largest(&part)}), true),
            (json!({"m": largest(&part)}), false),
            (json!({"m": 1}), true),
        ] {
            assert_eq!(allowed.apply(&merge(&patch), &before).is_ok(), fits);
        }
    }
}

#[test]
fn reading_a_patch_takes_as_much_memory_as_reading_a_profile() {
    for part in parts() {
        let patch = json!({"l": largest(&part)});
        let (profile, _) = peak(|| read(&patch));
        let (as_merge, _) = peak(|| merge(&patch));
        let adds = [json!({"op": "add", "path": "/l", "value": largest(&part)})];
        let (as_operations, _) = peak(|| operations(adds));
        assert!(as_merge.max(as_operations) <= profile + profile / 4);
    }
}
