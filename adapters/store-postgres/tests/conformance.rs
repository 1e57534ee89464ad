//! `PostgreSQL` against the suites, a database of its own for each case.

mod support;

use std::sync::Arc;

use usher_domain::ports::{KeyStore, ProfileStore, UsageStore};
use usher_store_postgres::{PgKeyStore, PgProfileStore, PgUsageStore};
use usher_testkit::conformance::ControlStores;

async fn profiles() -> (Arc<dyn ProfileStore>, ()) {
    (Arc::new(PgProfileStore::new(support::fresh().await)), ())
}

async fn usage() -> (Arc<dyn UsageStore>, ()) {
    (Arc::new(PgUsageStore::new(support::fresh().await)), ())
}

async fn keys() -> (Arc<dyn KeyStore>, ()) {
    (Arc::new(PgKeyStore::new(support::fresh().await)), ())
}

async fn control() -> (ControlStores, ()) {
    let database = support::fresh().await;
    let stores = ControlStores {
        keys: Arc::new(PgKeyStore::new(database.clone())),
        usage: Arc::new(PgUsageStore::new(database)),
    };
    (stores, ())
}

usher_testkit::profile_store_conformance!(profiles);
usher_testkit::concurrent_writers_conformance!(profiles);
usher_testkit::usage_store_conformance!(usage);
usher_testkit::key_store_conformance!(keys);
usher_testkit::control_plane_conformance!(control);
usher_testkit::key_import_conformance!(control);
