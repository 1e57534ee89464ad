//! One line for each access by a grant, made of names alone; none for one that was refused.

use axum::http::{Method, StatusCode};
use proptest::prelude::*;
use serde_json::{Value, json};
use usher_testkit::fakes::ISSUER;

use super::{
    caller::{TOKEN, rights, rules, world},
    cases,
    requests::{Tag, request},
    runtime,
    values::{attributes, content},
};
use crate::support::{Answer, Events};

/// Whether it was the access decision that refused: then nobody has looked at the profile. A PATCH that
/// is refused later has been told whether there is one.
fn is_refused(method: &Method, answer: &Answer) -> bool {
    match *method {
        // A HEAD has no code; nothing else of a read is 403.
        Method::GET | Method::HEAD => answer.status == StatusCode::FORBIDDEN,
        Method::PATCH => {
            ["not_your_profile", "insufficient_scope"].contains(&answer.code().as_str())
        }
        _ => {
            let codes = [
                "not_your_profile",
                "insufficient_scope",
                "attribute_not_granted",
            ];
            codes.contains(&answer.code().as_str())
        }
    }
}

proptest! {
    #![proptest_config(cases(1_000))]

    #[test]
    fn an_access_leaves_one_line_of_names_and_a_refused_one_none(
        rights in rights(), rules in rules(), content in content(), request in request(),
    ) {
        let (events, _guard) = Events::as_json();
        let world = world(&rights, &rules, None);
        let profile = Value::Object(attributes(&content, &rules.required));
        world.alice_was_given(&profile.to_string());
        let text = |tag: Tag| match tag {
            Tag::Any => "*".to_owned(),
            _ => r#""marked""#.to_owned(),
        };
        let ask = request.ask(TOKEN, text, |_| profile.clone());
        let answer = runtime().block_on(world.ask(ask));
        let text = events.take_audit();
        if is_refused(&request.method(), &answer) {
            prop_assert_eq!(text, "");
            return Ok(());
        }
        prop_assert_eq!(text.lines().count(), 1, "{} {:?}", text, answer);
        let mut line: Value = serde_json::from_str(&text).expect("a line of JSON");
        line["timestamp"].take();
        // Made of who it was, what the path says, and what the grants say: nothing is left in which
        // something of the profile or of the body could be.
        let (action, attributes) = rights.audited(&request.method());
        let expected = json!({
            "timestamp": null,
            "level": "INFO",
            "target": "usher::audit",
            "message": "access by a grant",
            "requestId": answer.header("x-request-id"),
            "principal": "sam",
            "issuer": ISSUER,
            "targetUserId": "alice",
            "grants": "group:curious",
            "action": action,
            "attributes": attributes,
        });
        prop_assert_eq!(line, expected);
    }
}
