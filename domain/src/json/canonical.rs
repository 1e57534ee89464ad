//! The one spelling of a JSON value, which entity tags and sizes go by.

use serde_json::{Map, Value};

use super::number;

/// The canonical spelling: members sorted bytewise, no white space, numbers as [`number::write`]
/// has them.
#[must_use]
pub fn value(value: &Value) -> String {
    let mut out = String::new();
    write_value(value, &mut out);
    out
}

/// The canonical spelling of an object.
#[must_use]
pub fn object(members: &Map<String, Value>) -> String {
    let mut out = String::new();
    write_object(members, &mut out);
    out
}

/// How many bytes the canonical spelling of a value has.
pub(crate) fn size(value: &Value) -> usize {
    self::value(value).len()
}

fn write_value(value: &Value, out: &mut String) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(true) => out.push_str("true"),
        Value::Bool(false) => out.push_str("false"),
        Value::Number(found) => number::write(found, out),
        Value::String(text) => write_string(text, out),
        Value::Array(elements) => {
            out.push('[');
            for (index, element) in elements.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write_value(element, out);
            }
            out.push(']');
        }
        Value::Object(members) => write_object(members, out),
    }
}

fn write_object(members: &Map<String, Value>, out: &mut String) {
    // A Map is sorted, unless some other crate of the build turns on serde_json's preserve_order.
    let mut sorted: Vec<_> = members.iter().collect();
    sorted.sort_unstable_by_key(|(name, _)| *name);
    out.push('{');
    for (index, (name, member)) in sorted.into_iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        write_string(name, out);
        out.push(':');
        write_value(member, out);
    }
    out.push('}');
}

/// Appends `text` as a JSON string; only what must be escaped is.
pub fn write_string(text: &str, out: &mut String) {
    use std::fmt::Write as _;
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\0'..='\u{1f}' => {
                let _ = write!(out, "\\u{:04x}", u32::from(character));
            }
            _ => out.push(character),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::{super::portable, *};

    #[test]
    fn one_object_has_one_spelling() {
        let one =
            r#" { "b" : [1.0, -0, 1e2], "a" : {"z":null, "é":"\u00e9\u000a\/"} , "B":true } "#;
        let spelled = object(&portable::parse(one.as_bytes()).unwrap());
        assert_eq!(
            spelled,
            r#"{"B":true,"a":{"z":null,"é":"é\n/"},"b":[1,0,100]}"#
        );
        assert_eq!(
            object(&portable::parse(spelled.as_bytes()).unwrap()),
            spelled
        );
    }
}
