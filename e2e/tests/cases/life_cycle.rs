//! A profile from its creation to its end.

use crate::support::{Deployment, Difference};

pub(crate) async fn a_profile_is_created_replaced_and_deleted(d: &Deployment) {
    let alice = d.somebody();
    let text = |members: &str| format!(r#"{{"userId":"{}",{members}}}"#, alice.id);
    let created = alice.put(r#"{"theme":"dark","tags":["a"]}"#).await;
    let created = created.shows(201, &text(r#""tags":["a"],"theme":"dark""#));
    // A replacement keeps nothing of what was there.
    let replaced = alice.put(r#"{"theme":"light"}"#).await;
    let replaced = replaced.shows(200, &text(r#""theme":"light""#));
    assert_eq!(replaced.header("location"), None);
    assert_ne!(replaced.tag(), created.tag());
    let got = alice.get().await;
    got.shows(200, &text(r#""theme":"light""#));
    // The same again is the same.
    let again = alice.put(r#"{"theme":"light"}"#).await.is(200);
    assert_eq!(again.tag(), replaced.tag());

    let deleted = alice.delete().await.is(204);
    assert_eq!(deleted.body, "");
    assert_eq!(deleted.header("etag"), None);
    alice.get().await.is_refused(404, "profile_not_found");
    alice.delete().await.is_refused(404, "profile_not_found");
    let reborn = alice.put(r#"{"theme":"dark","tags":["a"]}"#).await.is(201);
    assert_eq!(
        reborn.tag(),
        created.tag(),
        "the tag is that of the content"
    );
}

pub(crate) async fn head_is_get_without_the_body(d: &Deployment) {
    let alice = d.somebody();
    alice.put(r#"{"displayName":"Zoë"}"#).await.is(201);
    let got = alice.get().await.is(200);
    let head = alice.call("HEAD", &alice.profile()).await.is(200);
    assert_eq!(head.body, "");
    let mut names = vec!["etag", "content-type", "cache-control", "vary"];
    if !d.has(Difference::UncountedHead) {
        names.push("content-length");
    }
    for name in names {
        assert_eq!(head.must_have(name), got.must_have(name), "{name}");
    }
}

pub(crate) async fn me_is_the_callers_own_profile(d: &Deployment) {
    let (alice, bob) = (d.somebody(), d.somebody());
    let me = "/users/me/profile";
    let problem = alice.call("GET", me).await;
    let problem = problem.is_refused(404, "profile_not_found");
    let detail = format!("User profile not found for {}", alice.id);
    assert_eq!(problem["detail"], detail);

    let text = format!(r#"{{"userId":"{}","who":"alice"}}"#, alice.id);
    let put = alice.call("PUT", me).json(r#"{"who":"alice"}"#).await;
    let put = put.shows(201, &text);
    let own = alice.profile().replacen("/users", "..", 1);
    assert_eq!(put.header("location"), Some(own.as_str()));
    alice.get().await.shows(200, &text);
    alice.call("GET", me).await.shows(200, &text);
    bob.call("GET", me)
        .await
        .is_refused(404, "profile_not_found");

    // `me` names the caller in the path only; a body names the user.
    let body = r#"{"userId":"me"}"#;
    let answer = alice.call("PUT", me).json(body).await;
    answer.is_refused(422, "not_portable");
    alice.call("DELETE", me).await.is(204);
    alice.get().await.is_refused(404, "profile_not_found");
}
