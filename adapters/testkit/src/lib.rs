//! What Usher's tests are made of. For `dev-dependencies` only.
//!
//! * [`conformance`]: one suite for each port; a store's `tests/conformance.rs` is one macro call
//!   a suite. It holds fakes and databases to the same cases under the same names.
//! * [`containers`]: real databases through testcontainers, each engine started once for a whole
//!   test run.
//! * [`tokens`]: an issuer of test tokens, independent of the verifier under test.
//! * [`fakes`]: the ports in memory, which can be told to misbehave.
//! * [`key_server`]: the addresses of a key set and of an issuer's metadata, good and bad.
//! * [`authority`]: a certificate authority, for a key server that speaks TLS.
//! * [`clock`]: a clock that stands still until it is told otherwise.
//! * [`lambda`]: a Lambda binary as a process under an emulated Runtime API.
//! * [`otlp`]: a receiver of traces.
//! * [`process`]: the server binary as a process.
//! * [`proxy`]: a network between a program and its database that can be made to fail.

#![allow(
    clippy::missing_panics_doc,
    reason = "a test kit panics: that is how a test says that something does not hold"
)]

pub mod authority;
pub mod clock;
pub mod conformance;
pub mod containers;
pub mod fakes;
pub mod key_server;
pub mod lambda;
pub mod otlp;
pub mod process;
pub mod proxy;
pub mod tokens;
