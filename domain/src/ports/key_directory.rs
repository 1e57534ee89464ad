use std::sync::Arc;

use async_trait::async_trait;

use super::StoreError;
use crate::{
    time::Timestamp,
    usage::{
        api_key::ApiKeyHash,
        membership::KnownKey,
        plan::{PlanId, PlanInForce},
    },
};

/// API keys and usage plans as the front door meets them: at the stage that is served, and without
/// asking the store each time.
///
/// What a [`KeyStore`](super::KeyStore) says is in force here 5 s later at the latest.
#[async_trait]
pub trait KeyDirectory: Send + Sync + 'static {
    /// The key with this hash; `None` when it is not known. A disabled key is found, and says that it
    /// is disabled.
    ///
    /// # Errors
    /// [`StoreError`] when the store has to be asked and does not answer.
    async fn key(
        &self,
        hash: &ApiKeyHash,
        now: Timestamp,
    ) -> Result<Option<Arc<KnownKey>>, StoreError>;

    /// The plan with this id; `None` when there is none that applies to this stage.
    ///
    /// # Errors
    /// [`StoreError`] when the store has to be asked and does not answer.
    async fn plan(
        &self,
        id: &PlanId,
        now: Timestamp,
    ) -> Result<Option<Arc<PlanInForce>>, StoreError>;
}
