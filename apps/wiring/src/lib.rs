//! The composition root: configuration to adapters to services to Router.
//!
//! The entrypoints are shells around this crate: [`config`] reads what the deployment wants,
//! [`Deployment::open`] makes it, and its [`Stack`](usher_http::Stack) serves requests.

mod clock;
pub mod config;
mod database;
#[cfg(any(feature = "sqlite", feature = "postgres", feature = "dynamodb"))]
mod deadline;
mod deployment;
mod keys_file;
mod plans_file;
mod stores;
mod telemetry;

pub use clock::SystemClock;
pub use deployment::{Deployment, OpenError, Returner, Role, migrate, open_control};
pub use keys_file::{KeysProblem, parse_keys};
pub use plans_file::parse_plans;
pub use telemetry::{Listeners, Telemetry, init_logging};
pub use usher_telemetry::Metrics;
