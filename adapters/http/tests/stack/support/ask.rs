use axum::{
    body::Body,
    http::{HeaderName, HeaderValue, Method, Request},
};

use usher_http::Gateway;

use super::KEY;

/// A request. Unless told otherwise it is Alice's, with her token and a good key.
#[derive(Debug)]
pub(crate) struct Ask(Request<Body>);

impl Ask {
    pub(crate) fn new(method: Method, path: &str) -> Self {
        let mut request = Request::new(Body::empty());
        *request.method_mut() = method;
        *request.uri_mut() = path.parse().expect("a target");
        Self(request).token("user:alice").header("x-api-key", KEY)
    }

    pub(crate) fn get(path: &str) -> Self {
        Self::new(Method::GET, path)
    }

    pub(crate) fn head(path: &str) -> Self {
        Self::new(Method::HEAD, path)
    }

    pub(crate) fn delete(path: &str) -> Self {
        Self::new(Method::DELETE, path)
    }

    pub(crate) fn options(path: &str) -> Self {
        Self::new(Method::OPTIONS, path)
    }

    /// A PUT of JSON.
    pub(crate) fn put(path: &str, body: impl Into<Body>) -> Self {
        Self::new(Method::PUT, path)
            .header("content-type", "application/json")
            .body(body)
    }

    /// A PATCH of this media type.
    pub(crate) fn patch(path: &str, media_type: &str, body: impl Into<Body>) -> Self {
        Self::new(Method::PATCH, path)
            .header("content-type", media_type)
            .body(body)
    }

    /// A PATCH by a JSON Merge Patch.
    pub(crate) fn merge(path: &str, body: impl Into<Body>) -> Self {
        Self::patch(path, "application/merge-patch+json", body)
    }

    /// A PATCH by a JSON Patch.
    pub(crate) fn operations(path: &str, body: impl Into<Body>) -> Self {
        Self::patch(path, "application/json-patch+json", body)
    }

    pub(crate) fn token(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    pub(crate) fn key(self, key: &str) -> Self {
        self.header("x-api-key", key)
    }

    /// Sets a header, in place of what is there.
    pub(crate) fn header(mut self, name: &'static str, value: &str) -> Self {
        let value = HeaderValue::from_str(value).expect("a header's value");
        self.0
            .headers_mut()
            .insert(HeaderName::from_static(name), value);
        self
    }

    /// Adds a field, beside what is there.
    pub(crate) fn another(mut self, name: &'static str, value: &str) -> Self {
        let value = HeaderValue::from_str(value).expect("a header's value");
        self.0
            .headers_mut()
            .append(HeaderName::from_static(name), value);
        self
    }

    pub(crate) fn without(mut self, name: &'static str) -> Self {
        self.0.headers_mut().remove(name);
        self
    }

    /// With what a gateway says that it has done.
    pub(crate) fn through(mut self, gateway: Gateway) -> Self {
        self.0.extensions_mut().insert(gateway);
        self
    }

    /// Without token and key.
    pub(crate) fn anonymous(self) -> Self {
        self.without("authorization").without("x-api-key")
    }

    pub(crate) fn body(mut self, body: impl Into<Body>) -> Self {
        *self.0.body_mut() = body.into();
        self
    }

    pub(crate) fn into_request(self) -> Request<Body> {
        self.0
    }
}
