//! What a write may do to what is stored, and what its caller may see and be told of it.

use serde_json::{Map, Value};

use super::{Authorized, ProfileFailure, Written};
use crate::{
    access::Attributes,
    entity_tag::{EntityTag, Preconditions, WriteVerdict},
    json::{Violation, portable::MAX_VIOLATIONS},
    patch::{Patch, Use},
    ports::Put,
    profile::Profile,
};

const READ_ONLY: &str = "the attribute is read only";

impl Authorized<'_> {
    pub(super) fn judge(
        &self,
        preconditions: &Preconditions,
        stored: Option<&Profile>,
    ) -> Result<(), ProfileFailure> {
        let required = self.rules().require_if_match;
        // The tags that a caller knows are those of what it may see. Who sees nothing knows none: the
        // tag of no content at all is nobody's.
        let tag = stored.map(|stored| {
            self.view(stored)
                .map_or_else(|| EntityTag::of(""), |seen| *seen.tag())
        });
        match preconditions.judge_write(tag.as_ref(), required) {
            WriteVerdict::Proceed => Ok(()),
            WriteVerdict::Failed => Err(ProfileFailure::PreconditionFailed),
            WriteVerdict::Required => Err(ProfileFailure::PreconditionRequired),
        }
    }

    /// `profile` with the read-only attributes that it leaves out, as they are stored.
    pub(super) fn keep(
        &self,
        profile: &Profile,
        stored: Option<&Profile>,
    ) -> Result<Profile, ProfileFailure> {
        let Some(schema) = &self.rules().schema else {
            return Ok(profile.clone());
        };
        let before = stored.map(Profile::attributes).unwrap_or_default();
        let mut after = profile.attributes();
        let unseen = after.keys().filter(|name| self.is_blind_to(name));
        let unseen: Vec<_> = unseen
            .map(|name| Violation::new(&pointer(name), READ_ONLY))
            .take(MAX_VIOLATIONS)
            .collect();
        if !unseen.is_empty() {
            return Err(ProfileFailure::ReadOnly(unseen));
        }
        let mut kept = false;
        for name in schema.read_only() {
            if let Some(value) = before.get(&**name)
                && !after.contains_key(&**name)
                && !self.permit.read_only().contains(name)
            {
                after.insert(name.to_string(), value.clone());
                kept = true;
            }
        }
        self.leaves_read_only(&before, &after)?;
        if !kept {
            return Ok(profile.clone());
        }
        Profile::from_document(
            &mut Value::Object(after),
            self.target,
            self.rules().max_bytes,
        )
        .map_err(|_| ProfileFailure::TooLarge)
    }

    pub(super) fn leaves_read_only(
        &self,
        before: &Map<String, Value>,
        after: &Map<String, Value>,
    ) -> Result<(), ProfileFailure> {
        let Some(schema) = &self.rules().schema else {
            return Ok(());
        };
        let changed = schema
            .read_only()
            .iter()
            .filter(|name| !self.permit.read_only().contains(name))
            .filter(|name| before.get(&***name) != after.get(&***name))
            .map(|name| Violation::new(&pointer(name), READ_ONLY));
        let violations: Vec<_> = changed.take(MAX_VIOLATIONS).collect();
        if violations.is_empty() {
            Ok(())
        } else {
            Err(ProfileFailure::ReadOnly(violations))
        }
    }

    pub(super) fn conforms(&self, profile: &Profile) -> Result<(), ProfileFailure> {
        let Some(schema) = &self.rules().schema else {
            return Ok(());
        };
        let mut violations = schema.violations(&profile.attributes());
        if violations.is_empty() {
            return Ok(());
        }
        violations.retain(|violation| self.may_be_told(violation));
        Err(ProfileFailure::Schema(violations))
    }

    /// What a caller is told of a write that was done.
    pub(super) fn written(&self, profile: &Profile, put: &Put) -> Written {
        let stored = match put {
            Put::ReplacedAs(stored) => stored,
            _ => profile,
        };
        Written {
            view: self.view(stored),
            created: *put == Put::Created,
        }
    }

    /// What a caller is told of a write that the store cannot keep.
    pub(super) fn not_kept(&self, mut places: Vec<Violation>) -> ProfileFailure {
        places.retain(|place| self.may_be_told(place));
        ProfileFailure::NotKept(places)
    }

    /// What a patch uses and the caller may not, whatever is stored.
    pub(super) fn denied(&self, patch: &Patch) -> Vec<(Use, Violation)> {
        let (readable, writable) = (self.permit.readable(), self.permit.writable());
        if readable.is_all() && writable.is_all() {
            return Vec::new();
        }
        let denied = patch.uses().filter_map(|(usage, name)| {
            let allowed = match (usage, &name) {
                (Use::Read, Some(name)) => readable.contains(name),
                (Use::Write, Some(name)) => writable.contains(name) && !self.is_blind_to(name),
                (Use::Read, None) => readable.is_all(),
                (Use::Write, None) => writable.is_all() && !self.is_blind_to_some(),
            };
            let detail = match usage {
                Use::Read => "you may not read this attribute",
                Use::Write => "you may not write this attribute",
            };
            let place = name.map_or_else(String::new, |name| pointer(&name));
            (!allowed).then(|| (usage, Violation::new(&place, detail)))
        });
        denied.take(MAX_VIOLATIONS).collect()
    }

    /// Whether a refusal to change an attribute would tell its value: it is read only to the caller,
    /// who may not see it.
    fn is_blind_to(&self, name: &str) -> bool {
        let schema = self.rules().schema.as_ref();
        schema.is_some_and(|schema| schema.read_only().contains(name))
            && !self.permit.read_only().contains(name)
            && !self.permit.readable().contains(name)
    }

    /// The same of any attribute.
    fn is_blind_to_some(&self) -> bool {
        let schema = self.rules().schema.as_ref();
        schema.is_some_and(|schema| schema.read_only().iter().any(|name| self.is_blind_to(name)))
    }

    /// Whether a violation lies within an attribute that the caller may see.
    fn may_be_told(&self, violation: &Violation) -> bool {
        let readable = self.permit.readable();
        readable.is_all() || {
            let mut names = violation.pointer.split('/').skip(1);
            let name = names
                .next()
                .map(|name| name.replace("~1", "/").replace("~0", "~"));
            name.is_some_and(|name| readable.contains(&name))
        }
    }

    /// What the caller may see; nothing at all is nothing to answer.
    pub(super) fn view(&self, profile: &Profile) -> Option<Profile> {
        (!self.permit.readable().is_empty()).then(|| self.seen(profile))
    }

    pub(super) fn seen(&self, profile: &Profile) -> Profile {
        match self.permit.readable() {
            Attributes::All => profile.clone(),
            readable @ Attributes::Only(_) => profile.only(|name| readable.contains(name)),
        }
    }
}

/// The JSON Pointer to an attribute.
fn pointer(name: &str) -> String {
    format!("/{}", name.replace('~', "~0").replace('/', "~1"))
}
