//! Whose profile it is.

use std::fmt;

/// The longest user id, in bytes of UTF-8.
pub const MAX_USER_ID_BYTES: usize = 256;

/// The id of the user whom a profile belongs to: 1 to 256 bytes of UTF-8 without `/` and without
/// control characters.
///
/// Ids are compared byte by byte: no case folding, no trimming, no Unicode normalisation. Two ids
/// that look alike are two users.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserId(Box<str>);

impl UserId {
    /// Reads a user id that has been percent-decoded already.
    ///
    /// # Errors
    /// Says what is wrong with it, without repeating it.
    pub fn parse(text: &str) -> Result<Self, UserIdError> {
        if text.is_empty() {
            Err(UserIdError::Empty)
        } else if text.len() > MAX_USER_ID_BYTES {
            Err(UserIdError::TooLong)
        } else if text.contains('/') {
            Err(UserIdError::Slash)
        } else if text.chars().any(char::is_control) {
            Err(UserIdError::ControlCharacter)
        } else {
            Ok(Self(text.into()))
        }
    }

    /// The id as it is stored and compared.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a text is not a user id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UserIdError {
    /// Nothing there.
    #[error("the user id is empty")]
    Empty,
    /// More than [`MAX_USER_ID_BYTES`].
    #[error("the user id is longer than 256 bytes")]
    TooLong,
    /// A `/`, which would make it two path segments.
    #[error("the user id contains a slash")]
    Slash,
    /// A character of Unicode's category Cc.
    #[error("the user id contains a control character")]
    ControlCharacter,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_ids_are_kept_byte_by_byte() {
        for id in [
            "u-1",
            "auth0|5f7c",
            " Zoë ",
            "a".repeat(256).as_str(),
            "日本",
            "..",
            "%2F",
        ] {
            assert_eq!(UserId::parse(id).unwrap().as_str(), id);
        }
        assert_ne!(UserId::parse("A").unwrap(), UserId::parse("a").unwrap());
    }

    #[test]
    fn what_cannot_be_an_id_is_refused_with_its_reason() {
        assert_eq!(UserId::parse(""), Err(UserIdError::Empty));
        assert_eq!(UserId::parse(&"ä".repeat(129)), Err(UserIdError::TooLong));
        assert_eq!(UserId::parse("a/b"), Err(UserIdError::Slash));
        assert_eq!(UserId::parse("a\0"), Err(UserIdError::ControlCharacter));
        assert_eq!(UserId::parse("a\u{85}"), Err(UserIdError::ControlCharacter));
    }
}
