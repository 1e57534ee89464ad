//! What was answered with success is there after `kill -9`.
//!
//! One file of `SQLite`, one server after another on it. In each round several clients write as fast
//! as they are answered until the server is killed in the middle of it, after a number of answers
//! that differs from round to round. The next server must know every write that was answered, and
//! nothing that nobody sent.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use reqwest::Client;
use serde_json::json;
use tempfile::TempDir;
use tokio::{sync::Notify, task::JoinSet};
use usher_testkit::process::{ProcessSpec, ServerProcess};

use crate::support::{binaries, call::profile_path, deployment::client, issuer::TestIssuer};

const ROUNDS: u64 = 100;
const CLIENTS: u64 = 6;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_that_was_answered_survives_kill_9_in_each_of_100_rounds() {
    let bench = Bench::new();
    let mut journals: Vec<Journal> = (0..CLIENTS).map(Journal::new).collect();
    let (mut acknowledged, mut doubts) = (0, Doubts::default());
    for round in 0..ROUNDS {
        let server = bench.server().await;
        for journal in &mut journals {
            journal
                .verify(&bench, server.base_url(), round, &mut doubts)
                .await;
        }
        let kill_after = 1 + round * 37 % 150;
        acknowledged += write_until_killed(&bench, server, &mut journals, kill_after).await;
    }
    let server = bench.server().await;
    for journal in &mut journals {
        // At the end everything there ever was, and not what the last round touched alone.
        journal.touched.extend(journal.known.keys().copied());
        journal
            .verify(&bench, server.base_url(), ROUNDS, &mut doubts)
            .await;
    }
    let profiles: usize = journals.iter().map(|journal| journal.known.len()).sum();
    report(acknowledged, profiles, &doubts);
    assert!(acknowledged >= ROUNDS, "there was a load");
}

/// A lost write would have ended the test, so that here there is only one thing to say.
#[allow(
    clippy::print_stdout,
    reason = "the figures are what the test is run for"
)]
fn report(acknowledged: u64, profiles: usize, doubts: &Doubts) {
    println!(
        "durability: {ROUNDS} rounds of kill -9, {acknowledged} acknowledged writes to {profiles} \
         profiles, 0 lost; {} without an answer, {} of them done all the same",
        doubts.writes, doubts.done
    );
}

/// The file, and everything about the deployment that stays the same.
struct Bench {
    issuer: TestIssuer,
    client: Client,
    folder: TempDir,
    binary: PathBuf,
}

impl Bench {
    fn new() -> Self {
        Self {
            issuer: TestIssuer::new(),
            client: client(),
            folder: tempfile::tempdir().expect("a folder"),
            binary: binaries::server(),
        }
    }

    async fn server(&self) -> ServerProcess {
        let mut env = environment(self.folder.path(), &self.issuer);
        // On a machine that is slow for the moment a write takes longer, and is not refused.
        let patience = [
            ("USHER_STORE__TIMEOUT", "30s"),
            ("USHER_SERVER__REQUEST_TIMEOUT", "1m"),
        ];
        env.extend(patience.map(|(name, value)| (name.to_owned(), value.to_owned())));
        let spec = ProcessSpec {
            binary: self.binary.clone(),
            args: Vec::new(),
            env,
            dir: self.folder.path().to_owned(),
        };
        let started = ServerProcess::start(spec).await;
        started.unwrap_or_else(|error| panic!("{error}"))
    }
}

