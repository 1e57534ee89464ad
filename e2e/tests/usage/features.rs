//! What a plan may say beside its throttle and quota, who has one without a key, and the service's own
//! bucket. Each on the server and on the Lambda function.

use serde_json::{Value, json};

use super::{
    is_admitted,
    plans::{deployment, key, with},
};
use crate::{
    cases::limits::{remaining, seconds_to_wait},
    support::{
        Deployment, Entrypoint, Store,
        call::{Call, Caller},
        issuer::claims,
    },
};

macro_rules! on_four {
    ($($case:ident),+ $(,)?) => {
        on_four! { server_memory, Server, Memory: $($case),+ }
        on_four! { server_sqlite, Server, Sqlite: $($case),+ }
        on_four! { lambda_rest, LambdaRest, Memory: $($case),+ }
        on_four! { lambda_http, LambdaHttp, Sqlite: $($case),+ }
    };
    ($module:ident, $entrypoint:ident, $store:ident: $($case:ident),+) => {
        mod $module {
            use crate::support::{Entrypoint, Store};

            $(
                #[tokio::test]
                async fn $case() {
                    super::$case(Entrypoint::$entrypoint, Store::$store).await;
                }
            )+
        }
    };
}

on_four! {
    a_methods_own_throttle_counts_in_place_of_the_plans,
    each_user_of_a_key_has_a_bucket_besides,
    a_key_opens_the_stages_of_its_plans_alone,
    whoever_is_assigned_a_plan_needs_no_key,
    without_required_keys_an_assigned_plan_counts_all_the_same,
    of_several_refusals_the_one_that_opens_last_is_told,
    the_services_bucket_is_the_servers_alone,
    an_offset_is_what_it_is_said_to_be,
}

/// Somebody whose token has these claims besides.
fn somebody_of(d: &Deployment, more: &Value) -> Caller {
    let somebody = d.somebody();
    let mut claims = claims(&somebody.id);
    for (name, value) in more.as_object().expect("claims") {
        claims[name] = value.clone();
    }
    somebody.with_token(d.issuer().es256.sign(&claims))
}

/// Without a key.
fn keyless(d: &Deployment, caller: &Caller) -> Call {
    let call = d.call("GET", &caller.profile());
    call.header("authorization", &format!("Bearer {}", caller.token))
}

async fn a_methods_own_throttle_counts_in_place_of_the_plans(entrypoint: Entrypoint, store: Store) {
    let d = deployment(entrypoint, store, &[]).await;
    let alice = with(&d, "methods");
    let own = "\"throttle\";q=3;w=3000";
    // GET, HEAD and GET of `me` are one method of one resource.
    let got = alice.get().await;
    is_admitted(&got);
    assert_eq!(got.must_have("ratelimit-policy"), own);
    let head = alice.call("HEAD", &alice.profile()).await;
    head.is_refused_without_body(404, "profile_not_found");
    assert_eq!(remaining(&head, "throttle"), 1);
    let me = alice.call("GET", "/users/me/profile").await;
    is_admitted(&me);
    assert_eq!(remaining(&me, "throttle"), 0);
    for call in [alice.get(), alice.call("GET", "/users/me/profile")] {
        let refused = call.await;
        refused.is_refused(429, "throttled");
        assert_eq!(refused.must_have("ratelimit-policy"), own);
    }
    let head = alice.call("HEAD", "/users/me/profile").await;
    head.is_refused_without_body(429, "throttled");
    // The others have the plan's bucket, of which the reads have taken nothing.
    let put = alice.put("{}").await.is(201);
    assert_eq!(
        put.must_have("ratelimit-policy"),
        "\"throttle\";q=50;w=50000"
    );
    assert_eq!(remaining(&put, "throttle"), 49);
    let deleted = alice.delete().await.is(204);
    assert_eq!(remaining(&deleted, "throttle"), 48);
    d.end().await;
}

