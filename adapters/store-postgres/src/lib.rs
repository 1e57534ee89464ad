//! Usher's ports over `PostgreSQL`, 15 or newer.

mod connect;
mod error;
mod profiles;

pub use connect::{Pg, PgSettings};
pub use profiles::PgProfileStore;
