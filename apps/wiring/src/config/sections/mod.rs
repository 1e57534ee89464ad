//! The sections of a configuration. Those with rules of their own have files of their own.

mod access;
mod identity;
mod profile;
mod store;
mod telemetry;
mod usage;

use std::{net::SocketAddr, time::Duration};

use tracing_subscriber::filter::Targets;
use usher_auth_jwt::{Issuer, KEY_SET_TIMEOUT};
use usher_domain::{
    access::Policy,
    usage::{
        plan::{ApiStage, PlanId},
        plan_file::OffsetMeaning,
    },
};
use usher_http::CorsOrigins;

pub(crate) use self::usage::assignment_problem;
pub use self::{
    identity::IdentityConfig,
    profile::ProfileConfig,
    store::{DynamoConfig, StoreConfig, StoreUrl},
    usage::{UsageConfig, UsageStoreConfig},
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
    /// `[metrics]`
    pub metrics: MetricsConfig,
    /// `[traces]`, if there are to be any.
    pub traces: Option<TracesConfig>,
}

/// `[traces]`
#[derive(Debug, Clone)]
pub struct TracesConfig {
    /// Where OTLP is taken over gRPC.
    pub otlp_endpoint: String,
    /// The share of traces that are recorded, from 0 to 1, where the caller has not decided.
    pub sample_ratio: f64,
}

/// `[metrics]`
#[derive(Debug, Clone)]
pub struct MetricsConfig {
    /// Whether metrics are written for CloudWatch; `None` where that depends on what runs: a function does, a server does
    /// not.
    pub emf: Option<bool>,
    /// CloudWatch's namespace.
    pub namespace: String,
}

/// `[server]`
#[derive(Debug, Clone)]
pub struct ServerConfig {
    /// Where to listen.
    pub listen: SocketAddr,
    /// Where Prometheus may ask for metrics, if anywhere.
    pub metrics_listen: Option<SocketAddr>,
    /// Whether answers tell where their time went.
    pub server_timing: bool,
    /// How long a request may take.
    pub request_timeout: Duration,
    /// How long requests in flight may take after SIGTERM.
    pub shutdown_timeout: Duration,
    /// How many requests may be in flight.
    pub max_in_flight: usize,
    /// Which origins' scripts may read answers.
    pub cors_origins: CorsOrigins,
}

/// `[log]`
#[derive(Debug, Clone)]
pub struct LogConfig {
    /// How lines look.
    pub format: LogFormat,
    /// What is told of which part.
    pub level: Targets,
    /// Whether each request has a line.
    pub access: bool,
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
        let profile = profile::profile(&mut reader);
        let identity = identity::identity(&mut reader);
        if store
            .as_ref()
            .is_some_and(|store| store.timeout >= server.request_timeout)
        {
            let detail = "must be shorter than server.request_timeout, which ends the request";
            reader.wrong("store.timeout", detail.to_owned());
        }
        // The fetch of a key set is part of the request that needs it.
        if server.request_timeout <= KEY_SET_TIMEOUT
            && identity.issuers.iter().any(Issuer::asks_for_keys)
        {
            let detail = "must be longer than 3 s, in which an issuer may answer with its key set";
            reader.wrong("server.request_timeout", detail.to_owned());
        }
        let access = access::access(&mut reader, &identity.issuers);
        let usage = usage::usage(&mut reader, &api, store.as_ref(), &identity.issuers);
        let log = telemetry::log(&mut reader, terminal);
        let metrics = telemetry::metrics(&mut reader);
        let traces = telemetry::traces(&mut reader);
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
                    metrics,
                    traces,
                },
                reader.effective,
            )),
            _ => Err(reader.errors),
        }
    }
}

/// What `usher migrate`, `usher plans`, `usher keys` and `usher usage` need of a configuration.
#[derive(Debug, Clone)]
pub struct ControlConfig {
    /// `[store]`
    pub store: StoreConfig,
    /// `usage.store`
    pub usage_store: UsageStoreConfig,
    /// `usage.quota_offset`
    pub offsets: OffsetMeaning,
    /// The plans that `usage.assign` gives: they cannot be deleted.
    pub assigned: Vec<PlanId>,
    /// `[log]`
    pub log: LogConfig,
}

