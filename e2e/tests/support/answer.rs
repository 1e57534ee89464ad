//! What came back, and what every answer has to keep to.

use std::fmt;

use reqwest::header::HeaderMap;
use serde_json::Value;

use crate::support::errors;

/// A response, read to its end. Its headers are those of the entrypoint with its listed
/// differences undone.
pub(crate) struct Answer {
    /// What was asked, for messages.
    pub(crate) asked: String,
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    /// The only value of a header; `None` when it is not there.
    #[track_caller]
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.get_all(name).iter();
        let first = values.next()?;
        assert!(values.next().is_none(), "{name} is there twice: {self}");
        Some(first.to_str().expect("a header in ASCII"))
    }

    /// The value of a header that has to be there.
    #[track_caller]
    pub(crate) fn must_have(&self, name: &str) -> &str {
        self.header(name)
            .unwrap_or_else(|| panic!("{name} is missing: {self}"))
    }

    /// The entity tag.
    #[track_caller]
    pub(crate) fn tag(&self) -> String {
        self.must_have("etag").to_owned()
    }

    /// The body as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self}"))
    }

    /// Demands a success (or 304) of this status.
    #[track_caller]
    pub(crate) fn is(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{self}");
        self.has_request_id();
        self
    }

    /// Demands the profile `text` under this status, with everything that goes with it.
    #[track_caller]
    pub(crate) fn shows(self, status: u16, text: &str) -> Self {
        self.shows_varying(status, text, "Authorization")
    }

    /// The same, from a deployment that lists origins.
    #[track_caller]
    pub(crate) fn shows_to_origins(self, status: u16, text: &str) -> Self {
        self.shows_varying(status, text, "Authorization, Origin")
    }

    #[track_caller]
    fn shows_varying(self, status: u16, text: &str, vary: &str) -> Self {
        let answer = self.is(status);
        assert_eq!(answer.body, text, "{answer}");
        assert_eq!(answer.header("content-type"), Some("application/json"));
        answer.describes_content(vary);
        answer
    }

    /// What goes with every answer about a profile's content.
    #[track_caller]
    pub(crate) fn describes_a_profile(&self) {
        self.describes_content("Authorization");
    }

    #[track_caller]
    fn describes_content(&self, vary: &str) {
        let tag = self.must_have("etag");
        assert!(
            tag.len() > 2 && tag.starts_with('"') && tag.ends_with('"'),
            "{self}"
        );
        assert_eq!(self.header("cache-control"), Some("private, no-cache"));
        assert_eq!(self.header("vary"), Some(vary));
    }

    /// Demands the failure `code`, as the contract's table has it; returns the problem.
    #[track_caller]
    pub(crate) fn is_refused(&self, status: u16, code: &str) -> Value {
        let expected = errors::expected(code);
        assert_eq!(self.status, status, "{self}");
        assert_eq!(self.status, expected.status, "{self}");
        assert_eq!(
            self.header("content-type"),
            Some("application/problem+json")
        );
        assert_eq!(self.header("cache-control"), Some("no-store"), "{self}");
        assert_eq!(
            self.header("x-amzn-errortype"),
            Some(expected.error_type),
            "{self}"
        );
        let problem = self.json();
        assert_eq!(problem["type"], format!("urn:usher:problem:{code}"));
        assert_eq!(problem["code"], code, "{self}");
        assert_eq!(problem["status"], expected.status, "{self}");
        assert_eq!(problem["message"], expected.message, "{self}");
        assert!(problem["title"].is_string(), "{self}");
        assert_eq!(problem["requestId"], self.has_request_id(), "{self}");
        problem
    }

    /// Demands a failure as an answer to HEAD: the same headers and no body.
    #[track_caller]
    pub(crate) fn is_refused_without_body(&self, status: u16, code: &str) {
        assert_eq!(self.status, status, "{self}");
        assert_eq!(self.body, "", "{self}");
        assert_eq!(
            self.header("x-amzn-errortype"),
            Some(errors::expected(code).error_type),
            "{self}"
        );
        self.has_request_id();
    }

    /// Demands the id of the request, a UUID; returns it.
    #[track_caller]
    pub(crate) fn has_request_id(&self) -> &str {
        let id = self.must_have("x-request-id");
        let has_its_form = id.len() == 36
            && id.char_indices().all(|(at, letter)| match at {
                8 | 13 | 18 | 23 => letter == '-',
                _ => letter.is_ascii_hexdigit(),
            });
        assert!(has_its_form, "{self}");
        id
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} was answered\n{}", self.asked, self.status)?;
        for (name, value) in &self.headers {
            write!(f, "\n{name}: {}", String::from_utf8_lossy(value.as_bytes()))?;
        }
        let shown: String = self.body.chars().take(2000).collect();
        write!(f, "\n\n{shown}")
    }
}
