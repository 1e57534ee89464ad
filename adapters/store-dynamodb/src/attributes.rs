//! Between JSON and `DynamoDB`'s attribute values.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Map, Value};
use usher_domain::json::number;

/// A JSON value as an attribute value. Total: every portable value has one.
pub(crate) fn to_attribute(value: &Value) -> AttributeValue {
    match value {
        Value::Null => AttributeValue::Null(true),
        Value::Bool(flag) => AttributeValue::Bool(*flag),
        Value::Number(found) => {
            let mut spelled = String::new();
            number::write(found, &mut spelled);
            AttributeValue::N(spelled)
        }
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

/// The attributes of an item as JSON. Sets, which JSON does not have, are read as lists, and bytes
/// as base64.
///
/// # Errors
/// The path of the first attribute that has no JSON form, and why.
pub(crate) fn from_attributes(
    attributes: HashMap<String, AttributeValue>,
    path: &str,
) -> Result<Map<String, Value>, String> {
    attributes
        .into_iter()
        .map(|(name, attribute)| {
            let value = from_attribute(attribute, &format!("{path}/{name}"))?;
            Ok((name, value))
        })
        .collect()
}

fn from_attribute(attribute: AttributeValue, path: &str) -> Result<Value, String> {
    let number = |literal: &str| {
        number::parse(literal)
            .map(Value::Number)
            .map_err(|why| format!("{path}: {why}"))
    };
    match attribute {
        AttributeValue::Null(_) => Ok(Value::Null),
        AttributeValue::Bool(flag) => Ok(Value::Bool(flag)),
        AttributeValue::N(literal) => number(&literal),
        AttributeValue::S(text) => Ok(Value::String(text)),
        AttributeValue::B(bytes) => Ok(Value::String(STANDARD.encode(bytes))),
        AttributeValue::L(elements) => elements
            .into_iter()
            .enumerate()
            .map(|(index, element)| from_attribute(element, &format!("{path}/{index}")))
            .collect(),
        AttributeValue::M(members) => from_attributes(members, path).map(Value::Object),
        AttributeValue::Ss(mut texts) => {
            // A set has no order; a profile's tag must not depend on the one it came in.
            texts.sort_unstable();
            Ok(texts.into_iter().map(Value::String).collect())
        }
        AttributeValue::Ns(mut literals) => {
            literals.sort_unstable();
            literals.iter().map(|literal| number(literal)).collect()
        }
        AttributeValue::Bs(blobs) => {
            let mut texts: Vec<_> = blobs
                .into_iter()
                .map(|blob| STANDARD.encode(blob))
                .collect();
            texts.sort_unstable();
            Ok(texts.into_iter().map(Value::String).collect())
        }
        _ => Err(format!(
            "{path}: the attribute has a type that this program does not know"
        )),
    }
}
