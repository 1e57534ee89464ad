//! The access decision: one total function that returns its reason.

use std::collections::BTreeSet;

use super::{
    grant::{Attributes, Grant},
    policy::{Action, Policy, RequiredScopes},
};
use crate::{ports::Rule, principal::Principal, user_id::UserId};

/// What was decided. There is no third answer and no error: what is unclear is denied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Go ahead, within the permit.
    Permit(Permit),
    /// No, and why.
    Deny(DenyReason),
}

/// What a caller may do: a value that only [`decide`] makes, so that nothing reaches a profile
/// without it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permit {
    basis: Basis,
    readable: Attributes,
    writable: Attributes,
    read_only: Attributes,
    read_only_by: BTreeSet<String>,
}

impl Permit {
    /// The rule that let the caller in.
    #[must_use]
    pub const fn basis(&self) -> &Basis {
        &self.basis
    }

    /// The attributes that the caller may see. A caller that may write need not be one that may see.
    #[must_use]
    pub const fn readable(&self) -> &Attributes {
        &self.readable
    }

    /// The attributes that the caller may make, change and remove.
    #[must_use]
    pub const fn writable(&self) -> &Attributes {
        &self.writable
    }

    /// The attributes for which the schema's `readOnly` does not count.
    #[must_use]
    pub const fn read_only(&self) -> &Attributes {
        &self.read_only
    }

    /// The grants that say so, each by its holder's name.
    #[must_use]
    pub const fn read_only_by(&self) -> &BTreeSet<String> {
        &self.read_only_by
    }
}

/// The rule that let a caller in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Basis {
    /// It is the caller's own profile.
    Owner,
    /// Grants to others, each by its holder's name.
    Grants(BTreeSet<String>),
}

/// Why a caller was denied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DenyReason {
    /// The token carries none of the scopes that the action needs.
    InsufficientScope {
        /// One of these is needed.
        required: RequiredScopes,
    },
    /// The profile belongs to somebody else.
    NotYourProfile,
    /// The action concerns the whole profile, and the grants a part of it.
    PartOnly,
}

impl DenyReason {
    /// The rule that denied it.
    #[must_use]
    pub const fn rule(&self) -> Rule {
        match self {
            Self::InsufficientScope { .. } => Rule::Scopes,
            Self::NotYourProfile => Rule::Owner,
            Self::PartOnly => Rule::Grants,
        }
    }
}

/// May `principal` do `action` to the profile of `target`?
///
/// Scopes come first: a token without them may do nothing, owner or not. Then the owner rule: the
/// principal's id equals the user id, byte by byte. Then the grants that the principal holds, all of
/// them together. Nothing else permits.
#[must_use]
pub fn decide(principal: &Principal, action: Action, target: &UserId, policy: &Policy) -> Decision {
    let lacks_scope = |wanted: Action| {
        let required = policy.required_scopes(wanted);
        !required.is_empty() && required.is_disjoint(&principal.scopes)
    };
    if lacks_scope(action) {
        return Decision::Deny(DenyReason::InsufficientScope {
            required: policy.required_scopes(action).clone(),
        });
    }
    // A right to read is none without the scope to read: the answer to a write must not show what GET
    // refuses.
    let held = |wanted: Action| {
        let counts = !lacks_scope(wanted);
        let grants = policy.grants.iter();
        grants.filter(move |grant| {
            counts && grant.actions.contains(&wanted) && grant.is_held_by(principal)
        })
    };
    let unguarded = || held(Action::Write).filter(|grant| grant.read_only);
    let read_only = join(unguarded());
    let read_only_by = names(unguarded());
    if principal.id.as_bytes() == target.as_str().as_bytes() {
        return Decision::Permit(Permit {
            basis: Basis::Owner,
            readable: Attributes::All,
            writable: Attributes::All,
            read_only,
            read_only_by,
        });
    }
    let granted = join(held(action));
    if granted.is_empty() {
        return Decision::Deny(DenyReason::NotYourProfile);
    }
    // There is no part of a deletion.
    if action == Action::Delete && !granted.is_all() {
        return Decision::Deny(DenyReason::PartOnly);
    }
    Decision::Permit(Permit {
        basis: Basis::Grants(names(held(action))),
        readable: join(held(Action::Read)),
        writable: join(held(Action::Write)),
        read_only,
        read_only_by,
    })
}

fn names<'a>(grants: impl Iterator<Item = &'a Grant>) -> BTreeSet<String> {
    grants.map(|grant| grant.holder.to_string()).collect()
}

