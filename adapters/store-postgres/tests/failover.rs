//! Connections that outlive what they were made for: a failover, a change of the schema, a process that vanished.

use std::time::Duration;

use sqlx::{Connection as _, Executor as _, PgConnection};
use tokio::time::{Instant, timeout};
use usher_domain::{
    ports::{Applied, Change, Expected, KeyStore as _, ProfileStore as _, StoreErrorKind},
    profile::Profile,
    usage::api_key::{ApiKey, ApiKeyHash, ApiKeyId},
    user_id::UserId,
};
use usher_store_postgres::{Pg, PgKeyStore, PgProfileStore, PgSettings};
use usher_testkit::{
    containers,
    proxy::{Proxy, Weather},
};

const TIMEOUT: Duration = Duration::from_secs(2);

async fn open(url: &str) -> Pg {
    let settings = PgSettings {
        url: url.to_owned(),
        migrate: true,
        timeout: TIMEOUT,
    };
    Pg::open(&settings).await.expect("a database")
}

fn key() -> ApiKey {
    ApiKey {
        id: ApiKeyId::new("key"),
        hash: ApiKeyHash::from_bytes([7; 32]),
        previous: None,
        name: "A".to_owned(),
        description: String::new(),
        enabled: true,
        plans: Vec::new(),
        created_at: None,
    }
}

/// A server that became a replica answers pings and reads as before. A write must find another connection, made
/// anew: the name leads to the new primary by then.
#[tokio::test]
async fn a_server_that_became_read_only_is_out_of_service_until_it_can_be_written() {
    let url = containers::postgres_database().await;
    let name = url.rsplit('/').next().unwrap().to_owned();
    let mut admin = PgConnection::connect(&url.replace(&name, "postgres"))
        .await
        .unwrap();
    let store = PgProfileStore::new(open(&url).await);
    let (alice, profile) = (
        UserId::parse("alice").unwrap(),
        Profile::from_stored_json(b"{}").unwrap(),
    );
    let put = || store.put(&alice, &profile, &Expected::Anything);
    let mut set = async |value: &str| {
        let statement =
            format!("ALTER DATABASE {name} SET default_transaction_read_only = {value}");
        admin.execute(sqlx::AssertSqlSafe(statement)).await.unwrap();
    };
    set("on").await;
    for _ in 0..3 {
        let error = put().await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{error:?}");
        assert_eq!(store.get(&alice).await.unwrap(), None);
    }
    set("off").await;
    // One connection may be left from before.
    if let Err(error) = put().await {
        assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{error:?}");
        put().await.unwrap();
    }
}

/// What the connections have prepared must not stop them when a newer program adds a column.
#[tokio::test]
async fn keys_are_read_while_a_newer_program_adds_a_column() {
    let url = containers::postgres_database().await;
    let keys = PgKeyStore::new(open(&url).await);
    let revision = keys.revision().await.unwrap();
    let put = [Change::PutKey(key())];
    assert!(matches!(
        keys.apply(&put, revision).await,
        Ok(Applied::Done(_))
    ));
    for addition in [
        "",
        "ALTER TABLE api_keys ADD COLUMN colour text DEFAULT 'red'",
    ] {
        let mut raw = PgConnection::connect(&url).await.unwrap();
        raw.execute(sqlx::AssertSqlSafe(addition)).await.unwrap();
        for _ in 0..3 {
            let found = keys.find(&ApiKeyHash::from_bytes([7; 32])).await;
            assert_eq!(found.unwrap(), Some(key()));
            assert_eq!(keys.key(&key().id).await.unwrap(), Some(key()));
        }
    }
}

/// A laptop that goes to sleep in the middle of `usher keys create` must not stop everybody else.
#[tokio::test]
async fn who_vanishes_in_the_middle_of_a_change_is_not_waited_for_for_long() {
    let url = containers::postgres_database().await;
    let others = PgKeyStore::new(open(&url).await);
    let (proxy, through) = Proxy::of(&url).await;
    let vanishing = PgKeyStore::new(open(&through).await);
    let revision = others.revision().await.unwrap();
    let put = [Change::PutKey(key())];
    // The row of the revision is locked, and nothing comes back that would let it go on.
    proxy.set(Weather::Mute("INSERT INTO api_keys"));
    let vanished = tokio::spawn({
        let put = put.clone();
        async move {
            let hangs = vanishing.apply(&put, revision);
            let _ = timeout(Duration::from_mins(1), hangs).await;
        }
    });
    while !proxy
        .take_sent()
        .iter()
        .any(|sent| sent.contains("INSERT INTO api_keys"))
    {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let began = Instant::now();
    let applied = loop {
        match others.apply(&put, revision).await {
            Ok(applied) => break applied,
            Err(_) => assert!(began.elapsed() < TIMEOUT * 5, "it is waited for still"),
        }
    };
    assert!(matches!(applied, Applied::Done(_)), "{applied:?}");
    vanished.abort();
}

/// Cancelled at any moment, a change leaves nothing open: what others do over the same connections later is done.
#[tokio::test]
async fn a_change_that_is_given_up_leaves_no_transaction_behind() {
    let url = containers::postgres_database().await;
    let (proxy, through) = Proxy::of(&url).await;
    let database = open(&through).await;
    let (keys, profiles) = (
        PgKeyStore::new(database.clone()),
        PgProfileStore::new(database),
    );
    let elsewhere = PgProfileStore::new(open(&url).await);
    let profile = Profile::from_stored_json(b"{}").unwrap();
    proxy.set(Weather::Slow(Duration::from_millis(10)));
    for number in 0..12 {
        let revision = keys.revision().await.unwrap();
        let put = [Change::PutKey(key())];
        // Each message takes 20 ms there and back: this ends in another one each time.
        let given_up = Duration::from_millis(5 + number * 10);
        let _ = timeout(given_up, keys.apply(&put, revision)).await;
        let id = UserId::parse(&format!("user-{number}")).unwrap();
        profiles
            .put(&id, &profile, &Expected::Anything)
            .await
            .unwrap();
        assert!(elsewhere.get(&id).await.unwrap().is_some(), "{number}");
    }
}

/// Whoever starts while another changes the schema, or vanished while doing so, has no reason to wait when there is
/// nothing to change.
#[tokio::test]
async fn a_schema_that_is_up_to_date_is_looked_at_without_a_lock() {
    let url = containers::postgres_database().await;
    open(&url).await;
    let (proxy, through) = Proxy::of(&url).await;
    open(&through).await;
    let sent = proxy.take_sent();
    assert!(sent.iter().any(|sent| sent.contains("_sqlx_migrations")));
    assert!(!sent.iter().any(|sent| sent.contains("advisory")));
}
