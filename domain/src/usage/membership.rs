//! A key's membership in usage plans, and the accounts that calls are charged to.

use std::{fmt, sync::Arc};

use sha2::{Digest as _, Sha256};

use super::{
    account::Limits,
    api_key::{ApiKey, ApiKeyHash, ApiKeyId},
    plan::{PlanId, PlanInForce, UsagePlan},
};
use crate::time::Timestamp;

/// Who spends a plan: one account each.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Holder {
    /// An API key, whoever calls with it.
    Key(ApiKeyId),
    /// A principal, by its id, whom the deployment assigned a plan.
    Principal(Box<str>),
}

/// Shows which kind it is before the name: `key:…` or `principal:…`.
impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(id) => write!(f, "key:{id}"),
            Self::Principal(id) => write!(f, "principal:{id}"),
        }
    }
}

impl Holder {
    /// Reads what `Display` writes: the form in which stores keep it.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text.split_once(':')? {
            ("key", id) => Some(Self::Key(ApiKeyId::new(id))),
            ("principal", id) => Some(Self::Principal(id.into())),
            _ => None,
        }
    }
}

/// An account's name: there is one account for each holder of each plan.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountName {
    /// The plan.
    pub plan: PlanId,
    /// Who spends it.
    pub holder: Holder,
}

/// What a usage store charges.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The store's key.
    pub name: AccountName,
    /// What the account is held to.
    pub limits: Limits,
}

/// An account's name in a process's memory: 128 bits of SHA-256, so that two accounts never meet and
/// a bucket costs the same whatever its holder is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountTag([u64; 2]);

impl AccountTag {
    /// The tag of the account with this name.
    #[must_use]
    pub fn of(plan: &PlanId, holder: &Holder) -> Self {
        let (kind, id): (&[u8], &str) = match holder {
            Holder::Key(id) => (b"k", id.as_str()),
            Holder::Principal(id) => (b"p", id),
        };
        Self::digest(&[kind, plan.as_str().as_bytes(), id.as_bytes()])
    }

    /// The tag of the account that the principal `id` has with an assigned plan.
    #[must_use]
    pub fn of_principal(plan: &PlanId, id: &str) -> Self {
        Self::digest(&[b"p", plan.as_str().as_bytes(), id.as_bytes()])
    }

    /// The bucket that one user has of this account.
    #[must_use]
    pub fn of_user(self, principal: &str) -> Self {
        self.part(b"u", principal)
    }

    /// The bucket that this account has for one method.
    #[must_use]
    pub fn of_method(self, method: &str) -> Self {
        self.part(b"m", method)
    }

    /// The tag as two numbers, of which every bit is as good as any other.
    #[must_use]
    pub const fn bits(&self) -> [u64; 2] {
        self.0
    }

    fn part(self, kind: &[u8], name: &str) -> Self {
        let [high, low] = self.0.map(u64::to_be_bytes);
        Self::digest(&[kind, &high, &low, name.as_bytes()])
    }

    /// The lengths make the parts unambiguous, whatever bytes they have.
    fn digest(parts: &[&[u8]]) -> Self {
        let mut hash = Sha256::new();
        for part in parts {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        let digest = hash.finalize();
        let mut bits = [0; 2];
        for (number, bytes) in bits.iter_mut().zip(digest.as_chunks().0) {
            *number = u64::from_be_bytes(*bytes);
        }
        Self(bits)
    }
}

/// A key as the front door meets it: joined with its plan at the stage that is served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownKey {
    /// The key's public name.
    pub id: ApiKeyId,
    /// Its plan at this stage.
    pub plan: Option<Arc<PlanInForce>>,
    /// The account of the key in that plan.
    pub tag: AccountTag,
    /// A disabled key is refused like an unknown one.
    pub enabled: bool,
    /// Until when the secret is good that it was found by; `None`: until it is rotated.
    pub until: Option<Timestamp>,
}

impl KnownKey {
    /// `key`, found by `hash`, with its `plan` at the stage that is served.
    #[must_use]
    pub fn new(key: &ApiKey, hash: &ApiKeyHash, plan: Option<Arc<PlanInForce>>) -> Self {
        let holder = Holder::Key(key.id.clone());
        let none = PlanId::new("");
        Self {
            tag: AccountTag::of(plan.as_ref().map_or(&none, |plan| &plan.id), &holder),
            id: key.id.clone(),
            plan,
            enabled: key.enabled,
            until: key
                .previous
                .filter(|previous| previous.hash == *hash && key.hash != *hash)
                .map(|previous| previous.until),
        }
    }

