use serde_json::Value;

use super::number;

/// How many bytes `DynamoDB` counts for a value: text by its UTF-8, a byte for each two digits of a
/// number and one more, 3 for a list or a map and one for each thing in it (Amazon DynamoDB Developer
/// Guide, "DynamoDB item sizes and formats"). Less than twice the canonical spelling.
pub(crate) fn weight(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) => 1,
        Value::Number(number) => {
            let mut text = String::new();
            number::write(number, &mut text);
            let digits = text.bytes().filter(u8::is_ascii_digit).count();
            digits.div_ceil(2) + 1 + usize::from(text.starts_with('-'))
        }
        Value::String(text) => text.len(),
        Value::Array(elements) => {
            let element = |element| 1 + weight(element);
            3 + elements.iter().map(element).sum::<usize>()
        }
        Value::Object(members) => {
            let member = |(name, member): (&String, &Value)| 1 + name.len() + weight(member);
            3 + members.iter().map(member).sum::<usize>()
        }
    }
}
