//! Reading and checking a portable JSON object.

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value, value::RawValue};

use super::{Place, Violation, number};

/// The deepest nesting, the object itself being depth 1 (DynamoDB keeps 32 levels).
pub const MAX_DEPTH: usize = 32;
/// So many places are named in one answer, and no more.
pub const MAX_VIOLATIONS: usize = 32;

pub(crate) const TOO_DEEP: &str = "nested deeper than 32 levels";
const NUL: &str = "the text contains U+0000";
/// The longest name of a member, in bytes of UTF-8 (DynamoDB keeps no longer ones).
pub const MAX_NAME_BYTES: usize = 65_535;
const LONG_NAME: &str = "the member's name is longer than 65535 bytes";
const EMPTY_NAME: &str = "a member has an empty name";
const DUPLICATE_NAME: &str = "the member's name appears twice";
const RESERVED_NAME: &str = "names that begin with an underscore are reserved";
const NOT_AN_OBJECT: &str = "the document is not an object";

/// Why a text is not a portable object.
#[derive(Debug)]
pub enum NotPortable {
    /// It is not JSON; what the parser says, with line and column.
    Syntax(String),
    /// It is JSON that some store could not keep.
    Violations(Vec<Violation>),
}

/// Reads `text` as a portable object. Every place that is wrong is named, up to
/// [`MAX_VIOLATIONS`].
///
/// # Errors
/// [`NotPortable::Syntax`] if it is not JSON (RFC 8259), [`NotPortable::Violations`] otherwise.
pub fn parse(text: &[u8]) -> Result<Map<String, Value>, NotPortable> {
    let (value, mut violations) = read(text, MAX_DEPTH).map_err(NotPortable::Syntax)?;
    violations.extend(other_kind(&value));
    violations.truncate(MAX_VIOLATIONS);
    match value {
        Value::Object(members) if violations.is_empty() => Ok(members),
        _ => Err(NotPortable::Violations(violations)),
    }
}

/// Every place that is wrong in a value that did not come out of a text, up to [`MAX_VIOLATIONS`].
/// Its numbers are brought into portable form.
pub fn check(value: &mut Value) -> Vec<Violation> {
    let mut violations = Vec::new();
    look(value, MAX_DEPTH, &mut Place::default(), &mut violations);
    violations
}

/// What is wrong with a document that is no object.
pub(crate) fn other_kind(document: &Value) -> Option<Violation> {
    (!document.is_object()).then(|| Place::default().violation(NOT_AN_OBJECT))
}

/// Reads `text` as any JSON value whose parts are portable, nested no deeper than `max_depth`. A
/// place that is wrong is named and null in the value.
///
/// # Errors
/// What the parser says, with line and column, if it is not JSON (RFC 8259).
pub(crate) fn read(text: &[u8], max_depth: usize) -> Result<(Value, Vec<Violation>), String> {
    let text = std::str::from_utf8(text).map_err(|error| error.to_string())?;
    let raw: &RawValue = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let mut reader = Reader {
        max_depth,
        violations: Vec::new(),
        syntax: None,
    };
    let mut value = reader.value(raw.get(), &mut Place::default());
    // A lone surrogate is found only when the text is decoded; it is a fault of syntax all the same.
    if let Some(error) = reader.syntax {
        return Err(error);
    }
    // What only the text shows, then what the value shows: a place in the first list is null in the
    // value, so that it is not named twice.
    let mut violations = reader.violations;
    look(
        &mut value,
        max_depth,
        &mut Place::default(),
        &mut violations,
    );
    Ok((value, violations))
}

