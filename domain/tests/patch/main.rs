//! The two kinds of patches: what their standards say, what a plain second implementation says, and
//! that nothing comes out which some store could not keep.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking; clippy.toml excuses test functions and not their helpers"
)]

mod bodies;
mod bounds;
#[path = "../support/decimals.rs"]
mod decimals;
#[path = "../support/documents.rs"]
#[allow(dead_code, reason = "the tests of the portable form use the rest")]
mod documents;
mod examples;
mod form;
mod generated;
mod merge;
mod operations;
mod oracle;
mod outcome;
mod properties;
#[path = "../support/mod.rs"]
mod support;
