//! Entity tags and preconditions.

use tokio::task::JoinSet;

use crate::support::{Answer, Deployment, call::Call};

pub(crate) async fn a_read_is_conditional(d: &Deployment) {
    let alice = d.somebody();
    // What is not there has no tag: absence comes first.
    let any = alice.get().header("if-none-match", "*").await;
    any.is_refused(404, "profile_not_found");

    let tag = alice.put(r#"{"v":1}"#).await.is(201).tag();
    for known in [
        tag.clone(),
        format!("W/{tag}"),
        format!("\"other\", {tag}"),
        "*".to_owned(),
    ] {
        for method in ["GET", "HEAD"] {
            let call = alice.call(method, &alice.profile());
            let answer = call.header("if-none-match", &known).await.is(304);
            assert_eq!(answer.body, "", "{known}");
            assert_eq!(answer.tag(), tag, "{known}");
            assert_eq!(answer.header("content-type"), None, "{known}");
            answer.describes_a_profile();
        }
    }
    for unknown in ["\"other\"", "nonsense", "\"\""] {
        let call = alice.get().header("if-none-match", unknown);
        assert_eq!(call.await.is(200).tag(), tag, "{unknown}");
    }
    alice.get().header("if-match", &tag).await.is(200);
    let failed = alice.get().header("if-match", "\"other\"").await;
    failed.is_refused(412, "precondition_failed");
}

pub(crate) async fn a_write_is_conditional(d: &Deployment) {
    let alice = d.somebody();
    let refused = |answer: &Answer| {
        answer.is_refused(412, "precondition_failed");
    };
    for if_match in ["\"any\"", "*"] {
        refused(&alice.put("{}").header("if-match", if_match).await);
    }
    let first = alice.put(r#"{"v":1}"#).header("if-none-match", "*").await;
    let first = first.is(201).tag();
    refused(&alice.put(r#"{"v":2}"#).header("if-none-match", "*").await);
    refused(
        &alice
            .put(r#"{"v":2}"#)
            .header("if-none-match", &first)
            .await,
    );

    let second = alice.put(r#"{"v":2}"#).header("if-match", &first).await;
    let second = second.is(200).tag();
    // A lost update, a weak tag (RFC 9110, 13.1.1) and nonsense.
    let weak = format!("W/{second}");
    for stale in [first.as_str(), weak.as_str(), "nonsense"] {
        refused(&alice.put(r#"{"v":3}"#).header("if-match", stale).await);
        refused(&alice.delete().header("if-match", stale).await);
    }
    let third = alice
        .put(r#"{"v":3}"#)
        .header("if-match", "*")
        .await
        .is(200);
    let listed = format!("{first}, {}", third.tag());
    alice
        .put(r#"{"v":4}"#)
        .header("if-match", &listed)
        .await
        .is(200);
    let other = alice
        .put(r#"{"v":5}"#)
        .header("if-none-match", &listed)
        .await;
    let last = other.is(200).tag();

    alice.delete().header("if-match", &last).await.is(204);
    let gone = alice.delete().header("if-match", &last).await;
    gone.is_refused(404, "profile_not_found");
    refused(&alice.put("{}").header("if-match", &last).await);
}

pub(crate) async fn of_sixteen_writers_exactly_one_wins(d: &Deployment) {
    let alice = d.somebody();
    let create = |n| alice.put(&body(n)).header("if-none-match", "*");
    let created = all(create).await;
    assert_eq!(statuses(&created), wins_once(201), "creations");
    let winner = winner(&created, 201);
    assert_eq!(alice.get().await.is(200).body, winner.body);

    let tag = winner.tag();
    let replace = |n| alice.put(&body(n + 100)).header("if-match", &tag);
    let replaced = all(replace).await;
    assert_eq!(statuses(&replaced), wins_once(200), "replacements");
    let winner = self::winner(&replaced, 200);
    assert_eq!(alice.get().await.is(200).body, winner.body);
}

const WRITERS: u16 = 16;

fn body(n: u16) -> String {
    format!(r#"{{"writer":{n}}}"#)
}

/// Sends the calls of all writers at once.
async fn all(call: impl Fn(u16) -> Call) -> Vec<Answer> {
    let mut writers = JoinSet::new();
    for n in 0..WRITERS {
        writers.spawn(call(n).into_future());
    }
    writers.join_all().await
}

fn statuses(answers: &[Answer]) -> Vec<u16> {
    let mut statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    statuses.sort_unstable();
    statuses
}

fn wins_once(status: u16) -> Vec<u16> {
    let losers = std::iter::repeat_n(412, usize::from(WRITERS) - 1);
    std::iter::once(status).chain(losers).collect()
}

fn winner(answers: &[Answer], status: u16) -> &Answer {
    let winner = answers.iter().find(|answer| answer.status == status);
    winner.expect("one that won")
}
