//! Who listens is told of each time that an issuer was asked, and of nothing else.

use std::{sync::Arc, time::Duration};

use usher_domain::ports::Telemetry;
use usher_testkit::{
    fakes::{FakeTelemetry, Told},
    key_server::{Answer, KeyServer},
    tokens::TestKey,
};

use crate::support::{ISSUER, asking, assert_accepted, claims, key_set, now, outcome};

#[tokio::test]
async fn each_fetch_is_told_with_its_issuer_and_what_came_of_it() {
    let key = TestKey::es256("a");
    let server = KeyServer::start(Answer::Status(503, String::new())).await;
    let told = Arc::new(FakeTelemetry::default());
    let listener: Arc<dyn Telemetry> = Arc::clone(&told) as _;
    let verifier = asking(&server).telling(&listener);
    let token = key.sign(&claims());
    let of = |fetched| Told::KeySet {
        issuer: ISSUER.to_owned(),
        fetched,
    };
    assert_eq!(told.take(), []);
    assert_eq!(outcome(&verifier, &token, now()).await, "unavailable");
    assert_eq!(told.take(), [of(false)]);
    server.answer(Answer::KeySet(key_set(&[&key])));
    let later = now().plus(Duration::from_secs(10));
    assert_accepted(&verifier, &token, later).await;
    assert_eq!(told.take(), [of(true)]);
    assert_accepted(&verifier, &token, later).await;
    assert_eq!(told.take(), [], "a key that is known is not asked for");
}
