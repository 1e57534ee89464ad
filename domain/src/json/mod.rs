//! The portable form of a profile: what every store can keep and give back the same.
//!
//! * [`number`]: which numbers there are, and their one spelling;
//! * [`portable`]: reading text, checking values;
//! * [`canonical`]: the one spelling of a whole object;
//! * [`Violation`]: a place, as a JSON Pointer (RFC 6901), and what is wrong there.

pub mod canonical;
pub mod number;
pub mod portable;
mod weight;

use std::borrow::Cow;

pub(crate) use self::weight::weight;

/// The longest pointer that is told in full.
pub const MAX_POINTER_BYTES: usize = 512;

/// A place in a document and what is wrong there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// JSON Pointer (RFC 6901); empty for the document itself.
    pub pointer: String,
    /// One sentence for the caller. Names the rule, never repeats a value.
    pub detail: Cow<'static, str>,
}

impl Violation {
    /// A violation at `pointer`. A name may be as long as the document, and there may be many
    /// violations: a pointer of more than [`MAX_POINTER_BYTES`] ends with the last name that fits,
    /// and an ellipsis.
    #[must_use]
    pub fn new(pointer: &str, detail: impl Into<Cow<'static, str>>) -> Self {
        let mut end = MAX_POINTER_BYTES;
        while !pointer.is_char_boundary(end.min(pointer.len())) {
            end -= 1;
        }
        let pointer = match pointer.get(..end) {
            Some(start) if pointer.len() > MAX_POINTER_BYTES => {
                format!("{}/…", start.rsplit_once('/').map_or("", |(kept, _)| kept))
            }
            _ => pointer.to_owned(),
        };
        Self {
            pointer,
            detail: detail.into(),
        }
    }
}

/// Where a reader is in a document.
#[derive(Debug, Default)]
pub(crate) struct Place {
    pointer: String,
    /// The document itself is at depth 1.
    depth: usize,
}

impl Place {
    /// Runs `inside` at the member or element `name` of this place.
    pub(crate) fn at<T>(&mut self, name: &str, inside: impl FnOnce(&mut Self) -> T) -> T {
        let length = self.pointer.len();
        self.pointer.push('/');
        self.pointer
            .push_str(&name.replace('~', "~0").replace('/', "~1"));
        self.depth += 1;
        let result = inside(self);
        self.depth -= 1;
        self.pointer.truncate(length);
        result
    }

    /// How deep this place is: 0 for the document, 1 for its members.
    pub(crate) fn depth(&self) -> usize {
        self.depth
    }

    /// A violation here.
    pub(crate) fn violation(&self, detail: &'static str) -> Violation {
        Violation::new(&self.pointer, detail)
    }
}
