use axum::http::{HeaderMap, HeaderName, header};
use usher_domain::service::Credentials;

const API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// The `Authorization` header cannot be read as one bearer token.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Unreadable(pub(crate) &'static str);

/// Finds token and key. A token is taken from the header alone, never from the query string, with
/// the Bearer scheme in any case, or bare as API Gateway's clients send it.
pub(crate) fn of(headers: &HeaderMap) -> Result<Credentials<'_>, Unreadable> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let token = match (values.next(), values.next()) {
        (None, _) => None,
        (Some(value), None) => {
            let text = value
                .to_str()
                .map_err(|_| Unreadable("the header cannot be read"))?;
            token(text)?
        }
        (Some(_), Some(_)) => return Err(Unreadable("there are two Authorization headers")),
    };
    let mut keys = headers.get_all(API_KEY).iter();
    let api_key = match (keys.next(), keys.next()) {
        // One that is not text is none, and not as if there were nothing.
        (Some(value), None) => Some(value.to_str().unwrap_or_default()),
        // Of two keys neither is taken: who put the other one there?
        _ => None,
    };
    Ok(Credentials {
        token,
        api_key,
        gateway: None,
    })
}

fn token(text: &str) -> Result<Option<&str>, Unreadable> {
    let text = text.trim_matches([' ', '\t']);
    match text.split_once([' ', '\t']) {
        None if text.is_empty() || text.eq_ignore_ascii_case("bearer") => Ok(None),
        None => Ok(Some(text)),
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("bearer") => {
            let rest = rest.trim_start_matches([' ', '\t']);
            if rest.contains([' ', '\t', ',']) {
                Err(Unreadable("the bearer token cannot be read"))
            } else {
                Ok(Some(rest))
            }
        }
        Some(_) => Err(Unreadable("the scheme is not Bearer")),
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn read(values: &[&'static str]) -> Result<Option<String>, Unreadable> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::AUTHORIZATION, HeaderValue::from_static(value));
        }
        of(&headers).map(|credentials| credentials.token.map(str::to_owned))
    }

    #[test]
    fn a_token_is_read_with_its_scheme_in_any_case_or_bare() {
        for value in ["Bearer a.b.c", "bearer a.b.c", "BEARER  a.b.c ", "a.b.c"] {
            assert_eq!(read(&[value]), Ok(Some("a.b.c".to_owned())), "{value}");
        }
        for value in ["", "Bearer", "Bearer "] {
            assert_eq!(read(&[value]), Ok(None), "{value}");
        }
        assert_eq!(read(&[]), Ok(None));
    }

    #[test]
    fn what_is_not_one_bearer_token_is_refused() {
        for values in [
            &["Basic YTpi"][..],
            &["Bearer a b"],
            &["Bearer a, Bearer b"],
            &["a", "a"],
        ] {
            assert!(read(values).is_err(), "{values:?}");
        }
    }

    #[test]
    fn of_two_api_keys_neither_is_taken() {
        let mut headers = HeaderMap::new();
        headers.append(API_KEY, HeaderValue::from_static("one"));
        assert_eq!(of(&headers).unwrap().api_key, Some("one"));
        headers.append(API_KEY, HeaderValue::from_static("two"));
        assert_eq!(of(&headers).unwrap().api_key, None);
    }
}
