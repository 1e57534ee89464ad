//! The suite of concurrent writers: the domain's service over a [`ProfileStore`], and many clients
//! at once on one profile. No update is lost, whatever a client was told.

use std::sync::Arc;

use serde_json::json;
use usher_domain::{
    patch::PatchFailure, ports::ProfileStore, profile::Profile, service::ProfileFailure,
};

use super::{
    clients::{
        CLIENTS, Client, Written, at_once, if_absent, if_match, profile, setting, unconditional,
    },
    course::{Course, get, put},
    history::{self, Answer},
};

const ROUNDS: usize = 6;

/// The one answer that is a success. Each other is a 412.
fn one_winner(answers: Vec<Result<Profile, ProfileFailure>>) -> Profile {
    let mut winner = None;
    for answer in answers {
        match answer {
            Ok(profile) => assert_eq!(winner.replace(profile), None, "two writers won"),
            Err(ProfileFailure::PreconditionFailed) => {}
            Err(other) => panic!("{other:?}"),
        }
    }
    winner.expect("a writer won")
}

/// What many clients did who each added a member of their own.
struct Additions {
    /// Who was answered 200, or 409 at last.
    added: Vec<bool>,
    /// How many writes each asked the store for.
    writes: Vec<usize>,
    /// How many answers were 409.
    conflicts: usize,
}

/// Every client sends its own PATCH, up to `calls` times if it is answered 409.
async fn add_members(
    store: &Arc<dyn ProfileStore>,
    as_operations: bool,
    calls: usize,
) -> Additions {
    let answers = at_once(store, |client, number| async move {
        let patch = setting(&format!("m{number}"), number, as_operations);
        for call in 0..calls {
            match client.patch(&patch, &unconditional()).await {
                Ok(profile) => {
                    let mine = json!(number);
                    assert_eq!(profile.attributes().get(&format!("m{number}")), Some(&mine));
                    return (true, client.writes(), call);
                }
                Err(ProfileFailure::Conflict) => {}
                Err(other) => panic!("{other:?}"),
            }
        }
        (false, client.writes(), calls)
    })
    .await;
    Additions {
        added: answers.iter().map(|(added, ..)| *added).collect(),
        writes: answers.iter().map(|(_, writes, _)| *writes).collect(),
        conflicts: answers.iter().map(|(.., conflicts)| *conflicts).sum(),
    }
}

fn say(what: &str, additions: &mut Additions) {
    let Additions {
        writes, conflicts, ..
    } = additions;
    writes.sort_unstable();
    let (median, most) = (writes[writes.len() / 2], writes[writes.len() - 1]);
    eprintln!(
        "{what}: {conflicts} answers were 409; writes a client: median {median}, most {most}"
    );
}

