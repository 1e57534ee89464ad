//! Others' profiles, through grants: only what is granted is seen, changed or told.

mod audit_lines;

use axum::http::StatusCode;
use serde_json::{Value, json};
use usher_domain::access::{Action, Attributes, Grant, Holder, Policy};

use crate::support::{ALICE, Answer, Ask, Setup, World};

const SUPPORT: &str = "user:sam;group:support";
const WRITERS: &str = "user:wil;group:writers";
const ADMINS: &str = "user:ada;group:admins";

fn grant(group: &str, actions: &[Action], attributes: &[&str], read_only: bool) -> Grant {
    Grant {
        holder: Holder::Group(group.into()),
        issuer: None,
        actions: actions.iter().copied().collect(),
        attributes: if attributes.is_empty() {
            Attributes::All
        } else {
            Attributes::Only(attributes.iter().map(|name| Box::from(*name)).collect())
        },
        read_only,
    }
}

/// `support` reads name and e-mail and writes the name; `writers` write the name and see nothing;
/// `admins` do everything.
fn world() -> World {
    let access = Policy {
        grants: vec![
            grant("support", &[Action::Read], &["name", "email"], false),
            grant("support", &[Action::Write], &["name", "hidden"], false),
            grant("writers", &[Action::Write], &["name"], false),
            grant("admins", &Action::ALL, &[], true),
        ],
        ..Policy::default()
    };
    let mut setup = Setup::with_schema(&["tier"]);
    setup.rules.access = access;
    setup.start()
}

async fn alice_is(world: &World, profile: &Value) {
    let put = Ask::put(ALICE, profile.to_string()).token(ADMINS);
    let answer = world.ask(put).await;
    assert!(answer.status.is_success(), "{answer:?}");
}

fn merge(body: &Value) -> Ask {
    Ask::merge(ALICE, body.to_string())
}

fn operations(body: &Value) -> Ask {
    Ask::patch(ALICE, "application/json-patch+json", body.to_string())
}

fn refused(answer: &Answer, places: &[&str]) {
    assert_eq!(answer.code(), "attribute_not_granted", "{answer:?}");
    let errors = answer.json();
    let errors = errors.get("errors").and_then(Value::as_array);
    let found: Vec<_> = errors
        .into_iter()
        .flatten()
        .map(|error| error["pointer"].as_str().expect("a pointer").to_owned())
        .collect();
    assert_eq!(found, places, "{answer:?}");
}

#[tokio::test]
async fn a_filtered_read_shows_what_is_granted_under_a_tag_of_its_own() {
    let world = world();
    alice_is(&world, &json!({"name": "Alice", "secret": 1})).await;
    let seen = world.ask(Ask::get(ALICE).token(SUPPORT)).await;
    assert_eq!(seen.json(), json!({"userId": "alice", "name": "Alice"}));
    let whole = world.ask(Ask::get(ALICE)).await;
    assert_ne!(seen.tag(), whole.tag());

    // What is not seen changes nothing of what is.
    alice_is(&world, &json!({"name": "Alice", "secret": 2})).await;
    let known = Ask::get(ALICE)
        .token(SUPPORT)
        .header("if-none-match", seen.tag());
    assert_eq!(world.ask(known).await.status, StatusCode::NOT_MODIFIED);
    let head = world.ask(Ask::head(ALICE).token(SUPPORT)).await;
    assert_eq!(head.header("content-length"), seen.header("content-length"));
    let stranger = world
        .ask(Ask::get(ALICE).token("user:sam;group:sales"))
        .await;
    assert_eq!(stranger.code(), "not_your_profile");
    let absent = Ask::get("/users/nobody/profile").token(SUPPORT);
    assert_eq!(world.ask(absent).await.code(), "profile_not_found");
}

