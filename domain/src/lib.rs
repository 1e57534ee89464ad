//! Usher's rules, and nothing else.
//!
//! Everything here is a pure function of its arguments: the time is an argument, randomness and the
//! environment do not exist, and whatever has to be asked of the outside world is a trait in
//! [`ports`]. Two services put rules and ports together: [`service::FrontDoor`] (who is calling,
//! and may they come in now) and [`service::Profiles`] (what they may do with which profile).
//!
//! To add a store, implement the traits in [`ports`] in a crate of its own and run the
//! conformance suites of `usher-testkit` over it. To add a rule, write it here as a function of
//! values, with a property test, and let a service call it.

pub mod access;
pub mod entity_tag;
pub mod json;
pub mod patch;
pub mod ports;
pub mod principal;
pub mod profile;
pub mod service;
pub mod time;
pub mod usage;
pub mod user_id;
