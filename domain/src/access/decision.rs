//! The access decision: one total function that returns its reason.

use super::policy::{Action, Policy, RequiredScopes};
use crate::{principal::Principal, user_id::UserId};

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
    attributes: AttributeAccess,
}

impl Permit {
    /// The rule that let the caller in.
    #[must_use]
    pub const fn basis(&self) -> Basis {
        self.basis
    }

    /// The attributes that the permit covers.
    #[must_use]
    pub const fn attributes(&self) -> AttributeAccess {
        self.attributes
    }
}

/// The rule that let a caller in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Basis {
    /// It is the caller's own profile.
    Owner,
}

/// The attributes that a permit covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttributeAccess {
    /// The whole profile.
    All,
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
}

/// May `principal` do `action` to the profile of `target`?
///
/// Scopes come first: a token without them may do nothing, owner or not. Then the owner rule: the
/// principal's id equals the user id, byte by byte. Nothing else permits.
#[must_use]
pub fn decide(principal: &Principal, action: Action, target: &UserId, policy: &Policy) -> Decision {
    let required = policy.required_scopes(action);
    if !required.is_empty() && required.is_disjoint(&principal.scopes) {
        return Decision::Deny(DenyReason::InsufficientScope {
            required: required.clone(),
        });
    }
    if principal.id.as_bytes() == target.as_str().as_bytes() {
        Decision::Permit(Permit {
            basis: Basis::Owner,
            attributes: AttributeAccess::All,
        })
    } else {
        Decision::Deny(DenyReason::NotYourProfile)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
            Decision::Permit(permit) => Ok(permit.basis()),
            Decision::Deny(DenyReason::NotYourProfile) => Err("not yours"),
            Decision::Deny(DenyReason::InsufficientScope { .. }) => Err("scope"),
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
            delete_scopes: RequiredScopes::new(),
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
}
