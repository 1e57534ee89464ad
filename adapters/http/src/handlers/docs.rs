//! The OpenAPI document, and the page that shows it. Everything is made once.

use std::sync::OnceLock;

use axum::{
    Extension,
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header},
    response::Response,
};
use usher_domain::entity_tag::{EntityTag, Preconditions, ReadVerdict};

use super::{read_only, tags};
use crate::{report::Report, request_id::RequestId, router, state::App};

pub(crate) const DOCUMENT: &str = "/openapi.json";
pub(crate) const PAGE: &str = "/docs";
/// The files of the page.
pub(crate) const FILES: &str = "/docs/{file}";

const HTML: &str = include_str!("../openapi/page/index.html");
/// Swagger UI's own, as `build.rs` has taken them.
const STYLE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/swagger-ui.css.gz"));
const BUNDLE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/swagger-ui-bundle.js.gz"));
const SCRIPT: &str = include_str!("../openapi/page/init.js");

/// The page uses its own files and this API, and nothing else; Swagger UI's pictures are in its own
/// style sheet, as data.
pub(crate) const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
     connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);
const NO_CACHE: HeaderValue = HeaderValue::from_static("no-cache");
/// A year. An address with another version is another address.
const FOR_EVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");

/// What is served.
#[derive(Debug)]
pub(crate) struct Docs {
    document: File,
    page: File,
    files: Vec<File>,
}

#[derive(Debug)]
struct File {
    name: &'static str,
    media_type: HeaderValue,
    content: Content,
    tag: EntityTag,
}

#[derive(Debug)]
enum Content {
    Plain(Bytes),
    /// As it lies in the binary; unpacked when the first client comes that does not take it so.
    Gzip(Bytes, OnceLock<Bytes>),
}

impl Docs {
    /// Everything around a document.
    pub(crate) fn new(document: String) -> Self {
        let files = vec![
            File::packed("swagger-ui.css", "text/css; charset=utf-8", STYLE),
            File::packed(
                "swagger-ui-bundle.js",
                "text/javascript; charset=utf-8",
                BUNDLE,
            ),
            File::plain(
                "init.js",
                "text/javascript; charset=utf-8",
                SCRIPT.to_owned(),
            ),
        ];
        let page = files.iter().fold(HTML.to_owned(), |page, file| {
            page.replace(&format!("{{{}}}", file.name), &file.version())
        });
        Self {
            document: File::plain("openapi.json", "application/json", document),
            page: File::plain("docs", "text/html; charset=utf-8", page),
            files,
        }
    }
}

impl File {
    fn plain(name: &'static str, media_type: &'static str, text: String) -> Self {
        Self {
            name,
            media_type: HeaderValue::from_static(media_type),
            tag: EntityTag::of(&text),
            content: Content::Plain(text.into()),
        }
    }

    fn packed(name: &'static str, media_type: &'static str, bytes: &'static [u8]) -> Self {
        let bytes = Bytes::from_static(bytes);
        // A gzip file ends with checksum and length of what is in it (RFC 1952, 2.3.1): nothing has
        // to be read for it.
        let end = bytes.len().saturating_sub(8);
        let tag = EntityTag::of(&format!("{name} {:?}", bytes.slice(end..)));
        Self {
            name,
            media_type: HeaderValue::from_static(media_type),
            tag,
            content: Content::Gzip(bytes, OnceLock::new()),
        }
    }

    /// The query that tells one version's address from another's. A name and a value: some gateways
    /// take queries apart and put them together again.
    fn version(&self) -> String {
        let digits: String = self.tag.opaque().chars().take(16).collect();
        format!("v={digits}")
    }

