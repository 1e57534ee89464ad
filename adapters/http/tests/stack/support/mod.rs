//! A deployment of fakes, requests to it, and its answers.

mod answer;
mod ask;
mod events;
mod schema;
mod world;

pub(crate) use answer::Answer;
pub(crate) use ask::Ask;
pub(crate) use events::Events;
pub(crate) use schema::{FakeSchema, VIOLATIONS};
pub(crate) use world::{Setup, World, plan_limits, profile};

/// Alice's profile.
pub(crate) const ALICE: &str = "/users/alice/profile";

/// An API key of the plan that counts.
pub(crate) const KEY: &str = "key-of-the-app-00000001";
/// Another key of the same plan.
pub(crate) const OTHER_KEY: &str = "key-of-the-app-00000002";
/// A key of the same plan that is switched off.
pub(crate) const DISABLED_KEY: &str = "key-switched-off-000003";
/// A key whose plan is for another stage.
pub(crate) const KEY_OF_ANOTHER_STAGE: &str = "key-of-another-stage-04";
/// A key that belongs to no plan.
pub(crate) const KEY_WITHOUT_PLAN: &str = "key-without-a-plan-0005";

/// Polls a future once: as far as it gets without waiting for anything.
pub(crate) fn poll_once<F: Future>(future: std::pin::Pin<&mut F>) -> std::task::Poll<F::Output> {
    future.poll(&mut std::task::Context::from_waker(std::task::Waker::noop()))
}
