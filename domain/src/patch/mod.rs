//! Patches of a profile: JSON Merge Patch (RFC 7396) and JSON Patch (RFC 6902).
//!
//! Both are applied to the profile as a client reads it, `userId` included, and what comes out is
//! judged as the body of a PUT would be.

mod operations;

use serde_json::{Map, Value};

pub use self::operations::MAX_OPERATIONS;
use self::operations::Operations;
use crate::{
    json::{
        Violation, canonical,
        portable::{self, MAX_DEPTH, MAX_VIOLATIONS},
    },
    profile::{self, Profile, ProfileError, USER_ID_MEMBER},
    user_id::UserId,
};

/// A change to a profile.
#[derive(Debug, Clone, PartialEq)]
pub struct Patch(Kind);

#[derive(Debug, Clone, PartialEq)]
enum Kind {
    Merge(Value),
    Operations(Operations),
}

/// How a patch uses an attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Use {
    /// Its outcome tells what is there.
    Read,
    /// It changes what is there.
    Write,
}

/// Why a body is not a patch. Places are places in the body.
#[derive(Debug, PartialEq, Eq)]
pub enum PatchError {
    /// Not JSON; with what the parser says.
    NotJson(String),
    /// JSON, but not a patch of its kind.
    Invalid(Vec<Violation>),
    /// A patch with names or values that some store could not keep, or one that names another user.
    NotPortable(Vec<Violation>),
}

/// A patch that was not carried out.
#[derive(Debug, PartialEq)]
pub struct Unapplied {
    /// Why not.
    pub why: PatchFailure,
    /// The attributes as far as the patch got; none when it had made something else of the object.
    pub attributes: Map<String, Value>,
}

/// Why a patch cannot be applied to a profile. Places are places in the profile.
#[derive(Debug, PartialEq, Eq)]
pub enum PatchFailure {
    /// A `test` operation does not hold.
    TestFailed(Violation),
    /// An operation needs a place that is not there.
    PathNotFound(Violation),
    /// The profile would be too large, at the end or on the way.
    TooLarge,
    /// What comes out is not a portable profile, or would not have been on the way.
    NotPortable(Vec<Violation>),
}

impl Patch {
    /// Reads a JSON Merge Patch (RFC 7396) for the profile of `user_id`.
    ///
    /// # Errors
    /// See [`PatchError`]; never [`PatchError::Invalid`], for any JSON is a merge patch. One that is
    /// not an object would leave no profile, and is not portable.
    pub fn merge(body: &[u8], user_id: &UserId) -> Result<Self, PatchError> {
        let (patch, mut violations) =
            portable::read(body, MAX_DEPTH).map_err(PatchError::NotJson)?;
        violations.extend(portable::other_kind(&patch));
        let named = patch.get(USER_ID_MEMBER);
        violations.extend(named.and_then(|named| profile::names(named, user_id).err()));
        violations.truncate(MAX_VIOLATIONS);
        if violations.is_empty() {
            Ok(Self(Kind::Merge(patch)))
        } else {
            Err(PatchError::NotPortable(violations))
        }
    }

    /// Reads a JSON Patch (RFC 6902).
    ///
    /// # Errors
    /// See [`PatchError`]; what is wrong with its form comes before what is not portable.
    pub fn operations(body: &[u8]) -> Result<Self, PatchError> {
        Operations::parse(body).map(|operations| Self(Kind::Operations(operations)))
    }

    /// The attributes that the patch depends on and those that it changes, whatever the profile is:
    /// each with the way it is used, and `None` for the whole profile. `userId` is nobody's to change
    /// and everybody's to see, and is left out.
    pub fn uses(&self) -> impl Iterator<Item = (Use, Option<String>)> {
        let (merge, operations) = match &self.0 {
            Kind::Merge(patch) => (patch.as_object(), None),
            Kind::Operations(operations) => (None, Some(operations.uses())),
        };
        let merge = merge.into_iter().flat_map(Map::keys);
        merge
            .map(|name| (Use::Write, Some(name.clone())))
            .chain(operations.into_iter().flatten())
            .filter(|(_, name)| name.as_deref() != Some(USER_ID_MEMBER))
    }

    /// What the profile of `user_id` becomes, if it is no larger than `max_bytes`.
    ///
    /// Whatever the patch says, it takes no more memory than a small multiple of what reading a profile
    /// of `max_bytes` and the body take, and no more time than some copies of them.
    ///
    /// # Errors
    /// See [`PatchFailure`], with what the patch had made by then.
    pub fn apply(
        &self,
        profile: &Profile,
        user_id: &UserId,
        max_bytes: usize,
    ) -> Result<Profile, Unapplied> {
        let mut members = Map::new();
        members.insert(USER_ID_MEMBER.to_owned(), user_id.as_str().into());
        members.extend(profile.attributes());
        let mut document = Value::Object(members);
        let applied = match &self.0 {
            Kind::Merge(patch) => {
                json_patch::merge(&mut document, patch);
                Ok(())
            }
            Kind::Operations(operations) => {
                // The id is not part of what is stored, but the operations see it.
                let id = canonical::size(&user_id.as_str().into()) + USER_ID_MEMBER.len() + 4;
                operations.apply(&mut document, max_bytes.saturating_add(id))
            }
        };
        let result = applied.and_then(|()| {
            Profile::from_document(&mut document, user_id, max_bytes).map_err(|error| match error {
                ProfileError::TooLarge { .. } => PatchFailure::TooLarge,
                ProfileError::NotPortable(violations) => PatchFailure::NotPortable(violations),
                // A document has been read already.
                ProfileError::NotJson(_) => PatchFailure::NotPortable(Vec::new()),
            })
        });
        result.map_err(|why| Unapplied {
            why,
            attributes: match document {
                Value::Object(members) => members,
                _ => Map::new(),
            },
        })
    }
}
