//! Whose profile a path names, and where a profile is.

use axum::http::{HeaderValue, Uri};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use usher_domain::{
    principal::Principal,
    user_id::{UserId, UserIdError},
};

use crate::problem::{ErrorCode, Problem};

/// In place of a user id: the caller's own.
const ME: &str = "me";

/// Whom the path names.
pub(super) enum Target {
    Me,
    User(UserId),
}

impl Target {
    pub(super) fn of(uri: &Uri) -> Result<Self, Problem> {
        let invalid = || Problem::new(ErrorCode::InvalidUserId);
        let segment = uri
            .path()
            .strip_prefix("/users/")
            .and_then(|rest| rest.strip_suffix("/profile"))
            .ok_or_else(invalid)?;
        // Decoded exactly once: what is still encoded afterwards is part of the id.
        let decoded = percent_decode_str(segment)
            .decode_utf8()
            .map_err(|_| invalid().detail("The user id is not UTF-8."))?;
        if decoded == ME {
            return Ok(Self::Me);
        }
        match UserId::parse(&decoded) {
            Ok(user_id) => Ok(Self::User(user_id)),
            Err(UserIdError::Empty) => Err(Problem::new(ErrorCode::MissingParameter)),
            Err(error) => Err(invalid().detail(sentence(error))),
        }
    }

    /// The user, now that it is known who calls.
    pub(super) fn resolve(self, principal: &Principal) -> Result<UserId, Problem> {
        match self {
            Self::User(user_id) => Ok(user_id),
            // An issuer may name subjects that no profile can belong to.
            Self::Me => UserId::parse(&principal.id)
                .map_err(|error| Problem::new(ErrorCode::InvalidUserId).detail(sentence(error))),
        }
    }
}

fn sentence(error: UserIdError) -> String {
    let said = error.to_string();
    let mut letters = said.chars();
    letters.next().map_or_else(String::new, |first| {
        format!("{}{}.", first.to_uppercase(), letters.as_str())
    })
}

/// The profile's own address, whatever name it was called by; relative, for a gateway may have a stage in front.
pub(super) fn location(user_id: &UserId) -> Option<HeaderValue> {
    /// What a path segment must not contain as it is (RFC 3986, 3.3).
    const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
        .remove(b'-')
        .remove(b'.')
        .remove(b'_')
        .remove(b'~')
        .remove(b'@')
        .remove(b':')
        .remove(b'+');
    let segment = utf8_percent_encode(user_id.as_str(), SEGMENT);
    HeaderValue::try_from(format!("../{segment}/profile")).ok()
}
