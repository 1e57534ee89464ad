use std::{fmt, io, str::FromStr as _, time::Duration};

use futures_core::future::BoxFuture;
use sqlx::{
    ConnectOptions as _, Connection as _, PgConnection, SqlStr,
    migrate::{Migration, MigrationType, Migrator},
    postgres::PgConnectOptions,
};
use usher_domain::ports::{StoreError, StoreErrorKind};

use crate::{
    connections::Connections,
    error::{migration_error, store_error},
};

const MIGRATIONS: [(i64, &str, &str); 2] = [
    (
        1,
        "profiles",
        include_str!("../../../migrations/postgres/0001_profiles.sql"),
    ),
    (
        2,
        "usage",
        include_str!("../../../migrations/postgres/0002_usage.sql"),
    ),
];

/// A server that is starting is asked again so often.
const STARTING: Duration = Duration::from_millis(50);

/// Where the database is and how to use it.
#[derive(Clone)]
pub struct PgSettings {
    /// `postgres://user:password@host:port/database?…`, as libpq reads it. A secret.
    pub url: String,
    /// Bring the schema up to date at start. Otherwise an older schema stops the start.
    pub migrate: bool,
    /// How long one call may take, the wait for a connection included.
    pub timeout: Duration,
}

impl fmt::Debug for PgSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PgSettings")
            .field("migrate", &self.migrate)
            .finish_non_exhaustive()
    }
}

/// A pool of connections to a database whose schema is as this program knows it.
#[derive(Debug, Clone)]
pub struct Pg {
    pub(crate) pool: Connections,
}

impl Pg {
    /// Connects and looks at the schema.
    ///
    /// # Errors
    /// When the database cannot be reached, or its schema is older (without `migrate`) or newer
    /// than this program's.
    pub async fn open(settings: &PgSettings) -> Result<Self, StoreError> {
        let options = PgConnectOptions::from_str(&settings.url)
            // The driver's own message may repeat the URL, password and all.
            .map_err(|_| {
                StoreError::new(StoreErrorKind::Internal, "Postgres: the URL cannot be read")
            })?
            .application_name("usher")
            // The driver logs slow statements with their text; our own logs say what is needed.
            .disable_statement_logging();
        // A connection of its own: a change of the schema may take longer than a call.
        let connected = tokio::time::timeout(settings.timeout, connect(&options)).await;
        let mut connection = connected
            .unwrap_or(Err(sqlx::Error::PoolTimedOut))
            .map_err(|error| store_error("connect", error))?;
        let checked = check_schema(&mut connection, settings.migrate);
        if settings.migrate {
            checked.await?;
        } else {
            let checked = tokio::time::timeout(settings.timeout, checked).await;
            checked.map_err(|_| {
                let said = "Postgres: the schema's version was not answered in time";
                StoreError::new(StoreErrorKind::Unavailable, said)
            })??;
        }
        // It has done its work, whether it hears the goodbye or not.
        let _ = connection.close_hard().await;
        Ok(Self {
            pool: Connections::new(options, settings.timeout),
        })
    }

    /// Closes the connections that are idle, and each of the others when its call is over.
    pub fn close(&self) {
        self.pool.close();
    }
}

/// Connects, and waits for a server that is still starting.
async fn connect(options: &PgConnectOptions) -> Result<PgConnection, sqlx::Error> {
    loop {
        // In a box, as the compiler cannot see otherwise that it may be sent to another thread.
        let connected: BoxFuture<'_, _> = Box::pin(options.connect());
        match connected.await {
            Err(sqlx::Error::Io(error)) if error.kind() == io::ErrorKind::ConnectionRefused => {}
            // 57P03, cannot_connect_now.
            Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some("57P03") => {}
            connected => return connected,
        }
        tokio::time::sleep(STARTING).await;
    }
}

async fn run_migrations(
    migrator: &Migrator,
    connection: &mut PgConnection,
) -> Result<(), StoreError> {
    // Whoever changes the schema at the moment is waited for, and not for ever: a process may have
    // vanished together with its machine. That is when the database ends what it left open, too.
    let patience = "SET lock_timeout = '1min'; \
        SET idle_in_transaction_session_timeout = '1min'; SET tcp_keepalives_idle = 20; \
        SET tcp_keepalives_interval = 10; SET tcp_keepalives_count = 4";
    let set = sqlx::raw_sql(patience).execute(&mut *connection).await;
    set.map_err(|error| store_error("prepare for a change of the schema", error))?;
    let run = migrator.run_direct(None, connection, false);
    run.await.map_err(migration_error)
}

async fn check_schema(connection: &mut PgConnection, migrate: bool) -> Result<(), StoreError> {
    let migrator = Migrator::with_migrations(
        MIGRATIONS
            .iter()
            .map(|(version, description, sql)| {
                Migration::new(
                    *version,
                    (*description).into(),
                    MigrationType::Simple,
                    SqlStr::from_static(sql),
                    false,
                )
            })
            .collect(),
    );
    let applied: Result<i64, _> =
        sqlx::query_scalar("SELECT coalesce(max(version), 0) FROM _sqlx_migrations")
            .fetch_one(&mut *connection)
            .await;
    let applied = match applied {
        Ok(version) => version,
        // 42P01, undefined_table: a database that has never been migrated.
        Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some("42P01") => 0,
        Err(error) => return Err(store_error("read the schema's version", error)),
    };
    let newest = MIGRATIONS.len() as u64;
    match u64::try_from(applied).unwrap_or(0) {
        // Without the lock of those who change it, which others may hold.
        found if found == newest => Ok(()),
        _ if migrate => run_migrations(&migrator, connection).await,
        found => Err(StoreError::new(
            StoreErrorKind::Internal,
            format!(
                "the database's schema is version {found} and this program's is {newest}: run \
                 `usher migrate`, or set store.migrate = true, or use the program that made it"
            ),
        )),
    }
}
