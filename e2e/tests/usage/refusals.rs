//! Commands that cannot be done say what to do, with exit code 64, or 69 when it is not their fault.

use super::{Bench, csv};

const PLANS: &str = r#"[
    {"id": "a", "apiStages": [{"apiId": "api-id-123", "stage": "prod"}]},
    {"id": "b", "apiStages": [{"apiId": "api-id-123", "stage": "prod"}]}
]"#;
const KEY: &str = "present-key-01234567890123456789";

async fn is_told(bench: &Bench, arguments: &[&str], code: i32, says: &[&str]) {
    let ended = bench.usher(arguments).await;
    assert_eq!(
        ended.status.code(),
        Some(code),
        "{arguments:?}: {}",
        ended.stderr
    );
    assert_eq!(ended.stdout, "", "{arguments:?}");
    assert!(
        ended.stderr.starts_with("usher: "),
        "{arguments:?}: {}",
        ended.stderr
    );
    for part in says {
        assert!(
            ended.stderr.contains(part),
            "{arguments:?} does not say {part:?}: {}",
            ended.stderr
        );
    }
    assert!(
        !ended.stderr.contains("-key-"),
        "a secret: {}",
        ended.stderr
    );
}

#[tokio::test]
async fn every_mistake_is_exit_code_64_with_what_to_do() {
    let bench = Bench::on("sqlite:usher.db");
    let bench = bench.with(
        "USHER_USAGE__ASSIGN",
        r#"[{"group": "staff", "plan": "b"}]"#,
    );
    bench.write("plans.json", PLANS);
    bench.write("keys.csv", &csv(&[(KEY, "a")]));
    let nowhere = ["usher.db is not there", "`usher migrate`"];
    is_told(&bench, &["plans", "list"], 64, &nowhere).await;
    is_told(&bench, &["keys", "create", "--name", "x"], 64, &nowhere).await;
    is_told(&bench, &["usage"], 64, &nowhere).await;
    assert!(!bench.path().join("usher.db").exists(), "a file was made");

    bench.printed(&["migrate"]).await;
    bench.printed(&["plans", "import", "plans.json"]).await;
    bench.printed(&["keys", "import", "keys.csv"]).await;
    let keys = bench.json(&["keys", "list"]).await;
    let id = keys[0]["id"].as_str().expect("an id");

    let no_key = [
        "there is no API key with the id nobody",
        "`usher keys list`",
    ];
    is_told(&bench, &["keys", "enable", "nobody"], 64, &no_key).await;
    is_told(&bench, &["keys", "disable", "nobody"], 64, &no_key).await;
    is_told(&bench, &["keys", "delete", "nobody"], 64, &no_key).await;
    is_told(&bench, &["keys", "rotate", "nobody"], 64, &no_key).await;
    is_told(&bench, &["usage", "--key", "nobody"], 64, &no_key).await;
    let no_plan = [
        "there is no usage plan none",
        "`usher plans list`",
        "`usher plans import FILE`",
    ];
    is_told(&bench, &["plans", "show", "none"], 64, &no_plan).await;
    is_told(&bench, &["plans", "delete", "none"], 64, &no_plan).await;
    is_told(&bench, &["keys", "list", "--plan", "none"], 64, &no_plan).await;
    is_told(&bench, &["usage", "--plan", "none"], 64, &no_plan).await;
    let create = ["keys", "create", "--name", "x", "--plan"];
    is_told(&bench, &[&create[..], &["none"]].concat(), 64, &no_plan).await;
    let unnamed = bench.usher(&["keys", "create", "--name", ""]).await;
    assert_eq!(unnamed.status.code(), Some(64), "{}", unnamed.stderr);
    let both = [&create[..], &["a", "--plan", "b"]].concat();
    is_told(
        &bench,
        &both,
        64,
        &["cover the same stage", "leave one of them out"],
    )
    .await;

    let in_use = [
        "keys belong to the usage plan a",
        "`usher keys list --plan a`",
        "delete them",
    ];
    is_told(&bench, &["plans", "delete", "a"], 64, &in_use).await;
    is_told(
        &bench,
        &["plans", "delete", "b"],
        64,
        &["usage.assign", "take it out there"],
    )
    .await;

    let overlap = ["--overlap must be a duration such as"];
    is_told(
        &bench,
        &["keys", "rotate", id, "--overlap", "soon"],
        64,
        &overlap,
    )
    .await;
    bench.printed(&["keys", "rotate", id]).await;
    let running = ["is being rotated", "wait, or end it now with --overlap 0s"];
    is_told(
        &bench,
        &["keys", "rotate", id, "--overlap", "1h"],
        64,
        &running,
    )
    .await;
    assert_eq!(bench.json(&["keys", "list"]).await[0]["enabled"], true);
}

