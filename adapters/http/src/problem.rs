//! The error table: every failure that a client can see.
//!
//! Bodies are problem details (RFC 9457). `message` is an extension with the text that API
//! Gateway's clients know; `code` is stable.

use std::borrow::Cow;

use axum::{
    body::Body,
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::Response,
};
use usher_domain::json::{Violation, portable::write_string};

use crate::request_id::RequestId;

macro_rules! error_codes {
    ($($(#[doc = $doc:literal])* $variant:ident = $code:literal, $status:ident, $title:literal,
       $message:literal, $kind:literal;)*) => {
        /// A stable code for each kind of failure.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum ErrorCode { $($(#[doc = $doc])* $variant,)* }

        impl ErrorCode {
            /// Every code.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The `code` member.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $code,)* }
            }

            /// The status.
            #[must_use]
            pub const fn status(self) -> StatusCode {
                match self { $(Self::$variant => StatusCode::$status,)* }
            }

            /// The `title` member.
            #[must_use]
            pub const fn title(self) -> &'static str {
                match self { $(Self::$variant => $title,)* }
            }

            /// The `message` member: what API Gateway says in this case.
            #[must_use]
            pub const fn message(self) -> &'static str {
                match self { $(Self::$variant => $message,)* }
            }

            /// The `x-amzn-errortype` header.
            #[must_use]
            pub const fn error_type(self) -> &'static str {
                match self { $(Self::$variant => $kind,)* }
            }
        }
    };
}

error_codes! {
    /// No credentials.
    MissingToken = "missing_token", UNAUTHORIZED, "A token is needed",
        "Unauthorized", "UnauthorizedException";
    /// A token that is not for us.
    InvalidToken = "invalid_token", UNAUTHORIZED, "The token was not accepted",
        "Unauthorized", "UnauthorizedException";
    /// A token that has run out.
    TokenExpired = "token_expired", UNAUTHORIZED, "The token has expired",
        "The incoming token has expired", "UnauthorizedException";
    /// A token without the scope that the action needs.
    InsufficientScope = "insufficient_scope", FORBIDDEN, "The token lacks a scope",
        "Forbidden", "ForbiddenException";
    /// A key that is missing, unknown, disabled, or in no plan of this stage.
    InvalidApiKey = "invalid_api_key", FORBIDDEN, "The API key was not accepted",
        "Forbidden", "ForbiddenException";
    /// Somebody else's profile.
    NotYourProfile = "not_your_profile", FORBIDDEN, "Not your profile",
        "Forbidden", "AccessDeniedException";
    /// Too fast.
    Throttled = "throttled", TOO_MANY_REQUESTS, "Too many requests",
        "Too Many Requests", "TooManyRequestsException";
    /// Too much.
    QuotaExceeded = "quota_exceeded", TOO_MANY_REQUESTS, "The quota is used up",
        "Limit Exceeded", "LimitExceededException";
    /// No such profile.
    ProfileNotFound = "profile_not_found", NOT_FOUND, "No such profile",
        "Not Found", "NotFoundException";
    /// No such route.
    RouteNotFound = "route_not_found", NOT_FOUND, "No such route",
        "Not Found", "NotFoundException";
    /// A route, but not with this method.
    MethodNotAllowed = "method_not_allowed", METHOD_NOT_ALLOWED, "Method not allowed",
        "Method Not Allowed", "MethodNotAllowedException";
    /// `/users//profile`.
    MissingParameter = "missing_parameter", BAD_REQUEST, "A path parameter is missing",
        "Missing required request parameters: [userId]", "BadRequestException";
    /// A user id that cannot be one.
    InvalidUserId = "invalid_user_id", BAD_REQUEST, "Not a user id",
        "Bad Request", "BadRequestException";
    /// A body that is not JSON.
    InvalidJson = "invalid_json", BAD_REQUEST, "The body is not JSON",
        "Invalid request body", "BadRequestException";
    /// A body that some store could not keep.
    NotPortable = "not_portable", UNPROCESSABLE_ENTITY, "The profile cannot be kept",
        "Invalid request body", "BadRequestException";
    /// A body of another media type.
    UnsupportedMediaType = "unsupported_media_type", UNSUPPORTED_MEDIA_TYPE,
        "The media type is not supported", "Unsupported Media Type", "BadRequestException";
    /// Too large.
    TooLarge = "too_large", PAYLOAD_TOO_LARGE, "The profile is too large",
        "Request Too Long", "RequestTooLargeException";
    /// Others kept writing in between.
    WriteConflict = "write_conflict", CONFLICT, "Others are writing the same profile",
        "Conflict", "ConflictException";
    /// `If-Match` or `If-None-Match` does not hold.
    PreconditionFailed = "precondition_failed", PRECONDITION_FAILED, "The precondition failed",
        "Precondition Failed", "PreconditionFailedException";
    /// A store or a key set is out of reach.
    Unavailable = "unavailable", SERVICE_UNAVAILABLE, "Out of service for the moment",
        "Service Unavailable", "ServiceUnavailableException";
    /// More requests in flight than are taken.
    Overloaded = "overloaded", SERVICE_UNAVAILABLE, "Too many requests in flight",
        "Service Unavailable", "ServiceUnavailableException";
    /// The request's deadline ran out.
    Timeout = "timeout", GATEWAY_TIMEOUT, "The request took too long",
        "Endpoint request timed out", "InternalServerErrorException";
    /// Anything else.
    Internal = "internal", INTERNAL_SERVER_ERROR, "Something went wrong here",
        "Internal server error", "InternalServerErrorException";
}

