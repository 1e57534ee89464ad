//! Metadata that do not come, and who waits for them.

use std::time::Duration;

use tokio::time::{Instant, advance, pause, resume};
use usher_testkit::{key_server::Answer, tokens::TestKey};

use super::{FRESH, Scene};
use crate::support::{key_set, now};

/// What a busy machine may add to a deadline.
const SLACK: Duration = Duration::from_millis(500);

/// With no address from before to turn to, they may have all the time there is. On a paused clock,
/// waiting takes time and nothing else does.
#[tokio::test]
async fn metadata_that_stall_are_given_up_after_three_seconds() {
    const GIVEN_UP: Duration = Duration::from_secs(3);
    for stalled in [
        Answer::Stall,
        Answer::Drained("{\"issuer\":\"https://".to_owned()),
    ] {
        let scene = Scene::new().await;
        scene.server.answer_metadata(stalled);
        let asked = Instant::now();
        let ask = async {
            scene.server.asked_for_metadata(1).await;
            pause();
            std::future::pending::<()>().await;
        };
        let answer = tokio::select! {
            answer = scene.ask(now()) => answer,
            () = ask => unreachable!("it never ends"),
        };
        assert_eq!(answer, "unavailable");
        let took = asked.elapsed();
        assert!((GIVEN_UP..=GIVEN_UP + SLACK).contains(&took), "{took:?}");
        resume();
    }
}

#[tokio::test]
async fn metadata_and_keys_that_are_both_slow_are_given_up_after_three_seconds_in_all() {
    const GIVEN_UP: Duration = Duration::from_secs(3);
    let scene = Scene::new().await;
    scene.server.answer(Answer::Stall);
    scene.server.answer_metadata(Answer::Stall);
    let asked = Instant::now();
    let slowly = async {
        scene.server.asked_for_metadata(1).await;
        pause();
        advance(Duration::from_millis(700)).await;
        resume();
        let good = scene.server.metadata(&scene.issuer);
        scene.server.answer_metadata(Answer::KeySet(good));
        scene.server.asked(1).await;
        pause();
        std::future::pending::<()>().await;
    };
    let answer = tokio::select! {
        answer = scene.ask(now()) => answer,
        () = slowly => unreachable!("it never ends"),
    };
    assert_eq!(answer, "unavailable");
    let took = asked.elapsed();
    assert!((GIVEN_UP..=GIVEN_UP + SLACK).contains(&took), "{took:?}");
}

#[tokio::test]
async fn while_the_metadata_stall_the_old_address_still_has_its_turn() {
    let (scene, new) = (Scene::warm().await, TestKey::es256("new"));
    scene.server.answer_metadata(Answer::Stall);
    let both = key_set(&[&scene.key, &new]);
    scene.server.answer(Answer::KeySet(both));
    let stalling = async {
        scene.server.asked_for_metadata(2).await;
        assert_eq!(scene.requests(), (2, 1));
        pause();
        advance(Duration::from_millis(1_501)).await;
        resume();
        std::future::pending::<()>().await;
    };
    let answer = tokio::select! {
        answer = scene.ask_with(&new, now().plus(FRESH)) => answer,
        () = stalling => unreachable!("it never ends"),
    };
    assert_eq!(answer, "accepted");
    assert_eq!(scene.requests(), (2, 2));
}

/// Who has a key does not wait for any of it.
#[tokio::test]
async fn a_stale_set_is_refreshed_beside_the_request_by_way_of_the_metadata() {
    let scene = Scene::warm().await;
    scene.server.answer_metadata(Answer::Stall);
    pause();
    let asked = Instant::now();
    assert_eq!(scene.ask(now().plus(FRESH)).await, "accepted");
    assert_eq!(asked.elapsed(), Duration::ZERO);
    resume();
    scene.server.asked_for_metadata(2).await;
}
