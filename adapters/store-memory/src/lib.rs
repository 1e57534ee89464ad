//! Usher's ports in memory: for tests, for a first try, and for usage counts that one process keeps
//! for itself. Nothing survives the process.

mod keys;
mod profiles;
mod shards;
mod usage;

pub use keys::MemoryKeyStore;
pub use profiles::MemoryProfileStore;
pub use usage::MemoryUsageStore;
