//! The Router with all its layers, request in and answer out, over fakes and a clock that stands
//! still.
//!
//! One binary, because each would link the whole test kit.

mod access_log;
mod bodies;
mod error_table;
mod health;
mod layers;
mod limits;
mod order_of_judgement;
mod preconditions;
mod reading_and_writing;
mod secrets;
mod support;
mod user_ids;