    /// The plan that calls with this key are charged to at `now`.
    ///
    /// # Errors
    /// Why the key opens nothing.
    pub fn plan_at(&self, now: Timestamp) -> Result<&Arc<PlanInForce>, BadKey> {
        if !self.enabled {
            return Err(BadKey::Disabled);
        }
        if self.until.is_some_and(|until| now >= until) {
            return Err(BadKey::Replaced);
        }
        self.plan.as_ref().ok_or(BadKey::WithoutPlan)
    }
}

/// Why a key opens nothing. For logs: its client is told that it is no good key, and not more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadKey {
    /// There is none, or more than one.
    Missing,
    /// It cannot be a key.
    Malformed,
    /// Nobody has made it.
    Unknown,
    /// It is disabled.
    Disabled,
    /// Another value has taken its place, and its time is over.
    Replaced,
    /// None of its plans applies to this stage.
    WithoutPlan,
}

impl BadKey {
    /// The same in words.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "there is none, or more than one",
            Self::Malformed => "it is too short, too long or not text",
            Self::Unknown => "it is not known",
            Self::Disabled => "it is disabled",
            Self::Replaced => "another value has taken its place",
            Self::WithoutPlan => "none of its plans applies to this stage",
        }
    }
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

/// Whether a key may belong to `members`, which are ids out of `plans`.
///
/// # Errors
/// See [`MembershipError`].
pub fn check<'a>(
    members: &[PlanId],
    plans: impl Fn(&PlanId) -> Option<&'a UsagePlan>,
) -> Result<(), MembershipError> {
    let mut joined: Vec<&UsagePlan> = Vec::new();
    for id in members {
        let plan = plans(id).ok_or_else(|| MembershipError::UnknownPlan(id.clone()))?;
        for other in &joined {
            let twice = other.id == plan.id;
            if twice || other.stages.iter().any(|entry| plan.covers(&entry.stage)) {
                return Err(MembershipError::Ambiguous(other.id.clone(), id.clone()));
            }
        }
        joined.push(plan);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::usage::plan::{ApiStage, PlanStage};

    fn plan(id: &str, stage: &str) -> UsagePlan {
        let stage = ApiStage {
            api_id: "api".into(),
            stage: stage.into(),
        };
        UsagePlan {
            stages: vec![PlanStage::new(stage)],
            ..UsagePlan::new(PlanId::new(id))
        }
    }

    #[test]
    fn a_key_has_one_plan_for_a_stage() {
        let plans = [plan("a", "prod"), plan("b", "prod"), plan("c", "dev")];
        let check = |ids: &[&str]| {
            let ids: Vec<_> = ids.iter().map(|id| PlanId::new(id)).collect();
            super::check(&ids, |id| plans.iter().find(|plan| plan.id == *id))
        };
        let (a, b) = (PlanId::new("a"), PlanId::new("b"));
        assert_eq!(check(&["a", "c"]), Ok(()));
        assert_eq!(check(&[]), Ok(()));
        assert_eq!(
            check(&["a", "b"]),
            Err(MembershipError::Ambiguous(a.clone(), b))
        );
        assert_eq!(
            check(&["a", "a"]),
            Err(MembershipError::Ambiguous(a.clone(), a))
        );
        assert_eq!(
            check(&["x"]),
            Err(MembershipError::UnknownPlan(PlanId::new("x")))
        );
    }

    #[test]
    fn accounts_of_different_plans_holders_users_and_methods_never_share_a_tag() {
        let key = |id: &str| Holder::Key(ApiKeyId::new(id));
        let tag = |plan: &str, holder: &Holder| AccountTag::of(&PlanId::new(plan), holder);
        let one = tag("a", &key("b"));
        let tags = [
            one,
            tag("ab", &key("")),
            tag("", &key("ab")),
            tag("a", &Holder::Principal("b".into())),
            one.of_user("x"),
            one.of_user("y"),
            one.of_method("x"),
            tag("c", &key("b")).of_user("x"),
        ];
        let different: std::collections::BTreeSet<_> = tags.iter().collect();
        assert_eq!(different.len(), tags.len());
        let principal = tag("a", &Holder::Principal("b".into()));
        assert_eq!(AccountTag::of_principal(&PlanId::new("a"), "b"), principal);
    }

    #[test]
    fn a_holder_is_read_as_it_is_written() {
        for holder in [
            Holder::Key(ApiKeyId::new("a:b")),
            Holder::Principal("key:x".into()),
            Holder::Principal("".into()),
        ] {
            assert_eq!(Holder::parse(&holder.to_string()), Some(holder));
        }
        assert_eq!(Holder::parse("nobody"), None);
        assert_eq!(Holder::parse("other:x"), None);
    }
}
