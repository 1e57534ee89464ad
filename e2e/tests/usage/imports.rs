//! Files of plans and keys that are imported at every start: a restart undoes nothing.

use usher_testkit::process::ServerProcess;

use super::{Bench, csv, end, is_admitted, is_refused, opens};

const KEY: &str = "imported-key-01234567890123456789";

fn plan(burst: u32) -> String {
    format!(
        r#"{{
            "id": "uvw0123",
            "throttle": {{"rateLimit": 1000, "burstLimit": {burst}}},
            "apiStages": [{{"apiId": "api-id-123", "stage": "prod"}}]
        }}"#
    )
}

fn line(name: &str, enabled: bool) -> String {
    format!("Name,Key,Enabled,UsagePlanIds\n{name},{KEY},{enabled},uvw0123\n")
}

async fn id(bench: &Bench) -> String {
    let keys = bench.json(&["keys", "list"]).await;
    keys[0]["id"].as_str().expect("an id").to_owned()
}

async fn restarted(bench: &Bench, server: ServerProcess) -> ServerProcess {
    end(server).await;
    bench.server().await
}

#[tokio::test]
async fn a_key_that_was_disabled_by_hand_stays_so_until_its_line_changes() {
    let bench = Bench::on_a_file(&plan(1000), KEY);
    let mut server = bench.server().await;
    is_admitted(&bench.caller(&server, KEY).get().await);
    let id = id(&bench).await;
    bench.printed(&["keys", "disable", &id]).await;
    is_refused(&bench.caller(&server, KEY)).await;
    server = restarted(&bench, server).await;
    let answer = bench.caller(&server, KEY).get().await;
    answer.is_refused(403, "invalid_api_key");

    // Another key in the file, other columns, other spaces: the line is the same.
    let more = csv(&[("another-key-01234567890123456789", ""), (KEY, "uvw0123")]);
    bench.write("keys.csv", &more.replace("true,", "TRUE , "));
    server = restarted(&bench, server).await;
    let answer = bench.caller(&server, KEY).get().await;
    answer.is_refused(403, "invalid_api_key");

    bench.write("keys.csv", &line("Renamed", true));
    server = restarted(&bench, server).await;
    is_admitted(&bench.caller(&server, KEY).get().await);
    end(server).await;
}

#[tokio::test]
async fn a_key_that_was_deleted_stays_so_until_its_line_changes() {
    let bench = Bench::on_a_file(&plan(1000), KEY);
    let mut server = bench.server().await;
    let id = id(&bench).await;
    bench.printed(&["keys", "delete", &id]).await;
    is_refused(&bench.caller(&server, KEY)).await;
    for _ in 0..2 {
        server = restarted(&bench, server).await;
        let answer = bench.caller(&server, KEY).get().await;
        answer.is_refused(403, "invalid_api_key");
    }
    bench.write("keys.csv", &line("Renamed", true));
    server = restarted(&bench, server).await;
    is_admitted(&bench.caller(&server, KEY).get().await);

    // What is in the file no more stays.
    bench.write("keys.csv", "Name,Key\n");
    server = restarted(&bench, server).await;
    is_admitted(&bench.caller(&server, KEY).get().await);
    end(server).await;
}

#[tokio::test]
async fn a_key_that_was_rotated_keeps_its_secret_whatever_becomes_of_its_line() {
    let bench = Bench::on_a_file(&plan(1000), KEY);
    let mut server = bench.server().await;
    let id = id(&bench).await;
    let rotated = bench
        .json(&["keys", "rotate", &id, "--overlap", "0s"])
        .await;
    let secret = rotated["value"].as_str().expect("a secret");
    opens(&bench.caller(&server, secret)).await;
    for name in ["MobileApp", "Renamed"] {
        bench.write("keys.csv", &line(name, true));
        server = restarted(&bench, server).await;
        is_admitted(&bench.caller(&server, secret).get().await);
        let answer = bench.caller(&server, KEY).get().await;
        answer.is_refused(403, "invalid_api_key");
        let keys = bench.json(&["keys", "list"]).await;
        assert_eq!(
            (&keys[0]["id"], &keys[0]["name"]),
            (&id.clone().into(), &name.into())
        );
    }
    end(server).await;
}

#[tokio::test]
async fn a_plan_that_was_changed_by_hand_stays_so_until_its_entry_changes() {
    let bench = Bench::on_a_file(&plan(1000), KEY);
    let server = bench.server().await;
    bench.write("by-hand.json", &plan(2000));
    bench.printed(&["plans", "import", "by-hand.json"]).await;
    let policy = |burst: u32| format!("\"throttle\";q={burst};w={}", burst / 1000);
    let mut server = restarted(&bench, server).await;
    let answer = bench.caller(&server, KEY).get().await;
    assert_eq!(answer.must_have("ratelimit-policy"), policy(2000));

    // A comment is no change.
    bench.write("plans.json", &format!("// for the app\n{}", plan(1000)));
    server = restarted(&bench, server).await;
    let answer = bench.caller(&server, KEY).get().await;
    assert_eq!(answer.must_have("ratelimit-policy"), policy(2000));
    bench.write("plans.json", &plan(3000));
    server = restarted(&bench, server).await;
    let answer = bench.caller(&server, KEY).get().await;
    assert_eq!(answer.must_have("ratelimit-policy"), policy(3000));
    end(server).await;
}
