//! The OpenAPI document, made from the tables that answer requests: the routes, the error codes,
//! the limits of the domain, and what the deployment says.

mod dialect;
mod document;
mod errors;
mod examples;
mod headers;
mod parameters;
mod profile;
mod public;
mod schemas;

use usher_domain::{access::Action, service::ProfileRules};
use utoipa::openapi::{ObjectBuilder, RefOr, Schema, extensions::Extensions, schema::SchemaType};

pub(crate) use self::document::document;

/// What of a deployment shows in its document.
#[derive(Clone, Copy)]
pub(crate) struct Facts<'a> {
    rules: &'a ProfileRules,
    needs_key: bool,
}

impl<'a> Facts<'a> {
    pub(crate) fn new(rules: &'a ProfileRules, needs_key: bool) -> Self {
        Self { rules, needs_key }
    }

    /// Whether others than the owner may do this; `in_part`: to a part of the profile only.
    fn grants(&self, action: Action, in_part: bool) -> bool {
        self.rules
            .access
            .grants
            .iter()
            .any(|grant| grant.actions.contains(&action) && !(in_part && grant.attributes.is_all()))
    }

    fn has_read_only_attributes(&self) -> bool {
        let schema = self.rules.schema.as_ref();
        schema.is_some_and(|schema| !schema.read_only().is_empty())
    }
}

/// A JSON Schema as utoipa's type, which knows fewer keywords than there are: they travel as
/// extensions, which are written out under their own names.
fn schema(keywords: serde_json::Value) -> RefOr<Schema> {
    let extensions = match keywords {
        serde_json::Value::Object(keywords) => Extensions::from_iter(keywords),
        _ => Extensions::default(),
    };
    ObjectBuilder::new()
        .schema_type(SchemaType::AnyValue)
        .extensions(Some(extensions))
        .into()
}
