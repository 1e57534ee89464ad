use std::sync::Arc;

use async_trait::async_trait;

use super::StoreError;
use crate::usage::{api_key::ApiKeyHash, membership::KeyEntry};

/// Which API keys there are, and which plans they belong to.
#[async_trait]
pub trait KeyStore: Send + Sync + 'static {
    /// The key with this hash, joined with its plans; `None` when it is not known. A disabled key
    /// is found, and says that it is disabled.
    ///
    /// # Errors
    /// [`StoreError`] when the store does not answer. An unknown key is no error.
    async fn find(&self, hash: &ApiKeyHash) -> Result<Option<Arc<KeyEntry>>, StoreError>;
}
