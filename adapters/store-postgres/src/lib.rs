//! Usher's ports over `PostgreSQL`, 15 or newer.

mod connect;
mod connections;
mod error;
mod keys;
mod profiles;
mod usage;

pub use connect::{Pg, PgSettings};
pub use keys::PgKeyStore;
pub use profiles::PgProfileStore;
pub use usage::PgUsageStore;
