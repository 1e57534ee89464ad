use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use crate::{
    fault::{MAX_FAULTS, SchemaError, SchemaFault},
    pointer,
};

/// Reads JSON in which no object has two members of one name: of two limits with the same name,
/// `serde_json` would keep the last and tell nobody.
///
/// # Errors
/// What the parser says, with line and column; or each name that appears twice.
pub(crate) fn read(text: &[u8]) -> Result<Value, SchemaError> {
    let mut duplicates = Vec::new();
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    let place = Place {
        pointer: String::new(),
        duplicates: &mut duplicates,
    };
    let value = place
        .deserialize(&mut deserializer)
        .and_then(|value| deserializer.end().map(|()| value))
        .map_err(|error| SchemaFault::new("", format!("not JSON: {error}")))?;
    if duplicates.is_empty() {
        Ok(value)
    } else {
        Err(SchemaError::new(duplicates))
    }
}

struct Place<'a> {
    pointer: String,
    duplicates: &'a mut Vec<SchemaFault>,
}

impl Place<'_> {
    fn at(&mut self, pointer: String) -> Place<'_> {
        Place {
            pointer,
            duplicates: self.duplicates,
        }
    }
}

impl<'de> DeserializeSeed<'de> for Place<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Place<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Value, E> {
        Ok(Value::Bool(flag))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(Value::Number(number.into()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(Value::Number(number.into()))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Value, E> {
        Number::from_f64(number)
            .map(Value::Number)
            .ok_or_else(|| E::custom("number out of range"))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::String(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Value, E> {
        Ok(Value::String(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut seq: A) -> Result<Value, A::Error> {
        let mut elements = Vec::new();
        loop {
            let pointer = format!("{}/{}", self.pointer, elements.len());
            match seq.next_element_seed(self.at(pointer))? {
                Some(element) => elements.push(element),
                None => return Ok(Value::Array(elements)),
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Value, A::Error> {
        let mut members = Map::new();
        while let Some(name) = map.next_key::<String>()? {
            let pointer = pointer::member(&self.pointer, &name);
            if members.contains_key(&name) && self.duplicates.len() < MAX_FAULTS {
                let fault = SchemaFault::new(&*pointer, "the member's name appears twice");
                self.duplicates.push(fault);
            }
            let value = map.next_value_seed(self.at(pointer))?;
            members.insert(name, value);
        }
        Ok(Value::Object(members))
    }
}