    fn answer(&self, headers: &HeaderMap, caching: HeaderValue) -> Response {
        let (body, is_packed) = match &self.content {
            Content::Plain(bytes) => (bytes, false),
            Content::Gzip(packed, _) if takes_gzip(headers) => (packed, true),
            Content::Gzip(packed, unpacked) => (unpacked.get_or_init(|| unpack(packed)), false),
        };
        // Two encodings are two representations (RFC 9110, 8.8.3.3).
        let tag = if is_packed {
            EntityTag::of(&format!("gzip {}", self.tag))
        } else {
            self.tag
        };
        let preconditions = Preconditions {
            if_match: None,
            if_none_match: tags(headers, &header::IF_NONE_MATCH),
        };
        let is_known = preconditions.judge_read(&tag) == ReadVerdict::NotModified;
        let mut response = Response::new(if is_known {
            Body::empty()
        } else {
            Body::from(body.clone())
        });
        if is_known {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
        }
        let headers = response.headers_mut();
        if !is_known {
            headers.insert(header::CONTENT_TYPE, self.media_type.clone());
            if is_packed {
                let gzip = HeaderValue::from_static("gzip");
                headers.insert(header::CONTENT_ENCODING, gzip);
            }
        }
        if matches!(self.content, Content::Gzip(..)) {
            let vary = HeaderValue::from_static("Accept-Encoding");
            headers.insert(header::VARY, vary);
        }
        if let Ok(tag) = HeaderValue::try_from(tag.to_string()) {
            headers.insert(header::ETAG, tag);
        }
        headers.insert(header::CACHE_CONTROL, caching);
        headers.insert(
            header::X_CONTENT_TYPE_OPTIONS,
            HeaderValue::from_static("nosniff"),
        );
        response
    }
}

/// The document.
pub(crate) async fn document(
    State(app): State<App>,
    method: Method,
    headers: HeaderMap,
    Extension(id): Extension<RequestId>,
) -> Response {
    read_only(DOCUMENT, &method, id).unwrap_or_else(|| {
        let answer = app.docs().document.answer(&headers, NO_CACHE);
        Report::of(DOCUMENT).attach(answer)
    })
}

/// The page.
pub(crate) async fn page(
    State(app): State<App>,
    method: Method,
    headers: HeaderMap,
    Extension(id): Extension<RequestId>,
) -> Response {
    const REFERRER_POLICY: HeaderName = HeaderName::from_static("referrer-policy");
    read_only(PAGE, &method, id).unwrap_or_else(|| {
        let mut answer = app.docs().page.answer(&headers, NO_CACHE);
        let headers = answer.headers_mut();
        headers.insert(header::CONTENT_SECURITY_POLICY, POLICY);
        headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        Report::of(PAGE).attach(answer)
    })
}

/// A file of the page.
pub(crate) async fn file(
    State(app): State<App>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    Extension(id): Extension<RequestId>,
) -> Response {
    let name = uri.path().strip_prefix("/docs/");
    let found = app.docs().files.iter().find(|file| Some(file.name) == name);
    let Some(file) = found else {
        return router::not_found(Extension(id)).await;
    };
    read_only(FILES, &method, id).unwrap_or_else(|| {
        let is_versioned = uri.query() == Some(&file.version());
        let caching = if is_versioned { FOR_EVER } else { NO_CACHE };
        Report::of(FILES).attach(file.answer(&headers, caching))
    })
}

/// Whether the client names gzip among the codings that it takes (RFC 9110, 12.5.3). One that takes
/// anything is given the content as it is.
fn takes_gzip(headers: &HeaderMap) -> bool {
    headers
        .get_all(header::ACCEPT_ENCODING)
        .iter()
        .filter_map(|field| field.to_str().ok())
        .flat_map(|field| field.split(','))
        .any(|coding| {
            let mut parts = coding.split(';').map(str::trim);
            let is_gzip = parts
                .next()
                .is_some_and(|name| name.eq_ignore_ascii_case("gzip"));
            let weight = parts.find_map(|part| part.strip_prefix("q="));
            is_gzip && weight.is_none_or(|weight| weight.parse().is_ok_and(|q: f32| q > 0.0))
        })
}

fn unpack(packed: &[u8]) -> Bytes {
    use std::io::Read as _;
    let mut unpacked = Vec::new();
    // What the build packed can be unpacked.
    let _ = flate2::read::GzDecoder::new(packed).read_to_end(&mut unpacked);
    unpacked.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_is_sent_to_those_who_name_it() {
        for (accepted, expected) in [
            (&["gzip, deflate, br"][..], true),
            (&["br", "GZIP;q=0.5"], true),
            (&["gzip; q=0"], false),
            (&["gzip;q=0.000"], false),
            (&["gzip;q=nonsense"], false),
            (&["*"], false),
            (&["identity"], false),
            (&[""], false),
            (&[], false),
        ] {
            let mut headers = HeaderMap::new();
            for field in accepted {
                headers.append(header::ACCEPT_ENCODING, HeaderValue::from_static(field));
            }
            assert_eq!(takes_gzip(&headers), expected, "{accepted:?}");
        }
    }
}
