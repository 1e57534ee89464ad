//! The commands, beside a server that runs on the same file.

use std::{fs, time::Duration};

use serde_json::{Value, json};

use super::{Bench, csv, end, is_admitted, is_refused, opens, within_5_seconds};
use crate::{
    cases::limits::{remaining, seconds_to_wait},
    support::{Answer, call::Caller},
};

const PLAN: &str = r#"{
    "id": "uvw0123",
    "name": "MobileApp",
    "quota": {"limit": 100000, "offset": 0, "period": "MONTH"},
    "apiStages": [{"apiId": "api-id-123", "stage": "prod"}]
}"#;

fn text<'a>(shown: &'a Value, member: &str) -> &'a str {
    let found = shown[member].as_str();
    found.unwrap_or_else(|| panic!("no {member}: {shown}"))
}

#[tokio::test]
async fn what_is_done_to_a_key_is_in_force_within_5_s_and_its_secrets_are_nowhere_else() {
    let bench = Bench::on("sqlite:usher.db");
    bench.write("plans.json", PLAN);
    let server = bench.server().await;
    let said = bench.printed(&["plans", "import", "plans.json"]).await;
    assert!(
        said.starts_with("1 usage plan applied, 0 unchanged"),
        "{said}"
    );
    let create = ["keys", "create", "--name", "Mobile", "--plan", "uvw0123"];
    let made = bench.json(&create).await;
    let (id, one) = (text(&made, "id"), text(&made, "value"));
    assert_eq!(made["usagePlanIds"], json!(["uvw0123"]));
    let alice = bench.caller(&server, one);
    opens(&alice).await;

    let mut said = Vec::new();
    said.push(bench.printed(&["keys", "disable", id]).await);
    is_refused(&alice).await;
    said.push(bench.printed(&["keys", "enable", id]).await);
    opens(&alice).await;

    // Two secrets of one key, which has one quota.
    let rotated = bench.json(&["keys", "rotate", id, "--overlap", "1h"]).await;
    let two = text(&rotated, "value");
    assert_eq!((text(&rotated, "id"), two == one), (id, false));
    assert!(
        text(&rotated, "previousValueUntil").ends_with('Z'),
        "{rotated}"
    );
    let both = [bench.caller(&server, two), alice];
    opens(&both[0]).await;
    opens(&both[1]).await;
    let mut left = Vec::new();
    for secret in [&both[0], &both[1], &both[0]] {
        left.push(remaining(&secret.get().await, "quota"));
    }
    assert_eq!((left[1], left[2]), (left[0] - 1, left[0] - 2));

    // Without an overlap, all that were good before are so no more.
    let rotated = bench
        .printed(&["keys", "rotate", id, "--overlap", "0s"])
        .await;
    let three = rotated
        .lines()
        .find(|line| line.len() == 40 && !line.contains(' '));
    let three = three.unwrap_or_else(|| panic!("no secret: {rotated}"));
    let alice = bench.caller(&server, three);
    is_refused(&both[0]).await;
    is_refused(&both[1]).await;
    opens(&alice).await;

    for listing in [
        &["keys", "list"][..],
        &["keys", "list", "--json"],
        &["keys", "list", "--plan", "uvw0123", "--json"],
        &["usage"],
        &["usage", "--key", id, "--json"],
        &["plans", "list", "--json"],
    ] {
        said.push(bench.printed(listing).await);
    }
    said.push(bench.printed(&["keys", "delete", id]).await);
    is_refused(&alice).await;

    // Before the server ends, while the newest pages are in the file beside the database.
    let secrets = [one, two, three];
    let mut files = 0;
    for entry in fs::read_dir(bench.path()).expect("the folder") {
        let path = entry.expect("a file").path();
        let bytes = fs::read(&path).expect("bytes");
        for secret in secrets {
            let is_there = bytes
                .windows(secret.len())
                .any(|part| part == secret.as_bytes());
            assert!(!is_there, "a secret is in {}", path.display());
        }
        files += 1;
    }
    assert!(files >= 3, "a database, its log, the plans: {files}");
    said.push(end(server).await);
    for text in &said {
        assert!(
            !secrets.iter().any(|secret| text.contains(secret)),
            "{text}"
        );
    }
    let log = said.last().map(String::as_str).unwrap_or_default();
    assert!(
        log.contains(&format!("\"identity.apiKeyId\":\"{id}\"")),
        "{log}"
    );
}

