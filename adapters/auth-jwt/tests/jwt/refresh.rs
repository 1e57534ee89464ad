//! What is kept when a set is fetched again, and what is forgotten.

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};
use usher_auth_jwt::JwtVerifier;
use usher_domain::{principal::Principal, time::Timestamp};
use usher_testkit::{
    key_server::{Answer, KeyServer},
    tokens::TestKey,
};

use crate::support::{
    NOON, accepted, asking, claims, claims_with, just_before, key_set, now, outcome,
};

const COOL_DOWN: Duration = Duration::from_secs(10);
const FRESH: Duration = Duration::from_hours(1);

/// A verifier, its server, and when it asked that last.
struct Scene {
    server: KeyServer,
    verifier: JwtVerifier,
    at: Timestamp,
}

impl Scene {
    async fn with(keys: &[Value]) -> Self {
        let server = KeyServer::start(set(keys)).await;
        let verifier = asking(&server);
        Self {
            server,
            verifier,
            at: now(),
        }
    }

    /// Has the set fetched again, ten seconds later, by a token that names a key nobody has.
    async fn fetch(&mut self, keys: &[Value]) {
        self.server.answer(set(keys));
        self.at = self.at.plus(COOL_DOWN);
        let asked = self.server.requests();
        let unknown = TestKey::es256("unknown").sign(&claims());
        assert_eq!(self.outcome(&unknown).await, "invalid");
        assert_eq!(self.server.requests(), asked + 1);
    }

    async fn outcome(&self, token: &str) -> &'static str {
        outcome(&self.verifier, token, self.at).await
    }

    async fn principal(&self, token: &str) -> Arc<Principal> {
        accepted(&self.verifier, token, self.at).await
    }
}

fn set(keys: &[Value]) -> Answer {
    Answer::KeySet(json!({ "keys": keys }).to_string())
}

/// A remembered token's principal is the very same one.
#[tokio::test]
async fn a_token_stays_remembered_while_its_key_is_in_the_set() {
    for key in ["RS256", "ES256", "ES384", "EdDSA"].map(|name| TestKey::new(name, "a")) {
        let (another, third) = (TestKey::es256("b"), TestKey::es256("c"));
        let token = key.sign(&claims());
        let mut scene = Scene::with(&[key.jwk(), another.jwk()]).await;
        let first = scene.principal(&token).await;
        let mut annotated = key.jwk();
        annotated["x5t"] = "GvnPApfWMdLRi8PDmisFn7bprKg".into();
        for keys in [
            vec![key.jwk(), another.jwk()],
            vec![another.jwk(), key.jwk()],
            vec![annotated, another.jwk()],
            vec![third.jwk(), key.jwk(), another.jwk()],
            vec![key.jwk()],
            vec![key.jwk(), json!({"kty": "oct", "kid": "d", "k": "AA"})],
        ] {
            scene.fetch(&keys).await;
            let again = scene.principal(&token).await;
            assert!(Arc::ptr_eq(&first, &again), "forgotten for {keys:?}");
        }
    }
}

/// The hourly refresh is the usual one, and happens beside a request.
#[tokio::test]
async fn the_hourly_refresh_forgets_nothing_when_nothing_changed() {
    let key = TestKey::es256("a");
    let server = KeyServer::start(Answer::KeySet(key_set(&[&key]))).await;
    let verifier = asking(&server);
    let claims = claims_with("exp", NOON + 86_400);
    accepted(&verifier, &key.sign(&claims), now()).await;
    let (token, stale) = (key.sign(&claims), now().plus(FRESH));
    let first = accepted(&verifier, &token, just_before(stale)).await;
    assert_eq!(server.requests(), 1);
    accepted(&verifier, &key.sign(&claims), stale).await;
    server.asked(2).await;
    let unknown = TestKey::es256("unknown").sign(&claims);
    assert_eq!(
        outcome(&verifier, &unknown, stale).await,
        "invalid",
        "it waited for the refresh to end"
    );
    let again = accepted(&verifier, &token, stale).await;
    assert!(Arc::ptr_eq(&first, &again));
    assert_eq!(server.requests(), 2);
}

#[tokio::test]
async fn a_token_whose_key_was_away_is_verified_again() {
    let (key, another) = (TestKey::es256("a"), TestKey::es256("b"));
    let token = key.sign(&claims());
    let mut scene = Scene::with(&[key.jwk(), another.jwk()]).await;
    let first = scene.principal(&token).await;
    scene.fetch(&[another.jwk()]).await;
    // Nobody asks while it is away.
    scene.fetch(&[key.jwk(), another.jwk()]).await;
    let again = scene.principal(&token).await;
    assert!(!Arc::ptr_eq(&first, &again));
    assert_eq!(first, again);
}

#[tokio::test]
async fn a_token_is_refused_once_its_key_is_for_another_algorithm_or_use() {
    let key = TestKey::new("PS256", "a");
    let (mut any, mut other, mut encrypts) = (key.jwk(), key.jwk(), key.jwk());
    any.as_object_mut().expect("an object").remove("alg");
    other["alg"] = "RS256".into();
    encrypts["use"] = "enc".into();
    let token = key.sign(&claims());
    let another = TestKey::es256("b");
    for changed in [other, encrypts] {
        let mut scene = Scene::with(std::slice::from_ref(&any)).await;
        scene.principal(&token).await;
        scene.fetch(&[changed, another.jwk()]).await;
        assert_eq!(scene.outcome(&token).await, "invalid");
        scene.fetch(std::slice::from_ref(&any)).await;
        scene.principal(&token).await;
    }
}

/// A bad signature is one as long as the key is the same; with another, it may be a good one.
#[tokio::test]
async fn a_refusal_is_forgotten_when_the_set_changes() {
    let (theirs, ours) = (TestKey::es256("a"), TestKey::es256("a"));
    let token = ours.sign(&claims());
    let mut scene = Scene::with(&[theirs.jwk()]).await;
    assert_eq!(scene.outcome(&token).await, "invalid");
    scene.fetch(&[theirs.jwk()]).await;
    assert_eq!(scene.outcome(&token).await, "invalid");
    scene.fetch(&[ours.jwk()]).await;
    assert_eq!(scene.outcome(&token).await, "accepted");
    scene.fetch(&[theirs.jwk()]).await;
    assert_eq!(scene.outcome(&token).await, "invalid");
}

#[tokio::test]
async fn a_failed_fetch_forgets_nothing() {
    let key = TestKey::es256("a");
    let token = key.sign(&claims());
    let scene = Scene::with(&[key.jwk()]).await;
    let first = scene.principal(&token).await;
    scene.server.answer(Answer::Status(500, String::new()));
    let later = now().plus(COOL_DOWN);
    let unknown = TestKey::es256("unknown").sign(&claims());
    let answer = outcome(&scene.verifier, &unknown, later).await;
    assert_eq!(answer, "unavailable");
    let again = accepted(&scene.verifier, &token, later).await;
    assert!(Arc::ptr_eq(&first, &again));
}
