//! Every failure that a client can see, each with what it means and what a client does about it.
//!
//! The answers, the OpenAPI document and `docs/errors.md` are made of this one table.

use axum::http::StatusCode;

macro_rules! error_codes {
    ($($variant:ident = $code:literal, $status:ident, $kind:literal {
        title: $title:literal,
        message: $message:literal,
        meaning: $meaning:literal,
        advice: $advice:literal,
        again: $again:literal,
        headers: $headers:expr,
    })*) => {
        /// A stable code for each kind of failure.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum ErrorCode { $(#[doc = $meaning] $variant,)* }

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

            /// The `x-amzn-errortype` header.
            #[must_use]
            pub const fn error_type(self) -> &'static str {
                match self { $(Self::$variant => $kind,)* }
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

            /// What has happened, in Markdown, for documentation.
            #[must_use]
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$variant => $meaning,)* }
            }

            /// What a client does about it, in Markdown, for documentation.
            #[must_use]
            pub const fn advice(self) -> &'static str {
                match self { $(Self::$variant => $advice,)* }
            }

            /// Whether the same request may be sent again, in Markdown, for documentation.
            #[must_use]
            pub const fn again(self) -> &'static str {
                match self { $(Self::$variant => $again,)* }
            }

            /// The header fields that it carries beside those of every failure.
            #[must_use]
            pub const fn headers(self) -> &'static [&'static str] {
                match self { $(Self::$variant => &$headers,)* }
            }
        }
    };
}

