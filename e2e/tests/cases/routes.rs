//! Which requests are somebody's, and what every answer carries.

use std::collections::BTreeSet;

use crate::support::Deployment;

const ALLOWED: &str = "GET, HEAD, PUT, PATCH, DELETE, OPTIONS";
const ALLOWED_OF_HEALTH: &str = "GET, HEAD, OPTIONS";

pub(crate) async fn unknown_routes_are_404(d: &Deployment) {
    let alice = d.somebody();
    for path in [
        "/",
        "/users",
        "/users/",
        "/users/alice",
        "/users/alice/",
        "/users/alice/profile/",
        "/users/alice/profile/x",
        "/users/alice/Profile",
        "/Users/alice/profile",
        "//users/alice/profile",
        "/healthz/",
        "/prod/users/alice/profile",
    ] {
        for method in ["GET", "PUT", "POST"] {
            // With credentials and without: never API Gateway's "Missing Authentication Token".
            let (with, without) = (alice.call(method, path), d.call(method, path));
            with.await.is_refused(404, "route_not_found");
            without.await.is_refused(404, "route_not_found");
        }
    }
}

pub(crate) async fn wrong_methods_are_405_and_options_says_which_are_right(d: &Deployment) {
    let alice = d.somebody();
    for method in ["POST", "PROPFIND"] {
        for call in [
            alice.call(method, &alice.profile()),
            d.call(method, &alice.profile()),
        ] {
            let answer = call.await;
            answer.is_refused(405, "method_not_allowed");
            assert_eq!(answer.header("allow"), Some(ALLOWED));
        }
        for path in ["/healthz", "/readyz"] {
            let answer = d.call(method, path).await;
            answer.is_refused(405, "method_not_allowed");
            assert_eq!(answer.header("allow"), Some(ALLOWED_OF_HEALTH));
        }
    }
    for (path, allowed) in [
        (alice.profile().as_str(), ALLOWED),
        ("/healthz", ALLOWED_OF_HEALTH),
        ("/readyz", ALLOWED_OF_HEALTH),
    ] {
        let options = d.call("OPTIONS", path).await.is(204);
        assert_eq!(options.header("allow"), Some(allowed));
        assert_eq!(options.body, "");
    }
}

pub(crate) async fn a_target_over_8_kib_is_413(d: &Deployment) {
    let alice = d.somebody();
    let just = format!("{}?q=", alice.profile());
    let just = just.clone() + &"x".repeat(8 * 1024 - just.len());
    alice
        .call("GET", &just)
        .await
        .is_refused(404, "profile_not_found");
    for long in [
        format!("{just}x"),
        format!("/users/{}/profile", "x".repeat(8 * 1024)),
        format!("/nowhere?{}", "x".repeat(9000)),
    ] {
        // Before the token and the route: what is in it is not looked at.
        d.call("GET", &long).await.is_refused(413, "too_large");
    }
}

pub(crate) async fn health_needs_no_token(d: &Deployment) {
    for path in ["/healthz", "/readyz"] {
        let answer = d.call("GET", path).await.is(200);
        assert_eq!(answer.body, r#"{"status":"ok"}"#);
        assert_eq!(answer.header("content-type"), Some("application/json"));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert_eq!(answer.header("ratelimit"), None);
        assert_eq!(d.call("HEAD", path).await.is(200).body, "");
    }
}

pub(crate) async fn every_answer_has_a_request_id_of_its_own(d: &Deployment) {
    let alice = d.somebody();
    let mut ids = BTreeSet::new();
    for (call, status) in [
        (alice.get(), 404),
        (alice.put("{}"), 201),
        (alice.put("{}"), 200),
        (alice.get(), 200),
        (alice.get().header("if-none-match", "*"), 304),
        (alice.put("{"), 400),
        (alice.put("[]"), 422),
        (alice.put("{}").header("if-none-match", "*"), 412),
        (alice.call("GET", "/users/nobody/profile"), 403),
        (alice.call("POST", &alice.profile()), 405),
        (alice.call("OPTIONS", &alice.profile()), 204),
        (alice.delete(), 204),
        (d.call("GET", &alice.profile()), 401),
        (d.call("GET", "/"), 404),
        (d.call("GET", "/healthz"), 200),
        // A client's own id is not taken for ours.
        (d.call("GET", "/readyz").header("x-request-id", "mine"), 200),
    ] {
        let answer = call.await;
        assert_eq!(answer.status, status, "{answer}");
        let id = answer.has_request_id();
        assert!(ids.insert(id.to_owned()), "not its own: {answer}");
    }
}
