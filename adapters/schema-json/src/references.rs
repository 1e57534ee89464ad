//! References within a schema: none leads out of it or nowhere, and where they lead.

use std::{
    collections::{BTreeSet, HashSet},
    sync::{Arc, Mutex, PoisonError},
};

use jsonschema::{Draft, ReferencingError, Registry, Retrieve, Uri, uri};
use serde_json::{Map, Value};

use crate::{
    fault::SchemaFault,
    pointer::{self, Pointers},
    sentence,
};

/// What a schema without an identifier is called: a relative reference needs a base.
const NAMELESS: &str = "json-schema:///";

/// The keywords that hold a reference.
const REFERENCES: [&str; 2] = ["$ref", "$dynamicRef"];
/// These, and the other keywords whose value is a URI.
const URIS: [&str; 5] = ["$ref", "$dynamicRef", "$id", "id", "$schema"];

/// A schema whose references can be followed.
pub(crate) struct References<'a> {
    document: &'a Value,
    draft: Draft,
    registry: Registry<'a>,
    base: Uri<String>,
    asked: Asked,
}

/// Fetches nothing: notes what would have been fetched, and says that it allows everything.
#[derive(Clone, Default)]
struct Asked(Arc<Mutex<BTreeSet<String>>>);

impl Retrieve for Asked {
    fn retrieve(
        &self,
        uri: &Uri<String>,
    ) -> Result<Value, Box<dyn std::error::Error + Send + Sync>> {
        self.lock().insert(uri.as_str().to_owned());
        Ok(Value::Bool(true))
    }
}

