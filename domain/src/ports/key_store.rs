use async_trait::async_trait;

use super::StoreError;
use crate::usage::{
    api_key::{ApiKey, ApiKeyHash, ApiKeyId},
    plan::{PlanId, UsagePlan},
};

/// Counts the changes of plans and keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Revision(pub u64);

/// Where usage plans and API keys are kept.
///
/// A store keeps and finds; which keys and plans fit together is the
/// [`ControlPlane`](crate::service::ControlPlane)'s business, which changes nothing without having
/// seen the latest revision.
#[async_trait]
pub trait KeyStore: Send + Sync + 'static {
    /// How often anything was changed. A node that sees the number it saw before knows all there is
    /// to know.
    ///
    /// # Errors
    /// [`StoreError`] when the store does not answer.
    async fn revision(&self) -> Result<Revision, StoreError>;

    /// Whether all of a change can be read as soon as its revision can. If not, the parts of a change become
    /// visible one after the other, within a second: what is read meanwhile has to be read once more.
    fn shows_changes_whole(&self) -> bool {
        true
    }

    /// All plans, by id.
    ///
    /// # Errors
    /// [`StoreError`] when the store does not answer.
    async fn plans(&self) -> Result<Vec<UsagePlan>, StoreError>;

    /// The key whose present or previous secret has this hash; `None` when there is none.
    ///
    /// # Errors
    /// [`StoreError`] when the store does not answer. An unknown key is no error.
    async fn find(&self, hash: &ApiKeyHash) -> Result<Option<ApiKey>, StoreError>;

    /// The key with this id.
    ///
    /// # Errors
    /// [`StoreError`] when the store does not answer. An unknown key is no error.
    async fn key(&self, id: &ApiKeyId) -> Result<Option<ApiKey>, StoreError>;

    /// Keys by id, byte by byte, a page at a time.
    ///
    /// # Errors
    /// [`StoreError`] when the store does not answer.
    async fn keys(&self, page: &KeyPage) -> Result<Vec<ApiKey>, StoreError>;

    /// What these entries of files were when they were last imported: a digest for each, `None` for
    /// one that never was.
    ///
    /// # Errors
    /// [`StoreError`] when the store does not answer.
    async fn imported(&self, entries: &[ImportEntry]) -> Result<Vec<Option<Digest>>, StoreError>;

    /// Makes all `changes`, in their order, and counts the revision up by one; or nothing, when
    /// `expected` is not the revision. At most [`MAX_CHANGES`] at once.
    ///
    /// # Errors
    /// [`StoreError`] when the store does not answer: the changes may have been made or not.
    async fn apply(&self, changes: &[Change], expected: Revision) -> Result<Applied, StoreError>;
}

/// How many changes a store makes at once: what every store can do in one transaction.
pub const MAX_CHANGES: usize = 40;

/// Which keys to list.
#[derive(Debug, Clone, Default)]
pub struct KeyPage {
    /// Those that belong to this plan.
    pub plan: Option<PlanId>,
    /// Those after this one.
    pub after: Option<ApiKeyId>,
    /// At most so many.
    pub limit: u32,
}

/// One change of plans and keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Makes or replaces a plan.
    PutPlan(UsagePlan),
    /// Removes a plan, if it is there.
    DeletePlan(PlanId),
    /// Makes or replaces a key, its plans and secrets included.
    PutKey(ApiKey),
    /// Removes a key, if it is there.
    DeleteKey(ApiKeyId),
    /// Remembers what an entry of a file was when it was imported; kept when the entry is deleted.
    Imported(ImportEntry, Digest),
}

/// An entry of a file that plans or keys are imported from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ImportEntry {
    /// A plan's.
    Plan(PlanId),
    /// A key's.
    Key(ApiKeyId),
}

/// What an entry was: SHA-256 of all that it says.
pub type Digest = [u8; 32];

/// What became of changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Applied {
    /// They were made; this is the revision now.
    Done(Revision),
    /// Somebody else changed something meanwhile; nothing was done.
    Conflict,
}
