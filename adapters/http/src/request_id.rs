use std::{
    fmt,
    sync::atomic::{AtomicU64, Ordering},
};

use axum::http::HeaderValue;
use uuid::Uuid;

/// Names a request in its answer, in problem bodies and in logs. A UUID, as in API Gateway.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct RequestId(Uuid);

impl RequestId {
    /// As a number, of 128 bits.
    pub(crate) const fn as_number(self) -> u128 {
        self.0.as_u128()
    }

    /// The header's value.
    pub(crate) fn header(self) -> HeaderValue {
        let mut text = Uuid::encode_buffer();
        let text = self.0.hyphenated().encode_lower(&mut text);
        // Hexadecimal digits and hyphens are a header value always.
        HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static("-"))
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Makes request ids: random for this process, counted within it. Unique, and no system call each.
#[derive(Debug)]
pub struct RequestIds {
    process: u64,
    count: AtomicU64,
}

impl RequestIds {
    /// A source of ids that no other process has.
    #[must_use]
    #[allow(clippy::disallowed_methods, reason = "this is the request-id source")]
    pub fn new() -> Self {
        let (process, first) = Uuid::new_v4().as_u64_pair();
        Self {
            process,
            count: AtomicU64::new(first),
        }
    }

    pub(crate) fn next(&self) -> RequestId {
        // An odd factor is a permutation of the numbers: ids do not repeat and do not tell how many
        // requests there were.
        const SCATTER: u64 = 0x9e37_79b9_7f4a_7c15;
        let count = self
            .count
            .fetch_add(1, Ordering::Relaxed)
            .wrapping_mul(SCATTER);
        let bytes = (u128::from(self.process) << 64 | u128::from(count)).to_be_bytes();
        RequestId(Uuid::new_v8(bytes))
    }
}

impl Default for RequestIds {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_uuids_that_differ() {
        let (one, other) = (RequestIds::new(), RequestIds::new());
        let ids: std::collections::HashSet<_> = (0..1000)
            .flat_map(|_| [one.next().to_string(), other.next().to_string()])
            .collect();
        assert_eq!(ids.len(), 2000);
        assert!(ids.iter().all(|id| Uuid::parse_str(id).is_ok()));
    }
}
