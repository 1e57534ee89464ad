//! The memory stores against the suites.

#![allow(
    clippy::unused_async,
    reason = "the suites take async functions; other stores need them"
)]

use std::sync::Arc;

use usher_domain::ports::{ProfileStore, UsageStore};
use usher_store_memory::{MemoryProfileStore, MemoryUsageStore};

async fn profiles() -> (Arc<dyn ProfileStore>, ()) {
    (Arc::new(MemoryProfileStore::new()), ())
}

async fn usage() -> (Arc<dyn UsageStore>, ()) {
    (Arc::new(MemoryUsageStore::new()), ())
}

usher_testkit::profile_store_conformance!(profiles);
usher_testkit::concurrent_writers_conformance!(profiles);
usher_testkit::usage_store_conformance!(usage);
