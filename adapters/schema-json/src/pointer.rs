use std::collections::HashMap;

use serde_json::Value;

/// The pointer to the member `name` of the object at `pointer`.
pub(crate) fn member(pointer: &str, name: &str) -> String {
    format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1"))
}

/// The pointers of places in a document that are known by their address alone.
pub(crate) struct Pointers(HashMap<*const Value, String>);

impl Pointers {
    /// The pointers of all places in `document`.
    pub(crate) fn of(document: &Value) -> Self {
        let mut pointers = HashMap::new();
        each(document, &mut |pointer, value| {
            pointers.insert(std::ptr::from_ref(value), pointer.to_owned());
        });
        Self(pointers)
    }

    /// The pointer of a place; that of the document for one that is in another document.
    pub(crate) fn to(&self, place: &Value) -> &str {
        self.0
            .get(&std::ptr::from_ref(place))
            .map_or("", String::as_str)
    }
}

/// Shows every place in `document`, from the outside in.
pub(crate) fn each(document: &Value, see: &mut impl FnMut(&str, &Value)) {
    fn go(pointer: &str, value: &Value, see: &mut impl FnMut(&str, &Value)) {
        see(pointer, value);
        match value {
            Value::Object(members) => {
                for (name, value) in members {
                    go(&member(pointer, name), value, see);
                }
            }
            Value::Array(elements) => {
                for (index, value) in elements.iter().enumerate() {
                    go(&format!("{pointer}/{index}"), value, see);
                }
            }
            _ => {}
        }
    }
    go("", document, see);
}
