//! Usher's ports over `DynamoDB`.
//!
//! A profile is an item of its own: key `userId`, attributes flat beside it in `DynamoDB`'s own
//! types, as the article's Python handler reads and writes them. What Usher adds is one attribute,
//! `_usher`, with the version that makes writes conditional.
//!
//! An item may be another program's too: without `_usher`, with attributes of its own or with types
//! that JSON does not have. Such an item is never replaced whole: what is written changes the
//! attributes that it touches, and keeps their types or is refused (`merge`).
//!
//! Plans, keys and what was spent are in a table of their own, the control table.

mod account_items;
mod account_list;
mod account_updates;
mod attributes;
mod changes;
mod condition;
mod connect;
mod control;
mod error;
mod http_client;
mod item;
mod key_items;
mod keys;
mod merge;
mod origins;
mod profiles;
#[cfg(test)]
mod properties;
mod table;
mod trust;
mod update;
mod usage;

pub use connect::{Dynamo, DynamoSettings};
pub use control::DynamoControl;
pub use keys::DynamoKeyStore;
pub use profiles::DynamoProfileStore;
pub use usage::DynamoUsageStore;
