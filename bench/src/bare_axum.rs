//! The limit: axum, one route, and the very bytes that Usher answers, without anything behind them.
//!
//! Arguments: the port, a file with the body, and a file with the headers, one `name: value` a line;
//! and, where the body comes out of `PostgreSQL`, the URL and whose profile it is. Then each request
//! reads the row as Usher does.

use std::{fs, io, net::Ipv4Addr};

use axum::{
    Router,
    body::Bytes,
    http::{HeaderMap, HeaderName, HeaderValue},
    routing::get,
};
use sqlx::{PgPool, postgres::PgPoolOptions};

#[tokio::main]
async fn main() -> io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (port, body, headers, database) = match arguments.as_slice() {
        [port, body, headers] => (port, body, headers, None),
        [port, body, headers, url, user] => (port, body, headers, Some((url, user))),
        _ => {
            return Err(io::Error::other(
                "usage: bare-axum PORT BODY-FILE HEADER-FILE [DATABASE-URL USER]",
            ));
        }
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
    let handler = match database {
        None => get(move || {
            let (headers, body) = (headers.clone(), body.clone());
            async move { (headers, body) }
        }),
        Some((url, user)) => {
            let pool = PgPoolOptions::new()
                .max_connections(16)
                .test_before_acquire(false)
                .connect(url)
                .await
                .map_err(io::Error::other)?;
            let user = user.clone();
            get(move || {
                let (headers, pool, user) = (headers.clone(), pool.clone(), user.clone());
                async move { (headers, read(&pool, &user).await) }
            })
        }
    };
    let router = Router::new().route("/users/{userId}/profile", handler);
    let port: u16 = port.parse().map_err(io::Error::other)?;
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    axum::serve(listener, router).await
}

async fn read(pool: &PgPool, user: &str) -> String {
    let row: (i64, i64, String) =
        sqlx::query_as("SELECT id, revision, body::text FROM profiles WHERE user_id = $1")
            .bind(user)
            .fetch_one(pool)
            .await
            .expect("the profile is there");
    row.2
}
