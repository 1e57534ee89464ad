//! Everything that one entrypoint may do differently from another: the whole list.
//!
//! The first three are undone before a case sees the answer, and each is first checked to be what
//! it is said to be. The others change what is answered at all; a case asks for them by
//! [`Deployment::has`](crate::support::Deployment::has).

use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue, WWW_AUTHENTICATE};

use crate::support::{Answer, Entrypoint};

/// A way in which an entrypoint differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Difference {
    /// A REST API renames `WWW-Authenticate` of a function to `x-amzn-remapped-www-authenticate`.
    /// Nothing that a function can do about it.
    RenamedChallenge,
    /// A gateway or a function URL gives an empty answer a `Content-Type`: a REST API `application/json`, an HTTP API
    /// `text/plain; charset=utf-8`. To 204 and 304 it means nothing.
    TypeOfNothing,
    /// A gateway counts bodies itself, so that HEAD's `Content-Length` is not GET's.
    /// RFC 9110, 9.3.2, allows to leave out what only the content would tell.
    UncountedHead,
    /// An HTTP API hands over the path decoded, up to a decoded `?`. So an encoded slash separates
    /// segments, an encoded question mark ends the path, and what is not UTF-8 becomes U+FFFD.
    DecodedPath,
    /// A load balancer that is not set up for several values hands over the last value of a repeated
    /// header, so that two Authorization headers look like one.
    LastOfRepeated,
}

impl Difference {
    pub(crate) fn is_of(self, entrypoint: Entrypoint) -> bool {
        match self {
            Self::RenamedChallenge => entrypoint == Entrypoint::LambdaRest,
            Self::LastOfRepeated => entrypoint == Entrypoint::LambdaAlb,
            Self::DecodedPath => matches!(
                entrypoint,
                Entrypoint::LambdaHttp | Entrypoint::LambdaHttpV1
            ),
            Self::TypeOfNothing => !matches!(
                entrypoint,
                Entrypoint::Server | Entrypoint::LambdaAlb | Entrypoint::LambdaAlbMulti
            ),
            Self::UncountedHead => entrypoint != Entrypoint::Server,
        }
    }
}

/// Takes away what is listed above.
pub(crate) fn undo(entrypoint: Entrypoint, is_head: bool, answer: &mut Answer) {
    const RENAMED: HeaderName = HeaderName::from_static("x-amzn-remapped-www-authenticate");
    if Difference::RenamedChallenge.is_of(entrypoint) {
        assert!(
            !answer.headers.contains_key(WWW_AUTHENTICATE),
            "a REST API lets no WWW-Authenticate through: {answer}"
        );
        if let Some(challenge) = answer.headers.remove(RENAMED) {
            answer.headers.insert(WWW_AUTHENTICATE, challenge);
        }
    }
    let is_empty_by_nature = matches!(answer.status, 204 | 304);
    if Difference::TypeOfNothing.is_of(entrypoint) && is_empty_by_nature {
        let expected = match entrypoint {
            Entrypoint::LambdaRest => "application/json",
            _ => "text/plain; charset=utf-8",
        };
        let found = answer.headers.remove(CONTENT_TYPE);
        assert_eq!(
            found,
            Some(HeaderValue::from_static(expected)),
            "of nothing: {answer}"
        );
    }
    if !is_head && !is_empty_by_nature {
        // What is not counted is chunked, which nothing here has a reason for.
        assert_eq!(
            answer.header(CONTENT_LENGTH.as_str()),
            Some(answer.body.len().to_string().as_str()),
            "{answer}"
        );
    }
}
