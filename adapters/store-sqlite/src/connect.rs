use std::{
    ops::{Deref, DerefMut},
    path::PathBuf,
    time::Duration,
};

use sqlx::{
    Executor as _, Pool, SqlStr, SqliteConnection, SqlitePool,
    migrate::{Migration, MigrationType, Migrator},
    pool::PoolConnection,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use tokio::time::Instant;
use usher_domain::ports::{StoreError, StoreErrorKind};

use crate::error::{migration_error, store_error};

const MIGRATIONS: [(i64, &str, &str); 3] = [
    (
        1,
        "profiles",
        include_str!("../../../migrations/sqlite/0001_profiles.sql"),
    ),
    (
        2,
        "usage",
        include_str!("../../../migrations/sqlite/0002_usage.sql"),
    ),
    (
        3,
        "digest",
        include_str!("../../../migrations/sqlite/0003_digest.sql"),
    ),
];

pub(crate) const READERS: u32 = 4;

/// Where the file is and how to use it.
#[derive(Debug, Clone)]
pub struct SqliteSettings {
    /// The database file; created if it is not there.
    pub path: PathBuf,
    /// Bring the schema up to date at start. Otherwise an older schema stops the start.
    pub migrate: bool,
    /// How long one call may wait for a connection or a lock.
    pub timeout: Duration,
}

/// An open database, its schema as this program knows it.
#[derive(Debug, Clone)]
pub struct Sqlite {
    pub(crate) readers: SqlitePool,
    pub(crate) writer: SqlitePool,
}

impl Sqlite {
    /// Opens the file and looks at its schema.
    ///
    /// # Errors
    /// When the file cannot be opened, or its schema is older (without `migrate`) or newer than
    /// this program's.
    pub async fn open(settings: &SqliteSettings) -> Result<Self, StoreError> {
        let options = SqliteConnectOptions::new()
            .filename(&settings.path)
            .create_if_missing(settings.migrate)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(settings.timeout)
            .foreign_keys(true);
        let pool = |connections: u32| {
            SqlitePoolOptions::new()
                .max_connections(connections)
                .acquire_timeout(settings.timeout)
                .idle_timeout(None)
                .max_lifetime(None)
                // A connection to a file does not go away: asking it before every use is waste.
                .test_before_acquire(false)
                .connect_with(options.clone())
        };
        let opening = |error| store_error("open the SQLite file", error);
        let started = Instant::now();
        // A new file is turned to WAL by whoever opens it first. For that SQLite does not wait:
        // another process that starts at the same moment is told at once that it is locked.
        let writer = loop {
            match pool(1).await.map_err(opening) {
                Err(error)
                    if error.kind() == StoreErrorKind::Overloaded
                        && started.elapsed() < settings.timeout =>
                {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
                opened => break opened?,
            }
        };
        check_schema(&writer, settings.migrate).await?;
        let readers = pool(READERS).await.map_err(opening)?;
        Ok(Self { readers, writer })
    }

    /// A transaction beside which nobody else writes, and which does not fail half-way because somebody
    /// did so while it only read.
    pub(crate) async fn alone(&self) -> Result<Alone, sqlx::Error> {
        let mut connection = self.writer.acquire().await?;
        connection.execute("BEGIN IMMEDIATE").await?;
        Ok(Alone {
            connection: Some(connection),
        })
    }

    /// Waits for what is running and closes the file.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}

/// A transaction, undone when it is dropped.
///
/// Not sqlx's own: on a disk that is full SQLite undoes a transaction by itself, the driver fails to undo it once
/// more, holds it for open ever after, and begins no other over this connection, which is the only one that writes.
pub(crate) struct Alone {
    connection: Option<PoolConnection<sqlx::Sqlite>>,
}

impl Alone {
    pub(crate) async fn commit(mut self) -> Result<(), sqlx::Error> {
        self.execute("COMMIT").await?;
        self.connection = None;
        Ok(())
    }
}

impl Deref for Alone {
    type Target = SqliteConnection;

    #[allow(clippy::expect_used, reason = "only what consumes it takes it out")]
    fn deref(&self) -> &SqliteConnection {
        self.connection.as_ref().expect("a connection")
    }
}

impl DerefMut for Alone {
    #[allow(clippy::expect_used, reason = "only what consumes it takes it out")]
    fn deref_mut(&mut self) -> &mut SqliteConnection {
        self.connection.as_mut().expect("a connection")
    }
}

impl Drop for Alone {
    fn drop(&mut self) {
        if let Some(connection) = &mut self.connection {
            // Whatever state it is in, the next one is in a good one.
            connection.close_on_drop();
        }
    }
}

async fn check_schema(writer: &Pool<sqlx::Sqlite>, migrate: bool) -> Result<(), StoreError> {
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
    if migrate {
        // sqlx takes no lock of its own on SQLite: without this one, two processes that start at
        // once would both find a step missing, and the second would fail to add it.
        let locking = |error| store_error("lock the file for its schema", error);
        let mut alone = writer
            .begin_with("BEGIN IMMEDIATE")
            .await
            .map_err(locking)?;
        let migrated = migrator.run_direct(None, &mut *alone, false).await;
        migrated.map_err(migration_error)?;
        return alone.commit().await.map_err(locking);
    }
    let applied: Result<i64, _> =
        sqlx::query_scalar("SELECT coalesce(max(version), 0) FROM _sqlx_migrations")
            .fetch_one(writer)
            .await;
    let applied = match applied {
        Ok(version) => version,
        // A database that has never been migrated has no such table.
        Err(sqlx::Error::Database(error)) if error.message().starts_with("no such table") => 0,
        Err(error) => return Err(store_error("read the schema's version", error)),
    };
    let newest = MIGRATIONS.len() as u64;
    match u64::try_from(applied).unwrap_or(0) {
        found if found == newest => Ok(()),
        found => Err(StoreError::new(
            StoreErrorKind::Internal,
            format!(
                "the database's schema is version {found} and this program's is {newest}: run \
                 `usher migrate`, or set store.migrate = true, or use the program that made it"
            ),
        )),
    }
}