impl Asked {
    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeSet<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<'a> References<'a> {
    /// Reads what is named in `document` and by what.
    ///
    /// # Errors
    /// A name or a reference that is not a URI.
    pub(crate) fn new(document: &'a Value, draft: Draft) -> Result<Self, SchemaFault> {
        let asked = Asked::default();
        let resource = draft.create_resource_ref(document);
        let prepare = || {
            let base = uri::from_str(resource.id().unwrap_or(NAMELESS))?;
            let registry = Registry::new()
                .retriever(asked.clone())
                .draft(draft)
                .retrieve_known_draft_meta_schemas(false)
                .add(base.as_str(), resource)?
                .prepare()?;
            Ok((base, registry))
        };
        let (base, registry) =
            prepare().map_err(|error: ReferencingError| not_a_uri(document, &error))?;
        Ok(Self {
            document,
            draft,
            registry,
            base,
            asked,
        })
    }

    /// Every reference that leads out of the document or nowhere.
    pub(crate) fn faults(&self) -> Vec<SchemaFault> {
        let pointers = Pointers::of(self.document);
        let mut outside = self.asked.lock().clone();
        let mut faults = Vec::new();
        let mut work = vec![(
            self.registry.resolver(self.base.clone()),
            self.draft,
            self.document,
        )];
        while let Some((resolver, draft, schema)) = work.pop() {
            for keyword in REFERENCES {
                let Some(reference) = schema.get(keyword).and_then(Value::as_str) else {
                    continue;
                };
                let (document, _) = reference.split_once('#').unwrap_or((reference, ""));
                let document = resolver
                    .resolve_uri(&resolver.base_uri().borrow(), document)
                    .map(|uri| uri.as_str().to_owned());
                let detail = match (document, resolver.lookup(reference)) {
                    (Ok(uri), _) if self.asked.lock().contains(&uri) => {
                        outside.remove(&uri);
                        LEADS_OUT.to_owned()
                    }
                    (_, Ok(_)) => continue,
                    (_, Err(ReferencingError::Unretrievable { .. })) => LEADS_OUT.to_owned(),
                    (_, Err(error)) => {
                        sentence::bounded(&format!("the reference leads nowhere: {error}"))
                    }
                };
                let place = pointer::member(pointers.to(schema), keyword);
                faults.push(SchemaFault::new(place, detail));
            }
            for part in draft.subresources_of(schema) {
                let draft = draft.detect(part);
                match resolver.in_subresource(draft.create_resource_ref(part)) {
                    Ok(resolver) => work.push((resolver, draft, part)),
                    Err(error) => {
                        let detail = sentence::bounded(&format!("its name is not a URI: {error}"));
                        faults.push(SchemaFault::new(pointers.to(part), detail));
                    }
                }
            }
        }
        faults.extend(unknown_dialects(self.document, &outside));
        faults.sort_by(|one, other| one.pointer.cmp(&other.pointer));
        faults
    }

    /// The names in `properties` that are marked `readOnly`; `properties` and marks are looked for
    /// in a schema itself, in the members of its `allOf`, and where its `$ref` leads, to any depth.
    ///
    /// # Errors
    /// A mark that is neither true nor false: drafts 6 and 4 do not know the keyword and let it
    /// pass, and the attribute would be free to all.
    pub(crate) fn read_only(&self) -> Result<BTreeSet<Box<str>>, SchemaFault> {
        let mut read_only = BTreeSet::new();
        let mut seen = HashSet::new();
        let root = self.registry.resolver(self.base.clone());
        let mut work: Vec<(_, &Value, Option<&str>)> = vec![(root, self.document, None)];
        while let Some((resolver, schema, attribute)) = work.pop() {
            // A schema may lead back to itself.
            if !seen.insert((std::ptr::from_ref(schema), attribute)) {
                continue;
            }
            let Some(members) = schema.as_object() else {
                continue;
            };
            match members.get("readOnly") {
                Some(Value::Bool(true)) => read_only.extend(attribute.map(Into::into)),
                Some(Value::Bool(false)) | None => {}
                Some(_) => {
                    let pointers = Pointers::of(self.document);
                    let place = pointer::member(pointers.to(schema), "readOnly");
                    return Err(SchemaFault::new(place, "must be of type boolean"));
                }
            }
            let mut parts: Vec<(&Value, Option<&str>)> = Vec::new();
            if let Some(Value::Array(all)) = members.get("allOf") {
                parts.extend(all.iter().map(|part| (part, attribute)));
            }
            if attribute.is_none() {
                parts.extend(properties(members).map(|(name, part)| (part, Some(name))));
            }
            for (part, attribute) in parts {
                let resource = self.draft.detect(part).create_resource_ref(part);
                if let Ok(resolver) = resolver.in_subresource(resource) {
                    work.push((resolver, part, attribute));
                }
            }
            if let Some(Value::String(reference)) = members.get("$ref")
                && let Ok(found) = resolver.lookup(reference)
            {
                let (target, resolver, _) = found.into_inner();
                work.push((resolver, target, attribute));
            }
        }
        Ok(read_only)
    }
}

/// Why a reference is refused.
const LEADS_OUT: &str = "the reference leads out of the schema's file, and nothing is fetched";

fn properties(members: &Map<String, Value>) -> impl Iterator<Item = (&str, &Value)> {
    let properties = members.get("properties").and_then(Value::as_object);
    properties
        .into_iter()
        .flatten()
        .map(|(name, part)| (name.as_str(), part))
}

/// The place whose text `error` complains of.
fn not_a_uri(document: &Value, error: &ReferencingError) -> SchemaFault {
    let said = error.to_string();
    let mut found = String::new();
    pointer::each(document, &mut |place, value| {
        for keyword in URIS {
            if let Some(Value::String(text)) = value.get(keyword)
                && said.contains(&format!("'{text}'"))
            {
                found = pointer::member(place, keyword);
            }
        }
    });
    SchemaFault::new(found, sentence::bounded(&format!("not a URI: {error}")))
}

/// What would have been fetched, and not because a reference leads there: a part of the schema has a
/// dialect of its own.
fn unknown_dialects(document: &Value, outside: &BTreeSet<String>) -> Vec<SchemaFault> {
    let mut places = Vec::new();
    pointer::each(document, &mut |place, value| {
        if let Some(Value::String(dialect)) = value.get("$schema")
            && outside.contains(dialect.trim_end_matches('#'))
        {
            places.push(pointer::member(place, "$schema"));
        }
    });
    if places.is_empty() && !outside.is_empty() {
        places.push(String::new());
    }
    let fault = |place| SchemaFault::new(place, LEADS_OUT);
    places.into_iter().map(fault).collect()
}
