//! As much of `PromQL` as dashboards and alerts use: which series are named, and with which labels.

use std::collections::BTreeSet;

use usher_domain::ports::{Concern, Rule};
use usher_telemetry::{Kind, METRICS, OUTCOMES, REFUSED_BY, STATUS_CLASSES};

/// Labels that Prometheus adds to what it scrapes.
const ADDED: [&str; 2] = ["job", "instance"];
/// What takes a list of labels, for the series in the parentheses after it.
const AGGREGATIONS: [&str; 2] = ["by", "without"];
/// What takes one for the series on both of its sides: they have to be everywhere.
const MATCHINGS: [&str; 4] = ["on", "ignoring", "group_left", "group_right"];

/// What an expression names.
pub(crate) struct Read {
    pub(crate) families: BTreeSet<String>,
    /// The labels that its result may have.
    pub(crate) kept: BTreeSet<String>,
}

/// Names in a text: those between `{{` and `}}`.
pub(crate) fn named(text: &str, open: &str) -> Vec<String> {
    let parts = text.split(open).skip(1);
    let inner = parts.filter_map(|part| part.split_once("}}"));
    inner.map(|(name, _)| name.trim().to_owned()).collect()
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Word(String),
    Text(String),
    Sign(char),
}

fn tokens(expression: &str) -> Vec<Token> {
    let is_word =
        |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | ':' | '$' | '.');
    let mut tokens = Vec::new();
    let mut rest = expression.trim_start();
    while let Some(first) = rest.chars().next() {
        let (token, length) = if is_word(first) {
            let end = rest.find(|letter| !is_word(letter)).unwrap_or(rest.len());
            (Token::Word(rest[..end].to_owned()), end)
        } else if first == '"' {
            let end = rest[1..].find('"').expect("a text that ends") + 1;
            (Token::Text(rest[1..end].to_owned()), end + 1)
        } else {
            (Token::Sign(first), first.len_utf8())
        };
        tokens.push(token);
        rest = rest[length..].trim_start();
    }
    tokens
}

/// One of a family's series.
#[derive(Clone)]
struct Series {
    family: &'static str,
    labels: Vec<&'static str>,
}

/// A series by its name, if there is one.
fn series(name: &str) -> Result<Series, String> {
    if name == "usher_build_info" {
        return Ok(Series {
            family: "usher_build_info",
            labels: vec!["version"],
        });
    }
    let known = |name: &str| METRICS.into_iter().find(|metric| metric.prometheus == name);
    if let Some(metric) = known(name) {
        return match metric.kind {
            Kind::Counter | Kind::Gauge => Ok(Series {
                family: metric.prometheus,
                labels: metric.labels.to_vec(),
            }),
            _ => Err(format!("{name} has no value of its own")),
        };
    }
    let parts = ["_bucket", "_sum", "_count"];
    let part = parts
        .into_iter()
        .find_map(|end| Some((known(name.strip_suffix(end)?)?, end)));
    match part {
        Some((metric, end)) if matches!(metric.kind, Kind::Histogram(_)) => {
            let mut labels = metric.labels.to_vec();
            labels.extend((end == "_bucket").then_some("le"));
            Ok(Series {
                family: metric.prometheus,
                labels,
            })
        }
        _ => Err(format!("there is no {name}")),
    }
}

/// Whether a label of a series can have a value; of labels whose values nobody can list, each can.
fn can_be(series: &Series, label: &str, value: &str) -> bool {
    let counted = |rule: &&Rule| match series.family {
        "usher_throttled_total" => rule.concern() == Concern::Throttle,
        "usher_auth_failures_total" => rule.concern() == Concern::Authentication,
        _ => rule.concern() == Concern::Access,
    };
    match label {
        "status_class" => STATUS_CLASSES.contains(&value),
        "outcome" => OUTCOMES.contains(&value),
        "rule" => REFUSED_BY
            .iter()
            .filter(counted)
            .any(|rule| rule.as_str() == value),
        "le" => METRICS.iter().any(|metric| match metric.kind {
            Kind::Histogram(buckets) if metric.prometheus == series.family => {
                buckets.iter().any(|bucket| bucket.to_string() == value)
            }
            _ => false,
        }),
        _ => true,
    }
}