impl ControlConfig {
    /// Reads what is needed and passes over all other sections: a job that migrates has neither issuers
    /// nor keys, and whoever makes a key need not be able to read a server's secrets.
    ///
    /// # Errors
    /// Everything that is wrong with what is needed.
    pub fn read(sources: Sources, terminal: bool) -> Result<Self, Vec<ConfigError>> {
        let mut reader = Reader::new(sources);
        let store = store::store(&mut reader);
        let (usage_store, offsets, assigned) = usage::control(&mut reader, store.as_ref());
        let log = telemetry::log(&mut reader, terminal);
        // A misspelt store.url must not migrate the default, nor make keys there.
        reader.refuse_unknown(&["store.", "usage.", "log."]);
        match (store, reader.errors.is_empty()) {
            (Some(store), true) => Ok(Self {
                store,
                usage_store,
                offsets,
                assigned,
                log,
            }),
            _ => Err(reader.errors),
        }
    }
}

impl ServerConfig {
    /// Reads `[server]` and passes over all other sections: who only looks for the server need not be
    /// able to read its files.
    ///
    /// # Errors
    /// Everything that is wrong with `[server]`.
    pub fn read(sources: Sources) -> Result<Self, Vec<ConfigError>> {
        let mut reader = Reader::new(sources);
        let server = server(&mut reader);
        reader.refuse_unknown(&["server."]);
        if reader.errors.is_empty() {
            Ok(server)
        } else {
            Err(reader.errors)
        }
    }
}

fn server(reader: &mut Reader) -> ServerConfig {
    let listen = reader.address("server.listen");
    let metrics_listen = metrics_listen(reader);
    let server_timing = reader.flag("server.server_timing");
    let request_timeout = reader.duration("server.request_timeout");
    let shutdown_timeout = reader.duration("server.shutdown_timeout");
    let max_in_flight = reader.number("server.max_in_flight", 1..=1_000_000);
    let origins = reader.texts("server.cors_origins").unwrap_or_default();
    let cors_origins = CorsOrigins::parse(&origins).unwrap_or_else(|fault| {
        let origin = origins.get(fault.index).map_or("", String::as_str);
        reader.wrong("server.cors_origins", format!("{origin:?} {fault}"));
        CorsOrigins::default()
    });
    ServerConfig {
        listen: reader.default("server.listen", listen, ([0, 0, 0, 0], 8080).into()),
        metrics_listen,
        server_timing: reader.default("server.server_timing", server_timing, false),
        request_timeout: duration(reader, "server.request_timeout", request_timeout, "10s"),
        shutdown_timeout: duration(reader, "server.shutdown_timeout", shutdown_timeout, "20s"),
        max_in_flight: size(reader.default("server.max_in_flight", max_in_flight, 1024)),
        cors_origins,
    }
}

/// An address, and none where it is empty.
fn metrics_listen(reader: &mut Reader) -> Option<SocketAddr> {
    const KEY: &str = "server.metrics_listen";
    match reader.text(KEY).as_deref() {
        None => Some(reader.default(KEY, None, ([127, 0, 0, 1], 9464).into())),
        Some("") => None,
        Some(text) => {
            let address = text.parse().ok();
            if address.is_none() {
                let detail =
                    "must be an address and a port, such as 127.0.0.1:9464, or \"\" for none";
                reader.wrong(KEY, detail.to_owned());
            }
            address
        }
    }
}

fn api(reader: &mut Reader) -> ApiStage {
    let (id, stage) = (reader.text("api.id"), reader.text("api.stage"));
    ApiStage {
        api_id: reader.default("api.id", id, String::new()).into(),
        stage: reader.default("api.stage", stage, String::new()).into(),
    }
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

/// The path that `key` names, and the text of the file.
fn file(reader: &mut Reader, key: &str) -> Option<(String, String)> {
    let path = reader.text(key)?;
    match std::fs::read_to_string(&path) {
        Ok(text) => Some((path, text)),
        Err(error) => {
            reader.wrong(key, format!("{path} cannot be read: {error}"));
            None
        }
    }
}

/// Numbers out of a configuration are bounded far below what a `usize` holds.
fn size(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
