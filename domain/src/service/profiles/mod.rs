//! What a caller may do with a profile, done.

mod judgement;

use std::sync::Arc;

use crate::{
    access::{Action, Decision, DenyReason, Permit, Policy, decide},
    entity_tag::{Preconditions, ReadVerdict, TagList},
    json::Violation,
    patch::{Patch, PatchFailure, Unapplied, Use},
    ports::{
        Deleted, Expected, ProfileSchema, ProfileStore, Put, StoreError, StoreWatch, StoredProfile,
    },
    principal::Principal,
    profile::{MAX_PROFILE_BYTES, Profile},
    user_id::UserId,
};

/// So often a conditional write is tried again when somebody else's came in between.
const ATTEMPTS: usize = 8;

/// The profiles of a deployment. Nothing is reached without [`authorize`](Self::authorize).
#[derive(Clone)]
pub struct Profiles {
    store: Arc<dyn ProfileStore>,
    rules: Arc<ProfileRules>,
}

/// What a deployment demands of profiles and of those who write them.
#[derive(Debug, Clone)]
pub struct ProfileRules {
    /// Who may do what.
    pub access: Policy,
    /// What a profile must look like, beside the portable form.
    pub schema: Option<Arc<dyn ProfileSchema>>,
    /// The largest profile, in bytes of canonical JSON; at most [`MAX_PROFILE_BYTES`].
    pub max_bytes: usize,
    /// Whether a profile that exists may be written with `If-Match` only.
    pub require_if_match: bool,
}

impl ProfileRules {
    /// Whether the schema marks attributes `readOnly`.
    fn guards_attributes(&self) -> bool {
        let schema = self.schema.as_ref();
        schema.is_some_and(|schema| !schema.read_only().is_empty())
    }
}

impl Default for ProfileRules {
    fn default() -> Self {
        Self {
            access: Policy::default(),
            schema: None,
            max_bytes: MAX_PROFILE_BYTES,
            require_if_match: false,
        }
    }
}

impl std::fmt::Debug for Profiles {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Profiles")
            .field("rules", &self.rules)
            .finish_non_exhaustive()
    }
}

/// A caller's right to do one action to one profile: the only way to it.
#[derive(Debug)]
pub struct Authorized<'a> {
    profiles: &'a Profiles,
    target: &'a UserId,
    permit: Permit,
    watch: Option<&'a dyn StoreWatch>,
}

/// As long as it is there, the store is waited for.
struct Asking<'a>(&'a dyn StoreWatch);

impl<'a> Asking<'a> {
    fn begin(watch: &'a dyn StoreWatch) -> Self {
        watch.asked();
        Self(watch)
    }
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        self.0.answered();
    }
}

/// Why nothing was read or written.
#[derive(Debug)]
pub enum ProfileFailure {
    /// There is no such profile.
    NotFound,
    /// `If-Match` or `If-None-Match` does not hold.
    PreconditionFailed,
    /// The profile exists, and there is no `If-Match`.
    PreconditionRequired,
    /// The patch reads or writes attributes that the caller may not; with their places.
    NotGranted(Vec<Violation>),
    /// The patch does not fit the profile.
    Patch(PatchFailure),
    /// The write would make, change or remove attributes that the schema marks `readOnly`.
    ReadOnly(Vec<Violation>),
    /// What the write would leave is too large, with the attributes that it keeps.
    TooLarge,
    /// What the write would leave breaks the schema.
    Schema(Vec<Violation>),
    /// Others keep something in the profile, in types that the write would lose; with the places that
    /// the caller may know of.
    NotKept(Vec<Violation>),
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

/// What a write came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// What the caller may see of what is stored now; `None` when that is nothing.
    pub view: Option<Profile>,
    /// There was none before.
    pub created: bool,
}

impl Profiles {
    /// Profiles in `store` under `rules`.
    #[must_use]
    pub fn new(store: Arc<dyn ProfileStore>, rules: ProfileRules) -> Self {
        Self {
            store,
            rules: Arc::new(rules),
        }
    }

