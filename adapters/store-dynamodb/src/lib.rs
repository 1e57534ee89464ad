//! Usher's ports over `DynamoDB`.
//!
//! A profile is an item of its own: key `userId`, attributes flat beside it in `DynamoDB`'s own
//! types, as the article's Python handler reads and writes them. What Usher adds is one attribute,
//! `_usher`, with the version that makes writes conditional.

mod attributes;
mod connect;
mod error;
mod http_client;
mod profiles;

pub use connect::{Dynamo, DynamoSettings};
pub use profiles::DynamoProfileStore;
