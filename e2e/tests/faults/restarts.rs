//! A database that is killed and started again while it is used.

use std::{sync::Arc, time::Duration};

use tokio::time::{Instant, sleep, timeout};
use usher_testkit::containers::OwnDatabase;

use super::{
    Bench,
    load::{CLIENTS, Load, Seen},
};

const KILLS: u32 = 3;

/// A container's start is not what is measured here.
const PATIENCE: Duration = Duration::from_mins(1);

/// The first answer after a start takes longer than others.
const PROBE: Duration = Duration::from_secs(3);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killing_postgres_under_load_loses_nothing_and_is_over_within_a_second() {
    let database = OwnDatabase::postgres().await;
    let url = format!("{}/postgres", database.url);
    let answers = async || {
        use sqlx::{Connection as _, Executor as _};
        let Ok(mut connection) = sqlx::PgConnection::connect(&url).await else {
            return false;
        };
        connection.execute("SELECT 1").await.is_ok()
    };
    until(&answers).await;
    let bench = Bench::over(&url).await;
    kill_under_load("Postgres", &database, bench, answers).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killing_dynamodb_under_load_loses_nothing_and_is_over_within_a_second() {
    let database = OwnDatabase::dynamodb().await;
    let endpoint = database.url.clone();
    let client = crate::support::deployment::client();
    let answers = async || {
        // It demands a signature, and does not look at it.
        let signature = "AWS4-HMAC-SHA256 Credential=any/20260101/eu-west-1/dynamodb/aws4_request, \
                         SignedHeaders=host, Signature=0";
        let tables = client.post(&endpoint).body("{}");
        let tables = tables
            .header("authorization", signature)
            .header("content-type", "application/x-amz-json-1.0")
            .header("x-amz-target", "DynamoDB_20120810.ListTables");
        tables
            .send()
            .await
            .is_ok_and(|answer| answer.status() == 200)
    };
    until(&answers).await;
    let url = format!("dynamodb://profiles?region=eu-west-1&endpoint={endpoint}");
    let bench = Bench::over(&url).await;
    kill_under_load("DynamoDB Local", &database, bench, answers).await;
}

async fn until(answers: &impl AsyncFn() -> bool) {
    let asked = async {
        // A start can take a connection and leave it at that.
        while !timeout(PROBE, answers()).await.unwrap_or(false) {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(PATIENCE, asked).await.expect("a database");
}

async fn kill_under_load(
    name: &str,
    database: &OwnDatabase,
    bench: Bench,
    answers: impl AsyncFn() -> bool,
) {
    let bench = Arc::new(bench);
    let mut load = Load::on(&bench);
    let mut back = Vec::new();
    for kill in 0..KILLS {
        let acknowledged = load.seen.borrow().acknowledged;
        // At another moment each time.
        let more = u64::from(300 + kill * 77);
        load.until(|seen| seen.acknowledged >= acknowledged + more)
            .await;
        let refused = load.seen.borrow().refused;
        database.kill9().await;
        load.until(|seen| seen.refused > refused).await;
        // What it was told up to a second ago, it may still say.
        let unready = async { while bench.readiness().await != 503 {} };
        let noticed = timeout(Duration::from_secs(2), unready).await;
        noticed.expect("a server that says it is not ready");
        database.start_again().await;
        until(&answers).await;
        back.push(Back::of(&bench, &mut load, &answers).await);
    }
    let seen = load.end().await;
    report(name, &seen, &back);
    assert!(seen.refused > 0, "it was noticed");
    for back in back {
        let all = [back.ready, back.first, back.everybody];
        // On a machine that is slow for the moment the database itself is.
        let most = Duration::from_secs(1) + back.direct;
        assert!(all.iter().all(|took| *took < most), "{back:?}");
    }
}

/// How long after the database everything was back.
#[derive(Debug)]
struct Back {
    /// `readyz` said so.
    ready: Duration,
    /// The first client was served.
    first: Duration,
    /// Each client was.
    everybody: Duration,
    /// As many had an answer that ask the database itself, over a connection of their own each.
    direct: Duration,
}

impl Back {
    /// From now, when the database has just answered.
    async fn of(bench: &Bench, load: &mut Load, answers: &impl AsyncFn() -> bool) -> Self {
        let database = Instant::now();
        let ready = async {
            while bench.readiness().await != 200 {
                sleep(Duration::from_millis(5)).await;
            }
            database.elapsed()
        };
        let served = async {
            let since = |at: &Option<Instant>| at.is_some_and(|at| at >= database);
            load.until(|seen| seen.served.iter().any(since)).await;
            let first = database.elapsed();
            load.until(|seen| seen.served.iter().all(since)).await;
            (first, database.elapsed())
        };
        let direct = async {
            for _ in 0..CLIENTS {
                until(answers).await;
            }
            database.elapsed()
        };
        let (ready, (first, everybody), direct) = tokio::join!(ready, served, direct);
        Self {
            ready,
            first,
            everybody,
            direct,
        }
    }
}

#[allow(
    clippy::print_stdout,
    reason = "the figures are what the test is run for"
)]
fn report(name: &str, seen: &Seen, back: &[Back]) {
    println!(
        "faults: {name} killed and started again {KILLS} times under load: {} writes acknowledged \
         and {} reads right, 0 lost, 0 wrong; {} answered 503 or 504, {} of them writes, of which \
         {} were done all the same; the slowest answer took {} ms",
        seen.acknowledged,
        seen.read,
        seen.refused,
        seen.doubtful,
        seen.done,
        seen.slowest.as_millis()
    );
    for Back {
        ready,
        first,
        everybody,
        direct,
    } in back
    {
        println!(
            "faults: {name} back: ready {} ms, first client {} ms and all clients {} ms after the \
             database; without Usher {} ms",
            ready.as_millis(),
            first.as_millis(),
            everybody.as_millis(),
            direct.as_millis()
        );
    }
}
