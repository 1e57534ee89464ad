//! A quota over crashes and restarts.
//!
//! A server takes calls of a quota from the store before it lets them in, a few at a time. So whoever
//! kills it loses some and wins none.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use tokio::{sync::Notify, task::JoinSet};
use usher_testkit::process::ServerProcess;

use super::{Bench, end, is_admitted, spend_the_quota};
use crate::{cases::limits::remaining, support::call::Caller};

const KEY: &str = "crashing-key-01234567890123456789";
const CLIENTS: u64 = 6;

/// A quota by the month, because a month's end is less likely to fall into a run than a day's.
fn plan(limit: u64) -> String {
    format!(
        r#"{{
            "id": "uvw0123",
            "throttle": {{"rateLimit": 100000, "burstLimit": 100000}},
            "quota": {{"limit": {limit}, "period": "MONTH"}},
            "apiStages": [{{"apiId": "api-id-123", "stage": "prod"}}]
        }}"#
    )
}

/// What clients were let in to, and what the store has counted.
struct Ledger {
    limit: u64,
    admitted: u64,
    /// Calls that the store counts and no client was let in to.
    lost: u64,
    worst: u64,
}

impl Ledger {
    const fn of(limit: u64) -> Self {
        Self {
            limit,
            admitted: 0,
            lost: 0,
            worst: 0,
        }
    }

    /// Makes the first call to a new server, whose answer tells what is left; returns how many calls
    /// the end of the last one has lost.
    async fn open(&mut self, alice: &Caller) -> u64 {
        let first = alice.get().await;
        is_admitted(&first);
        self.admitted += 1;
        let counted = self.limit - remaining(&first, "quota");
        assert!(
            counted >= self.admitted + self.lost,
            "{} were let in and {} lost, and {counted} are counted",
            self.admitted,
            self.lost
        );
        let lost = counted - self.admitted - self.lost;
        self.lost += lost;
        self.worst = self.worst.max(lost);
        lost
    }
}

/// Clients that call until nobody answers, or until they are refused.
struct Load {
    clients: JoinSet<u64>,
    enough: Arc<Notify>,
}

impl Load {
    /// `after` so many answers `until` returns.
    fn on(alice: &Caller, after: u64) -> Self {
        let (answered, enough) = (Arc::new(AtomicU64::new(0)), Arc::new(Notify::new()));
        let mut clients = JoinSet::new();
        for _ in 0..CLIENTS {
            let (alice, answered, enough) =
                (alice.clone(), Arc::clone(&answered), Arc::clone(&enough));
            clients.spawn(async move {
                let mut admitted = 0;
                loop {
                    let url = format!("{}{}", alice.address.base_url, alice.profile());
                    let call = alice.address.client.get(url).bearer_auth(&alice.token);
                    // The status is the answer: what is in the body may have been cut off.
                    match call.header("x-api-key", &alice.api_key).send().await {
                        Ok(answer) if answer.status() == 404 => admitted += 1,
                        Ok(answer) if answer.status() == 429 => return admitted,
                        Ok(answer) => panic!("{answer:?}"),
                        Err(_) => return admitted,
                    }
                    if answered.fetch_add(1, Ordering::SeqCst) + 1 == after {
                        enough.notify_one();
                    }
                }
            });
        }
        Self { clients, enough }
    }

    async fn until_enough(&mut self) {
        tokio::select! {
            () = self.enough.notified() => {}
            early = self.clients.join_next() => panic!("a client ended before the server: {early:?}"),
        }
    }

    /// How many calls were let in, when all clients have ended.
    async fn admitted(self) -> u64 {
        self.clients.join_all().await.into_iter().sum()
    }
}

/// So many calls may be on their way when a server is killed: let in, and not answered.
async fn kill(server: ServerProcess) {
    let ended = server.kill9().await.expect("it is killed");
    assert_eq!(ended.status.code(), None, "{}", ended.stderr);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_of_100_kill_9_loses_at_most_1_percent_of_a_quota_and_lets_nobody_in_beyond_it() {
    const LIMIT: u64 = 10_000;
    const CRASHES: u64 = 100;
    let bench = Bench::on_a_file(&plan(LIMIT), KEY);
    let mut ledger = Ledger::of(LIMIT);
    for round in 0..CRASHES {
        let server = bench.server().await;
        let alice = bench.caller(&server, KEY);
        let lost = ledger.open(&alice).await;
        assert!(lost <= LIMIT / 100, "{lost} in round {round}");
        let mut load = Load::on(&alice, 1 + round * 37 % 60);
        load.until_enough().await;
        kill(server).await;
        ledger.admitted += load.admitted().await;
    }
    let server = bench.server().await;
    let alice = bench.caller(&server, KEY);
    let lost = ledger.open(&alice).await;
    assert!(lost <= LIMIT / 100, "{lost} in the last round");
    // What is left is let in to the last call.
    let left = Load::on(&alice, u64::MAX).admitted().await;
    ledger.admitted += left;
    report(CRASHES, left, &ledger);
    assert_eq!(ledger.admitted + ledger.lost, LIMIT);
    assert!(left > 0, "the crashes were over before the quota was");
    alice.get().await.is_refused(429, "quota_exceeded");
    end(server).await;
}

#[allow(
    clippy::print_stdout,
    reason = "the figures are what the test is run for"
)]
fn report(crashes: u64, left: u64, ledger: &Ledger) {
    let Ledger {
        limit,
        admitted,
        lost,
        worst,
    } = ledger;
    println!(
        "quota: {crashes} times kill -9, {admitted} of {limit} let in, {left} of them at the end; {lost} \
         lost, at most {worst} at once"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sigterm_under_load_loses_not_one_call_of_a_quota() {
    let bench = Bench::on_a_file(&plan(10_000), KEY);
    let mut ledger = Ledger::of(10_000);
    for round in 0..10 {
        let server = bench.server().await;
        let alice = bench.caller(&server, KEY);
        assert_eq!(ledger.open(&alice).await, 0, "in round {round}");
        let mut load = Load::on(&alice, 100 + round * 37 % 60);
        load.until_enough().await;
        end(server).await;
        ledger.admitted += load.admitted().await;
    }
    let server = bench.server().await;
    let lost = ledger.open(&bench.caller(&server, KEY)).await;
    assert_eq!(lost, 0, "in the last round");
}

#[tokio::test]
async fn a_quota_that_is_used_up_stays_so_after_a_restart() {
    let bench = Bench::on_a_file(&plan(3), KEY);
    for round in 0..3 {
        let server = bench.server().await;
        let alice = bench.caller(&server, KEY);
        if round == 0 {
            for _ in 0..3 {
                is_admitted(&alice.get().await);
            }
        }
        alice.get().await.is_refused(429, "quota_exceeded");
        // However it ends.
        if round == 1 {
            kill(server).await;
        } else {
            end(server).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_64_clients_of_one_server_a_quota_of_2000_lets_in_exactly_2000() {
    for store in ["memory:", "sqlite:usher.db"] {
        let bench = Bench::on(store);
        bench.write("plans.json", &plan(2000));
        bench.write("keys.csv", &super::csv(&[(KEY, "uvw0123")]));
        let bench = bench.with_files();
        let server = bench.server().await;
        let alice = bench.caller(&server, KEY);
        let admitted = spend_the_quota(std::iter::repeat_n(alice, 64)).await;
        assert_eq!(admitted, 2000, "{store}");
        end(server).await;
    }
}
