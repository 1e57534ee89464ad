//! The error table of the HTTP contract, written down a second time on purpose.

/// What a client sees of one kind of failure.
pub(crate) struct Expected {
    pub(crate) code: &'static str,
    pub(crate) status: u16,
    pub(crate) message: &'static str,
    /// `x-amzn-errortype`.
    pub(crate) error_type: &'static str,
}

const fn row(
    code: &'static str,
    status: u16,
    message: &'static str,
    error_type: &'static str,
) -> Expected {
    Expected {
        code,
        status,
        message,
        error_type,
    }
}

#[rustfmt::skip]
const TABLE: [Expected; 26] = [
    row("missing_token", 401, "Unauthorized", "UnauthorizedException"),
    row("invalid_token", 401, "Unauthorized", "UnauthorizedException"),
    row("token_expired", 401, "The incoming token has expired", "UnauthorizedException"),
    row("invalid_api_key", 403, "Forbidden", "ForbiddenException"),
    row("insufficient_scope", 403, "Forbidden", "ForbiddenException"),
    row("not_your_profile", 403, "Forbidden", "AccessDeniedException"),
    row("throttled", 429, "Too Many Requests", "TooManyRequestsException"),
    row("quota_exceeded", 429, "Limit Exceeded", "LimitExceededException"),
    row("profile_not_found", 404, "Not Found", "NotFoundException"),
    row("route_not_found", 404, "Not Found", "NotFoundException"),
    row("method_not_allowed", 405, "Method Not Allowed", "MethodNotAllowedException"),
    row("missing_parameter", 400, "Missing required request parameters: [userId]", "BadRequestException"),
    row("invalid_user_id", 400, "Bad Request", "BadRequestException"),
    row("invalid_json", 400, "Invalid request body", "BadRequestException"),
    row("not_portable", 422, "Invalid request body", "BadRequestException"),
    row("unsupported_media_type", 415, "Unsupported Media Type", "BadRequestException"),
    row("too_large", 413, "Request Too Long", "RequestTooLargeException"),
    row("precondition_failed", 412, "Precondition Failed", "PreconditionFailedException"),
    row("precondition_required", 428, "Precondition Required", "PreconditionFailedException"),
    row("attribute_read_only", 403, "Forbidden", "AccessDeniedException"),
    row("attribute_not_granted", 403, "Forbidden", "AccessDeniedException"),
    row("invalid_patch", 400, "Invalid request body", "BadRequestException"),
    row("schema_violation", 422, "Invalid request body", "BadRequestException"),
    row("patch_path_not_found", 422, "Invalid request body", "BadRequestException"),
    row("patch_test_failed", 409, "Conflict", "ConflictException"),
    row("write_conflict", 409, "Conflict", "ConflictException"),
];

/// The row of `code`.
pub(crate) fn expected(code: &str) -> &'static Expected {
    let found = TABLE.iter().find(|row| row.code == code);
    found.unwrap_or_else(|| panic!("{code} is not in the table of errors"))
}
