//! When a change is in force.

use std::{
    task::{Context, Waker},
    time::Duration,
};

use proptest::{collection::vec, prelude::*};
use usher_domain::time::Timestamp;

use super::{IN_FORCE, LARGEST, OLD, Scene, TOO_OLD, denies, open, until};
use crate::{
    arbitrary::cases,
    support::{just_before, now},
};

fn after(seconds: f64) -> Timestamp {
    now().plus(Duration::from_secs_f64(seconds))
}

/// The first request does not go by what was read at the start, which may be long ago.
#[tokio::test]
async fn a_change_before_the_first_request_is_in_force_with_it() {
    let scene = Scene::new("alice\n");
    let list = scene.open();
    scene.write("bob\n");
    assert!(denies(&list, "bob", now()).await);
    assert!(!denies(&list, "alice", now()).await);
}

/// Four seconds after the last look at the file nobody is let in without another.
#[tokio::test]
async fn a_change_is_in_force_four_seconds_after_the_list_was_read() {
    let scene = Scene::new("alice\n");
    let list = scene.open();
    assert!(!denies(&list, "bob", now()).await);
    scene.write("bob\n");
    assert!(!denies(&list, "bob", now()).await, "the list is young");
    let young = just_before(now().plus(OLD));
    assert!(!denies(&list, "bob", young).await, "the list is young");
    assert!(denies(&list, "bob", now().plus(TOO_OLD)).await);
    assert!(!denies(&list, "alice", now().plus(TOO_OLD)).await);
    scene.write("carol\n");
    assert!(denies(&list, "carol", after(3_600.0)).await);
}

/// Something that happens to the file.
type Break = fn(&Scene);

/// What was in force before may be in force again.
#[tokio::test]
async fn a_list_that_is_as_it_once_was_is_in_force() {
    let scene = Scene::new("alice\n");
    let list = scene.open();
    let mut at = now();
    for id in ["alice", "bob", "alice", "alice", "bob", "alice"] {
        scene.write(format!("{id}\n"));
        for one in ["alice", "bob"] {
            assert_eq!(denies(&list, one, at).await, one == id, "{one} of {id}");
        }
        at = at.plus(TOO_OLD);
    }
}

/// Between two and four seconds the file is read beside the request, which does not wait.
#[tokio::test]
async fn a_change_is_seen_beside_the_request_after_two_seconds() {
    let scene = Scene::new("alice\n");
    let list = scene.open();
    assert!(denies(&list, "alice", now()).await);
    scene.write("bob\n");
    let old = now().plus(OLD);
    assert!(
        !denies(&list, "bob", old).await,
        "it went by the list it had"
    );
    until(async || denies(&list, "bob", old).await).await;
    assert!(!denies(&list, "alice", old).await);
}

#[tokio::test]
async fn while_the_file_is_away_or_broken_the_last_list_is_in_force() {
    let scene = Scene::new("alice\n");
    let list = scene.open();
    assert!(denies(&list, "alice", now()).await);
    let breaks: [(&str, Break); 5] = [
        ("removed", Scene::remove),
        ("too large", |scene| {
            scene.write("bob\n".repeat(LARGEST / 4 + 1));
        }),
        ("no text", |scene| scene.write(b"bob\n\xff")),
        ("a bad line", |scene| scene.write("bob\n\"carol\n")),
        ("a directory", |scene| {
            scene.remove();
            std::fs::create_dir(scene.path()).expect("a directory");
        }),
    ];
    let mut at = now();
    for (what, break_it) in breaks {
        break_it(&scene);
        for _ in 0..3 {
            at = at.plus(IN_FORCE);
            assert!(denies(&list, "alice", at).await, "{what}");
            assert!(!denies(&list, "bob", at).await, "{what}");
        }
    }
    at = at.plus(Duration::from_hours(24));
    assert!(denies(&list, "alice", at).await, "for ever");
    std::fs::remove_dir(scene.path()).expect("no directory");
    scene.write("bob\n");
    at = at.plus(IN_FORCE);
    assert!(denies(&list, "bob", at).await);
    assert!(!denies(&list, "alice", at).await);
}