#[tokio::test]
async fn a_file_that_cannot_be_imported_is_exit_code_64_with_the_places_and_changes_nothing() {
    let bench = Bench::on("sqlite:usher.db");
    bench.printed(&["migrate"]).await;
    for command in ["plans", "keys"] {
        let says = ["missing.json cannot be read: "];
        is_told(&bench, &[command, "import", "missing.json"], 64, &says).await;
    }
    let broken = r#"[
        {"id": "good", "apiStages": [{"apiId": "api-id-123", "stage": "prod"}]},
        {"id": "bad", "throttle": {"rateLimit": 5}, "quota": {"limit": 0, "period": "YEAR"}},
        {"id": "worse", "quotas": {}}
    ]"#;
    bench.write("plans.json", broken);
    let says = [
        "usher: plans.json: /1/throttle: burstLimit must be",
        "usher: plans.json: /1/quota/limit: must be",
        "usher: plans.json: /1/quota/period: must be DAY, WEEK or MONTH",
        "usher: plans.json: /2/quotas: unknown member",
    ];
    is_told(&bench, &["plans", "import", "plans.json"], 64, &says).await;
    assert_eq!(bench.json(&["plans", "list"]).await, serde_json::json!([]));

    bench.write("plans.json", PLANS);
    bench.printed(&["plans", "import", "plans.json"]).await;
    let keys = "Name,Key,Enabled\ngood,good-key-01234567890123456789,true\n\
        bad,a-key-too-short,true\nworse,another-key-01234567890123456789,perhaps\n";
    bench.write("keys.csv", keys);
    let says = [
        "usher: keys.csv: line 3: an API key has 20 to 128",
        "usher: keys.csv: line 4: Enabled must be true or false",
    ];
    is_told(&bench, &["keys", "import", "keys.csv"], 64, &says).await;
    for (plans, says) in [
        ("none", "there is no usage plan none"),
        ("a,b", "cover the same stage"),
    ] {
        bench.write(
            "keys.csv",
            &csv(&[("good-key-01234567890123456789", "a"), (KEY, plans)]),
        );
        is_told(&bench, &["keys", "import", "keys.csv"], 64, &[says]).await;
    }
    assert_eq!(bench.json(&["keys", "list"]).await, serde_json::json!([]));
}

#[tokio::test]
async fn what_is_in_a_servers_memory_cannot_be_changed_by_commands() {
    let bench = Bench::on("memory:");
    let says = [
        "in the memory of the server",
        "set usage.store to a database",
    ];
    is_told(&bench, &["keys", "list"], 64, &says).await;
    is_told(&bench, &["plans", "list"], 64, &says).await;
    is_told(&bench, &["usage"], 64, &says).await;
}

#[tokio::test]
async fn a_file_that_is_no_database_is_exit_code_69() {
    let bench = Bench::on("sqlite:usher.db");
    bench.write(
        "usher.db",
        "something else altogether, and longer than a header of SQLite is",
    );
    is_told(&bench, &["keys", "list"], 69, &["the store cannot be used"]).await;
    is_told(
        &bench,
        &["plans", "list"],
        69,
        &["the store cannot be used"],
    )
    .await;
    is_told(&bench, &["usage"], 69, &["the store cannot be used"]).await;
}

#[tokio::test]
async fn a_command_line_that_makes_no_sense_is_exit_code_64() {
    let bench = Bench::on("sqlite:usher.db");
    for arguments in [
        &["keys"][..],
        &["keys", "create"],
        &["keys", "rotate"],
        &["plans", "remove", "a"],
        &["usage", "--of", "a"],
    ] {
        let ended = bench.usher(arguments).await;
        assert_eq!(
            ended.status.code(),
            Some(64),
            "{arguments:?}: {}",
            ended.stderr
        );
        assert!(
            ended.stderr.contains("Usage: usher"),
            "{arguments:?}: {}",
            ended.stderr
        );
    }
    for arguments in [
        &["--help"][..],
        &["keys", "--help"],
        &["keys", "create", "--help"],
        &["--version"],
    ] {
        bench.printed(arguments).await;
    }
}
