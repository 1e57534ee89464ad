//! `docs/errors.md` is the table of error codes as a page.

use std::{collections::BTreeMap, fmt::Write as _, fs, path::Path};

use usher_http::problem::ErrorCode;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/errors.md");

const INTRODUCTION: &str = r#"# Errors

<!-- Made from adapters/http/src/problem/codes.rs: `UPDATE_DOCS=1 cargo test -p usher-http --test errors_page` -->

Every failure is a problem detail ([RFC 9457](https://www.rfc-editor.org/rfc/rfc9457)), `application/problem+json`:

```json
{
  "type": "urn:usher:problem:not_portable",
  "title": "The profile cannot be kept",
  "status": 422,
  "detail": "The body cannot be kept as it is; errors names the places.",
  "code": "not_portable",
  "message": "Invalid request body",
  "requestId": "5b3f1f0e-4f5b-8c3a-9d2e-7a1c0b9e8d7f",
  "errors": [{"pointer": "/friends/0/age", "detail": "the text contains U+0000"}]
}
```

- Branch on `code`. It is stable, and there is exactly one for each kind of failure; `type` is a URN made of it. `title` and
  `detail` are sentences for people and may change. Take a code that you do not know by its status.
- `message` is the text that Amazon API Gateway has in the same case, and the header `x-amzn-errortype` its error type, for
  clients that were written for it. Several codes share one.
- `requestId`, also in the header `x-request-id` of every answer, names the request in the operator's log. Quote it.
- `detail` is there with 4xx only, and not always. Nothing internal is ever told.
- `errors` lists the places that are wrong, up to 32 of them, as JSON Pointers
  ([RFC 6901](https://www.rfc-editor.org/rfc/rfc6901)). They are places in the body that was sent; with a patch, and with
  409, 403 and 422 that depend on what is stored, places in the profile. A pointer that ends with `/…` was too long.
- HEAD has the status and the headers, and no body.
- Failures are never to be cached: `Cache-Control: no-store`.
- Where a limit applies, `RateLimit-Policy` says what its limits are and `RateLimit` what is left
  ([draft-ietf-httpapi-ratelimit-headers](https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/)), on
  successes and failures alike: `"throttle"` is the rate and burst of the usage plan or of the method, `"user"` those that
  each user of a key has, `"quota"` the plan's quota, `"service"` the rate and burst of the whole service. `Retry-After` is
  in whole seconds; a call made then is let in when nobody else spends meanwhile.
- What breaks HTTP itself, such as a header block over 16 KiB, may be refused without a body.

Two faults in one request give one answer, wherever Usher runs. They are looked for in this order: the route and the user id,
the token, the API key, its limits, whose profile it is, the media type, the size and the content of the body, and only then
what is stored.

What of this a deployment can answer, operation by operation and with examples, is in its `/openapi.json`, which `/docs`
shows.
"#;

/// The page: an introduction, an overview, and a section for each code.
fn page() -> String {
    let mut page = INTRODUCTION.to_owned();
    page.push_str("\n## All codes\n\n| Status | Code | |\n|---|---|---|\n");
    let mut by_status: BTreeMap<u16, Vec<ErrorCode>> = BTreeMap::new();
    for code in ErrorCode::ALL {
        let status = code.status().as_u16();
        by_status.entry(status).or_default().push(*code);
    }
    let write = |page: &mut String, text: std::fmt::Arguments<'_>| {
        page.write_fmt(text).expect("a String takes everything");
    };
    for (status, codes) in &by_status {
        for code in codes {
            let (name, title) = (code.as_str(), code.title());
            write(
                &mut page,
                format_args!("| {status} | [`{name}`](#{name}) | {title} |\n"),
            );
        }
    }
    for (status, codes) in &by_status {
        let reason = codes[0].status().canonical_reason().expect("a reason");
        write(&mut page, format_args!("\n## {status} {reason}\n"));
        for code in codes {
            write(
                &mut page,
                format_args!(
                    "\n### {name}\n\n**{title}.** {meaning}\n\n\
                     - **What to do:** {advice}\n\
                     - **Send it again?** {again}\n\
                     - `message`: {message}\n\
                     - `x-amzn-errortype`: {kind}\n",
                    name = code.as_str(),
                    title = code.title(),
                    meaning = code.meaning(),
                    advice = code.advice(),
                    again = code.again(),
                    message = code.message(),
                    kind = code.error_type(),
                ),
            );
            if !code.headers().is_empty() {
                let headers: Vec<_> = code
                    .headers()
                    .iter()
                    .map(|name| format!("`{name}`"))
                    .collect();
                write(
                    &mut page,
                    format_args!("- Headers: {}\n", headers.join(", ")),
                );
            }
        }
    }
    page
}

#[test]
fn the_page_says_what_the_codes_say() {
    let page = page();
    let committed = Path::new(PAGE);
    #[allow(
        clippy::disallowed_methods,
        reason = "it is the developer who sets it, by hand"
    )]
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(committed, &page).expect("docs/errors.md can be written");
    }
    let found = fs::read_to_string(committed).unwrap_or_default();
    assert!(
        found == page,
        "docs/errors.md is not what the codes say: UPDATE_DOCS=1 cargo test -p usher-http --test \
         errors_page writes it anew"
    );
}

#[test]
fn every_code_says_what_it_means_and_what_to_do() {
    for code in ErrorCode::ALL {
        for text in [code.meaning(), code.advice(), code.again()] {
            assert!(text.ends_with('.') && text.len() > 2, "{}", code.as_str());
        }
        assert!(!code.title().ends_with('.'), "{}", code.as_str());
        let name = code.as_str();
        let is_snake = name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        assert!(is_snake, "{name}");
    }
}
