//! What a request's body is said to be.

use axum::http::{HeaderMap, header};

use crate::problem::{ErrorCode, Problem};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MediaType {
    Json,
    MergePatch,
    JsonPatch,
}

impl MediaType {
    /// What the body is said to be; `None` for what no method takes. Parameters change nothing: JSON is
    /// UTF-8 (RFC 8259, 8.1).
    pub(super) fn of(headers: &HeaderMap) -> Result<Option<Self>, Problem> {
        let unsupported = |detail| Problem::new(ErrorCode::UnsupportedMediaType).detail(detail);
        let mut codings = headers.get_all(header::CONTENT_ENCODING).iter();
        if codings.any(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity")) {
            return Err(unsupported(
                "The body must come without a Content-Encoding.",
            ));
        }
        let mut fields = headers.get_all(header::CONTENT_TYPE).iter();
        let (Some(field), None) = (fields.next(), fields.next()) else {
            return Ok(None);
        };
        let Ok(text) = field.to_str() else {
            return Ok(None);
        };
        let essence = text.split(';').next().unwrap_or("").trim();
        Ok([
            ("application/json", Self::Json),
            ("application/merge-patch+json", Self::MergePatch),
            ("application/json-patch+json", Self::JsonPatch),
        ]
        .into_iter()
        .find(|(name, _)| essence.eq_ignore_ascii_case(name))
        .map(|(_, media_type)| media_type))
    }
}
