//! What becomes of calls when the network between a program and its database fails.

use std::{sync::Arc, time::Duration};

use tokio::{task::JoinSet, time::Instant};
use usher_domain::{
    ports::{Expected, ProfileStore as _, StoreErrorKind},
    profile::Profile,
    user_id::UserId,
};
use usher_store_postgres::{Pg, PgProfileStore, PgSettings};
use usher_testkit::{
    containers,
    proxy::{Proxy, Sent, Weather},
};

/// What a call may take.
const TIMEOUT: Duration = Duration::from_secs(4);
/// More than all connections.
const MANY: usize = 40;

struct Bench {
    proxy: Proxy,
    store: Arc<PgProfileStore>,
    alice: UserId,
}

impl Bench {
    /// A store behind a proxy, with a profile of Alice in it, and no connection open.
    async fn new() -> Self {
        let (proxy, url) = Proxy::of(&containers::postgres_database().await).await;
        let settings = PgSettings {
            url,
            migrate: true,
            timeout: TIMEOUT,
        };
        let bench = Self {
            proxy,
            store: Arc::new(PgProfileStore::new(Pg::open(&settings).await.unwrap())),
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
        found
            .map(|found| assert!(found.is_some()))
            .map_err(|error| error.kind())
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

    /// Opens as many connections as there may be.
    async fn warm(&self) {
        self.proxy.set(Weather::Slow(Duration::from_millis(5)));
        // A login takes its time, and sixteen at once take theirs.
        while self.reads(MANY).await < MANY || self.proxy.open() < 16 {}
        self.proxy.set(Weather::Fair);
    }
}

/// How often the client waited for an answer: each `Sync` and each simple `Query` is answered by one
/// `ReadyForQuery`. Of the protocol's messages, each has a letter and its length.
fn round_trips(sent: &[Sent]) -> usize {
    let messages = |mut bytes: &[u8]| {
        let mut waits = 0;
        while let [kind, a, b, c, d, ..] = *bytes {
            let length = u32::from_be_bytes([a, b, c, d]) as usize;
            waits += usize::from(kind == b'S' || kind == b'Q');
            bytes = &bytes[1 + length..];
        }
        waits
    };
    sent.iter().map(|sent| messages(&sent.bytes)).sum()
}

#[tokio::test]
async fn a_call_on_a_warm_connection_is_one_round_trip() {
    let bench = Bench::new().await;
    bench.get().await.unwrap();
    bench.proxy.take_sent();
    for _ in 0..10 {
        bench.get().await.unwrap();
    }
    assert_eq!(round_trips(&bench.proxy.take_sent()), 10);
    for _ in 0..10 {
        bench.put().await.unwrap();
    }
    assert_eq!(round_trips(&bench.proxy.take_sent()), 10);
}

#[tokio::test]
async fn one_call_that_finds_out_is_enough_for_all_lost_connections() {
    for rude in [false, true] {
        let bench = Bench::new().await;
        bench.warm().await;
        if rude {
            bench.proxy.reset();
        } else {
            bench.proxy.cut();
        }
        assert_eq!(bench.get().await, Err(StoreErrorKind::Unavailable));
        for _ in 0..20 {
            bench.put().await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_write_after_a_pause_does_not_meet_a_connection_that_was_closed_meanwhile() {
    let bench = Bench::new().await;
    bench.warm().await;
    bench.proxy.cut();
    // As long as it takes to be a pause.
    tokio::time::sleep(Duration::from_millis(600)).await;
    bench.proxy.take_sent();
    bench.put().await.unwrap();
    let sent = bench.proxy.take_sent();
    let writes = sent.iter().filter(|sent| sent.contains("INSERT INTO"));
    assert_eq!(writes.count(), 1);
}

#[tokio::test]
async fn connections_that_were_forgotten_are_in_nobodys_way() {
    let bench = Bench::new().await;
    bench.warm().await;
    bench.proxy.forget();
    let began = Instant::now();
    let first = tokio::spawn({
        let (store, alice) = (Arc::clone(&bench.store), bench.alice.clone());
        async move { store.get(&alice).await.is_ok() }
    });
    // The first is late, and makes the others look before they leap.
    tokio::time::sleep(TIMEOUT / 4 + Duration::from_millis(100)).await;
    assert_eq!(bench.reads(MANY).await, MANY);
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
async fn calls_that_were_given_up_take_no_connections_with_them() {
    let bench = Bench::new().await;
    bench.warm().await;
    bench.proxy.forget();
    let began = Instant::now();
    // All connections are out, and nobody will ever answer.
    assert!(bench.reads(16).await < 16);
    assert_eq!(bench.reads(MANY).await, MANY);
    assert!(
        began.elapsed() < TIMEOUT + TIMEOUT / 2,
        "{:?}",
        began.elapsed()
    );
}

#[tokio::test]
async fn callers_who_go_away_cost_no_connection() {
    let bench = Bench::new().await;
    bench.warm().await;
    bench.proxy.set(Weather::Slow(Duration::from_millis(20)));
    let opened = bench.proxy.connections();
    for _ in 0..20 {
        let gone = tokio::time::timeout(Duration::from_millis(10), bench.get()).await;
        assert!(gone.is_err());
    }
    bench.proxy.set(Weather::Fair);
    assert_eq!(bench.reads(MANY).await, MANY);
    assert_eq!(bench.proxy.connections(), opened);
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

#[tokio::test]
async fn a_connection_that_nobody_answers_is_made_a_second_time() {
    let bench = Bench::new().await;
    bench.proxy.cut();
    assert_eq!(bench.get().await, Err(StoreErrorKind::Unavailable));
    bench.proxy.set(Weather::Stalled);
    let opened = bench.proxy.connections();
    let began = Instant::now();
    let get = bench.get();
    let lost = async {
        while bench.proxy.connections() == opened {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        bench.proxy.forget();
        bench.proxy.set(Weather::Fair);
    };
    let (got, ()) = tokio::join!(get, lost);
    assert_eq!(got, Ok(()));
    assert!(began.elapsed() < TIMEOUT / 2, "{:?}", began.elapsed());
}