const CONTENT_TYPE: HeaderValue = HeaderValue::from_static("application/problem+json");
const ERROR_TYPE: HeaderName = HeaderName::from_static("x-amzn-errortype");

/// A failure on its way to the client.
#[derive(Debug)]
pub struct Problem {
    code: ErrorCode,
    detail: Option<Cow<'static, str>>,
    violations: Vec<Violation>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Problem {
    /// A failure of this kind, without particulars.
    #[must_use]
    pub fn new(code: ErrorCode) -> Self {
        Self {
            code,
            detail: None,
            violations: Vec::new(),
            headers: Vec::new(),
        }
    }

    /// Its kind.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        self.code
    }

    /// One sentence for the caller; shown with 4xx only, so that nothing internal gets out.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<Cow<'static, str>>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// The places that are wrong.
    #[must_use]
    pub fn violations(mut self, violations: Vec<Violation>) -> Self {
        self.violations = violations;
        self
    }

    /// A header of the answer.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// The answer.
    #[must_use]
    pub fn into_response(self, request_id: RequestId) -> Response {
        let status = self.code.status();
        let mut body = String::with_capacity(256);
        let mut member = |name: &str, value: &str| {
            body.push_str(if body.is_empty() { "{\"" } else { ",\"" });
            body.push_str(name);
            body.push_str("\":");
            if name == "status" {
                body.push_str(value);
            } else {
                write_string(value, &mut body);
            }
        };
        member("type", &format!("urn:usher:problem:{}", self.code.as_str()));
        member("title", self.code.title());
        member("status", status.as_str());
        if let Some(detail) = self.detail.filter(|_| status.is_client_error()) {
            member("detail", &detail);
        }
        member("code", self.code.as_str());
        member("message", self.code.message());
        member("requestId", &request_id.to_string());
        for (index, violation) in self.violations.iter().enumerate() {
            body.push_str(if index == 0 { ",\"errors\":[" } else { "," });
            body.push_str("{\"pointer\":");
            write_string(&violation.pointer, &mut body);
            body.push_str(",\"detail\":");
            write_string(violation.detail, &mut body);
            body.push('}');
        }
        body.push_str(if self.violations.is_empty() {
            "}"
        } else {
            "]}"
        });
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.extend(self.headers);
        headers.insert(header::CONTENT_TYPE, CONTENT_TYPE);
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(ERROR_TYPE, HeaderValue::from_static(self.code.error_type()));
        response
    }
}
