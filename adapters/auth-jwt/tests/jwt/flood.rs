//! Many requests at once: with made-up `kid`s, with good ones, and with both.

use std::{sync::Arc, time::Duration};

use tokio::{
    task::JoinSet,
    time::{Instant, pause, resume},
};
use usher_auth_jwt::{Issuer, IssuerSettings, JwtVerifier, KeysFrom};
use usher_domain::{
    ports::{TokenError, TokenVerifier as _},
    time::Timestamp,
};
use usher_testkit::{
    key_server::{Answer, KeyServer},
    tokens::TestKey,
};

use crate::{
    key_source::long_claims,
    key_source_faults::bad_answers,
    support::{
        ISSUER, asking, assert_accepted, claims, claims_with, key_set, now, outcome, settings,
    },
};

const COOL_DOWN: Duration = Duration::from_secs(10);
/// So many may wait for a fetch while known keys serve the others.
const WAITING: usize = 256;

/// A server, what it serves, and who asks it.
struct Scene {
    key: TestKey,
    server: KeyServer,
    verifier: JwtVerifier,
}

impl Scene {
    /// Nothing was fetched yet.
    async fn cold(answer: Answer) -> Arc<Self> {
        let server = KeyServer::start(answer).await;
        let verifier = asking(&server);
        Arc::new(Self {
            key: TestKey::es256("a"),
            server,
            verifier,
        })
    }

    /// The key is known since [`now`].
    async fn warm() -> Arc<Self> {
        let scene = Self::cold(Answer::Stall).await;
        scene.server.answer(scene.good());
        assert_accepted(&scene.verifier, &scene.good_token(), now()).await;
        scene
    }

    fn good(&self) -> Answer {
        Answer::KeySet(key_set(&[&self.key]))
    }

    /// Another each time: nothing comes out of the memory of tokens.
    fn good_token(&self) -> String {
        self.key.sign(&long_claims())
    }

    /// A token whose `kid` nobody ever heard of.
    fn made_up(&self, name: usize) -> String {
        let mut header = self.key.header();
        header["kid"] = format!("made-up-{name}").into();
        self.key.sign_with_header(&header, &claims())
    }

    /// What becomes of these tokens, each in a task of its own.
    fn ask(self: &Arc<Self>, tokens: Vec<String>, at: Timestamp) -> JoinSet<&'static str> {
        let mut requests = JoinSet::new();
        for token in tokens {
            let scene = Arc::clone(self);
            requests.spawn(async move { outcome(&scene.verifier, &token, at).await });
        }
        requests
    }

    fn ask_for_unknown(self: &Arc<Self>, number: usize, at: Timestamp) -> JoinSet<&'static str> {
        let tokens = (0..number).map(|name| self.made_up(name)).collect();
        self.ask(tokens, at)
    }
}

async fn assert_all(requests: JoinSet<&'static str>, expected: &str) {
    for answer in requests.join_all().await {
        assert_eq!(answer, expected);
    }
}

/// A round each 2.5 s, of 64 tasks on as many threads.
#[tokio::test(flavor = "multi_thread", worker_threads = 64)]
async fn a_flood_of_made_up_kids_on_64_threads_is_one_fetch_in_ten_seconds() {
    let scene = Scene::warm().await;
    for round in 0..24 {
        let at = now().plus(Duration::from_millis(2_500) * round);
        let mut tasks = JoinSet::new();
        for task in 0..64 {
            let scene = Arc::clone(&scene);
            tasks.spawn(async move {
                for name in 0..4 {
                    let token = scene.made_up(task * 4 + name);
                    assert_eq!(outcome(&scene.verifier, &token, at).await, "invalid");
                    assert_accepted(&scene.verifier, &scene.good_token(), at).await;
                }
            });
        }
        tasks.join_all().await;
        let allowed = 1 + usize::try_from(round / 4).expect("a number");
        assert_eq!(scene.server.requests(), allowed, "after {at:?}");
    }
}

