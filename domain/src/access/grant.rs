//! What a deployment lets others than the owner do.

use std::{collections::BTreeSet, fmt};

use super::Action;
use crate::principal::Principal;

/// Attributes of a profile, by their names at the top.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attributes {
    /// All that there are.
    All,
    /// These; none of them has to be there.
    Only(BTreeSet<Box<str>>),
}

impl Attributes {
    /// No attribute.
    pub const NONE: Self = Self::Only(BTreeSet::new());

    /// Whether `name` is among them.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::Only(names) => names.contains(name),
        }
    }

    /// Whether it is the whole profile.
    #[must_use]
    pub const fn is_all(&self) -> bool {
        matches!(self, Self::All)
    }

    /// Whether it is nothing of the profile.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        matches!(self, Self::Only(names) if names.is_empty())
    }

    /// Adds others. Nothing is ever taken away, so no order of grants changes an answer.
    pub(super) fn join(&mut self, others: &Self) {
        match (&mut *self, others) {
            (Self::Only(names), Self::Only(more)) => names.extend(more.iter().cloned()),
            _ => *self = Self::All,
        }
    }
}

/// As a list of names, or `*`.
impl fmt::Display for Attributes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("*"),
            Self::Only(names) => {
                for (index, name) in names.iter().enumerate() {
                    if index > 0 {
                        f.write_str(",")?;
                    }
                    f.write_str(name)?;
                }
                Ok(())
            }
        }
    }
}

/// Who holds a grant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Holder {
    /// Whoever's token has this group.
    Group(Box<str>),
    /// Whoever's token has this scope.
    Scope(Box<str>),
}

/// `group:NAME` or `scope:NAME`.
impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Group(name) => write!(f, "group:{name}"),
            Self::Scope(name) => write!(f, "scope:{name}"),
        }
    }
}

/// A right to others' profiles.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// Who holds it.
    pub holder: Holder,
    /// The issuer whose tokens count; `None` for every one that the deployment trusts.
    pub issuer: Option<Box<str>>,
    /// What it is a right to do.
    pub actions: BTreeSet<Action>,
    /// With which attributes.
    pub attributes: Attributes,
    /// Whether a write may make, change and remove attributes that the schema marks `readOnly`.
    pub read_only: bool,
}

impl Grant {
    /// Whether `principal` holds it.
    #[must_use]
    pub fn is_held_by(&self, principal: &Principal) -> bool {
        let (names, name) = match &self.holder {
            Holder::Group(name) => (&principal.groups, name),
            Holder::Scope(name) => (&principal.scopes, name),
        };
        let issuer = self.issuer.as_ref();
        names.contains(name) && issuer.is_none_or(|issuer| *issuer == principal.issuer)
    }
}
