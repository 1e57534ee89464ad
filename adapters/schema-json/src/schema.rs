use std::{collections::BTreeSet, fmt};

use jsonschema::{
    Draft, PatternOptions, ValidationError, Validator, error::ValidationErrorKind as Kind,
};
use serde_json::{Map, Value};
use usher_domain::{
    json::{Violation, portable::MAX_VIOLATIONS},
    ports::ProfileSchema,
    profile::USER_ID_MEMBER,
};

use crate::{
    document,
    fault::{SchemaError, SchemaFault},
    metered::{Meter, Metered, Place},
    pointer,
    references::References,
    sentence,
};

/// The largest schema, in bytes.
pub const MAX_SCHEMA_BYTES: usize = 1024 * 1024;

/// The largest pattern when it is compiled, in bytes. The time that a text takes is linear in the
/// text, and this is about the factor.
pub const MAX_PATTERN_BYTES: usize = 4 * 1024 * 1024;

/// The longest text that can be in the format `regex`: to judge one takes time quadratic in its
/// length.
pub const MAX_REGEX_BYTES: usize = 4096;

/// So many looks at a profile may it take to judge it: a hundred for each value that 256 KiB can
/// hold. A profile that needs more is refused.
const MAX_LOOKS: usize = 1 << 24;
/// So many may it take to say why a profile is refused. What would be found later is left out.
const MAX_LOOKS_FOR_REASONS: usize = 1 << 20;
/// So many bytes may the reasons hold before the first few are chosen.
const MAX_BYTES_OF_REASONS: usize = 4 * 1024 * 1024;
/// So many bytes may they hold in copies of the whole profile.
const MAX_BYTES_OF_COPIES: usize = 16 * 1024 * 1024;

const TOO_MUCH_WORK: &str = "takes too much work to hold against the schema";
const DOES_NOT_HOLD: &str = "must hold what the schema says";

/// A JSON Schema that was found to be sound.
///
/// Holding a profile against it looks at values of the profile, and a look takes a short time: at
/// most linear in a text of the profile, and in the schema. A profile is refused that needs more
/// than 16 Mi looks or more than 1 MiB of stack, which is far beyond what a schema takes that does
/// not multiply its own work. To say why a profile is refused takes 1 Mi more looks at most, and
/// some 30 MiB.
pub struct JsonSchema {
    validator: Validator<Metered>,
    read_only: BTreeSet<Box<str>>,
    document: Value,
}

impl fmt::Debug for JsonSchema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JsonSchema")
            .field("draft", &self.validator.draft())
            .field("read_only", &self.read_only)
            .finish_non_exhaustive()
    }
}

impl JsonSchema {
    /// Reads a schema, as JSON.
    ///
    /// # Errors
    /// What is wrong with it, each with its place: it has more than [`MAX_SCHEMA_BYTES`], is not
    /// JSON, has two members of one name, or is of another draft; it breaks its draft's meta-schema;
    /// a reference leads out of it or nowhere; a pattern needs more than a linear-time engine; it
    /// demands a `userId`, which it is never shown.
    pub fn parse(text: &[u8]) -> Result<Self, SchemaError> {
        if text.len() > MAX_SCHEMA_BYTES {
            let detail = format!("has more than {MAX_SCHEMA_BYTES} bytes");
            return Err(SchemaFault::new("", detail).into());
        }
        let document = document::read(text)?;
        let draft = draft_of(&document)?;
        let faults = against_meta_schema(&document, draft);
        if !faults.is_empty() {
            return Err(SchemaError::new(faults));
        }
        let references = References::new(&document, draft)?;
        let mut faults = references.faults();
        faults.extend(demanded_user_id(&document));
        if !faults.is_empty() {
            return Err(SchemaError::new(faults));
        }
        let validator = build(&document, draft).map_err(|error| fault_of(&error))?;
        let mut read_only = references.read_only()?;
        // Never an attribute, so never one to keep.
        read_only.remove(USER_ID_MEMBER);
        drop(references);
        Ok(Self {
            validator,
            read_only,
            document,
        })
    }
}

impl ProfileSchema for JsonSchema {
    fn violations(&self, attributes: &Map<String, Value>) -> Vec<Violation> {
        let meter = Meter::of_looks(MAX_LOOKS);
        let holds = self
            .validator
            .is_valid(Place::of_attributes(attributes, &meter));
        if meter.is_spent() {
            return vec![Violation::new("", TOO_MUCH_WORK)];
        }
        if holds {
            return Vec::new();
        }
        let meter = Meter::of_looks(MAX_LOOKS_FOR_REASONS)
            .and_errors(MAX_BYTES_OF_REASONS, MAX_BYTES_OF_COPIES);
        // An error has the value with it: the whole is copied once, not once for each.
        let profile = Value::Object(attributes.clone());
        let place = Place::of(&profile, &meter);
        let reasons = violations(self.validator.iter_errors(place).collect());
        if reasons.is_empty() {
            vec![Violation::new("", DOES_NOT_HOLD)]
        } else {
            reasons
        }
    }

    fn read_only(&self) -> &BTreeSet<Box<str>> {
        &self.read_only
    }

