//! Many clients that write the same profile at once.

use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::support::{Answer, Deployment, call::Call};

const WRITERS: usize = 64;
const ROUNDS: usize = 3;

pub(crate) async fn of_64_writers_with_if_match_exactly_one_wins_each_round(d: &Deployment) {
    let alice = d.somebody();
    let create = |n| alice.put(&body(n)).header("if-none-match", "*");
    let mut winner = one_wins(&all(create).await, 201);
    for round in 1..=ROUNDS {
        let replace = |n: usize| {
            let body = body(round * 1000 + n);
            let call = match n % 3 {
                0 => alice.put(&body),
                1 => alice.merge(&body),
                _ => alice.operations(&replacing(round * 1000 + n)),
            };
            call.header("if-match", &winner.0)
        };
        winner = one_wins(&all(replace).await, 200);
        let now = alice.get().await.is(200);
        assert_eq!((now.tag(), now.body), winner);
    }
}

pub(crate) async fn every_patch_that_was_answered_200_is_in_the_result(d: &Deployment) {
    let alice = d.somebody();
    alice.put("{}").await.is(201);
    let patch = |n| alice.merge(&format!(r#"{{"m{n}":{n}}}"#));
    let answers = all(patch).await;
    let profile = alice.get().await.is(200).json();
    let mut done = 0;
    for (n, answer) in &answers {
        let is_there = profile[format!("m{n}")] == json!(n);
        if answer.status == 200 {
            assert!(is_there, "m{n} was answered 200: {profile}");
            done += 1;
        } else {
            // Nothing was written, and it says so.
            answer.is_refused(409, "write_conflict");
            assert!(!is_there, "m{n} was answered 409: {profile}");
        }
    }
    assert!(done > 0, "nobody got through");
}

pub(crate) async fn clients_that_repeat_their_409s_all_get_through(d: &Deployment) {
    let alice = d.somebody();
    alice.put("{}").await.is(201);
    let mut clients = JoinSet::new();
    for n in 0..WRITERS {
        let patch = json!([{"op": "add", "path": format!("/m{n}"), "value": n}]).to_string();
        let alice = alice.clone();
        clients.spawn(async move {
            for _ in 0..1000 {
                let answer = alice.operations(&patch).await;
                if answer.status == 200 {
                    return;
                }
                answer.is_refused(409, "write_conflict");
            }
            panic!("client {n} never got through");
        });
    }
    clients.join_all().await;
    let profile = alice.get().await.is(200).json();
    let mut expected: Value = (0..WRITERS).map(|n| (format!("m{n}"), json!(n))).collect();
    expected["userId"] = json!(alice.id);
    assert_eq!(profile, expected);
}

fn body(n: usize) -> String {
    format!(r#"{{"writer":{n}}}"#)
}

fn replacing(n: usize) -> String {
    json!([{"op": "replace", "path": "/writer", "value": n}]).to_string()
}

/// Sends the calls of all writers at once; returns each writer's number with its answer.
async fn all(call: impl Fn(usize) -> Call) -> Vec<(usize, Answer)> {
    let mut writers = JoinSet::new();
    for n in 0..WRITERS {
        let call = call(n);
        writers.spawn(async move { (n, call.await) });
    }
    writers.join_all().await
}

/// Tag and body of the only one that was answered `status`; all others must be 412.
fn one_wins(answers: &[(usize, Answer)], status: u16) -> (String, String) {
    let (won, lost): (Vec<_>, Vec<_>) = answers
        .iter()
        .map(|(_, answer)| answer)
        .partition(|answer| answer.status == status);
    for answer in lost {
        answer.is_refused(412, "precondition_failed");
    }
    let [winner] = won[..] else {
        panic!("{} won", won.len());
    };
    (winner.tag(), winner.body.clone())
}
