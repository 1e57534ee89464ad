//! The sections of a configuration. Those with rules of their own have files of their own.

mod identity;
mod store;
mod usage;

use std::{net::SocketAddr, time::Duration};

use usher_domain::{
    access::{Policy, RequiredScopes},
    profile::MAX_PROFILE_BYTES,
    usage::plan::ApiStage,
};

pub use self::{
    identity::IdentityConfig,
    store::{DynamoConfig, StoreConfig, StoreUrl},
    usage::UsageConfig,
};
use super::{
    reader::{ConfigError, Reader, parse_duration},
    source::{Effective, Sources},
};

/// A deployment's whole configuration, every value of it valid.
#[derive(Debug)]
pub struct Config {
    /// `[server]`
    pub server: ServerConfig,
    /// `[api]`: what usage plans call this service.
    pub api: ApiStage,
    /// `[store]`
    pub store: StoreConfig,
    /// `[profile]`
    pub profile: ProfileConfig,
    /// `[identity]`
    pub identity: IdentityConfig,
    /// `[access]`
    pub access: Policy,
    /// `[usage]`
    pub usage: UsageConfig,
    /// `[log]`
    pub log: LogConfig,
}

/// `[server]`
#[derive(Debug, Clone)]
pub struct ServerConfig {
    /// Where to listen.
    pub listen: SocketAddr,
    /// How long a request may take.
    pub request_timeout: Duration,
    /// How long requests in flight may take after SIGTERM.
    pub shutdown_timeout: Duration,
    /// How many requests may be in flight.
    pub max_in_flight: usize,
}

/// `[profile]`
#[derive(Debug, Clone)]
pub struct ProfileConfig {
    /// The largest profile, in bytes of canonical JSON.
    pub max_bytes: usize,
}

/// `[log]`
#[derive(Debug, Clone)]
pub struct LogConfig {
    /// How lines look.
    pub format: LogFormat,
    /// `tracing`'s filter.
    pub level: String,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// For people.
    Text,
}

impl Config {
    /// Reads a configuration. `terminal` says whether a person is watching: without `log.format`,
    /// logs are text then and JSON otherwise.
    ///
    /// # Errors
    /// Everything that is wrong, each with its key and where it came from.
    pub fn read(
        sources: Sources,
        terminal: bool,
    ) -> Result<(Self, Vec<Effective>), Vec<ConfigError>> {
        let mut reader = Reader::new(sources);
        let server = server(&mut reader);
        let api = api(&mut reader);
        let store = store::store(&mut reader);
        let profile = profile(&mut reader);
        let identity = identity::identity(&mut reader);
        if store
            .as_ref()
            .is_some_and(|store| store.timeout >= server.request_timeout)
        {
            let detail = "must be shorter than server.request_timeout, which ends the request";
            reader.wrong("store.timeout", detail.to_owned());
        }
        let access = access(&mut reader);
        let usage = usage::usage(&mut reader, &api);
        let log = log(&mut reader, terminal);
        reader.refuse_unknown(&[""]);
        match (store, reader.errors.is_empty()) {
            (Some(store), true) => Ok((
                Self {
                    server,
                    api,
                    store,
                    profile,
                    identity,
                    access,
                    usage,
                    log,
                },
                reader.effective,
            )),
            _ => Err(reader.errors),
        }
    }
}

/// What `usher migrate` needs of a configuration.
#[derive(Debug)]
pub struct StoreOnly {
    /// `[store]`
    pub store: StoreConfig,
    /// `[log]`
    pub log: LogConfig,
}

impl StoreOnly {
    /// Reads these sections and passes over all others: a job that only migrates has neither issuers
    /// nor keys.
    ///
    /// # Errors
    /// Everything that is wrong with these sections.
    pub fn read(sources: Sources, terminal: bool) -> Result<Self, Vec<ConfigError>> {
        let mut reader = Reader::new(sources);
        let store = store::store(&mut reader);
        let log = log(&mut reader, terminal);
        // A misspelt store.url must not migrate the default.
        reader.refuse_unknown(&["store.", "log."]);
        match (store, reader.errors.is_empty()) {
            (Some(store), true) => Ok(Self { store, log }),
            _ => Err(reader.errors),
        }
    }
}

fn server(reader: &mut Reader) -> ServerConfig {
    let listen = reader.address("server.listen");
    let request_timeout = reader.duration("server.request_timeout");
    let shutdown_timeout = reader.duration("server.shutdown_timeout");
    let max_in_flight = reader.number("server.max_in_flight", 1..=1_000_000);
    ServerConfig {
        listen: reader.default("server.listen", listen, ([0, 0, 0, 0], 8080).into()),
        request_timeout: duration(reader, "server.request_timeout", request_timeout, "10s"),
        shutdown_timeout: duration(reader, "server.shutdown_timeout", shutdown_timeout, "20s"),
        max_in_flight: size(reader.default("server.max_in_flight", max_in_flight, 1024)),
    }
}

fn api(reader: &mut Reader) -> ApiStage {
    let (id, stage) = (reader.text("api.id"), reader.text("api.stage"));
    ApiStage {
        api_id: reader.default("api.id", id, String::new()).into(),
        stage: reader.default("api.stage", stage, String::new()).into(),
    }
}

fn profile(reader: &mut Reader) -> ProfileConfig {
    let most = MAX_PROFILE_BYTES as u64;
    let max_bytes = reader.number("profile.max_bytes", 2..=most);
    ProfileConfig {
        max_bytes: size(reader.default("profile.max_bytes", max_bytes, most)),
    }
}

fn access(reader: &mut Reader) -> Policy {
    let mut scopes = |key: &str| -> RequiredScopes {
        let names = reader.texts(key).unwrap_or_default();
        if names
            .iter()
            .any(|name| name.is_empty() || name.contains([' ', '"', '\\']))
        {
            reader.wrong(
                key,
                "a scope has no spaces, quotes or backslashes".to_owned(),
            );
        }
        names.into_iter().map(Into::into).collect()
    };
    Policy {
        read_scopes: scopes("access.scopes.read"),
        write_scopes: scopes("access.scopes.write"),
        delete_scopes: scopes("access.scopes.delete"),
    }
}

fn log(reader: &mut Reader, terminal: bool) -> LogConfig {
    let formats = [("json", LogFormat::Json), ("text", LogFormat::Text)];
    let format = reader.word("log.format", &formats).unwrap_or_else(|| {
        let (name, format) = formats[usize::from(terminal)];
        reader.default("log.format", None, name.to_owned());
        format
    });
    let level = reader.text("log.level");
    let level = reader.default("log.level", level, "info".to_owned());
    if tracing_subscriber::EnvFilter::try_new(&level).is_err() || level.parse::<f64>().is_ok() {
        let detail =
            "must be error, warn, info, debug, trace, off, or a filter such as info,sqlx=warn";
        reader.wrong("log.level", detail.to_owned());
    }
    LogConfig { format, level }
}

/// A duration or its default, which is spelled as it would be in a file.
fn duration(
    reader: &mut Reader,
    key: &str,
    value: Option<Duration>,
    default: &'static str,
) -> Duration {
    value.unwrap_or_else(|| {
        reader.default(key, None, default.to_owned());
        parse_duration(default).unwrap_or_default()
    })
}

/// Numbers out of a configuration are bounded far below what a `usize` holds.
fn size(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
