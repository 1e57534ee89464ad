//! Profiles as the engine sees them: each look is counted.
//!
//! The engine has no bound of its own. It lists every error before it hands over the first, each
//! with a pointer of its own, and in a recursive schema it lists those of one place once for each
//! way that leads there. But it reads a profile through a trait, and what this implementation no
//! longer shows, the engine no longer walks: once a [`Meter`] is spent, everything seems empty.

mod containers;

use std::{borrow::Cow, cell::Cell};

use jsonschema::{
    JsonType,
    json::{Json, Node, NodeIdentity, cmp},
};
use serde_json::{Map, Number, Value};

use self::containers::{Elements, Members};

/// The engine calls itself for each keyword of a schema on each level of a profile. A thread that
/// serves has 2 MiB of stack, and to exceed them would end the process.
const MAX_STACK_BYTES: usize = 1024 * 1024;
/// A longer text counts as several looks.
const TEXT_BYTES_PER_LOOK: usize = 256;
/// What an error holds beside its pointer and the value.
const BYTES_PER_ERROR: usize = 512;
/// What a value holds beside its text.
const BYTES_PER_VALUE: usize = 64;

/// Counts looks at a profile, and what errors hold.
#[derive(Debug)]
pub(crate) struct Meter {
    looks: Cell<usize>,
    bytes: Cell<usize>,
    copies: Cell<usize>,
}

impl Meter {
    /// Allows so many looks.
    pub(crate) fn of_looks(looks: usize) -> Self {
        Self {
            looks: Cell::new(looks),
            bytes: Cell::new(usize::MAX),
            copies: Cell::new(usize::MAX),
        }
    }

    /// Allows errors that hold so many bytes, and in `copies` so many of the whole profile.
    pub(crate) fn and_errors(self, bytes: usize, copies: usize) -> Self {
        self.bytes.set(bytes);
        self.copies.set(copies);
        self
    }

    /// Whether more was asked for than was allowed: what was found is not all, and what held may
    /// not hold.
    pub(crate) fn is_spent(&self) -> bool {
        [&self.looks, &self.bytes, &self.copies]
            .iter()
            .any(|left| left.get() == 0)
    }

    fn look(&self, times: usize) -> bool {
        spend(&self.looks, times);
        if self.stack_bytes() > MAX_STACK_BYTES {
            self.looks.set(0);
        }
        !self.is_spent()
    }

    /// About what the engine has on the stack now. A meter is a local variable of whoever calls the
    /// engine; in another place it would be spent at once.
    fn stack_bytes(&self) -> usize {
        let here = 0_u8;
        let here = std::ptr::from_ref(&here).addr();
        std::ptr::from_ref(self).addr().abs_diff(here)
    }
}

fn spend(left: &Cell<usize>, amount: usize) {
    left.set(left.get().saturating_sub(amount));
}

/// Profiles with a [`Meter`], as a representation of JSON.
pub(crate) struct Metered;

impl Json for Metered {
    type Node<'a> = Place<'a>;
    type PreparedKey = String;
    type StringBuffer = Value;

    // As the engine's own representation of `serde_json` has it: a lookup in a BTreeMap costs about
    // as much as a step through two of its members.
    const KEYS_PER_LOOKUP: usize = 2;
    const ACYCLIC: bool = true;

    fn prepare_key(key: &str) -> String {
        key.to_owned()
    }

    /// Not metered: a [`Members`] shows its names by itself.
    fn with_string_node<T>(buffer: &mut Value, text: &str, f: impl FnOnce(Place<'_>) -> T) -> T {
        *buffer = Value::String(text.to_owned());
        f(Place {
            shown: Shown::Value(buffer),
            told: true,
            meter: None,
            pointer_bytes: 0,
        })
    }
}

/// A place in a profile.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    shown: Shown<'a>,
    /// Whether an error has the value with it. Of the whole profile the engine itself wants to see
    /// it, and of a member's name we do; a part of a profile would only be copied for nothing.
    told: bool,
    meter: Option<&'a Meter>,
    pointer_bytes: usize,
}

