//! The limit: axum, one route, and the very bytes that Usher answers, without anything behind them.
//!
//! Arguments: the port, a file with the body, and a file with the headers, one `name: value` a line.

use std::{fs, io, net::Ipv4Addr};

use axum::{
    Router,
    body::Bytes,
    http::{HeaderMap, HeaderName, HeaderValue},
    routing::get,
};

#[tokio::main]
async fn main() -> io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [port, body, headers] = arguments.as_slice() else {
        return Err(io::Error::other(
            "usage: bare-axum PORT BODY-FILE HEADER-FILE",
        ));
    };
    let body = Bytes::from(fs::read(body)?);
    let headers: HeaderMap = fs::read_to_string(headers)?
        .lines()
        .filter_map(|line| line.split_once(": "))
        .filter_map(|(name, value)| {
            let name: HeaderName = name.parse().ok()?;
            Some((name, HeaderValue::from_str(value).ok()?))
        })
        .collect();
    let answer = move || {
        let (headers, body) = (headers.clone(), body.clone());
        async move { (headers, body) }
    };
    let router = Router::new().route("/users/{userId}/profile", get(answer));
    let port: u16 = port.parse().map_err(io::Error::other)?;
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    axum::serve(listener, router).await
}
