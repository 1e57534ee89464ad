//! `/docs` and its files.

use axum::http::StatusCode;

use super::plain;
use crate::support::{Ask, Setup, World};

/// The addresses that the page asks for, as it writes them.
async fn addresses(world: &World) -> Vec<String> {
    let page = world.ask(Ask::get("/docs").anonymous()).await;
    let mut addresses = Vec::new();
    for attribute in ["href=\"", "src=\""] {
        for rest in page.text().split(attribute).skip(1) {
            let address = rest.split('"').next().expect("an end");
            addresses.push(address.to_owned());
        }
    }
    addresses
}

#[tokio::test]
async fn the_page_is_this() {
    let world = plain().start();
    insta::assert_json_snapshot!(world.ask(Ask::get("/docs").anonymous()).await.snapshot());
}

/// Behind a gateway's stage the page lies under a prefix that nobody tells us.
#[tokio::test]
async fn everything_that_the_page_asks_for_is_here_and_addressed_from_where_it_is() {
    let world = plain().start();
    let mut files = 0;
    for address in addresses(&world).await {
        assert!(
            !address.starts_with('/') && !address.contains("//"),
            "{address}"
        );
        if address == "data:," {
            continue;
        }
        let answer = world
            .ask(Ask::get(&format!("/{address}")).anonymous())
            .await;
        assert_eq!(answer.status, StatusCode::OK, "{address}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        files += 1;
        if address.starts_with("docs/") {
            assert!(address.contains('?'), "{address} has no version");
            let caching = answer.header("cache-control");
            assert_eq!(
                caching,
                Some("public, max-age=31536000, immutable"),
                "{address}"
            );
        }
    }
    assert_eq!(files, 4);
    let script = world.ask(Ask::get("/docs/init.js").anonymous()).await;
    assert!(script.text().contains("url: \"openapi.json\""));
    assert!(!script.text().contains("http"));
}

#[tokio::test]
async fn a_file_asked_for_by_another_version_is_not_kept() {
    let world = plain().start();
    for address in [
        "/docs/swagger-ui.css",
        "/docs/swagger-ui.css?older",
        "/docs/init.js?x",
    ] {
        let answer = world.ask(Ask::get(address).anonymous()).await;
        assert_eq!(
            answer.header("cache-control"),
            Some("no-cache"),
            "{address}"
        );
    }
}

#[tokio::test]
async fn files_are_packed_for_those_who_take_it_and_plain_for_others() {
    let world = plain().start();
    let path = "/docs/swagger-ui-bundle.js";
    let plain = world.ask(Ask::get(path).anonymous()).await;
    let packed = Ask::get(path)
        .anonymous()
        .header("accept-encoding", "gzip, br");
    let packed = world.ask(packed).await;
    assert_eq!(plain.header("content-encoding"), None);
    assert_eq!(packed.header("content-encoding"), Some("gzip"));
    assert!(packed.body.starts_with(&[0x1f, 0x8b]));
    assert!(packed.body.len() * 2 < plain.body.len());
    assert!(plain.text().contains("SwaggerUIBundle"));
    for answer in [&plain, &packed] {
        assert_eq!(answer.header("vary"), Some("Accept-Encoding"));
        assert_eq!(
            answer.header("content-type"),
            Some("text/javascript; charset=utf-8")
        );
    }
    assert_ne!(plain.tag(), packed.tag());
}

#[tokio::test]
async fn who_has_it_already_is_told_so() {
    let world = plain().start();
    for path in [
        "/openapi.json",
        "/docs",
        "/docs/init.js",
        "/docs/swagger-ui.css",
    ] {
        let tag = world.ask(Ask::get(path).anonymous()).await.tag().to_owned();
        for known in [
            tag.clone(),
            format!("W/{tag}"),
            format!("\"x\", {tag}"),
            "*".to_owned(),
        ] {
            let ask = Ask::get(path).anonymous().header("if-none-match", &known);
            let answer = world.ask(ask).await;
            assert_eq!(answer.status, StatusCode::NOT_MODIFIED, "{path} {known}");
            assert!(answer.body.is_empty());
            assert_eq!(answer.tag(), tag);
        }
        let other = Ask::get(path).anonymous().header("if-none-match", "\"x\"");
        assert_eq!(world.ask(other).await.status, StatusCode::OK, "{path}");
    }
}

#[tokio::test]
async fn a_used_up_plan_keeps_nobody_from_reading_the_document() {
    let world = Setup::default().start();
    world.spend_all(crate::support::KEY).await;
    for path in ["/openapi.json", "/docs", "/docs/init.js"] {
        for ask in [
            Ask::get(path),
            Ask::get(path).anonymous(),
            Ask::get(path).token("expired"),
        ] {
            let answer = world.ask(ask).await;
            assert_eq!(answer.status, StatusCode::OK, "{path}");
            assert_eq!(answer.header("ratelimit"), None);
        }
    }
}

#[tokio::test]
async fn head_has_the_headers_of_get_and_no_body() {
    let world = plain().start();
    for path in ["/openapi.json", "/docs", "/docs/swagger-ui.css"] {
        let get = world.ask(Ask::get(path)).await;
        let head = world.ask(Ask::head(path)).await;
        assert!(head.body.is_empty());
        for name in [
            "content-type",
            "etag",
            "cache-control",
            "content-security-policy",
        ] {
            assert_eq!(head.header(name), get.header(name), "{path} {name}");
        }
        let length = get.body.len().to_string();
        assert_eq!(head.header("content-length"), Some(&*length), "{path}");
    }
}

#[tokio::test]
async fn nothing_else_lies_beside_the_page() {
    let world = plain().start();
    for path in [
        "/docs/",
        "/docs/index.html",
        "/docs/swagger-initializer.js",
        "/docs/oauth2-redirect.html",
        "/docs/init%2ejs",
        "/docs/a/b",
        "/docs/..%2fopenapi.json",
    ] {
        let answer = world.ask(Ask::get(path).anonymous()).await;
        assert_eq!(answer.code(), "route_not_found", "{path}");
    }
}