#[tokio::test]
async fn a_filtered_write_touches_what_is_granted_and_nothing_else() {
    let world = world();
    alice_is(
        &world,
        &json!({"name": "Alice", "email": "a@b", "secret": 1}),
    )
    .await;
    let seen = world.ask(Ask::get(ALICE).token(SUPPORT)).await;
    let written = merge(&json!({"name": "Bob", "userId": "alice"}));
    let written = world
        .ask(written.token(SUPPORT).header("if-match", seen.tag()))
        .await;
    assert_eq!(
        written.json(),
        json!({"userId": "alice", "name": "Bob", "email": "a@b"})
    );
    let stale = merge(&json!({"name": "Eve"})).header("if-match", seen.tag());
    assert_eq!(
        world.ask(stale.token(SUPPORT)).await.code(),
        "precondition_failed"
    );

    for (body, places) in [
        (json!({"email": "x@y"}), &["/email"][..]),
        (
            json!({"name": "Eve", "a/b": 1, "secret": null}),
            &["/a~1b", "/secret"],
        ),
    ] {
        refused(&world.ask(merge(&body).token(SUPPORT)).await, places);
    }
    for (operation, places) in [
        (
            json!({"op": "add", "path": "/secret", "value": 2}),
            &["/secret"][..],
        ),
        (json!({"op": "replace", "path": "", "value": {}}), &["", ""]),
        (json!({"op": "remove", "path": "/email"}), &["/email"]),
        (
            json!({"op": "move", "from": "/email", "path": "/name"}),
            &["/email"],
        ),
        (
            json!({"op": "copy", "from": "/secret", "path": "/name"}),
            &["/secret"],
        ),
        (json!({"op": "copy", "from": "", "path": "/name"}), &[""]),
        (
            json!({"op": "test", "path": "/secret", "value": 1}),
            &["/secret"],
        ),
        (json!({"op": "test", "path": "", "value": {}}), &[""]),
        // It may be written, but what is there must not be told.
        (json!({"op": "remove", "path": "/hidden"}), &["/hidden"]),
        (
            json!({"op": "add", "path": "/hidden/x", "value": 1}),
            &["/hidden"],
        ),
    ] {
        let patch = operations(&json!([operation])).token(SUPPORT);
        refused(&world.ask(patch).await, places);
    }
    let allowed = json!([
        {"op": "test", "path": "/userId", "value": "alice"},
        {"op": "test", "path": "/email", "value": "a@b"},
        {"op": "copy", "from": "/email", "path": "/name"},
        {"op": "add", "path": "/hidden", "value": {"x": 1}},
    ]);
    let done = world.ask(operations(&allowed).token(SUPPORT)).await;
    assert_eq!(
        done.json(),
        json!({"userId": "alice", "name": "a@b", "email": "a@b"})
    );
    let whole = world.ask(Ask::get(ALICE)).await.json();
    let expected = json!({
        "userId": "alice", "name": "a@b", "email": "a@b", "secret": 1, "hidden": {"x": 1},
    });
    assert_eq!(whole, expected);
}

