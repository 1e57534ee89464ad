//! Usher's ports over an embedded `SQLite` file.
//!
//! WAL, `synchronous = FULL`: what was answered with success is on the disk. One connection
//! writes, so that writers queue here, in order, and not in `SQLite`'s busy handler, which polls.

mod connect;
mod error;
mod keys;
mod profiles;
mod reads;
mod usage;

pub use connect::{Sqlite, SqliteSettings};
pub use keys::SqliteKeyStore;
pub use profiles::SqliteProfileStore;
pub use usage::SqliteUsageStore;
