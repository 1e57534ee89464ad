//! Usage plans.

use std::{collections::BTreeMap, fmt};

use super::{account::Limits, throttle::Throttle};

/// The longest id of a plan that is taken, in bytes of UTF-8.
pub const MAX_PLAN_ID_BYTES: usize = 256;

/// A plan's id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PlanId(Box<str>);

impl PlanId {
    /// The id `text`.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(text.into())
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PlanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A stage of an API: what a plan is associated with, and what a deployment is one of.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ApiStage {
    /// The API's id.
    pub api_id: Box<str>,
    /// The stage's name.
    pub stage: Box<str>,
}

/// A stage that a plan applies to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanStage {
    /// Which one.
    pub stage: ApiStage,
    /// The throttles that single methods have in place of the plan's, by the method's name as API
    /// Gateway writes it: the resource, a slash and the verb, as in `/users/{userId}/profile/GET`.
    pub methods: BTreeMap<Box<str>, Throttle>,
}

impl PlanStage {
    /// A stage without throttles of its own.
    #[must_use]
    pub fn new(stage: ApiStage) -> Self {
        Self {
            stage,
            methods: BTreeMap::new(),
        }
    }
}

/// A usage plan: the limits of every key that belongs to it, each key for itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsagePlan {
    /// Names the plan in keys, logs and metrics.
    pub id: PlanId,
    /// For people.
    pub name: String,
    /// For people.
    pub description: String,
    /// What each key is held to, over all stages together.
    pub limits: Limits,
    /// What each user of a key is held to besides.
    pub per_user: Option<Throttle>,
    /// Where the plan applies.
    pub stages: Vec<PlanStage>,
    /// For people and their tools.
    pub tags: BTreeMap<String, String>,
}

impl UsagePlan {
    /// A plan that limits nothing and applies nowhere.
    #[must_use]
    pub fn new(id: PlanId) -> Self {
        Self {
            id,
            name: String::new(),
            description: String::new(),
            limits: Limits::default(),
            per_user: None,
            stages: Vec::new(),
            tags: BTreeMap::new(),
        }
    }

    /// The plan's entry for `stage`, when it applies there.
    #[must_use]
    pub fn at(&self, stage: &ApiStage) -> Option<&PlanStage> {
        self.stages.iter().find(|entry| entry.stage == *stage)
    }

    /// Whether the plan applies to `stage`.
    #[must_use]
    pub fn covers(&self, stage: &ApiStage) -> bool {
        self.at(stage).is_some()
    }
}

/// A plan as it is in force at one stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanInForce {
    /// Its id.
    pub id: PlanId,
    /// What each account is held to.
    pub limits: Limits,
    /// What each user of an account is held to besides.
    pub per_user: Option<Throttle>,
    /// The throttles of single methods.
    pub methods: BTreeMap<Box<str>, Throttle>,
    /// Counts the changes of the three above that this process has seen, so that a bucket that was
    /// filled under other limits is known for one. It wraps, which harms nobody: a bucket would have
    /// to be untouched during 65 536 changes.
    pub generation: u16,
}

impl PlanInForce {
    /// `plan` at `stage`; `None` where it does not apply.
    #[must_use]
    pub fn new(plan: &UsagePlan, stage: &ApiStage) -> Option<Self> {
        Some(Self {
            id: plan.id.clone(),
            limits: plan.limits,
            per_user: plan.per_user,
            methods: plan.at(stage)?.methods.clone(),
            generation: 0,
        })
    }

    /// The same plan after what was in force before it: the generation goes on from there.
    #[must_use]
    pub fn after(self, earlier: &Self) -> Self {
        let generation = earlier.generation;
        let same = Self {
            generation,
            ..self.clone()
        } == *earlier;
        Self {
            generation: if same {
                generation
            } else {
                generation.wrapping_add(1)
            },
            ..self
        }
    }

    /// The throttle of `method`, and whether it is the method's own.
    #[must_use]
    pub fn throttle(&self, method: &str) -> Option<(&Throttle, bool)> {
        // Nearly every plan has none: no search then.
        if !self.methods.is_empty()
            && let Some(own) = self.methods.get(method)
        {
            return Some((own, true));
        }
        self.limits
            .throttle
            .as_ref()
            .map(|throttle| (throttle, false))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generation_counts_changes_of_limits_alone() {
        let stage = ApiStage {
            api_id: "api".into(),
            stage: "prod".into(),
        };
        let mut plan = UsagePlan::new(PlanId::new("a"));
        assert_eq!(PlanInForce::new(&plan, &stage), None);
        plan.stages.push(PlanStage::new(stage.clone()));
        let first = PlanInForce::new(&plan, &stage).unwrap();
        plan.name = "another".to_owned();
        let same = PlanInForce::new(&plan, &stage).unwrap().after(&first);
        assert_eq!(same.generation, 0);
        plan.limits.throttle = Throttle::new(1.0, 1).ok();
        let second = PlanInForce::new(&plan, &stage).unwrap().after(&same);
        assert_eq!(second.generation, 1);
        plan.stages[0]
            .methods
            .insert("/a/GET".into(), Throttle::new(1.0, 2).unwrap());
        let third = PlanInForce::new(&plan, &stage).unwrap().after(&second);
        assert_eq!(third.generation, 2);
        let (own, is_own) = third.throttle("/a/GET").unwrap();
        assert_eq!((own.burst(), is_own), (2, true));
        let (plans, is_own) = third.throttle("/a/PUT").unwrap();
        assert_eq!((plans.burst(), is_own), (1, false));
    }
}