#[tokio::test]
async fn put_and_delete_are_never_allowed_to_a_filtered_grant() {
    let world = world();
    alice_is(&world, &json!({"name": "Alice"})).await;
    refused(
        &world
            .ask(Ask::put(ALICE, r#"{"name":"Bob"}"#).token(SUPPORT))
            .await,
        &[""],
    );
    // Before the body is looked at, for nothing in it could help.
    refused(&world.ask(Ask::put(ALICE, "{").token(SUPPORT)).await, &[""]);
    let delete = world.ask(Ask::delete(ALICE).token(SUPPORT)).await;
    assert_eq!(delete.code(), "not_your_profile");
    assert_eq!(world.ask(Ask::get(ALICE)).await.json()["name"], "Alice");

    let put = world
        .ask(Ask::put(ALICE, r#"{"name":"Bob"}"#).token(ADMINS))
        .await;
    assert_eq!(put.status, StatusCode::OK);
    let delete = world.ask(Ask::delete(ALICE).token(ADMINS)).await;
    assert_eq!(delete.status, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn who_may_see_nothing_is_answered_204() {
    let world = world();
    alice_is(&world, &json!({"name": "Alice", "secret": 1})).await;
    let done = world
        .ask(merge(&json!({"name": "Bob"})).token(WRITERS))
        .await;
    assert_eq!(done.status, StatusCode::NO_CONTENT);
    assert_eq!((done.text(), done.header("etag")), ("", None));
    let read = world.ask(Ask::get(ALICE).token(WRITERS)).await;
    assert_eq!(read.code(), "not_your_profile");
    assert_eq!(world.ask(Ask::get(ALICE)).await.json()["name"], "Bob");
}

#[tokio::test]
async fn a_grant_with_read_only_may_write_what_the_schema_guards() {
    let world = world();
    alice_is(&world, &json!({"name": "Alice", "tier": "gold"})).await;
    let silver = || merge(&json!({"tier": "silver"}));
    assert_eq!(world.ask(silver()).await.code(), "attribute_read_only");
    let done = world.ask(silver().token(ADMINS)).await;
    assert_eq!(done.json()["tier"], "silver");
    // A PUT of theirs is the whole profile; an owner's keeps what is not the owner's.
    let kept = world.ask(Ask::put(ALICE, "{}")).await;
    assert_eq!(kept.json(), json!({"userId": "alice", "tier": "silver"}));
    let replaced = world.ask(Ask::put(ALICE, "{}").token(ADMINS)).await;
    assert_eq!(replaced.json(), json!({"userId": "alice"}));
}

/// Two worlds that differ in nothing but what `support` may not see answer alike, whatever it asks.
#[tokio::test]
async fn what_is_not_granted_cannot_be_learned() {
    let seen = json!({"name": "Alice", "email": "a@b"});
    let with = |more: Value| {
        let mut profile = seen.clone();
        let members = profile.as_object_mut().expect("an object");
        members.extend(more.as_object().expect("an object").clone());
        profile
    };
    let worlds = [
        with(json!({})),
        with(json!({"secret": 1, "age": 3})),
        with(json!({"secret": {"x": [1]}, "hidden": {"x": 1}})),
        with(json!({"hidden": [], "age": 7, "tier": "gold"})),
    ];
    let mut answers: Vec<Vec<Value>> = Vec::new();
    for profile in &worlds {
        let mut said = Vec::new();
        for ask in asks_of_somebody_curious() {
            let world = world();
            alice_is(&world, profile).await;
            said.push(world.ask(ask.token(SUPPORT)).await.snapshot());
        }
        answers.push(said);
    }
    for other in &answers[1..] {
        for (one, other) in answers[0].iter().zip(other) {
            assert_eq!(one, other);
        }
    }
}

fn asks_of_somebody_curious() -> Vec<Ask> {
    let mut asks = vec![
        Ask::get(ALICE),
        Ask::head(ALICE),
        Ask::get(ALICE).header("if-none-match", "*"),
        Ask::get(ALICE).header("if-match", "\"guess\""),
        Ask::put(ALICE, r#"{"name":"Bob","email":"a@b","secret":1}"#),
        Ask::delete(ALICE),
        merge(&json!({})),
        merge(&json!({"name": "Bob"})).header("if-match", "*"),
        merge(&json!({"name": {"deep": [1]}, "hidden": null})),
        merge(&json!({"hidden": {"x": null}})),
        merge(&json!({"secret": 1})),
        merge(&json!({"age": -1})),
        merge(&json!({"tier": "gold"})),
    ];
    for path in [
        "/secret",
        "/hidden",
        "/hidden/x",
        "/hidden/-",
        "/age",
        "/tier",
        "",
        "/none",
    ] {
        for operation in [
            json!({"op": "test", "path": path, "value": 1}),
            json!({"op": "test", "path": path, "value": {"x": 1}}),
            json!({"op": "remove", "path": path}),
            json!({"op": "replace", "path": path, "value": 1}),
            json!({"op": "add", "path": path, "value": 1}),
            json!({"op": "copy", "from": path, "path": "/name"}),
            json!({"op": "copy", "from": "/name", "path": path}),
            json!({"op": "move", "from": path, "path": "/name"}),
            json!({"op": "move", "from": "/name", "path": path}),
        ] {
            // Behind a test that fails, too: what comes first must not tell either.
            let fails = json!({"op": "test", "path": "/name", "value": "nobody"});
            asks.push(operations(&json!([operation])));
            asks.push(operations(&json!([operation, fails])));
            asks.push(operations(&json!([fails, operation])));
        }
    }
    asks
}

/// Whether a guarded attribute has a value must not be found by guessing it.
#[tokio::test]
async fn who_may_write_a_guarded_attribute_and_not_see_it_learns_nothing() {
    let world = || {
        let mut setup = Setup::with_schema(&["tier"]);
        setup.rules.access.grants = vec![
            grant("blind", &[Action::Write], &[], false),
            grant("admins", &Action::ALL, &[], true),
        ];
        setup.start()
    };
    let mut answers = Vec::new();
    for profile in [
        json!({}),
        json!({"tier": "gold"}),
        json!({"tier": "silver"}),
    ] {
        let mut said = Vec::new();
        for guess in [
            merge(&json!({"tier": "gold"})),
            merge(&json!({"tier": null})),
            operations(&json!([{"op": "add", "path": "/tier", "value": "gold"}])),
            Ask::put(ALICE, r#"{"tier":"gold"}"#),
            Ask::put(ALICE, r#"{"name":"Bob"}"#),
            operations(&json!([{"op": "add", "path": "", "value": {"tier": "gold"}}])),
        ] {
            let world = world();
            alice_is(&world, &profile).await;
            let guess = guess.token("user:bea;group:blind");
            said.push(world.ask(guess).await.snapshot());
        }
        answers.push(said);
    }
    assert_eq!(answers[0], answers[1]);
    assert_eq!(answers[0], answers[2]);
    assert_eq!(answers[0][0]["status"], 403);
    assert_eq!(answers[0][3]["body"]["code"], "attribute_read_only");
    assert_eq!(answers[0][4]["status"], 204);
}

#[tokio::test]
async fn who_sees_a_part_replaces_and_deletes_nothing() {
    let mut setup = Setup::default();
    setup.rules.access.grants = vec![
        grant("mixed", &[Action::Read], &["email"], false),
        grant("mixed", &[Action::Write, Action::Delete], &[], false),
    ];
    let world = setup.start();
    let put = Ask::put(ALICE, r#"{"email":"a@b","name":"Alice"}"#);
    assert!(world.ask(put).await.status.is_success());
    let mixed = "user:mia;group:mixed";
    let tag = world
        .ask(Ask::get(ALICE).token(mixed))
        .await
        .tag()
        .to_owned();
    for write in [Ask::put(ALICE, "{}"), Ask::delete(ALICE)] {
        let write = write.token(mixed).header("if-match", &tag);
        refused(&world.ask(write).await, &[""]);
    }
    let patch = merge(&json!({"name": "Mia"}))
        .token(mixed)
        .header("if-match", &tag);
    assert_eq!(world.ask(patch).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_test_that_fails_comes_before_what_may_not_be_written() {
    let world = world();
    alice_is(&world, &json!({"name": "Alice"})).await;
    let write = json!({"op": "add", "path": "/secret", "value": 1});
    for (value, code) in [
        ("Bob", "patch_test_failed"),
        ("Alice", "attribute_not_granted"),
    ] {
        let test = json!({"op": "test", "path": "/name", "value": value});
        for patch in [json!([test, write]), json!([write, test])] {
            let answer = world.ask(operations(&patch).token(SUPPORT)).await;
            assert_eq!(answer.code(), code, "{patch}");
        }
    }
}

/// Others may have written what the schema does not allow.
#[tokio::test]
async fn a_broken_rule_is_told_only_where_it_may_be_seen() {
    let world = world();
    world.alice_was_given(r#"{"name":"Alice","email":"none","age":"old"}"#);
    let patched = merge(&json!({"name": "Bob"})).token(SUPPORT);
    let answer = world.ask(patched).await;
    assert_eq!(answer.code(), "schema_violation");
    assert_eq!(answer.pointers(), ["/email"]);
    assert!(!answer.text().contains("/age"), "{answer:?}");

    world.alice_was_given(r#"{"name":"Alice","age":"old"}"#);
    let patched = merge(&json!({"name": "Bob"})).token(SUPPORT);
    let answer = world.ask(patched).await;
    assert_eq!(answer.code(), "schema_violation");
    assert_eq!(answer.json().get("errors"), None, "{answer:?}");
}

#[tokio::test]
async fn what_a_store_cannot_keep_is_told_of_what_the_caller_may_see() {
    for (token, told) in [(SUPPORT, json!("/name")), (WRITERS, Value::Null)] {
        let world = world();
        alice_is(&world, &json!({"name": "Alice"})).await;
        let place = usher_domain::json::Violation::new("/name", "bytes");
        let refused = usher_domain::ports::Put::Refused(vec![place]);
        world.profiles.next_put(refused);
        let patch = Ask::patch(ALICE, "application/merge-patch+json", r#"{"name":"?"}"#);
        let answer = world.ask(patch.token(token)).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(answer.code(), "not_portable");
        assert_eq!(answer.json()["errors"][0]["pointer"], told, "{token}");
    }
}
