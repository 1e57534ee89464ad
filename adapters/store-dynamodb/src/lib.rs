//! Usher's ports over `DynamoDB`.
//!
//! A profile is an item of its own: key `userId`, attributes flat beside it in `DynamoDB`'s own
//! types, as the article's Python handler reads and writes them. What Usher adds is one attribute,
//! `_usher`, with the version that makes writes conditional.
//!
//! An item may be another program's too: without `_usher`, with attributes of its own or with types
//! that JSON does not have. Such an item is never replaced whole: what is written changes the
//! attributes that it touches, and keeps their types or is refused (`merge`).

mod attributes;
mod condition;
mod connect;
mod error;
mod item;
mod merge;
mod origins;
mod profiles;
#[cfg(test)]
mod properties;
mod update;

pub use connect::{Dynamo, DynamoSettings};
pub use profiles::DynamoProfileStore;
