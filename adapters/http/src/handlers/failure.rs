//! From the domain's failures to problems: one exhaustive match for each.

use std::error::Error;

use axum::http::{HeaderValue, header};
use usher_domain::{
    access::DenyReason,
    json::Violation,
    patch::{PatchError, PatchFailure},
    ports::{StoreError, StoreErrorKind, TokenError},
    profile::ProfileError,
    service::{ProfileFailure, Refusal},
    usage::account::{LimitKind, Refused},
    user_id::UserId,
};

use crate::{
    problem::{ErrorCode, Problem},
    rate_limit::whole_seconds,
    request_id::RequestId,
};

pub(crate) fn of_refusal(refusal: Refusal, id: RequestId) -> Problem {
    match refusal {
        Refusal::MissingToken => Problem::new(ErrorCode::MissingToken).header(
            header::WWW_AUTHENTICATE,
            HeaderValue::from_static("Bearer realm=\"usher\""),
        ),
        Refusal::Token(TokenError::Invalid(why)) => invalid_token(ErrorCode::InvalidToken, why),
        Refusal::Token(TokenError::Expired) => invalid_token(ErrorCode::TokenExpired, EXPIRED),
        // RFC 6750, section 3.1: a token that was revoked is an invalid one.
        Refusal::DeniedSubject => invalid_token(
            ErrorCode::InvalidToken,
            "the token's subject has been stopped",
        ),
        Refusal::InvalidApiKey(_) => Problem::new(ErrorCode::InvalidApiKey),
        Refusal::NoSuchPlan(plan) => {
            tracing::warn!(
                requestId = %id,
                %plan,
                "a plan is assigned by usage.assign that is not there or does not apply to this stage"
            );
            Problem::new(ErrorCode::InvalidApiKey)
        }
        Refusal::Limited(refused) => of_limit(&refused),
        // Not logged: the one who asked the issuer has said why, and a flood of made-up tokens must
        // not be a flood of lines.
        Refusal::Token(TokenError::KeySetUnavailable { retry_after, .. }) => {
            Problem::new(ErrorCode::Unavailable)
                .header(header::RETRY_AFTER, whole_seconds(retry_after).into())
        }
        Refusal::Store(error) => of_store(&error, id),
    }
}

/// What of the rule was not met, where that is told.
pub(crate) const fn why(refusal: &Refusal) -> Option<&'static str> {
    match refusal {
        Refusal::Token(TokenError::Invalid(why)) => Some(why),
        Refusal::Token(TokenError::Expired) => Some(EXPIRED),
        Refusal::MissingToken => Some("there is none"),
        Refusal::InvalidApiKey(fault) => Some(fault.as_str()),
        _ => None,
    }
}

const EXPIRED: &str = "the token has expired";

/// 401 with the reason that RFC 6750 has room for. The reasons are our own sentences: they repeat
/// nothing of the token.
pub(crate) fn invalid_token(code: ErrorCode, why: &'static str) -> Problem {
    let challenge =
        format!("Bearer realm=\"usher\", error=\"invalid_token\", error_description=\"{why}\"");
    let problem = Problem::new(code).detail(why);
    match HeaderValue::try_from(challenge) {
        Ok(challenge) => problem.header(header::WWW_AUTHENTICATE, challenge),
        Err(_) => problem,
    }
}

fn of_limit(refused: &Refused) -> Problem {
    let problem = Problem::new(match refused.by {
        LimitKind::Throttle | LimitKind::User | LimitKind::Service => ErrorCode::Throttled,
        LimitKind::Quota => ErrorCode::QuotaExceeded,
    });
    match refused.wait {
        Some(wait) => problem.header(header::RETRY_AFTER, whole_seconds(wait).into()),
        None => problem,
    }
}

