//! `DynamoDB` Local against the suites, a table of its own for each case.

mod support;

use std::sync::Arc;

use usher_domain::ports::{KeyStore, ProfileStore, UsageStore};
use usher_store_dynamodb::{DynamoKeyStore, DynamoProfileStore, DynamoUsageStore};
use usher_testkit::conformance::ControlStores;

async fn profiles() -> (Arc<dyn ProfileStore>, ()) {
    (
        Arc::new(DynamoProfileStore::new(support::fresh().await)),
        (),
    )
}

async fn usage() -> (Arc<dyn UsageStore>, ()) {
    let control = support::fresh_control().await;
    (Arc::new(DynamoUsageStore::new(control)), ())
}

async fn keys() -> (Arc<dyn KeyStore>, ()) {
    let control = support::fresh_control().await;
    (Arc::new(DynamoKeyStore::new(control)), ())
}

async fn control() -> (ControlStores, ()) {
    let control = support::fresh_control().await;
    let stores = ControlStores {
        keys: Arc::new(DynamoKeyStore::new(control.clone())),
        usage: Arc::new(DynamoUsageStore::new(control)),
    };
    (stores, ())
}

usher_testkit::profile_store_conformance!(profiles);
usher_testkit::concurrent_writers_conformance!(profiles);
usher_testkit::usage_store_conformance!(usage);
usher_testkit::key_store_conformance!(keys);
usher_testkit::control_plane_conformance!(control);
usher_testkit::key_import_conformance!(control);
