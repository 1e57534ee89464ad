//! Cross-origin resource sharing (the Fetch standard), on successes and errors alike.

use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};

/// What a preflight allows to be sent.
const ALLOWED_HEADERS: HeaderValue =
    HeaderValue::from_static("authorization, x-api-key, content-type, if-match, if-none-match");
/// What a script may read of an answer.
const EXPOSED_HEADERS: HeaderValue = HeaderValue::from_static(
    "etag, location, retry-after, ratelimit, ratelimit-policy, x-request-id, www-authenticate, accept-patch",
);
/// How long a browser may rely on a preflight, in seconds. Chromium takes no more than two hours.
const MAX_AGE: HeaderValue = HeaderValue::from_static("7200");
const ANY: HeaderValue = HeaderValue::from_static("*");

/// Which origins' scripts may read answers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CorsOrigins(Origins);

#[derive(Debug, Clone, Default, PartialEq, Eq)]
enum Origins {
    #[default]
    None,
    Any,
    Listed(Vec<HeaderValue>),
}

/// A text is not an origin as browsers send it; with the place in the list and what is wrong.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct NotAnOrigin {
    /// The place in the list.
    pub index: usize,
    /// What is wrong.
    pub detail: &'static str,
}

impl CorsOrigins {
    /// Reads a list of origins, each `scheme://host` or `scheme://host:port` as browsers send it, or
    /// `*` alone for any.
    ///
    /// # Errors
    /// The first text that no browser would send, and that would therefore never match.
    pub fn parse<T: AsRef<str>>(texts: &[T]) -> Result<Self, NotAnOrigin> {
        if let [only] = texts
            && only.as_ref() == "*"
        {
            return Ok(Self(Origins::Any));
        }
        let read = |(index, text): (usize, &T)| {
            let text = text.as_ref();
            match fault(text) {
                Some(detail) => Err(NotAnOrigin { index, detail }),
                None => HeaderValue::from_str(text).map_err(|_| NotAnOrigin {
                    index,
                    detail: NOT_A_HOST,
                }),
            }
        };
        let listed: Vec<_> = texts
            .iter()
            .enumerate()
            .map(read)
            .collect::<Result<_, _>>()?;
        Ok(Self(if listed.is_empty() {
            Origins::None
        } else {
            Origins::Listed(listed)
        }))
    }

    /// What is allowed to whoever sent this request.
    pub(crate) fn judge(&self, method: &Method, headers: &HeaderMap) -> Verdict {
        let (origin, varies) = match &self.0 {
            Origins::None => return Verdict::default(),
            // Without Origin as well: a cache may keep the answer for a script that comes later.
            Origins::Any => (Some(ANY), false),
            Origins::Listed(listed) => {
                let sent = headers.get(header::ORIGIN);
                (listed.iter().find(|one| Some(*one) == sent).cloned(), true)
            }
        };
        let preflight = *method == Method::OPTIONS
            && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
        Verdict {
            origin,
            varies,
            preflight,
        }
    }
}

const NOT_A_HOST: &str = "is not an origin: write it as https://app.example.com, with a port if it is not the scheme's own";

/// Why no browser would send `text`.
fn fault(text: &str) -> Option<&'static str> {
    let Some((scheme, rest)) = text.split_once("://") else {
        return Some(if text == "*" {
            "stands for every origin, and must stand alone"
        } else {
            NOT_A_HOST
        });
    };
    let default_port = match scheme {
        "https" => ":443",
        "http" => ":80",
        _ => "",
    };
    if scheme.is_empty() || !is_host_and_port(rest) {
        Some(NOT_A_HOST)
    } else if text.chars().any(|character| character.is_ascii_uppercase()) {
        Some("must be in lower case, as browsers send it")
    } else if !default_port.is_empty() && rest.ends_with(default_port) {
        Some("names the scheme's own port, which browsers leave out")
    } else {
        None
    }
}

/// A name or an address, an IPv6 address in brackets, and perhaps a port.
fn is_host_and_port(text: &str) -> bool {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (text, None),
    };
    let in_brackets = host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    let is_host = if let Some(address) = in_brackets {
        address.parse::<std::net::Ipv6Addr>().is_ok()
    } else {
        let is_of_a_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
        !host.is_empty() && host.bytes().all(is_of_a_name)
    };
    let is_port = |port: &str| {
        port.bytes().all(|byte| byte.is_ascii_digit())
            && port.parse().is_ok_and(|port: u16| port > 0)
    };
    is_host && port.is_none_or(is_port)
}

/// What an answer tells the browser.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    origin: Option<HeaderValue>,
    varies: bool,
    preflight: bool,
}

impl Verdict {
    /// Tells it. The methods that a preflight allows are those of `Allow`.
    pub(crate) fn tell(self, status: StatusCode, headers: &mut HeaderMap) {
        if self.varies {
            vary_on_origin(headers);
        }
        let Some(origin) = self.origin else {
            return;
        };
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        if self.preflight && status.is_success() {
            if let Some(methods) = headers.get(header::ALLOW).cloned() {
                headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, methods);
            }
            headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, ALLOWED_HEADERS);
            headers.insert(header::ACCESS_CONTROL_MAX_AGE, MAX_AGE);
        } else {
            headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED_HEADERS);
        }
    }
}

/// One field with both names: some gateways keep only the first of two fields.
fn vary_on_origin(headers: &mut HeaderMap) {
    const ORIGIN: HeaderValue = HeaderValue::from_static("Origin");
    const VARY: HeaderName = header::VARY;
    let joined = headers
        .get(VARY)
        .and_then(|value| HeaderValue::from_str(&format!("{}, Origin", value.to_str().ok()?)).ok());
    headers.insert(VARY, joined.unwrap_or(ORIGIN));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_read_as_browsers_send_them() {
        for good in [
            "https://app.example.com",
            "http://localhost:3000",
            "http://[::1]:8080",
            "capacitor://localhost",
            "chrome-extension://abcdef",
        ] {
            assert!(CorsOrigins::parse(&[good]).is_ok(), "{good}");
        }
        for (bad, index) in [
            (&["app.example.com"][..], 0),
            (&["https://app.example.com/"], 0),
            (&["https://a.example", "https://App.example.com"], 1),
            (&["https://app.example.com:443"], 0),
            (&["http://app.example.com:80"], 0),
            (&["https://a.example, https://b.example"], 0),
            (&["https://user@a.example"], 0),
            (&["https://"], 0),
            (&["null"], 0),
            (&["https://*.example.com"], 0),
            (&["https://a.example:"], 0),
            (&["https://a.example:0"], 0),
            (&["https://a.example:99999"], 0),
            (&["http://[::g]"], 0),
            (&["https://a.example", "*"], 1),
            (&[""], 0),
        ] {
            let found = CorsOrigins::parse(bad).map_err(|fault| fault.index);
            assert_eq!(found, Err(index), "{bad:?}");
        }
        assert_eq!(CorsOrigins::parse::<&str>(&[]), Ok(CorsOrigins::default()));
    }
}
