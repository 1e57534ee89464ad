//! `usher dev`: what it prints can be pasted, and does what it says.

use std::{collections::BTreeMap, path::Path, process::Command};

use usher_testkit::process::{Process, Stream};

use crate::command::usher;

/// What a running `usher dev` printed for pasting.
struct Printed {
    process: Process,
    script: String,
}

impl Printed {
    async fn by_usher_dev_in(dir: &Path) -> Self {
        let spec = usher(&["dev", "--listen", "127.0.0.1:0"], Vec::new(), dir);
        let process = Process::spawn(spec).unwrap_or_else(|error| panic!("{error}"));
        // What follows the last command are lines of the log.
        let last = |line: &str| line.contains("sort | uniq -c").then(|| line.to_owned());
        let printed = process.line(Stream::Stdout, last).await;
        let last = printed.unwrap_or_else(|error| panic!("{error}"));
        let output = process.stdout();
        let begin = output.find("TOKEN=$(").expect("the first command");
        let end = output.find(&last).expect("the last command") + last.len();
        Self {
            process,
            script: output[begin..end].to_owned(),
        }
    }

    fn api_key(&self) -> &str {
        let after = self.script.split("KEY=").nth(1).expect("a key");
        after.lines().next().expect("a line").trim()
    }

    /// Runs what was printed, as if pasted into a shell in `dir`; returns what the shell printed.
    async fn paste(&self, dir: &Path) -> String {
        let mut shell = Command::new("bash");
        shell
            .args(["-c", &self.script])
            .current_dir(dir)
            .env("no_proxy", "*");
        let run = tokio::task::spawn_blocking(move || shell.output());
        let run = run.await.expect("joined").expect("bash runs");
        String::from_utf8(run.stdout).expect("text")
    }

    /// The statuses that the comments before the commands promise.
    fn promised(&self) -> Vec<u16> {
        let comments = self
            .script
            .lines()
            .filter_map(|line| line.strip_prefix("# "));
        comments
            .map(|comment| comment.split(':').next().and_then(|code| code.parse().ok()))
            .map(|code| code.expect("a comment begins with a status"))
            .collect()
    }
}

/// The statuses that `curl -i` printed, in their order.
fn statuses(output: &str) -> Vec<u16> {
    let lines = output
        .lines()
        .filter_map(|line| line.strip_prefix("HTTP/1.1 "));
    lines
        .map(|line| line.split(' ').next().and_then(|code| code.parse().ok()))
        .map(|code| code.expect("a status"))
        .collect()
}

/// What `uniq -c` counted: how often each status came.
fn counted(output: &str) -> BTreeMap<u16, u32> {
    let pairs = output.lines().filter_map(|line| {
        let (count, status) = line.trim().split_once(' ')?;
        Some((status.parse().ok()?, count.parse().ok()?))
    });
    pairs.collect()
}

#[tokio::test]
async fn the_printed_commands_do_what_their_comments_say() {
    let folder = tempfile::tempdir().expect("a folder");
    let dir = folder.path();
    let first = Printed::by_usher_dev_in(dir).await;
    assert_eq!(first.promised(), [404, 201, 200, 403, 401, 403, 429]);
    let output = first.paste(dir).await;
    // The last command, 300 calls at once, is counted and not shown.
    assert_eq!(
        statuses(&output),
        [404, 201, 200, 403, 401, 403],
        "{output}"
    );
    let counted = counted(&output);
    assert_eq!(
        counted.keys().copied().collect::<Vec<_>>(),
        [200, 429],
        "{output}"
    );
    assert_eq!(counted.values().sum::<u32>(), 300, "{output}");

    let key = first.api_key().to_owned();
    assert!(key.len() >= 20 && key.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    let ended = first.process.terminate().await;
    let ended = ended.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(ended.status.code(), Some(0), "{}", ended.stderr);

    // A second run has the same key and the same users: nothing is created now.
    let second = Printed::by_usher_dev_in(dir).await;
    assert_eq!(second.api_key(), key);
    let output = second.paste(dir).await;
    assert_eq!(
        statuses(&output),
        [200, 200, 200, 403, 401, 403],
        "{output}"
    );
}

#[tokio::test]
async fn its_state_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;

    let folder = tempfile::tempdir().expect("a folder");
    let state = folder.path().join(".usher");
    let _running = Printed::by_usher_dev_in(folder.path()).await;
    let mode = |path: &Path| {
        let metadata = std::fs::metadata(path).expect("it is there");
        metadata.permissions().mode() & 0o777
    };
    assert_eq!(mode(&state), 0o700);
    assert_eq!(mode(&state.join("issuer.key")), 0o600);
    assert_eq!(mode(&state.join("api-keys.csv")), 0o600);
}

#[tokio::test]
async fn an_address_that_others_reach_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let spec = usher(&["dev", "--listen", "0.0.0.0:0"], Vec::new(), folder.path());
    let process = Process::spawn(spec).unwrap_or_else(|error| panic!("{error}"));
    let ended = process.ended().await;
    let ended = ended.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(ended.status.code(), Some(64), "{}", ended.stderr);
    assert!(ended.stderr.contains("loopback"), "{}", ended.stderr);
    assert!(!folder.path().join(".usher").exists(), "nothing was made");
}
