//! API keys, throttles and quotas.

use tokio::task::JoinSet;

use crate::support::{Answer, Deployment, call::Caller, plans};

/// Admitted: there is no such profile.
fn is_admitted(answer: &Answer) {
    answer.is_refused(404, "profile_not_found");
}

fn is_throttled(answer: &Answer) {
    answer.is_refused(429, "throttled");
    // At one token in 100 seconds, and a moment more for a call that came before one that took a token:
    // while the key is looked up they may overtake each other.
    let wait = seconds_to_wait(answer);
    assert!((1..=101).contains(&wait), "{answer}");
}

/// `Retry-After`
pub(crate) fn seconds_to_wait(answer: &Answer) -> u64 {
    let wait = answer.must_have("retry-after").parse();
    wait.unwrap_or_else(|error| panic!("{error}: {answer}"))
}

/// `r` of a policy in `RateLimit`.
pub(crate) fn remaining(answer: &Answer, policy: &str) -> u64 {
    let levels = answer.must_have("ratelimit");
    let level = levels
        .split(", ")
        .find_map(|level| level.strip_prefix(&format!("\"{policy}\";r=")));
    let level = level.and_then(|level| level.split(';').next()?.parse().ok());
    level.unwrap_or_else(|| panic!("no {policy}: {answer}"))
}

pub(crate) async fn a_key_that_lets_nobody_in_is_403(d: &Deployment) {
    let alice = d.somebody();
    for key in [
        "unknown-key-01234567890123456789",
        plans::DISABLED,
        plans::ELSEWHERE,
        plans::PLANLESS,
        "short",
        "",
        &plans::AMPLE.to_uppercase(),
        &format!("{}x", plans::AMPLE),
    ] {
        let answer = alice.with_key(key).get().await;
        answer.is_refused(403, "invalid_api_key");
        assert_eq!(answer.header("ratelimit"), None, "{key}");
    }
    is_admitted(&alice.get().await);
}

pub(crate) async fn a_limit_is_announced_and_none_is_not(d: &Deployment) {
    let alice = d.somebody();
    let steady = alice.with_key(plans::STEADY);
    for left in [99, 98] {
        let answer = steady.get().await;
        is_admitted(&answer);
        assert_eq!(
            answer.must_have("ratelimit-policy"),
            "\"throttle\";q=100;w=100000, \"quota\";q=1000;w=604800"
        );
        assert_eq!(remaining(&answer, "throttle"), left);
        assert_eq!(remaining(&answer, "quota"), 900 + left);
    }
    let answer = alice.with_key(plans::UNLIMITED).get().await;
    is_admitted(&answer);
    assert_eq!(answer.header("ratelimit-policy"), None);
    assert_eq!(answer.header("ratelimit"), None);
}

pub(crate) async fn a_burst_is_admitted_exactly_and_then_throttled(d: &Deployment) {
    let (alice, bob) = (d.somebody(), d.somebody());
    for left in (0..5).rev() {
        let answer = alice.with_key(plans::SLOW).get().await;
        is_admitted(&answer);
        assert_eq!(
            answer.must_have("ratelimit-policy"),
            "\"throttle\";q=5;w=500"
        );
        assert_eq!(remaining(&answer, "throttle"), left);
    }
    // The bucket is the key's: whose token it is makes no difference.
    for caller in [&alice, &bob] {
        let answer = caller.with_key(plans::SLOW).get().await;
        is_throttled(&answer);
        assert_eq!(remaining(&answer, "throttle"), 0);
    }
    // Another key of the same plan has a bucket of its own, here emptied by twelve at once.
    let mut calls = JoinSet::new();
    for _ in 0..12 {
        calls.spawn(alice.with_key(plans::SLOW_TOO).get().into_future());
    }
    let answers = calls.join_all().await;
    let (admitted, refused): (Vec<_>, Vec<_>) =
        answers.iter().partition(|answer| answer.status == 404);
    assert_eq!((admitted.len(), refused.len()), (5, 7));
    admitted.into_iter().for_each(is_admitted);
    refused.into_iter().for_each(is_throttled);
}

pub(crate) async fn a_quota_is_admitted_exactly_and_then_exceeded(d: &Deployment) {
    let alice = d.somebody().with_key(plans::SCARCE);
    for left in (0..3).rev() {
        let answer = alice.get().await;
        is_admitted(&answer);
        assert_eq!(remaining(&answer, "quota"), left);
    }
    for _ in 0..2 {
        let answer = alice.get().await;
        answer.is_refused(429, "quota_exceeded");
        assert!(
            (1..=604_800).contains(&seconds_to_wait(&answer)),
            "{answer}"
        );
        assert_eq!(
            answer.must_have("ratelimit-policy"),
            "\"quota\";q=3;w=604800"
        );
        assert_eq!(remaining(&answer, "quota"), 0);
    }
    is_admitted(&alice.with_key(plans::AMPLE).get().await);
}

pub(crate) async fn a_refused_request_is_charged_nothing(d: &Deployment) {
    let alice = d.somebody().with_key(plans::SLOW);
    let key = |caller: &Caller, method: &str, path: &str| {
        d.call(method, path).header("x-api-key", &caller.api_key)
    };
    for _ in 0..3 {
        let no_token = key(&alice, "GET", &alice.profile()).await;
        no_token.is_refused(401, "missing_token");
        let bad_token = key(&alice, "GET", &alice.profile());
        let bad_token = bad_token.header("authorization", "Bearer a.b.c").await;
        bad_token.is_refused(401, "invalid_token");
        let no_route = alice.call("GET", "/users").await;
        no_route.is_refused(404, "route_not_found");
        let no_id = alice.call("GET", "/users/%00/profile").await;
        no_id.is_refused(400, "invalid_user_id");
        let no_method = alice.call("POST", &alice.profile()).await;
        no_method.is_refused(405, "method_not_allowed");
        alice.call("OPTIONS", &alice.profile()).await.is(204);
    }
    let first = alice.get().await;
    is_admitted(&first);
    assert_eq!(remaining(&first, "throttle"), 4);

    // What the throttle refuses, the quota does not lose.
    let alice = alice.with_key(plans::SLOW_AND_SCARCE);
    is_admitted(&alice.get().await);
    is_admitted(&alice.get().await);
    for _ in 0..4 {
        let answer = alice.get().await;
        is_throttled(&answer);
        assert_eq!(remaining(&answer, "quota"), 2);
    }
}

pub(crate) async fn an_admitted_request_is_charged_whatever_follows(d: &Deployment) {
    let alice = d.somebody().with_key(plans::SLOW);
    let denied = alice.call("GET", "/users/nobody/profile").await;
    denied.is_refused(403, "not_your_profile");
    assert_eq!(remaining(&denied, "throttle"), 4);
    let missing = alice.get().await;
    is_admitted(&missing);
    assert_eq!(remaining(&missing, "throttle"), 3);
    let untyped = alice.call("PUT", &alice.profile()).body("{}").await;
    untyped.is_refused(415, "unsupported_media_type");
    assert_eq!(remaining(&untyped, "throttle"), 2);
    let broken = alice.put("{").await;
    broken.is_refused(400, "invalid_json");
    assert_eq!(remaining(&broken, "throttle"), 1);
    let failed = alice.put("{}").header("if-match", "*").await;
    failed.is_refused(412, "precondition_failed");
    assert_eq!(remaining(&failed, "throttle"), 0);
    is_throttled(&alice.put("{}").await);
    alice
        .with_key(plans::AMPLE)
        .get()
        .await
        .is_refused(404, "profile_not_found");
}