    fn document(&self) -> &Value {
        &self.document
    }
}

/// The draft that a schema is written in.
fn draft_of(document: &Value) -> Result<Draft, SchemaFault> {
    if !document.is_object() && !document.is_boolean() {
        return Err(SchemaFault::new("", "a schema is an object, true or false"));
    }
    match document.get("$schema") {
        Some(Value::String(_)) | None => {}
        Some(_) => return Err(SchemaFault::new("/$schema", "must be of type string")),
    }
    match Draft::default().detect(document) {
        draft @ (Draft::Draft4 | Draft::Draft6 | Draft::Draft7 | Draft::Draft202012) => Ok(draft),
        _ => Err(SchemaFault::new(
            "/$schema",
            "must be the URI of draft 2020-12, 7, 6 or 4, such as \
             https://json-schema.org/draft/2020-12/schema",
        )),
    }
}

/// Every place where a schema is not one of its draft.
fn against_meta_schema(document: &Value, draft: Draft) -> Vec<SchemaFault> {
    // A part may be of another draft than the whole; then the engine tells the first fault alone.
    let mut mixed = false;
    pointer::each(document, &mut |place, value| {
        mixed |= !place.is_empty() && value.get("$schema").is_some_and(Value::is_string);
    });
    if mixed {
        return Vec::new();
    }
    let meta = match draft {
        Draft::Draft4 => jsonschema::draft4::meta::validator(),
        Draft::Draft6 => jsonschema::draft6::meta::validator(),
        Draft::Draft7 => jsonschema::draft7::meta::validator(),
        _ => jsonschema::draft202012::meta::validator(),
    };
    violations(meta.iter_errors(document).collect())
        .into_iter()
        .map(|fault| SchemaFault::new(fault.pointer, fault.detail))
        .collect()
}

/// A schema is applied without `userId`: with one that demands it, no profile could be written.
fn demanded_user_id(document: &Value) -> Option<SchemaFault> {
    let required = document.get("required")?.as_array()?;
    let index = required.iter().position(|name| name == USER_ID_MEMBER)?;
    Some(SchemaFault::new(
        format!("/required/{index}"),
        "the schema is applied to a profile without userId: leave it out here",
    ))
}

fn build(document: &Value, draft: Draft) -> Result<Validator<Metered>, ValidationError<'static>> {
    let regex = jsonschema::options()
        .should_validate_formats(true)
        .build(&serde_json::json!({"format": "regex"}))?;
    let is_regex = move |text: &str| {
        text.len() <= MAX_REGEX_BYTES && regex.is_valid(&Value::String(text.to_owned()))
    };
    jsonschema::options_for::<Metered>()
        .with_draft(draft)
        .offline()
        .with_pattern_options(PatternOptions::regex().size_limit(MAX_PATTERN_BYTES))
        .with_format("regex", is_regex)
        .build(document)
}

/// What the engine says of a schema that it does not take.
fn fault_of(error: &ValidationError<'_>) -> SchemaFault {
    let pointer = error.instance_path().as_str();
    let is_pattern = matches!(error.kind(), Kind::Format { format } if format == "regex");
    let detail = match error.kind() {
        _ if is_pattern => {
            "the pattern needs more than a linear-time engine can do, or is too large: \
             look-around and back-references are not possible"
                .to_owned()
        }
        Kind::Referencing(error) => sentence::bounded(&error.to_string()),
        _ => sentence::of(error),
    };
    SchemaFault::new(pointer, detail)
}

/// The first [`MAX_VIOLATIONS`] of `errors` in the order of their places, each once.
fn violations(mut errors: Vec<ValidationError<'_>>) -> Vec<Violation> {
    errors.sort_by_cached_key(|error| {
        let place: Vec<Step> = error
            .instance_path()
            .as_str()
            .split('/')
            .map(step)
            .collect();
        (place, sentence::of(error))
    });
    let mut violations = Vec::new();
    for error in &errors {
        for place in places(error) {
            let violation = Violation::new(&place, sentence::of(error));
            if violations.len() == MAX_VIOLATIONS {
                return violations;
            }
            if !violations.contains(&violation) {
                violations.push(violation);
            }
        }
    }
    violations
}

/// A part of a pointer, in the order of an array's elements and an object's members.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Index(usize),
    Name(String),
}

fn step(text: &str) -> Step {
    text.parse()
        .map_or_else(|_| Step::Name(text.to_owned()), Step::Index)
}

/// Where an error is: at the value, or at each member of it that should not be there.
fn places(error: &ValidationError<'_>) -> Vec<String> {
    let here = error.instance_path().as_str();
    match error.kind() {
        Kind::AdditionalProperties { unexpected } | Kind::UnevaluatedProperties { unexpected } => {
            let mut names: Vec<_> = unexpected.iter().collect();
            names.sort_unstable();
            let places = names.into_iter().take(MAX_VIOLATIONS);
            places.map(|name| pointer::member(here, name)).collect()
        }
        Kind::PropertyNames { error } => match &**error.instance() {
            Value::String(name) => vec![pointer::member(here, name)],
            _ => vec![here.to_owned()],
        },
        _ => vec![here.to_owned()],
    }
}
