use std::{path::PathBuf, time::Duration};

use secrecy::{ExposeSecret as _, SecretString};

use super::duration;
use crate::config::reader::Reader;

/// The control table, unless a URL names another.
const CONTROL: &str = "UsherControl";

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

/// Where profiles are, or usage.
#[derive(Debug, Clone)]
pub enum StoreUrl {
    /// `memory:`
    Memory,
    /// `sqlite:PATH`
    Sqlite(PathBuf),
    /// `postgres://…`
    Postgres(SecretString),
    /// `dynamodb://TABLE?region=…&endpoint=…&control=…`
    Dynamo(DynamoConfig),
}

impl PartialEq for StoreUrl {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Memory, Self::Memory) => true,
            (Self::Sqlite(one), Self::Sqlite(other)) => one == other,
            (Self::Postgres(one), Self::Postgres(other)) => {
                one.expose_secret() == other.expose_secret()
            }
            (Self::Dynamo(one), Self::Dynamo(other)) => one == other,
            _ => false,
        }
    }
}

impl Eq for StoreUrl {}

/// Tables of `DynamoDB`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DynamoConfig {
    /// The table of profiles.
    pub table: String,
    /// The table of plans, keys and usage.
    pub control: String,
    /// Their region; left out, the environment's.
    pub region: Option<String>,
    /// Another endpoint than the region's own.
    pub endpoint: Option<String>,
}

pub(super) fn store(reader: &mut Reader) -> Option<StoreConfig> {
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

/// What the driver understands. Of anything else it says so in the log, value and all, and goes on.
const POSTGRES_PARAMETERS: [&str; 18] = [
    "application_name",
    "dbname",
    "host",
    "hostaddr",
    "options",
    "password",
    "port",
    "ssl-ca",
    "ssl-cert",
    "ssl-key",
    "ssl-mode",
    "ssl-root-cert",
    "sslcert",
    "sslkey",
    "sslmode",
    "sslrootcert",
    "statement-cache-capacity",
    "user",
];

fn check_postgres_parameters(url: &str) -> Result<(), String> {
    let query = url.split('#').next().and_then(|url| url.split_once('?'));
    let pairs = query.map_or("", |(_, query)| query).split('&');
    for pair in pairs.filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        if POSTGRES_PARAMETERS.contains(&name)
            || name.starts_with("options[")
            || name.starts_with("options%5B")
        {
            continue;
        }
        let known = POSTGRES_PARAMETERS.join(", ");
        // A question mark in a password that is not encoded begins what looks like a parameter.
        let is_name = name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b == b'_' || b == b'-');
        let shown = if is_name && !value.is_empty() && !pair.contains('@') {
            name
        } else {
            "that is there"
        };
        return Err(format!(
            "postgres:// knows no parameter {shown}; it takes {known}"
        ));
    }
    Ok(())
}

/// The store, and how it may be shown.
pub(super) fn parse_store_url(text: &str) -> Result<(StoreUrl, String), String> {
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
        check_postgres_parameters(text)?;
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
            control: CONTROL.to_owned(),
            region: None,
            endpoint: None,
        };
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            match name {
                "region" => dynamo.region = Some(value.to_owned()),
                "endpoint" => dynamo.endpoint = Some(value.to_owned()),
                "control" if !value.is_empty() => value.clone_into(&mut dynamo.control),
                _ => return Err("dynamodb:// takes region, endpoint and control".to_owned()),
            }
        }
        if dynamo.control == dynamo.table {
            return Err("dynamodb:// needs two tables: control is that of the profiles".to_owned());
        }
        return Ok((StoreUrl::Dynamo(dynamo), text.to_owned()));
    }
    Err("must begin with sqlite:, postgres://, dynamodb:// or memory:".to_owned())
}
