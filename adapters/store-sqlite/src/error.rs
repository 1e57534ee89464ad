use std::sync::Arc;

use sqlx::migrate::MigrateError;
use usher_domain::ports::{StoreError, StoreErrorKind};

/// What a driver's error means to a caller.
pub(crate) fn store_error(doing: &str, error: impl Into<Arc<sqlx::Error>>) -> StoreError {
    let error = error.into();
    let kind = match &*error {
        sqlx::Error::PoolTimedOut => StoreErrorKind::Overloaded,
        sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed | sqlx::Error::Io(_) => {
            StoreErrorKind::Unavailable
        }
        sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => StoreErrorKind::Corrupt,
        sqlx::Error::Database(database) => match database.code().as_deref().map(primary_code) {
            // SQLITE_BUSY and SQLITE_LOCKED: somebody else has the file.
            Some(Some(5 | 6)) => StoreErrorKind::Overloaded,
            // SQLITE_IOERR, SQLITE_FULL, SQLITE_CANTOPEN.
            Some(Some(10 | 13 | 14)) => StoreErrorKind::Unavailable,
            // SQLITE_CORRUPT and SQLITE_NOTADB.
            Some(Some(11 | 26)) => StoreErrorKind::Corrupt,
            _ => StoreErrorKind::Internal,
        },
        _ => StoreErrorKind::Internal,
    };
    StoreError::new(kind, format!("SQLite: could not {doing}")).caused_by(error)
}

/// The low byte of an extended result code is the primary one.
fn primary_code(code: &str) -> Option<u32> {
    code.parse::<u32>().ok().map(|code| code & 0xff)
}

pub(crate) fn migration_error(error: MigrateError) -> StoreError {
    let kind = match &error {
        MigrateError::Execute(sqlx::Error::PoolTimedOut | sqlx::Error::Io(_)) => {
            StoreErrorKind::Unavailable
        }
        _ => StoreErrorKind::Internal,
    };
    let advice = match &error {
        MigrateError::VersionMissing(_) => ": it was made by a newer usher; use that one",
        _ => "",
    };
    StoreError::new(
        kind,
        format!("SQLite: the schema could not be brought up to date{advice}"),
    )
    .caused_by(error)
}