/// A plan of this throttle alone.
fn throttled(rate: f64, burst: u32) -> String {
    json!({
        "id": "uvw0123",
        "throttle": { "rateLimit": rate, "burstLimit": burst },
        "apiStages": [{ "apiId": "api-id-123", "stage": "prod" }],
    })
    .to_string()
}

/// Imports a plan, and calls until its policy is told.
async fn import(bench: &Bench, alice: &Caller, plan: &str, policy: &str) -> Answer {
    bench.write("changed.json", plan);
    bench.printed(&["plans", "import", "changed.json"]).await;
    let is_told = |answer: &Answer| answer.header("ratelimit-policy") == Some(policy);
    within_5_seconds(alice, is_told).await
}

const THROTTLED: &str = "throttled-key-01234567890123456789";

#[tokio::test]
async fn a_throttle_that_is_imported_is_in_force_within_5_s_and_owes_no_more_than_it_holds() {
    let bench = Bench::on_a_file(&throttled(0.001, 100_000), THROTTLED);
    let server = bench.server().await;
    let alice = bench.caller(&server, THROTTLED);
    for _ in 0..10 {
        is_admitted(&alice.get().await);
    }
    // Ten are spent and more. A bucket of three is empty then, and a thousand seconds from its next
    // token: not ten thousand.
    let smaller = throttled(0.001, 3);
    let answer = import(&bench, &alice, &smaller, "\"throttle\";q=3;w=3000").await;
    answer.is_refused(429, "throttled");
    assert_eq!(remaining(&answer, "throttle"), 0);
    assert!((1..=1000).contains(&seconds_to_wait(&answer)), "{answer}");

    // What was owed beyond three is forgotten: a larger bucket lacks three, and this call.
    let larger = throttled(0.001, 50);
    let answer = import(&bench, &alice, &larger, "\"throttle\";q=50;w=50000").await;
    is_admitted(&answer);
    assert_eq!(remaining(&answer, "throttle"), 46, "{answer}");
    end(server).await;
}

#[tokio::test]
async fn the_wait_that_is_told_after_a_change_is_long_enough() {
    let bench = Bench::on_a_file(&throttled(1.0, 100_000), THROTTLED);
    let server = bench.server().await;
    let alice = bench.caller(&server, THROTTLED);
    for _ in 0..60 {
        is_admitted(&alice.get().await);
    }
    let answer = import(&bench, &alice, &throttled(1.0, 3), "\"throttle\";q=3;w=3").await;
    answer.is_refused(429, "throttled");
    assert_eq!(seconds_to_wait(&answer), 1, "{answer}");
    tokio::time::sleep(Duration::from_secs(1)).await;
    is_admitted(&alice.get().await);
    end(server).await;
}

#[tokio::test]
async fn a_key_that_was_refused_a_moment_ago_opens_when_it_is_imported() {
    let bench = Bench::on("sqlite:usher.db");
    bench.write("plans.json", PLAN);
    let (key, hashed) = (
        "imported-key-01234567890123456789",
        "hashed-key-01234567890123456789",
    );
    let digest = "75a70ac5397d198854f0f6842d36640950cac862b475a741403ce80982cd481f";
    let server = bench.server().await;
    let alice = bench.caller(&server, key);
    alice.get().await.is_refused(403, "invalid_api_key");
    bench.printed(&["plans", "import", "plans.json"]).await;
    bench.write(
        "keys.csv",
        &csv(&[(key, "uvw0123"), (&format!("sha256:{digest}"), "uvw0123")]),
    );
    let import = ["keys", "import", "keys.csv"];
    assert_eq!(
        bench.json(&import).await,
        json!({ "applied": 2, "unchanged": 0 })
    );
    assert_eq!(
        bench.json(&import).await,
        json!({ "applied": 0, "unchanged": 2 })
    );
    opens(&alice).await;
    opens(&bench.caller(&server, hashed)).await;
    // The hash is not the key.
    let hash = bench.caller(&server, &format!("sha256:{digest}"));
    hash.get().await.is_refused(403, "invalid_api_key");
    end(server).await;
}

