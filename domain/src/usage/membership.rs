//! A key's membership in a usage plan, and the account that it is charged to.

use std::sync::Arc;

use super::{
    account::Limits,
    api_key::{ApiKey, ApiKeyId},
    plan::{ApiStage, PlanId, UsagePlan},
};

/// What a usage store charges: a name of its own, and the limits.
///
/// There is one account for each key of each plan; clones share the name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The store's key.
    pub id: Arc<str>,
    /// What the account is held to.
    pub limits: Limits,
}

impl Account {
    /// The account of `key` in `plan`.
    #[must_use]
    pub fn of(plan: &UsagePlan, key: &ApiKeyId) -> Self {
        // The length makes the name unambiguous whatever characters a plan's id has.
        let plan_id = plan.id.as_str();
        let id = format!("{}:{plan_id}:{key}", plan_id.len());
        Self {
            id: id.into(),
            limits: plan.limits,
        }
    }
}

/// A plan that a key belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Membership {
    /// The plan.
    pub plan: Arc<UsagePlan>,
    /// What the key is charged to.
    pub account: Account,
}

/// A key as the front door needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyEntry {
    /// The key's public name.
    pub id: ApiKeyId,
    /// A disabled key is refused like an unknown one.
    pub enabled: bool,
    /// Its plans, at most one for each stage.
    pub memberships: Vec<Membership>,
}

/// Why a key and its plans do not fit together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MembershipError {
    /// The key names a plan that is not there.
    #[error("there is no usage plan {0}")]
    UnknownPlan(PlanId),
    /// Two plans of the key cover one stage, so that nobody could say which one counts.
    #[error("the usage plans {0} and {1} cover the same stage; a key belongs to one of them")]
    Ambiguous(PlanId, PlanId),
}

impl KeyEntry {
    /// Joins a key with its plans.
    ///
    /// # Errors
    /// See [`MembershipError`].
    pub fn join(key: &ApiKey, plans: &[Arc<UsagePlan>]) -> Result<Self, MembershipError> {
        let mut memberships: Vec<Membership> = Vec::new();
        for id in &key.plans {
            let plan = plans
                .iter()
                .find(|plan| plan.id == *id)
                .ok_or_else(|| MembershipError::UnknownPlan(id.clone()))?;
            for other in &memberships {
                if other.plan.stages.iter().any(|stage| plan.covers(stage)) {
                    return Err(MembershipError::Ambiguous(
                        other.plan.id.clone(),
                        id.clone(),
                    ));
                }
            }
            memberships.push(Membership {
                plan: Arc::clone(plan),
                account: Account::of(plan, &key.id),
            });
        }
        Ok(Self {
            id: key.id.clone(),
            enabled: key.enabled,
            memberships,
        })
    }

    /// The membership that counts at `stage`.
    #[must_use]
    pub fn at(&self, stage: &ApiStage) -> Option<&Membership> {
        self.memberships
            .iter()
            .find(|membership| membership.plan.covers(stage))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::usage::api_key::ApiKeyHash;

    fn plan(id: &str, stage: &str) -> Arc<UsagePlan> {
        Arc::new(UsagePlan {
            id: PlanId::new(id),
            name: String::new(),
            description: String::new(),
            limits: Limits::default(),
            stages: vec![ApiStage {
                api_id: "api".into(),
                stage: stage.into(),
            }],
        })
    }

    fn key(plans: &[&str]) -> ApiKey {
        let hash = ApiKeyHash::of("abcdefghijklmnopqrst").unwrap();
        ApiKey {
            id: ApiKeyId::derived_from(&hash),
            hash,
            name: String::new(),
            description: String::new(),
            enabled: true,
            plans: plans.iter().map(|id| PlanId::new(id)).collect(),
        }
    }

    #[test]
    fn a_key_has_one_plan_for_a_stage() {
        let plans = [plan("a", "prod"), plan("b", "prod"), plan("c", "dev")];
        let entry = KeyEntry::join(&key(&["a", "c"]), &plans).unwrap();
        let stage = |name: &str| ApiStage {
            api_id: "api".into(),
            stage: name.into(),
        };
        assert_eq!(entry.at(&stage("dev")).unwrap().plan.id.as_str(), "c");
        assert_eq!(entry.at(&stage("test")), None);
        assert_eq!(
            KeyEntry::join(&key(&["a", "b"]), &plans),
            Err(MembershipError::Ambiguous(
                PlanId::new("a"),
                PlanId::new("b")
            ))
        );
        assert_eq!(
            KeyEntry::join(&key(&["x"]), &plans),
            Err(MembershipError::UnknownPlan(PlanId::new("x")))
        );
    }

    #[test]
    fn accounts_of_different_plans_and_keys_never_share_a_name() {
        let account =
            |plan_id: &str, key: &str| Account::of(&plan(plan_id, "s"), &ApiKeyId::new(key)).id;
        assert_ne!(account("a:b", "c"), account("a", "b:c"));
    }
}
