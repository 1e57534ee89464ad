use std::{collections::BTreeSet, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use secrecy::SecretString;
use usher_auth_jwt::{Algorithm, Issuer, IssuerSettings, KeysFrom};
use usher_domain::{
    access::{Policy, RequiredScopes},
    profile::MAX_PROFILE_BYTES,
    usage::{
        api_key::ApiKey,
        membership::KeyEntry,
        plan::{ApiStage, UsagePlan},
        plan_file,
    },
};

use super::{
    reader::{ConfigError, Reader},
    source::{Effective, Sources},
};
use crate::keys_file::parse_keys;

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

/// `[store]`
#[derive(Debug, Clone)]
pub struct StoreConfig {
    /// Where profiles are.
    pub url: StoreUrl,
    /// Bring the schema up to date at start.
    pub migrate: bool,
    /// One call to the store.
    pub timeout: Duration,
    /// `DynamoDB`'s strongly consistent reads.
    pub consistent_reads: bool,
}

/// Where profiles are.
#[derive(Debug, Clone)]
pub enum StoreUrl {
    /// `memory:`
    Memory,
    /// `sqlite:PATH`
    Sqlite(PathBuf),
    /// `postgres://…`
    Postgres(SecretString),
    /// `dynamodb://TABLE?region=…&endpoint=…`
    Dynamo(DynamoConfig),
}

/// A `DynamoDB` table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DynamoConfig {
    /// Its name.
    pub table: String,
    /// Its region; left out, the environment's.
    pub region: Option<String>,
    /// Another endpoint than the region's own.
    pub endpoint: Option<String>,
}

/// `[profile]`
#[derive(Debug, Clone)]
pub struct ProfileConfig {
    /// The largest profile, in bytes of canonical JSON.
    pub max_bytes: usize,
}

/// `[identity]`
#[derive(Debug)]
pub struct IdentityConfig {
    /// Whose tokens are accepted.
    pub issuers: Vec<Issuer>,
}

/// `[usage]`
#[derive(Debug)]
pub struct UsageConfig {
    /// A key of a plan is needed.
    pub api_key_required: bool,
    /// The usage plans.
    pub plans: Vec<Arc<UsagePlan>>,
    /// The API keys.
    pub keys: Vec<ApiKey>,
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
        let store = store(&mut reader);
        let profile = profile(&mut reader);
        let identity = identity(&mut reader);
        if store
            .as_ref()
            .is_some_and(|store| store.timeout >= server.request_timeout)
        {
            let detail = "must be shorter than server.request_timeout, which ends the request";
            reader.wrong("store.timeout", detail.to_owned());
        }
        let access = access(&mut reader);
        let usage = usage(&mut reader, &api);
        let log = log(&mut reader, terminal);
        reader.refuse_unknown();
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
        let store = store(&mut reader);
        let log = log(&mut reader, terminal);
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

fn store(reader: &mut Reader) -> Option<StoreConfig> {
    let text = reader.secret("store.url");
    let text = reader.default("store.url", text, "sqlite:usher.db".to_owned());
    let url = match parse_store_url(&text) {
        Ok((url, shown)) => {
            reader.show("store.url", &shown);
            Some(url)
        }
        Err(detail) => {
            reader.wrong("store.url", detail);
            None
        }
    };
    let migrate = reader.flag("store.migrate");
    let timeout = reader.duration("store.timeout");
    let consistent_reads = reader.flag("store.consistent_reads");
    let migrate = reader.default("store.migrate", migrate, true);
    let timeout = duration(reader, "store.timeout", timeout, "2s");
    let consistent_reads = reader.default("store.consistent_reads", consistent_reads, true);
    Some(StoreConfig {
        url: url?,
        migrate,
        timeout,
        consistent_reads,
    })
}

/// The store, and how it may be shown.
fn parse_store_url(text: &str) -> Result<(StoreUrl, String), String> {
    if text == "memory:" {
        return Ok((StoreUrl::Memory, text.to_owned()));
    }
    if let Some(path) = text.strip_prefix("sqlite:") {
        let path = path.strip_prefix("//").unwrap_or(path);
        if path.is_empty() || path == ":memory:" {
            return Err(
                "sqlite: needs a file; for a store without one there is memory:".to_owned(),
            );
        }
        return Ok((StoreUrl::Sqlite(path.into()), text.to_owned()));
    }
    if text.starts_with("postgres://") || text.starts_with("postgresql://") {
        return Ok((
            StoreUrl::Postgres(text.into()),
            "postgres://(hidden)".to_owned(),
        ));
    }
    if let Some(rest) = text.strip_prefix("dynamodb://") {
        let (table, query) = rest.split_once('?').unwrap_or((rest, ""));
        if table.is_empty() || table.contains('/') {
            return Err("dynamodb:// needs the table's name, as in dynamodb://TABLE".to_owned());
        }
        let mut dynamo = DynamoConfig {
            table: table.to_owned(),
            region: None,
            endpoint: None,
        };
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            match name {
                "region" => dynamo.region = Some(value.to_owned()),
                "endpoint" => dynamo.endpoint = Some(value.to_owned()),
                _ => return Err("dynamodb:// takes region and endpoint".to_owned()),
            }
        }
        return Ok((StoreUrl::Dynamo(dynamo), text.to_owned()));
    }
    Err("must begin with sqlite:, postgres://, dynamodb:// or memory:".to_owned())
}

