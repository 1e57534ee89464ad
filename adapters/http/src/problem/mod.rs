//! The error table: every failure that a client can see.
//!
//! Bodies are problem details (RFC 9457). `message` is an extension with the text that API
//! Gateway's clients know; `code` is stable.

mod codes;

use std::borrow::Cow;

use axum::{
    body::Body,
    http::{HeaderName, HeaderValue, header},
    response::Response,
};
use usher_domain::json::{Violation, canonical::write_string};

pub use self::codes::ErrorCode;
use crate::request_id::RequestId;

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
            write_string(&violation.detail, &mut body);
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
