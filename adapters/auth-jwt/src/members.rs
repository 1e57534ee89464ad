use std::{borrow::Cow, cmp::Ordering, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{Error as _, MapAccess, Visitor},
};
use serde_json::value::RawValue;

/// The members of a JSON object, none of them twice: two readers of one token must not see two
/// different claims (RFC 7515, section 4; RFC 7519, section 4).
///
/// Values are looked at when they are asked for. Most claims never are, and what is not read cannot
/// be nested too deep.
pub(crate) struct Members<'a>(Vec<(Cow<'a, str>, &'a str)>);

impl<'a> Members<'a> {
    /// Reads an object and nothing else.
    pub(crate) fn parse(json: &'a str) -> Option<Self> {
        serde_json::from_str(json).ok()
    }

    /// A value as it was written; `null` is none.
    pub(crate) fn get(&self, name: &str) -> Option<&'a str> {
        self.written(name).filter(|value| *value != "null")
    }

    /// Whether the member is there, whatever is in it: null, too.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.written(name).is_some()
    }

    fn written(&self, name: &str) -> Option<&'a str> {
        let place = self.0.binary_search_by(|(known, _)| order(known, name));
        let (_, value) = self.0.get(place.ok()?)?;
        Some(value)
    }
}

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Unique;
        impl<'de> Visitor<'de> for Unique {
            type Value = Members<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some((Text(name), value)) = map.next_entry::<Text<'de>, &RawValue>()? {
                    members.push((name, value.get()));
                }
                // Sorted and then compared with its neighbour: a token of thousands of claims must
                // not cost thousands of times thousands of looks before its signature is checked.
                members.sort_unstable_by(|(one, _), (other, _)| order(one, other));
                let twice = members
                    .windows(2)
                    .any(|pair| matches!(pair, [(one, _), (other, _)] if one == other));
                if twice {
                    return Err(A::Error::custom("a member is there twice"));
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Unique)
    }
}

/// A text, borrowed where nothing in it is escaped.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// Lengths differ more often than first letters, and are quicker to compare.
fn order(one: &str, other: &str) -> Ordering {
    one.len().cmp(&other.len()).then_with(|| one.cmp(other))
}

/// What `json`, a value as it was written, is, if it is a text.
pub(crate) fn text(json: &str) -> Option<Cow<'_, str>> {
    let written = json.strip_prefix('"')?.strip_suffix('"')?;
    if !written.contains('\\') {
        return Some(Cow::Borrowed(written));
    }
    serde_json::from_str(json).ok().map(|Text(text)| text)
}

/// The elements of `json` as they were written, if it is a list.
pub(crate) fn list(json: &str) -> Option<Vec<&str>> {
    let elements: Vec<&RawValue> = serde_json::from_str(json).ok()?;
    Some(elements.into_iter().map(RawValue::get).collect())
}
