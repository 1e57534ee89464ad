//! API keys: what a client sends, and what is kept of it.

use std::fmt;

use sha2::{Digest as _, Sha256};

use super::plan::PlanId;
use crate::time::Timestamp;

/// The shortest and the longest key, in characters (as in API Gateway).
pub const KEY_LENGTH: std::ops::RangeInclusive<usize> = 20..=128;

/// The SHA-256 of an API key: all that Usher keeps.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ApiKeyHash([u8; 32]);

/// Why a text is not a key. The text itself is not repeated: it may be a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ApiKeyError {
    /// A key must be 20 to 128 characters of visible ASCII.
    #[error("an API key has 20 to 128 visible ASCII characters")]
    Form,
    /// After `sha256:` come 64 hexadecimal digits.
    #[error("after sha256: there must be 64 hexadecimal digits")]
    Hash,
}

impl ApiKeyHash {
    /// Hashes a key as a client presents it.
    ///
    /// # Errors
    /// [`ApiKeyError::Form`].
    pub fn of(key: &str) -> Result<Self, ApiKeyError> {
        if KEY_LENGTH.contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic()) {
            Ok(Self(Sha256::digest(key.as_bytes()).into()))
        } else {
            Err(ApiKeyError::Form)
        }
    }

    /// The hash that these bytes are, as a store keeps it.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes, for a store to keep.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Reads the `Key` column of an import: the key itself, or `sha256:` and its hash in
    /// hexadecimal.
    ///
    /// # Errors
    /// See [`ApiKeyError`].
    pub fn from_import(text: &str) -> Result<Self, ApiKeyError> {
        let Some(hex) = text.strip_prefix("sha256:") else {
            return Self::of(text);
        };
        let mut hash = [0; 32];
        if hex.len() != 64 || !hex.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(ApiKeyError::Hash);
        }
        for (index, byte) in hash.iter_mut().enumerate() {
            let digits = hex.get(2 * index..2 * index + 2).ok_or(ApiKeyError::Hash)?;
            *byte = u8::from_str_radix(digits, 16).map_err(|_| ApiKeyError::Hash)?;
        }
        Ok(Self(hash))
    }
}

/// A hash is no secret, but it says nothing to a reader either.
impl fmt::Debug for ApiKeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiKeyHash").finish_non_exhaustive()
    }
}

/// A key's public name: what logs and metrics show in its place.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ApiKeyId(Box<str>);

impl ApiKeyId {
    /// An id that an import or a store gives.
    #[must_use]
    pub fn new(id: &str) -> Self {
        Self(id.into())
    }

    /// The id of a key that comes without one (AWS's CSV has no column for it): sixteen hexadecimal
    /// digits out of a hash of the hash, so that an id is the same after every import and tells
    /// nothing about the key.
    #[must_use]
    pub fn derived_from(hash: &ApiKeyHash) -> Self {
        use std::fmt::Write as _;
        let mut id = String::new();
        for byte in Sha256::digest(hash.0).iter().take(8) {
            let _ = write!(id, "{byte:02x}");
        }
        Self(id.into())
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ApiKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The secret that a key had before it was rotated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PreviousSecret {
    /// Its hash.
    pub hash: ApiKeyHash,
    /// From then on it opens nothing.
    pub until: Timestamp,
}

/// A key as an administrator sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// Its public name.
    pub id: ApiKeyId,
    /// What is kept of the key itself.
    pub hash: ApiKeyHash,
    /// What it was before, as long as that is good too.
    pub previous: Option<PreviousSecret>,
    /// For people.
    pub name: String,
    /// For people.
    pub description: String,
    /// A disabled key is refused like an unknown one.
    pub enabled: bool,
    /// The plans that the key belongs to, at most one for each stage of an API.
    pub plans: Vec<PlanId>,
    /// When it was made or first imported, as far as that is known.
    pub created_at: Option<Timestamp>,
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "abcdefghijklmnopqrst";
    const HEX: &str = "sha256:1492500463b4ab5e81b89e4f8ff1408cbdb2d7a5e5a2b4c6e2f6d8b2b7b2b7b2";

    #[test]
    fn a_key_has_twenty_to_a_hundred_and_twenty_eight_visible_characters() {
        assert!(ApiKeyHash::of(KEY).is_ok());
        assert!(ApiKeyHash::of(&"k".repeat(128)).is_ok());
        for bad in [
            "abcdefghijklmnopqrs",
            &"k".repeat(129),
            "abcdefghij klmnopqrst",
            "äbcdefghijklmnopqrst",
        ] {
            assert_eq!(ApiKeyHash::of(bad), Err(ApiKeyError::Form));
        }
    }

    #[test]
    fn an_imported_hash_is_the_hash_of_the_key() {
        let mut hex = String::new();
        for byte in Sha256::digest(KEY) {
            let _ = std::fmt::Write::write_fmt(&mut hex, format_args!("{byte:02X}"));
        }
        assert_eq!(
            ApiKeyHash::from_import(&format!("sha256:{hex}")),
            ApiKeyHash::of(KEY)
        );
        assert_eq!(ApiKeyHash::from_import(KEY), ApiKeyHash::of(KEY));
        assert!(ApiKeyHash::from_import(HEX).is_ok());
        for bad in [
            "sha256:",
            "sha256:zz",
            HEX.strip_suffix('2').unwrap(),
            &format!("{HEX}0"),
        ] {
            assert_eq!(
                ApiKeyHash::from_import(bad),
                Err(ApiKeyError::Hash),
                "{bad}"
            );
        }
    }

    #[test]
    fn an_id_says_nothing_about_its_key() {
        let hash = ApiKeyHash::of(KEY).unwrap();
        let id = ApiKeyId::derived_from(&hash);
        assert_eq!(id.as_str().len(), 16);
        assert_eq!(id, ApiKeyId::derived_from(&hash));
        assert!(!format!("{hash:?}").contains(id.as_str()));
    }
}
