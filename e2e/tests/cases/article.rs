//! What the article promises: each caller at their own profile, and nobody else.

use crate::support::{Deployment, call::profile_path};

pub(crate) async fn own_profile_is_200(d: &Deployment) {
    let alice = d.somebody();
    let text = format!(r#"{{"userId":"{}","displayName":"Alice"}}"#, alice.id);
    let put = alice.put(r#"{"displayName":"Alice"}"#).await;
    let put = put.shows(201, &text);
    let own = alice.profile().replacen("/users", "..", 1);
    assert_eq!(put.header("location"), Some(own.as_str()));
    let got = alice.get().await.shows(200, &text);
    assert_eq!(got.tag(), put.tag());
    assert_eq!(got.header("location"), None);
}

pub(crate) async fn someone_elses_profile_is_403_whether_it_is_there_or_not(d: &Deployment) {
    let (alice, mallory) = (d.somebody(), d.somebody());
    alice.put(r#"{"secret":"of alice"}"#).await.is(201);
    let nobody = profile_path("nobody");
    for path in [alice.profile(), nobody] {
        for method in ["GET", "PUT", "DELETE"] {
            // Neither what the body is nor what the preconditions say is looked at.
            let call = mallory
                .call(method, &path)
                .header("if-match", "\"stale\"")
                .body("{");
            let problem = call.await.is_refused(403, "not_your_profile");
            assert_eq!(
                problem["detail"], "You can only access your own profile.",
                "{problem}"
            );
        }
        let head = mallory.call("HEAD", &path).await;
        head.is_refused_without_body(403, "not_your_profile");
    }
    let text = format!(r#"{{"userId":"{}","secret":"of alice"}}"#, alice.id);
    alice.get().await.shows(200, &text);
}

pub(crate) async fn missing_profile_is_404_and_named(d: &Deployment) {
    let alice = d.somebody();
    let problem = alice.get().await.is_refused(404, "profile_not_found");
    let detail = format!("User profile not found for {}", alice.id);
    assert_eq!(problem["detail"], detail);
    let head = alice.call("HEAD", &alice.profile()).await;
    head.is_refused_without_body(404, "profile_not_found");
    alice.delete().await.is_refused(404, "profile_not_found");
}

pub(crate) async fn no_token_is_401_with_a_challenge(d: &Deployment) {
    let alice = d.somebody();
    for method in ["GET", "PUT", "DELETE"] {
        let call = d.call(method, &alice.profile());
        let answer = call.header("x-api-key", &alice.api_key).await;
        answer.is_refused(401, "missing_token");
        // Nothing was wrong with a token, so nothing is said about one (RFC 6750, 3.1).
        let challenge = answer.must_have("www-authenticate");
        assert_eq!(challenge, "Bearer realm=\"usher\"");
    }
    // Nor does a query string bring one in.
    let path = format!("{}?access_token={}", alice.profile(), alice.token);
    let call = d.call("GET", &path).header("x-api-key", &alice.api_key);
    call.await.is_refused(401, "missing_token");
}

pub(crate) async fn no_api_key_is_403(d: &Deployment) {
    let alice = d.somebody();
    let bearer = format!("Bearer {}", alice.token);
    let path = format!("{}?x-api-key={}", alice.profile(), alice.api_key);
    for path in [alice.profile(), path] {
        let call = d.call("GET", &path).header("authorization", &bearer);
        let answer = call.await;
        answer.is_refused(403, "invalid_api_key");
        assert_eq!(answer.header("www-authenticate"), None);
    }
}
