//! `[log]`, `[metrics]`, `[traces]`.

use tracing_subscriber::filter::{LevelFilter, Targets};

use super::{LogConfig, LogFormat, MetricsConfig, TracesConfig};
use crate::config::reader::Reader;

/// CloudWatch's bound on the name of a namespace.
const MOST_CHARACTERS: usize = 255;

pub(super) fn log(reader: &mut Reader, terminal: bool) -> LogConfig {
    let formats = [("json", LogFormat::Json), ("text", LogFormat::Text)];
    let format = reader.word("log.format", &formats).unwrap_or_else(|| {
        let (name, format) = formats[usize::from(terminal)];
        reader.default("log.format", None, name.to_owned());
        format
    });
    let level = reader.text("log.level");
    let level = reader.default("log.level", level, "info".to_owned());
    let level = level_of(&level).unwrap_or_else(|| {
        let detail =
            "must be error, warn, info, debug, trace, off, or a filter such as info,sqlx=warn";
        reader.wrong("log.level", detail.to_owned());
        Targets::default()
    });
    let access = reader.flag("log.access");
    let access = reader.default("log.access", access, true);
    LogConfig {
        format,
        level,
        access,
    }
}

/// Levels, one for all and some for targets. Nothing is guessed: a word that is no level would be a target, and a slip
/// the end of all logs.
fn level_of(text: &str) -> Option<Targets> {
    let mut targets = Targets::new();
    for part in text.split(',').map(str::trim) {
        let (target, level) = match part.split_once('=') {
            Some((target, level)) => (Some(target), level),
            None => (None, part),
        };
        // An empty level and numbers are levels, too, and nobody knows which.
        let is_word = !level.is_empty() && level.bytes().all(|byte| byte.is_ascii_alphabetic());
        let level: LevelFilter = level.parse().ok().filter(|_| is_word)?;
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_:-".contains(&byte);
        targets = match target {
            None => targets.with_default(level),
            Some(target) if !target.is_empty() && target.bytes().all(is_plain) => {
                targets.with_target(target, level)
            }
            Some(_) => return None,
        };
    }
    Some(targets)
}

pub(super) fn metrics(reader: &mut Reader) -> MetricsConfig {
    let emf = reader.flag("metrics.emf");
    if emf.is_none() {
        // What it is depends on where it runs.
        reader.default("metrics.emf", None, "false, and true on Lambda");
    }
    let namespace = reader.text("metrics.namespace");
    let namespace = reader.default("metrics.namespace", namespace, "Usher".to_owned());
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._/#:-".contains(&byte);
    let is_good = (1..=MOST_CHARACTERS).contains(&namespace.len())
        && namespace.bytes().all(is_plain)
        && !namespace.starts_with("AWS/");
    if !is_good {
        let detail = "must be 1 to 255 letters, digits and . _ / # : -, and not begin with AWS/";
        reader.wrong("metrics.namespace", detail.to_owned());
    }
    MetricsConfig { emf, namespace }
}

pub(super) fn traces(reader: &mut Reader) -> Option<TracesConfig> {
    const ENDPOINT: &str = "traces.otlp_endpoint";
    const RATIO: &str = "traces.sample_ratio";
    let (endpoint, ratio) = (reader.text(ENDPOINT), reader.float(RATIO));
    let otlp_endpoint = endpoint?;
    let sample_ratio = reader.default(RATIO, ratio, 1.0);
    if !(0.0..=1.0).contains(&sample_ratio) {
        reader.wrong(RATIO, "must be from 0 to 1".to_owned());
    }
    if !cfg!(feature = "traces") {
        let detail = "this binary was built without the feature traces";
        reader.wrong(ENDPOINT, detail.to_owned());
    }
    if let Some(problem) = problem_of(&otlp_endpoint) {
        // Not as it was written: there may be a password in it.
        reader.show(ENDPOINT, "(hidden)");
        reader.wrong(ENDPOINT, problem.to_owned());
    }
    Some(TracesConfig {
        otlp_endpoint,
        sample_ratio,
    })
}

fn problem_of(endpoint: &str) -> Option<&'static str> {
    let Some((_, rest)) = endpoint
        .split_once("://")
        .filter(|(scheme, _)| matches!(*scheme, "http" | "https"))
    else {
        return Some("must begin with http:// or https://, such as http://127.0.0.1:4317");
    };
    // Wherever it is: a password may have a slash in it, and what it says must not be shown.
    if rest.contains('@') {
        return Some("must have no name and no password: OTEL_EXPORTER_OTLP_HEADERS has headers");
    }
    let authority = rest.strip_suffix('/').unwrap_or(rest);
    if authority.is_empty() || authority.contains(['/', '?', '#']) {
        return Some("must be a host and a port, such as http://127.0.0.1:4317");
    }
    None
}
