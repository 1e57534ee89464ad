//! The access decision: as a table that a person can read, and as properties of any policy and any
//! caller; both against a second implementation, written from the sentences of the specification.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking; clippy.toml excuses test functions and not their helpers"
)]

mod decisions;
mod generated;
mod oracle;
mod page;
mod policies;
mod properties;
#[path = "../support/mod.rs"]
mod support;
mod table;