/// An orchestrator replaces a link, or what a link leads to.
#[cfg(unix)]
#[tokio::test]
async fn a_link_is_followed_each_time() {
    use std::os::unix::fs::symlink;
    let scene = Scene::new("alice\n");
    let (link, turn) = (
        scene.directory.path().join("link"),
        scene.directory.path().join("turn"),
    );
    let other = scene.directory.path().join("other");
    std::fs::write(&other, "bob\n").expect("a file");
    symlink(scene.path(), &link).expect("a link");
    let list = open(&link).expect("a list");
    assert!(denies(&list, "alice", now()).await);
    symlink(&other, &turn).expect("a link");
    std::fs::rename(turn, &link).expect("the other link");
    assert!(denies(&list, "bob", after(5.0)).await);
    assert!(!denies(&list, "alice", after(5.0)).await);
}

/// A list from the future is as bad as an old one.
#[tokio::test]
async fn a_clock_that_was_set_back_keeps_no_old_list_in_force() {
    let scene = Scene::new("alice\n");
    let list = scene.open();
    assert!(denies(&list, "alice", after(1_000_000.0)).await);
    scene.write("bob\n");
    assert!(denies(&list, "bob", now()).await);
    scene.write("carol\n");
    assert!(denies(&list, "carol", after(4.0)).await);
    let earliest = Timestamp::from_nanos(i64::MIN);
    scene.write("dave\n");
    assert!(denies(&list, "dave", earliest).await);
    let latest = Timestamp::from_nanos(i64::MAX);
    scene.write("erin\n");
    assert!(denies(&list, "erin", latest).await);
}

/// Who goes away while the file is read leaves it to the others.
#[tokio::test]
async fn a_request_that_is_given_up_does_not_stop_the_next_one() {
    let scene = Scene::new("alice\n");
    let list = scene.open();
    assert!(denies(&list, "alice", now()).await);
    let mut read = now();
    for age in [OLD, TOO_OLD, Duration::from_secs(100)] {
        let at = read.plus(age);
        let id = format!("at-{}", at.as_nanos());
        scene.write(&id);
        let mut given_up = Box::pin(denies(&list, "alice", at));
        let _ = given_up
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()));
        drop(given_up);
        read = at.plus(TOO_OLD);
        assert!(denies(&list, &id, read).await);
    }
}

/// What happens to the file, and when a request asks for it.
#[derive(Debug, Clone)]
enum Step {
    Write,
    Remove,
    Ask,
}

proptest! {
    #![proptest_config(cases(64))]

    /// Each list denies one subject, so that it shows which one is in force: the newest that is older
    /// than five seconds, or a newer one.
    #[test]
    fn whatever_happens_a_change_is_in_force_within_five_seconds(
        steps in vec(
            (
                prop_oneof![
                    1 => Just(Step::Write),
                    1 => Just(Step::Remove),
                    4 => Just(Step::Ask),
                ],
                0_u64..3_000,
            ),
            1..40,
        ),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        let runtime = runtime.expect("a runtime");
        let scene = Scene::new("list-0\n");
        let list = scene.open();
        let mut writes = vec![now()];
        let mut at = now();
        for (step, milliseconds) in steps {
            at = at.plus(Duration::from_millis(milliseconds));
            match step {
                Step::Write => {
                    scene.write(format!("list-{}\n", writes.len()));
                    writes.push(at);
                }
                // A list that was away before it was due was never seen, and need not be.
                Step::Remove if at.since(writes[writes.len() - 1]) >= IN_FORCE => {
                    let last = writes.len() - 1;
                    let seen = runtime.block_on(denies(&list, &format!("list-{last}"), at));
                    prop_assert!(seen);
                    let _ = std::fs::remove_file(scene.path());
                }
                Step::Remove => {}
                Step::Ask => {
                    let due = writes.iter().rposition(|written| at.since(*written) >= IN_FORCE);
                    let asked = |number| runtime.block_on(denies(&list, &format!("list-{number}"), at));
                    for number in 0..due.unwrap_or(0) {
                        prop_assert!(!asked(number), "list {} is in force still", number);
                    }
                    if let Some(due) = due && due + 1 == writes.len() {
                        prop_assert!(asked(due), "list {} is not in force", due);
                    }
                }
            }
        }
    }
}
