use std::{collections::BTreeSet, fmt, net::SocketAddr, time::Duration};

use toml::Value;

use super::source::{Effective, Entry, Raw, Source, Sources, normalise};

/// What is wrong with the configuration, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    /// The key as it was written; empty for a whole source.
    pub key: String,
    /// Where it came from.
    pub source: String,
    /// One sentence; never repeats a value, which may be a secret.
    pub detail: String,
}

impl ConfigError {
    pub(crate) fn new(key: &str, source: &str, detail: impl Into<String>) -> Self {
        Self {
            key: key.to_owned(),
            source: source.to_owned(),
            detail: detail.into(),
        }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.key.is_empty() {
            write!(f, "{}: {}", self.source, self.detail)
        } else {
            write!(f, "{}: {} ({})", self.key, self.detail, self.source)
        }
    }
}

impl std::error::Error for ConfigError {}

/// Reads typed values out of the sources, and remembers what it was asked for and what was wrong.
pub(crate) struct Reader {
    sources: Sources,
    /// Put before every key: empty, or the place of a table in a list.
    prefix: String,
    known: BTreeSet<(String, String)>,
    pub(crate) errors: Vec<ConfigError>,
    pub(crate) effective: Vec<Effective>,
}

/// How a value is shown by `usher check`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shown {
    Plainly,
    Hidden,
}

impl Reader {
    pub(crate) fn new(mut sources: Sources) -> Self {
        let errors = std::mem::take(&mut sources.errors);
        Self {
            sources,
            prefix: String::new(),
            known: BTreeSet::new(),
            errors,
            effective: Vec::new(),
        }
    }

    pub(crate) fn text(&mut self, key: &str) -> Option<String> {
        self.read(key, Shown::Plainly, as_text)
    }

    /// Text that is shown to nobody; it may also be in a file, named by `<key>_file`.
    pub(crate) fn secret(&mut self, key: &str) -> Option<String> {
        let file_key = format!("{key}_file");
        let direct = self.read(key, Shown::Hidden, as_text);
        let path = self.text(&file_key);
        match (direct, path) {
            (Some(_), Some(_)) => {
                self.wrong(
                    &file_key,
                    format!("{key} is given as well; give one of them"),
                );
                None
            }
            (None, Some(path)) => match std::fs::read_to_string(&path) {
                Ok(text) => Some(text.trim_end_matches(['\r', '\n']).to_owned()),
                Err(error) => {
                    self.wrong(&file_key, format!("the file cannot be read: {error}"));
                    None
                }
            },
            (direct, None) => direct,
        }
    }

    pub(crate) fn flag(&mut self, key: &str) -> Option<bool> {
        self.read(key, Shown::Plainly, |raw| match raw {
            Raw::Typed(Value::Boolean(flag)) => Ok(*flag),
            Raw::Text(text) => text.parse().map_err(|_| "must be true or false".to_owned()),
            Raw::Typed(_) => Err("must be true or false".to_owned()),
        })
    }

    pub(crate) fn number(
        &mut self,
        key: &str,
        range: std::ops::RangeInclusive<u64>,
    ) -> Option<u64> {
        self.read(key, Shown::Plainly, |raw| {
            let number = match raw {
                Raw::Typed(Value::Integer(number)) => u64::try_from(*number).ok(),
                Raw::Text(text) => text.parse().ok(),
                Raw::Typed(_) => None,
            };
            number
                .filter(|number| range.contains(number))
                .ok_or_else(|| {
                    format!(
                        "must be a whole number from {} to {}",
                        range.start(),
                        range.end()
                    )
                })
        })
    }

    /// A number, with a fraction or without.
    pub(crate) fn float(&mut self, key: &str) -> Option<f64> {
        self.read(key, Shown::Plainly, |raw| {
            let number = match raw {
                Raw::Typed(Value::Float(number)) => Some(*number),
                // A rate of more than 2^53 a second would lose its last digits.
                #[allow(clippy::cast_precision_loss, reason = "no rate is that exact")]
                Raw::Typed(Value::Integer(number)) => Some(*number as f64),
                Raw::Text(text) => text.parse().ok(),
                Raw::Typed(_) => None,
            };
            number.ok_or_else(|| "must be a number".to_owned())
        })
    }

    /// `"250ms"`, `"2s"`, `"5m"`, `"1h"`.
    pub(crate) fn duration(&mut self, key: &str) -> Option<Duration> {
        self.read(key, Shown::Plainly, |raw| {
            let text = as_text(raw)?;
            parse_duration(&text)
                .ok_or_else(|| "must be a duration such as \"250ms\", \"2s\" or \"5m\"".to_owned())
        })
    }

