//! The Router with all its layers, request in and answer out, over fakes and a clock that stands
//! still.
//!
//! One binary, because each would link the whole test kit.

mod access_log;
mod bodies;
mod cors;
mod error_table;
mod gateway;
mod grants;
mod health;
mod kept_types;
mod layers;
mod limits;
mod nothing_leaks;
mod openapi;
mod order_of_judgement;
mod patches;
mod plans;
mod precondition_table;
mod preconditions;
mod reading_and_writing;
mod schema;
mod secrets;
mod slow_bodies;
mod support;
mod targets;
mod telemetry;
mod user_ids;
