//! The pacer against the rule, and whatever clients, stores, plans and clocks do to it.

mod forgetting;
mod histories;
mod leases;
mod model;
mod plans;
mod quotas;
mod store;
mod support;
mod telling;