    pub(crate) fn address(&mut self, key: &str) -> Option<SocketAddr> {
        self.read(key, Shown::Plainly, |raw| {
            let text = as_text(raw)?;
            text.parse()
                .map_err(|_| "must be an address and a port, such as 0.0.0.0:8080".to_owned())
        })
    }

    /// One of the given words.
    pub(crate) fn word<T: Copy>(&mut self, key: &str, words: &[(&str, T)]) -> Option<T> {
        self.read(key, Shown::Plainly, |raw| {
            let text = as_text(raw)?;
            let found = words.iter().find(|(word, _)| *word == text);
            found.map(|(_, value)| *value).ok_or_else(|| {
                let all: Vec<_> = words.iter().map(|(word, _)| format!("{word:?}")).collect();
                format!("must be {}", all.join(" or "))
            })
        })
    }

    pub(crate) fn texts(&mut self, key: &str) -> Option<Vec<String>> {
        const WRONG: &str = "must be a list of texts";
        self.read(key, Shown::Plainly, |raw| match raw {
            Raw::Typed(Value::Array(items)) => items
                .iter()
                .map(|item| {
                    item.as_str()
                        .map(str::to_owned)
                        .ok_or_else(|| WRONG.to_owned())
                })
                .collect(),
            Raw::Text(text) => serde_json::from_str(text)
                .map_err(|_| format!("{WRONG}, here as JSON such as [\"a\", \"b\"]")),
            Raw::Typed(_) => Err(WRONG.to_owned()),
        })
    }

    /// A list of tables, each read by `each` with a reader of its own.
    pub(crate) fn tables<T>(
        &mut self,
        key: &str,
        mut each: impl FnMut(&mut Self) -> Option<T>,
    ) -> Vec<T> {
        let Some(entry) = self.entry(key).cloned() else {
            return Vec::new();
        };
        let tables: Option<Vec<toml::Table>> = match &entry.raw {
            Raw::Typed(Value::Array(items)) => {
                items.iter().map(|item| item.as_table().cloned()).collect()
            }
            Raw::Text(text) => serde_json::from_str(text).ok(),
            Raw::Typed(_) => None,
        };
        let Some(tables) = tables else {
            self.wrong(
                key,
                "must be a list of tables, in a variable as JSON".to_owned(),
            );
            return Vec::new();
        };
        let mut read = Vec::new();
        for (index, table) in tables.into_iter().enumerate() {
            let mut sources = Sources::default();
            for (name, value) in table {
                sources = sources.typed(&name, value, &entry.source);
            }
            let mut inner = Self::new(sources);
            inner.prefix = format!("{}{key}[{index}].", self.prefix);
            let value = each(&mut inner);
            inner.refuse_unknown(&[""]);
            self.errors.append(&mut inner.errors);
            self.effective.append(&mut inner.effective);
            read.extend(value);
        }
        read
    }

    /// Whether `key` is set, to something valid or not.
    pub(crate) fn is_set(&self, key: &str) -> bool {
        self.sources.entries.contains_key(&normalise(key))
    }

    /// Leaves all keys that nobody asked for alone: what they should be cannot be told.
    pub(crate) fn pass_over(&mut self) {
        let keys = self.sources.entries.iter();
        let keys = keys.map(|(key, entry)| (key.clone(), entry.written.clone()));
        self.known.extend(keys);
    }

    /// Says how the value of `key` is shown, when it is neither plainly nor not at all.
    pub(crate) fn show(&mut self, key: &str, value: &str) {
        let key = format!("{}{key}", self.prefix);
        if let Some(line) = self.effective.iter_mut().find(|line| line.key == key) {
            value.clone_into(&mut line.value);
        }
    }

    /// Reports that the value of `key` will not do.
    pub(crate) fn wrong(&mut self, key: &str, detail: String) {
        let entry = self.sources.entries.get(&normalise(key));
        let written = entry.map_or(key, |entry| entry.written.as_str());
        let source = entry.map_or(Source::Default, |entry| entry.source.clone());
        let key = format!("{}{written}", self.prefix);
        self.errors
            .push(ConfigError::new(&key, &source.to_string(), detail));
    }

