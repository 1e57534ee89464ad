//! What a new value makes of an attribute that is there, in whose types JSON does not have.
//!
//! A part that is shown as it is to become stays as it is stored. A part that changes is written with
//! the type that it has, if the new value has one of that type; a value of another kind altogether
//! (a text in place of a list) was meant to replace it. What is left would lose the type behind its
//! caller's back: a list with the same element twice in place of a set, say. It is refused.

use std::{
    collections::{HashMap, HashSet},
    mem::discriminant,
};

use aws_sdk_dynamodb::{primitives::Blob, types::AttributeValue};
use serde_json::{Map, Value};
use usher_domain::json::{Violation, canonical, portable};

use crate::{
    attributes::{decoded, encoded, is_exact, place_of, shown, spelled, to_attribute},
    origins::Origins,
};

const EMPTY_SET: &str = "another program keeps a set here, and no set is empty: remove it instead";
const TWICE: &str = "another program keeps a set here, and nothing is in a set twice";
const NOT_A_TEXT: &str = "another program keeps a set of texts here";
const NOT_A_NUMBER: &str = "another program keeps a set of numbers here";
const NOT_BYTES: &str = "another program keeps bytes here: the text must be base64, with padding";
const WHICH: &str = "another program keeps elements in this list whose types JSON does not have, and \
                     it cannot be told which of them became which: add, remove and change elements in \
                     separate steps";

/// `new` in place of `stored`, which is at `place`. What cannot be kept is added to `refused`; what is
/// returned then is of no use.
pub(crate) fn merged(
    stored: &AttributeValue,
    new: &Value,
    place: &str,
    refused: &mut Vec<Violation>,
) -> AttributeValue {
    match shown(stored, place) {
        Ok(seen) => Merge { refused }.value(stored, &seen, new, place),
        // Nobody was shown it: whoever replaces it means all of it.
        Err(_) => to_attribute(new),
    }
}

struct Merge<'a> {
    refused: &'a mut Vec<Violation>,
}

impl Merge<'_> {
    /// `seen` is how `stored` is shown.
    fn value(
        &mut self,
        stored: &AttributeValue,
        seen: &Value,
        new: &Value,
        place: &str,
    ) -> AttributeValue {
        if seen == new {
            return stored.clone();
        }
        match (stored, seen, new) {
            (AttributeValue::M(members), Value::Object(seen), Value::Object(new)) => {
                self.members(members, seen, new, place)
            }
            (AttributeValue::L(elements), Value::Array(seen), Value::Array(new)) => {
                AttributeValue::L(self.elements(elements, seen, new, place))
            }
            (AttributeValue::Ss(texts), _, Value::Array(new)) => {
                let make = |value: &Value| value.as_str().map(str::to_owned).ok_or(NOT_A_TEXT);
                let show = |text: &String| Value::String(text.clone());
                AttributeValue::Ss(self.set(texts, new, place, show, make))
            }
            (AttributeValue::Ns(literals), _, Value::Array(new)) => {
                let make = |value: &Value| match value {
                    Value::Number(number) => Ok(spelled(number)),
                    _ => Err(NOT_A_NUMBER),
                };
                let show = |literal: &String| {
                    shown(&AttributeValue::N(literal.clone()), "").unwrap_or_default()
                };
                AttributeValue::Ns(self.set(literals, new, place, show, make))
            }
            (AttributeValue::Bs(blobs), _, Value::Array(new)) => {
                let make = |value: &Value| value.as_str().and_then(bytes).ok_or(NOT_BYTES);
                let show = |blob: &Blob| Value::String(encoded(blob));
                AttributeValue::Bs(self.set(blobs, new, place, show, make))
            }
            (AttributeValue::B(_), _, Value::String(text)) => {
                let Some(blob) = bytes(text) else {
                    self.refuse(place, NOT_BYTES);
                    return stored.clone();
                };
                AttributeValue::B(blob)
            }
            _ => to_attribute(new),
        }
    }

    fn members(
        &mut self,
        stored: &HashMap<String, AttributeValue>,
        seen: &Map<String, Value>,
        new: &Map<String, Value>,
        place: &str,
    ) -> AttributeValue {
        let member = |(name, value): (&String, &Value)| {
            let attribute = match (stored.get(name), seen.get(name)) {
                (Some(stored), Some(seen)) => {
                    self.value(stored, seen, value, &place_of(name, place))
                }
                _ => to_attribute(value),
            };
            (name.clone(), attribute)
        };
        AttributeValue::M(new.iter().map(member).collect())
    }

    /// The elements of a set: those that are shown as in the list, as they are stored, and new ones.
    fn set<T: Clone>(
        &mut self,
        stored: &[T],
        new: &[Value],
        place: &str,
        show: impl Fn(&T) -> Value,
        make: impl Fn(&Value) -> Result<T, &'static str>,
    ) -> Vec<T> {
        if new.is_empty() {
            self.refuse(place, EMPTY_SET);
        }
        // Two long numbers may be shown as the same.
        let mut kept: HashMap<String, Vec<&T>> = HashMap::new();
        for element in stored {
            let seen = canonical::value(&show(element));
            kept.entry(seen).or_default().push(element);
        }
        let mut there = HashSet::new();
        let mut elements = Vec::with_capacity(new.len());
        let mut is_another = new.len() != stored.len();
        for (index, value) in new.iter().enumerate() {
            let spelled = canonical::value(value);
            let element = match kept.get_mut(&spelled).and_then(Vec::pop) {
                Some(element) => Ok(element.clone()),
                None if there.contains(&spelled) => Err(TWICE),
                None => {
                    is_another = true;
                    make(value)
                }
            };
            there.insert(spelled);
            match element {
                Ok(element) => elements.push(element),
                Err(why) => self.refuse(&place_of(&index.to_string(), place), why),
            }
        }
        // In another order it is the same set, and not touched.
        if is_another {
            elements
        } else {
            stored.to_vec()
        }
    }

    fn elements(
        &mut self,
        stored: &[AttributeValue],
        seen: &[Value],
        new: &[Value],
        place: &str,
    ) -> Vec<AttributeValue> {
        let Origins {
            come_from,
            gone,
            added,
        } = Origins::of(seen, new);
        let kinds: HashSet<_> = added.iter().map(|at| discriminant(&new[*at])).collect();
        let may_be_lost = |origin: &usize| {
            kinds.contains(&discriminant(&seen[*origin])) && is_more_than_json(&stored[*origin])
        };
        if gone.iter().any(may_be_lost) {
            self.refuse(place, WHICH);
        }
        let element = |(index, value): (usize, &Value)| match come_from[index] {
            Some(origin) => {
                let place = place_of(&index.to_string(), place);
                self.value(&stored[origin], &seen[origin], value, &place)
            }
            None => to_attribute(value),
        };
        new.iter().enumerate().map(element).collect()
    }

    fn refuse(&mut self, place: &str, why: &'static str) {
        if self.refused.len() < portable::MAX_VIOLATIONS {
            self.refused.push(Violation::new(place, why));
        }
    }
}

fn bytes(text: &str) -> Option<Blob> {
    decoded(text).map(Blob::new)
}

/// Whether a value that takes this one's place may lose something of it. Another number loses nothing
/// of a long one: it was meant to be another.
fn is_more_than_json(attribute: &AttributeValue) -> bool {
    !matches!(attribute, AttributeValue::N(_)) && !is_exact(attribute)
}
