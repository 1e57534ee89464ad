//! Whose tokens are accepted, and why the others are not.
//!
//! Tokens and key sets are made by the test kit, straight from the primitives, so that the verifier
//! is not checked against itself. One binary, because each would link the whole test kit.

mod arbitrary;
mod denied;
mod development;
mod discovery;
mod flood;
mod forge;
mod frozen;
mod gateway;
mod issuer;
mod key_numbers;
mod key_set;
mod key_source;
mod key_source_faults;
mod outage;
mod refresh;
mod rotation;
mod samples;
mod support;
mod telling;
mod verifier;
