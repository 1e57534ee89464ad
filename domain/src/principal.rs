//! Who is calling.

use std::collections::{BTreeMap, BTreeSet};

/// A caller whose token has been verified.
///
/// `id` is the issuer's subject prefix followed by the token's `sub`. It is text and not a
/// [`UserId`](crate::user_id::UserId): an issuer may name subjects that no profile can belong to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// What a profile's user id is compared with, byte by byte.
    pub id: Box<str>,
    /// The token's `iss`; of an issuer with several names, the first.
    pub issuer: Box<str>,
    /// OAuth scopes of the token.
    pub scopes: BTreeSet<Box<str>>,
    /// Groups of the token.
    pub groups: BTreeSet<Box<str>>,
    /// Those of the token's claims that the deployment assigns plans by: text as it is, numbers,
    /// `true` and `false` as JSON writes them.
    pub claims: BTreeMap<Box<str>, Box<str>>,
}

impl Principal {
    /// A principal without scopes and groups.
    #[must_use]
    pub fn new(id: &str, issuer: &str) -> Self {
        Self {
            id: id.into(),
            issuer: issuer.into(),
            scopes: BTreeSet::new(),
            groups: BTreeSet::new(),
            claims: BTreeMap::new(),
        }
    }
}