#[tokio::test]
async fn what_is_shown_as_json_has_api_gateways_names_and_can_be_imported_again() {
    let bench = Bench::on("sqlite:usher.db");
    bench.write("plans.json", PLAN);
    bench.printed(&["migrate"]).await;
    let import = ["plans", "import", "plans.json"];
    assert_eq!(
        bench.json(&import).await,
        json!({ "applied": 1, "unchanged": 0 })
    );
    let listed = bench.json(&["plans", "list"]).await;
    assert_eq!(
        listed,
        json!([bench.json(&["plans", "show", "uvw0123"]).await])
    );
    let mut plan: Value = serde_json::from_str(PLAN).expect("a plan");
    for member in ["id", "name", "quota", "apiStages"] {
        let expected = plan[member].take();
        assert_eq!(listed[0][member], expected, "{listed}");
    }
    // The same plan in other words is the same.
    bench.write("listed.json", &listed.to_string());
    let again = bench.json(&["plans", "import", "listed.json"]).await;
    assert_eq!(again, json!({ "applied": 0, "unchanged": 1 }));

    let create = [
        "keys",
        "create",
        "--name",
        "Mobile",
        "--plan",
        "uvw0123",
        "--disabled",
    ];
    let mut made = bench.json(&create).await;
    let keys = bench.json(&["keys", "list"]).await;
    made.as_object_mut().expect("a key").remove("value");
    assert_eq!(keys, json!([made]));
    let (id, enabled) = (text(&made, "id"), made["enabled"].clone());
    assert_eq!(enabled, json!(false));
    assert_eq!(
        bench.json(&["keys", "enable", id]).await["enabled"],
        json!(true)
    );
    assert_eq!(bench.json(&["usage"]).await, json!([]));

    // Ten calls, and what the server held beside them has been given back.
    let server = bench.server().await;
    let rotated = bench.json(&["keys", "rotate", id, "--overlap", "0s"]).await;
    let alice = bench.caller(&server, text(&rotated, "value"));
    for _ in 0..10 {
        is_admitted(&alice.get().await);
    }
    end(server).await;
    let usage = bench.json(&["usage"]).await;
    let shown = &usage[0];
    assert_eq!(usage.as_array().map(Vec::len), Some(1), "{usage}");
    assert_eq!(
        (text(shown, "usagePlanId"), text(shown, "keyId")),
        ("uvw0123", id)
    );
    assert_eq!(shown["used"], json!(10));
    assert_eq!(shown["remaining"], json!(99_990));
    assert!(
        text(shown, "periodEnd").ends_with("-01T00:00:00Z"),
        "{shown}"
    );
    assert_eq!(
        bench
            .json(&["usage", "--plan", "uvw0123", "--key", id])
            .await,
        usage
    );

    assert_eq!(bench.json(&["keys", "delete", id]).await["id"], json!(id));
    assert_eq!(
        bench.json(&["plans", "delete", "uvw0123"]).await["id"],
        json!("uvw0123")
    );
    assert_eq!(bench.json(&["plans", "list"]).await, json!([]));
}

#[tokio::test]
async fn a_byte_order_mark_and_a_plan_named_twice_do_no_harm() {
    let bench = Bench::on("sqlite:usher.db");
    bench.printed(&["migrate"]).await;
    bench.write("plans.json", &format!("\u{feff}{PLAN}"));
    bench.printed(&["plans", "import", "plans.json"]).await;
    let plan = ["--plan", "uvw0123"];
    let create = [&["keys", "create", "--name", "x"], &plan[..], &plan].concat();
    let made = bench.json(&create).await;
    assert_eq!(made["usagePlanIds"], json!(["uvw0123"]));
}
