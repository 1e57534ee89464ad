use std::fmt;

/// So many faults of a schema are told at once, and no more.
pub const MAX_FAULTS: usize = 32;

/// Why a text is not a schema that profiles can be held against.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaError {
    faults: Vec<SchemaFault>,
}

/// A place in a schema and what is wrong there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaFault {
    /// JSON Pointer (RFC 6901) to the place; empty for the schema itself.
    pub pointer: String,
    /// One sentence for the operator.
    pub detail: String,
}

impl SchemaFault {
    pub(crate) fn new(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self {
            pointer: pointer.into(),
            detail: detail.into(),
        }
    }
}

/// The place, if it is not the whole, and what is wrong.
impl fmt::Display for SchemaFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.pointer.is_empty() {
            write!(f, "{}: ", self.pointer)?;
        }
        f.write_str(&self.detail)
    }
}

impl std::error::Error for SchemaFault {}

impl SchemaError {
    /// An error of the first [`MAX_FAULTS`] of `faults`.
    pub(crate) fn new(mut faults: Vec<SchemaFault>) -> Self {
        faults.truncate(MAX_FAULTS);
        Self { faults }
    }

    /// Each place, up to [`MAX_FAULTS`]; never empty.
    #[must_use]
    pub fn faults(&self) -> &[SchemaFault] {
        &self.faults
    }
}

impl From<SchemaFault> for SchemaError {
    fn from(fault: SchemaFault) -> Self {
        Self {
            faults: vec![fault],
        }
    }
}

/// One line a fault.
impl fmt::Display for SchemaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.faults.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            write!(f, "{fault}")?;
        }
        Ok(())
    }
}

impl std::error::Error for SchemaError {}
