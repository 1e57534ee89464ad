//! cognito-local, as far as an app and Usher see it: sign up, sign in, and take the tokens along.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};
use tempfile::TempDir;
use usher_testkit::process::{Process, Stream};

use super::{Verdict, ask, usher, verdict};
use crate::support::{Deployment, call::profile_path, scripts};

const MINE: &str = "/users/me/profile";

#[tokio::test]
async fn an_access_token_reads_and_writes_its_owners_profile_and_nobody_elses() {
    let pool = Pool::start().await;
    let usher = usher(&[pool.issuer(&["app"])], &[]).await;
    let (alice, support) = (pool.user("alice"), pool.user("support"));
    owns_a_profile(&usher, &alice.sub, &alice.app.access).await;

    let others = profile_path(&support.sub);
    for method in ["GET", "PUT", "DELETE"] {
        let call = ask(&usher, &alice.app.access, method, &others);
        call.json("{}").await.is_refused(403, "not_your_profile");
    }

    let refreshed = ask(&usher, &alice.refreshed.access, "GET", MINE).await;
    refreshed.is(200);
    assert_eq!(verdict(&usher, &alice.app.id).await, Verdict::Refused);
    let refresh = alice.app.refresh.as_deref().expect("a refresh token");
    assert_eq!(verdict(&usher, refresh).await, Verdict::Refused);
    usher.end().await;
}

#[tokio::test]
async fn an_id_token_is_taken_in_place_of_the_access_token_when_configured_so() {
    let pool = Pool::start().await;
    let mut issuer = pool.issuer(&["app"]);
    issuer["token_use"] = json!(["id"]);
    let usher = usher(&[issuer], &[]).await;
    let alice = pool.user("alice");
    owns_a_profile(&usher, &alice.sub, &alice.app.id).await;
    ask(&usher, &alice.refreshed.id, "GET", MINE).await.is(200);
    assert_eq!(verdict(&usher, &alice.app.access).await, Verdict::Refused);
    usher.end().await;
}

#[tokio::test]
async fn both_kinds_of_token_are_one_user_and_a_scope_is_on_the_access_token_alone() {
    let pool = Pool::start().await;
    let mut issuer = pool.issuer(&["app"]);
    issuer["token_use"] = json!(["access", "id"]);
    let scope = json!(["aws.cognito.signin.user.admin"]);
    let usher = usher(&[issuer], &[("USHER_ACCESS__SCOPES__DELETE", scope)]).await;
    let alice = pool.user("alice");
    owns_a_profile(&usher, &alice.sub, &alice.app.id).await;
    ask(&usher, &alice.app.access, "GET", MINE).await.is(200);
    let delete = ask(&usher, &alice.app.id, "DELETE", MINE).await;
    delete.is_refused(403, "insufficient_scope");
    ask(&usher, &alice.app.access, "DELETE", MINE).await.is(204);
    usher.end().await;
}

#[tokio::test]
async fn a_token_of_another_client_of_the_pool_is_refused_until_the_client_is_listed() {
    let pool = Pool::start().await;
    let alice = pool.user("alice");
    for (clients, expected) in [
        (["app"].as_slice(), Verdict::Refused),
        (&["app", "other"], Verdict::Accepted),
    ] {
        let mut issuer = pool.issuer(clients);
        issuer["token_use"] = json!(["access", "id"]);
        let usher = usher(&[issuer], &[]).await;
        for token in [&alice.other.access, &alice.other.id] {
            assert_eq!(verdict(&usher, token).await, expected, "{clients:?}");
        }
        assert_eq!(verdict(&usher, &alice.app.access).await, Verdict::Accepted);
        usher.end().await;
    }
}

#[tokio::test]
async fn a_group_of_the_pool_carries_a_grant() {
    let pool = Pool::start().await;
    let mut issuer = pool.issuer(&["app"]);
    issuer["token_use"] = json!(["access", "id"]);
    let grants = json!([{ "group": "support", "actions": ["read"], "attributes": ["age"] }]);
    let usher = usher(&[issuer], &[("USHER_ACCESS__GRANTS", grants)]).await;
    let (alice, support) = (pool.user("alice"), pool.user("support"));
    let put = ask(&usher, &alice.app.access, "PUT", MINE).json(r#"{"age":7,"name":"Alice"}"#);
    put.await.is(201);
    for token in [&support.app.access, &support.app.id] {
        let read = ask(&usher, token, "GET", &profile_path(&alice.sub)).await;
        assert_eq!(
            read.is(200).json(),
            json!({ "userId": alice.sub, "age": 7 })
        );
    }
    let read = ask(
        &usher,
        &alice.app.access,
        "GET",
        &profile_path(&support.sub),
    )
    .await;
    read.is_refused(403, "not_your_profile");
    usher.end().await;
}

/// The whole of what a new user does first.
async fn owns_a_profile(usher: &Deployment, sub: &str, token: &str) {
    let own = profile_path(sub);
    let missing = ask(usher, token, "GET", &own).await;
    missing.is_refused(404, "profile_not_found");
    let put = ask(usher, token, "PUT", &own).json(r#"{"displayName":"Alice"}"#);
    let written = put.await.is(201).json();
    let profile = json!({ "userId": sub, "displayName": "Alice" });
    assert_eq!(written, profile);
    for path in [&own, MINE] {
        assert_eq!(ask(usher, token, "GET", path).await.is(200).json(), profile);
    }
}

/// cognito-local with one pool. It ends when this is dropped.
struct Pool {
    said: Said,
    _process: Process,
    _folder: TempDir,
}

/// What `cognito.cjs` prints.
#[derive(Deserialize)]
struct Said {
    /// Where it answers, without a slash at the end.
    endpoint: String,
    pool: String,
    /// Client ids by their names.
    clients: BTreeMap<String, String>,
    users: BTreeMap<String, User>,
}

#[derive(Deserialize)]
struct User {
    sub: String,
    /// Of the sign-in at the client `app`.
    app: Tokens,
    /// Of the sign-in at the client `other`.
    other: Tokens,
    /// Of the refresh token of `app`.
    refreshed: Tokens,
}

#[derive(Deserialize)]
struct Tokens {
    access: String,
    id: String,
    refresh: Option<String>,
}

impl Pool {
    async fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let process = scripts::start("identity/cognito.cjs", &[], folder.path());
        let line = process.line(Stream::Stdout, |line| serde_json::from_str(line).ok());
        let said = line.await.unwrap_or_else(|error| panic!("{error}"));
        Self {
            said,
            _process: process,
            _folder: folder,
        }
    }

    /// What makes Usher accept access tokens of these clients. Where the keys are follows from the
    /// issuer.
    fn issuer(&self, clients: &[&str]) -> Value {
        let Said { endpoint, pool, .. } = &self.said;
        let clients = clients.iter().map(|name| &self.said.clients[*name]);
        json!({
            "kind": "cognito",
            "region": "local",
            "user_pool_id": pool,
            "client_ids": clients.collect::<Vec<_>>(),
            "issuer": format!("{endpoint}/{pool}"),
        })
    }

    fn user(&self, name: &str) -> &User {
        &self.said.users[name]
    }
}