pub(crate) fn of_denial(reason: DenyReason) -> Problem {
    match reason {
        DenyReason::NotYourProfile => {
            Problem::new(ErrorCode::NotYourProfile).detail("You can only access your own profile.")
        }
        DenyReason::PartOnly => {
            let detail = "the request concerns the whole profile, and your grant a part of it";
            not_granted(vec![Violation::new("", detail)])
        }
        DenyReason::InsufficientScope { required } => {
            // The order of a set is that of its names; scopes are written with spaces between.
            let scopes: Vec<&str> = required.iter().map(AsRef::as_ref).collect();
            let challenge = format!(
                "Bearer realm=\"usher\", error=\"insufficient_scope\", scope=\"{}\"",
                scopes.join(" ")
            );
            let problem = Problem::new(ErrorCode::InsufficientScope);
            match HeaderValue::try_from(challenge) {
                Ok(challenge) => problem.header(header::WWW_AUTHENTICATE, challenge),
                Err(_) => problem,
            }
        }
    }
}

pub(crate) fn of_body(error: ProfileError) -> Problem {
    match error {
        ProfileError::NotJson(said) => not_json(&said),
        ProfileError::NotPortable(violations) => not_portable(violations),
        ProfileError::TooLarge { max_bytes } => too_large(max_bytes),
    }
}

pub(crate) fn of_patch(error: PatchError) -> Problem {
    match error {
        PatchError::NotJson(said) => not_json(&said),
        PatchError::NotPortable(violations) => not_portable(violations),
        PatchError::Invalid(violations) => Problem::new(ErrorCode::InvalidPatch)
            .detail("The body is not a JSON Patch; errors names the places.")
            .violations(violations),
    }
}

fn not_json(said: &str) -> Problem {
    Problem::new(ErrorCode::InvalidJson).detail(format!("The body is not JSON: {said}."))
}

fn not_portable(violations: Vec<Violation>) -> Problem {
    Problem::new(ErrorCode::NotPortable)
        .detail("The body cannot be kept as it is; errors names the places.")
        .violations(violations)
}

pub(crate) fn too_large(max_bytes: usize) -> Problem {
    Problem::new(ErrorCode::TooLarge)
        .detail(format!("A profile has at most {max_bytes} bytes of JSON."))
}

pub(crate) fn of_profile(
    failure: ProfileFailure,
    max_bytes: usize,
    user_id: &UserId,
    id: RequestId,
) -> Problem {
    match failure {
        ProfileFailure::NotFound => Problem::new(ErrorCode::ProfileNotFound)
            .detail(format!("User profile not found for {user_id}")),
        ProfileFailure::PreconditionFailed => Problem::new(ErrorCode::PreconditionFailed),
        ProfileFailure::PreconditionRequired => Problem::new(ErrorCode::PreconditionRequired)
            .detail("The profile exists: send If-Match with its entity tag."),
        ProfileFailure::NotGranted(violations) => not_granted(violations),
        ProfileFailure::Patch(failure) => of_patch_failure(failure, max_bytes),
        ProfileFailure::ReadOnly(violations) => Problem::new(ErrorCode::AttributeReadOnly)
            .detail("You may not write every attribute; errors names the places.")
            .violations(violations),
        ProfileFailure::TooLarge => too_large(max_bytes),
        ProfileFailure::Schema(violations) => {
            let problem = Problem::new(ErrorCode::SchemaViolation);
            if violations.is_empty() {
                // The places are in attributes that the caller may not see.
                problem.detail("The profile would break its schema.")
            } else {
                problem
                    .detail("The profile would break its schema; errors names the places.")
                    .violations(violations)
            }
        }
        ProfileFailure::NotKept(violations) => {
            let problem = Problem::new(ErrorCode::NotPortable);
            if violations.is_empty() {
                // The places are in attributes that the caller may not see.
                problem.detail("The write would lose what other programs keep in this profile.")
            } else {
                problem
                    .detail(
                        "The write would lose what other programs keep in this profile; errors names \
                         the places in the profile.",
                    )
                    .violations(violations)
            }
        }
        ProfileFailure::Conflict => Problem::new(ErrorCode::WriteConflict),
        ProfileFailure::Store(error) => of_store(&error, id),
    }
}

