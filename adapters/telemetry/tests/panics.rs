//! A panic's line says where it was, and of its words only those that are in the source.

use std::{panic, process::Command};

use serde_json::Value;
use tracing_subscriber::filter::{LevelFilter, Targets};
use usher_telemetry::{
    Output, Stream,
    logging::{self, Format},
};

const SECRET: &str = "marked-secret";

/// Says to this test's own program that it is the process in which things panic.
const PANICS: &str = "USHER_TEST_PANICS";

/// The hook is a process's own, and what it says goes to standard error: so a process of its own panics.
#[test]
#[allow(clippy::disallowed_methods, reason = "a test's own switch")]
fn a_panic_tells_its_place_and_nothing_that_was_put_into_its_words() {
    if std::env::var_os(PANICS).is_some() {
        return panics();
    }
    let this = std::env::current_exe().expect("a program");
    let name = "a_panic_tells_its_place_and_nothing_that_was_put_into_its_words";
    let child = Command::new(this)
        .args(["--exact", "--nocapture", name])
        .env(PANICS, "1")
        .output()
        .expect("it runs");
    let written = String::from_utf8_lossy(&child.stderr).into_owned();
    let lines: Vec<Value> = written
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect();
    assert_eq!(lines.len(), 4, "{written}");
    assert_eq!(
        lines[0]["message"], "ready",
        "in the order of what happened"
    );
    let words: Vec<_> = lines.iter().skip(1).map(|line| &line["words"]).collect();
    assert_eq!(
        words,
        [
            &Value::from("words of the source"),
            &Value::Null,
            &Value::Null
        ]
    );
    for line in &lines[1..] {
        assert_eq!(line["message"], "a panic");
        assert_eq!(line["level"], "ERROR");
        let place = line["place"].as_str().expect("a place");
        assert!(place.contains("panics.rs:"), "{place}");
    }
    assert!(!written.contains(SECRET), "{written}");
}

fn panics() {
    let levels = Targets::new().with_default(LevelFilter::INFO);
    logging::start(Format::Json, levels, Output::buffered(Stream::Stderr));
    tracing::info!("ready");
    let secret = SECRET.to_owned();
    let _ = panic::catch_unwind(|| panic!("words of the source"));
    let _ = panic::catch_unwind(|| panic!("with {secret}"));
    let _ = panic::catch_unwind(|| with_more(&secret).expect("it is there"));
}

fn with_more(secret: &str) -> Result<(), String> {
    Err(format!("{secret} and more"))
}