/// On a paused clock, waiting takes time and nothing else does.
#[tokio::test]
async fn behind_a_fetch_that_stalls_256_requests_wait_and_the_others_are_told_at_once() {
    let (scene, new) = (Scene::warm().await, TestKey::es256("new"));
    scene.server.answer(Answer::Stall);
    let at = now().plus(COOL_DOWN);
    let mut requests = scene.ask(vec![new.sign(&claims())], at);
    scene.server.asked(2).await;
    pause();
    let asked = Instant::now();
    let mut flood = scene.ask_for_unknown(3 * WAITING, at);
    for _ in 0..=2 * WAITING {
        assert_eq!(
            flood.join_next().await.expect("one").expect("an answer"),
            "unavailable"
        );
        assert_accepted(&scene.verifier, &scene.good_token(), at).await;
    }
    assert_eq!(asked.elapsed(), Duration::ZERO, "they waited");
    assert!(flood.try_join_next().is_none(), "one more did not wait");
    resume();
    let both = key_set(&[&scene.key, &new]);
    scene.server.answer(Answer::KeySet(both));
    assert_eq!(
        requests.join_next().await.expect("one").expect("an answer"),
        "accepted"
    );
    assert_all(flood, "invalid").await;
    assert_eq!(scene.server.requests(), 2);
}

/// A set past its hour is good enough to say no with: the flood must not become the server's.
#[tokio::test]
async fn keys_past_their_hour_serve_while_a_flood_waits_for_a_fetch_that_stalls() {
    let scene = Scene::warm().await;
    scene.server.answer(Answer::Stall);
    let at = now().plus(Duration::from_hours(2));
    let mut flood = scene.ask_for_unknown(2 * WAITING, at);
    scene.server.asked(2).await;
    pause();
    let asked = Instant::now();
    for _ in 0..WAITING {
        assert_accepted(&scene.verifier, &scene.good_token(), at).await;
        // The flood's tokens are from an hour ago, and nobody has looked at that yet.
        assert_eq!(
            flood.join_next().await.expect("one").expect("an answer"),
            "unavailable"
        );
    }
    assert_eq!(asked.elapsed(), Duration::ZERO, "they waited");
    assert_eq!(scene.server.requests(), 2);
    assert_all(flood, "unavailable").await;
    assert!(
        asked.elapsed() > Duration::ZERO,
        "nobody waited for the fetch"
    );
}

#[tokio::test]
async fn who_goes_away_makes_room_for_another_to_wait() {
    let (scene, new) = (Scene::warm().await, TestKey::es256("new"));
    scene.server.answer(Answer::Stall);
    let at = now().plus(COOL_DOWN);
    let mut flood = scene.ask_for_unknown(2 * WAITING, at);
    scene.server.asked(2).await;
    flood.shutdown().await;
    let mut tokens = vec![new.sign(&claims()); WAITING];
    tokens.push(scene.made_up(0));
    pause();
    let asked = Instant::now();
    let mut waiting = scene.ask(tokens, at);
    let one_too_many = waiting.join_next().await;
    assert_eq!(
        one_too_many.expect("one").expect("an answer"),
        "unavailable"
    );
    assert_eq!(asked.elapsed(), Duration::ZERO, "it waited");
    assert!(waiting.try_join_next().is_none(), "another did not wait");
    resume();
    let both = key_set(&[&scene.key, &new]);
    scene.server.answer(Answer::KeySet(both));
    assert_all(waiting, "accepted").await;
    assert_eq!(scene.server.requests(), 2);
}

/// Without any key there is nothing to serve the others with, so nobody is turned away.
#[tokio::test]
async fn at_a_cold_start_all_wait_however_many_they_are() {
    let scene = Scene::cold(Answer::Stall).await;
    let tokens = (0..4 * WAITING).map(|_| scene.good_token()).collect();
    let mut requests = scene.ask(tokens, now());
    scene.server.asked(1).await;
    assert!(requests.try_join_next().is_none(), "one did not wait");
    scene.server.answer(scene.good());
    assert_all(requests, "accepted").await;
    assert_eq!(scene.server.requests(), 1);
}

#[tokio::test]
async fn a_cold_start_that_fails_is_one_fetch_in_ten_seconds_too() {
    let scene = Scene::cold(Answer::Stall).await;
    let tokens: Vec<_> = (0..4 * WAITING).map(|_| scene.good_token()).collect();
    let requests = scene.ask(tokens.clone(), now());
    scene.server.asked(1).await;
    scene.server.answer(Answer::Status(500, String::new()));
    assert_all(requests, "unavailable").await;
    assert_all(scene.ask(tokens, now()), "unavailable").await;
    assert_eq!(scene.server.requests(), 1);
}

