//! Over a store whose rows others fill too: what it keeps in their types is answered, and what it could
//! not keep is refused with its place.

use axum::http::StatusCode;
use usher_domain::{json::Violation, ports::Put};

use crate::support::{ALICE, Ask, World, profile};

const MERGE: &str = "application/merge-patch+json";

fn writes() -> [Ask; 2] {
    let body = r#"{"tags":["b","a"]}"#;
    [Ask::put(ALICE, body), Ask::patch(ALICE, MERGE, body)]
}

#[tokio::test]
async fn a_write_answers_what_is_stored_and_its_tag() {
    for write in writes() {
        let world = World::new();
        world.alice_was_given(r#"{"tags":["a"]}"#);
        let stored = profile(r#"{"tags":["a","b"]}"#);
        world.profiles.next_put(Put::ReplacedAs(stored));
        let answer = world.ask(write).await;
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(answer.text(), r#"{"userId":"alice","tags":["a","b"]}"#);
        let read = world.ask(Ask::get(ALICE)).await;
        assert_eq!((read.tag(), read.text()), (answer.tag(), answer.text()));
    }
}

#[tokio::test]
async fn what_the_store_cannot_keep_is_422_with_its_places() {
    for write in writes() {
        let world = World::new();
        let tag = world.alice_was_given(r#"{"tags":["a"]}"#);
        let place = Violation::new("/tags/1", "a set");
        world.profiles.next_put(Put::Refused(vec![place]));
        let answer = world.ask(write).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(answer.code(), "not_portable");
        let errors = &answer.json()["errors"];
        assert_eq!(errors[0]["pointer"], "/tags/1");
        assert_eq!(errors[0]["detail"], "a set");
        assert_eq!(world.ask(Ask::get(ALICE)).await.tag(), tag);
    }
}
