//! Any policy and any caller. Most names are from a few, so that they meet; some are any text.

use std::collections::BTreeSet;

use proptest::{collection, prelude::*, sample::select};
use usher_domain::{
    access::{Action, Attributes, Grant, Holder, Policy},
    principal::Principal,
    user_id::UserId,
};

/// The few have each other's wrong case, and none is a prefix by accident only.
fn name() -> impl Strategy<Value = Box<str>> {
    prop_oneof![
        12 => select(vec!["a", "A", "b", "ab", "userId", "*", ""]).prop_map(Box::from),
        1 => any::<String>().prop_map(Box::from),
    ]
}

fn names(most: usize) -> impl Strategy<Value = BTreeSet<Box<str>>> {
    collection::btree_set(name(), 0..=most)
}

pub(crate) fn action() -> impl Strategy<Value = Action> {
    select(Action::ALL.to_vec())
}

pub(crate) fn grant() -> impl Strategy<Value = Grant> {
    let holder = prop_oneof![
        name().prop_map(Holder::Group),
        name().prop_map(Holder::Scope)
    ];
    let attributes = prop_oneof![
        1 => Just(Attributes::All),
        3 => names(3).prop_map(Attributes::Only),
    ];
    let actions = collection::btree_set(action(), 0..=3);
    let issuer = prop::option::weighted(0.3, name());
    (holder, issuer, actions, attributes, any::<bool>()).prop_map(
        |(holder, issuer, actions, attributes, read_only)| Grant {
            holder,
            issuer,
            actions,
            attributes,
            read_only,
        },
    )
}

/// Scopes are demanded half of the time: with them most answers are that one is missing.
fn demanded() -> impl Strategy<Value = BTreeSet<Box<str>>> {
    prop_oneof![Just(BTreeSet::new()), names(2)]
}

pub(crate) fn policy() -> impl Strategy<Value = Policy> {
    let grants = collection::vec(grant(), 0..6);
    (demanded(), demanded(), demanded(), grants).prop_map(
        |(read_scopes, write_scopes, delete_scopes, grants)| Policy {
            read_scopes,
            write_scopes,
            delete_scopes,
            grants,
        },
    )
}

pub(crate) fn principal() -> impl Strategy<Value = Principal> {
    (name(), name(), names(4), names(4)).prop_map(|(id, issuer, scopes, groups)| Principal {
        scopes,
        groups,
        ..Principal::new(&id, &issuer)
    })
}

pub(crate) fn target() -> impl Strategy<Value = UserId> {
    name().prop_filter_map("no user id", |name| UserId::parse(&name).ok())
}
