//! Where keys are, by what the issuer says of itself (OpenID Connect Discovery 1.0).

mod bad;
mod slow;

use std::time::Duration;

use serde_json::Value;
use usher_auth_jwt::{Issuer, IssuerError, IssuerSettings, JwtVerifier, KeysFrom};
use usher_domain::{
    ports::{StoreErrorKind, TokenError, TokenVerifier as _},
    time::Timestamp,
};
use usher_testkit::{
    key_server::{Answer, KeyServer},
    tokens::TestKey,
};

use crate::support::{NOON, claims_with, just_before, key_set, now, outcome, settings, verifier};

const COOL_DOWN: Duration = Duration::from_secs(10);
const FRESH: Duration = Duration::from_hours(1);

/// An issuer, its host and its key.
struct Scene {
    issuer: String,
    key: TestKey,
    server: KeyServer,
    verifier: JwtVerifier,
}

impl Scene {
    async fn new() -> Self {
        Self::at("").await
    }

    /// An issuer that has this path on its host.
    async fn at(path: &str) -> Self {
        let key = TestKey::es256("a");
        let server = KeyServer::start(Answer::KeySet(key_set(&[&key]))).await;
        let issuer = format!("{}{path}", server.issuer());
        server.answer_metadata(Answer::KeySet(server.metadata(&issuer)));
        Self {
            verifier: discovering(&issuer),
            issuer,
            key,
            server,
        }
    }

    /// The same, when its keys have been fetched once.
    async fn warm() -> Self {
        let scene = Self::new().await;
        assert_eq!(scene.ask(now()).await, "accepted");
        assert_eq!(scene.requests(), (1, 1));
        scene
    }

    fn token(&self, key: &TestKey) -> String {
        let mut claims = claims_with("exp", NOON + 30 * 86_400);
        claims["iss"] = self.issuer.as_str().into();
        key.sign(&claims)
    }

    /// What becomes of a good token, another each time.
    async fn ask(&self, at: Timestamp) -> &'static str {
        outcome(&self.verifier, &self.token(&self.key), at).await
    }

    async fn ask_with(&self, key: &TestKey, at: Timestamp) -> &'static str {
        outcome(&self.verifier, &self.token(key), at).await
    }

    /// Why a good token cannot be judged.
    async fn failure(&self) -> String {
        let answer = self.verifier.verify(&self.token(&self.key), now()).await;
        let Err(TokenError::KeySetUnavailable { source: error, .. }) = answer else {
            panic!("{answer:?}")
        };
        assert_eq!(error.kind(), StoreErrorKind::Unavailable);
        error.to_string()
    }

    /// Metadata like the good ones, with one member changed or, by null, gone.
    fn changed(&self, name: &str, value: Value) -> Answer {
        let mut metadata: Value =
            serde_json::from_str(&self.server.metadata(&self.issuer)).expect("an object");
        if value.is_null() {
            metadata.as_object_mut().expect("an object").remove(name);
        } else {
            metadata[name] = value;
        }
        Answer::KeySet(metadata.to_string())
    }

    /// For metadata and for keys.
    fn requests(&self) -> (usize, usize) {
        (self.server.metadata_requests(), self.server.requests())
    }
}

fn discovering(issuer: &str) -> JwtVerifier {
    verifier(IssuerSettings {
        issuer: issuer.to_owned(),
        ..settings(KeysFrom::Discovery)
    })
}

#[tokio::test]
async fn keys_are_where_the_metadata_say() {
    for path in ["", "/", "/tenant", "/tenant/"] {
        let scene = Scene::at(path).await;
        assert_eq!(scene.requests(), (0, 0), "nothing is asked at start");
        assert_eq!(scene.ask(now()).await, "accepted", "{path}");
        assert_eq!(scene.ask(now()).await, "accepted");
        assert_eq!(scene.requests(), (1, 1));
    }
}

#[tokio::test]
async fn keys_may_be_on_another_host_than_the_metadata() {
    let scene = Scene::new().await;
    let elsewhere = KeyServer::start(Answer::KeySet(key_set(&[&scene.key]))).await;
    let metadata = elsewhere.metadata(&scene.issuer);
    scene.server.answer_metadata(Answer::KeySet(metadata));
    assert_eq!(scene.ask(now()).await, "accepted");
    assert_eq!((scene.requests(), elsewhere.requests()), ((1, 0), 1));
}

#[tokio::test]
async fn metadata_are_asked_for_again_after_an_hour() {
    let scene = Scene::warm().await;
    let hour = now().plus(FRESH);
    assert_eq!(scene.ask(just_before(hour)).await, "accepted");
    assert_eq!(scene.requests(), (1, 1));
    assert_eq!(scene.ask(hour).await, "accepted");
    scene.server.asked(2).await;
    assert_eq!(scene.requests(), (2, 2));
}

