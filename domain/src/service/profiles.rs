//! What a caller may do with a profile, done.

use std::sync::Arc;

use crate::{
    access::{Action, Decision, DenyReason, Permit, Policy, decide},
    entity_tag::{Preconditions, ReadVerdict},
    ports::{Deleted, Expected, ProfileStore, Put, StoreError, StoredProfile},
    principal::Principal,
    profile::Profile,
    user_id::UserId,
};

/// So often a conditional write is tried again when somebody else's came in between.
const ATTEMPTS: usize = 8;

/// The profiles of a deployment. Nothing is reached without [`authorize`](Self::authorize).
#[derive(Clone)]
pub struct Profiles {
    store: Arc<dyn ProfileStore>,
    policy: Arc<Policy>,
}

impl std::fmt::Debug for Profiles {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Profiles")
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}

/// A caller's right to do one action to one profile: the only way to it.
#[derive(Debug)]
pub struct Authorized<'a> {
    profiles: &'a Profiles,
    target: &'a UserId,
    permit: Permit,
}

/// Why nothing was read or written.
#[derive(Debug)]
pub enum ProfileFailure {
    /// There is no such profile.
    NotFound,
    /// `If-Match` or `If-None-Match` does not hold.
    PreconditionFailed,
    /// Others kept writing in between.
    Conflict,
    /// The store.
    Store(StoreError),
}

/// What a read came to.
#[derive(Debug, PartialEq, Eq)]
pub enum Read {
    /// The profile.
    Found(Profile),
    /// The caller has it already; this is what it has.
    NotModified(Profile),
}

/// What a replacement came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// There was none before.
    Created,
    /// There was one before.
    Replaced,
}

impl Profiles {
    /// Profiles in `store` under `policy`.
    #[must_use]
    pub fn new(store: Arc<dyn ProfileStore>, policy: Policy) -> Self {
        Self {
            store,
            policy: Arc::new(policy),
        }
    }

    /// Asks for the right to do `action` to the profile of `target`. The store is not asked:
    /// whether somebody else's profile exists is none of the caller's business.
    ///
    /// # Errors
    /// The reason of the denial.
    pub fn authorize<'a>(
        &'a self,
        principal: &Principal,
        action: Action,
        target: &'a UserId,
    ) -> Result<Authorized<'a>, DenyReason> {
        match decide(principal, action, target, &self.policy) {
            Decision::Permit(permit) => Ok(Authorized {
                profiles: self,
                target,
                permit,
            }),
            Decision::Deny(reason) => Err(reason),
        }
    }

    /// Asks the store whether it can serve.
    ///
    /// # Errors
    /// When it can't.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.store.ping().await
    }
}

impl Authorized<'_> {
    /// The permit that this right rests on.
    #[must_use]
    pub const fn permit(&self) -> &Permit {
        &self.permit
    }

    /// Reads the profile.
    ///
    /// # Errors
    /// See [`ProfileFailure`]; absence comes before preconditions.
    pub async fn read(&self, preconditions: &Preconditions) -> Result<Read, ProfileFailure> {
        let found = self
            .store()
            .get(self.target)
            .await
            .map_err(ProfileFailure::Store)?;
        let StoredProfile { profile, .. } = found.ok_or(ProfileFailure::NotFound)?;
        match preconditions.judge_read(profile.tag()) {
            ReadVerdict::Proceed => Ok(Read::Found(profile)),
            ReadVerdict::NotModified => Ok(Read::NotModified(profile)),
            ReadVerdict::Failed => Err(ProfileFailure::PreconditionFailed),
        }
    }

    /// Creates or replaces the profile.
    ///
    /// # Errors
    /// See [`ProfileFailure`].
    pub async fn replace(
        &self,
        profile: &Profile,
        preconditions: &Preconditions,
    ) -> Result<Written, ProfileFailure> {
        for _ in 0..ATTEMPTS {
            let expected = if preconditions.is_empty() {
                Expected::Anything
            } else if preconditions.only_create() {
                Expected::Absent
            } else {
                let current = self.current().await?;
                let tag = current.as_ref().map(|stored| stored.profile.tag());
                if !preconditions.allow_write(tag) {
                    return Err(ProfileFailure::PreconditionFailed);
                }
                current.map_or(Expected::Absent, |stored| Expected::Version(stored.version))
            };
            let put = self.store().put(self.target, profile, &expected).await;
            match put.map_err(ProfileFailure::Store)? {
                Put::Created => return Ok(Written::Created),
                Put::Replaced => return Ok(Written::Replaced),
                Put::Conflict if preconditions.only_create() => {
                    return Err(ProfileFailure::PreconditionFailed);
                }
                Put::Conflict => {}
            }
        }
        Err(ProfileFailure::Conflict)
    }

    /// Deletes the profile.
    ///
    /// # Errors
    /// See [`ProfileFailure`]; absence comes before preconditions.
    pub async fn delete(&self, preconditions: &Preconditions) -> Result<(), ProfileFailure> {
        for _ in 0..ATTEMPTS {
            let expected = if preconditions.is_empty() {
                Expected::Anything
            } else {
                let stored = self.current().await?.ok_or(ProfileFailure::NotFound)?;
                if !preconditions.allow_write(Some(stored.profile.tag())) {
                    return Err(ProfileFailure::PreconditionFailed);
                }
                Expected::Version(stored.version)
            };
            let deleted = self.store().delete(self.target, &expected).await;
            match deleted.map_err(ProfileFailure::Store)? {
                Deleted::Deleted => return Ok(()),
                Deleted::Absent => return Err(ProfileFailure::NotFound),
                Deleted::Conflict => {}
            }
        }
        Err(ProfileFailure::Conflict)
    }

    async fn current(&self) -> Result<Option<StoredProfile>, ProfileFailure> {
        self.store()
            .get_for_write(self.target)
            .await
            .map_err(ProfileFailure::Store)
    }

    fn store(&self) -> &dyn ProfileStore {
        self.profiles.store.as_ref()
    }
}
