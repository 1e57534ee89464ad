//! Opens what the configuration names.

#[cfg(any(feature = "sqlite", feature = "postgres", feature = "dynamodb"))]
use std::time::Duration;
use std::{path::Path, sync::Arc};

use usher_domain::ports::{KeyStore, ProfileStore, UsageStore};
use usher_store_memory::{MemoryKeyStore, MemoryProfileStore, MemoryUsageStore};

use crate::{
    config::{ControlConfig, StoreConfig, StoreUrl, UsageStoreConfig},
    database::{Database, usage_alone},
    deployment::OpenError,
};

/// The stores of a deployment.
pub(crate) struct Stores {
    pub(crate) profiles: Arc<dyn ProfileStore>,
    pub(crate) keys: Arc<dyn KeyStore>,
    pub(crate) usage: Arc<dyn UsageStore>,
}

/// Plans and keys, and what was spent.
pub(crate) type Usage = (Arc<dyn KeyStore>, Arc<dyn UsageStore>);

impl Stores {
    /// Opens all stores; a database that is named twice is opened once.
    pub(crate) async fn open(
        profiles: &StoreConfig,
        usage: &UsageStoreConfig,
    ) -> Result<Self, OpenError> {
        let database = Database::open(profiles).await?;
        let (keys, usage) = match (usage, &database) {
            (UsageStoreConfig::Memory, _) | (UsageStoreConfig::Profiles, None) => in_memory(),
            (UsageStoreConfig::Profiles, Some(database)) => {
                database.usage(profiles.timeout).await?
            }
            // Two names of one file, or two writers would fight for it.
            (UsageStoreConfig::Elsewhere(url), Some(database)) if is_same(url, &profiles.url) => {
                database.usage(profiles.timeout).await?
            }
            (UsageStoreConfig::Elsewhere(url), _) => elsewhere(url, profiles).await?,
        };
        let profiles: Arc<dyn ProfileStore> = match database {
            None => Arc::new(MemoryProfileStore::new()),
            Some(database) => database.profiles(profiles.timeout),
        };
        Ok(Self {
            profiles,
            keys,
            usage,
        })
    }

    /// Opens plans, keys and usage alone; `None` when they are in a server's memory.
    pub(crate) async fn open_usage(config: &ControlConfig) -> Result<Option<Usage>, OpenError> {
        let url = match &config.usage_store {
            UsageStoreConfig::Memory => return Ok(None),
            UsageStoreConfig::Profiles => &config.store.url,
            UsageStoreConfig::Elsewhere(url) => url,
        };
        // Whoever is in the wrong place must not find a new and empty database in place of what is
        // missing. A file that is there is brought up to date as the configuration says.
        let migrate = match url {
            StoreUrl::Sqlite(path) if !path.exists() => {
                return Err(OpenError::Unfit(format!(
                    "{} is not there: is this the right folder, or the right usage.store or \
                     store.url? `usher migrate` makes a new file",
                    path.display()
                )));
            }
            StoreUrl::Sqlite(_) => config.store.migrate,
            _ => false,
        };
        let store = StoreConfig {
            migrate,
            ..config.store.clone()
        };
        elsewhere(url, &store).await.map(Some)
    }
}

/// Usage in a database of its own.
async fn elsewhere(url: &StoreUrl, like: &StoreConfig) -> Result<Usage, OpenError> {
    let config = StoreConfig {
        url: url.clone(),
        ..like.clone()
    };
    Ok(usage_alone(&config).await?.unwrap_or_else(in_memory))
}

fn is_same(one: &StoreUrl, other: &StoreUrl) -> bool {
    let (StoreUrl::Sqlite(one), StoreUrl::Sqlite(other)) = (one, other) else {
        return one == other;
    };
    let real = |path: &Path| std::fs::canonicalize(path).ok();
    real(one).is_some() && real(one) == real(other)
}

fn in_memory() -> Usage {
    // Memory answers at once: a deadline around it would only cost time.
    (
        Arc::new(MemoryKeyStore::new()),
        Arc::new(MemoryUsageStore::new()),
    )
}

/// The ports of usage, calls of the first within a deadline.
#[cfg(any(feature = "sqlite", feature = "postgres", feature = "dynamodb"))]
pub(crate) fn usage(keys: impl KeyStore, usage: impl UsageStore, timeout: Duration) -> Usage {
    let store: Arc<dyn KeyStore> = Arc::new(keys);
    // The pacer has a deadline for those who wait, and hears the usage store's answer to the end.
    (
        Arc::new(crate::deadline::WithDeadline::new(store, timeout)),
        Arc::new(usage),
    )
}

/// The port of profiles within a deadline.
#[cfg(any(feature = "sqlite", feature = "postgres", feature = "dynamodb"))]
pub(crate) fn profiles(store: impl ProfileStore, timeout: Duration) -> Arc<dyn ProfileStore> {
    let store: Arc<dyn ProfileStore> = Arc::new(store);
    Arc::new(crate::deadline::WithDeadline::new(store, timeout))
}