#[tokio::test]
async fn metadata_are_asked_for_again_by_the_second_fetch_for_a_key_that_is_missing() {
    let (scene, unknown) = (Scene::warm().await, TestKey::es256("unknown"));
    for (times, requests) in [(1, (1, 2)), (2, (2, 3)), (3, (3, 4))] {
        let at = now().plus(times * COOL_DOWN);
        assert_eq!(scene.ask_with(&unknown, at).await, "invalid");
        assert_eq!(scene.requests(), requests);
    }
}

#[tokio::test]
async fn keys_that_have_moved_are_found_by_the_second_fetch() {
    let (scene, new) = (Scene::warm().await, TestKey::es256("new"));
    let elsewhere = KeyServer::start(Answer::KeySet(key_set(&[&new]))).await;
    let moved = Answer::KeySet(elsewhere.metadata(&scene.issuer));
    scene.server.answer_metadata(moved);
    let gone = Answer::Status(404, String::new());
    scene.server.answer(gone);
    let at = now().plus(COOL_DOWN);
    assert_eq!(scene.ask_with(&new, at).await, "unavailable");
    assert_eq!((scene.requests(), elsewhere.requests()), ((1, 2), 0));
    assert_eq!(scene.ask(at).await, "accepted", "the old key serves on");
    let at = at.plus(COOL_DOWN);
    assert_eq!(scene.ask_with(&new, at).await, "accepted");
    assert_eq!((scene.requests(), elsewhere.requests()), ((2, 2), 1));
    // From here on the new address is known, for its hour.
    let unknown = TestKey::es256("unknown");
    let at = at.plus(COOL_DOWN);
    assert_eq!(scene.ask_with(&unknown, at).await, "invalid");
    assert_eq!((scene.requests(), elsewhere.requests()), ((2, 2), 2));
}

#[tokio::test]
async fn keys_and_metadata_that_both_fail_leave_the_keys_that_are_known() {
    let (scene, unknown) = (Scene::warm().await, TestKey::es256("unknown"));
    scene.server.answer(Answer::Status(500, String::new()));
    let broken = Answer::Status(500, String::new());
    scene.server.answer_metadata(broken);
    let mut at = now();
    for times in 1..4 {
        at = at.plus(COOL_DOWN);
        assert_eq!(scene.ask_with(&unknown, at).await, "unavailable");
        assert_eq!(scene.ask(at).await, "accepted");
        // The first found the address still good by its age.
        assert_eq!(scene.requests(), (times, 1 + times));
    }
}

#[tokio::test]
async fn a_clock_that_was_set_back_far_has_the_metadata_asked_for_again() {
    let (scene, unknown) = (Scene::warm().await, TestKey::es256("unknown"));
    let long_before = Timestamp::from_seconds(NOON - 2 * 3_600);
    let answer = scene.ask_with(&unknown, long_before).await;
    assert_eq!(answer, "invalid");
    assert_eq!(scene.requests(), (2, 2));
}

#[test]
fn an_issuer_is_discovered_over_https_or_on_this_machine() {
    let of = |issuer: &str| {
        Issuer::new(IssuerSettings {
            issuer: issuer.to_owned(),
            ..settings(KeysFrom::Discovery)
        })
    };
    for issuer in [
        "https://issuer.example.com",
        "https://issuer.example.com/",
        "https://issuer.example.com:8443/realms/one",
        "https://10.0.0.1",
        "http://127.0.0.1:8080/realms/one",
        "http://localhost:8080",
        "http://[::1]:8080",
    ] {
        assert!(of(issuer).is_ok(), "{issuer}");
    }
    for issuer in [
        "http://issuer.example.com",
        "http://10.0.0.1/",
        "http://127.0.0.1@issuer.example.com",
        "http://localhost.example.com",
        "https://user@issuer.example.com",
        "http://:password@127.0.0.1:8080",
        "https://issuer.example.com?tenant=one",
        "https://issuer.example.com/?",
        "https://issuer.example.com/#one",
        "http://127.0.0.1:8080?tenant=one",
        "http://127.0.0.1:8080#one",
        "urn:example:issuer",
        "issuer.example.com",
        "accounts.google.com",
        "ftp://127.0.0.1/",
        "/",
        "",
    ] {
        let refused = matches!(of(issuer), Err(IssuerError::NotDiscoverable));
        assert!(refused, "{issuer}");
    }
}

/// The old address may go on serving the old keys when the issuer has moved on.
#[tokio::test]
async fn a_key_that_is_not_where_the_keys_were_is_looked_for_where_the_metadata_say() {
    let scene = Scene::warm().await;
    let new = TestKey::es256("new");
    let elsewhere = KeyServer::start(Answer::KeySet(key_set(&[&scene.key, &new]))).await;
    let moved = serde_json::json!({"issuer": scene.issuer, "jwks_uri": elsewhere.uri()});
    let metadata = Answer::KeySet(moved.to_string());
    scene.server.answer_metadata(metadata);
    let first = now().plus(COOL_DOWN);
    assert_eq!(scene.ask_with(&new, first).await, "invalid");
    let second = first.plus(COOL_DOWN);
    assert_eq!(scene.ask_with(&new, second).await, "accepted");
    assert_eq!(scene.ask(second).await, "accepted");
}
