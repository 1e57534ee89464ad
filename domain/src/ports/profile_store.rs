use async_trait::async_trait;

use super::StoreError;
use crate::{json::Violation, profile::Profile, user_id::UserId};

/// Where profiles are kept.
///
/// User ids are compared byte by byte. What was put comes back equal, with the same tag. A write
/// that was answered with success survives the process. One call is one atomic step: of several
/// writers that expect the same version, exactly one succeeds.
///
/// A store whose rows others fill too, with types that JSON does not have, keeps those types when it
/// writes such a row, and what of it no profile shows. It may then say that it keeps something else
/// than was put ([`Put::ReplacedAs`]) or nothing ([`Put::Refused`]), and take more than one round trip.
#[async_trait]
pub trait ProfileStore: Send + Sync + 'static {
    /// The profile of `id`; `None` when there is none. One round trip.
    ///
    /// # Errors
    /// [`StoreErrorKind::Corrupt`](super::StoreErrorKind::Corrupt), naming table and column, when
    /// a row is there and does not read as a profile; others when the store does not answer.
    async fn get(&self, id: &UserId) -> Result<Option<StoredProfile>, StoreError>;

    /// Like [`get`](Self::get), with a version that a conditional write can rely on.
    ///
    /// A store that holds items without Usher's metadata must claim such an item here, so that
    /// whatever replaces it afterwards is noticed.
    ///
    /// # Errors
    /// Like [`get`](Self::get).
    async fn get_for_write(&self, id: &UserId) -> Result<Option<StoredProfile>, StoreError> {
        self.get(id).await
    }

    /// Stores `profile` for `id` if the store holds what is `expected`; otherwise changes nothing
    /// and answers [`Put::Conflict`]. One round trip.
    ///
    /// # Errors
    /// When the store does not answer; the profile may then have been written or not.
    async fn put(
        &self,
        id: &UserId,
        profile: &Profile,
        expected: &Expected,
    ) -> Result<Put, StoreError>;

    /// Deletes the profile of `id` if the store holds what is `expected`; otherwise changes
    /// nothing. [`Expected::Absent`] never deletes anything. One round trip.
    ///
    /// # Errors
    /// When the store does not answer; the profile may then have been deleted or not.
    async fn delete(&self, id: &UserId, expected: &Expected) -> Result<Deleted, StoreError>;

    /// Asks the store whether it can serve, as cheaply as it can be asked.
    ///
    /// # Errors
    /// When it can't.
    async fn ping(&self) -> Result<(), StoreError>;
}

/// A profile and the version that it was read at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredProfile {
    /// The content.
    pub profile: Profile,
    /// Names this state of the row for a conditional write.
    pub version: Version,
}

/// Names a state of a stored row. Opaque: only the store that made it reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version(std::sync::Arc<str>);

impl Version {
    /// A version as a store spells it.
    #[must_use]
    pub fn new(text: impl Into<std::sync::Arc<str>>) -> Self {
        Self(text.into())
    }

    /// The store's spelling.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What a conditional write expects to find.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expected {
    /// Whatever is there.
    Anything,
    /// No profile.
    Absent,
    /// A profile at this version.
    Version(Version),
}

/// What a put came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Put {
    /// There was none; now there is.
    Created,
    /// There was one; now there is another.
    Replaced,
    /// There was one that others made; now there is another, and this is how it is read: a set of
    /// theirs, say, has no order, whatever the order was that it was put in.
    ReplacedAs(Profile),
    /// There is one that others made, with types that could not be kept at these places; nothing has
    /// changed.
    Refused(Vec<Violation>),
    /// The store holds something else than was expected; nothing has changed.
    Conflict,
}

/// What a delete came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deleted {
    /// It is gone.
    Deleted,
    /// There was none.
    Absent,
    /// The store holds another version than was expected; nothing has changed.
    Conflict,
}
