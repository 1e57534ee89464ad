//! Between JSON and `DynamoDB`'s attribute values.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Map, Number, Value};
use usher_domain::json::number;

/// A JSON value as an attribute value. Total: every portable value has one.
pub(crate) fn to_attribute(value: &Value) -> AttributeValue {
    match value {
        Value::Null => AttributeValue::Null(true),
        Value::Bool(flag) => AttributeValue::Bool(*flag),
        Value::Number(found) => AttributeValue::N(spelled(found)),
        Value::String(text) => AttributeValue::S(text.clone()),
        Value::Array(elements) => AttributeValue::L(elements.iter().map(to_attribute).collect()),
        Value::Object(members) => AttributeValue::M(
            members
                .iter()
                .map(|(name, member)| (name.clone(), to_attribute(member)))
                .collect(),
        ),
    }
}

/// The one spelling of a number.
pub(crate) fn spelled(number: &Number) -> String {
    let mut out = String::new();
    number::write(number, &mut out);
    out
}

/// Bytes as the text that they are shown as, and read from: base64 with padding (RFC 4648).
pub(crate) fn encoded(bytes: impl AsRef<[u8]>) -> String {
    STANDARD.encode(bytes)
}

/// The bytes of a text, if it is exactly what [`encoded`] makes of them.
pub(crate) fn decoded(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

/// The place of a member or an element, as a JSON Pointer (RFC 6901).
pub(crate) fn place_of(name: &str, within: &str) -> String {
    format!("{within}/{}", name.replace('~', "~0").replace('/', "~1"))
}

/// The attribute that a place is in, as a JSON Pointer. For the log: names further in are the user's content, such as the
/// addresses in an address book.
pub(crate) fn top(place: &str) -> &str {
    let end = place.get(1..).and_then(|rest| rest.find('/'));
    end.and_then(|end| place.get(..=end)).unwrap_or(place)
}

/// How attributes are shown as JSON. Sets, which JSON does not have, are lists in a fixed order, bytes
/// are base64, and a number with more digits than a double keeps is the nearest that it does keep.
///
/// # Errors
/// The first attribute that has no JSON form, and why.
pub(crate) fn shown_attributes<'a>(
    attributes: impl IntoIterator<Item = (&'a String, &'a AttributeValue)>,
    place: &str,
) -> Result<Map<String, Value>, String> {
    attributes
        .into_iter()
        .map(|(name, attribute)| Ok((name.clone(), shown(attribute, &place_of(name, place))?)))
        .collect()
}

/// How one attribute is shown.
///
/// # Errors
/// See [`shown_attributes`].
pub(crate) fn shown(attribute: &AttributeValue, place: &str) -> Result<Value, String> {
    let number =
        |literal: &String| number::nearest(literal).map_err(|why| format!("{}: {why}", top(place)));
    match attribute {
        AttributeValue::Null(_) => Ok(Value::Null),
        AttributeValue::Bool(flag) => Ok(Value::Bool(*flag)),
        AttributeValue::N(literal) => number(literal).map(Value::Number),
        AttributeValue::S(text) => Ok(Value::String(text.clone())),
        AttributeValue::B(bytes) => Ok(Value::String(encoded(bytes))),
        AttributeValue::L(elements) => elements
            .iter()
            .enumerate()
            .map(|(index, element)| shown(element, &place_of(&index.to_string(), place)))
            .collect(),
        AttributeValue::M(members) => shown_attributes(members, place).map(Value::Object),
        // A set has no order; a profile's tag must not depend on the one it came in.
        AttributeValue::Ss(texts) => Ok(sorted(texts.clone())),
        AttributeValue::Bs(blobs) => Ok(sorted(blobs.iter().map(encoded).collect())),
        AttributeValue::Ns(literals) => {
            let mut numbers: Vec<_> = literals.iter().map(number).collect::<Result<_, _>>()?;
            numbers.sort_by(|one, other| {
                let double = |number: &Number| number.as_f64().unwrap_or_default();
                // Integers that are one double are still two.
                double(one)
                    .total_cmp(&double(other))
                    .then_with(|| one.as_i64().cmp(&other.as_i64()))
            });
            Ok(numbers.into_iter().map(Value::Number).collect())
        }
        _ => Err(format!(
            "{}: the attribute has a type that this program does not know",
            top(place)
        )),
    }
}

fn sorted(mut texts: Vec<String>) -> Value {
    texts.sort_unstable();
    texts.into_iter().map(Value::String).collect()
}

/// Whether an attribute is just what its JSON would be stored as: nothing is lost when it is written
/// from that.
pub(crate) fn is_exact(attribute: &AttributeValue) -> bool {
    match attribute {
        AttributeValue::Null(_) | AttributeValue::Bool(_) | AttributeValue::S(_) => true,
        AttributeValue::N(literal) => {
            number::parse(literal).is_ok_and(|portable| number::equal(&spelled(&portable), literal))
        }
        AttributeValue::L(elements) => elements.iter().all(is_exact),
        AttributeValue::M(members) => members.values().all(is_exact),
        _ => false,
    }
}

/// A table's item.
pub(crate) type Item = HashMap<String, AttributeValue>;