    /// The rules.
    #[must_use]
    pub fn rules(&self) -> &ProfileRules {
        &self.rules
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
        match decide(principal, action, target, &self.rules.access) {
            Decision::Permit(permit) => Ok(Authorized {
                profiles: self,
                target,
                permit,
                watch: None,
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

impl<'a> Authorized<'a> {
    /// The same right; `watch` is told when the store is waited for.
    #[must_use]
    pub fn watched(self, watch: &'a dyn StoreWatch) -> Self {
        Self {
            watch: Some(watch),
            ..self
        }
    }

    /// The same right, if it extends to the whole profile: to replace or delete it all.
    ///
    /// # Errors
    /// [`DenyReason::PartOnly`] when it does not, and when `preconditions` rely on the tag of a part.
    pub fn for_the_whole_profile(
        self,
        action: Action,
        preconditions: &Preconditions,
    ) -> Result<Self, DenyReason> {
        let writes_all = action == Action::Delete || self.permit.writable().is_all();
        // The tag of a part would let through a write over what has changed in the other. Without one
        // it is a right like any other: that to read a part must not take it away.
        let readable = self.permit.readable();
        let sees_a_part = !(readable.is_all() || readable.is_empty());
        let names_a_tag = matches!(preconditions.if_match, Some(TagList::Tags(_)));
        if writes_all && !(sees_a_part && names_a_tag) {
            Ok(self)
        } else {
            Err(DenyReason::PartOnly)
        }
    }

    /// The permit that this right rests on.
    #[must_use]
    pub const fn permit(&self) -> &Permit {
        &self.permit
    }

    /// Reads what the caller may see of the profile.
    ///
    /// # Errors
    /// See [`ProfileFailure`]; absence comes before preconditions.
    pub async fn read(&self, preconditions: &Preconditions) -> Result<Read, ProfileFailure> {
        let found = self.ask(self.store().get(self.target)).await?;
        let StoredProfile { profile, .. } = found.ok_or(ProfileFailure::NotFound)?;
        let profile = self.seen(&profile);
        match preconditions.judge_read(profile.tag()) {
            ReadVerdict::Proceed => Ok(Read::Found(profile)),
            ReadVerdict::NotModified => Ok(Read::NotModified(profile)),
            ReadVerdict::Failed => Err(ProfileFailure::PreconditionFailed),
        }
    }

    /// Creates or replaces the profile. Attributes that are read only and that `profile` leaves out
    /// are kept.
    ///
    /// # Errors
    /// See [`ProfileFailure`].
    pub async fn replace(
        &self,
        profile: &Profile,
        preconditions: &Preconditions,
    ) -> Result<Written, ProfileFailure> {
        let rules = self.rules();
        let keeps = rules.guards_attributes();
        let only_create = preconditions.only_create();
        // One round trip is enough where nothing depends on what is stored.
        let blind = !keeps && (only_create || preconditions.is_empty() && !rules.require_if_match);
        for _ in 0..ATTEMPTS {
            let (expected, profile) = if blind {
                if let Err(failure) = self.conforms(profile) {
                    // A precondition has its say before what is written.
                    let exists = only_create && self.current().await?.is_some();
                    return Err(if exists {
                        ProfileFailure::PreconditionFailed
                    } else {
                        failure
                    });
                }
                let expected = if only_create {
                    Expected::Absent
                } else {
                    Expected::Anything
                };
                (expected, profile.clone())
            } else {
                let current = self.current().await?;
                let stored = current.as_ref().map(|stored| &stored.profile);
                self.judge(preconditions, stored)?;
                let profile = self.keep(profile, stored)?;
                self.conforms(&profile)?;
                let expected =
                    current.map_or(Expected::Absent, |stored| Expected::Version(stored.version));
                (expected, profile)
            };
            let put = self.store().put(self.target, &profile, &expected);
            match self.ask(put).await? {
                Put::Conflict if only_create => return Err(ProfileFailure::PreconditionFailed),
                Put::Conflict => {}
                Put::Refused(places) => return Err(self.not_kept(places)),
                put => return Ok(self.written(&profile, &put)),
            }
        }
        Err(ProfileFailure::Conflict)
    }

    /// Changes the profile, and answers what the caller may see of it. What comes out is written only
    /// if nobody wrote in between; otherwise the patch is applied again to what they wrote, a bounded
    /// number of times.
    ///
    /// # Errors
    /// See [`ProfileFailure`]; absence comes before preconditions, and those before the patch.
    pub async fn patch(
        &self,
        patch: &Patch,
        preconditions: &Preconditions,
    ) -> Result<Option<Profile>, ProfileFailure> {
        for _ in 0..ATTEMPTS {
            let stored = self.current().await?.ok_or(ProfileFailure::NotFound)?;
            let before = &stored.profile;
            self.judge(preconditions, Some(before))?;
            let denied = self.denied(patch);
            if denied.iter().any(|(usage, _)| *usage == Use::Read) {
                // Before it is tried: what it fails at would tell what is there.
                return Err(not_granted(denied));
            }
            let max_bytes = self.rules().max_bytes;
            let applied = patch.apply(before, self.target, max_bytes);
            let test_failed =
                |unapplied: &Unapplied| matches!(unapplied.why, PatchFailure::TestFailed(_));
            if !denied.is_empty() && !applied.as_ref().is_err_and(test_failed) {
                return Err(not_granted(denied));
            }
            let after = match applied {
                Ok(after) => after,
                Err(unapplied) => {
                    // What somebody may not do comes before what would come of it.
                    if self.rules().guards_attributes() && !test_failed(&unapplied) {
                        self.leaves_read_only(&before.attributes(), &unapplied.attributes)?;
                    }
                    return Err(ProfileFailure::Patch(unapplied.why));
                }
            };
            if self.rules().guards_attributes() {
                self.leaves_read_only(&before.attributes(), &after.attributes())?;
            }
            self.conforms(&after)?;
            if after == *before {
                return Ok(self.view(&after));
            }
            let expected = Expected::Version(stored.version);
            let put = self.store().put(self.target, &after, &expected);
            match self.ask(put).await? {
                Put::Conflict => {}
                Put::Refused(places) => return Err(self.not_kept(places)),
                put => return Ok(self.written(&after, &put).view),
            }
        }
        Err(ProfileFailure::Conflict)
    }

    /// Deletes the profile, read-only attributes and all: erasure is the user's right.
    ///
    /// # Errors
    /// See [`ProfileFailure`]; absence comes before preconditions.
    pub async fn delete(&self, preconditions: &Preconditions) -> Result<(), ProfileFailure> {
        for _ in 0..ATTEMPTS {
            let expected = if preconditions.is_empty() && !self.rules().require_if_match {
                Expected::Anything
            } else {
                let stored = self.current().await?.ok_or(ProfileFailure::NotFound)?;
                self.judge(preconditions, Some(&stored.profile))?;
                Expected::Version(stored.version)
            };
            let deleted = self.store().delete(self.target, &expected);
            match self.ask(deleted).await? {
                Deleted::Deleted => return Ok(()),
                Deleted::Absent => return Err(ProfileFailure::NotFound),
                Deleted::Conflict => {}
            }
        }
        Err(ProfileFailure::Conflict)
    }

    async fn current(&self) -> Result<Option<StoredProfile>, ProfileFailure> {
        self.ask(self.store().get_for_write(self.target)).await
    }

    /// Waits for the store, and says so.
    async fn ask<T>(
        &self,
        answer: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, ProfileFailure> {
        let _asking = self.watch.map(Asking::begin);
        answer.await.map_err(ProfileFailure::Store)
    }

    fn rules(&self) -> &ProfileRules {
        &self.profiles.rules
    }

    fn store(&self) -> &dyn ProfileStore {
        self.profiles.store.as_ref()
    }
}

fn not_granted(denied: Vec<(Use, Violation)>) -> ProfileFailure {
    ProfileFailure::NotGranted(denied.into_iter().map(|(_, violation)| violation).collect())
}
