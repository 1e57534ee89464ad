//! The memory stores against the suites.

#![allow(
    clippy::unused_async,
    reason = "the suites take async functions; other stores need them"
)]

use std::sync::Arc;

use usher_domain::ports::{KeyStore, ProfileStore, UsageStore};
use usher_store_memory::{MemoryKeyStore, MemoryProfileStore, MemoryUsageStore};
use usher_testkit::conformance::ControlStores;

async fn profiles() -> (Arc<dyn ProfileStore>, ()) {
    (Arc::new(MemoryProfileStore::new()), ())
}

async fn usage() -> (Arc<dyn UsageStore>, ()) {
    (Arc::new(MemoryUsageStore::new()), ())
}

async fn keys() -> (Arc<dyn KeyStore>, ()) {
    (Arc::new(MemoryKeyStore::new()), ())
}

async fn control() -> (ControlStores, ()) {
    let (keys, ()) = keys().await;
    let (usage, ()) = usage().await;
    (ControlStores { keys, usage }, ())
}

usher_testkit::profile_store_conformance!(profiles);
usher_testkit::concurrent_writers_conformance!(profiles);
usher_testkit::usage_store_conformance!(usage);
usher_testkit::key_store_conformance!(keys);
usher_testkit::control_plane_conformance!(control);
usher_testkit::key_import_conformance!(control);
