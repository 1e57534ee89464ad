//! `SQLite` against the suite, a file of its own for each case.

use std::{sync::Arc, time::Duration};

use tempfile::TempDir;
use usher_domain::ports::ProfileStore;
use usher_store_sqlite::{Sqlite, SqliteProfileStore, SqliteSettings};

async fn profiles() -> (Arc<dyn ProfileStore>, TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    let settings = SqliteSettings {
        path: folder.path().join("usher.db"),
        migrate: true,
        timeout: Duration::from_secs(30),
    };
    let database = Sqlite::open(&settings).await.expect("a database");
    (Arc::new(SqliteProfileStore::new(database)), folder)
}

usher_testkit::profile_store_conformance!(profiles);
usher_testkit::concurrent_writers_conformance!(profiles);
