//! A write's condition, in `DynamoDB`'s terms.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use usher_domain::ports::Expected;

use crate::{
    attributes::Item,
    item::{KEY, META, SHARED, Seen, VERSION},
};

/// An expression, and what its short names stand for.
#[derive(Debug)]
pub(crate) struct Condition {
    pub(crate) expression: &'static str,
    pub(crate) names: HashMap<String, String>,
    pub(crate) values: Option<Item>,
}

impl Condition {
    fn new(expression: &'static str, names: &[(&str, &str)]) -> Self {
        let owned = |(short, name): &(&str, &str)| ((*short).to_owned(), (*name).to_owned());
        Self {
            expression,
            names: names.iter().map(owned).collect(),
            values: None,
        }
    }

    /// There is an item.
    pub(crate) fn exists() -> Self {
        Self::new("attribute_exists(#key)", &[("#key", KEY)])
    }

    /// There is an item without our metadata.
    pub(crate) fn unclaimed() -> Self {
        Self::new(
            "attribute_exists(#key) AND attribute_not_exists(#meta)",
            &[("#key", KEY), ("#meta", META)],
        )
    }

    /// The item has this version.
    pub(crate) fn at(version: &str) -> Self {
        let version = AttributeValue::S(version.to_owned());
        Self {
            values: Some([(":version".to_owned(), version)].into()),
            ..Self::new(
                "#meta.#version = :version",
                &[("#meta", META), ("#version", VERSION)],
            )
        }
    }

    /// The item may be replaced whole by whom it was expected to be like this.
    pub(crate) fn of_replacing(expected: &Expected) -> Self {
        match expected {
            Expected::Anything => Self::new(
                "attribute_not_exists(#key) OR \
                 (attribute_exists(#meta.#version) AND attribute_not_exists(#meta.#shared))",
                &[
                    ("#key", KEY),
                    ("#meta", META),
                    ("#version", VERSION),
                    ("#shared", SHARED),
                ],
            ),
            Expected::Absent => Self::new("attribute_not_exists(#key)", &[("#key", KEY)]),
            Expected::Version(version) => Self::of_seen(Seen::of(version)),
        }
    }

    /// The item is still as it was seen.
    pub(crate) fn of_seen(seen: Seen<'_>) -> Self {
        match seen {
            Seen::Unclaimed { .. } => Self::unclaimed(),
            Seen::At { version, .. } => Self::at(version),
        }
    }
}