crate::suite! {
    ($) concurrent_writers_conformance for ProfileStore in concurrent_writers;

    /// Some put and some patch, in both formats, all with the tag of what is stored.
    async fn of_many_writers_with_one_tag_exactly_one_wins_each_round(store) {
        let reader = Client::new(&store);
        reader.put(&json!({"round": 0, "writer": 0}), &unconditional()).await.unwrap();
        for round in 1..=ROUNDS {
            let seen = if_match(&reader.get().await.expect("a profile"));
            let answers = at_once(&store, |client, writer| {
                let seen = seen.clone();
                async move {
                    let mine = json!({"round": round, "writer": writer});
                    match writer % 3 {
                        0 => client.put(&mine, &seen).await.map(|written| written.profile),
                        1 => client.patch(&mine, &seen).await,
                        _ => {
                            let whole = json!([{"op": "replace", "path": "", "value": mine}]);
                            client.patch(&whole, &seen).await
                        }
                    }
                }
            })
            .await;
            let winner = one_winner(answers);
            assert_eq!(winner.attributes().get("round"), Some(&json!(round)));
            assert_eq!(reader.get().await, Some(winner));
        }
    }

    /// Some delete and some replace, all with the tag of what is stored.
    async fn of_many_writers_and_deleters_with_one_tag_exactly_one_wins_each_round(store) {
        let reader = Client::new(&store);
        for round in 0..ROUNDS {
            reader.put(&json!({"round": round}), &unconditional()).await.unwrap();
            let seen = if_match(&reader.get().await.expect("a profile"));
            let answers = at_once(&store, |client, writer| {
                let seen = seen.clone();
                async move {
                    let mine = json!({"round": round, "writer": writer});
                    if writer % 2 == 0 {
                        client.delete(&seen).await.map(|()| None)
                    } else {
                        client.put(&mine, &seen).await.map(|written| Some(written.profile))
                    }
                }
            })
            .await;
            let mut winners = Vec::new();
            for answer in answers {
                match answer {
                    Ok(left) => winners.push(left),
                    // DELETE answers 404 when another has deleted.
                    Err(ProfileFailure::PreconditionFailed | ProfileFailure::NotFound) => {}
                    Err(other) => panic!("{other:?}"),
                }
            }
            assert_eq!(winners, [reader.get().await]);
        }
    }

    /// PUTs with `If-None-Match: *`.
    async fn of_many_that_only_create_exactly_one_does_each_round(store) {
        let reader = Client::new(&store);
        for round in 0..ROUNDS {
            let answers = at_once(&store, |client, writer| async move {
                let mine = json!({"round": round, "writer": writer});
                let written = client.put(&mine, &if_absent()).await;
                written.map(|Written { profile, created }| {
                    assert!(created);
                    profile
                })
            })
            .await;
            assert_eq!(reader.get().await, Some(one_winner(answers)));
            reader.delete(&unconditional()).await.unwrap();
        }
    }

    /// PUTs that demand nothing are never refused; one of them created, and one is what is left.
    async fn many_unconditional_puts_are_all_carried_out(store) {
        let answers = at_once(&store, |client, writer| async move {
            client.put(&json!({"writer": writer}), &unconditional()).await.unwrap()
        })
        .await;
        assert_eq!(answers.iter().filter(|written| written.created).count(), 1);
        let left = Client::new(&store).get().await.expect("a profile");
        assert!(answers.iter().any(|written| written.profile == left));
    }

    /// Each client adds a member of its own, and asks once. What was answered 200 is there; what
    /// was answered 409 is not.
    async fn every_patch_that_was_answered_with_success_is_in_the_profile(store) {
        let reader = Client::new(&store);
        for as_operations in [false, true] {
            reader.put(&json!({"base": true}), &unconditional()).await.unwrap();
            let mut additions = add_members(&store, as_operations, 1).await;
            let mut expected = json!({"base": true});
            for (number, added) in additions.added.iter().enumerate() {
                if *added {
                    expected[format!("m{number}")] = json!(number);
                }
            }
            assert_eq!(reader.get().await, Some(profile(&expected)));
            assert!(additions.conflicts < CLIENTS, "a conflict is another's success");
            say("asked once", &mut additions);
        }
    }

    /// Each client adds a member of its own, and asks again when it is answered 409. A write that
    /// is refused is always another's success, so nobody is refused more often than there are
    /// others.
    async fn clients_that_repeat_their_conflicts_all_get_through(store) {
        let reader = Client::new(&store);
        for as_operations in [false, true] {
            reader.put(&json!({"base": true}), &unconditional()).await.unwrap();
            let mut additions = add_members(&store, as_operations, CLIENTS).await;
            let mut expected = json!({"base": true});
            for number in 0..CLIENTS {
                expected[format!("m{number}")] = json!(number);
            }
            assert_eq!(reader.get().await, Some(profile(&expected)));
            say("asked until done", &mut additions);
            let most = additions.writes.iter().max();
            assert!(most <= Some(&CLIENTS), "a write was refused though nobody wrote");
        }
    }

    /// Each client reads a number and puts the next with `If-Match`, again until it succeeds.
    async fn a_counter_that_clients_put_with_if_match_is_exact(store) {
        let reader = Client::new(&store);
        reader.put(&json!({"n": 0}), &unconditional()).await.unwrap();
        at_once(&store, |client, _| async move {
            for _ in 0..CLIENTS {
                let seen = client.get().await.expect("a profile");
                let next = seen.attributes()["n"].as_u64().expect("a number") + 1;
                match client.put(&json!({"n": next}), &if_match(&seen)).await {
                    Ok(_) => return,
                    Err(ProfileFailure::PreconditionFailed) => {}
                    Err(other) => panic!("{other:?}"),
                }
            }
            panic!("refused more often than there are others");
        })
        .await;
        assert_eq!(reader.get().await, Some(profile(&json!({"n": CLIENTS}))));
    }

    /// Each client reads a number and sends a JSON Patch that tests it and replaces it with the
    /// next, without preconditions, again until it succeeds.
    async fn a_counter_that_clients_test_and_replace_is_exact(store) {
        let reader = Client::new(&store);
        reader.put(&json!({"n": 0}), &unconditional()).await.unwrap();
        at_once(&store, |client, _| async move {
            for _ in 0..CLIENTS {
                let seen = client.get().await.expect("a profile");
                let now = seen.attributes()["n"].as_u64().expect("a number");
                let patch = json!([
                    {"op": "test", "path": "/n", "value": now},
                    {"op": "replace", "path": "/n", "value": now + 1},
                ]);
                match client.patch(&patch, &unconditional()).await {
                    Ok(_) => return,
                    Err(ProfileFailure::Patch(PatchFailure::TestFailed(_))) => {}
                    Err(other) => panic!("{other:?}"),
                }
            }
            panic!("refused more often than there are others");
        })
        .await;
        assert_eq!(reader.get().await, Some(profile(&json!({"n": CLIENTS}))));
    }

    /// Some put, patch, delete and get at once: what all were told could have happened one after the
    /// other. So nothing comes back that was deleted or replaced, and nothing is lost.
    async fn what_many_clients_were_told_could_have_happened_one_after_the_other(store) {
        let (course, first) = (Arc::new(Course::new()), Client::new(&store));
        let mut calls = vec![course.call(put(&first, 0, &unconditional())).await];
        let others = at_once(&store, |client, number| {
            let course = Arc::clone(&course);
            async move { course.of(&client, number).await }
        })
        .await;
        calls.extend(others.into_iter().flatten());
        calls.push(course.call(get(&first)).await);
        history::check(&calls).unwrap_or_else(|fault| panic!("{fault}"));
        let count = |wanted: fn(&Answer) -> bool| {
            calls.iter().filter(|call| wanted(&call.answer)).count()
        };
        let put = count(|answer| matches!(answer, Answer::Put { .. }));
        let patched = count(|answer| matches!(answer, Answer::Patched { .. }));
        let deleted = count(|answer| matches!(answer, Answer::Deleted));
        let refused = count(|answer| matches!(answer, Answer::Refused));
        eprintln!("{put} put, {patched} patched, {deleted} deleted, {refused} refused");
        assert!(put.min(patched).min(deleted) > 1, "nothing has been shown");
    }
}
