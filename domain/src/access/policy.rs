//! What the deployment demands, beside the owner rule.

use std::collections::BTreeSet;

use super::Grant;

/// What a caller wants to do with a profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// GET and HEAD.
    Read,
    /// PUT and PATCH.
    Write,
    /// DELETE.
    Delete,
}

impl Action {
    /// Every action.
    pub const ALL: [Self; 3] = [Self::Read, Self::Write, Self::Delete];

    /// The action's name in configuration and logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Delete => "delete",
        }
    }
}

/// The scopes of which a token must carry one. Empty: none is needed.
pub type RequiredScopes = BTreeSet<Box<str>>;

/// The access rules of a deployment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Policy {
    /// Needed to read, owner or not.
    pub read_scopes: RequiredScopes,
    /// Needed to write, owner or not.
    pub write_scopes: RequiredScopes,
    /// Needed to delete, owner or not.
    pub delete_scopes: RequiredScopes,
    /// What others than the owner may do.
    pub grants: Vec<Grant>,
}

impl Policy {
    /// The scopes of which `action` needs one.
    #[must_use]
    pub const fn required_scopes(&self, action: Action) -> &RequiredScopes {
        match action {
            Action::Read => &self.read_scopes,
            Action::Write => &self.write_scopes,
            Action::Delete => &self.delete_scopes,
        }
    }
}
