//! Entity tags and preconditions.

use crate::support::{Answer, Deployment};

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
