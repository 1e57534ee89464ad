use std::time::Duration;

use usher_store_postgres::{Pg, PgSettings};
use usher_testkit::containers;

/// A new database with the schema in it.
pub(crate) async fn fresh() -> Pg {
    let settings = PgSettings {
        url: containers::postgres_database().await,
        migrate: true,
        timeout: Duration::from_secs(30),
    };
    Pg::open(&settings).await.expect("a database")
}
