//! Opens what the configuration names.

use std::{path::Path, sync::Arc, time::Duration};

use usher_domain::ports::{KeyStore, ProfileStore, UsageStore};
use usher_store_memory::{MemoryKeyStore, MemoryProfileStore, MemoryUsageStore};

use crate::{
    config::{ControlConfig, StoreConfig, StoreUrl, UsageStoreConfig},
    deployment::OpenError,
};

/// The stores of a deployment.
pub(crate) struct Stores {
    pub(crate) profiles: Arc<dyn ProfileStore>,
    pub(crate) keys: Arc<dyn KeyStore>,
    pub(crate) usage: Arc<dyn UsageStore>,
}

/// Plans and keys, and what was spent.
type Usage = (Arc<dyn KeyStore>, Arc<dyn UsageStore>);

impl Stores {
    /// Opens all stores; a file that is named twice is opened once.
    pub(crate) async fn open(
        profiles: &StoreConfig,
        usage: &UsageStoreConfig,
    ) -> Result<Self, OpenError> {
        let (opened, file) = open(profiles).await?;
        let (keys, usage) = match usage {
            UsageStoreConfig::Memory => in_memory(),
            UsageStoreConfig::Profiles => match file {
                Some(file) => file.usage(profiles.timeout),
                None => in_memory(),
            },
            // Two names of one file, or two writers would fight for it.
            UsageStoreConfig::Sqlite(path) => match file {
                Some(file) if is_same(path, &profiles.url) => file.usage(profiles.timeout),
                _ => {
                    let file = File::open(path, profiles).await?;
                    file.usage(profiles.timeout)
                }
            },
        };
        Ok(Self {
            profiles: opened,
            keys,
            usage,
        })
    }

    /// Opens plans, keys and usage alone; `None` when they are in a server's memory.
    pub(crate) async fn open_usage(config: &ControlConfig) -> Result<Option<Usage>, OpenError> {
        let ((UsageStoreConfig::Sqlite(path), _)
        | (UsageStoreConfig::Profiles, StoreUrl::Sqlite(path))) =
            (&config.usage_store, &config.store.url)
        else {
            return Ok(None);
        };
        // Whoever is in the wrong folder must not find an empty file in place of what is missing.
        if !path.exists() {
            return Err(OpenError::Unfit(format!(
                "{} is not there: is this the right folder, or the right usage.store or store.url? \
                 `usher migrate` makes a new file",
                path.display()
            )));
        }
        let file = File::open(path, &config.store).await?;
        Ok(Some(file.usage(config.store.timeout)))
    }
}

fn is_same(path: &Path, url: &StoreUrl) -> bool {
    let StoreUrl::Sqlite(other) = url else {
        return false;
    };
    let real = |path: &Path| std::fs::canonicalize(path).ok();
    real(path).is_some() && real(path) == real(other)
}

fn in_memory() -> Usage {
    // Memory answers at once: a deadline around it would only cost time.
    (
        Arc::new(MemoryKeyStore::new()),
        Arc::new(MemoryUsageStore::new()),
    )
}

/// An open `SQLite` file.
#[cfg(feature = "sqlite")]
struct File(usher_store_sqlite::Sqlite);

#[cfg(feature = "sqlite")]
impl File {
    async fn open(path: &Path, config: &StoreConfig) -> Result<Self, OpenError> {
        let settings = usher_store_sqlite::SqliteSettings {
            path: path.to_owned(),
            migrate: config.migrate,
            timeout: config.timeout,
        };
        Ok(Self(usher_store_sqlite::Sqlite::open(&settings).await?))
    }

    fn usage(self, timeout: Duration) -> Usage {
        use crate::deadline::WithDeadline;
        let keys: Arc<dyn KeyStore> =
            Arc::new(usher_store_sqlite::SqliteKeyStore::new(self.0.clone()));
        let usage: Arc<dyn UsageStore> =
            Arc::new(usher_store_sqlite::SqliteUsageStore::new(self.0));
        (
            Arc::new(WithDeadline::new(keys, timeout)),
            // The pacer has a deadline for those who wait, and hears the answer to the end.
            usage,
        )
    }
}

/// There is none in a binary that was built without `SQLite`.
#[cfg(not(feature = "sqlite"))]
enum File {}

#[cfg(not(feature = "sqlite"))]
impl File {
    #[allow(clippy::unused_async, reason = "as with the feature")]
    async fn open(_: &Path, _: &StoreConfig) -> Result<Self, OpenError> {
        Err(OpenError::NotBuilt("sqlite"))
    }

    fn usage(self, _: Duration) -> Usage {
        match self {}
    }
}

/// The store of profiles, and the file that it is in, if it is one.
#[cfg_attr(
    not(any(feature = "sqlite", feature = "postgres", feature = "dynamodb")),
    allow(clippy::unused_async, reason = "memory alone has nothing to wait for")
)]
async fn open(config: &StoreConfig) -> Result<(Arc<dyn ProfileStore>, Option<File>), OpenError> {
    match &config.url {
        StoreUrl::Memory => Ok((Arc::new(MemoryProfileStore::new()), None)),
        #[cfg(feature = "sqlite")]
        StoreUrl::Sqlite(path) => {
            let file = File::open(path, config).await?;
            let profiles = usher_store_sqlite::SqliteProfileStore::new(file.0.clone());
            Ok((within(profiles, config.timeout), Some(file)))
        }
        #[cfg(not(feature = "sqlite"))]
        StoreUrl::Sqlite(_) => Err(OpenError::NotBuilt("sqlite")),
        #[cfg(feature = "postgres")]
        StoreUrl::Postgres(url) => {
            let settings = usher_store_postgres::PgSettings {
                url: secrecy::ExposeSecret::expose_secret(url).to_owned(),
                migrate: config.migrate,
                timeout: config.timeout,
            };
            let database = usher_store_postgres::Pg::open(&settings).await?;
            let profiles = usher_store_postgres::PgProfileStore::new(database);
            Ok((within(profiles, config.timeout), None))
        }
        #[cfg(not(feature = "postgres"))]
        StoreUrl::Postgres(_) => Err(OpenError::NotBuilt("postgres")),
        #[cfg(feature = "dynamodb")]
        StoreUrl::Dynamo(dynamo) => {
            let settings = usher_store_dynamodb::DynamoSettings {
                table: dynamo.table.clone(),
                region: dynamo.region.clone(),
                endpoint: dynamo.endpoint.clone(),
                migrate: config.migrate,
                timeout: config.timeout,
                consistent_reads: config.consistent_reads,
            };
            let database = usher_store_dynamodb::Dynamo::open(&settings).await?;
            let profiles = usher_store_dynamodb::DynamoProfileStore::new(database);
            Ok((within(profiles, config.timeout), None))
        }
        #[cfg(not(feature = "dynamodb"))]
        StoreUrl::Dynamo(_) => Err(OpenError::NotBuilt("dynamodb")),
    }
}

#[cfg(any(feature = "sqlite", feature = "postgres", feature = "dynamodb"))]
fn within(store: impl ProfileStore, timeout: Duration) -> Arc<dyn ProfileStore> {
    let store: Arc<dyn ProfileStore> = Arc::new(store);
    Arc::new(crate::deadline::WithDeadline::new(store, timeout))
}
