//! `SQLite` against the suites, a file of its own for each case.

use std::{sync::Arc, time::Duration};

use tempfile::TempDir;
use usher_domain::ports::{KeyStore, ProfileStore, UsageStore};
use usher_store_sqlite::{
    Sqlite, SqliteKeyStore, SqliteProfileStore, SqliteSettings, SqliteUsageStore,
};
use usher_testkit::conformance::ControlStores;

async fn fresh() -> (Sqlite, TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    let settings = SqliteSettings {
        path: folder.path().join("usher.db"),
        migrate: true,
        timeout: Duration::from_secs(30),
    };
    let database = Sqlite::open(&settings).await.expect("a database");
    (database, folder)
}

async fn profiles() -> (Arc<dyn ProfileStore>, TempDir) {
    let (database, folder) = fresh().await;
    (Arc::new(SqliteProfileStore::new(database)), folder)
}

async fn usage() -> (Arc<dyn UsageStore>, TempDir) {
    let (database, folder) = fresh().await;
    (Arc::new(SqliteUsageStore::new(database)), folder)
}

async fn keys() -> (Arc<dyn KeyStore>, TempDir) {
    let (database, folder) = fresh().await;
    (Arc::new(SqliteKeyStore::new(database)), folder)
}

async fn control() -> (ControlStores, TempDir) {
    let (database, folder) = fresh().await;
    let stores = ControlStores {
        keys: Arc::new(SqliteKeyStore::new(database.clone())),
        usage: Arc::new(SqliteUsageStore::new(database)),
    };
    (stores, folder)
}

usher_testkit::profile_store_conformance!(profiles);
usher_testkit::concurrent_writers_conformance!(profiles);
usher_testkit::usage_store_conformance!(usage);
usher_testkit::key_store_conformance!(keys);
usher_testkit::control_plane_conformance!(control);
usher_testkit::key_import_conformance!(control);
