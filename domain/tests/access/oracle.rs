//! The access rules once more, as quantifiers over the names of attributes: slower than the rule, and
//! not written like it. Each step quotes the sentence that it stands for.

use std::collections::BTreeSet;

use usher_domain::{
    access::{Action, Attributes, Basis, Decision, DenyReason, Grant, Holder, Policy},
    principal::Principal,
    user_id::UserId,
};

/// The name of an attribute; `None` stands for every name that no grant mentions.
pub(crate) type Name = Option<String>;

/// A decision, with sets of names in place of their description.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    Permit {
        /// The holders of the grants that let the caller in; `None` for the owner.
        by: Option<BTreeSet<String>>,
        sees: BTreeSet<Name>,
        writes: BTreeSet<Name>,
        /// Writes them also where the schema marks them `readOnly`.
        guarded: BTreeSet<Name>,
    },
    ScopeIsMissing(BTreeSet<String>),
    NotYours,
    PartOnly,
}

/// What the specification says.
pub(crate) fn answer(
    caller: &Principal,
    action: Action,
    target: &UserId,
    policy: &Policy,
) -> Answer {
    // "If scopes are configured for an action, the token must carry one of them, owner or not."
    let carries = |action: Action| {
        let needed = policy.required_scopes(action);
        needed.is_empty() || needed.iter().any(|scope| has(&caller.scopes, scope))
    };
    if !carries(action) {
        let needed = policy.required_scopes(action).iter();
        return Answer::ScopeIsMissing(needed.map(ToString::to_string).collect());
    }
    // "a group or a scope may do actions on others' profiles, all attributes or a named few"
    let gives = |grant: &Grant, action: Action, name: &Name| {
        is_held(grant, caller)
            && grant.actions.iter().any(|given| *given == action)
            && match (&grant.attributes, name) {
                (Attributes::All, _) => true,
                (Attributes::Only(_), None) => false,
                (Attributes::Only(few), Some(name)) => few.iter().any(|one| **one == **name),
            }
    };
    let granted = |action: Action, kind: fn(&Grant) -> bool| -> BTreeSet<Name> {
        let some_grant_gives = |name: &Name| {
            let mut grants = policy.grants.iter().filter(|grant| kind(grant));
            grants.any(|grant| gives(grant, action, name))
        };
        let names = names(policy).into_iter();
        names
            .filter(|name| carries(action) && some_grant_gives(name))
            .collect()
    };
    let guarded = granted(Action::Write, |grant| grant.read_only);
    // "The owner may read, write and delete: the principal's id equals userId."
    if *caller.id == *target.as_str() {
        return Answer::Permit {
            by: None,
            sees: names(policy),
            writes: names(policy),
            guarded,
        };
    }
    // "anything unclear denies"
    let reached = granted(action, |_| true);
    if reached.is_empty() {
        return Answer::NotYours;
    }
    // "DELETE [is] never allowed" with a filtered grant: of a deletion there is no part.
    if action == Action::Delete && reached != names(policy) {
        return Answer::PartOnly;
    }
    let grants = policy.grants.iter();
    let used = grants.filter(|grant| is_held(grant, caller) && grant.actions.contains(&action));
    Answer::Permit {
        by: Some(used.map(|grant| grant.holder.to_string()).collect()),
        sees: granted(Action::Read, |_| true),
        writes: granted(Action::Write, |_| true),
        guarded,
    }
}

/// What was decided, in the same words.
pub(crate) fn said(decision: &Decision, policy: &Policy) -> Answer {
    let permit = match decision {
        Decision::Permit(permit) => permit,
        Decision::Deny(DenyReason::NotYourProfile) => return Answer::NotYours,
        Decision::Deny(DenyReason::PartOnly) => return Answer::PartOnly,
        Decision::Deny(DenyReason::InsufficientScope { required }) => {
            return Answer::ScopeIsMissing(required.iter().map(ToString::to_string).collect());
        }
    };
    Answer::Permit {
        by: match permit.basis() {
            Basis::Owner => None,
            Basis::Grants(holders) => Some(holders.clone()),
        },
        sees: set(permit.readable(), policy),
        writes: set(permit.writable(), policy),
        guarded: set(permit.read_only(), policy),
    }
}

fn set(attributes: &Attributes, policy: &Policy) -> BTreeSet<Name> {
    let unheard_of = unheard_of(policy);
    let names = names(policy).into_iter();
    let found: BTreeSet<Name> = names
        .filter(|name| attributes.contains(name.as_deref().unwrap_or(&unheard_of)))
        .collect();
    // The three ways to ask must not contradict each other.
    assert_eq!(attributes.is_all(), found.contains(&None), "{attributes:?}");
    assert_eq!(attributes.is_empty(), found.is_empty(), "{attributes:?}");
    found
}

/// Every name that makes a difference under `policy`.
fn names(policy: &Policy) -> BTreeSet<Name> {
    let mut names = BTreeSet::from([None]);
    for grant in &policy.grants {
        if let Attributes::Only(few) = &grant.attributes {
            names.extend(few.iter().map(|name| Some(name.to_string())));
        }
    }
    names
}

/// A name that no grant mentions: longer than any of them.
fn unheard_of(policy: &Policy) -> String {
    let lengths = names(policy).into_iter().flatten().map(|name| name.len());
    "x".repeat(1 + lengths.max().unwrap_or(0))
}

fn is_held(grant: &Grant, caller: &Principal) -> bool {
    // "A grant or an assignment may name an issuer"
    let is_of_issuer = match &grant.issuer {
        None => true,
        Some(issuer) => **issuer == *caller.issuer,
    };
    let is_holder = match &grant.holder {
        Holder::Group(name) => has(&caller.groups, name),
        Holder::Scope(name) => has(&caller.scopes, name),
    };
    is_of_issuer && is_holder
}

/// Byte by byte.
fn has(names: &BTreeSet<Box<str>>, name: &str) -> bool {
    names.iter().any(|one| one.as_bytes() == name.as_bytes())
}
