//! What only a database server can do wrong.

use std::time::Duration;

use sqlx::{Connection as _, Executor as _, PgConnection};
use usher_domain::{
    ports::{Expected, ProfileStore as _, StoreErrorKind},
    profile::Profile,
    user_id::UserId,
};
use usher_store_postgres::{Pg, PgProfileStore, PgSettings};
use usher_testkit::containers;

fn settings(url: &str, migrate: bool) -> PgSettings {
    PgSettings {
        url: url.to_owned(),
        migrate,
        timeout: Duration::from_secs(10),
    }
}

#[tokio::test]
async fn a_row_that_does_not_parse_is_reported_with_its_place() {
    let url = containers::postgres_database().await;
    let store = PgProfileStore::new(Pg::open(&settings(&url, true)).await.unwrap());
    let mut raw = PgConnection::connect(&url).await.unwrap();
    for (index, broken) in ["[]", "{\"_x\": 1}", "{\"n\": 1e200}"]
        .into_iter()
        .enumerate()
    {
        let id = format!("user-{index}");
        raw.execute(
            sqlx::query("INSERT INTO profiles (user_id, body) VALUES ($1, $2::jsonb)")
                .bind(&id)
                .bind(broken),
        )
        .await
        .unwrap();
        let error = store.get(&UserId::parse(&id).unwrap()).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Corrupt);
        let place = format!(
            "Postgres: table profiles, column body, row id {}",
            index + 1
        );
        assert_eq!(error.to_string(), place);
    }
}

#[tokio::test]
async fn a_profile_that_sql_wrote_is_read_in_canonical_form() {
    let url = containers::postgres_database().await;
    let store = PgProfileStore::new(Pg::open(&settings(&url, true)).await.unwrap());
    let mut raw = PgConnection::connect(&url).await.unwrap();
    let insert = "INSERT INTO profiles (user_id, body) \
                  VALUES ('alice', '{\"b\": 1.50, \"a\": 100.0, \"userId\": \"x\"}')";
    raw.execute(insert).await.unwrap();
    let stored = store
        .get(&UserId::parse("alice").unwrap())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(stored.profile.as_json(), r#"{"a":100,"b":1.5}"#);
}

#[tokio::test]
async fn an_older_schema_stops_the_start_and_says_what_to_do() {
    let url = containers::postgres_database().await;
    let error = Pg::open(&settings(&url, false))
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains("usher migrate"), "{error}");
    Pg::open(&settings(&url, true)).await.unwrap();
    Pg::open(&settings(&url, false)).await.unwrap();
}

#[tokio::test]
async fn a_newer_schema_stops_the_start_with_and_without_migration() {
    let url = containers::postgres_database().await;
    Pg::open(&settings(&url, true)).await.unwrap();
    let newer = "INSERT INTO _sqlx_migrations (version, description, success, checksum, \
                 execution_time) VALUES (99, 'later', true, '\\x00', 0)";
    PgConnection::connect(&url)
        .await
        .unwrap()
        .execute(newer)
        .await
        .unwrap();
    for migrate in [true, false] {
        let error = Pg::open(&settings(&url, migrate))
            .await
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("newer") || error.contains("use the program that made it"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn several_processes_may_migrate_at_once() {
    let url = containers::postgres_database().await;
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let settings = settings(&url, true);
            tokio::spawn(async move { Pg::open(&settings).await.map(drop) })
        })
        .collect();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn a_lost_connection_is_transient_and_the_next_call_works() {
    let url = containers::postgres_database().await;
    let database = Pg::open(&settings(&url, true)).await.unwrap();
    let store = PgProfileStore::new(database);
    let (alice, profile) = (
        UserId::parse("alice").unwrap(),
        Profile::from_stored_json(b"{}").unwrap(),
    );
    store
        .put(&alice, &profile, &Expected::Anything)
        .await
        .unwrap();
    let name = url.rsplit('/').next().unwrap().to_owned();
    let mut raw = PgConnection::connect(&url.replace(&name, "postgres"))
        .await
        .unwrap();
    raw.execute(
        sqlx::query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1")
            .bind(&name),
    )
    .await
    .unwrap();
    // Either the pool notices and connects again, or the one call that finds out says so.
    if let Err(error) = store.get(&alice).await {
        assert!(error.is_transient(), "{error:?}");
    }
    assert!(store.get(&alice).await.unwrap().is_some());
}

#[tokio::test]
async fn a_server_out_of_reach_is_transient_and_its_password_is_not_shown() {
    // Port 1 is not listened on.
    let settings = PgSettings {
        timeout: Duration::from_millis(500),
        ..settings("postgres://usher:hunter2@127.0.0.1:1/usher", true)
    };
    let error = Pg::open(&settings).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unavailable);
    assert!(!format!("{error:?} {settings:?}").contains("hunter2"));
    let error = Pg::open(&PgSettings {
        url: "postgres://u:hunter2@[".to_owned(),
        ..settings
    })
    .await;
    assert!(!format!("{error:?}").contains("hunter2"));
}
