//! What somebody who may see a part does learn of the rest, and why: the whole list. Each test shows that
//! it is learned, and that no more than one bit comes with it: no place, no name, no value.

use std::{collections::BTreeSet, sync::Arc};

use serde_json::{Map, Value, json};
use usher_domain::{access::Action, json::Violation, ports::ProfileSchema};

use super::{
    caller::{Part, TOKEN, grant},
    seen,
};
use crate::support::{ALICE, Answer, Ask, Setup};

/// Reads and writes the name, and writes the secret without seeing it.
fn with_rights(mut setup: Setup) -> Setup {
    let grants = [
        grant(Action::Read, &Part::Some(["name"].into()), false),
        grant(Action::Write, &Part::Some(["name", "secret"].into()), false),
    ];
    setup.rules.access.grants = grants.into_iter().flatten().collect();
    setup
}

/// The answers where the profile is the one and where it is the other; `None` is no profile.
async fn answers<const N: usize>(
    setup: impl Fn() -> Setup,
    profiles: [Option<Value>; N],
    ask: impl Fn() -> Ask,
) -> [Answer; N] {
    let mut answers = Vec::new();
    for profile in profiles {
        let world = with_rights(setup()).start();
        if let Some(profile) = profile {
            world.alice_was_given(&profile.to_string());
        }
        answers.push(world.ask(ask().token(TOKEN)).await);
    }
    answers.try_into().expect("an answer for each")
}

