//! From a Lambda event to the request that the client sent.

use std::net::IpAddr;

use lambda_http::{
    Body, Request, RequestExt as _,
    http::{self, Uri},
    request::RequestContext,
};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use usher_http::ClientAddress;

/// What cannot stand in a path as it is. `%` is among them: what is encoded here was decoded by the
/// gateway, so a `%` in it is the client's own.
const DECODED: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'%')
    .add(b'?')
    .add(b'#')
    .add(b'"')
    .add(b'<')
    .add(b'>')
    .add(b'`')
    .add(b'{')
    .add(b'}')
    .add(b'\\')
    .add(b'^')
    .add(b'|');

/// The request behind an event: its path without the stage, its client's address, its body.
///
/// `lambda_http` puts the stage in front of the path, where no client has put it.
pub(crate) fn request(event: Request) -> http::Request<usher_http::Body> {
    let mut target = path(&event);
    // Nothing reads it, but it counts towards the length of the target.
    if let Some(query) = event.uri().query().filter(|query| !query.is_empty()) {
        target.push('?');
        target.push_str(query);
    }
    // Unless it was set up for binary media types, a REST API hands bytes on as the base64 text that
    // they travel in; to compress is a setting of its own. So nothing is packed for it.
    let is_text_only = matches!(
        event.request_context_ref(),
        Some(RequestContext::ApiGatewayV1(_))
    );
    let address = source_ip(&event).and_then(|text| text.parse::<IpAddr>().ok());
    let (mut parts, body) = event.into_parts();
    // A path that is none is answered as a route that is none.
    parts.uri = target.parse().unwrap_or_else(|_| Uri::from_static("/"));
    parts.extensions.clear();
    if is_text_only {
        parts.headers.remove(http::header::ACCEPT_ENCODING);
    }
    if let Some(address) = address {
        parts.extensions.insert(ClientAddress(address));
    }
    let body = match body {
        Body::Text(text) => usher_http::Body::from(text),
        Body::Binary(bytes) => usher_http::Body::from(bytes),
        // Empty, and whatever a later version of the library brings.
        _ => usher_http::Body::empty(),
    };
    http::Request::from_parts(parts, body)
}

fn path(event: &Request) -> String {
    let raw = event.raw_http_path();
    match event.request_context_ref() {
        // A REST API hands the path over as the client sent it, without the stage. An HTTP API
        // decodes it and puts the stage in front.
        Some(RequestContext::ApiGatewayV2(context)) => {
            let stage = context
                .stage
                .as_deref()
                .filter(|stage| *stage != "$default");
            let rest = stage
                .and_then(|stage| raw.strip_prefix('/')?.strip_prefix(stage))
                .filter(|rest| rest.starts_with('/'));
            utf8_percent_encode(rest.unwrap_or(raw), DECODED).to_string()
        }
        _ => raw.to_owned(),
    }
}

fn source_ip(event: &Request) -> Option<&str> {
    match event.request_context_ref()? {
        RequestContext::ApiGatewayV1(context) => context.identity.source_ip.as_deref(),
        RequestContext::ApiGatewayV2(context) => context.http.source_ip.as_deref(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use lambda_http::{
        aws_lambda_events::apigw::{ApiGatewayProxyRequestContext, ApiGatewayV2httpRequestContext},
        http::header::ACCEPT_ENCODING,
    };

    use super::*;

    #[test]
    fn nothing_is_packed_for_a_rest_api() {
        for (context, expected) in [
            (
                RequestContext::ApiGatewayV1(ApiGatewayProxyRequestContext::default()),
                None,
            ),
            (
                RequestContext::ApiGatewayV2(ApiGatewayV2httpRequestContext::default()),
                Some("gzip"),
            ),
        ] {
            let mut event = Request::default().with_request_context(context);
            let gzip = http::HeaderValue::from_static("gzip");
            event.headers_mut().insert(ACCEPT_ENCODING, gzip);
            let request = request(event);
            let found = request.headers().get(ACCEPT_ENCODING);
            assert_eq!(found.map(|value| value.to_str().unwrap()), expected);
        }
    }
}
