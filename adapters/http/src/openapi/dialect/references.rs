//! Where the schemas of a document lie, and where references lead.

use std::collections::BTreeMap;

use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};
use serde_json::Value;

use super::{
    at,
    keywords::{Draft, Holds, holds},
};

/// What a JSON Pointer needs to stand in a fragment (RFC 3986, 3.5).
const FRAGMENT: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'<')
    .add(b'>')
    .add(b'[')
    .add(b'\\')
    .add(b']')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

pub(super) fn fragment(pointer: &str) -> String {
    utf8_percent_encode(pointer, FRAGMENT).to_string()
}

/// Every schema of a document, by the JSON Pointer at which it was written.
pub(super) struct Survey {
    /// Where a schema goes, and the address that its references start from.
    schemas: BTreeMap<String, Place>,
    /// What schemas are called: an address, with an anchor or without.
    names: BTreeMap<String, String>,
}

struct Place {
    moved: String,
    base: String,
}

impl Survey {
    pub(super) fn of(document: &Value, draft: Draft) -> Self {
        let mut survey = Self {
            schemas: BTreeMap::new(),
            names: BTreeMap::from([(String::new(), String::new())]),
        };
        let mut references = Vec::new();
        survey.visit(document, draft, "", "", "", &mut references);
        // A reference may lead into a keyword that nobody knows: what it leads to is a schema.
        while let Some((pointer, reference)) = references.pop() {
            let Some(target) = survey.locate(&reference, &pointer) else {
                continue;
            };
            if let Some(found) = document.pointer(&target)
                && !survey.is_schema(&target)
            {
                let moved = survey.moved(&target);
                let base = survey.base(&target).to_owned();
                survey.visit(found, draft, &target, &moved, &base, &mut references);
            }
        }
        survey
    }

    pub(super) fn is_schema(&self, pointer: &str) -> bool {
        self.schemas.contains_key(pointer)
    }

    /// Where a reference of the schema at `pointer` leads, by what the document will look like;
    /// `None` when it leads out of the document.
    pub(super) fn resolve(&self, reference: &str, pointer: &str) -> Option<String> {
        let target = self.locate(reference, pointer)?;
        Some(self.moved(&target))
    }

    fn visit(
        &mut self,
        schema: &Value,
        draft: Draft,
        pointer: &str,
        moved: &str,
        base: &str,
        references: &mut Vec<(String, String)>,
    ) {
        let base = self.name(schema, draft, pointer, base);
        let place = Place {
            moved: moved.to_owned(),
            base: base.clone(),
        };
        self.schemas.insert(pointer.to_owned(), place);
        let Value::Object(members) = schema else {
            return;
        };
        for (keyword, value) in members {
            if let ("$ref" | "$dynamicRef", Value::String(reference)) = (keyword.as_str(), value) {
                references.push((pointer.to_owned(), reference.clone()));
            }
            let inside = at(pointer, keyword);
            let goes = match (keyword.as_str(), value) {
                ("items", Value::Array(_)) if draft.is_old() => at(moved, "prefixItems"),
                ("additionalItems", _) if draft.is_old() => at(moved, "items"),
                ("dependencies", _) if draft.is_old() => at(moved, "dependentSchemas"),
                _ => at(moved, keyword),
            };
            match (holds(keyword), value) {
                (Holds::Schemas, Value::Array(all)) => {
                    for (index, one) in all.iter().enumerate() {
                        let (from, to) = (format!("{inside}/{index}"), format!("{goes}/{index}"));
                        self.visit(one, draft, &from, &to, &base, references);
                    }
                }
                (Holds::Schemas, one) => {
                    self.visit(one, draft, &inside, &goes, &base, references);
                }
                (Holds::NamedSchemas, Value::Object(all)) => {
                    for (name, one) in all.iter().filter(|(_, one)| !one.is_array()) {
                        let (from, to) = (at(&inside, name), at(&goes, name));
                        self.visit(one, draft, &from, &to, &base, references);
                    }
                }
                _ => {}
            }
        }
    }

    /// Notes what a schema is called; the address that references in it start from.
    fn name(&mut self, schema: &Value, draft: Draft, pointer: &str, base: &str) -> String {
        let text = |keyword| schema.get(keyword).and_then(Value::as_str);
        let mut base = base.to_owned();
        let id = if draft == Draft::Four { "id" } else { "$id" };
        if let Some(id) = text(id) {
            let called = absolute(&base, id);
            // Up to draft 7, an id with a fragment is an anchor.
            if !called.contains('#') {
                base.clone_from(&called);
            }
            self.names.insert(called, pointer.to_owned());
        }
        for anchor in ["$anchor", "$dynamicAnchor"] {
            if let Some(anchor) = text(anchor) {
                self.names
                    .insert(format!("{base}#{anchor}"), pointer.to_owned());
            }
        }
        base
    }

    /// The place in the document as it was written.
    fn locate(&self, reference: &str, pointer: &str) -> Option<String> {
        let target = absolute(self.base(pointer), reference);
        if let Some(found) = self.names.get(&target) {
            return Some(found.clone());
        }
        let (address, fragment) = target.split_once('#')?;
        let fragment = percent_decode_str(fragment).decode_utf8().ok()?;
        let root = self.names.get(address)?;
        fragment
            .starts_with('/')
            .then(|| format!("{root}{fragment}"))
    }

    fn moved(&self, pointer: &str) -> String {
        let (schema, rest) = self.nearest(pointer);
        let start = schema.map_or("", |place| place.moved.as_str());
        format!("{start}{rest}")
    }

    fn base(&self, pointer: &str) -> &str {
        self.nearest(pointer)
            .0
            .map_or("", |place| place.base.as_str())
    }

    /// The innermost schema that a place lies in, and the way from there.
    fn nearest<'a>(&self, pointer: &'a str) -> (Option<&Place>, &'a str) {
        let mut end = pointer.len();
        loop {
            let (start, rest) = pointer.split_at(end);
            if let Some(place) = self.schemas.get(start) {
                return (Some(place), rest);
            }
            match start.rfind('/') {
                Some(shorter) => end = shorter,
                None => return (None, pointer),
            }
        }
    }
}

/// `reference` as seen from `base` (RFC 3986, 5.2), an empty fragment left out. Dots in paths are not
/// followed: schemas refer to their neighbours by name.
fn absolute(base: &str, reference: &str) -> String {
    let reference = reference.strip_suffix('#').unwrap_or(reference);
    let has_scheme = reference
        .split_once(':')
        .is_some_and(|(scheme, _)| !scheme.is_empty() && !scheme.contains(['/', '#', '?']));
    if has_scheme {
        return reference.to_owned();
    }
    if reference.is_empty() || reference.starts_with('#') {
        return format!("{base}{reference}");
    }
    let authority = base.find("://").map_or(0, |scheme| {
        let after = &base[scheme + 3..];
        scheme + 3 + after.find('/').unwrap_or(after.len())
    });
    if reference.starts_with('/') {
        return format!("{}{reference}", &base[..authority]);
    }
    let folder = base[authority..].rfind('/').map_or("/", |end| {
        // Whatever stands before the last name stays.
        &base[authority..=authority + end]
    });
    let folder = if base.is_empty() { "" } else { folder };
    format!("{}{folder}{reference}", &base[..authority])
}