/// Reads an expression.
///
/// # Errors
/// What it names that is not there.
pub(crate) fn read(expression: &str) -> Result<Read, String> {
    let tokens = tokens(expression);
    let mut families = BTreeSet::new();
    let mut all = Vec::new();
    let mut kept: Option<BTreeSet<String>> = None;
    for (at, token) in tokens.iter().enumerate() {
        let Token::Word(word) = token else { continue };
        let is_up = word == "up";
        if word.starts_with("usher_") || is_up {
            let series = if is_up {
                Series {
                    family: "up",
                    labels: Vec::new(),
                }
            } else {
                series(word)?
            };
            selected(&series, &tokens[at + 1..])?;
            if !is_up {
                families.insert(series.family.to_owned());
            }
            all.push((at, series));
        }
    }
    for (at, token) in tokens.iter().enumerate() {
        let Token::Word(word) = token else { continue };
        let (aggregates, matches) = (
            AGGREGATIONS.contains(&&**word),
            MATCHINGS.contains(&&**word),
        );
        if !(aggregates || matches) {
            continue;
        }
        let (listed, after) =
            list(&tokens[at + 1..]).ok_or_else(|| format!("{word} without a list"))?;
        let after = at + 1 + after;
        if aggregates && group(&tokens[after..]) == 0 {
            return Err(format!("{word} before nothing"));
        }
        let within = after..after + group(&tokens[after..]);
        let about = all.iter().filter(|(at, _)| matches || within.contains(at));
        for label in &listed {
            for (_, series) in about.clone() {
                known(series, label)?;
            }
        }
        if word == "by" {
            kept.get_or_insert_default().extend(listed);
        }
    }
    let of_series = all
        .iter()
        .flat_map(|(_, series)| series.labels.iter().chain(&ADDED));
    let of_series = of_series.map(|label| (*label).to_owned());
    if families.is_empty() && !expression.starts_with("up{job=") {
        return Err("it names nothing of ours".to_owned());
    }
    Ok(Read {
        families,
        kept: kept.unwrap_or_else(|| of_series.collect()),
    })
}

fn known(series: &Series, label: &str) -> Result<(), String> {
    if series.labels.contains(&label) || ADDED.contains(&label) {
        Ok(())
    } else {
        Err(format!("{} has no label {label}", series.family))
    }
}

/// Looks at the matchers after a series' name.
fn selected(series: &Series, after: &[Token]) -> Result<(), String> {
    if after.first() != Some(&Token::Sign('{')) {
        return Ok(());
    }
    let end = after.iter().position(|token| *token == Token::Sign('}'));
    for matcher in
        after[1..end.ok_or("a selector without an end")?].split(|token| *token == Token::Sign(','))
    {
        let (Some(Token::Word(label)), Some(Token::Text(value))) =
            (matcher.first(), matcher.last())
        else {
            return Err(format!("{matcher:?} is no matcher"));
        };
        known(series, label)?;
        let is_pattern = matcher.contains(&Token::Sign('~'));
        if !is_pattern && !can_be(series, label, value) {
            return Err(format!("{label} of {} is never {value}", series.family));
        }
    }
    Ok(())
}

/// A list of labels in parentheses, and how many tokens it takes.
fn list(tokens: &[Token]) -> Option<(Vec<String>, usize)> {
    let (Some(Token::Sign('(')), end) = (
        tokens.first(),
        tokens.iter().position(|token| *token == Token::Sign(')'))?,
    ) else {
        return None;
    };
    let words = tokens[1..end].iter().filter_map(|token| match token {
        Token::Word(word) => Some(word.clone()),
        _ => None,
    });
    Some((words.collect(), end + 1))
}

/// How many tokens the group in parentheses takes that begins here; 0 where none does.
fn group(tokens: &[Token]) -> usize {
    let mut depth = 0_u32;
    for (at, token) in tokens.iter().enumerate() {
        match token {
            Token::Sign('(') => depth += 1,
            Token::Sign(')') => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            return if at == 0 { 0 } else { at + 1 };
        }
    }
    tokens.len()
}
