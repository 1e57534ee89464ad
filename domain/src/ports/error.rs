use std::{error::Error, fmt};

/// What went wrong with a store, as far as a caller has to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreErrorKind {
    /// The store could not be reached, or did not answer in time. The outcome of a write is not
    /// known.
    Unavailable,
    /// The store took too many requests and said so; nothing was done.
    Overloaded,
    /// A stored row does not read as what it should be.
    Corrupt,
    /// Anything else: a bug, a missing table, a missing permission.
    Internal,
}

/// An error of a port: its kind, where it happened, and the driver's own error as its source.
///
/// The source may contain what must not be shown to a client: it goes to the log, never into a
/// body. Adapters must not put profile content, tokens or connection strings into `context`.
#[derive(Debug)]
pub struct StoreError {
    kind: StoreErrorKind,
    context: String,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl StoreError {
    /// An error of `kind` that happened while doing `context`.
    #[must_use]
    pub fn new(kind: StoreErrorKind, context: impl Into<String>) -> Self {
        Self {
            kind,
            context: context.into(),
            source: None,
        }
    }

    /// Keeps the driver's error.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// What went wrong.
    #[must_use]
    pub fn kind(&self) -> StoreErrorKind {
        self.kind
    }

    /// Whether the same call may succeed a moment later. Only reads may be repeated blindly.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(
            self.kind,
            StoreErrorKind::Unavailable | StoreErrorKind::Overloaded
        )
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.context)
    }
}

impl Error for StoreError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source
            .as_deref()
            .map(|source| source as &(dyn Error + 'static))
    }
}
