//! How much a patch may do.

use crate::support::{ALICE, Ask, Setup, World};

#[tokio::test]
async fn a_json_patch_has_at_most_100_operations() {
    let add = r#"{"op":"add","path":"/list/-","value":1}"#;
    let of = |count: usize| format!("[{}]", vec![add; count].join(","));
    for (count, code) in [(100, "-"), (101, "invalid_patch"), (1_000, "invalid_patch")] {
        let world = World::new();
        world.alice_was_given(r#"{"list":[]}"#);
        let answer = world.ask(Ask::operations(ALICE, of(count))).await;
        assert_eq!(answer.code(), code, "{count}");
    }
}

/// Copies double: 1 KB would be 16 MB after 14 of them. The size after each operation counts, not
/// that of the end alone.
#[tokio::test]
async fn a_patch_that_grows_is_stopped_at_once() {
    let double = r#"{"op":"copy","from":"/list","path":"/list/-"}"#;
    let shrink = r#"{"op":"replace","path":"/list","value":["x"]}"#;
    let before = format!(r#"{{"list":["{}"]}}"#, "x".repeat(1_000));
    for (operations, code) in [
        (vec![double; 5], "-"),
        (vec![double; 14], "too_large"),
        ([vec![double; 14], vec![shrink]].concat(), "too_large"),
        ([vec![double; 5], vec![shrink]].concat(), "-"),
        // Small steps that come to nothing are not added up.
        ([vec![double; 5], vec![shrink]].concat().repeat(16), "-"),
    ] {
        let world = Setup::default().max_bytes(64 * 1024).start();
        world.alice_was_given(&before);
        let body = format!("[{}]", operations.join(","));
        let answer = world.ask(Ask::operations(ALICE, body)).await;
        assert_eq!(answer.code(), code, "{}", operations.len());
        assert_eq!(world.profiles.puts(), usize::from(code == "-"));
    }
}

#[tokio::test]
async fn the_largest_profile_may_be_patched_and_not_made_larger() {
    let before = format!(r#"{{"n":"{}"}}"#, "x".repeat(24));
    assert_eq!(before.len(), 32);
    for (patch, code) in [
        (Ask::merge(ALICE, r#"{"n":"y"}"#), "-"),
        (
            Ask::merge(ALICE, format!(r#"{{"n":"{}"}}"#, "y".repeat(24))),
            "-",
        ),
        (
            Ask::merge(ALICE, format!(r#"{{"n":"{}"}}"#, "y".repeat(25))),
            "too_large",
        ),
        (Ask::merge(ALICE, r#"{"m":1}"#), "too_large"),
        (Ask::merge(ALICE, r#"{"m":1,"n":null}"#), "-"),
        (
            Ask::operations(ALICE, r#"[{"op":"move","from":"/n","path":"/m"}]"#),
            "-",
        ),
        (
            Ask::operations(ALICE, r#"[{"op":"move","from":"/n","path":"/nn"}]"#),
            "too_large",
        ),
        (
            Ask::operations(ALICE, r#"[{"op":"replace","path":"/n","value":1}]"#),
            "-",
        ),
    ] {
        let world = Setup::default().max_bytes(32).start();
        world.alice_was_given(&before);
        let said = format!("{patch:?}");
        assert_eq!(world.ask(patch).await.code(), code, "{said}");
    }
}