error_codes! {
    MissingToken = "missing_token", UNAUTHORIZED, "UnauthorizedException" {
        title: "A token is needed",
        message: "Unauthorized",
        meaning: "The request has no token: no `Authorization` header, or an empty one.",
        advice: "Sign the user in and send `Authorization: Bearer <token>`.",
        again: "With a token.",
        headers: ["WWW-Authenticate"],
    }
    InvalidToken = "invalid_token", UNAUTHORIZED, "UnauthorizedException" {
        title: "The token was not accepted",
        message: "Unauthorized",
        meaning: "The token is malformed, or its signature, issuer, audience, client or use is not one that is accepted here, or its subject has been stopped.",
        advice: "`detail` and `WWW-Authenticate` name the reason. Get a new token from the issuer that this API trusts, once: the same one will be refused again, save one that is not valid yet, and a stopped subject's next one too.",
        again: "With another token.",
        headers: ["WWW-Authenticate"],
    }
    TokenExpired = "token_expired", UNAUTHORIZED, "UnauthorizedException" {
        title: "The token has expired",
        message: "The incoming token has expired",
        meaning: "The token was a good one and has run out.",
        advice: "Refresh it and send the request again.",
        again: "With a new token.",
        headers: ["WWW-Authenticate"],
    }
    InsufficientScope = "insufficient_scope", FORBIDDEN, "ForbiddenException" {
        title: "The token lacks a scope",
        message: "Forbidden",
        meaning: "The token carries none of the scopes that this action needs.",
        advice: "Ask the issuer for a token with one of the scopes that `WWW-Authenticate` names.",
        again: "With a token that has the scope.",
        headers: ["WWW-Authenticate"],
    }
    InvalidApiKey = "invalid_api_key", FORBIDDEN, "ForbiddenException" {
        title: "The API key was not accepted",
        message: "Forbidden",
        meaning: "The API key is missing, unknown, disabled, rotated out, or in no usage plan of this stage.",
        advice: "Send a valid key in `x-api-key`; ask the operator for one.",
        again: "With another key.",
        headers: [],
    }
    NotYourProfile = "not_your_profile", FORBIDDEN, "AccessDeniedException" {
        title: "Not your profile",
        message: "Forbidden",
        meaning: "The profile belongs to somebody else. Whether it exists is not told.",
        advice: "Use the signed-in user's own id, or `me`.",
        again: "No.",
        headers: [],
    }
    AttributeReadOnly = "attribute_read_only", FORBIDDEN, "AccessDeniedException" {
        title: "The attribute is read only",
        message: "Forbidden",
        meaning: "The write would make, change or remove an attribute that the profile's schema marks `readOnly`.",
        advice: "Leave the attributes that `errors` names as they are. A PUT may leave them out: they are kept.",
        again: "No.",
        headers: [],
    }
    AttributeNotGranted = "attribute_not_granted", FORBIDDEN, "AccessDeniedException" {
        title: "The attribute is not granted",
        message: "Forbidden",
        meaning: "The caller's grant covers some attributes of others' profiles, and the request reads or writes more.",
        advice: "PATCH the attributes that the grant names. PUT and DELETE concern the whole profile, and so does a JSON Patch with an empty path.",
        again: "No.",
        headers: [],
    }
    Throttled = "throttled", TOO_MANY_REQUESTS, "TooManyRequestsException" {
        title: "Too many requests",
        message: "Too Many Requests",
        meaning: "A rate and its burst are exceeded: the usage plan's, the method's, the user's or the service's. The request was charged nothing.",
        advice: "Wait as long as `Retry-After` says, in seconds, and send the request again; slow down by `RateLimit`.",
        again: "Yes, after `Retry-After`.",
        headers: ["Retry-After", "RateLimit", "RateLimit-Policy"],
    }
    QuotaExceeded = "quota_exceeded", TOO_MANY_REQUESTS, "LimitExceededException" {
        title: "The quota is used up",
        message: "Limit Exceeded",
        meaning: "The usage plan's quota for this period is used up.",
        advice: "Wait for the next period, which `Retry-After` says, or ask the operator for a larger plan.",
        again: "Yes, after `Retry-After`.",
        headers: ["Retry-After", "RateLimit", "RateLimit-Policy"],
    }
    ProfileNotFound = "profile_not_found", NOT_FOUND, "NotFoundException" {
        title: "No such profile",
        message: "Not Found",
        meaning: "The caller has no profile yet, or no more.",
        advice: "Create it with PUT.",
        again: "Once there is a profile.",
        headers: [],
    }
    RouteNotFound = "route_not_found", NOT_FOUND, "NotFoundException" {
        title: "No such route",
        message: "Not Found",
        meaning: "The path is none of this API's. A slash at its end makes it another one.",
        advice: "Correct the path; `/openapi.json` lists them all.",
        again: "No.",
        headers: [],
    }
    MethodNotAllowed = "method_not_allowed", METHOD_NOT_ALLOWED, "MethodNotAllowedException" {
        title: "Method not allowed",
        message: "Method Not Allowed",
        meaning: "The path is there, but not with this method.",
        advice: "Use one of the methods that `Allow` lists.",
        again: "No.",
        headers: ["Allow"],
    }
    MissingParameter = "missing_parameter", BAD_REQUEST, "BadRequestException" {
        title: "A path parameter is missing",
        message: "Missing required request parameters: [userId]",
        meaning: "The path has no user id: `/users//profile`.",
        advice: "Put the signed-in user's id into the path, or `me`.",
        again: "No.",
        headers: [],
    }
    InvalidUserId = "invalid_user_id", BAD_REQUEST, "BadRequestException" {
        title: "Not a user id",
        message: "Bad Request",
        meaning: "The user id is not 1 to 256 bytes of UTF-8 without `/` and control characters, once percent-decoded.",
        advice: "Percent-encode the id exactly once; `detail` names what is wrong with it.",
        again: "No.",
        headers: [],
    }
    InvalidJson = "invalid_json", BAD_REQUEST, "BadRequestException" {
        title: "The body is not JSON",
        message: "Invalid request body",
        meaning: "The body is missing, breaks off, or is not JSON in UTF-8.",
        advice: "Correct the body; `detail` names line and column.",
        again: "No.",
        headers: [],
    }
    InvalidPatch = "invalid_patch", BAD_REQUEST, "BadRequestException" {
        title: "The body is not a patch",
        message: "Invalid request body",
        meaning: "The body is JSON, but not a JSON Patch (RFC 6902) of at most 100 operations.",
        advice: "Correct the operations that `errors` names.",
        again: "No.",
        headers: [],
    }
    NotPortable = "not_portable", UNPROCESSABLE_ENTITY, "BadRequestException" {
        title: "The profile cannot be kept",
        message: "Invalid request body",
        meaning: "The body, or what a patch makes of the profile, is not an object that every store keeps: a number that is neither a 64-bit integer nor kept by a double, U+0000, more than 32 levels, a name that is empty, there twice or reserved, or the id of another user. Or it would lose the type of what another program keeps in the profile, a set or bytes.",
        advice: "Change the values or names that `errors` points at.",
        again: "No.",
        headers: [],
    }
    SchemaViolation = "schema_violation", UNPROCESSABLE_ENTITY, "BadRequestException" {
        title: "The profile breaks its schema",
        message: "Invalid request body",
        meaning: "The profile that the write would leave does not match the JSON Schema of this API.",
        advice: "Change what `errors` points at; the schema is part of `/openapi.json`.",
        again: "No.",
        headers: [],
    }
    PatchPathNotFound = "patch_path_not_found", UNPROCESSABLE_ENTITY, "BadRequestException" {
        title: "The patch names a path that is not there",
        message: "Invalid request body",
        meaning: "An operation of the JSON Patch needs a place that the profile does not have.",
        advice: "Read the profile again and make the patch for what it holds now.",
        again: "Once the profile has the place.",
        headers: [],
    }
    UnsupportedMediaType = "unsupported_media_type", UNSUPPORTED_MEDIA_TYPE, "BadRequestException" {
        title: "The media type is not supported",
        message: "Unsupported Media Type",
        meaning: "`Content-Type` is missing or there twice, is none that the method takes, or the body has a `Content-Encoding`.",
        advice: "Send `application/json` with PUT; with PATCH one of those that `Accept-Patch` lists.",
        again: "No.",
        headers: ["Accept-Patch"],
    }
    TooLarge = "too_large", PAYLOAD_TOO_LARGE, "RequestTooLargeException" {
        title: "The request is too large",
        message: "Request Too Long",
        meaning: "The body, the profile that the write would leave, or the request's target is longer than is allowed.",
        advice: "Send less; `detail` names the limit. Keep large things elsewhere, and their address in the profile.",
        again: "No.",
        headers: [],
    }
    WriteConflict = "write_conflict", CONFLICT, "ConflictException" {
        title: "Others are writing the same profile",
        message: "Conflict",
        meaning: "Other writers came in between again and again. Nothing was written.",
        advice: "Send the request again after a short random wait.",
        again: "Yes, after a short random wait.",
        headers: [],
    }
    PatchTestFailed = "patch_test_failed", CONFLICT, "ConflictException" {
        title: "A test of the patch failed",
        message: "Conflict",
        meaning: "A `test` operation of the JSON Patch does not hold for the profile. Nothing was written.",
        advice: "Read the profile again and decide anew.",
        again: "Once the test holds.",
        headers: [],
    }
    PreconditionFailed = "precondition_failed", PRECONDITION_FAILED, "PreconditionFailedException" {
        title: "The precondition failed",
        message: "Precondition Failed",
        meaning: "`If-Match` or `If-None-Match` does not hold: the profile is another than the client knows. Nothing was written.",
        advice: "Read the profile again, merge, and write with its new entity tag.",
        again: "With the new entity tag.",
        headers: [],
    }
    PreconditionRequired = "precondition_required", PRECONDITION_REQUIRED, "PreconditionFailedException" {
        title: "A precondition is required",
        message: "Precondition Required",
        meaning: "This API takes writes of a profile that exists with `If-Match` only.",
        advice: "Read the profile and send its entity tag in `If-Match`; `*` stands for any.",
        again: "With `If-Match`.",
        headers: [],
    }
    Unavailable = "unavailable", SERVICE_UNAVAILABLE, "ServiceUnavailableException" {
        title: "Out of service for the moment",
        message: "Service Unavailable",
        meaning: "The store, the usage store or the issuer's key set is out of reach. A write may have been done or not.",
        advice: "Wait as long as `Retry-After` says and try again; write with `If-Match`, so that nothing is done twice.",
        again: "Yes, after `Retry-After`.",
        headers: ["Retry-After"],
    }
    Overloaded = "overloaded", SERVICE_UNAVAILABLE, "ServiceUnavailableException" {
        title: "Too many requests in flight",
        message: "Service Unavailable",
        meaning: "More requests are in flight than this process takes. This one was not carried out.",
        advice: "Wait as long as `Retry-After` says and try again.",
        again: "Yes, after `Retry-After`.",
        headers: ["Retry-After"],
    }
    Timeout = "timeout", GATEWAY_TIMEOUT, "InternalServerErrorException" {
        title: "The request took too long",
        message: "Endpoint request timed out",
        meaning: "The request's deadline ran out. A write may have been done or not.",
        advice: "Try again; read before you write anew, or write with `If-Match`.",
        again: "A read, yes; a write with `If-Match`, or once you have looked.",
        headers: [],
    }
    Internal = "internal", INTERNAL_SERVER_ERROR, "InternalServerErrorException" {
        title: "Something went wrong here",
        message: "Internal server error",
        meaning: "A fault of this service, or of what it stands on. The operator's log names it by `requestId`. A write may have been done or not.",
        advice: "Report the `requestId` to the operator.",
        again: "A read, later; a write with `If-Match`, or once you have looked.",
        headers: [],
    }
}
