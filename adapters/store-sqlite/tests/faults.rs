//! What only a database file can do wrong.

use std::{path::Path, time::Duration};

use sqlx::{ConnectOptions as _, Executor as _, SqliteConnection, sqlite::SqliteConnectOptions};
use usher_domain::{
    ports::{Expected, ProfileStore as _, StoreErrorKind},
    profile::Profile,
    user_id::UserId,
};
use usher_store_sqlite::{Sqlite, SqliteProfileStore, SqliteSettings};

fn settings(path: &Path, migrate: bool) -> SqliteSettings {
    SqliteSettings {
        path: path.to_owned(),
        migrate,
        timeout: Duration::from_secs(5),
    }
}

async fn raw(path: &Path) -> SqliteConnection {
    SqliteConnectOptions::new()
        .filename(path)
        .connect()
        .await
        .expect("a connection")
}

#[tokio::test]
async fn a_row_that_does_not_parse_is_reported_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("usher.db");
    let store = SqliteProfileStore::new(Sqlite::open(&settings(&path, true)).await.unwrap());
    let (alice, profile) = (
        UserId::parse("alice").unwrap(),
        Profile::from_stored_json(b"{}").unwrap(),
    );
    store
        .put(&alice, &profile, &Expected::Anything)
        .await
        .unwrap();
    for broken in ["{\"secret\":", "[]", "{\"_x\":1}"] {
        raw(&path)
            .await
            .execute(sqlx::query("UPDATE profiles SET body = ?").bind(broken))
            .await
            .unwrap();
        let error = store.get(&alice).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Corrupt);
        assert_eq!(
            error.to_string(),
            "SQLite: table profiles, column body, row id 1"
        );
    }
}

#[tokio::test]
async fn an_older_schema_stops_the_start_and_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("usher.db");
    let error = Sqlite::open(&settings(&path, false)).await.unwrap_err();
    assert_eq!(
        error.kind(),
        StoreErrorKind::Unavailable,
        "no file is made for a mistyped path"
    );
    std::fs::write(&path, "").unwrap();
    let error = Sqlite::open(&settings(&path, false))
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains("usher migrate"), "{error}");
    Sqlite::open(&settings(&path, true)).await.unwrap();
    Sqlite::open(&settings(&path, false)).await.unwrap();
}

#[tokio::test]
async fn a_newer_schema_stops_the_start_with_and_without_migration() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("usher.db");
    Sqlite::open(&settings(&path, true)).await.unwrap();
    let newer = "INSERT INTO _sqlx_migrations (version, description, success, checksum, \
                 execution_time) VALUES (99, 'later', true, x'00', 0)";
    raw(&path).await.execute(newer).await.unwrap();
    for migrate in [true, false] {
        let error = Sqlite::open(&settings(&path, migrate))
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
async fn a_file_that_cannot_be_opened_is_out_of_reach() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("missing").join("usher.db");
    let error = Sqlite::open(&settings(&path, true)).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unavailable);
}

#[tokio::test]
async fn a_file_that_is_no_database_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("usher.db");
    std::fs::write(
        &path,
        "somebody else's file, long enough to have a header of its own".repeat(20),
    )
    .unwrap();
    let before = std::fs::read(&path).unwrap();
    let error = Sqlite::open(&settings(&path, true)).await.unwrap_err();
    assert!(!error.is_transient(), "{error:?}");
    assert_eq!(std::fs::read(&path).unwrap(), before);
}
