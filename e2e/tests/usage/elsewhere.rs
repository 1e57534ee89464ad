//! Usage in a file of its own, and several servers on one.

use super::{Bench, csv, end, is_admitted, opens, spend_the_quota};
use crate::cases::limits::remaining;

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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_servers_on_one_file_let_in_exactly_one_quota() {
    let bench = Bench::on_a_file(&plan(1000), KEY);
    let servers = [bench.server().await, bench.server().await];
    let clients = (0..16).map(|n| bench.caller(&servers[n % 2], KEY));
    assert_eq!(spend_the_quota(clients).await, 1000);
    for server in servers {
        end(server).await;
    }
}
