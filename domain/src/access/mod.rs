//! May this caller do this to that profile?

mod decision;
mod grant;
mod policy;

pub use decision::{Basis, Decision, DenyReason, Permit, decide};
pub use grant::{Attributes, Grant, Holder};
pub use policy::{Action, Policy, RequiredScopes};
