pub(crate) mod development;
pub(crate) mod docs;
pub(crate) mod failure;
pub(crate) mod health;
mod media_type;
pub(crate) mod profile;
mod target;

use axum::{
    body::Body,
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
    response::Response,
};

use usher_domain::entity_tag::TagList;

use crate::{report::Report, request_id::RequestId};

/// The methods of a route that is only read.
pub(crate) const READING: HeaderValue = HeaderValue::from_static("GET, HEAD, OPTIONS");

/// What a route that is only read answers to other methods; `None` to GET and HEAD.
fn read_only(resource: &'static str, method: &Method, id: RequestId) -> Option<Response> {
    match *method {
        Method::GET | Method::HEAD => None,
        Method::OPTIONS => Some(Report::of(resource).attach(options(READING))),
        _ => {
            let problem = failure::method_not_allowed(READING);
            let report = Report {
                error: Some(problem.code()),
                ..Report::of(resource)
            };
            Some(report.attach(problem.into_response(id)))
        }
    }
}

/// OPTIONS, answered with the methods that a route has.
fn options(allowed: HeaderValue) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response.headers_mut().insert(header::ALLOW, allowed);
    response
}

/// Several fields of one name are one list (RFC 9110, 5.3).
fn tags(headers: &HeaderMap, name: &HeaderName) -> Option<TagList> {
    let mut fields = headers.get_all(name).iter();
    let first = String::from_utf8_lossy(fields.next()?.as_bytes()).into_owned();
    let joined = fields.fold(first, |joined, field| {
        format!("{joined},{}", String::from_utf8_lossy(field.as_bytes()))
    });
    Some(TagList::parse(&joined))
}
