//! A deployment with a schema, with `If-Match` required, and with origins that may read it.

use serde_json::json;

use crate::support::{Deployment, call::Caller, issuer::claims, rules};

pub(crate) async fn a_schema_is_applied_to_what_a_write_leaves(d: &Deployment) {
    let alice = d.somebody();
    let any = |call: crate::support::call::Call| call.header("if-match", "*");
    let broken = alice
        .put(r#"{"displayName":7,"age":-1,"other":true}"#)
        .await;
    let problem = broken.is_refused(422, "schema_violation");
    let mut places: Vec<_> = problem["errors"]
        .as_array()
        .expect("errors")
        .iter()
        .map(|error| error["pointer"].as_str().expect("a pointer"))
        .collect();
    places.sort_unstable();
    assert_eq!(places, ["/age", "/displayName", "/other"]);

    alice
        .put(r#"{"displayName":"Alice","age":7}"#)
        .await
        .is(201);
    let merged = any(alice.merge(r#"{"displayName":null}"#)).await;
    merged.is_refused(422, "schema_violation");
    let patched = any(alice.operations(r#"[{"op":"replace","path":"/age","value":"7"}]"#)).await;
    patched.is_refused(422, "schema_violation");
    any(alice.merge(r#"{"age":8}"#)).await.is(200);
    let id = &alice.id;
    let now = format!(r#"{{"userId":"{id}","age":8,"displayName":"Alice"}}"#);
    alice.get().await.shows_to_origins(200, &now);
}

pub(crate) async fn a_read_only_attribute_is_not_the_owners_to_make(d: &Deployment) {
    let alice = d.somebody();
    let gold = r#"{"displayName":"Alice","tier":"gold"}"#;
    let refused = |problem: serde_json::Value| {
        assert_eq!(problem["errors"][0]["pointer"], "/tier", "{problem}");
    };
    refused(alice.put(gold).await.is_refused(403, "attribute_read_only"));
    alice.put(r#"{"displayName":"Alice"}"#).await.is(201);
    let put = alice.put(gold).header("if-match", "*").await;
    refused(put.is_refused(403, "attribute_read_only"));
    let patch = r#"[{"op":"add","path":"/tier","value":"gold"}]"#;
    let patched = alice.operations(patch).header("if-match", "*").await;
    refused(patched.is_refused(403, "attribute_read_only"));
}

pub(crate) async fn a_grant_shows_and_changes_what_it_names(d: &Deployment) {
    let alice = d.somebody();
    alice
        .put(r#"{"displayName":"Alice","age":7}"#)
        .await
        .is(201);
    let somebody_of = |group: &str| {
        let somebody = d.somebody();
        let mut claims = claims(&somebody.id);
        claims["groups"] = json!([group]);
        somebody.with_token(d.issuer().es256.sign(&claims))
    };
    let (support, billing) = (somebody_of("support"), somebody_of("billing"));
    let (id, path) = (&alice.id, alice.profile());
    let patching = |caller: &Caller, body: &str| {
        let call = caller.call("PATCH", &path).header("if-match", "*");
        call.json(body)
    };

    let age = format!(r#"{{"userId":"{id}","age":7}}"#);
    let seen = support.call("GET", &path).await.shows_to_origins(200, &age);
    assert_ne!(seen.tag(), alice.get().await.is(200).tag());
    let refused = patching(&support, r#"{"age":8}"#).await;
    refused.is_refused(403, "not_your_profile");

    let gold = format!(r#"{{"userId":"{id}","tier":"gold"}}"#);
    let written = patching(&billing, r#"{"tier":"gold"}"#).await;
    written.shows_to_origins(200, &gold);
    let refused = patching(&billing, r#"{"tier":"silver","age":8}"#).await;
    let problem = refused.is_refused(403, "attribute_not_granted");
    assert_eq!(problem["errors"][0]["pointer"], "/age", "{problem}");
    let put = billing
        .call("PUT", &path)
        .header("if-match", "*")
        .json("{}");
    put.await.is_refused(403, "attribute_not_granted");
    let delete = billing.call("DELETE", &path).header("if-match", "*");
    delete.await.is_refused(403, "not_your_profile");

    // What is not the owner's to write is kept when the owner leaves it out.
    let kept = alice.put(r#"{"displayName":"Al"}"#).header("if-match", "*");
    let all = format!(r#"{{"userId":"{id}","displayName":"Al","tier":"gold"}}"#);
    kept.await.shows_to_origins(200, &all);
}

pub(crate) async fn a_write_of_what_exists_needs_if_match(d: &Deployment) {
    let alice = d.somebody();
    alice.delete().await.is_refused(404, "profile_not_found");
    alice.merge("{}").await.is_refused(404, "profile_not_found");
    let body = r#"{"displayName":"Alice"}"#;
    let tag = alice.put(body).await.is(201).tag();
    for call in [
        alice.put(body),
        alice.merge("{}"),
        alice.operations("[]"),
        alice.delete(),
    ] {
        call.clone().await.is_refused(428, "precondition_required");
        let stale = call.header("if-match", "\"stale\"").await;
        stale.is_refused(412, "precondition_failed");
    }
    alice.put(body).header("if-match", &tag).await.is(200);
    alice.merge("{}").header("if-match", "*").await.is(200);
    alice.delete().header("if-match", &tag).await.is(204);
}

pub(crate) async fn a_listed_origin_may_read_every_answer(d: &Deployment) {
    let alice = d.somebody();
    let preflight = |origin: &str| {
        d.call("OPTIONS", &alice.profile())
            .header("origin", origin)
            .header("access-control-request-method", "PATCH")
            .header("access-control-request-headers", "authorization,if-match")
    };
    let allowed = preflight(rules::ORIGIN).await.is(204);
    assert_eq!(
        allowed.header("access-control-allow-origin"),
        Some(rules::ORIGIN)
    );
    let headers = allowed.must_have("access-control-allow-headers");
    assert_eq!(
        headers,
        "authorization, x-api-key, content-type, if-match, if-none-match"
    );
    assert!(
        allowed
            .must_have("access-control-allow-methods")
            .contains("PATCH")
    );
    let other = preflight("https://evil.example").await.is(204);
    assert_eq!(other.header("access-control-allow-origin"), None);
    assert_eq!(other.header("vary"), Some("Origin"));

    for (call, status) in [
        (alice.get(), 404),
        (alice.put(r#"{"displayName":"Alice"}"#), 201),
        (alice.get(), 200),
        (alice.put("{"), 400),
        (alice.call("GET", "/users/nobody/profile"), 403),
        (d.call("GET", &alice.profile()), 401),
        (d.call("POST", &alice.profile()), 405),
        (d.call("GET", "/nowhere"), 404),
        (d.call("GET", "/healthz"), 200),
    ] {
        let answer = call.header("origin", rules::ORIGIN).await;
        assert_eq!(answer.status, status, "{answer}");
        let origin = answer.must_have("access-control-allow-origin");
        assert_eq!(origin, rules::ORIGIN, "{answer}");
        let exposed = answer.must_have("access-control-expose-headers");
        assert!(exposed.contains("x-request-id"), "{answer}");
        let vary = if status == 200 || status == 201 {
            answer.must_have("vary")
        } else {
            "Origin"
        };
        assert!(vary.ends_with("Origin"), "{answer}");
    }
}
