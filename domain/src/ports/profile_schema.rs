use std::{collections::BTreeSet, fmt};

use serde_json::{Map, Value};

use crate::json::Violation;

/// What a deployment demands of a profile, beside the portable form.
///
/// It was read and checked at start: asking it cannot fail, does no I/O, and takes time within a
/// bound, and for every pattern in it linear in the text of a profile.
pub trait ProfileSchema: fmt::Debug + Send + Sync + 'static {
    /// Every place of a profile that breaks the schema, up to
    /// [`MAX_VIOLATIONS`](crate::json::portable::MAX_VIOLATIONS); none when it holds. `attributes`
    /// are those of the whole profile, without `userId`. No detail repeats a value.
    fn violations(&self, attributes: &Map<String, Value>) -> Vec<Violation>;

    /// The top-level attributes that the schema marks `readOnly`.
    fn read_only(&self) -> &BTreeSet<Box<str>>;

    /// The schema itself, as it was written: for documentation.
    fn document(&self) -> &Value;
}
