//! What a deployment wants: `usher.toml`, overridden by environment variables, overridden by
//! flags.
//!
//! `reader` joins the sources and knows where each value came from; `sections` turns them into
//! types that cannot be wrong. Every error is reported, each with its key and its origin.

mod reader;
mod sections;
mod source;
#[cfg(test)]
mod tests;

pub use reader::{ConfigError, parse_duration};
pub(crate) use sections::assignment_problem;
pub use sections::{
    Config, ControlConfig, DynamoConfig, IdentityConfig, LogConfig, LogFormat, MetricsConfig,
    ProfileConfig, ServerConfig, StoreConfig, StoreUrl, TracesConfig, UsageConfig,
    UsageStoreConfig,
};
pub use source::{Effective, Source, Sources};