/// An issuer that has failed once may fail again, and those of other issuers are to be served.
#[tokio::test]
async fn after_a_cold_start_that_failed_256_wait_and_the_others_are_told_at_once() {
    let scene = Scene::cold(Answer::Status(500, String::new())).await;
    assert_all(scene.ask(vec![scene.good_token()], now()), "unavailable").await;
    scene.server.answer(Answer::Stall);
    let at = now().plus(COOL_DOWN);
    let tokens = (0..2 * WAITING).map(|_| scene.good_token()).collect();
    let mut requests = scene.ask(tokens, at);
    scene.server.asked(2).await;
    pause();
    let asked = Instant::now();
    for _ in 0..WAITING {
        let answer = requests.join_next().await;
        assert_eq!(answer.expect("one").expect("an answer"), "unavailable");
    }
    assert_eq!(asked.elapsed(), Duration::ZERO, "they waited");
    assert!(requests.try_join_next().is_none(), "one more did not wait");
    resume();
    scene.server.answer(scene.good());
    assert_all(requests, "accepted").await;
    assert_eq!(scene.server.requests(), 2);
}

/// The first who are too many come back after a second: the fetch does not take longer than three.
#[tokio::test]
async fn who_is_one_too_many_is_told_to_come_back_soon() {
    let scene = Scene::warm().await;
    scene.server.answer(Answer::Stall);
    let at = now().plus(COOL_DOWN);
    let flood = scene.ask_for_unknown(WAITING, at);
    scene.server.asked(2).await;
    let answer = scene.verifier.verify(&scene.made_up(0), at).await;
    let Err(TokenError::KeySetUnavailable { retry_after, .. }) = answer else {
        panic!("{answer:?}")
    };
    assert_eq!(retry_after, Duration::from_secs(1));
    scene.server.answer(scene.good());
    assert_all(flood, "invalid").await;
}

/// Whatever the server does, it is asked once, known keys serve, and a flood is told to come again.
#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn a_bad_answer_changes_nothing_for_known_keys_and_for_a_flood_at_once() {
    let new = TestKey::es256("new");
    for bad in bad_answers(&new) {
        let scene = Scene::warm().await;
        scene.server.answer(bad.clone());
        for round in 1..=3 {
            let at = now().plus(COOL_DOWN * round);
            let good = (0..64).map(|_| scene.good_token()).collect();
            let (good, flood) = (scene.ask(good, at), scene.ask_for_unknown(64, at));
            assert_all(good, "accepted").await;
            assert_all(flood, "unavailable").await;
            let asked = 1 + usize::try_from(round).expect("a number");
            assert_eq!(scene.server.requests(), asked, "{bad:?}");
        }
        assert_eq!(scene.server.redirected(), 0);
        scene.server.answer(scene.good());
        let later = now().plus(COOL_DOWN * 4);
        assert_all(scene.ask_for_unknown(64, later), "invalid").await;
    }
}

/// An issuer that was never asked and does not answer must not fill the server, where there is
/// another whose users can be served.
#[tokio::test]
async fn who_waits_for_one_issuer_leaves_room_for_the_users_of_another() {
    const ROOM: usize = 8;
    let theirs = "https://theirs.example.com/";
    let (our_key, their_key) = (TestKey::es256("a"), TestKey::es256("b"));
    let server = KeyServer::start(Answer::Stall).await;
    let issuer = |name: &str, keys| {
        let named = IssuerSettings {
            issuer: name.to_owned(),
            ..settings(keys)
        };
        Issuer::new(named).expect("an issuer")
    };
    let ours = issuer(ISSUER, KeysFrom::Json(key_set(&[&our_key])));
    let theirs_asked = issuer(theirs, KeysFrom::Uri(server.uri()));
    let verifier = Arc::new(JwtVerifier::new(vec![ours, theirs_asked]).waiting_at_most(ROOM));
    let mut requests = JoinSet::new();
    for _ in 0..3 * ROOM {
        let (verifier, token) = (
            Arc::clone(&verifier),
            their_key.sign(&claims_with("iss", theirs)),
        );
        requests.spawn(async move { outcome(&verifier, &token, now()).await });
    }
    for _ in 0..2 * ROOM {
        let refused = requests.join_next().await.expect("a request");
        assert_eq!(refused.expect("an answer"), "unavailable");
    }
    assert_accepted(&verifier, &our_key.sign(&claims()), now()).await;
    server.answer(Answer::KeySet(key_set(&[&their_key])));
    while let Some(waited) = requests.join_next().await {
        assert_eq!(waited.expect("an answer"), "accepted");
    }
    assert_eq!(server.requests(), 1);
}
