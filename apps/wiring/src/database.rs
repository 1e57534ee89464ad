//! The databases that this binary was built with.

#![cfg_attr(
    not(any(feature = "sqlite", feature = "postgres", feature = "dynamodb")),
    allow(unused_variables, reason = "there is nothing to be done with any")
)]

use std::{sync::Arc, time::Duration};

use usher_domain::ports::ProfileStore;
#[cfg(feature = "dynamodb")]
use usher_store_dynamodb::{
    Dynamo, DynamoControl, DynamoKeyStore, DynamoProfileStore, DynamoSettings, DynamoUsageStore,
};
#[cfg(feature = "postgres")]
use usher_store_postgres::{Pg, PgKeyStore, PgProfileStore, PgSettings, PgUsageStore};
#[cfg(feature = "sqlite")]
use usher_store_sqlite::{
    Sqlite, SqliteKeyStore, SqliteProfileStore, SqliteSettings, SqliteUsageStore,
};

#[cfg(feature = "dynamodb")]
use crate::config::DynamoConfig;
#[cfg(any(feature = "sqlite", feature = "postgres", feature = "dynamodb"))]
use crate::stores;
use crate::{
    config::{StoreConfig, StoreUrl},
    deployment::OpenError,
    stores::Usage,
};

/// An open database, its schema as this program knows it.
pub(crate) enum Database {
    #[cfg(feature = "sqlite")]
    Sqlite(Sqlite),
    #[cfg(feature = "postgres")]
    Postgres(Pg),
    #[cfg(feature = "dynamodb")]
    Dynamo(Dynamo, DynamoSettings),
}

impl Database {
    /// Opens the one that profiles are in; `None` for memory.
    #[cfg_attr(
        not(any(feature = "sqlite", feature = "postgres", feature = "dynamodb")),
        allow(clippy::unused_async, reason = "memory alone has nothing to wait for")
    )]
    pub(crate) async fn open(config: &StoreConfig) -> Result<Option<Self>, OpenError> {
        match &config.url {
            StoreUrl::Memory => Ok(None),
            #[cfg(feature = "sqlite")]
            StoreUrl::Sqlite(path) => {
                let settings = SqliteSettings {
                    path: path.clone(),
                    migrate: config.migrate,
                    timeout: config.timeout,
                };
                Ok(Some(Self::Sqlite(Sqlite::open(&settings).await?)))
            }
            #[cfg(not(feature = "sqlite"))]
            StoreUrl::Sqlite(_) => Err(OpenError::NotBuilt("sqlite")),
            #[cfg(feature = "postgres")]
            StoreUrl::Postgres(url) => {
                let settings = PgSettings {
                    url: secrecy::ExposeSecret::expose_secret(url).to_owned(),
                    migrate: config.migrate,
                    timeout: config.timeout,
                };
                Ok(Some(Self::Postgres(Pg::open(&settings).await?)))
            }
            #[cfg(not(feature = "postgres"))]
            StoreUrl::Postgres(_) => Err(OpenError::NotBuilt("postgres")),
            #[cfg(feature = "dynamodb")]
            StoreUrl::Dynamo(dynamo) => {
                let settings = settings(dynamo, config);
                let dynamo = Dynamo::open(&settings).await?;
                Ok(Some(Self::Dynamo(dynamo, settings)))
            }
            #[cfg(not(feature = "dynamodb"))]
            StoreUrl::Dynamo(_) => Err(OpenError::NotBuilt("dynamodb")),
        }
    }

    /// Profiles in it.
    pub(crate) fn profiles(self, timeout: Duration) -> Arc<dyn ProfileStore> {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite(file) => stores::profiles(SqliteProfileStore::new(file), timeout),
            #[cfg(feature = "postgres")]
            Self::Postgres(database) => stores::profiles(PgProfileStore::new(database), timeout),
            #[cfg(feature = "dynamodb")]
            Self::Dynamo(dynamo, _) => stores::profiles(DynamoProfileStore::new(dynamo), timeout),
        }
    }

    /// Plans, keys and what was spent in it.
    #[cfg_attr(
        not(feature = "dynamodb"),
        allow(
            clippy::unused_async,
            reason = "DynamoDB alone has another table to open"
        )
    )]
    pub(crate) async fn usage(&self, timeout: Duration) -> Result<Usage, OpenError> {
        // By place, so that there is nothing to match in a binary without any database.
        match *self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite(ref file) => {
                let keys = SqliteKeyStore::new(file.clone());
                let usage = SqliteUsageStore::new(file.clone());
                Ok(stores::usage(keys, usage, timeout))
            }
            #[cfg(feature = "postgres")]
            Self::Postgres(ref database) => {
                let keys = PgKeyStore::new(database.clone());
                let usage = PgUsageStore::new(database.clone());
                Ok(stores::usage(keys, usage, timeout))
            }
            #[cfg(feature = "dynamodb")]
            Self::Dynamo(ref dynamo, ref settings) => {
                let control = dynamo.control(settings).await?;
                Ok(in_control(control, timeout))
            }
        }
    }
}

/// Plans, keys and what was spent in a database that no profiles are in; `None` for memory.
pub(crate) async fn usage_alone(config: &StoreConfig) -> Result<Option<Usage>, OpenError> {
    #[cfg(feature = "dynamodb")]
    if let StoreUrl::Dynamo(dynamo) = &config.url {
        let control = DynamoControl::open(&settings(dynamo, config)).await?;
        return Ok(Some(in_control(control, config.timeout)));
    }
    match Database::open(config).await? {
        None => Ok(None),
        Some(database) => database.usage(config.timeout).await.map(Some),
    }
}

#[cfg(feature = "dynamodb")]
fn settings(dynamo: &DynamoConfig, config: &StoreConfig) -> DynamoSettings {
    DynamoSettings {
        table: dynamo.table.clone(),
        control: dynamo.control.clone(),
        region: dynamo.region.clone(),
        endpoint: dynamo.endpoint.clone(),
        migrate: config.migrate,
        timeout: config.timeout,
        consistent_reads: config.consistent_reads,
    }
}

#[cfg(feature = "dynamodb")]
fn in_control(control: DynamoControl, timeout: Duration) -> Usage {
    let keys = DynamoKeyStore::new(control.clone());
    stores::usage(keys, DynamoUsageStore::new(control), timeout)
}
