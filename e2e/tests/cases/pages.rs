//! What a deployment says of itself.

use crate::support::Deployment;

pub(crate) async fn the_description_needs_no_token(d: &Deployment) {
    let answer = d.call("GET", "/openapi.json").await.is(200);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("ratelimit"), None);
    let document = answer.json();
    assert!(
        document["openapi"]
            .as_str()
            .is_some_and(|version| version.starts_with("3.1."))
    );
    let profile = &document["paths"]["/users/{userId}/profile"];
    for method in ["get", "put", "patch", "delete"] {
        assert!(profile[method]["responses"]["401"].is_object(), "{method}");
    }
    let known = d
        .call("GET", "/openapi.json")
        .header("if-none-match", &answer.tag());
    known.await.is(304);
    assert_eq!(d.call("HEAD", "/openapi.json").await.is(200).body, "");
    for path in ["/openapi.json", "/docs"] {
        let refused = d.call("PUT", path).await;
        refused.is_refused(405, "method_not_allowed");
        assert_eq!(refused.header("allow"), Some("GET, HEAD, OPTIONS"));
    }
}

pub(crate) async fn the_page_brings_all_that_it_needs(d: &Deployment) {
    let page = d.call("GET", "/docs").await.is(200);
    assert!(page.must_have("content-type").starts_with("text/html"));
    assert!(
        !page.body.contains("//"),
        "an address of somebody else: {page}"
    );
    let named: Vec<&str> = ["href=\"", "src=\""]
        .iter()
        .flat_map(|attribute| page.body.split(attribute).skip(1))
        .filter_map(|rest| rest.split('"').next())
        .filter(|address| !address.starts_with("data:"))
        .collect();
    assert!(named.len() >= 3, "{page}");
    for file in named {
        let asset = d.call("GET", &format!("/{file}")).await.is(200);
        assert!(!asset.body.is_empty(), "{file}");
    }
    d.call("GET", "/docs/")
        .await
        .is_refused(404, "route_not_found");
    d.call("GET", "/docs/none.js")
        .await
        .is_refused(404, "route_not_found");
}
