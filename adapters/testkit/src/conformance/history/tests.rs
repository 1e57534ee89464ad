//! What could not have been is found.

use super::*;

fn state(epoch: usize, members: &[&str]) -> State {
    State {
        epoch,
        members: members.iter().map(|name| (*name).to_owned()).collect(),
    }
}

fn put(epoch: usize, created: bool) -> Answer {
    Answer::Put { epoch, created }
}

fn patched(epoch: usize, member: &str, members: &[&str]) -> Answer {
    Answer::Patched {
        member: member.to_owned(),
        state: state(epoch, members),
    }
}

fn found(epoch: usize, members: &[&str]) -> Answer {
    Answer::Found(Some(state(epoch, members)))
}

/// Calls with when they began and ended.
fn verdict<const N: usize>(calls: [(u64, u64, Answer); N]) -> Result<(), String> {
    let call = |(begun, ended, answer)| Call {
        begun,
        ended,
        answer,
    };
    check(&calls.map(call))
}

#[test]
fn calls_that_could_have_come_one_after_the_other_pass() {
    let calls = [
        (0, 1, Answer::Found(None)),
        (2, 9, put(1, true)),
        (3, 8, patched(1, "a", &["a"])),
        (4, 7, patched(1, "b", &["a", "b"])),
        (5, 20, found(1, &["a"])),
        (6, 21, Answer::Deleted),
        (10, 22, Answer::Refused),
        (11, 23, Answer::Found(None)),
        (12, 24, put(2, true)),
        (13, 25, put(3, false)),
        (30, 31, found(3, &[])),
    ];
    assert_eq!(verdict(calls), Ok(()));
}

#[test]
fn an_update_that_another_overwrote_is_found() {
    let lost = [
        (0, 1, put(1, true)),
        (2, 5, patched(1, "a", &["a"])),
        (3, 4, patched(1, "b", &["b"])),
        (6, 7, found(1, &["b"])),
    ];
    assert!(verdict(lost).unwrap_err().contains("b left"));
    let unseen = [
        (0, 1, put(1, true)),
        (2, 3, patched(1, "a", &["a"])),
        (4, 5, found(1, &[])),
    ];
    assert!(verdict(unseen).unwrap_err().contains("does not see"));
}

#[test]
fn an_update_out_of_its_order_is_found() {
    let calls = [
        (0, 1, put(1, true)),
        (2, 3, patched(1, "b", &["a", "b"])),
        (4, 5, patched(1, "a", &["a"])),
        (6, 7, found(1, &["a", "b"])),
    ];
    assert!(verdict(calls).unwrap_err().contains("before a began"));
}

#[test]
fn a_profile_that_comes_back_after_its_deletion_is_found() {
    let by_a_patch = [
        (0, 1, put(1, true)),
        (2, 3, Answer::Deleted),
        (4, 5, patched(1, "a", &["a"])),
        (6, 7, found(1, &["a"])),
    ];
    assert!(verdict(by_a_patch).unwrap_err().contains("had ended"));
    let by_a_patch_that_overlaps = [
        (0, 1, put(1, true)),
        (2, 5, patched(1, "a", &["a"])),
        (3, 4, Answer::Deleted),
        (6, 7, found(1, &["a"])),
    ];
    let said = verdict(by_a_patch_that_overlaps).unwrap_err();
    assert!(said.contains("had ended"));
    let by_a_put_that_was_seen_before_it_was_answered = [
        (0, 9, put(1, true)),
        (1, 2, found(1, &[])),
        (3, 4, Answer::Deleted),
        (5, 6, found(1, &[])),
        (10, 11, Answer::Found(None)),
    ];
    let said = verdict(by_a_put_that_was_seen_before_it_was_answered).unwrap_err();
    assert!(said.contains("had ended"));
}

#[test]
fn what_nobody_wrote_is_found() {
    let epoch = [(0, 1, put(1, true)), (2, 3, found(2, &[]))];
    assert!(verdict(epoch).unwrap_err().contains("nobody began"));
    let member = [(0, 1, put(1, true)), (2, 3, found(1, &["a"]))];
    assert!(verdict(member).unwrap_err().contains("nobody added"));
    let other_member = [
        (0, 1, put(1, true)),
        (2, 3, patched(1, "a", &["a"])),
        (4, 5, found(1, &["b"])),
    ];
    assert!(verdict(other_member).unwrap_err().contains("no PATCH left"));
    let future = [
        (0, 1, put(1, true)),
        (2, 3, found(1, &["a"])),
        (4, 5, patched(1, "a", &["a"])),
        (6, 7, found(1, &["a"])),
    ];
    assert!(verdict(future).unwrap_err().contains("sees"));
    let put_later = [(0, 1, found(1, &[])), (2, 3, put(1, true))];
    assert!(verdict(put_later).unwrap_err().contains("put later"));
}

#[test]
fn a_profile_that_went_without_being_deleted_is_found() {
    let calls = [(0, 1, put(1, true)), (2, 3, Answer::Found(None))];
    assert!(verdict(calls).unwrap_err().contains("nobody had deleted"));
    let calls = [
        (0, 1, put(1, true)),
        (2, 3, Answer::Deleted),
        (4, 5, put(2, true)),
        (6, 7, Answer::Found(None)),
    ];
    assert!(verdict(calls).unwrap_err().contains("nobody had deleted"));
}

#[test]
fn a_profile_that_was_created_or_deleted_twice_is_found() {
    let created_twice = [
        (0, 3, put(1, true)),
        (1, 2, put(2, true)),
        (4, 5, found(1, &[])),
    ];
    assert!(verdict(created_twice).unwrap_err().contains("2 created"));
    let deleted_twice = [
        (0, 1, put(1, true)),
        (2, 5, Answer::Deleted),
        (3, 4, Answer::Deleted),
        (6, 7, Answer::Found(None)),
    ];
    assert!(verdict(deleted_twice).unwrap_err().contains("2 deleted"));
}
