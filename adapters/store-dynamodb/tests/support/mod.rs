use std::time::Duration;

use usher_store_dynamodb::{Dynamo, DynamoSettings};
use usher_testkit::containers;

/// A new table.
pub(crate) async fn fresh() -> Dynamo {
    let settings = DynamoSettings {
        table: containers::unique_name("profiles"),
        region: Some("eu-west-1".to_owned()),
        endpoint: Some(containers::dynamodb().await),
        migrate: true,
        timeout: Duration::from_secs(30),
        consistent_reads: true,
    };
    Dynamo::open(&settings).await.expect("a table")
}
