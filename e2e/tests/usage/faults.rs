//! Plans, keys and quotas in a database, and what callers see while the way to it is not what it should be.
//!
//! Profiles are in memory here: what fails, fails because of usage.

use std::{path::Path, sync::Arc, time::Duration};

use tokio::{task::JoinSet, time::Instant};
use usher_testkit::{
    process::ServerProcess,
    proxy::{Proxy, Weather},
};

use super::{Bench, csv, end, is_admitted};
use crate::{
    faults::proxied,
    support::{Store, call::Caller},
};

const KEY: &str = "faults-key-0123456789012345678901234";
const STORE: Duration = Duration::from_secs(1);
const SLACK: Duration = Duration::from_secs(1);

struct Behind {
    bench: Bench,
    server: ServerProcess,
    proxy: Arc<Proxy>,
    store: (Store, String),
}

/// A server whose usage is behind a proxy, with one key of this plan.
async fn behind_a_proxy(kind: Store, limits: &str) -> Behind {
    let url = kind.fresh(Path::new("")).await;
    let (proxy, through) = proxied(&url).await;
    let bench = Bench::on("memory:")
        .with("USHER_USAGE__STORE", &through)
        .with("USHER_STORE__TIMEOUT", &format!("{}ms", STORE.as_millis()));
    let plan = format!(
        r#"{{"id": "uvw0123", {limits}, "apiStages": [{{"apiId": "api-id-123", "stage": "prod"}}]}}"#
    );
    bench.write("plans.json", &plan);
    bench.write("keys.csv", &csv(&[(KEY, "uvw0123")]));
    let bench = bench.with_files();
    let server = bench.server().await;
    let store = (kind, url);
    Behind {
        bench,
        server,
        proxy: Arc::new(proxy),
        store,
    }
}

impl Behind {
    fn caller(&self) -> Caller {
        self.bench.caller(&self.server, KEY)
    }

    async fn end(self) {
        self.proxy.set(Weather::Fair);
        end(self.server).await;
        self.store.0.discard(&self.store.1).await;
    }
}

/// Calls until nothing is wrong any more, a second at most.
async fn is_over(caller: &Caller) {
    let back = Instant::now();
    loop {
        let answer = caller.get().await;
        if answer.status == 404 {
            return;
        }
        assert!(back.elapsed() < Duration::from_secs(1) + SLACK, "{answer}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

macro_rules! over_each_database {
    ($($case:ident),* $(,)?) => {
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                super::$case(crate::support::Store::Postgres).await;
            })*
        }

        mod dynamodb {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                super::$case(crate::support::Store::Dynamodb).await;
            })*
        }
    };
}

over_each_database! {
    a_quota_is_503_once_what_is_held_is_spent,
    in_a_storm_nobody_gets_more_than_the_quota,
}

async fn a_quota_is_503_once_what_is_held_is_spent(kind: Store) {
    let quota = r#""quota": {"limit": 1000000, "period": "MONTH"}"#;
    let behind = behind_a_proxy(kind, quota).await;
    let caller = behind.caller();
    for weather in [Weather::Down, Weather::Stalled] {
        is_admitted(&caller.get().await);
        behind.proxy.set(weather);
        let gone = Instant::now();
        loop {
            let began = Instant::now();
            let answer = caller.get().await;
            assert!(began.elapsed() < STORE + SLACK, "{answer}");
            if answer.status == 503 {
                assert_eq!(answer.header("retry-after"), Some("1"));
                break;
            }
            is_admitted(&answer);
            assert!(gone.elapsed() < Duration::from_secs(30), "a lease lasts");
        }
        behind.proxy.set(Weather::Fair);
        is_over(&caller).await;
    }
    behind.end().await;
}

/// Connections are cut under load, and answers are lost with them: a take of unknown outcome counts as spent, so
/// that fewer may be let in than the quota, and never one more.
#[allow(
    clippy::print_stdout,
    reason = "how much was lost is what a reader of the run wants to know"
)]
async fn in_a_storm_nobody_gets_more_than_the_quota(kind: Store) {
    const LIMIT: u32 = 3000;
    let quota = format!(r#""quota": {{"limit": {LIMIT}, "period": "MONTH"}}"#);
    let behind = behind_a_proxy(kind, &quota).await;
    let mut calling = JoinSet::new();
    for _ in 0..16 {
        let caller = behind.caller();
        calling.spawn(async move {
            let (mut admitted, mut unavailable) = (0_u32, 0_u32);
            loop {
                let answer = caller.get().await;
                match answer.status {
                    404 => admitted += 1,
                    503 => {
                        unavailable += 1;
                        tokio::time::sleep(Duration::from_millis(10)).await;
                    }
                    _ => {
                        answer.is_refused(429, "quota_exceeded");
                        return (admitted, unavailable);
                    }
                }
            }
        });
    }
    let storm = tokio::spawn({
        let proxy = Arc::clone(&behind.proxy);
        async move {
            for lose in [Proxy::cut, Proxy::reset, Proxy::forget]
                .into_iter()
                .cycle()
            {
                // Sixteen logins to PostgreSQL at once take a tenth of a second.
                tokio::time::sleep(Duration::from_millis(300)).await;
                lose(&proxy);
            }
        }
    });
    let told = calling.join_all().await;
    storm.abort();
    let admitted: u32 = told.iter().map(|(admitted, _)| admitted).sum();
    let unavailable: u32 = told.iter().map(|(_, unavailable)| unavailable).sum();
    println!("{LIMIT} of the quota: {admitted} let in, {unavailable} answers 503");
    assert!(admitted <= LIMIT, "{admitted}");
    assert!(admitted >= LIMIT / 2, "{admitted}: most of it is not lost");
    behind.end().await;
}