fn profile(reader: &mut Reader) -> ProfileConfig {
    let most = MAX_PROFILE_BYTES as u64;
    let max_bytes = reader.number("profile.max_bytes", 2..=most);
    ProfileConfig {
        max_bytes: size(reader.default("profile.max_bytes", max_bytes, most)),
    }
}

fn identity(reader: &mut Reader) -> IdentityConfig {
    let leeway = reader.duration("identity.leeway");
    let leeway = duration(reader, "identity.leeway", leeway, "30s");
    let shared = reader.flag("identity.shared_subjects");
    let shared = reader.default("identity.shared_subjects", shared, false);
    let mut prefixes = Vec::new();
    let mut names = BTreeSet::new();
    let issuers = reader.tables("identity.issuers", |reader| {
        let settings = issuer(reader, leeway)?;
        prefixes.push(settings.subject_prefix.clone());
        if !names.insert(settings.issuer.clone()) {
            reader.wrong("issuer", "two issuers have the same name".to_owned());
        }
        match Issuer::new(settings) {
            Ok(issuer) => Some(issuer),
            Err(error) => {
                reader.missing("keys", &error.to_string());
                None
            }
        }
    });
    let distinct: BTreeSet<_> = prefixes.iter().collect();
    if prefixes.is_empty() {
        reader.missing(
            "identity.issuers",
            "without an issuer nobody could be let in",
        );
    } else if distinct.len() < prefixes.len() && !shared {
        reader.missing(
            "identity.issuers",
            "a subject is unique within one issuer only: give each a subject_prefix of its own, or \
             say with identity.shared_subjects = true that they share their users",
        );
    }
    IdentityConfig { issuers }
}

