//! `DynamoDB` Local against the suite, a table of its own for each case.

mod support;

use std::sync::Arc;

use usher_domain::ports::ProfileStore;
use usher_store_dynamodb::DynamoProfileStore;

async fn profiles() -> (Arc<dyn ProfileStore>, ()) {
    (
        Arc::new(DynamoProfileStore::new(support::fresh().await)),
        (),
    )
}

usher_testkit::profile_store_conformance!(profiles);
usher_testkit::concurrent_writers_conformance!(profiles);