    /// Reports that `key` is missing.
    pub(crate) fn missing(&mut self, key: &str, why: &str) {
        let key = format!("{}{key}", self.prefix);
        self.errors.push(ConfigError::new(&key, "not set", why));
    }

    /// Notes the default that is in force for `key`, for `usher check`.
    pub(crate) fn default<T: fmt::Display>(
        &mut self,
        key: &str,
        value: Option<T>,
        default: T,
    ) -> T {
        value.unwrap_or_else(|| {
            self.effective.push(Effective {
                key: format!("{}{key}", self.prefix),
                value: default.to_string(),
                source: Source::Default.to_string(),
            });
            default
        })
    }

    /// Reports every key that begins with one of `starts` and that nobody asked for, with the nearest
    /// one that somebody did.
    pub(crate) fn refuse_unknown(&mut self, starts: &[&str]) {
        let known: BTreeSet<&str> = self.known.iter().map(|(key, _)| key.as_str()).collect();
        let unknown: Vec<(String, Source)> = self
            .sources
            .entries
            .iter()
            .filter(|(key, _)| starts.iter().any(|start| key.starts_with(start)))
            .filter(|(key, _)| !known.contains(key.as_str()))
            .map(|(_, entry)| (entry.written.clone(), entry.source.clone()))
            .collect();
        for (written, source) in unknown {
            let nearest = self
                .known
                .iter()
                .map(|(key, shown)| (distance(key, &normalise(&written)), shown))
                .min()
                .filter(|(distance, _)| *distance <= 1 + written.len() / 3)
                .map_or_else(String::new, |(_, shown)| format!("; did you mean {shown}?"));
            self.errors.push(ConfigError::new(
                &format!("{}{written}", self.prefix),
                &source.to_string(),
                format!("is not a key that usher knows{nearest}"),
            ));
        }
    }

    fn entry(&mut self, key: &str) -> Option<&Entry> {
        let normal = normalise(key);
        self.known.insert((normal.clone(), key.to_owned()));
        self.sources.entries.get(&normal)
    }

    fn read<T>(
        &mut self,
        key: &str,
        shown: Shown,
        convert: impl FnOnce(&Raw) -> Result<T, String>,
    ) -> Option<T> {
        let entry = self.entry(key)?.clone();
        match convert(&entry.raw) {
            Ok(value) => {
                let displayed = match (&entry.raw, shown) {
                    (_, Shown::Hidden) => "(hidden)".to_owned(),
                    (Raw::Text(text) | Raw::Typed(Value::String(text)), Shown::Plainly) => {
                        text.clone()
                    }
                    (Raw::Typed(value), Shown::Plainly) => value.to_string(),
                };
                self.effective.push(Effective {
                    key: format!("{}{key}", self.prefix),
                    value: displayed,
                    source: entry.source.to_string(),
                });
                Some(value)
            }
            Err(detail) => {
                self.wrong(key, detail);
                None
            }
        }
    }
}

fn as_text(raw: &Raw) -> Result<String, String> {
    match raw {
        Raw::Text(text) | Raw::Typed(Value::String(text)) => Ok(text.clone()),
        Raw::Typed(_) => Err("must be text, in quotes".to_owned()),
    }
}

/// Reads a duration: a whole number and `ms`, `s`, `m` or `h`.
#[must_use]
pub fn parse_duration(text: &str) -> Option<Duration> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().ok()?;
    match unit {
        "ms" => Some(Duration::from_millis(number)),
        "s" => Some(Duration::from_secs(number)),
        "m" => number.checked_mul(60).map(Duration::from_secs),
        "h" => number.checked_mul(3600).map(Duration::from_secs),
        _ => None,
    }
}

/// How many letters have to be changed, added or left out (Levenshtein).
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (index, letter) in one.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = index + 1;
        for (column, other_letter) in other.iter().enumerate() {
            let replaced = diagonal + usize::from(letter != *other_letter);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(row[column] + 1).min(diagonal + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_units() {
        assert_eq!(parse_duration("250ms"), Some(Duration::from_millis(250)));
        assert_eq!(parse_duration("2s"), Some(Duration::from_secs(2)));
        assert_eq!(parse_duration("1h"), Some(Duration::from_hours(1)));
        for bad in [
            "",
            "5",
            "s",
            "-1s",
            "1.5s",
            "1 s",
            "5d",
            "99999999999999999999s",
        ] {
            assert_eq!(parse_duration(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_distance_counts_letters() {
        assert_eq!(distance("listen", "listn"), 1);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("kitten", "sitting"), 3);
    }
}
