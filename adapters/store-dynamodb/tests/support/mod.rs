use std::time::Duration;

use usher_store_dynamodb::{Dynamo, DynamoControl, DynamoSettings};
use usher_testkit::containers;

/// Tables that nobody else has, and that are not there yet.
pub(crate) async fn settings(migrate: bool) -> DynamoSettings {
    DynamoSettings {
        table: containers::unique_name("profiles"),
        control: containers::unique_name("control"),
        region: Some("eu-west-1".to_owned()),
        endpoint: Some(containers::dynamodb().await),
        migrate,
        timeout: Duration::from_secs(30),
        consistent_reads: true,
    }
}

/// A new table of profiles.
#[allow(dead_code, reason = "not every test binary needs it")]
pub(crate) async fn fresh() -> Dynamo {
    Dynamo::open(&settings(true).await).await.expect("a table")
}

/// A new control table.
#[allow(dead_code, reason = "not every test binary needs it")]
pub(crate) async fn fresh_control() -> DynamoControl {
    let settings = settings(true).await;
    DynamoControl::open(&settings).await.expect("a table")
}
