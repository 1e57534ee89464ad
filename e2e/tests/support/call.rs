//! A request in the making, and who makes it.

use std::{future::IntoFuture, pin::Pin};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{Client, Method, header::HeaderMap, header::HeaderValue};

use crate::support::{Answer, Entrypoint, differences};

/// What stands in a path segment as it is.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// The path of a user's profile.
pub(crate) fn profile_path(user_id: &str) -> String {
    format!(
        "/users/{}/profile",
        utf8_percent_encode(user_id, UNRESERVED)
    )
}

/// Where requests go.
#[derive(Clone, Debug)]
pub(crate) struct Address {
    pub(crate) base_url: String,
    pub(crate) client: Client,
    pub(crate) entrypoint: Entrypoint,
}

/// A request; awaiting it sends it.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    address: Address,
    method: Method,
    path: String,
    headers: HeaderMap,
    body: Option<String>,
}

impl Call {
    pub(crate) fn new(address: &Address, method: &str, path: &str) -> Self {
        Self {
            address: address.clone(),
            method: method.parse().expect("a method"),
            path: path.to_owned(),
            headers: HeaderMap::new(),
            body: None,
        }
    }

    /// Adds a header, beside others of the same name.
    pub(crate) fn header(mut self, name: &'static str, value: &str) -> Self {
        let value = HeaderValue::from_bytes(value.as_bytes()).expect("a header's value");
        self.headers.append(name, value);
        self
    }

    /// Adds a body as it is.
    pub(crate) fn body(mut self, body: &str) -> Self {
        self.body = Some(body.to_owned());
        self
    }

    /// Adds a body and says that it is JSON.
    pub(crate) fn json(self, body: &str) -> Self {
        self.header("content-type", "application/json").body(body)
    }

    async fn send(self) -> Answer {
        let asked = format!("{} {}", self.method, self.path);
        let Address {
            base_url,
            client,
            entrypoint,
        } = self.address;
        let is_head = self.method == Method::HEAD;
        let mut request = client
            .request(self.method, format!("{base_url}{}", self.path))
            .headers(self.headers);
        if let Some(body) = self.body {
            request = request.body(body);
        }
        let response = request
            .send()
            .await
            .unwrap_or_else(|error| panic!("{asked}: {error:?}"));
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = response
            .text()
            .await
            .unwrap_or_else(|error| panic!("{asked}: {error:?}"));
        let mut answer = Answer {
            asked,
            status,
            headers,
            body,
        };
        differences::undo(entrypoint, is_head, &mut answer);
        answer
    }
}

impl IntoFuture for Call {
    type Output = Answer;
    type IntoFuture = Pin<Box<dyn Future<Output = Answer> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}

/// Somebody with a token and an API key.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub(crate) address: Address,
    /// The subject of the token.
    pub(crate) id: String,
    pub(crate) token: String,
    pub(crate) api_key: String,
}

impl Caller {
    /// The same caller with another key.
    pub(crate) fn with_key(&self, api_key: &str) -> Self {
        Self {
            api_key: api_key.to_owned(),
            ..self.clone()
        }
    }

    /// The same caller with another token.
    pub(crate) fn with_token(&self, token: String) -> Self {
        Self {
            token,
            ..self.clone()
        }
    }

    /// The path of the caller's own profile.
    pub(crate) fn profile(&self) -> String {
        profile_path(&self.id)
    }

    pub(crate) fn call(&self, method: &str, path: &str) -> Call {
        Call::new(&self.address, method, path)
            .header("authorization", &format!("Bearer {}", self.token))
            .header("x-api-key", &self.api_key)
    }

    /// Reads the caller's own profile.
    pub(crate) fn get(&self) -> Call {
        self.call("GET", &self.profile())
    }

    /// Writes the caller's own profile.
    pub(crate) fn put(&self, body: &str) -> Call {
        self.call("PUT", &self.profile()).json(body)
    }

    /// Patches the caller's own profile.
    pub(crate) fn patch(&self, content_type: &str, body: &str) -> Call {
        self.call("PATCH", &self.profile())
            .header("content-type", content_type)
            .body(body)
    }

    /// Patches it by a JSON Merge Patch.
    pub(crate) fn merge(&self, body: &str) -> Call {
        self.patch("application/merge-patch+json", body)
    }

    /// Patches it by a JSON Patch.
    pub(crate) fn operations(&self, body: &str) -> Call {
        self.patch("application/json-patch+json", body)
    }

    /// Deletes the caller's own profile.
    pub(crate) fn delete(&self) -> Call {
        self.call("DELETE", &self.profile())
    }
}
