use axum::{
    body::{Body, Bytes},
    http::{HeaderMap, StatusCode},
    response::Response,
};
use http_body_util::BodyExt as _;
use serde_json::{Map, Value, json};

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) async fn of(response: Response<Body>) -> Self {
        let (parts, body) = response.into_parts();
        let body = body.collect().await.expect("a whole body").to_bytes();
        Self {
            status: parts.status,
            headers: parts.headers,
            body,
        }
    }

    /// A header that is there once, as text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.get_all(name).iter();
        let value = values.next()?.to_str().expect("a visible header");
        assert_eq!(values.next(), None, "{name} is there twice");
        Some(value)
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("text")
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }

    /// The problem's code; `-` when the answer is no problem.
    pub(crate) fn code(&self) -> String {
        let is_problem = self.header("content-type") == Some("application/problem+json");
        if is_problem {
            self.json()["code"].as_str().expect("a code").to_owned()
        } else {
            "-".to_owned()
        }
    }

    /// The places that a problem names, in their order.
    pub(crate) fn pointers(&self) -> Vec<String> {
        let body = self.json();
        let errors = body["errors"].as_array().map_or(&[][..], Vec::as_slice);
        let pointer = |error: &Value| error["pointer"].as_str().expect("a pointer").to_owned();
        errors.iter().map(pointer).collect()
    }

    pub(crate) fn tag(&self) -> &str {
        self.header("etag").expect("an entity tag")
    }

    pub(crate) fn retry_after(&self) -> Option<u64> {
        let seconds = self.header("retry-after")?;
        Some(seconds.parse().expect("whole seconds"))
    }

    /// Everything that a client sees, with the one thing in it that differs from run to run made
    /// the same. The header and the body must name the same request.
    pub(crate) fn snapshot(&self) -> Value {
        const NORMALISED: &str = "[request id]";
        let id = self.header("x-request-id").expect("a request id");
        assert_eq!((id.len(), id.matches('-').count()), (36, 4), "{id}");
        let mut headers = Map::new();
        for name in self.headers.keys() {
            let mut values = self.headers.get_all(name).iter().map(|value| {
                let text = value.to_str().expect("a visible header");
                json!(text.replace(id, NORMALISED))
            });
            let value = match self.headers.get_all(name).iter().count() {
                1 => values.next().unwrap_or_default(),
                _ => values.collect(),
            };
            headers.insert(name.to_string(), value);
        }
        let body = match self.json_body() {
            Some(mut body) => {
                if let Some(named) = body.get_mut("requestId") {
                    assert_eq!(named.as_str(), Some(id));
                    *named = NORMALISED.into();
                }
                body
            }
            None => self.text().into(),
        };
        json!({"status": self.status.as_u16(), "headers": headers, "body": body})
    }

    fn json_body(&self) -> Option<Value> {
        let is_json = self.header("content-type")?.ends_with("json");
        (is_json && !self.body.is_empty()).then(|| self.json())
    }
}
