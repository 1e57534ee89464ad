use crate::{
    ports::StoreError,
    time::Timestamp,
    usage::{api_key::ApiKeyId, membership::MembershipError, plan::PlanId},
};

/// Why plans and keys were not changed.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// There is no such plan.
    #[error("there is no usage plan {0}")]
    NoSuchPlan(PlanId),
    /// There is no such key.
    #[error("there is no API key with the id {0}")]
    NoSuchKey(ApiKeyId),
    /// Keys belong to the plan; here is one.
    #[error("keys belong to the usage plan {0}, such as {1}")]
    PlanInUse(PlanId, ApiKeyId),
    /// The secret is this key's already.
    #[error("this key exists already: its id is {0}")]
    KeyExists(ApiKeyId),
    /// The key does not fit its plans.
    #[error("key {0}: {1}")]
    Key(ApiKeyId, MembershipError),
    /// The key's last rotation still runs: its old secret is good until then.
    #[error("key {0} is being rotated: its old secret is still good")]
    StillRotating(ApiKeyId, Timestamp),
    /// Somebody else changes plans or keys all the time.
    #[error("others change plans and keys at the same time")]
    Contended,
    /// The store.
    #[error("the store cannot be used")]
    Store(#[from] StoreError),
}
