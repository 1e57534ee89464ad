use sqlx::migrate::MigrateError;
use usher_domain::ports::{StoreError, StoreErrorKind};

/// What a driver's error means to a caller.
pub(crate) fn store_error(doing: &str, error: sqlx::Error) -> StoreError {
    StoreError::new(kind(&error), format!("Postgres: could not {doing}")).caused_by(error)
}

/// Whether an error is the connection's own, so that nothing more can be sent over it.
pub(crate) fn is_connections(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::WorkerCrashed => true,
        sqlx::Error::Database(database) => {
            let code = database.code().unwrap_or_default();
            // Connection exceptions; admin_shutdown, crash_shutdown, cannot_connect_now,
            // database_dropped, idle_session_timeout. 57014, query_canceled, ends a statement only.
            code.starts_with("08") || code.starts_with("57P") || code == "25P03"
        }
        _ => false,
    }
}

fn kind(error: &sqlx::Error) -> StoreErrorKind {
    match error {
        sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::WorkerCrashed => StoreErrorKind::Unavailable,
        sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => StoreErrorKind::Corrupt,
        sqlx::Error::Database(database) => {
            let code = database.code().unwrap_or_default();
            // The classes of SQLSTATE, PostgreSQL documentation, appendix A.
            match code.get(..2) {
                // Connection exceptions; operator intervention: shut down, crashed, starting up.
                Some("08" | "57") => StoreErrorKind::Unavailable,
                // Insufficient resources; serialization failures and deadlocks.
                Some("53" | "40") => StoreErrorKind::Overloaded,
                _ => StoreErrorKind::Internal,
            }
        }
        _ => StoreErrorKind::Internal,
    }
}

pub(crate) fn migration_error(error: MigrateError) -> StoreError {
    let found = match &error {
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => kind(error),
        _ => StoreErrorKind::Internal,
    };
    let advice = match &error {
        MigrateError::VersionMissing(_) => ": it was made by a newer usher; use that one",
        _ => "",
    };
    StoreError::new(
        found,
        format!("Postgres: the schema could not be brought up to date{advice}"),
    )
    .caused_by(error)
}
