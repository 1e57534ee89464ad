//! The operator's schema, as a part of the OpenAPI document.
//!
//! A schema of OpenAPI 3.1 is JSON Schema 2020-12, and tools read it as that whatever `$schema`
//! says. So a schema of an older draft is written anew in the newer one, with the same meaning, and
//! a reference within it leads to where its target lies in the document.

mod keywords;
mod references;

use serde_json::{Map, Value, json};

use self::{
    keywords::{Draft, Holds, holds},
    references::Survey,
};

/// `schema` as it can stand at `place`, a JSON Pointer within the document.
pub(super) fn embed(schema: &Value, place: &str) -> Value {
    let draft = Draft::of(schema);
    let survey = Survey::of(schema, draft);
    let writer = Writer {
        draft,
        survey: &survey,
        place,
    };
    match writer.value(schema, "") {
        // Not every tool knows that a whole schema may be a boolean.
        Value::Bool(true) => json!({}),
        Value::Bool(false) => json!({"not": {}}),
        written => written,
    }
}

struct Writer<'a> {
    draft: Draft,
    survey: &'a Survey,
    place: &'a str,
}

impl Writer<'_> {
    /// A copy of what lies at `pointer`; the schemas in it are written anew.
    fn value(&self, value: &Value, pointer: &str) -> Value {
        match value {
            Value::Object(members) if self.survey.is_schema(pointer) => {
                Value::Object(self.schema(members, pointer))
            }
            Value::Object(members) => Value::Object(
                members
                    .iter()
                    .map(|(name, value)| (name.clone(), self.value(value, &at(pointer, name))))
                    .collect(),
            ),
            Value::Array(elements) => elements
                .iter()
                .enumerate()
                .map(|(index, value)| self.value(value, &format!("{pointer}/{index}")))
                .collect(),
            _ => value.clone(),
        }
    }

    fn schema(&self, members: &Map<String, Value>, pointer: &str) -> Map<String, Value> {
        let mut written = Map::new();
        let alone = self.draft.reads_references_alone() && members.contains_key("$ref");
        for (name, value) in members {
            if self.draft.ignores(name) || alone && keywords::asserts(name) {
                continue;
            }
            let inside = at(pointer, name);
            match (name.as_str(), value) {
                // Resolved by now; a tool that resolved against them would leave the document.
                ("$schema" | "$id" | "$anchor" | "$dynamicAnchor" | "$vocabulary", _) => {}
                ("id", Value::String(_)) if self.draft == Draft::Four => {}
                ("$ref" | "$dynamicRef", Value::String(reference)) => {
                    self.refer(reference, pointer, &mut written);
                }
                ("exclusiveMinimum" | "exclusiveMaximum", Value::Bool(exclusive)) => {
                    let bound = if name == "exclusiveMinimum" {
                        "minimum"
                    } else {
                        "maximum"
                    };
                    if let (true, Some(limit)) = (exclusive, members.get(bound)) {
                        written.insert(name.clone(), limit.clone());
                    }
                }
                ("minimum", _) if members.get("exclusiveMinimum") == Some(&Value::Bool(true)) => {}
                ("maximum", _) if members.get("exclusiveMaximum") == Some(&Value::Bool(true)) => {}
                ("items", Value::Array(_)) if self.draft.is_old() => {
                    written.insert("prefixItems".to_owned(), self.value(value, &inside));
                }
                ("additionalItems", _) if self.draft.is_old() => {
                    if members.get("items").is_some_and(Value::is_array) {
                        written.insert("items".to_owned(), self.value(value, &inside));
                    }
                }
                ("dependencies", Value::Object(all)) if self.draft.is_old() => {
                    for (name, needed) in all {
                        let keyword = if needed.is_array() {
                            "dependentRequired"
                        } else {
                            "dependentSchemas"
                        };
                        let needed = self.value(needed, &at(&inside, name));
                        let entry = written
                            .entry(keyword)
                            .or_insert_with(|| Value::Object(Map::new()));
                        if let Value::Object(entry) = entry {
                            entry.insert(name.clone(), needed);
                        }
                    }
                }
                _ if holds(name) == Holds::Data => {
                    written.insert(name.clone(), value.clone());
                }
                _ => {
                    let value = self.value(value, &inside);
                    match (written.get_mut(name), value) {
                        // A reference is there already: see below.
                        (Some(Value::Array(both)), Value::Array(more)) => both.extend(more),
                        (_, value) => drop(written.insert(name.clone(), value)),
                    }
                }
            }
        }
        written
    }

    fn refer(&self, reference: &str, pointer: &str, written: &mut Map<String, Value>) {
        let target = match self.survey.resolve(reference, pointer) {
            Some(found) => format!(
                "#{}",
                references::fragment(&format!("{}{found}", self.place))
            ),
            None => reference.to_owned(),
        };
        // `$ref` and `$dynamicRef` side by side both hold.
        if written.contains_key("$ref") {
            let both = written
                .entry("allOf")
                .or_insert_with(|| Value::Array(Vec::new()));
            if let Value::Array(both) = both {
                both.push(json!({ "$ref": target }));
            }
        } else {
            written.insert("$ref".to_owned(), target.into());
        }
    }
}

/// The pointer to a member.
fn at(pointer: &str, name: &str) -> String {
    format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1"))
}

#[cfg(test)]
mod tests;
