use std::{
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use usher_domain::{
    ports::{Applied, Change, Digest, ImportEntry, KeyPage, KeyStore, Revision, StoreError},
    usage::{
        api_key::{ApiKey, ApiKeyHash, ApiKeyId},
        plan::UsagePlan,
    },
};

use super::ControlStores;

type Others = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Between which two calls somebody else comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Before {
    /// The first look for a secret.
    Find,
    /// The first list of keys.
    Keys,
}

/// A key store that somebody else changes just then: what was read before and what is read after are of
/// two revisions.
struct Overtaken {
    store: Arc<dyn KeyStore>,
    before: Before,
    others: Mutex<Option<Others>>,
}

/// The same stores, but that others come before that call.
pub(super) fn overtaken(
    stores: &ControlStores,
    before: Before,
    others: impl Future<Output = ()> + Send + 'static,
) -> ControlStores {
    let keys = Overtaken {
        store: Arc::clone(&stores.keys),
        before,
        others: Mutex::new(Some(Box::pin(others))),
    };
    ControlStores {
        keys: Arc::new(keys),
        usage: Arc::clone(&stores.usage),
    }
}

impl Overtaken {
    async fn reached(&self, call: Before) {
        if call == self.before {
            let others = {
                let mut others = self.others.lock().unwrap_or_else(PoisonError::into_inner);
                others.take()
            };
            if let Some(others) = others {
                others.await;
            }
        }
    }
}

#[async_trait]
impl KeyStore for Overtaken {
    async fn revision(&self) -> Result<Revision, StoreError> {
        self.store.revision().await
    }

    async fn plans(&self) -> Result<Vec<UsagePlan>, StoreError> {
        self.store.plans().await
    }

    async fn find(&self, hash: &ApiKeyHash) -> Result<Option<ApiKey>, StoreError> {
        self.reached(Before::Find).await;
        self.store.find(hash).await
    }

    async fn key(&self, id: &ApiKeyId) -> Result<Option<ApiKey>, StoreError> {
        self.store.key(id).await
    }

    async fn keys(&self, page: &KeyPage) -> Result<Vec<ApiKey>, StoreError> {
        self.reached(Before::Keys).await;
        self.store.keys(page).await
    }

    async fn imported(&self, entries: &[ImportEntry]) -> Result<Vec<Option<Digest>>, StoreError> {
        self.store.imported(entries).await
    }

    async fn apply(&self, changes: &[Change], expected: Revision) -> Result<Applied, StoreError> {
        self.store.apply(changes, expected).await
    }
}
