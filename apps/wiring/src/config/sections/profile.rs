use std::sync::Arc;

use usher_domain::{ports::ProfileSchema, profile::MAX_PROFILE_BYTES};
#[cfg(feature = "schema")]
use usher_schema_json::JsonSchema;

use super::{file, size};
use crate::config::reader::Reader;

/// `[profile]`
#[derive(Debug, Clone)]
pub struct ProfileConfig {
    /// What a profile must look like, beside the portable form.
    pub schema: Option<Arc<dyn ProfileSchema>>,
    /// The largest profile, in bytes of canonical JSON.
    pub max_bytes: usize,
    /// Whether a profile that exists may be written with `If-Match` only.
    pub require_if_match: bool,
}

const KEY: &str = "profile.schema";

pub(super) fn profile(reader: &mut Reader) -> ProfileConfig {
    let most = MAX_PROFILE_BYTES as u64;
    let schema = schema(reader);
    let max_bytes = reader.number("profile.max_bytes", 2..=most);
    let require_if_match = reader.flag("profile.require_if_match");
    ProfileConfig {
        schema,
        max_bytes: size(reader.default("profile.max_bytes", max_bytes, most)),
        require_if_match: reader.default("profile.require_if_match", require_if_match, false),
    }
}

fn schema(reader: &mut Reader) -> Option<Arc<dyn ProfileSchema>> {
    let (path, text) = file(reader, KEY)?;
    parse(reader, &path, &text)
}

#[cfg(not(feature = "schema"))]
fn parse(reader: &mut Reader, _: &str, _: &str) -> Option<Arc<dyn ProfileSchema>> {
    let detail = "this binary was built without the feature schema, which it asks for";
    reader.wrong(KEY, detail.to_owned());
    None
}

#[cfg(feature = "schema")]
fn parse(reader: &mut Reader, path: &str, text: &str) -> Option<Arc<dyn ProfileSchema>> {
    match JsonSchema::parse(text.as_bytes()) {
        Ok(schema) => Some(Arc::new(schema)),
        Err(error) => {
            for fault in error.faults() {
                reader.wrong(KEY, format!("{path}: {fault}"));
            }
            None
        }
    }
}
