//! What one process knows of API keys and spends of usage plans, so that a known key costs no call to
//! a store.
//!
//! [`LocalPacer`] keeps the token buckets and draws on quotas that it takes from a usage store a few
//! calls at a time; [`KeyCache`] keeps the keys and plans of a key store and asks it every second or
//! two whether anything was changed.

mod buckets;
mod desk;
mod directory;
mod pacer;

pub use directory::KeyCache;
pub use pacer::{LocalPacer, PacerSettings};
