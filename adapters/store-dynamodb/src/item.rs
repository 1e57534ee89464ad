//! A profile's item: the user's attributes, other programs' own, and Usher's one.

use std::fmt::Write as _;

use aws_sdk_dynamodb::types::AttributeValue;
use usher_domain::{
    json::Violation,
    ports::{StoredProfile, Version},
    profile::{Profile, ProfileError},
    user_id::UserId,
};
use uuid::Uuid;

use crate::{
    attributes::{Item, is_exact, shown_attributes, to_attribute, top},
    merge::merged,
};

/// The table's key.
pub(crate) const KEY: &str = "userId";
/// Usher's own attribute.
pub(crate) const META: &str = "_usher";
/// In [`META`]: names this state of the item.
pub(crate) const VERSION: &str = "v";
/// In [`META`]: the item is, or was at some time, more than Usher alone would write. It is never
/// replaced whole again.
pub(crate) const SHARED: &str = "x";

/// In the version of an item that must not be replaced whole, before a digest of what was shown. No
/// version has it within.
const CAREFUL: char = '+';

/// What a version says that was handed out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Seen<'a> {
    /// The item was without our metadata.
    Unclaimed {
        /// What it showed.
        shown: &'a str,
    },
    /// The item had this version.
    At {
        version: &'a str,
        /// What it showed, if it must not be replaced whole: others may have changed it in place, which
        /// leaves the version as it was.
        shown: Option<&'a str>,
    },
}

impl<'a> Seen<'a> {
    pub(crate) fn of(version: &'a Version) -> Self {
        match version.as_str().split_once(CAREFUL) {
            Some(("", shown)) => Self::Unclaimed { shown },
            Some((version, shown)) => Self::At {
                version,
                shown: Some(shown),
            },
            None => Self::At {
                version: version.as_str(),
                shown: None,
            },
        }
    }
}

/// The version in our metadata; `None` when somebody else wrote the item.
///
/// # Errors
/// The attribute's place, when it is there and not ours.
pub(crate) fn version(item: &Item) -> Result<Option<&str>, String> {
    let Some(meta) = item.get(META) else {
        return Ok(None);
    };
    meta.as_m()
        .ok()
        .and_then(|meta| meta.get(VERSION)?.as_s().ok())
        .map(|version| Some(version.as_str()))
        .ok_or_else(|| format!("/{META}: the attribute is not Usher's"))
}

/// The item as a profile.
///
/// # Errors
/// Where it cannot be shown, and why.
pub(crate) fn read(item: &Item) -> Result<StoredProfile, String> {
    let profile = profile(item)?;
    let careful = |version: &str| Version::new(format!("{version}{CAREFUL}{}", shown(&profile)));
    let version = match version(item)? {
        None => careful(""),
        Some(version) if is_shared(item) => careful(version),
        Some(version) => Version::new(version),
    };
    Ok(StoredProfile { profile, version })
}

/// Names what is shown, in hexadecimal digits.
pub(crate) fn shown(profile: &Profile) -> String {
    let mut digits = String::with_capacity(64);
    for byte in profile.tag().digest() {
        // Writing to a String cannot fail.
        let _ = write!(digits, "{byte:02x}");
    }
    digits
}

fn profile(item: &Item) -> Result<Profile, String> {
    let attributes = shown_attributes(item.iter().filter(|(name, _)| is_the_users(name)), "")?;
    Profile::from_attributes(attributes).map_err(|error| match error {
        ProfileError::NotPortable(places) => {
            let place =
                |Violation { pointer, detail }: &Violation| format!("{}: {detail}", top(pointer));
            places.first().map(place).unwrap_or_default()
        }
        other => other.to_string(),
    })
}

/// Other names with an underscore are another tool's bookkeeping, and not the user's.
fn is_the_users(name: &str) -> bool {
    name != KEY && !name.starts_with('_')
}

/// Whether the item is more than Usher alone would write, or was when it was last written.
fn is_shared(item: &Item) -> bool {
    let marked = |meta: &AttributeValue| meta.as_m().is_ok_and(|meta| meta.contains_key(SHARED));
    item.get(META).is_some_and(marked)
        || item.iter().any(|(name, attribute)| {
            let is_anothers = !is_the_users(name) && name != KEY && name != META;
            is_anothers || is_the_users(name) && !is_exact(attribute)
        })
}

/// An item of Usher's alone.
pub(crate) fn of_profile(id: &UserId, profile: &Profile) -> Item {
    let mut item: Item = profile
        .attributes()
        .iter()
        .map(|(name, value)| (name.clone(), to_attribute(value)))
        .collect();
    item.insert(KEY.to_owned(), key(id));
    item.insert(META.to_owned(), new_meta(false));
    item
}

pub(crate) fn key(id: &UserId) -> AttributeValue {
    AttributeValue::S(id.as_str().to_owned())
}

/// Never the same version twice, also not after a delete: a writer that still holds an old one must
/// not find it again.
#[allow(
    clippy::disallowed_methods,
    reason = "no sequence is at hand here, and none is needed"
)]
pub(crate) fn new_meta(shared: bool) -> AttributeValue {
    let version = AttributeValue::S(Uuid::new_v4().simple().to_string());
    let mut meta = Item::from([(VERSION.to_owned(), version)]);
    if shared {
        meta.insert(SHARED.to_owned(), AttributeValue::Bool(true));
    }
    AttributeValue::M(meta)
}

/// What has to be done to an item so that it is shown as another profile, and stays what it is.
#[derive(Debug)]
pub(crate) struct Change {
    /// Attributes that get another value.
    pub(crate) set: Vec<(String, AttributeValue)>,
    /// Attributes that go.
    pub(crate) remove: Vec<String>,
    /// How it is shown then.
    pub(crate) becomes: Profile,
}

/// Why an item cannot become a profile.
#[derive(Debug)]
pub(crate) enum Unchangeable {
    /// Types would be lost at these places.
    Refused(Vec<Violation>),
    /// What came of it cannot be shown.
    Corrupt(String),
}

/// How `item` becomes `profile`. Attributes that are shown as they are to become are left alone, and
/// so is what no profile shows.
pub(crate) fn change(item: &Item, profile: &Profile) -> Result<Change, Unchangeable> {
    let after = profile.attributes();
    let mut refused = Vec::new();
    let (mut set, mut whole) = (Vec::new(), Item::new());
    for (name, value) in &after {
        let place = crate::attributes::place_of(name, "");
        let stored = item.get(name);
        let attribute = match stored {
            Some(stored) => merged(stored, value, &place, &mut refused),
            None => to_attribute(value),
        };
        if stored != Some(&attribute) {
            set.push((name.clone(), attribute.clone()));
        }
        whole.insert(name.clone(), attribute);
    }
    if !refused.is_empty() {
        return Err(Unchangeable::Refused(refused));
    }
    let goes = |name: &&String| is_the_users(name) && !after.contains_key(*name);
    Ok(Change {
        set,
        remove: item.keys().filter(goes).cloned().collect(),
        becomes: self::profile(&whole).map_err(Unchangeable::Corrupt)?,
    })
}
