//! What the cases stand on: deployments, callers and answers.

pub(crate) mod answer;
pub(crate) mod binaries;
pub(crate) mod call;
pub(crate) mod deployment;
pub(crate) mod differences;
pub(crate) mod errors;
pub(crate) mod external;
pub(crate) mod issuer;
pub(crate) mod matrix;
pub(crate) mod plans;
pub(crate) mod rules;
pub(crate) mod scripts;
pub(crate) mod store;

pub(crate) use answer::Answer;
pub(crate) use deployment::{Deployment, Entrypoint};
pub(crate) use differences::Difference;
pub(crate) use rules::Rules;
pub(crate) use store::Store;

/// A variable that tells the suite what to run against; empty is not set.
#[allow(
    clippy::disallowed_methods,
    reason = "this configures the suite, not the program under test"
)]
pub(crate) fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
