//! A deadline around every call to a store, as a decorator of its port.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use usher_domain::{
    ports::{
        Applied, Change, Deleted, Digest, Expected, ImportEntry, KeyPage, KeyStore, ProfileStore,
        Put, Revision, StoreError, StoreErrorKind, StoredProfile,
    },
    profile::Profile,
    usage::{
        api_key::{ApiKey, ApiKeyHash, ApiKeyId},
        plan::UsagePlan,
    },
    user_id::UserId,
};

/// A store whose calls end in time. A write that did not may have been done.
pub(crate) struct WithDeadline<S: ?Sized> {
    pub(crate) timeout: Duration,
    pub(crate) store: Arc<S>,
}

impl<S: ?Sized> WithDeadline<S> {
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
impl ProfileStore for WithDeadline<dyn ProfileStore> {
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

#[async_trait]
#[deny(
    clippy::missing_trait_methods,
    reason = "a decorator must not forget a method"
)]
impl KeyStore for WithDeadline<dyn KeyStore> {
    async fn revision(&self) -> Result<Revision, StoreError> {
        self.within(self.store.revision()).await
    }

    async fn plans(&self) -> Result<Vec<UsagePlan>, StoreError> {
        self.within(self.store.plans()).await
    }

    async fn find(&self, hash: &ApiKeyHash) -> Result<Option<ApiKey>, StoreError> {
        self.within(self.store.find(hash)).await
    }

    async fn key(&self, id: &ApiKeyId) -> Result<Option<ApiKey>, StoreError> {
        self.within(self.store.key(id)).await
    }

    async fn keys(&self, page: &KeyPage) -> Result<Vec<ApiKey>, StoreError> {
        self.within(self.store.keys(page)).await
    }

    async fn imported(&self, entries: &[ImportEntry]) -> Result<Vec<Option<Digest>>, StoreError> {
        self.within(self.store.imported(entries)).await
    }

    async fn apply(&self, changes: &[Change], expected: Revision) -> Result<Applied, StoreError> {
        self.within(self.store.apply(changes, expected)).await
    }
}
