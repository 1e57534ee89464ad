//! A deadline around every call to a profile store, as a decorator of the port.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use usher_domain::{
    ports::{Deleted, Expected, ProfileStore, Put, StoreError, StoreErrorKind, StoredProfile},
    profile::Profile,
    user_id::UserId,
};

/// A store whose calls end in time. A write that did not may have been done.
pub(crate) struct WithDeadline {
    pub(crate) store: Arc<dyn ProfileStore>,
    pub(crate) timeout: Duration,
}

impl WithDeadline {
    async fn within<T>(
        &self,
        call: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        tokio::time::timeout(self.timeout, call)
            .await
            .unwrap_or_else(|_| {
                Err(StoreError::new(
                    StoreErrorKind::Unavailable,
                    "the store did not answer within store.timeout",
                ))
            })
    }
}

#[async_trait]
#[deny(
    clippy::missing_trait_methods,
    reason = "a decorator must not forget a method"
)]
impl ProfileStore for WithDeadline {
    async fn get(&self, id: &UserId) -> Result<Option<StoredProfile>, StoreError> {
        self.within(self.store.get(id)).await
    }

    async fn get_for_write(&self, id: &UserId) -> Result<Option<StoredProfile>, StoreError> {
        self.within(self.store.get_for_write(id)).await
    }

    async fn put(
        &self,
        id: &UserId,
        profile: &Profile,
        expected: &Expected,
    ) -> Result<Put, StoreError> {
        self.within(self.store.put(id, profile, expected)).await
    }

    async fn delete(&self, id: &UserId, expected: &Expected) -> Result<Deleted, StoreError> {
        self.within(self.store.delete(id, expected)).await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.within(self.store.ping()).await
    }
}
