//! Usage plans: how fast and how much.
//!
//! The rules are pure functions of (state, limits, now). [`account::take`] is the whole rule for
//! one account and the oracle that every usage store is compared with; [`bucket`] and [`quota`]
//! are its halves. A store only applies the rule atomically.

pub mod account;
pub mod api_key;
pub mod assignment;
pub mod bucket;
pub mod lease;
pub mod membership;
pub mod plan;
pub mod plan_file;
pub mod quota;
pub mod throttle;
pub mod update;
