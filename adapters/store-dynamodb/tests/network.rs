//! What becomes of calls when the network between a program and `DynamoDB` fails.

use std::{sync::Arc, time::Duration};

use tokio::{task::JoinSet, time::Instant};
use usher_domain::{
    ports::{Expected, ProfileStore as _, StoreErrorKind},
    profile::Profile,
    user_id::UserId,
};
use usher_store_dynamodb::{Dynamo, DynamoProfileStore, DynamoSettings};
use usher_testkit::{
    containers,
    proxy::{Proxy, Sent, Weather},
};

/// What a call may take.
const TIMEOUT: Duration = Duration::from_secs(2);
const MANY: usize = 40;

struct Bench {
    proxy: Proxy,
    store: Arc<DynamoProfileStore>,
    alice: UserId,
}

impl Bench {
    /// A store behind a proxy, with a profile of Alice in it.
    async fn new() -> Self {
        let (proxy, endpoint) = Proxy::of(&containers::dynamodb().await).await;
        let settings = DynamoSettings {
            table: containers::unique_name("profiles"),
            control: containers::unique_name("control"),
            region: Some("eu-west-1".to_owned()),
            endpoint: Some(endpoint),
            migrate: true,
            timeout: TIMEOUT,
            consistent_reads: true,
        };
        let dynamo = Dynamo::open(&settings).await.unwrap();
        let bench = Self {
            proxy,
            store: Arc::new(DynamoProfileStore::new(dynamo)),
            alice: UserId::parse("alice").unwrap(),
        };
        bench.put().await.unwrap();
        bench
    }

    async fn put(&self) -> Result<(), StoreErrorKind> {
        let profile = Profile::from_stored_json(b"{}").unwrap();
        let put = self.store.put(&self.alice, &profile, &Expected::Anything);
        put.await.map(drop).map_err(|error| error.kind())
    }

    async fn get(&self) -> Result<(), StoreErrorKind> {
        let found = self.store.get(&self.alice).await;
        let found = found.map(|found| assert!(found.is_some()));
        found.map_err(|error| error.kind())
    }

    /// So many reads at once; how many were answered.
    async fn reads(&self, count: usize) -> usize {
        let mut reads = JoinSet::new();
        for _ in 0..count {
            let (store, alice) = (Arc::clone(&self.store), self.alice.clone());
            reads.spawn(async move { store.get(&alice).await.is_ok() });
        }
        reads.join_all().await.into_iter().filter(|ok| *ok).count()
    }

    /// Opens many connections.
    async fn warm(&self) {
        self.proxy.set(Weather::Slow(Duration::from_millis(50)));
        assert_eq!(self.reads(MANY).await, MANY);
        self.proxy.set(Weather::Fair);
        assert!(self.proxy.open() > MANY / 2);
    }
}

fn requests(sent: &[Sent]) -> usize {
    let is_start = |window: &&[u8]| *window == b"POST / HTTP/1.1\r\n";
    let starts = |sent: &Sent| sent.bytes.windows(17).filter(is_start).count();
    sent.iter().map(starts).sum()
}

#[tokio::test]
async fn a_call_is_one_request() {
    let bench = Bench::new().await;
    bench.proxy.take_sent();
    for _ in 0..10 {
        bench.get().await.unwrap();
    }
    assert_eq!(requests(&bench.proxy.take_sent()), 10);
    for _ in 0..10 {
        bench.put().await.unwrap();
    }
    assert_eq!(requests(&bench.proxy.take_sent()), 10);
    assert_eq!(bench.proxy.connections(), 1);
}

#[tokio::test]
async fn connections_that_were_closed_are_in_nobodys_way() {
    for rude in [false, true] {
        let bench = Bench::new().await;
        bench.warm().await;
        if rude {
            bench.proxy.reset();
        } else {
            bench.proxy.cut();
        }
        // The client is told of each, in its own time.
        tokio::time::sleep(Duration::from_millis(100)).await;
        for _ in 0..20 {
            bench.put().await.unwrap();
        }
    }
}

#[tokio::test]
async fn connections_that_were_forgotten_go_together() {
    let bench = Bench::new().await;
    bench.warm().await;
    bench.proxy.forget();
    let began = Instant::now();
    let first = tokio::spawn({
        let (store, alice) = (Arc::clone(&bench.store), bench.alice.clone());
        async move { store.get(&alice).await.is_ok() }
    });
    // The first is late, and spares the others that.
    tokio::time::sleep(TIMEOUT / 4 + Duration::from_millis(100)).await;
    assert_eq!(bench.reads(MANY).await, MANY);
    bench.put().await.unwrap();
    assert!(
        began.elapsed() < TIMEOUT / 2 + TIMEOUT / 4,
        "{:?}",
        began.elapsed()
    );
    assert!(!first.await.unwrap(), "it has waited to its end");
    assert!(
        began.elapsed() < TIMEOUT + TIMEOUT / 4,
        "{:?}",
        began.elapsed()
    );
}

#[tokio::test]
async fn a_call_that_was_given_up_takes_its_connection_with_it() {
    let bench = Bench::new().await;
    bench.proxy.set(Weather::Mute(""));
    bench.proxy.take_sent();
    assert_eq!(bench.put().await, Err(StoreErrorKind::Unavailable));
    assert_eq!(
        requests(&bench.proxy.take_sent()),
        1,
        "the SDK sends nothing again"
    );
    bench.proxy.set(Weather::Fair);
    bench.put().await.unwrap();
    let closed = async {
        while bench.proxy.open() > 1 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let closed = tokio::time::timeout(TIMEOUT, closed).await;
    assert!(closed.is_ok(), "{} are open", bench.proxy.open());
}

#[tokio::test]
async fn a_stalled_database_is_unavailable_in_time_and_back_at_once() {
    let bench = Bench::new().await;
    bench.warm().await;
    bench.proxy.set(Weather::Stalled);
    let began = Instant::now();
    assert_eq!(bench.reads(MANY).await, 0);
    assert_eq!(bench.put().await, Err(StoreErrorKind::Unavailable));
    assert!(
        began.elapsed() < 2 * TIMEOUT + TIMEOUT / 2,
        "{:?}",
        began.elapsed()
    );
    bench.proxy.set(Weather::Fair);
    let back = Instant::now();
    assert_eq!(bench.reads(MANY).await, MANY);
    assert!(back.elapsed() < TIMEOUT / 2, "{:?}", back.elapsed());
}

#[tokio::test]
async fn a_database_that_is_away_is_unavailable_at_once_and_back_at_once() {
    let bench = Bench::new().await;
    bench.warm().await;
    bench.proxy.set(Weather::Down);
    let began = Instant::now();
    for _ in 0..20 {
        assert_eq!(bench.get().await, Err(StoreErrorKind::Unavailable));
        assert_eq!(bench.put().await, Err(StoreErrorKind::Unavailable));
    }
    assert!(began.elapsed() < TIMEOUT, "{:?}", began.elapsed());
    bench.proxy.set(Weather::Fair);
    bench.put().await.unwrap();
    bench.get().await.unwrap();
}
