//! `If-Match` and `If-None-Match`, on reads and writes, of profiles that are there and not.

use axum::http::{Method, StatusCode};

use crate::support::{ALICE, Answer, Ask, World};

const BEFORE: &str = r#"{"userId":"alice","n":1}"#;
const AFTER: &str = r#"{"userId":"alice","n":2}"#;

/// `TAG` stands for the tag of Alice's profile, `BARE` for the same without its quotes.
fn with_preconditions(mut ask: Ask, preconditions: &[(&'static str, &str)], tag: &str) -> Ask {
    for (name, value) in preconditions {
        let value = value
            .replace("TAG", tag)
            .replace("BARE", tag.trim_matches('"'));
        ask = ask.another(name, &value);
    }
    ask
}

async fn outcome(method: &Method, exists: bool, preconditions: &[(&'static str, &str)]) -> u16 {
    let world = World::new();
    let tag = world.alice_has(BEFORE).await;
    if !exists {
        let deleted = world.ask(Ask::delete(ALICE)).await;
        assert_eq!(deleted.status, StatusCode::NO_CONTENT);
    }
    let ask = match *method {
        Method::PUT => Ask::put(ALICE, AFTER),
        _ => Ask::new(method.clone(), ALICE),
    };
    let answer = world
        .ask(with_preconditions(ask, preconditions, &tag))
        .await;
    assert_is_whole(&answer);
    let left = world.ask(Ask::get(ALICE)).await;
    let expected = match (method.as_str(), answer.status.as_u16()) {
        ("PUT", 200 | 201) => Some(AFTER),
        ("DELETE", 204) => None,
        _ => exists.then_some(BEFORE),
    };
    let left = (left.status == StatusCode::OK).then(|| left.text().to_owned());
    assert_eq!(
        left.as_deref(),
        expected,
        "what {method} left after {}",
        answer.status
    );
    answer.status.as_u16()
}

/// No precondition makes an answer of another kind.
fn assert_is_whole(answer: &Answer) {
    let code = answer.code();
    match answer.status.as_u16() {
        404 => assert_eq!(code, "profile_not_found"),
        412 => assert_eq!(code, "precondition_failed"),
        200 | 201 | 204 | 304 => assert_eq!(code, "-"),
        other => panic!("{other}"),
    }
}

/// A row: the preconditions, then what GET, PUT and DELETE answer.
type Row<'a> = (&'a [(&'static str, &'a str)], u16, u16, u16);

async fn assert_outcomes(exists: bool, rows: &[Row<'_>]) {
    for (preconditions, get, put, delete) in rows {
        for (method, expected) in [
            (Method::GET, get),
            (Method::PUT, put),
            (Method::DELETE, delete),
        ] {
            let answered = outcome(&method, exists, preconditions).await;
            assert_eq!(answered, *expected, "{method} {preconditions:?}");
        }
        let head = match (get, exists) {
            // A read's failures are the same for HEAD, but for the body that it has not.
            (404 | 412, _) => continue,
            (get, _) => *get,
        };
        assert_eq!(outcome(&Method::HEAD, exists, preconditions).await, head);
    }
}

#[tokio::test]
async fn a_profile_that_exists_is_compared_with_what_is_demanded() {
    assert_outcomes(
        true,
        &[
            (&[], 200, 200, 204),
            (&[("if-match", "TAG")], 200, 200, 204),
            (&[("if-match", "*")], 200, 200, 204),
            (&[("if-match", r#""other", TAG"#)], 200, 200, 204),
            (&[("if-match", r#""other""#)], 412, 412, 412),
            // Weak tags never match strongly.
            (&[("if-match", "W/TAG")], 412, 412, 412),
            (&[("if-none-match", "TAG")], 304, 412, 412),
            (&[("if-none-match", "W/TAG")], 304, 412, 412),
            (&[("if-none-match", "*")], 304, 412, 412),
            (&[("if-none-match", r#""other""#)], 200, 200, 204),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_profile_that_is_absent_fails_if_match_on_put_and_is_404_otherwise() {
    assert_outcomes(
        false,
        &[
            (&[], 404, 201, 404),
            (&[("if-match", "TAG")], 404, 412, 404),
            (&[("if-match", "*")], 404, 412, 404),
            (&[("if-match", "W/TAG")], 404, 412, 404),
            (&[("if-match", "nonsense")], 404, 412, 404),
            (&[("if-none-match", "*")], 404, 201, 404),
            (&[("if-none-match", "TAG")], 404, 201, 404),
            (&[("if-none-match", "nonsense")], 404, 201, 404),
        ],
    )
    .await;
}

#[tokio::test]
async fn several_fields_of_one_name_are_one_list() {
    assert_outcomes(
        true,
        &[
            (
                &[("if-match", r#""other""#), ("if-match", "TAG")],
                200,
                200,
                204,
            ),
            (
                &[("if-match", "TAG"), ("if-match", r#""other""#)],
                200,
                200,
                204,
            ),
            (
                &[("if-match", r#""one""#), ("if-match", r#""two""#)],
                412,
                412,
                412,
            ),
            (
                &[("if-none-match", r#""other""#), ("if-none-match", "TAG")],
                304,
                412,
                412,
            ),
        ],
    )
    .await;
}

/// An unreadable `If-Match` refuses; an unreadable `If-None-Match` lets pass.
#[tokio::test]
async fn what_cannot_be_read_never_costs_an_update() {
    for unreadable in ["nonsense", "", "\"", "BARE", "'TAG'", "w/TAG", "\"BARE"] {
        assert_outcomes(
            true,
            &[
                (&[("if-match", unreadable)], 412, 412, 412),
                (&[("if-none-match", unreadable)], 200, 412, 412),
            ],
        )
        .await;
    }
}

#[tokio::test]
async fn both_preconditions_must_hold() {
    assert_outcomes(
        true,
        &[
            (
                &[("if-match", "TAG"), ("if-none-match", r#""other""#)],
                200,
                200,
                204,
            ),
            (
                &[("if-match", "TAG"), ("if-none-match", "TAG")],
                304,
                412,
                412,
            ),
            (
                &[("if-match", r#""other""#), ("if-none-match", "TAG")],
                412,
                412,
                412,
            ),
            (&[("if-match", "*"), ("if-none-match", "*")], 304, 412, 412),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_tag_is_spent_by_the_write_that_changes_the_content() {
    let world = World::new();
    let first = world.alice_has(BEFORE).await;
    let write = |tag: &str| Ask::put(ALICE, AFTER).header("if-match", tag);
    let second = world.ask(write(&first)).await;
    assert_eq!(second.status, StatusCode::OK);
    assert_eq!(
        world.ask(write(&first)).await.status,
        StatusCode::PRECONDITION_FAILED
    );
    // The content is what a tag stands for, not the write: the same content may be put again.
    assert_eq!(world.ask(write(second.tag())).await.status, StatusCode::OK);
    assert_eq!(world.ask(write(second.tag())).await.status, StatusCode::OK);
}

#[tokio::test]
async fn of_two_writers_with_one_tag_one_wins() {
    let world = World::new();
    let tag = world.alice_has(BEFORE).await;
    let mut outcomes = Vec::new();
    for n in 2..10 {
        let body = format!(r#"{{"n":{n}}}"#);
        let answer = world
            .ask(Ask::put(ALICE, body).header("if-match", &tag))
            .await;
        outcomes.push(answer.status.as_u16());
    }
    assert_eq!(outcomes, [200, 412, 412, 412, 412, 412, 412, 412]);
}

#[tokio::test]
async fn creating_twice_is_refused_and_changes_nothing() {
    let world = World::new();
    let create = |body| Ask::put(ALICE, body).header("if-none-match", "*");
    assert_eq!(world.ask(create(BEFORE)).await.status, StatusCode::CREATED);
    assert_eq!(world.ask(create(AFTER)).await.code(), "precondition_failed");
    assert_eq!(world.ask(Ask::get(ALICE)).await.text(), BEFORE);
}

#[tokio::test]
async fn not_modified_has_the_headers_of_the_answer_that_it_stands_for_and_no_body() {
    let world = World::new();
    let tag = world.alice_has(BEFORE).await;
    for ask in [Ask::get(ALICE), Ask::head(ALICE)] {
        let answer = world.ask(ask.header("if-none-match", &tag)).await;
        assert_eq!(answer.status, StatusCode::NOT_MODIFIED);
        assert_eq!(answer.text(), "");
        assert_eq!(answer.tag(), tag);
        assert_eq!(answer.header("cache-control"), Some("private, no-cache"));
        assert_eq!(answer.header("vary"), Some("Authorization"));
        assert_eq!(answer.header("content-type"), None);
    }
}
