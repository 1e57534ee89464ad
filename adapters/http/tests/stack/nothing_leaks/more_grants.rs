//! More grants never take something away: what somebody may do, somebody who holds one more may do.

use axum::http::StatusCode;
use proptest::{prelude::*, sample::select};
use serde_json::{Value, json};
use usher_domain::access::{Action, Grant};

use super::{
    caller::{Part, Rights, Rules, TOKEN, grant, rights, rules, some_names, world},
    cases,
    requests::{Request, Tag, request},
    runtime,
    values::{Content, attributes, content},
};
use crate::support::{ALICE, Ask, Setup};

/// One more grant. None with `read_only`: it lets a `PUT` remove what is otherwise kept, and so is no
/// more of the same.
fn more() -> impl Strategy<Value = Grant> {
    let part = prop_oneof![some_names().prop_map(Part::Some), Just(Part::All)];
    (select(vec![Action::Read, Action::Write]), part)
        .prop_filter_map("nothing", |(action, part)| grant(action, &part, false))
}

/// Whether it was done. No tag is named: one that a caller holds is of what it sees.
fn is_done(
    request: &Request,
    rights: &Rights,
    rules: &Rules,
    content: &Content,
    more: Option<Grant>,
) -> bool {
    let world = world(rights, rules, more);
    let profile = Value::Object(attributes(content, &rules.required));
    world.alice_was_given(&profile.to_string());
    let any = |tag: Tag| match tag {
        Tag::Any => "*".to_owned(),
        other => panic!("{other:?}"),
    };
    let ask = request.ask(TOKEN, any, |_| profile.clone());
    let status = runtime().block_on(world.ask(ask)).status;
    !status.is_client_error()
}

proptest! {
    #![proptest_config(cases(1_500))]

    #[test]
    fn who_holds_one_more_grant_can_do_all_that_was_possible_without(
        request in request().prop_map(Request::without_tags),
        rights in rights(), more in more(), rules in rules(), content in content(),
    ) {
        if is_done(&request, &rights, &rules, &content, None) {
            prop_assert!(is_done(&request, &rights, &rules, &content, Some(more)));
        }
    }
}

/// A right to read a part must not cost the right to delete the whole: only a tag of the part, which says
/// nothing of the rest, is not taken.
#[tokio::test]
async fn who_reads_a_part_and_writes_all_replaces_and_deletes_without_a_tag() {
    let mut setup = Setup::default();
    let part = Part::Some(["email"].into());
    let grants = [
        grant(Action::Read, &part, false),
        grant(Action::Write, &Part::All, false),
        grant(Action::Delete, &Part::All, false),
    ];
    setup.rules.access.grants = grants.into_iter().flatten().collect();
    let world = setup.start();
    world.alice_was_given(r#"{"email":"a@b","secret":1}"#);
    let put = |body: &'static str| Ask::put(ALICE, body).token(TOKEN);
    let replaced = world.ask(put(r#"{"email":"c@d","secret":2}"#)).await;
    assert_eq!(replaced.json(), json!({"userId": "alice", "email": "c@d"}));
    let tag = replaced.tag();

    for write in [put("{}"), Ask::delete(ALICE).token(TOKEN)] {
        let answer = world.ask(write.header("if-match", tag)).await;
        assert_eq!(answer.code(), "attribute_not_granted", "{answer:?}");
    }
    let any = put(r#"{"email":"e@f"}"#).header("if-match", "*");
    assert_eq!(world.ask(any).await.status, StatusCode::OK);
    let taken = put("{}").header("if-none-match", "*");
    assert_eq!(world.ask(taken).await.code(), "precondition_failed");
    let delete = Ask::delete(ALICE).token(TOKEN);
    assert_eq!(world.ask(delete).await.status, StatusCode::NO_CONTENT);
    let created = world.ask(put(r#"{"secret":3}"#)).await;
    assert_eq!(created.status, StatusCode::CREATED);
    assert_eq!(created.json(), json!({"userId": "alice"}));
}
