//! Usher over HTTP: one axum Router and one layer stack, the same for every entrypoint.
//!
//! * [`router`] makes the Router; [`Stack`] puts the layers around it, in the one place where their
//!   order is written down;
//! * [`problem`] is the error table: the only place that knows status codes for failures.

mod access_log;
mod bounds;
mod client;
mod cors;
mod credentials;
mod execution_log;
mod handlers;
mod load;
mod openapi;
pub mod problem;
mod rate_limit;
mod report;
mod request_id;
mod router;
mod server_timing;
mod stack;
mod state;
mod trace_context;

pub use access_log::{ACCESS_LOG_FIELDS, AccessLog, Discard, LogField};
pub use axum::body::Body;
pub use bounds::{MAX_HEADER_BYTES, MAX_TARGET_BYTES};
pub use client::ClientAddress;
pub use cors::{CorsOrigins, NotAnOrigin};
pub use execution_log::{EXECUTION, EXECUTION_LOG_FIELDS};
pub use handlers::profile::{AUDIT, METHODS};
pub use request_id::{RequestId, RequestIds};
pub use router::router;
pub use stack::Stack;
pub use state::{App, Limits, Settings};
pub use usher_domain::{
    ports::{ClaimStyle, Silent, VouchedClaims},
    service::Gateway,
};
