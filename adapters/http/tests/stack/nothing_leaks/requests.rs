//! What somebody curious sends.

use axum::http::Method;
use proptest::{collection::vec, prelude::*, sample::select};
use serde_json::{Map, Value, json};

use super::values::{NAMES, value};
use crate::support::{ALICE, Ask};

/// An entity tag to send, of those that a caller may know or guess.
#[derive(Debug, Clone, Copy)]
pub(super) enum Tag {
    Any,
    /// One that the caller was answered: the last, the one before, and so on.
    Own(usize),
    WeakOwn(usize),
    /// What the owner of the profile in one of the worlds sees at this moment: a right guess of all
    /// that is hidden there.
    Owners(usize),
    /// Of no text at all, and of a profile without attributes.
    OfNothing,
    OfNoAttributes,
    Another,
    Unreadable,
}

/// A method with its body.
#[derive(Debug, Clone)]
pub(super) enum Wish {
    Get,
    Head,
    Put(Value),
    Merge(&'static str, Value),
    Operations(Value),
    Delete,
    /// The whole profile of one of the worlds, as this: a right guess of all that is hidden there.
    Guess(Guess, usize),
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Guess {
    Put,
    Merge,
    /// The first and only operation of a JSON Patch, on the whole profile.
    Operation(&'static str),
}

#[derive(Debug, Clone)]
pub(super) struct Request {
    wish: Wish,
    if_match: Option<Tag>,
    if_none_match: Option<Tag>,
}

impl Request {
    /// The request, with a text for each tag and the profiles of both worlds.
    pub(super) fn ask(
        &self,
        token: &str,
        text: impl Fn(Tag) -> String,
        whole: impl Fn(usize) -> Value,
    ) -> Ask {
        let ask = match &self.wish {
            Wish::Get => Ask::get(ALICE),
            Wish::Head => Ask::head(ALICE),
            Wish::Put(body) => Ask::put(ALICE, body.to_string()),
            Wish::Merge(media_type, body) => Ask::patch(ALICE, media_type, body.to_string()),
            Wish::Operations(body) => Ask::operations(ALICE, body.to_string()),
            Wish::Delete => Ask::delete(ALICE),
            Wish::Guess(Guess::Put, world) => Ask::put(ALICE, whole(*world).to_string()),
            Wish::Guess(Guess::Merge, world) => Ask::merge(ALICE, whole(*world).to_string()),
            Wish::Guess(Guess::Operation(op), world) => {
                let operation = json!({"op": op, "path": "", "value": whole(*world)});
                Ask::operations(ALICE, json!([operation]).to_string())
            }
        };
        let mut ask = ask.token(token);
        for (name, tag) in [
            ("if-match", self.if_match),
            ("if-none-match", self.if_none_match),
        ] {
            if let Some(tag) = tag {
                ask = ask.header(name, &text(tag));
            }
        }
        ask
    }

    pub(super) fn method(&self) -> Method {
        match &self.wish {
            Wish::Get => Method::GET,
            Wish::Head => Method::HEAD,
            Wish::Put(_) | Wish::Guess(Guess::Put, _) => Method::PUT,
            Wish::Merge(..) | Wish::Operations(_) | Wish::Guess(..) => Method::PATCH,
            Wish::Delete => Method::DELETE,
        }
    }

    /// The same, without naming a tag.
    pub(super) fn without_tags(mut self) -> Self {
        for field in [&mut self.if_match, &mut self.if_none_match] {
            field.take_if(|tag| !matches!(tag, Tag::Any));
        }
        self
    }
}

fn tag() -> impl Strategy<Value = Tag> {
    prop_oneof![
        2 => Just(Tag::Any),
        4 => (0..3_usize).prop_map(Tag::Own),
        1 => (0..3_usize).prop_map(Tag::WeakOwn),
        2 => (0..2_usize).prop_map(Tag::Owners),
        1 => Just(Tag::OfNothing),
        1 => Just(Tag::OfNoAttributes),
        1 => Just(Tag::Another),
        1 => Just(Tag::Unreadable),
    ]
}

/// Into every attribute, and past them all.
fn path() -> impl Strategy<Value = String> {
    let within = (
        select([&NAMES[..], &["none"]].concat()),
        select(vec!["", "", "", "/x", "/x/y", "/0", "/-", "/1/x"]),
    );
    prop_oneof![
        16 => within.prop_map(|(name, rest)| format!("/{}{rest}", name.replace('/', "~1"))),
        2 => select(vec!["", "/", "/userId", "/userId/x", "/_usher", "/__proto__"])
            .prop_map(str::to_owned),
    ]
}

fn operation() -> impl Strategy<Value = Value> {
    let ops = vec!["test", "test", "add", "remove", "replace", "copy", "move"];
    let one = (select(ops), path(), path(), value()).prop_map(
        |(op, path, from, value)| json!({"op": op, "path": path, "from": from, "value": value}),
    );
    let whole = (select(WHOLE.to_vec()), members())
        .prop_map(|(op, members)| json!({"op": op, "path": "", "value": members}));
    prop_oneof![8 => one, 1 => whole]
}

/// What can be done with a value and the whole profile.
const WHOLE: [&str; 3] = ["test", "add", "replace"];

fn guess() -> impl Strategy<Value = Guess> {
    prop_oneof![
        Just(Guess::Put),
        Just(Guess::Merge),
        select(WHOLE.to_vec()).prop_map(Guess::Operation),
    ]
}

/// Some attributes with any values. Few: one more that may not be written hides what another tells.
fn members() -> impl Strategy<Value = Map<String, Value>> {
    let member = || prop::option::weighted(0.2, value());
    let members = NAMES.map(|name| member().prop_map(move |value| Some((name.to_owned(), value?))));
    (Vec::from(members), prop::bool::weighted(0.1)).prop_map(|(members, is_named)| {
        let mut members: Map<String, Value> = members.into_iter().flatten().collect();
        if is_named {
            members.insert("userId".to_owned(), "alice".into());
        }
        members
    })
}

pub(super) fn request() -> impl Strategy<Value = Request> {
    let merges = vec!["application/merge-patch+json", "application/json"];
    let wish = prop_oneof![
        3 => Just(Wish::Get),
        1 => Just(Wish::Head),
        2 => members().prop_map(|members| Wish::Put(Value::Object(members))),
        4 => (select(merges), members())
            .prop_map(|(media_type, members)| Wish::Merge(media_type, Value::Object(members))),
        8 => vec(operation(), 1..4).prop_map(|all| Wish::Operations(Value::Array(all))),
        1 => Just(Wish::Delete),
        4 => (guess(), 0..2_usize).prop_map(|(guess, world)| Wish::Guess(guess, world)),
    ];
    let demand = || prop::option::weighted(0.25, tag());
    (wish, demand(), demand()).prop_map(|(wish, if_match, if_none_match)| Request {
        wish,
        if_match,
        if_none_match,
    })
}
