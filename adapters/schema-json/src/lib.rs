//! A deployment's JSON Schema for profiles, with the `jsonschema` crate as the engine.
//!
//! Read are drafts 2020-12, 7, 6 and 4, as `$schema` says; without `$schema` it is 2020-12. A schema
//! is one file: a reference that leads out of it is refused, and nothing is ever fetched. The
//! meta-schemas of the drafts are known without a file.
//!
//! What the drafts leave open:
//!
//! * `format` is checked in drafts 7, 6 and 4 and is an annotation in 2020-12, as each draft has it
//!   by default. A format that is not known to the draft, and `idn-email` and `idn-hostname`, are
//!   annotations. `regex` is checked up to [`MAX_REGEX_BYTES`] and does not hold beyond.
//! * `contentEncoding` `base64` and `contentMediaType` `application/json` are checked in drafts 7 and
//!   6, and are annotations in 2020-12.
//! * `pattern` and `patternProperties` have ECMA-262's syntax without look-around and
//!   back-references, and are matched by the `regex` crate in time linear in the text.
//!
//! An attribute is read only when its schema in `properties` says `readOnly: true`, in every draft.
//! `properties` counts in the schema itself, and `readOnly` in the attribute's schema; both count as
//! well in the members of an `allOf` there and where a `$ref` there leads, to any depth, also beside
//! a `$ref` in drafts 7, 6 and 4. Nowhere else: not below an attribute, not in what holds under a
//! condition (`anyOf`, `oneOf`, `if`), not for names that are not spelled out
//! (`patternProperties`, `additionalProperties`), and not of the whole.
//!
//! A schema is the operator's and may be trusted; a profile is not. Besides patterns, a recursive
//! schema could be made to do work, or to list faults, without end. So every look at a profile is
//! counted, and what would look too often is refused: [`JsonSchema`] has the bounds.

mod document;
mod fault;
mod metered;
mod pointer;
mod references;
mod schema;
mod sentence;

pub use fault::{MAX_FAULTS, SchemaError, SchemaFault};
pub use schema::{JsonSchema, MAX_PATTERN_BYTES, MAX_REGEX_BYTES, MAX_SCHEMA_BYTES};
pub use sentence::MAX_DETAIL_BYTES;
