//! Somebody with a part of a profile learns nothing of the rest: two worlds that differ in nothing but what
//! the caller may not see answer alike, header by header and byte by byte, whatever it asks and in
//! whatever order.
//!
//! What the specification itself lets depend on the whole profile is in [`exceptions`], with its
//! reason; the worlds here agree on it. Both have a profile or none (`profile_not_found`), both are far
//! from `profile.max_bytes` (`too_large`), both keep the schema, which speaks of one attribute at a time
//! and never of what is inside of it (`schema_violation`), and nobody else writes at the same moment
//! (`write_conflict`).

mod audit;
mod caller;
mod exceptions;
mod more_grants;
mod requests;
mod values;

use std::collections::BTreeSet;

use proptest::{
    collection::vec,
    prelude::*,
    strategy::ValueTree as _,
    test_runner::{FileFailurePersistence, TestRunner},
};
use serde_json::{Map, Value};
use tokio::runtime::Runtime;
use usher_domain::{
    entity_tag::EntityTag, ports::ProfileStore as _, profile::Profile, user_id::UserId,
};

use self::{
    caller::{Rights, Rules, TOKEN, rights, rules, world},
    requests::{Request, Tag, request},
    values::{Content, attributes, content},
};
use crate::support::{Answer, World};

/// A tag of nothing.
const NONE: &str = r#""none""#;

/// What happens next.
#[derive(Debug, Clone)]
enum Step {
    /// The caller asks the same of both worlds.
    Ask(Request),
    /// What is hidden changes in one of them.
    Change(usize, Content),
}

#[derive(Debug, Clone)]
struct Story {
    rights: Rights,
    rules: Rules,
    exists: bool,
    /// What is seen is of the first; what is hidden, of one each.
    contents: [Content; 2],
    steps: Vec<Step>,
}

fn story() -> impl Strategy<Value = Story> {
    let step = prop_oneof![
        6 => request().prop_map(Step::Ask),
        1 => (0..2_usize, content()).prop_map(|(world, content)| Step::Change(world, content)),
    ];
    let contents = [content(), content()];
    let exists = prop::bool::weighted(0.85);
    (rights(), rules(), exists, contents, vec(step, 1..8)).prop_map(
        |(rights, rules, exists, contents, steps)| Story {
            rights,
            rules,
            exists,
            contents,
            steps,
        },
    )
}

/// All that a client sees of an answer, but for the request's own id.
fn seen(answer: &Answer) -> (u16, Vec<(String, String)>, String) {
    let id = answer.header("x-request-id").expect("a request id");
    let mut headers: Vec<_> = answer
        .headers
        .iter()
        .map(|(name, value)| {
            let value = value.to_str().expect("a visible header");
            (name.to_string(), value.replace(id, "[request id]"))
        })
        .collect();
    headers.sort();
    let body = answer.text().replace(id, "[request id]");
    (answer.status.as_u16(), headers, body)
}

/// Both worlds of a story, and what the caller has been told in both.
struct Worlds {
    worlds: [World; 2],
    tags: Vec<String>,
}

impl Worlds {
    fn of(story: &Story) -> Self {
        let worlds = [0, 1].map(|_| world(&story.rights, &story.rules, None));
        if story.exists {
            let content = &story.contents;
            let required = &story.rules.required;
            let seen = attributes(&content[0], required);
            for (world, content) in worlds.iter().zip(content) {
                give(world, story, &seen, content);
            }
        }
        Self {
            worlds,
            tags: Vec::new(),
        }
    }

    /// What is stored, past the front door: asking there would cost of the plan that both share.
    async fn whole(&self, world: usize) -> Option<Profile> {
        let alice = UserId::parse("alice").expect("an id");
        let stored = self.worlds[world].profiles.get(&alice).await;
        Some(stored.expect("an answer")?.profile)
    }

    async fn change(&self, story: &Story, world: usize, content: &Content) {
        if let Some(before) = self.whole(world).await {
            give(&self.worlds[world], story, &before.attributes(), content);
        }
    }

