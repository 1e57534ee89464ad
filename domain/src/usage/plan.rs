//! Usage plans.

use std::fmt;

use super::account::Limits;

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
    /// Where the plan applies.
    pub stages: Vec<ApiStage>,
}

impl UsagePlan {
    /// Whether the plan applies to `stage`.
    #[must_use]
    pub fn covers(&self, stage: &ApiStage) -> bool {
        self.stages.contains(stage)
    }
}