fn join<'a>(grants: impl Iterator<Item = &'a Grant>) -> Attributes {
    let mut attributes = Attributes::NONE;
    for grant in grants {
        attributes.join(&grant.attributes);
    }
    attributes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::Holder;

    fn scopes(names: &[&str]) -> RequiredScopes {
        names.iter().map(|name| (*name).into()).collect()
    }

    fn reason(
        id: &str,
        has: &[&str],
        action: Action,
        policy: &Policy,
    ) -> Result<Basis, &'static str> {
        let principal = Principal {
            scopes: scopes(has),
            ..Principal::new(id, "https://issuer")
        };
        match decide(&principal, action, &UserId::parse("alice").unwrap(), policy) {
            Decision::Permit(permit) => Ok(permit.basis().clone()),
            Decision::Deny(DenyReason::NotYourProfile) => Err("not yours"),
            Decision::Deny(DenyReason::InsufficientScope { .. }) => Err("scope"),
            Decision::Deny(DenyReason::PartOnly) => Err("part"),
        }
    }

    #[test]
    fn the_owner_may_do_everything_and_nobody_else_anything() {
        let policy = Policy::default();
        for action in Action::ALL {
            assert_eq!(reason("alice", &[], action, &policy), Ok(Basis::Owner));
            for other in ["bob", "Alice", "alice ", "", "alic", "alicee", "ａlice"] {
                assert_eq!(
                    reason(other, &[], action, &policy),
                    Err("not yours"),
                    "{other}"
                );
            }
        }
    }

    #[test]
    fn a_configured_scope_is_needed_by_the_owner_too() {
        let policy = Policy {
            read_scopes: scopes(&["profiles/read", "profiles/write"]),
            write_scopes: scopes(&["profiles/write"]),
            ..Policy::default()
        };
        for (has, action, expected) in [
            (&["profiles/read"][..], Action::Read, Ok(Basis::Owner)),
            (&["profiles/write"], Action::Read, Ok(Basis::Owner)),
            (&["profiles/read"], Action::Write, Err("scope")),
            (&["profiles/write", "x"], Action::Write, Ok(Basis::Owner)),
            (&["PROFILES/WRITE"], Action::Write, Err("scope")),
            (&[], Action::Read, Err("scope")),
            (&[], Action::Delete, Ok(Basis::Owner)),
        ] {
            assert_eq!(
                reason("alice", has, action, &policy),
                expected,
                "{has:?} {action:?}"
            );
        }
        assert_eq!(reason("bob", &[], Action::Read, &policy), Err("scope"));
        assert_eq!(
            reason("bob", &["profiles/read"], Action::Read, &policy),
            Err("not yours")
        );
    }

    fn grant(group: &str, actions: &[Action], attributes: &[&str], read_only: bool) -> Grant {
        Grant {
            holder: Holder::Group(group.into()),
            issuer: None,
            actions: actions.iter().copied().collect(),
            attributes: match attributes {
                ["*"] => Attributes::All,
                names => Attributes::Only(scopes(names)),
            },
            read_only,
        }
    }

    /// What somebody with these groups may read, write and write though it is read only in alice's
    /// profile; or why not.
    fn granted(
        groups: &[&str],
        action: Action,
        policy: &Policy,
    ) -> Result<[String; 3], DenyReason> {
        let principal = Principal {
            groups: scopes(groups),
            ..Principal::new("bob", "https://issuer")
        };
        match decide(&principal, action, &UserId::parse("alice").unwrap(), policy) {
            Decision::Permit(permit) => Ok([
                permit.readable().to_string(),
                permit.writable().to_string(),
                permit.read_only().to_string(),
            ]),
            Decision::Deny(reason) => Err(reason),
        }
    }

    #[test]
    fn grants_add_up_and_no_order_of_them_changes_an_answer() {
        use Action::{Delete, Read, Write};
        let mut grants = vec![
            grant("support", &[Read], &["email", "name"], false),
            grant("editors", &[Write], &["name"], false),
            grant("billing", &[Read, Write], &["tier"], true),
            grant("admins", &Action::ALL, &["*"], false),
            grant("cleaners", &[Delete], &["name"], false),
        ];
        for _ in 0..grants.len() {
            grants.rotate_left(1);
            let policy = Policy {
                grants: grants.clone(),
                ..Policy::default()
            };
            let all = |readable: &str, writable: &str, read_only: &str| {
                Ok([readable, writable, read_only].map(str::to_owned))
            };
            for (groups, action, expected) in [
                (&[][..], Read, Err(DenyReason::NotYourProfile)),
                (&["Support"], Read, Err(DenyReason::NotYourProfile)),
                (&["support"], Read, all("email,name", "", "")),
                (&["support"], Write, Err(DenyReason::NotYourProfile)),
                (&["editors"], Read, Err(DenyReason::NotYourProfile)),
                (&["editors"], Write, all("", "name", "")),
                (
                    &["editors", "support"],
                    Write,
                    all("email,name", "name", ""),
                ),
                (
                    &["editors", "billing"],
                    Write,
                    all("tier", "name,tier", "tier"),
                ),
                (&["billing"], Delete, Err(DenyReason::NotYourProfile)),
                (&["cleaners"], Delete, Err(DenyReason::PartOnly)),
                (&["admins"], Delete, all("*", "*", "")),
                (
                    &["admins", "billing", "cleaners"],
                    Delete,
                    all("*", "*", "tier"),
                ),
            ] {
                let found = granted(groups, action, &policy);
                assert_eq!(found, expected, "{groups:?} {action:?}");
            }
        }
    }

    #[test]
    fn a_grant_counts_for_its_issuer_and_never_takes_from_the_owner() {
        let mut policy = Policy {
            grants: vec![grant("support", &Action::ALL, &["*"], true)],
            ..Policy::default()
        };
        policy.grants[0].issuer = Some("https://other".into());
        let denied = granted(&["support"], Action::Read, &policy);
        assert_eq!(denied, Err(DenyReason::NotYourProfile));
        policy.grants[0].issuer = Some("https://issuer".into());
        assert!(granted(&["support"], Action::Read, &policy).is_ok());

        policy.grants = vec![grant("parts", &Action::ALL, &["name"], true)];
        let owner = Principal {
            groups: scopes(&["parts"]),
            ..Principal::new("alice", "https://issuer")
        };
        let target = UserId::parse("alice").unwrap();
        for action in Action::ALL {
            let Decision::Permit(permit) = decide(&owner, action, &target, &policy) else {
                panic!("{action:?}")
            };
            assert_eq!(permit.basis(), &Basis::Owner);
            assert!(permit.readable().is_all() && permit.writable().is_all());
            // What is read only to an owner is the grant's to give.
            assert_eq!(permit.read_only().to_string(), "name");
        }
    }
}