    /// Asks both worlds the same, and answers what they say.
    async fn ask(&mut self, request: &Request) -> [Answer; 2] {
        let wholes = [self.whole(0).await, self.whole(1).await];
        let whole = |world: usize| {
            let whole = wholes[world].as_ref();
            Value::Object(whole.map(Profile::attributes).unwrap_or_default())
        };
        let owners = |world: usize| {
            let whole = wholes[world].as_ref();
            whole.map_or_else(|| NONE.to_owned(), |whole| whole.tag().to_string())
        };
        let own = |age: usize| {
            let age = age.min(self.tags.len().saturating_sub(1));
            let tag = self.tags.iter().rev().nth(age);
            tag.map_or(NONE, String::as_str)
        };
        let text = |tag: Tag| match tag {
            Tag::Any => "*".to_owned(),
            Tag::Own(age) => own(age).to_owned(),
            Tag::WeakOwn(age) => format!("W/{}", own(age)),
            Tag::Owners(world) => owners(world),
            Tag::OfNothing => EntityTag::of("").to_string(),
            Tag::OfNoAttributes => EntityTag::of("{}").to_string(),
            Tag::Another => r#""another""#.to_owned(),
            Tag::Unreadable => "unreadable".to_owned(),
        };
        let [one, other] = &self.worlds;
        let answers = [
            one.ask(request.ask(TOKEN, text, whole)).await,
            other.ask(request.ask(TOKEN, text, whole)).await,
        ];
        self.tags
            .extend(answers[0].header("etag").map(str::to_owned));
        answers
    }
}

/// Gives Alice what the caller sees of `seen`, and what it does not see of `content`.
fn give(world: &World, story: &Story, seen: &Map<String, Value>, content: &Content) {
    let mut profile = attributes(content, &story.rules.required);
    profile.retain(|name, _| !story.rights.sees(name));
    let seen = seen.iter().filter(|(name, _)| story.rights.sees(name));
    profile.extend(seen.map(|(name, value)| (name.clone(), value.clone())));
    world.alice_was_given(&Value::Object(profile).to_string());
}

/// Runs a property so many times, and keeps what failed beside the test file.
fn cases(cases: u32) -> ProptestConfig {
    let beside = FileFailurePersistence::WithSource("proptest-regressions");
    ProptestConfig {
        cases,
        failure_persistence: Some(Box::new(beside)),
        ..ProptestConfig::default()
    }
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime")
}

/// The answers of both worlds to each request of a story.
fn told(story: &Story) -> Vec<[Answer; 2]> {
    runtime().block_on(async {
        let mut worlds = Worlds::of(story);
        let mut told = Vec::new();
        for step in &story.steps {
            match step {
                Step::Ask(request) => told.push(worlds.ask(request).await),
                Step::Change(world, content) => worlds.change(story, *world, content).await,
            }
        }
        told
    })
}

proptest! {
    #![proptest_config(cases(2_000))]

    #[test]
    fn whatever_is_hidden_every_answer_is_the_same(story in story()) {
        for [one, other] in told(&story) {
            prop_assert_eq!(seen(&one), seen(&other));
        }
    }
}

/// Worlds that are alike, or a caller who is always refused, would prove nothing.
#[test]
fn the_stories_have_every_kind_of_answer_about_profiles_that_differ() {
    let mut runner = TestRunner::deterministic();
    let (mut answers, mut differ) = (BTreeSet::new(), 0);
    for _ in 0..600 {
        let story = story().new_tree(&mut runner).expect("a story").current();
        let worlds = Worlds::of(&story);
        let whole = |world| runtime().block_on(worlds.whole(world));
        differ += u32::from(whole(0) != whole(1));
        for [answer, _] in told(&story) {
            // A refused HEAD has no body that says more.
            let is_told = !answer.status.is_client_error() || !answer.text().is_empty();
            if is_told {
                answers.insert(format!("{} {}", answer.status.as_u16(), answer.code()));
            }
        }
    }
    assert!(differ > 400, "{differ}");
    let all = [
        "200 -",
        "201 -",
        "204 -",
        "304 -",
        "400 invalid_patch",
        "403 attribute_not_granted",
        "403 attribute_read_only",
        "403 insufficient_scope",
        "403 not_your_profile",
        "404 profile_not_found",
        "409 patch_test_failed",
        "412 precondition_failed",
        "422 not_portable",
        "422 patch_path_not_found",
        "422 schema_violation",
        "428 precondition_required",
    ];
    assert_eq!(answers, all.map(str::to_owned).into());
}
