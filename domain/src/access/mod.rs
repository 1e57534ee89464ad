//! May this caller do this to that profile?

mod decision;
mod policy;

pub use decision::{AttributeAccess, Basis, Decision, DenyReason, Permit, decide};
pub use policy::{Action, Policy, RequiredScopes};
