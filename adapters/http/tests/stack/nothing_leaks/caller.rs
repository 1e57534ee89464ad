//! Who asks: a caller with some rights to others' profiles.

use std::{collections::BTreeSet, sync::Arc};

use axum::http::Method;
use proptest::{prelude::*, sample::subsequence};
use serde_json::{Map, Value};
use usher_domain::{
    access::{Action, Attributes, Grant, Holder, Policy},
    json::Violation,
    ports::ProfileSchema,
};

use super::values::NAMES;
use crate::support::{Setup, World};

/// How much of a profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    Nothing,
    Some(BTreeSet<&'static str>),
    All,
}

impl Part {
    pub(super) fn contains(&self, name: &str) -> bool {
        match self {
            Self::Nothing => false,
            Self::Some(names) => names.contains(name),
            Self::All => true,
        }
    }
}

/// What a caller may do with another's profile.
#[derive(Debug, Clone)]
pub(super) struct Rights {
    reads: Part,
    writes: Part,
    deletes: bool,
    /// Writes also what the schema marks `readOnly`.
    guarded: bool,
    /// A scope is demanded for reading, and the token does not have it.
    lacks_read_scope: bool,
}

impl Rights {
    /// What the caller may see: by the grants, and by the scopes.
    pub(super) fn sees(&self, name: &str) -> bool {
        !self.lacks_read_scope && self.reads.contains(name)
    }

    /// What an audit line says of a request that is let in: the action, and which attributes.
    pub(super) fn audited(&self, method: &Method) -> (&'static str, String) {
        let (action, part) = match *method {
            Method::GET | Method::HEAD => ("read", &self.reads),
            Method::DELETE => ("delete", &Part::All),
            _ => ("write", &self.writes),
        };
        let names = match part {
            Part::Nothing => String::new(),
            Part::Some(names) => names.iter().copied().collect::<Vec<_>>().join(","),
            Part::All => "*".to_owned(),
        };
        (action, names)
    }

    fn grants(&self) -> Vec<Grant> {
        let deletes = if self.deletes {
            Part::All
        } else {
            Part::Nothing
        };
        [
            grant(Action::Read, &self.reads, false),
            grant(Action::Write, &self.writes, self.guarded),
            grant(Action::Delete, &deletes, false),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

/// A grant to the group that [`TOKEN`] has.
pub(super) fn grant(action: Action, part: &Part, read_only: bool) -> Option<Grant> {
    let attributes = match part {
        Part::Nothing => return None,
        Part::Some(names) => Attributes::Only(names.iter().map(|name| Box::from(*name)).collect()),
        Part::All => Attributes::All,
    };
    Some(Grant {
        holder: Holder::Group("curious".into()),
        issuer: None,
        actions: [action].into(),
        attributes,
        read_only,
    })
}

pub(super) const TOKEN: &str = "user:sam;group:curious";

pub(super) fn some_names() -> impl Strategy<Value = BTreeSet<&'static str>> {
    subsequence(&NAMES[..], 1..NAMES.len()).prop_map(BTreeSet::from_iter)
}

/// Of `All` nothing is hidden: then the rest has to hide it.
fn part(all: u32) -> impl Strategy<Value = Part> {
    prop_oneof![
        2 => Just(Part::Nothing),
        4 => some_names().prop_map(Part::Some),
        all => Just(Part::All),
    ]
}

pub(super) fn rights() -> impl Strategy<Value = Rights> {
    let lacks_read_scope = prop::bool::weighted(0.15);
    (
        part(0),
        part(3),
        any::<bool>(),
        any::<bool>(),
        lacks_read_scope,
    )
        .prop_map(
            |(reads, writes, deletes, guarded, lacks_read_scope)| Rights {
                // What a grant gives, the missing scope takes: all of it.
                reads: if lacks_read_scope { Part::All } else { reads },
                writes,
                deletes,
                guarded,
                lacks_read_scope,
            },
        )
}

/// What the deployment demands of profiles. Each rule is about one attribute as a whole.
#[derive(Debug, Clone)]
pub(super) struct Rules {
    pub(super) required: BTreeSet<&'static str>,
    read_only: BTreeSet<Box<str>>,
    has_schema: bool,
    require_if_match: bool,
}

pub(super) fn rules() -> impl Strategy<Value = Rules> {
    let some = || subsequence(&NAMES[..], 0..3);
    (
        some(),
        some(),
        prop::bool::weighted(0.8),
        prop::bool::weighted(0.2),
    )
        .prop_map(
            |(required, read_only, has_schema, require_if_match)| Rules {
                required: required.into_iter().collect(),
                read_only: read_only.into_iter().map(Box::from).collect(),
                has_schema,
                require_if_match,
            },
        )
}

impl ProfileSchema for Rules {
    fn violations(&self, attributes: &Map<String, Value>) -> Vec<Violation> {
        let mut violations = Vec::new();
        let lacks = |name: &&&str| !attributes.contains_key(**name);
        for _ in self.required.iter().filter(lacks) {
            violations.push(Violation::new("", "lacks a required attribute"));
        }
        let mut demand = |name: &str, detail: &'static str, holds: fn(&Value) -> bool| {
            if attributes.get(name).is_some_and(|value| !holds(value)) {
                violations.push(Violation::new(&format!("/{name}"), detail));
            }
        };
        demand("age", "is no age", Value::is_u64);
        demand("email", "is no address", |email| {
            email.as_str().is_some_and(|text| text.contains('@'))
        });
        demand("secret", "is true or false", |secret| !secret.is_boolean());
        violations
    }

    fn read_only(&self) -> &BTreeSet<Box<str>> {
        &self.read_only
    }

    fn document(&self) -> &Value {
        &Value::Null
    }
}

/// A deployment with these rules, whose grants are the caller's.
pub(super) fn world(rights: &Rights, rules: &Rules, more: Option<Grant>) -> World {
    let mut setup = Setup::default();
    let mut access = Policy {
        grants: rights.grants(),
        ..Policy::default()
    };
    access.grants.extend(more);
    if rights.lacks_read_scope {
        access.read_scopes = ["profiles/read".into()].into();
    }
    setup.rules.access = access;
    setup.rules.require_if_match = rules.require_if_match;
    if rules.has_schema {
        setup.rules.schema = Some(Arc::new(rules.clone()));
    }
    setup.start()
}