/// What is there.
#[derive(Debug, Clone, Copy)]
enum Shown<'a> {
    /// A profile's attributes: not a [`Value`], and not made one for every write.
    Attributes(&'a Map<String, Value>),
    Value(&'a Value),
}

impl<'a> Place<'a> {
    /// A whole profile.
    pub(crate) fn of(profile: &'a Value, meter: &'a Meter) -> Self {
        Self::root(Shown::Value(profile), meter)
    }

    /// A whole profile.
    pub(crate) fn of_attributes(attributes: &'a Map<String, Value>, meter: &'a Meter) -> Self {
        Self::root(Shown::Attributes(attributes), meter)
    }

    fn root(shown: Shown<'a>, meter: &'a Meter) -> Self {
        Self {
            shown,
            told: true,
            meter: Some(meter),
            pointer_bytes: 0,
        }
    }

    fn value(&self) -> Option<&'a Value> {
        match self.shown {
            Shown::Attributes(_) => None,
            Shown::Value(value) => Some(value),
        }
    }

    fn look(&self, times: usize) -> Option<()> {
        self.meter
            .is_none_or(|meter| meter.look(times))
            .then_some(())
    }

    fn at(&self, value: &'a Value, pointer_bytes: usize) -> Option<Self> {
        self.look(1)?;
        Some(Self {
            shown: Shown::Value(value),
            told: false,
            meter: self.meter,
            pointer_bytes: self.pointer_bytes + pointer_bytes,
        })
    }
}

impl<'a> Node<'a, Metered> for Place<'a> {
    type Object = Members<'a>;
    type Array = Elements<'a>;
    type Number = &'a Number;

    fn as_object(&self) -> Option<Members<'a>> {
        let members = match self.shown {
            Shown::Attributes(attributes) => attributes,
            Shown::Value(value) => value.as_object()?,
        };
        self.look(1)?;
        Some(Members {
            members,
            place: *self,
        })
    }

    fn as_array(&self) -> Option<Elements<'a>> {
        let elements = self.value()?.as_array()?;
        self.look(1)?;
        Some(Elements {
            elements,
            place: *self,
        })
    }

    fn as_string(&self) -> Option<Cow<'a, str>> {
        let text = self.value()?.as_str()?;
        self.look(1 + text.len() / TEXT_BYTES_PER_LOOK)?;
        Some(Cow::Borrowed(text))
    }

    fn as_number(&self) -> Option<&'a Number> {
        let number = self.value()?.as_number()?;
        self.look(1)?;
        Some(number)
    }

    fn as_boolean(&self) -> Option<bool> {
        self.value()?.as_bool()
    }

    fn is_null(&self) -> bool {
        self.value().is_some_and(Value::is_null)
    }

    fn json_type(&self) -> JsonType {
        match self.shown {
            Shown::Attributes(_) | Shown::Value(Value::Object(_)) => JsonType::Object,
            Shown::Value(Value::Array(_)) => JsonType::Array,
            Shown::Value(Value::String(_)) => JsonType::String,
            Shown::Value(Value::Number(_)) => JsonType::Number,
            Shown::Value(Value::Bool(_)) => JsonType::Boolean,
            Shown::Value(Value::Null) => JsonType::Null,
        }
    }

    fn equals_value(&self, expected: &Value) -> bool {
        match (self.shown, expected) {
            (Shown::Attributes(attributes), Value::Object(expected)) => {
                cmp::equal_objects(attributes, expected)
            }
            (Shown::Attributes(_), _) => false,
            (Shown::Value(value), expected) => cmp::equal(value, expected),
        }
    }

    /// For errors alone: whatever else asks for a value is answered without one.
    fn to_value(&self) -> Cow<'a, Value> {
        if let Some(meter) = self.meter {
            spend(&meter.bytes, BYTES_PER_ERROR + self.pointer_bytes);
        }
        let value = match self.shown {
            _ if !self.told => return Cow::Borrowed(&Value::Null),
            Shown::Attributes(attributes) => Cow::Owned(Value::Object(attributes.clone())),
            Shown::Value(value) => Cow::Borrowed(value),
        };
        // Below anyOf and oneOf, an error copies it.
        if let Some(meter) = self.meter {
            spend(&meter.copies, weight(&value));
        }
        value
    }

    fn identity(&self) -> Option<NodeIdentity> {
        let address = match self.shown {
            Shown::Attributes(attributes) => std::ptr::from_ref(attributes).addr(),
            Shown::Value(value) => std::ptr::from_ref(value).addr(),
        };
        Some(NodeIdentity::new(address))
    }
}

/// About the bytes that a copy of `value` takes.
fn weight(value: &Value) -> usize {
    BYTES_PER_VALUE
        + match value {
            Value::Null | Value::Bool(_) | Value::Number(_) => 0,
            Value::String(text) => text.len(),
            Value::Array(elements) => elements.iter().map(weight).sum(),
            Value::Object(members) => members
                .iter()
                .map(|(name, member)| name.len() + weight(member))
                .sum(),
        }
}