/// A server over a file of `SQLite`, without API keys.
pub(crate) fn environment(folder: &Path, issuer: &TestIssuer) -> Vec<(String, String)> {
    let url = format!("sqlite:{}", folder.join("usher.db").display());
    [
        ("USHER_STORE__URL", url),
        ("USHER_IDENTITY__ISSUERS", issuer.configuration()),
        ("USHER_USAGE__API_KEY_REQUIRED", "false".to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}

/// Lets all clients write until `kill_after` writes are answered, kills the server while the others
/// go on, and returns how many were answered.
async fn write_until_killed(
    bench: &Bench,
    server: ServerProcess,
    journals: &mut Vec<Journal>,
    kill_after: u64,
) -> u64 {
    let (answered, enough) = (Arc::new(AtomicU64::new(0)), Arc::new(Notify::new()));
    let mut clients = JoinSet::new();
    for mut journal in journals.drain(..) {
        journal.tokens(&bench.issuer);
        let (client, url) = (bench.client.clone(), server.base_url().to_owned());
        let (answered, enough) = (Arc::clone(&answered), Arc::clone(&enough));
        clients.spawn(async move {
            while journal.write(&client, &url).await {
                if answered.fetch_add(1, Ordering::SeqCst) + 1 == kill_after {
                    enough.notify_one();
                }
            }
            journal
        });
    }
    tokio::select! {
        () = enough.notified() => {}
        early = clients.join_next() => {
            panic!("a client ended before the server did: {:?}", early.map(|end| end.map(drop)))
        }
    }
    let ended = server.kill9().await.expect("it is killed");
    assert_eq!(ended.status.code(), None, "{}", ended.stderr);
    journals.extend(clients.join_all().await);
    journals.sort_by_key(|journal| journal.client);
    answered.load(Ordering::SeqCst)
}

/// Writes that had no answer when the server was killed.
#[derive(Default)]
struct Doubts {
    writes: u64,
    done: u64,
}

/// What a profile holds: a counter, or there is none.
type Content = Option<u64>;

/// What one client knows of the profiles that only it writes.
struct Journal {
    client: u64,
    /// Each profile's content as it was last answered.
    known: BTreeMap<u64, Content>,
    /// The write that had no answer.
    in_doubt: Option<(u64, Content)>,
    /// Profiles that were written since they were last verified.
    touched: BTreeSet<u64>,
    tokens: BTreeMap<u64, String>,
    /// Counts writes, so that no two write the same.
    writes: u64,
}

/// So many profiles a client has at most.
const PROFILES: u64 = 25;

impl Journal {
    fn new(client: u64) -> Self {
        Self {
            client,
            known: BTreeMap::new(),
            in_doubt: None,
            touched: BTreeSet::new(),
            tokens: BTreeMap::new(),
            writes: 0,
        }
    }

    fn id(&self, profile: u64) -> String {
        format!("client-{}-profile-{profile}", self.client)
    }

    /// Mints what the next round needs.
    fn tokens(&mut self, issuer: &TestIssuer) {
        for profile in 0..PROFILES {
            let id = self.id(profile);
            let token = || issuer.token(&id);
            self.tokens.entry(profile).or_insert_with(token);
        }
    }

    /// The next write: mostly to the client's first profile, else to one of the others in turn,
    /// which is deleted every third time.
    fn next(&mut self) -> (u64, Content) {
        self.writes += 1;
        let n = self.writes;
        if n % 2 == 1 {
            return (0, Some(n));
        }
        let profile = 1 + n / 2 % (PROFILES - 1);
        let is_there = self.known.get(&profile).is_some_and(Option::is_some);
        let content = if is_there && n.is_multiple_of(3) {
            None
        } else {
            Some(n)
        };
        (profile, content)
    }

    /// Sends one write; `false` when it was not answered.
    async fn write(&mut self, client: &Client, base_url: &str) -> bool {
        let (profile, content) = self.next();
        let url = format!("{base_url}{}", profile_path(&self.id(profile)));
        let request = match content {
            Some(n) => client
                .put(url)
                .header("content-type", "application/json")
                .body(json!({ "n": n }).to_string()),
            None => client.delete(url),
        };
        self.touched.insert(profile);
        self.in_doubt = Some((profile, content));
        let response = request.bearer_auth(&self.tokens[&profile]).send().await;
        let Ok(response) = response else {
            return false;
        };
        let was_there = self.known.get(&profile).is_some_and(Option::is_some);
        let expected = match (content, was_there) {
            (Some(_), false) => 201,
            (Some(_), true) => 200,
            (None, _) => 204,
        };
        // The status is the answer: what is in the body may have been cut off by the kill.
        assert_eq!(response.status(), expected, "{}", self.id(profile));
        self.in_doubt = None;
        self.known.insert(profile, content);
        true
    }

    /// Compares what was touched with what is there, and settles what was in doubt.
    async fn verify(&mut self, bench: &Bench, base_url: &str, round: u64, doubts: &mut Doubts) {
        let doubt = self.in_doubt.take();
        for profile in std::mem::take(&mut self.touched) {
            let found = self.read(bench, base_url, profile).await;
            let known = self.known.get(&profile).copied().flatten();
            let may_be = doubt.filter(|(doubtful, _)| *doubtful == profile);
            let may_be = may_be.map(|(_, content)| content);
            assert!(
                found == known || Some(found) == may_be,
                "lost in round {round}: {} holds {found:?}; {known:?} was answered, and {may_be:?} \
                 sent without an answer",
                self.id(profile)
            );
            doubts.writes += u64::from(may_be.is_some());
            doubts.done += u64::from(found != known);
            self.known.insert(profile, found);
        }
    }

    async fn read(&self, bench: &Bench, base_url: &str, profile: u64) -> Content {
        let id = self.id(profile);
        let url = format!("{base_url}{}", profile_path(&id));
        let request = bench.client.get(url).bearer_auth(bench.issuer.token(&id));
        let response = request.send().await.expect("an answer");
        match response.status().as_u16() {
            404 => None,
            200 => {
                let body = response.text().await.expect("a body");
                let body: serde_json::Value = serde_json::from_str(&body).expect("JSON");
                Some(body["n"].as_u64().expect("a counter"))
            }
            other => panic!("{id}: {other}"),
        }
    }
}