async fn each_user_of_a_key_has_a_bucket_besides(entrypoint: Entrypoint, store: Store) {
    let d = deployment(entrypoint, store, &[]).await;
    let (alice, bob) = (with(&d, "per-user"), with(&d, "per-user"));
    for left in [1, 0] {
        let answer = alice.get().await;
        is_admitted(&answer);
        assert_eq!(
            answer.must_have("ratelimit-policy"),
            "\"throttle\";q=10;w=10000, \"user\";q=2;w=2000"
        );
        assert_eq!(remaining(&answer, "user"), left);
    }
    let refused = alice.get().await;
    refused.is_refused(429, "throttled");
    assert_eq!(remaining(&refused, "user"), 0);
    // Her refusal has cost the key nothing, and him neither.
    assert_eq!(remaining(&refused, "throttle"), 8);
    for left in [1, 0] {
        let answer = bob.get().await;
        is_admitted(&answer);
        assert_eq!(remaining(&answer, "user"), left);
        assert_eq!(remaining(&answer, "throttle"), 6 + left);
    }
    bob.get().await.is_refused(429, "throttled");
    d.end().await;
}

async fn a_key_opens_the_stages_of_its_plans_alone(entrypoint: Entrypoint, store: Store) {
    let d = deployment(entrypoint, store, &[]).await;
    let refused = with(&d, "elsewhere").get().await;
    refused.is_refused(403, "invalid_api_key");
    assert_eq!(refused.header("ratelimit-policy"), None);
    // Of two plans the one of this stage counts.
    let answer = with(&d, "both").get().await;
    is_admitted(&answer);
    let plain = "\"throttle\";q=100;w=100000";
    assert_eq!(answer.must_have("ratelimit-policy"), plain);
    d.end().await;
}

async fn whoever_is_assigned_a_plan_needs_no_key(entrypoint: Entrypoint, store: Store) {
    let d = deployment(entrypoint, store, &[]).await;
    let quota_of = |answer: &crate::support::Answer| {
        let policy = answer.must_have("ratelimit-policy");
        let policy = policy.strip_prefix("\"throttle\";q=").expect("a throttle");
        policy.split(';').next().expect("a number").to_owned()
    };
    for (more, burst) in [
        (json!({ "groups": ["staff"] }), "4"),
        (json!({ "custom:tier": "gold" }), "5"),
        (json!({ "scope": "openid batch" }), "6"),
        // The first of the file, whatever the token's order is.
        (
            json!({ "scope": "batch", "groups": ["staff"], "custom:tier": "gold" }),
            "5",
        ),
        (
            json!({ "scope": "batch", "groups": ["others", "staff"], "custom:tier": "silver" }),
            "4",
        ),
    ] {
        let answer = keyless(&d, &somebody_of(&d, &more)).await;
        is_admitted(&answer);
        assert_eq!(quota_of(&answer), burst, "{more}");
    }
    for more in [
        json!({}),
        json!({ "groups": ["Staff"], "custom:tier": "gold ", "scope": "batches" }),
    ] {
        let refused = keyless(&d, &somebody_of(&d, &more)).await;
        refused.is_refused(403, "invalid_api_key");
    }

    // Each has an account of their own.
    let gold = json!({ "custom:tier": "gold" });
    let (alice, bob) = (somebody_of(&d, &gold), somebody_of(&d, &gold));
    for _ in 0..5 {
        is_admitted(&keyless(&d, &alice).await);
    }
    let refused = keyless(&d, &alice).await;
    refused.is_refused(429, "throttled");
    assert_eq!(remaining(&refused, "quota"), 2);
    let answer = keyless(&d, &bob).await;
    is_admitted(&answer);
    assert_eq!(
        (remaining(&answer, "throttle"), remaining(&answer, "quota")),
        (4, 6)
    );

    // A key that opens something wins, and one that opens nothing is as good as none.
    let answer = alice.with_key(&key("plain")).get().await;
    is_admitted(&answer);
    assert_eq!(quota_of(&answer), "100");
    for name in ["elsewhere", "unknown"] {
        let answer = bob.with_key(&key(name)).get().await;
        is_admitted(&answer);
        assert_eq!(quota_of(&answer), "5", "{name}");
    }
    d.end().await;
}

