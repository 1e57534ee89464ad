//! `PostgreSQL` against the suite, a database of its own for each case.

mod support;

use std::sync::Arc;

use usher_domain::ports::ProfileStore;
use usher_store_postgres::PgProfileStore;

async fn profiles() -> (Arc<dyn ProfileStore>, ()) {
    (Arc::new(PgProfileStore::new(support::fresh().await)), ())
}

usher_testkit::profile_store_conformance!(profiles);
usher_testkit::concurrent_writers_conformance!(profiles);
