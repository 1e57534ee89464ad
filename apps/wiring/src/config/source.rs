use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
};

use toml::Value;

use super::reader::ConfigError;

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A file.
    File(String),
    /// An environment variable.
    Environment(String),
    /// A flag of the command line.
    Flag(String),
    /// The program itself.
    Default,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{path}"),
            Self::Environment(name) => write!(f, "environment variable {name}"),
            Self::Flag(name) => write!(f, "flag {name}"),
            Self::Default => f.write_str("default"),
        }
    }
}

/// A value as a source has it.
#[derive(Debug, Clone)]
pub(crate) enum Raw {
    /// With a type of its own.
    Typed(Value),
    /// Text, to be read as whatever type is wanted.
    Text(String),
}

/// A value, its key as written, and where it came from.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) written: String,
    pub(crate) raw: Raw,
    pub(crate) source: Source,
}

/// What was set, and what came of it: a line of `usher check`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effective {
    /// The key.
    pub key: String,
    /// The value in force; a secret is hidden.
    pub value: String,
    /// Where it came from.
    pub source: String,
}

/// All sources, joined: the later one wins.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// By normalised key.
    pub(crate) entries: BTreeMap<String, Entry>,
    pub(crate) errors: Vec<ConfigError>,
}

/// Keys match without regard to case and `_`.
pub(crate) fn normalise(key: &str) -> String {
    key.chars()
        .filter(|letter| *letter != '_')
        .flat_map(char::to_lowercase)
        .collect()
}

impl Sources {
    /// The configuration file and the environment of this process. The file is the one that the
    /// flag names, or the variable `USHER_CONFIG`, or the first of `candidates` that is there.
    #[must_use]
    #[allow(
        clippy::disallowed_methods,
        reason = "this is the one place where it is read"
    )]
    pub fn of_process(flag: Option<&Path>, candidates: &[PathBuf]) -> Self {
        let named = flag.map(Path::to_owned).or_else(|| {
            std::env::var_os("USHER_CONFIG")
                .filter(|path| !path.is_empty())
                .map(PathBuf::from)
        });
        let found = named.or_else(|| candidates.iter().find(|path| path.is_file()).cloned());
        let sources = match found {
            Some(path) => Self::default().file(&path),
            None => Self::default(),
        };
        sources.environment(Self::variables())
    }

    /// The environment of this process, as far as it is text.
    #[allow(
        clippy::disallowed_methods,
        reason = "this is the one place where it is read"
    )]
    pub fn variables() -> impl Iterator<Item = (String, String)> {
        std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
    }

    /// Adds a configuration file.
    #[must_use]
    pub fn file(mut self, path: &Path) -> Self {
        let name = path.display().to_string();
        match std::fs::read_to_string(path) {
            Err(error) => {
                self.errors.push(ConfigError::new(
                    "",
                    &name,
                    format!("cannot be read: {error}"),
                ));
                self
            }
            Ok(text) => self.toml(&name, &text),
        }
    }

    /// Adds TOML text that came from `name`.
    #[must_use]
    pub fn toml(mut self, name: &str, text: &str) -> Self {
        match text.parse::<toml::Table>() {
            Err(error) => {
                // Not the error's own text: it shows the line, which may hold a secret.
                let before = error
                    .span()
                    .and_then(|span| text.get(..span.start))
                    .unwrap_or("");
                let line = before.matches('\n').count() + 1;
                let said = format!("line {line}: {}", error.message());
                self.errors.push(ConfigError::new("", name, said));
            }
            Ok(table) => {
                let source = Source::File(name.to_owned());
                for (key, value) in table {
                    self.flatten(&key, value, &source);
                }
            }
        }
        self
    }

    /// Adds environment variables. Only `USHER_` with `__` in it is configuration: what a platform
    /// puts into the environment is never an unknown key.
    #[must_use]
    pub fn environment(mut self, variables: impl IntoIterator<Item = (String, String)>) -> Self {
        for (name, value) in variables {
            let Some(rest) = name
                .strip_prefix("USHER_")
                .filter(|rest| rest.contains("__"))
            else {
                continue;
            };
            let written = rest
                .split("__")
                .map(str::to_lowercase)
                .collect::<Vec<_>>()
                .join(".");
            let source = Source::Environment(name);
            self.insert(Entry {
                written,
                raw: Raw::Text(value),
                source,
            });
        }
        self
    }

    /// Adds a flag's value.
    #[must_use]
    pub fn flag(mut self, flag: &str, key: &str, value: &str) -> Self {
        self.insert(Entry {
            written: key.to_owned(),
            raw: Raw::Text(value.to_owned()),
            source: Source::Flag(flag.to_owned()),
        });
        self
    }

    /// Adds one value of a table in a list.
    pub(crate) fn typed(mut self, key: &str, value: Value, source: &Source) -> Self {
        self.flatten(key, value, source);
        self
    }

    fn flatten(&mut self, key: &str, value: Value, source: &Source) {
        match value {
            Value::Table(members) => {
                for (name, member) in members {
                    self.flatten(&format!("{key}.{name}"), member, source);
                }
            }
            value => self.insert(Entry {
                written: key.to_owned(),
                raw: Raw::Typed(value),
                source: source.clone(),
            }),
        }
    }

    fn insert(&mut self, entry: Entry) {
        let key = normalise(&entry.written);
        if let Some(earlier) = self.entries.get(&key)
            && earlier.source == entry.source
        {
            let said = format!("is given twice, as {} too", earlier.written);
            self.errors.push(ConfigError::new(
                &entry.written,
                &entry.source.to_string(),
                said,
            ));
        }
        // A secret and its file are one key: the later source wins, whichever form it uses.
        let other = match key.strip_suffix("file") {
            Some(stem) => stem.to_owned(),
            None => format!("{key}file"),
        };
        if self
            .entries
            .get(&other)
            .is_some_and(|earlier| earlier.source != entry.source)
        {
            self.entries.remove(&other);
        }
        self.entries.insert(key, entry);
    }
}
