//! Stores that nobody has used yet.

use std::path::Path;

use usher_testkit::containers::{self, unique_name};

/// Where profiles are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Store {
    Memory,
    Sqlite,
    Postgres,
    Dynamodb,
}

impl Store {
    /// The URL of a fresh store.
    pub(crate) async fn fresh(self, folder: &Path) -> String {
        match self {
            Self::Memory => "memory:".to_owned(),
            Self::Sqlite => format!("sqlite:{}", folder.join("usher.db").display()),
            Self::Postgres => containers::postgres_database().await,
            Self::Dynamodb => {
                let (table, endpoint) = (unique_name("profiles"), containers::dynamodb().await);
                let control = unique_name("control");
                format!("dynamodb://{table}?region=eu-west-1&control={control}&endpoint={endpoint}")
            }
        }
    }

    /// Gives back what a fresh store took: a database of `PostgreSQL` is several megabytes of disk,
    /// and a run makes a hundred. Tables of `DynamoDB` Local are in memory and next to nothing.
    pub(crate) async fn discard(self, url: &str) {
        use sqlx::{Connection as _, Executor as _};

        if self == Self::Postgres {
            let (server, name) = url.rsplit_once('/').expect("a database");
            let connection = sqlx::PgConnection::connect(&format!("{server}/postgres")).await;
            let mut connection = connection.expect("PostgreSQL answers");
            let statement = format!("DROP DATABASE {name} WITH (FORCE)");
            let dropped = connection.execute(sqlx::AssertSqlSafe(statement)).await;
            dropped.expect("the database is dropped");
        }
    }
}
