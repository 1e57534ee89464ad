use std::collections::BTreeSet;

use serde_json::{Map, Value, json};
use usher_domain::{json::Violation, ports::ProfileSchema, profile::USER_ID_MEMBER};

/// What the fake schema says of `age`, of `email` and of a profile with too many attributes. Clients
/// may see it, and no log.
pub(crate) const VIOLATIONS: [&str; 3] = [
    "is no age from 0 on",
    "is no address with an @",
    "has more than 6 attributes",
];

/// A schema without JSON Schema: `age` is an integer from 0 on, `email` has an `@`, and there are at
/// most six attributes.
#[derive(Debug)]
pub(crate) struct FakeSchema {
    read_only: BTreeSet<Box<str>>,
    document: Value,
}

impl FakeSchema {
    pub(crate) fn new(read_only: &[&str]) -> Self {
        Self {
            read_only: read_only.iter().map(|name| Box::from(*name)).collect(),
            document: json!({"type": "object"}),
        }
    }
}

impl ProfileSchema for FakeSchema {
    fn violations(&self, attributes: &Map<String, Value>) -> Vec<Violation> {
        assert!(
            !attributes.contains_key(USER_ID_MEMBER),
            "the schema is applied without the user id"
        );
        let [age, email, many] = VIOLATIONS;
        let mut violations = Vec::new();
        if attributes.get("age").is_some_and(|age| !age.is_u64()) {
            violations.push(Violation::new("/age", age));
        }
        let is_address = |email: &Value| email.as_str().is_some_and(|text| text.contains('@'));
        if attributes
            .get("email")
            .is_some_and(|email| !is_address(email))
        {
            violations.push(Violation::new("/email", email));
        }
        if attributes.len() > 6 {
            violations.push(Violation::new("", many));
        }
        violations
    }

    fn read_only(&self) -> &BTreeSet<Box<str>> {
        &self.read_only
    }

    fn document(&self) -> &Value {
        &self.document
    }
}
