//! What was said of tokens before, by the SHA-256 of their text.

use std::sync::Arc;

use quick_cache::{Weighter, sync::Cache};
use sha2::{Digest as _, Sha256};
use usher_domain::{ports::TokenError, principal::Principal, time::Timestamp};

use crate::key_source::Found;

/// What verified tokens may take, in bytes. The least used are forgotten first.
const VERIFIED_BYTES: u64 = 64 * 1024 * 1024;
/// So many are expected, for the size of the table at the start.
const VERIFIED_EXPECTED: usize = 1_024;
/// So many refused tokens are remembered, each in about 100 bytes.
const REFUSED: usize = 16_384;

pub(crate) type Digest = [u8; 32];

pub(crate) fn digest(token: &str) -> Digest {
    Sha256::digest(token.as_bytes()).into()
}

/// Two memories, each with a bound of its own: a flood of bad tokens must not push out good ones.
#[derive(Debug)]
pub(crate) struct Memory {
    verified: Cache<Digest, Arc<Verified>, Bytes>,
    refused: Cache<Digest, Refused>,
}

/// A token that was verified.
#[derive(Debug)]
pub(crate) struct Verified {
    pub(crate) principal: Arc<Principal>,
    /// Leeway included.
    pub(crate) expires: Timestamp,
    /// When that was.
    pub(crate) at: Timestamp,
    /// Its place in the list.
    pub(crate) issuer: usize,
    pub(crate) kid: String,
    pub(crate) found: Found,
}

/// A token that no other time will make right.
#[derive(Debug, Clone)]
pub(crate) struct Refused {
    pub(crate) why: Refusal,
    /// The issuer and the generation of its keys that it was judged with; `None` when keys have
    /// nothing to do with it.
    pub(crate) keys: Option<(usize, u64)>,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Refusal {
    Invalid(&'static str),
    /// The instant is kept: a clock that ran ahead and was set back must not have ended a token.
    Expired(Timestamp),
}

impl Refusal {
    pub(crate) fn at(self, now: Timestamp) -> Option<TokenError> {
        match self {
            Self::Invalid(why) => Some(TokenError::Invalid(why)),
            Self::Expired(expires) => (now >= expires).then_some(TokenError::Expired),
        }
    }
}

impl Memory {
    pub(crate) fn new() -> Self {
        Self {
            verified: Cache::with_weighter(VERIFIED_EXPECTED, VERIFIED_BYTES, Bytes),
            refused: Cache::new(REFUSED),
        }
    }

    pub(crate) fn verified(&self, token: &Digest) -> Option<Arc<Verified>> {
        self.verified.get(token)
    }

    pub(crate) fn refused(&self, token: &Digest) -> Option<Refused> {
        self.refused.get(token)
    }

    pub(crate) fn verify(&self, token: Digest, verified: Arc<Verified>) {
        self.verified.insert(token, verified);
    }

    pub(crate) fn refuse(&self, token: Digest, refused: Refused) {
        self.refused.insert(token, refused);
    }

    pub(crate) fn forget(&self, token: &Digest) {
        self.verified.remove(token);
        self.refused.remove(token);
    }
}

/// How much memory a verified token takes, roughly: a bound on their number alone would let tokens
/// with thousands of groups take gigabytes.
#[derive(Debug, Clone)]
struct Bytes;

impl Weighter<Digest, Arc<Verified>> for Bytes {
    fn weight(&self, _: &Digest, verified: &Arc<Verified>) -> u64 {
        /// The entry itself, with its allocations.
        const ENTRY: usize = 512;
        /// A short text in a set of texts.
        const NAME: usize = 48;
        let Principal {
            id,
            issuer,
            scopes,
            groups,
            claims,
        } = &*verified.principal;
        let names: usize = scopes
            .iter()
            .chain(groups)
            .chain(claims.values())
            .map(|name| NAME + name.len())
            .sum();
        let bytes = ENTRY + id.len() + issuer.len() + verified.kid.len() + names;
        u64::try_from(bytes).unwrap_or(u64::MAX)
    }
}
