//! Plans that a deployment gives to principals, without a key.

use super::plan::PlanId;
use crate::principal::Principal;

/// A plan for everybody who has a claim, a group or a scope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    /// What a principal must have.
    pub to: Criterion,
    /// Whose principals; `None` where there is one issuer.
    pub issuer: Option<Box<str>>,
    /// The plan.
    pub plan: PlanId,
}

/// What tells principals apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Criterion {
    /// The claim `name` has this value.
    Claim {
        /// The claim's name, or a JSON Pointer to it.
        name: Box<str>,
        /// Its value, byte for byte.
        equals: Box<str>,
    },
    /// A group.
    Group(Box<str>),
    /// A scope.
    Scope(Box<str>),
}

impl Assignment {
    /// Whether `principal` is meant.
    #[must_use]
    pub fn matches(&self, principal: &Principal) -> bool {
        let issuer = &self.issuer;
        issuer
            .as_ref()
            .is_none_or(|issuer| *issuer == principal.issuer)
            && match &self.to {
                Criterion::Claim { name, equals } => principal.claims.get(name) == Some(equals),
                Criterion::Group(group) => principal.groups.contains(group),
                Criterion::Scope(scope) => principal.scopes.contains(scope),
            }
    }
}

/// The plan of `principal`: the first match counts, in the order in which they were written.
#[must_use]
pub fn plan_of<'a>(assignments: &'a [Assignment], principal: &Principal) -> Option<&'a PlanId> {
    let mut matches = assignments.iter().filter(|one| one.matches(principal));
    matches.next().map(|one| &one.plan)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assignment(to: Criterion, issuer: Option<&str>, plan: &str) -> Assignment {
        Assignment {
            to,
            issuer: issuer.map(Into::into),
            plan: PlanId::new(plan),
        }
    }

    #[test]
    fn the_first_match_in_file_order_counts() {
        let claim = |value: &str| Criterion::Claim {
            name: "custom:tier".into(),
            equals: value.into(),
        };
        let assignments = [
            assignment(claim("gold"), None, "gold"),
            assignment(Criterion::Group("staff".into()), Some("https://two"), "two"),
            assignment(Criterion::Group("staff".into()), None, "staff"),
            assignment(Criterion::Scope("batch".into()), None, "batch"),
        ];
        let principal = |issuer: &str, tier: &str, group: &str, scope: &str| {
            let mut principal = Principal::new("alice", issuer);
            principal.claims.insert("custom:tier".into(), tier.into());
            principal.groups.insert(group.into());
            principal.scopes.insert(scope.into());
            principal
        };
        for (principal, plan) in [
            (
                principal("https://one", "gold", "staff", "batch"),
                Some("gold"),
            ),
            (
                principal("https://one", "Gold", "staff", "batch"),
                Some("staff"),
            ),
            (
                principal("https://two", "gold ", "staff", "batch"),
                Some("two"),
            ),
            (principal("https://two", "", "", "batch"), Some("batch")),
            (principal("https://one", "silver", "gold", "gold"), None),
            (Principal::new("bob", "https://one"), None),
        ] {
            let found = plan_of(&assignments, &principal).map(PlanId::as_str);
            assert_eq!(found, plan, "{principal:?}");
        }
    }
}