fn not_granted(violations: Vec<Violation>) -> Problem {
    Problem::new(ErrorCode::AttributeNotGranted)
        .detail("You may use a part of this profile only; errors names the places.")
        .violations(violations)
}

fn of_patch_failure(failure: PatchFailure, max_bytes: usize) -> Problem {
    match failure {
        PatchFailure::TestFailed(violation) => Problem::new(ErrorCode::PatchTestFailed)
            .detail("A test of the patch does not hold; errors names the place.")
            .violations(vec![violation]),
        PatchFailure::PathNotFound(violation) => Problem::new(ErrorCode::PatchPathNotFound)
            .detail("The patch needs a place that is not there; errors names it.")
            .violations(vec![violation]),
        PatchFailure::TooLarge => too_large(max_bytes),
        PatchFailure::NotPortable(violations) => Problem::new(ErrorCode::NotPortable)
            .detail("What the patch makes cannot be kept; errors names the places in the profile.")
            .violations(violations),
    }
}

/// Logs a store's error, once. Its text never reaches the client.
fn of_store(error: &StoreError, id: RequestId) -> Problem {
    let (kind, said) = (error.kind(), chain(error));
    match kind {
        StoreErrorKind::Unavailable | StoreErrorKind::Overloaded => {
            tracing::warn!(requestId = %id, ?kind, error = said, "a store did not serve");
            unavailable(ErrorCode::Unavailable)
        }
        StoreErrorKind::Corrupt | StoreErrorKind::Internal => {
            tracing::error!(requestId = %id, ?kind, error = said, "a store failed");
            Problem::new(ErrorCode::Internal)
        }
    }
}

pub(crate) fn unavailable(code: ErrorCode) -> Problem {
    Problem::new(code).header(header::RETRY_AFTER, HeaderValue::from_static("1"))
}

pub(crate) fn method_not_allowed(allowed: HeaderValue) -> Problem {
    Problem::new(ErrorCode::MethodNotAllowed).header(header::ALLOW, allowed)
}

/// An error and everything that caused it, on one line, without the name and the password of a URL that a driver may have
/// put into its words.
pub(crate) fn chain(error: &dyn Error) -> String {
    without_credentials(&all(error))
}

/// Of whatever looks like a URL, what stands between `://` and the last `@` of the word is left out.
fn without_credentials(said: &str) -> String {
    let mut parts = said.split("://");
    let mut result = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        result.push_str("://");
        let end = part.find(|letter: char| letter.is_whitespace() || matches!(letter, '"' | '\''));
        let (word, rest) = part.split_at(end.unwrap_or(part.len()));
        match word.rsplit_once('@') {
            Some((_, place)) => result.extend(["\u{2026}@", place]),
            None => result.push_str(word),
        }
        result.push_str(rest);
    }
    result
}

fn all(error: &dyn Error) -> String {
    let mut said = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        said.push_str(": ");
        said.push_str(&error.to_string());
        cause = error.source();
    }
    said
}

#[cfg(test)]
mod tests {
    use super::without_credentials;

    #[test]
    fn a_url_is_told_without_its_password() {
        for (said, told) in [
            (
                "no route to postgres://u:pa/ss@db:5432/x now",
                "no route to postgres://\u{2026}@db:5432/x now",
            ),
            (
                "\"redis://:p@a\", then http://b/@c",
                "\"redis://\u{2026}@a\", then http://\u{2026}@c",
            ),
            (
                "https://idp.example.com/keys: refused",
                "https://idp.example.com/keys: refused",
            ),
            ("alice@example.com", "alice@example.com"),
        ] {
            assert_eq!(without_credentials(said), told);
        }
    }
}