fn look(value: &mut Value, max_depth: usize, place: &mut Place, violations: &mut Vec<Violation>) {
    let mut report = |violation| {
        if violations.len() < MAX_VIOLATIONS {
            violations.push(violation);
        }
    };
    match value {
        Value::Number(found) => match number::normalise(found) {
            Ok(portable) => *found = portable,
            Err(detail) => report(place.violation(detail)),
        },
        Value::String(text) if text.contains('\0') => report(place.violation(NUL)),
        Value::Null | Value::Bool(_) | Value::String(_) => {}
        Value::Array(_) | Value::Object(_) if place.depth() >= max_depth => {
            report(place.violation(TOO_DEEP));
        }
        Value::Array(elements) => {
            for (index, element) in elements.iter_mut().enumerate() {
                place.at(&index.to_string(), |place| {
                    look(element, max_depth, place, violations);
                });
            }
        }
        Value::Object(members) => {
            for (name, member) in members.iter_mut() {
                if let Some(detail) = fault_of_name(name, place)
                    && violations.len() < MAX_VIOLATIONS
                {
                    violations.push(place.at(name, |place| place.violation(detail)));
                }
                place.at(name, |place| look(member, max_depth, place, violations));
            }
        }
    }
}

fn fault_of_name(name: &str, place: &Place) -> Option<&'static str> {
    if name.is_empty() {
        Some(EMPTY_NAME)
    } else if name.len() > MAX_NAME_BYTES {
        Some(LONG_NAME)
    } else if name.contains('\0') {
        Some(NUL)
    } else if place.depth() == 0 && name.starts_with('_') {
        Some(RESERVED_NAME)
    } else {
        None
    }
}

/// Reads what a parsed value no longer shows: number literals and duplicate names.
///
/// `serde_json` rounds a number before a visitor sees it, and its `arbitrary_precision` changes
/// how every other type is read. So each level is taken as raw text and read one step deeper.
struct Reader {
    max_depth: usize,
    violations: Vec<Violation>,
    syntax: Option<String>,
}

impl Reader {
    fn value(&mut self, text: &str, place: &mut Place) -> Value {
        match text.as_bytes().first() {
            Some(b'{' | b'[') if place.depth() >= self.max_depth => self.report(place, TOO_DEEP),
            Some(b'{') => {
                let Some(Members(pairs)) = self.step(text) else {
                    return Value::Null;
                };
                let mut members = Map::new();
                for (name, raw) in pairs {
                    let value = place.at(&name, |place| {
                        if members.contains_key(&name) {
                            self.report(place, DUPLICATE_NAME);
                        }
                        self.value(raw.get(), place)
                    });
                    members.insert(name, value);
                }
                Value::Object(members)
            }
            Some(b'[') => {
                let Some(Elements(elements)) = self.step(text) else {
                    return Value::Null;
                };
                let read = |(index, raw): (usize, &RawValue)| {
                    place.at(&index.to_string(), |place| self.value(raw.get(), place))
                };
                Value::Array(elements.into_iter().enumerate().map(read).collect())
            }
            Some(b'-' | b'0'..=b'9') => match number::parse(text) {
                Ok(number) => Value::Number(number),
                Err(detail) => self.report(place, detail),
            },
            _ => self.step(text).unwrap_or(Value::Null),
        }
    }

    fn step<'a, T: Deserialize<'a>>(&mut self, text: &'a str) -> Option<T> {
        let value = serde_json::from_str(text).ok();
        if value.is_none() {
            // The syntax was checked before; what remains is an escape that stands for nothing. The
            // place that the parser names is one within this fragment, and would mislead.
            self.syntax
                .get_or_insert_with(|| "a text has a lone surrogate".to_owned());
        }
        value
    }

    fn report(&mut self, place: &Place, detail: &'static str) -> Value {
        if self.violations.len() < MAX_VIOLATIONS {
            self.violations.push(place.violation(detail));
        }
        Value::Null
    }
}

struct Members<'a>(Vec<(String, &'a RawValue)>);
struct Elements<'a>(Vec<&'a RawValue>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pairs;
        impl<'de> Visitor<'de> for Pairs {
            type Value = Members<'de>;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Members(pairs))
            }
        }
        deserializer.deserialize_map(Pairs)
    }
}

