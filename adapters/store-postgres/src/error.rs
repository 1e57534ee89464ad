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
            // database_dropped, idle_in_transaction_session_timeout, idle_session_timeout. 57014,
            // query_canceled, ends a statement only.
            let has_ended = code.starts_with("08") || code.starts_with("57P") || code == "25P03";
            has_ended || is_of_another_time(&code)
        }
        _ => false,
    }
}

/// A connection that works and is not what it was made for: to a server that is a replica since a
/// failover (`read_only_sql_transaction`), or with statements from before a change of the schema
/// (`feature_not_supported`: a cached plan must not change its result type).
fn is_of_another_time(code: &str) -> bool {
    matches!(code, "25006" | "0A000")
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
            if is_of_another_time(&code) {
                return StoreErrorKind::Unavailable;
            }
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

/// `lock_not_available`
fn is_locked(error: &sqlx::Error) -> bool {
    let database = error.as_database_error();
    database
        .and_then(sqlx::error::DatabaseError::code)
        .as_deref()
        == Some("55P03")
}

pub(crate) fn migration_error(error: MigrateError) -> StoreError {
    let found = match &error {
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => {
            if is_locked(error) {
                StoreErrorKind::Overloaded
            } else {
                kind(error)
            }
        }
        _ => StoreErrorKind::Internal,
    };
    let advice = match &error {
        MigrateError::VersionMissing(_) => ": it was made by a newer usher; use that one",
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _)
            if is_locked(error) =>
        {
            ": another process has been changing it for a minute"
        }
        _ => "",
    };
    StoreError::new(
        found,
        format!("Postgres: the schema could not be brought up to date{advice}"),
    )
    .caused_by(error)
}
