use async_trait::async_trait;

use crate::{principal::Principal, time::Timestamp};

/// Whose tokens do not count any more, however long they still run.
///
/// A token is good until it expires, whatever its issuer was told since: nobody is asked about it.
/// This is the way to stop somebody sooner.
#[async_trait]
pub trait DeniedSubjects: Send + Sync + 'static {
    /// Whether `principal` is stopped at `now`. A change is in force within 5 s; a list that cannot
    /// be had leaves the last one in force.
    async fn denies(&self, principal: &Principal, now: Timestamp) -> bool;
}