fn issuer(reader: &mut Reader, leeway: Duration) -> Option<IssuerSettings> {
    if reader.word("kind", &[("oidc", ())]).is_none() && !reader.is_set("kind") {
        reader.missing("kind", "must be \"oidc\"");
    }
    let issuer = reader.text("issuer");
    let audiences = reader
        .texts("audiences")
        .filter(|audiences| !audiences.is_empty());
    let algorithms = reader.texts("algorithms");
    let subject_prefix = reader.text("subject_prefix");
    let subject_prefix = reader.default("subject_prefix", subject_prefix, String::new());
    let groups_claim = reader.text("groups_claim");
    let groups_claim = reader.default("groups_claim", groups_claim, "groups".to_owned());
    let scopes_claim = reader.text("scopes_claim");
    let scopes_claim = reader.default("scopes_claim", scopes_claim, "scope".to_owned());
    let uri = reader.text("jwks_uri").map(KeysFrom::Uri);
    let inline = reader.text("jwks").map(KeysFrom::Json);
    let file = reader
        .text("jwks_file")
        .and_then(|path| match std::fs::read_to_string(path) {
            Ok(json) => Some(KeysFrom::Json(json)),
            Err(error) => {
                reader.wrong("jwks_file", format!("the file cannot be read: {error}"));
                None
            }
        });
    let mut given = [uri, inline, file].into_iter().flatten();
    let keys = given.next().filter(|_| given.next().is_none());
    if keys.is_none() {
        reader.missing(
            "jwks_uri",
            "one of jwks_uri, jwks_file and jwks must say where keys are",
        );
    }
    let mut parsed = Vec::new();
    let algorithms = algorithms.unwrap_or_else(|| {
        let rs256 = Algorithm::Rs256.to_string();
        reader.default("algorithms", None, format!("[{rs256:?}]"));
        vec![rs256]
    });
    for name in algorithms {
        if let Ok(algorithm) = name.parse() {
            parsed.push(algorithm);
        } else {
            reader.wrong("algorithms", format!("{name:?} is not one of RS256, ES256"));
        }
    }
    if issuer.is_none() {
        reader.missing("issuer", "must be the exact iss of its tokens");
    }
    if audiences.is_none() {
        reader.missing(
            "audiences",
            "must name whom its tokens are for, never nobody",
        );
    }
    Some(IssuerSettings {
        issuer: issuer?,
        audiences: audiences?,
        algorithms: parsed,
        keys: keys?,
        subject_prefix,
        groups_claim,
        scopes_claim,
        leeway,
    })
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

fn usage(reader: &mut Reader, api: &ApiStage) -> UsageConfig {
    let api_key_required = reader.flag("usage.api_key_required");
    let api_key_required = reader.default("usage.api_key_required", api_key_required, true);
    if reader
        .text("usage.store")
        .is_some_and(|store| store != "memory:")
    {
        let detail = "usage is counted in this process's memory: leave it out, or say memory:";
        reader.wrong("usage.store", detail.to_owned());
    }
    let plans: Vec<Arc<UsagePlan>> =
        file(reader, "usage.plans").map_or_else(Vec::new, |(path, text)| match plans(&text) {
            Ok(plans) => plans.into_iter().map(Arc::new).collect(),
            Err(problems) => {
                for problem in problems {
                    reader.wrong("usage.plans", format!("{path}: {problem}"));
                }
                Vec::new()
            }
        });
    let keys = file(reader, "usage.keys").map_or_else(Vec::new, |(path, text)| {
        parse_keys(&text).unwrap_or_else(|problems| {
            for problem in problems {
                reader.wrong("usage.keys", format!("{path}: {problem}"));
            }
            Vec::new()
        })
    });
    // Keys that name no plan are read, as by API Gateway, and let nobody in.
    for key in &keys {
        if let Err(error) = KeyEntry::join(key, &plans) {
            reader.wrong(
                "usage.keys",
                format!("key {} ({}): {error}", key.id, key.name),
            );
        }
    }
    let accepted = |key: &ApiKey| {
        let entry = KeyEntry::join(key, &plans);
        key.enabled && entry.is_ok_and(|entry| entry.at(api).is_some())
    };
    if api_key_required && !reader.is_set("usage.keys") {
        reader.missing(
            "usage.keys",
            "API keys are required and there are none: name a file of keys, or set \
             usage.api_key_required = false",
        );
    } else if api_key_required && !keys.iter().any(accepted) {
        reader.wrong(
            "usage.keys",
            "no key would be accepted: none is enabled and has a plan that covers api.id and \
             api.stage"
                .to_owned(),
        );
    }
    UsageConfig {
        api_key_required,
        plans,
        keys,
    }
}

fn plans(text: &str) -> Result<Vec<UsagePlan>, Vec<plan_file::PlanProblem>> {
    let mut text = text.to_owned();
    json_strip_comments::strip(&mut text).map_err(|error| {
        vec![plan_file::PlanProblem {
            pointer: String::new(),
            detail: error.to_string(),
        }]
    })?;
    plan_file::parse(&text)
}

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
        super::reader::parse_duration(default).unwrap_or_default()
    })
}

/// Numbers out of a configuration are bounded far below what a `usize` holds.
fn size(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
