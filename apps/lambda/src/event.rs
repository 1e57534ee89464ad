//! From a Lambda event to the request that the client sent.
//!
//! Whatever is in an event that has the looks of an HTTP request, there is a request for it. What is wrong with it is
//! then found where it is found for everybody else, and answered alike.

mod body;
mod fields;
mod gateway;
mod headers;
mod path;

use std::net::IpAddr;

use lambda_http::http::{Method, Request, Uri, Version, header::ACCEPT_ENCODING, request::Parts};
use serde_json::Value;
use usher_http::{Body, ClientAddress};

use self::fields::Fields as _;

/// A request, and the kind of event it came in.
#[derive(Debug)]
pub struct Call {
    /// What the client sent: the path without stage and base path, all values of a header. In its extensions: the
    /// client's address, and what the gateway says that it has done.
    pub request: Request<Body>,
    /// What the answer has to look like.
    pub kind: Kind,
}

/// What called the function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A REST API of API Gateway.
    RestApi,
    /// An HTTP API of API Gateway with payload format 1.0.
    HttpApiV1,
    /// An HTTP API of API Gateway with payload format 2.0.
    HttpApiV2,
    /// A function URL.
    FunctionUrl,
    /// An Application Load Balancer.
    LoadBalancer {
        /// The target group has `lambda.multi_value_headers.enabled`, for events and for answers.
        multi_value: bool,
    },
}

/// The event is not an HTTP request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "this function answers HTTP requests: events of API Gateway (REST and HTTP APIs), function URLs and Application \
     Load Balancers. This event is none of them{0}"
)]
pub struct NotHttp(String);

/// Reads an event.
///
/// # Errors
/// [`NotHttp`], which says what the event seems to be; it repeats nothing of it but the name of a service.
pub fn read(event: &Value) -> Result<Call, NotHttp> {
    let kind = kind(event).ok_or_else(|| NotHttp(looks(event)))?;
    let context = event.at("requestContext");
    let method = match kind {
        Kind::HttpApiV2 | Kind::FunctionUrl => context.at("http").text("method"),
        _ => event.text("httpMethod"),
    };
    // What is no method is none of ours, and is answered so.
    let method = method.and_then(|method| Method::from_bytes(method.as_bytes()).ok());
    let mut parts = Request::new(()).into_parts().0;
    parts.method = method.unwrap_or_else(|| Method::from_bytes(b"UNKNOWN").unwrap_or_default());
    parts.uri = target(event, kind);
    parts.version = version(context);
    parts.headers = headers::read(event);
    if kind == Kind::RestApi {
        // Unless it was set up for binary media types, it hands bytes on as the base64 text that they travel in;
        // to compress is a setting of its own. So nothing is packed for it.
        parts.headers.remove(ACCEPT_ENCODING);
    }
    if let Some(address) = source_ip(event, kind, &parts) {
        parts.extensions.insert(ClientAddress(address));
    }
    parts.extensions.insert(gateway::read(event, kind));
    let request = Request::from_parts(parts, Body::from(body::read(event)));
    Ok(Call { request, kind })
}

fn kind(event: &Value) -> Option<Kind> {
    let context = event.at("requestContext");
    if context.at("elb").is_object() {
        let multi_value = event.at("multiValueHeaders").is_object();
        return Some(Kind::LoadBalancer { multi_value });
    }
    if context.at("http").text("method").is_some() {
        // Of the two only the name of the host tells which it is.
        let domain = context.text("domainName").unwrap_or_default();
        return Some(if domain.contains(".lambda-url.") {
            Kind::FunctionUrl
        } else {
            Kind::HttpApiV2
        });
    }
    event.text("httpMethod")?;
    event.text("path")?;
    Some(match event.text("version") {
        Some("1.0") => Kind::HttpApiV1,
        _ => Kind::RestApi,
    })
}

/// The client's protocol, as the gateway tells it; a load balancer does not.
fn version(context: &Value) -> Version {
    let of_http = context.at("http").text("protocol");
    match of_http.or_else(|| context.text("protocol")) {
        Some("HTTP/2.0" | "HTTP/2") => Version::HTTP_2,
        Some("HTTP/1.0") => Version::HTTP_10,
        _ => Version::HTTP_11,
    }
}

/// What an event of another kind is, as far as that can be told without repeating what is in it.
fn looks(event: &Value) -> String {
    let record = event.at("Records").at(0);
    let service = record
        .text("eventSource")
        .or_else(|| record.text("EventSource"));
    let service = service.or_else(|| event.text("source")).filter(|name| {
        let is_plain =
            |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b':' | b'-');
        name.len() <= 64 && name.bytes().all(is_plain)
    });
    match service {
        Some(service) => format!("; it comes from {service}"),
        None if event.at("requestContext").text("connectionId").is_some() => {
            "; it comes from a WebSocket API".to_owned()
        }
        None => String::new(),
    }
}

/// Longer than any target that is accepted, shorter than what a `Uri` can hold.
const TARGET: usize = 32 * 1024;

fn target(event: &Value, kind: Kind) -> Uri {
    let mut target = path::path(event, kind);
    if !target.starts_with('/') {
        // It would be read as a host.
        target.insert(0, '/');
    }
    // Nothing reads it, but it counts towards the length of the target.
    let query = path::query(event, kind);
    if !query.is_empty() {
        target.push('?');
        target.push_str(&query);
    }
    // All of it is ASCII, so that it can be cut anywhere.
    target.truncate(TARGET);
    // A path that is none is answered as a route that is none.
    target.parse().unwrap_or_else(|_| Uri::from_static("/"))
}

fn source_ip(event: &Value, kind: Kind, parts: &Parts) -> Option<IpAddr> {
    let context = event.at("requestContext");
    let text = match kind {
        Kind::RestApi | Kind::HttpApiV1 => context.at("identity").text("sourceIp"),
        Kind::HttpApiV2 | Kind::FunctionUrl => context.at("http").text("sourceIp"),
        // What the load balancer has seen itself is the last one; a client may have sent the others.
        Kind::LoadBalancer { .. } => {
            let forwarded = parts.headers.get_all("x-forwarded-for").iter().next_back();
            let forwarded = forwarded.and_then(|value| value.to_str().ok());
            forwarded
                .and_then(|all| all.rsplit(',').next())
                .map(str::trim)
        }
    };
    text?.parse().ok()
}
