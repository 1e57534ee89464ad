//! The list of denied subjects of a running server.

use std::process::Command;

use serde_json::json;
use usher_testkit::tokens::TestKey;

use super::{Verdict, usher, verdict};
use crate::support::issuer::{AUDIENCE, ISSUER, claims};

/// A pipe that nobody writes into is as good as a file on a network's file system that hangs: it
/// cannot even be opened.
#[tokio::test]
async fn a_list_that_hangs_stops_neither_requests_nor_the_end() {
    let folder = tempfile::tempdir().expect("a folder");
    let list = folder.path().join("denied.txt");
    std::fs::write(&list, "mallory\n").expect("a list");
    let key = TestKey::es256("a");
    let issuer = json!({
        "kind": "oidc", "issuer": ISSUER, "audiences": [AUDIENCE], "algorithms": ["ES256"],
        "jwks": key.jwks(),
    });
    let setting = [("USHER_IDENTITY__DENIED_SUBJECTS", json!(list))];
    let deployment = usher(&[issuer], &setting).await;
    std::fs::remove_file(&list).expect("the list");
    let made = Command::new("mkfifo").arg(&list).status();
    assert!(made.expect("mkfifo runs").success());
    for _ in 0..4 {
        for (subject, expected) in [("alice", Verdict::Accepted), ("mallory", Verdict::Refused)] {
            let token = key.sign(&claims(subject));
            assert_eq!(verdict(&deployment, &token).await, expected, "{subject}");
        }
    }
    let log = deployment.stop().await;
    assert_eq!(log.matches("the file hangs").count(), 1, "{log}");
}
