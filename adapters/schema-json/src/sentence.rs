//! What an error says, in one sentence that names the rule and repeats no value.
//!
//! Not in the engine's own words: masked or not, some of them show elements of a list, and one may
//! be as long as an `enum` of the schema.

use std::fmt::{self, Write as _};

use jsonschema::{
    ValidationError,
    error::{TypeKind, ValidationErrorKind as Kind},
};

/// The longest sentence. A rule that is longer when written out ends with an ellipsis.
pub const MAX_DETAIL_BYTES: usize = 300;

const ELLIPSIS: char = '…';

/// Text of at most [`MAX_DETAIL_BYTES`]: what does not fit is not even put together.
#[derive(Default)]
struct Bounded {
    text: String,
    full: bool,
}

impl fmt::Write for Bounded {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut room = MAX_DETAIL_BYTES - ELLIPSIS.len_utf8() - self.text.len();
        if !self.full && text.len() <= room {
            self.text.push_str(text);
            return Ok(());
        }
        while !text.is_char_boundary(room) {
            room -= 1;
        }
        if !self.full {
            self.text.push_str(&text[..room]);
            self.text.push(ELLIPSIS);
        }
        self.full = true;
        Err(fmt::Error)
    }
}

/// What `error` says.
pub(crate) fn of(error: &ValidationError<'_>) -> String {
    let mut out = Bounded::default();
    // The only error is that there is no more room, and then the ellipsis is there.
    let _ = write(error, &mut out);
    out.text
}

/// `text`, cut to what a sentence may have.
pub(crate) fn bounded(text: &str) -> String {
    let mut out = Bounded::default();
    let _ = out.write_str(text);
    out.text
}

fn write(error: &ValidationError<'_>, out: &mut Bounded) -> fmt::Result {
    match error.kind() {
        Kind::Type { kind } => types(kind, out),
        Kind::Enum { options } => write!(out, "must be one of {options}"),
        Kind::Constant { expected_value } => write!(out, "must be {expected_value}"),
        Kind::Required { property } => write!(out, "must have the member {property}"),
        Kind::AdditionalProperties { .. } | Kind::UnevaluatedProperties { .. } => {
            write!(out, "the schema has no such member")
        }
        Kind::FalseSchema
            if error
                .schema_path()
                .as_str()
                .ends_with("/additionalProperties") =>
        {
            write!(out, "must have no members")
        }
        Kind::FalseSchema => write!(out, "nothing is allowed here"),
        Kind::PropertyNames { error } => {
            write!(out, "the member's name ")?;
            write(error, out)
        }
        Kind::MinProperties { limit } => write!(out, "must have {limit} members or more"),
        Kind::MaxProperties { limit } => write!(out, "must have {limit} members or fewer"),
        Kind::AdditionalItems { limit } => write!(out, "must have {limit} elements or fewer"),
        Kind::MinItems { limit } => write!(out, "must have {limit} elements or more"),
        Kind::MaxItems { limit } => write!(out, "must have {limit} elements or fewer"),
        Kind::UniqueItems => write!(out, "must not have equal elements"),
        Kind::Contains => write!(
            out,
            "must have as many elements that match contains as the schema says"
        ),
        Kind::UnevaluatedItems { .. } => {
            write!(out, "must not have elements that the schema does not know")
        }
        Kind::MinLength { limit } => write!(out, "must have {limit} characters or more"),
        Kind::MaxLength { limit } => write!(out, "must have {limit} characters or fewer"),
        Kind::Pattern { pattern } => write!(out, "must match the pattern {pattern}"),
        Kind::Format { format } => write!(out, "must be in the format {format}"),
        Kind::ContentEncoding { content_encoding } => {
            write!(out, "must be encoded as {content_encoding}")
        }
        Kind::FromUtf8 { .. } => write!(out, "must be UTF-8 when it is decoded"),
        Kind::ContentMediaType { content_media_type } => {
            write!(out, "must be of the media type {content_media_type}")
        }
        Kind::Minimum { limit } => write!(out, "must be {limit} or more"),
        Kind::Maximum { limit } => write!(out, "must be {limit} or less"),
        Kind::ExclusiveMinimum { limit } => write!(out, "must be more than {limit}"),
        Kind::ExclusiveMaximum { limit } => write!(out, "must be less than {limit}"),
        Kind::MultipleOf { multiple_of } => write!(out, "must be a multiple of {multiple_of}"),
        Kind::AnyOf { context } => alternatives(error, "anyOf", context, out),
        Kind::OneOfNotValid { context } => alternatives(error, "oneOf", context, out),
        Kind::OneOfMultipleValid { .. } => {
            write!(out, "must match one of the schemas in oneOf, not several")
        }
        Kind::Not { .. } => write!(out, "must not match the schema in not"),
        kind => write!(
            out,
            "must hold what the schema says with {}",
            kind.keyword()
        ),
    }
}

fn types(kind: &TypeKind, out: &mut Bounded) -> fmt::Result {
    write!(out, "must be of type ")?;
    match kind {
        TypeKind::Single(only) => write!(out, "{only}"),
        TypeKind::Multiple(set) => {
            for (index, one) in set.iter().enumerate() {
                let or = if index > 0 { " or " } else { "" };
                write!(out, "{or}{one}")?;
            }
            Ok(())
        }
    }
}

/// Where each alternative has one fault, and has it right here, the faults say what would do.
fn alternatives(
    error: &ValidationError<'_>,
    keyword: &str,
    context: &[Vec<ValidationError<'static>>],
    out: &mut Bounded,
) -> fmt::Result {
    let here = |branch: &Vec<ValidationError<'static>>| match branch.as_slice() {
        [only] => only.instance_path() == error.instance_path(),
        _ => false,
    };
    if context.is_empty() || !context.iter().all(here) {
        return write!(out, "must match one of the schemas in {keyword}");
    }
    for (index, fault) in context.iter().flatten().enumerate() {
        let or = if index > 0 { ", or " } else { "" };
        write!(out, "{or}")?;
        write(fault, out)?;
    }
    Ok(())
}
