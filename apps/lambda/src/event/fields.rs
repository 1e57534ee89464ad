use serde_json::{Value, value::Index};

/// Looking into JSON of which nothing is certain.
pub(super) trait Fields {
    /// A member or an element; null when there is none.
    fn at(&self, index: impl Index) -> &Value;

    /// A member that is text.
    fn text(&self, name: &str) -> Option<&str>;

    /// Members of an object, none of anything else.
    fn members(&self, name: &str) -> impl Iterator<Item = (&String, &Value)>;
}

impl Fields for Value {
    fn at(&self, index: impl Index) -> &Value {
        self.get(index).unwrap_or(&Self::Null)
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.get(name)?.as_str()
    }

    fn members(&self, name: &str) -> impl Iterator<Item = (&String, &Value)> {
        self.get(name)
            .and_then(Self::as_object)
            .into_iter()
            .flatten()
    }
}

/// The text of a value as a gateway would have written it; `None` for null, lists and objects.
pub(super) fn shown(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}