fn rename() -> Ask {
    Ask::merge(ALICE, r#"{"name":"Bob"}"#)
}

/// A refusal that names no place.
fn says_no_more_than(answer: &Answer, code: &str) {
    assert_eq!(answer.code(), code, "{answer:?}");
    assert_eq!(answer.json().get("errors"), None, "{answer:?}");
    assert!(!answer.text().contains("secret"), "{answer:?}");
}

/// Whether there is a profile at all: a read of what is not there is 404, for everybody who may read.
#[tokio::test]
async fn whether_there_is_a_profile_is_learned() {
    for ask in [|| Ask::get(ALICE), rename] {
        let profiles = [None, Some(json!({})), Some(json!({"secret": 1}))];
        let [absent, empty, hidden] = answers(Setup::default, profiles, ask).await;
        says_no_more_than(&absent, "profile_not_found");
        assert_eq!(seen(&empty), seen(&hidden));
    }
}

/// Whether a write still fits: `profile.max_bytes` is of the whole profile. Who may make an attribute
/// larger finds out how large the rest is.
#[tokio::test]
async fn how_much_room_is_left_is_learned() {
    let setup = || Setup::default().max_bytes(64);
    let secret = |length: usize| Some(json!({"name": "Al", "secret": "x".repeat(length)}));
    let profiles = [secret(1), secret(20), secret(40)];
    let long = || Ask::merge(ALICE, json!({"name": "y".repeat(16)}).to_string());
    let [small, larger, largest] = answers(setup, profiles, long).await;
    assert_eq!(seen(&small), seen(&larger));
    says_no_more_than(&largest, "too_large");

    // Who only looks meets no limit.
    let profiles = [secret(1), secret(200)];
    let [small, large] = answers(setup, profiles, || Ask::get(ALICE)).await;
    assert_eq!(seen(&small), seen(&large));
}

/// Whether the whole profile keeps the schema: it is applied to all that a write leaves. A hidden
/// attribute that breaks it, because the schema was changed or somebody wrote past Usher, is told as a
/// fact without a place.
#[tokio::test]
async fn whether_what_is_hidden_keeps_the_schema_is_learned() {
    let profiles = [
        Some(json!({"age": 1})),
        Some(json!({"age": 2})),
        Some(json!({"age": "old"})),
    ];
    let setup = || Setup::with_schema(&[]);
    let [one, other, broken] = answers(setup, profiles, rename).await;
    assert_eq!(seen(&one), seen(&other));
    says_no_more_than(&broken, "schema_violation");
}

/// What a rule over several attributes makes of those that are hidden. Here it is how many there are:
/// whoever writes one that it cannot see learns whether that was there.
#[tokio::test]
async fn what_a_rule_over_the_whole_profile_comes_to_is_learned() {
    let five = json!({"a": 1, "b": 2, "c": 3, "d": 4, "e": 5});
    let with = |name: &str| {
        let mut profile = five.clone();
        profile[name] = json!(6);
        Some(profile)
    };
    let setup = || Setup::with_schema(&[]);
    let add = || Ask::merge(ALICE, r#"{"secret":7}"#);
    let [there, absent] = answers(setup, [with("secret"), with("f")], add).await;
    assert_eq!(there.status, 200, "{there:?}");
    says_no_more_than(&absent, "schema_violation");
}

/// `name` may be empty to whom the tier is gold; the place of the violation is the name.
#[derive(Debug, Default)]
struct OneByTheOther(BTreeSet<Box<str>>);

impl ProfileSchema for OneByTheOther {
    fn violations(&self, attributes: &Map<String, Value>) -> Vec<Violation> {
        let is = |name: &str, value: &str| attributes.get(name).is_some_and(|is| *is == value);
        let breaks = is("name", "") && !is("tier", "gold");
        let violation = Violation::new("/name", "is empty");
        breaks.then_some(violation).into_iter().collect()
    }

    fn read_only(&self) -> &BTreeSet<Box<str>> {
        &self.0
    }

    fn document(&self) -> &Value {
        &Value::Null
    }
}

/// The same of a rule by which one attribute depends on another: its place may be the one that is seen.
#[tokio::test]
async fn what_a_seen_attribute_must_be_for_the_sake_of_a_hidden_one_is_learned() {
    let setup = || {
        let mut setup = Setup::default();
        setup.rules.schema = Some(Arc::new(OneByTheOther::default()));
        setup
    };
    let profiles = ["gold", "iron", "lead"].map(|tier| Some(json!({"name": "Al", "tier": tier})));
    let empty = || Ask::merge(ALICE, r#"{"name":""}"#);
    let [gold, iron, lead] = answers(setup, profiles, empty).await;
    assert_eq!(gold.status, 200, "{gold:?}");
    assert_eq!(iron.pointers(), ["/name"]);
    assert_eq!(seen(&iron), seen(&lead));
}

/// Whether others write the same profile at the same moment, whatever they write.
#[tokio::test]
async fn that_others_keep_writing_is_learned() {
    let mut told = Vec::new();
    for is_contended in [false, true] {
        let world = with_rights(Setup::default()).start();
        world.alice_was_given(r#"{"secret":1}"#);
        if is_contended {
            world.profiles.contend();
        }
        told.push(world.ask(rename().token(TOKEN)).await);
    }
    assert_eq!(told[0].status, 200);
    says_no_more_than(&told[1], "write_conflict");
}

/// No exception, though it may look like one: which of two faults is told depends on the order of the
/// operations, and so on how far they got; but they got through nothing that the caller may not read.
#[tokio::test]
async fn which_of_two_faults_is_told_depends_on_nothing_that_is_hidden() {
    let setup = || {
        let mut setup = Setup::with_schema(&["name", "secret"]);
        setup.rules.require_if_match = false;
        setup
    };
    let profiles = || {
        let hidden = [json!({}), json!({"secret": 1}), json!({"secret": {"x": 1}})];
        hidden.map(|mut profile| {
            profile["name"] = json!("Al");
            Some(profile)
        })
    };
    let missing = json!({"op": "remove", "path": "/name/x"});
    let guarded = json!({"op": "replace", "path": "/name", "value": "Bob"});
    let blind = json!({"op": "add", "path": "/secret", "value": 1});
    for (operations, code) in [
        (json!([missing, guarded]), "patch_path_not_found"),
        (json!([guarded, missing]), "attribute_read_only"),
        // Guarded and not seen: it is refused before it is tried, in either order.
        (json!([missing, blind]), "attribute_not_granted"),
        (json!([blind, missing]), "attribute_not_granted"),
    ] {
        let ask = || Ask::operations(ALICE, operations.to_string());
        let [one, two, three] = answers(setup, profiles(), ask).await;
        assert_eq!(one.code(), code, "{operations}");
        assert_eq!(seen(&one), seen(&two), "{operations}");
        assert_eq!(seen(&one), seen(&three), "{operations}");
    }
}
