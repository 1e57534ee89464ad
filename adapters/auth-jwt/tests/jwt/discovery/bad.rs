//! Metadata that are none, or another's, or lead astray.

use serde_json::json;
use usher_testkit::{key_server::Answer, tokens::TestKey};

use super::{COOL_DOWN, FRESH, Scene};
use crate::support::{just_before, key_set, now};

/// What is no metadata at all, though each names the right address somewhere.
fn unreadable(scene: &Scene) -> Vec<Answer> {
    let good = scene.server.metadata(&scene.issuer);
    let twice = "{\"issuer\":\"https://theirs.example.com\",";
    vec![
        Answer::Status(500, good.clone()),
        Answer::Status(404, good.clone()),
        Answer::Status(203, good.clone()),
        Answer::KeySet(String::new()),
        Answer::KeySet("<html>Sign in</html>".to_owned()),
        Answer::KeySet(format!("[{good}]")),
        Answer::KeySet(good[..good.len() / 2].to_owned()),
        Answer::KeySet(good.replacen('{', twice, 1)),
        Answer::Oversized(good.clone()),
        Answer::Redirect(good.clone()),
        Answer::Cut(good),
        scene.changed("issuer", json!([scene.issuer])),
        scene.changed("issuer", json!(null)),
        scene.changed("jwks_uri", json!([scene.server.uri()])),
        scene.changed("jwks_uri", json!({ "uri": scene.server.uri() })),
        scene.changed("jwks_uri", json!(443)),
        scene.changed("jwks_uri", json!(null)),
    ]
}

/// Metadata that can be read, and are another's.
fn of_others(scene: &Scene) -> Vec<Answer> {
    let issuer = &scene.issuer;
    [
        "https://theirs.example.com",
        &format!("{issuer}/"),
        &format!("{issuer}?"),
        &format!(" {issuer}"),
        &issuer.to_uppercase(),
        "https://login.example.com/{tenantid}/v2.0",
        "",
    ]
    .map(|other| scene.changed("issuer", json!(other)))
    .into()
}

/// Metadata that can be read, and lead where keys must not come from.
fn astray(scene: &Scene) -> Vec<Answer> {
    let keys = scene.server.uri();
    [
        "http://issuer.example.com/keys",
        "http://127.0.0.1.example.com/keys",
        "http://127.0.0.1@issuer.example.com/keys",
        "http://10.0.0.1/keys",
        "file:///etc/keys.json",
        "data:application/json,{}",
        "/keys",
        "",
        &keys.replacen("http:", "ftp:", 1),
        &keys.replacen("http://", "", 1),
        &keys.replacen("http://", "http://user:password@", 1),
    ]
    .map(|address| scene.changed("jwks_uri", json!(address)))
    .into()
}

/// Otherwise one tenant of a shared host could hand out keys for another.
#[tokio::test]
async fn metadata_of_another_tenant_are_not_believed() {
    for (path, other) in [
        ("", "/"),
        ("/", ""),
        ("/tenant", "/tenant/"),
        ("/tenant", "/Tenant"),
        ("/tenant", "/{tenantid}"),
        ("/tenant", "/another"),
        ("/tenant", ""),
    ] {
        let scene = Scene::at(path).await;
        let other = format!("{}{other}", scene.server.issuer());
        let metadata = scene.server.metadata(&other);
        scene.server.answer_metadata(Answer::KeySet(metadata));
        let failure = scene.failure().await;
        assert!(failure.contains("another issuer"), "{failure}");
        assert_eq!(scene.requests(), (1, 0), "{path} {other}");
    }
}

/// Runs a case for each of these answers, with a scene of its own.
async fn for_each(answers: fn(&Scene) -> Vec<Answer>, case: impl AsyncFn(Scene, Answer)) {
    let mut index = 0;
    loop {
        let scene = Scene::new().await;
        let Some(answer) = answers(&scene).into_iter().nth(index) else {
            break;
        };
        case(scene, answer).await;
        index += 1;
    }
    assert!(index > 5, "there were cases");
}

#[tokio::test]
async fn without_an_address_bad_metadata_are_unavailable_and_asked_for_once_in_ten_seconds() {
    for (answers, why) in [
        (unreadable as fn(&Scene) -> Vec<Answer>, "discovery: "),
        (of_others, "another issuer's metadata"),
        (astray, "jwks_uri"),
    ] {
        for_each(answers, async |scene, bad| {
            scene.server.answer_metadata(bad.clone());
            let failure = scene.failure().await;
            assert!(failure.contains(why), "{failure} after {bad:?}");
            for at in [now(), just_before(now().plus(COOL_DOWN))] {
                assert_eq!(scene.ask(at).await, "unavailable", "{bad:?}");
            }
            assert_eq!(scene.requests(), (1, 0), "{bad:?}");
            assert_eq!(scene.server.redirected(), 0, "a redirect is not followed");
            let good = scene.server.metadata(&scene.issuer);
            scene.server.answer_metadata(Answer::KeySet(good));
            assert_eq!(scene.ask(now().plus(COOL_DOWN)).await, "accepted");
            assert_eq!(scene.requests(), (2, 1));
        })
        .await;
    }
}

#[tokio::test]
async fn while_the_metadata_cannot_be_read_keys_are_fetched_from_where_they_were() {
    for_each(unreadable, async |scene, bad| {
        let new = TestKey::es256("new");
        assert_eq!(scene.ask(now()).await, "accepted");
        scene.server.answer_metadata(bad.clone());
        let both = key_set(&[&scene.key, &new]);
        scene.server.answer(Answer::KeySet(both));
        let stale = now().plus(FRESH);
        assert_eq!(scene.ask_with(&new, stale).await, "accepted", "{bad:?}");
        assert_eq!(scene.requests(), (2, 2), "{bad:?}");
        assert_eq!(scene.server.redirected(), 0, "a redirect is not followed");
        // What is known is old, so the metadata are asked for by every fetch until they are good.
        let unknown = TestKey::es256("unknown");
        let later = stale.plus(COOL_DOWN);
        assert_eq!(scene.ask_with(&unknown, later).await, "invalid");
        assert_eq!(scene.requests(), (3, 3), "{bad:?}");
    })
    .await;
}

/// An issuer that says that it is another is not one that is out of reach.
#[tokio::test]
async fn metadata_that_turn_out_to_be_anothers_leave_the_keys_that_are_known_and_fetch_none() {
    for answers in [of_others as fn(&Scene) -> Vec<Answer>, astray] {
        for_each(answers, async |scene, bad| {
            let new = TestKey::es256("new");
            assert_eq!(scene.ask(now()).await, "accepted");
            let both = key_set(&[&scene.key, &new]);
            scene.server.answer(Answer::KeySet(both));
            scene.server.answer_metadata(bad.clone());
            let stale = now().plus(FRESH);
            let answer = scene.ask_with(&new, stale).await;
            assert_eq!(answer, "unavailable", "{bad:?}");
            assert_eq!(scene.ask(stale).await, "accepted");
            assert_eq!(scene.requests(), (2, 1), "{bad:?}");
            let good = scene.server.metadata(&scene.issuer);
            scene.server.answer_metadata(Answer::KeySet(good));
            let later = stale.plus(COOL_DOWN);
            assert_eq!(scene.ask_with(&new, later).await, "accepted");
            assert_eq!(scene.requests(), (3, 2), "{bad:?}");
        })
        .await;
    }
}
