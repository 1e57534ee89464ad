//! The fakes against the suites that every store is held to.

#![allow(
    clippy::unused_async,
    reason = "the suites take async functions; other stores need them"
)]

use std::sync::Arc;

use usher_domain::ports::{ProfileStore, UsageStore};
use usher_testkit::fakes::{FakeProfileStore, FakeUsageStore};

async fn profiles() -> (Arc<dyn ProfileStore>, ()) {
    (Arc::new(FakeProfileStore::new()), ())
}

async fn usage() -> (Arc<dyn UsageStore>, ()) {
    (Arc::new(FakeUsageStore::new()), ())
}

usher_testkit::profile_store_conformance!(profiles);
usher_testkit::concurrent_writers_conformance!(profiles);
usher_testkit::usage_store_conformance!(usage);
