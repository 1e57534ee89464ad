//! One line for each refusal that says which rule refused, as API Gateway's execution log does.

use crate::{
    access_log::{LogField, Seen, field},
    report::{Refused, Report},
};

/// The target of these lines: `log.level = "info,usher::execution=off"` is without them.
pub const EXECUTION: &str = "usher::execution";

/// The fields of such a line, besides when, how loud and whence it came.
pub const EXECUTION_LOG_FIELDS: [LogField; 9] = [
    field("requestId", "UUID", "the answer's `x-request-id`"),
    field("rule", "text", "the rule that refused, as listed below"),
    field(
        "why",
        "text",
        "what of it was not met, where there are several ways",
    ),
    field(
        "error.code",
        "text",
        "the stable code that the client was told",
    ),
    field("httpMethod", "text", "the method"),
    field("resourcePath", "text", "the route's template"),
    field(
        "identity.apiKeyId",
        "text",
        "the id of the API key, never the key",
    ),
    field("usagePlanId", "text", "the plan that counts"),
    field(
        "authorizer.claims.sub",
        "text",
        "the caller's id, once the token was verified",
    ),
];

/// Writes the line of one refusal. A key is named by its id; of the token there is nothing but whose it is.
pub(crate) fn record(seen: &Seen, report: &Report, refused: &Refused) {
    tracing::info!(
        target: EXECUTION,
        requestId = %seen.id,
        rule = refused.rule.as_str(),
        why = refused.why,
        "error.code" = report.error.map(crate::problem::ErrorCode::as_str),
        httpMethod = seen.method(),
        resourcePath = report.resource,
        "identity.apiKeyId" = report.trail.key_id(),
        usagePlanId = report.trail.plan.as_ref().map(|plan| plan.id.as_str()),
        "authorizer.claims.sub" = report.trail.principal.as_ref().map(|principal| &*principal.id),
        "refused"
    );
}
