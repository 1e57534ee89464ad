use std::{sync::Arc, time::Duration};

use usher_auth_jwt::JwtVerifier;
use usher_domain::{
    ports::{ProfileStore, StoreError},
    service::{ApiKeyPolicy, FrontDoor, ProfileRules, Profiles},
};
use usher_http::{AccessLog, App, Limits, Settings, Stack};
use usher_store_memory::{MemoryKeyStore, MemoryProfileStore, MemoryUsageStore};

use crate::{
    clock::SystemClock,
    config::{Config, StoreConfig, StoreUrl},
};

/// A deployment that could be opened.
#[derive(Debug)]
pub struct Deployment {
    /// Serves requests.
    pub stack: Stack,
}

/// What a deployment runs as.
#[derive(Debug, Clone)]
pub enum Role {
    /// A server of its own: deadlines and bounds are ours to keep.
    Server,
    /// `usher dev`: a server that also serves the development issuer's key set.
    Development {
        /// That key set, as JSON.
        jwks: String,
    },
    /// A Lambda function: the platform sends one request at a time and keeps the deadline.
    Lambda,
}

/// Why a deployment could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The store.
    #[error("the store cannot be used")]
    Store(#[from] StoreError),
    /// The binary was built without the adapter that the configuration names.
    #[error("this binary was built without the feature {0}, which store.url asks for")]
    NotBuilt(&'static str),
    /// The keys do not fit the plans; configuration that was read by [`Config::read`] does.
    #[error("the API keys do not fit the usage plans")]
    Keys,
}

impl Deployment {
    /// Opens the store, puts the services together, and the stack around them.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub async fn open(
        config: Config,
        role: &Role,
        log: Arc<dyn AccessLog>,
    ) -> Result<Self, OpenError> {
        let store = open_store(&config.store).await?;
        let keys = MemoryKeyStore::new(&config.usage.keys, &config.usage.plans)
            .map_err(|_| OpenError::Keys)?;
        let policy = if config.usage.api_key_required {
            ApiKeyPolicy::Required(config.api)
        } else {
            ApiKeyPolicy::Ignored
        };
        // A quarter of the places are enough for an issuer that changes its keys, and what is left
        // is enough for everybody else when it does not answer.
        let waiting = config.server.max_in_flight.div_ceil(4);
        let verifier = JwtVerifier::new(config.identity.issuers).waiting_at_most(waiting);
        let front_door = FrontDoor::new(
            Arc::new(verifier),
            Arc::new(keys),
            Arc::new(MemoryUsageStore::new()),
            policy,
        );
        let front_door = match config.identity.denied_subjects {
            Some(denied) => front_door.without(Arc::new(denied)),
            None => front_door,
        };
        let limits = match role {
            Role::Lambda => Limits {
                timeout: None,
                max_in_flight: None,
            },
            Role::Server | Role::Development { .. } => Limits {
                timeout: Some(config.server.request_timeout),
                max_in_flight: Some(config.server.max_in_flight),
            },
        };
        let settings = Settings {
            limits,
            cors: config.server.cors_origins,
            development_jwks: match role {
                Role::Development { jwks } => Some(jwks.clone()),
                Role::Server | Role::Lambda => None,
            },
        };
        let rules = ProfileRules {
            access: config.access,
            schema: config.profile.schema,
            max_bytes: config.profile.max_bytes,
            require_if_match: config.profile.require_if_match,
        };
        let profiles = Profiles::new(store, rules);
        let app = App::new(front_door, profiles, Arc::new(SystemClock), settings);
        Ok(Self {
            stack: Stack::new(app, log),
        })
    }
}

/// Brings the store's schema up to date and closes it again.
///
/// # Errors
/// See [`OpenError`].
pub async fn migrate(store: &StoreConfig) -> Result<(), OpenError> {
    // A schema is changed without a hurry: a lock that somebody else holds is waited for.
    let patient = StoreConfig {
        migrate: true,
        timeout: Duration::from_mins(5),
        ..store.clone()
    };
    open_store(&patient).await.map(drop)
}

#[cfg_attr(
    not(any(feature = "sqlite", feature = "postgres", feature = "dynamodb")),
    allow(clippy::unused_async, reason = "memory alone has nothing to wait for")
)]
async fn open_store(config: &StoreConfig) -> Result<Arc<dyn ProfileStore>, OpenError> {
    match &config.url {
        // Memory answers at once: a deadline around it would only cost time.
        StoreUrl::Memory => Ok(Arc::new(MemoryProfileStore::new())),
        #[cfg(feature = "sqlite")]
        StoreUrl::Sqlite(path) => {
            let settings = usher_store_sqlite::SqliteSettings {
                path: path.clone(),
                migrate: config.migrate,
                timeout: config.timeout,
            };
            let database = usher_store_sqlite::Sqlite::open(&settings).await?;
            Ok(within(
                usher_store_sqlite::SqliteProfileStore::new(database),
                config.timeout,
            ))
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
            Ok(within(
                usher_store_postgres::PgProfileStore::new(database),
                config.timeout,
            ))
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
            Ok(within(
                usher_store_dynamodb::DynamoProfileStore::new(database),
                config.timeout,
            ))
        }
        #[cfg(not(feature = "dynamodb"))]
        StoreUrl::Dynamo(_) => Err(OpenError::NotBuilt("dynamodb")),
    }
}

#[cfg(any(feature = "sqlite", feature = "postgres", feature = "dynamodb"))]
fn within(store: impl ProfileStore, timeout: Duration) -> Arc<dyn ProfileStore> {
    Arc::new(crate::deadline::WithDeadline {
        store: Arc::new(store),
        timeout,
    })
}