impl<'de> Deserialize<'de> for Elements<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Items;
        impl<'de> Visitor<'de> for Items {
            type Value = Elements<'de>;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an array")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = seq.next_element()? {
                    items.push(item);
                }
                Ok(Elements(items))
            }
        }
        deserializer.deserialize_seq(Items)
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;

    fn violations(text: &str) -> Vec<(String, &'static str)> {
        match parse(text.as_bytes()) {
            Err(NotPortable::Violations(found)) => found
                .into_iter()
                .map(|violation| match violation.detail {
                    Cow::Borrowed(detail) => (violation.pointer, detail),
                    Cow::Owned(detail) => panic!("{detail}"),
                })
                .collect(),
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        assert_eq!(violations("[]"), [(String::new(), NOT_AN_OBJECT)]);
        assert_eq!(violations("7"), [(String::new(), NOT_AN_OBJECT)]);
        assert_eq!(violations(r#"{"a":{"":1}}"#), [("/a/".into(), EMPTY_NAME)]);
        assert_eq!(
            violations(r#"{"a":1,"a":1}"#),
            [("/a".into(), DUPLICATE_NAME)]
        );
        assert_eq!(
            violations(r#"{"a":[{"x":1,"\u0078":2}]}"#),
            [("/a/0/x".into(), DUPLICATE_NAME)]
        );
        assert_eq!(violations(r#"{"_x":1}"#), [("/_x".into(), RESERVED_NAME)]);
        assert_eq!(
            violations(r#"{"a/b":["\u0000"]}"#),
            [("/a~1b/0".into(), NUL)]
        );
        assert_eq!(
            violations(r#"{"a":1e400}"#),
            [("/a".into(), number::OUT_OF_RANGE)]
        );
        assert_eq!(
            violations(r#"{"a":0.30000000000000000001}"#),
            [("/a".into(), number::NOT_KEPT)]
        );
        assert!(parse(br#"{"a":{"_x":1}}"#).is_ok());
    }

    #[test]
    fn several_faults_are_reported_at_once_and_within_a_bound() {
        let all = r#"{"a":1e400,"b":[9223372036854775808],"c":1,"c":1,"_d":1,"":"\u0000"}"#;
        let places: Vec<_> = violations(all)
            .into_iter()
            .map(|(place, _)| place)
            .collect();
        assert_eq!(places, ["/a", "/b/0", "/c", "/", "/", "/_d"]);
        let many = format!("{{\"a\":[{}1e400]}}", "1e400,".repeat(1000));
        assert_eq!(violations(&many).len(), MAX_VIOLATIONS);
    }

    #[test]
    fn long_names_do_not_make_long_answers() {
        let members = (0..1000).map(|index| format!("\"m{index}\":1e999"));
        let members = members.collect::<Vec<_>>().join(",");
        let text = format!(
            "{{\"short\":{{\"{}\":{{{members}}}}}}}",
            "/".repeat(200_000)
        );
        let found = violations(&text);
        assert_eq!(found.len(), MAX_VIOLATIONS);
        assert!(
            found.iter().all(|(pointer, _)| pointer == "/short/…"),
            "{found:?}"
        );
        let wide = format!("{{\"{}\":1e999}}", "é".repeat(10_000));
        assert_eq!(violations(&wide), [("/…".into(), number::OUT_OF_RANGE)]);
    }

    #[test]
    fn the_document_is_depth_one_and_thirty_two_are_kept() {
        let nested = |depth: usize| format!("{}1{}", "{\"a\":".repeat(depth), "}".repeat(depth));
        assert!(parse(nested(32).as_bytes()).is_ok());
        assert_eq!(violations(&nested(33)), [("/a".repeat(32), TOO_DEEP)]);
        assert_eq!(violations(&nested(50_000)), [("/a".repeat(32), TOO_DEEP)]);
        let mut value = serde_json::from_str(&nested(33)).unwrap();
        assert_eq!(check(&mut value)[0].detail, TOO_DEEP);
    }

    #[test]
    fn what_is_not_json_is_a_fault_of_syntax_first() {
        for text in [
            &b"{"[..],
            b"",
            b"{\"a\":1,}",
            b"{\"a\":01}",
            b"{\"a\":1e400",
            b"{\"a\":\"\xff\"}",
            b"{\"a\":\"\\ud800\"}",
            b"{\"\\ud800\":1e400}",
            b"{} {}",
            b"\xef\xbb\xbf{}",
        ] {
            assert!(
                matches!(parse(text), Err(NotPortable::Syntax(_))),
                "{text:?}"
            );
        }
    }
}
