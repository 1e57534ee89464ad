//! Usage in a store of its own, and several servers on one.

use std::path::Path;

use super::{Bench, csv, end, is_admitted, is_refused, opens, spend_the_quota, within_5_seconds};
use crate::{cases::limits::remaining, support::Store};

const KEY: &str = "elsewhere-key-01234567890123456789";

fn plan(limit: u64) -> String {
    format!(
        r#"{{
            "id": "uvw0123",
            "quota": {{"limit": {limit}, "period": "MONTH"}},
            "apiStages": [{{"apiId": "api-id-123", "stage": "prod"}}]
        }}"#
    )
}

/// Profiles in memory, everything else in a file.
fn bench() -> Bench {
    let bench = Bench::on("memory:").with("USHER_USAGE__STORE", "sqlite:usage.db");
    bench.write("plans.json", &plan(100));
    bench.write("keys.csv", &csv(&[(KEY, "uvw0123")]));
    bench
}

#[tokio::test]
async fn usage_in_a_file_of_its_own_outlives_the_server_and_obeys_the_commands() {
    let bench = bench().with_files();
    let server = bench.server().await;
    let alice = bench.caller(&server, KEY);
    alice.put("{}").await.is(201);
    end(server).await;
    let server = bench.server().await;
    let alice = bench.caller(&server, KEY);
    let answer = alice.get().await;
    is_admitted(&answer);
    assert_eq!(remaining(&answer, "quota"), 98);
    let create = ["keys", "create", "--name", "Another", "--plan", "uvw0123"];
    let made = bench.json(&create).await;
    let secret = made["value"].as_str().expect("a secret");
    opens(&bench.caller(&server, secret)).await;
    end(server).await;
    assert!(!bench.path().join("usher.db").exists());
}

#[tokio::test]
async fn migrating_makes_the_file_that_usage_is_in() {
    let bench = bench();
    bench.printed(&["migrate"]).await;
    bench.printed(&["plans", "import", "plans.json"]).await;
    bench.printed(&["keys", "import", "keys.csv"]).await;
    let bench = bench.with("USHER_STORE__MIGRATE", "false");
    let server = bench.server().await;
    is_admitted(&bench.caller(&server, KEY).get().await);
    end(server).await;
}

/// So many servers on one store, and so many clients who call all of them at once.
async fn servers_let_in_exactly(limit: u64, store: &str, servers: usize, clients: usize) {
    let bench = Bench::on(store);
    bench.write("plans.json", &plan(limit));
    bench.write("keys.csv", &csv(&[(KEY, "uvw0123")]));
    let bench = bench.with_files();
    let mut running = Vec::new();
    for _ in 0..servers {
        running.push(bench.server().await);
    }
    let callers = (0..clients).map(|n| bench.caller(&running[n % servers], KEY));
    let admitted = spend_the_quota(callers).await;
    assert_eq!(u64::from(admitted), limit);
    for server in running {
        end(server).await;
    }
    // Everything that was held was let in: nothing came back.
    let server = bench.server().await;
    let answer = bench.caller(&server, KEY).get().await;
    answer.is_refused(429, "quota_exceeded");
    end(server).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_servers_on_one_file_let_in_exactly_one_quota() {
    servers_let_in_exactly(1000, "sqlite:usher.db", 2, 16).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_64_clients_of_three_servers_on_postgres_a_quota_of_2000_lets_in_exactly_2000() {
    let store = Store::Postgres.fresh(Path::new("")).await;
    servers_let_in_exactly(2000, &store, 3, 64).await;
    Store::Postgres.discard(&store).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_64_clients_of_three_servers_on_dynamodb_a_quota_of_2000_lets_in_exactly_2000() {
    let store = Store::Dynamodb.fresh(Path::new("")).await;
    servers_let_in_exactly(2000, &store, 3, 64).await;
}

/// What one server is told, the others know within 5 seconds.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_is_in_force_on_every_server_within_5_s_whatever_the_store() {
    for kind in [Store::Postgres, Store::Dynamodb] {
        let store = kind.fresh(Path::new("")).await;
        let bench = Bench::on(&store);
        bench.printed(&["migrate"]).await;
        bench.write("plans.json", &plan(100));
        bench.printed(&["plans", "import", "plans.json"]).await;
        let create = ["keys", "create", "--name", "x", "--plan", "uvw0123"];
        let made = bench.json(&create).await;
        let (id, key) = (
            made["id"].as_str().unwrap(),
            made["value"].as_str().unwrap(),
        );
        let servers = [bench.server().await, bench.server().await];
        for server in &servers {
            is_admitted(&bench.caller(server, key).get().await);
        }
        let rotated = bench.json(&["keys", "rotate", id, "--overlap", "0s"]).await;
        let new = rotated["value"].as_str().unwrap();
        for server in &servers {
            is_refused(&bench.caller(server, key)).await;
            opens(&bench.caller(server, new)).await;
        }
        bench.write("plans.json", &plan(2));
        bench.printed(&["plans", "import", "plans.json"]).await;
        for server in &servers {
            let caller = bench.caller(server, new);
            within_5_seconds(&caller, |answer| answer.status == 429).await;
        }
        let usage = bench.json(&["usage"]).await;
        assert_eq!(usage[0]["limit"], 2, "{usage}");
        bench.printed(&["keys", "delete", id]).await;
        for server in servers {
            is_refused(&bench.caller(&server, new)).await;
            end(server).await;
        }
        kind.discard(&store).await;
    }
}