async fn without_required_keys_an_assigned_plan_counts_all_the_same(
    entrypoint: Entrypoint,
    store: Store,
) {
    let settings = [("USHER_USAGE__API_KEY_REQUIRED", "false")];
    let d = deployment(entrypoint, store, &settings).await;
    let staff = somebody_of(&d, &json!({ "groups": ["staff"] }));
    // A key that is sent is ignored, as API Gateway does it.
    for (left, call) in [
        (3, keyless(&d, &staff)),
        (2, staff.with_key(&key("plain")).get()),
        (1, staff.with_key("nonsense").get()),
    ] {
        let answer = call.await;
        is_admitted(&answer);
        assert_eq!(remaining(&answer, "throttle"), left);
    }
    // Nobody else has any limit.
    for call in [keyless(&d, &d.somebody()), with(&d, "plain").get()] {
        let answer = call.await;
        is_admitted(&answer);
        assert_eq!(answer.header("ratelimit-policy"), None);
    }
    d.end().await;
}

async fn of_several_refusals_the_one_that_opens_last_is_told(entrypoint: Entrypoint, store: Store) {
    let d = deployment(entrypoint, store, &[]).await;
    let refusal = async |name: &str| {
        let alice = with(&d, name);
        is_admitted(&alice.get().await);
        alice.get().await
    };
    // A token comes back in a tenth of a second; the month may end within as much.
    refusal("quota-last")
        .await
        .is_refused(429, "quota_exceeded");
    let refused = refusal("throttle-last").await;
    refused.is_refused(429, "throttled");
    assert!(seconds_to_wait(&refused) > 31 * 86_400, "{refused}");
    assert_eq!(remaining(&refused, "quota"), 0);
    let refused = refusal("user-last").await;
    refused.is_refused(429, "throttled");
    assert!(
        (101..=1000).contains(&seconds_to_wait(&refused)),
        "{refused}"
    );
    d.end().await;
}

async fn the_services_bucket_is_the_servers_alone(entrypoint: Entrypoint, store: Store) {
    let settings = [
        ("USHER_SERVICE__THROTTLE__RATELIMIT", "0.001"),
        ("USHER_SERVICE__THROTTLE__BURSTLIMIT", "5"),
    ];
    let d = deployment(entrypoint, store, &settings).await;
    let plain = "\"throttle\";q=100;w=100000";
    let (alice, bob) = (with(&d, "plain"), with(&d, "per-user"));
    if entrypoint != Entrypoint::Server {
        // Sandboxes are many, and each lives for a moment.
        for _ in 0..8 {
            let answer = alice.get().await;
            is_admitted(&answer);
            assert_eq!(answer.must_have("ratelimit-policy"), plain);
        }
        return d.end().await;
    }
    // Whoever it is, with whatever key.
    for (left, caller) in [(4, &alice), (3, &bob), (2, &alice), (1, &alice), (0, &bob)] {
        let answer = caller.get().await;
        is_admitted(&answer);
        assert_eq!(remaining(&answer, "service"), left);
    }
    let refused = alice.get().await;
    refused.is_refused(429, "throttled");
    let policy = format!("{plain}, \"service\";q=5;w=5000");
    assert_eq!(refused.must_have("ratelimit-policy"), policy);
    assert!(
        (901..=1000).contains(&seconds_to_wait(&refused)),
        "{refused}"
    );
    // What it refuses is charged to nobody.
    assert_eq!(remaining(&refused, "throttle"), 97);
    d.end().await;
}

async fn an_offset_is_what_it_is_said_to_be(entrypoint: Entrypoint, store: Store) {
    let d = deployment(entrypoint, store, &[]).await;
    let alice = with(&d, "credit");
    for left in (0..6).rev() {
        let answer = alice.get().await;
        is_admitted(&answer);
        assert_eq!(remaining(&answer, "quota"), left);
    }
    let refused = alice.get().await;
    refused.is_refused(429, "quota_exceeded");
    let policy = refused.must_have("ratelimit-policy");
    assert!(policy.starts_with("\"quota\";q=10;w="), "{refused}");
    d.end().await;
}
