//! Usage plans, API keys and quotas over the lives of servers.
//!
//! * `agreement::…`: what responses, metrics and `usher usage` say is one count.
//! * `article::…`: the article's own plan, to the letter.
//! * `crashes::…`: what a quota loses by `kill -9` and by SIGTERM, and that nobody gets more than it.
//! * `commands::…`, `refusals::…`: `usher plans`, `usher keys` and `usher usage` beside a running server.
//! * `elsewhere::…`: usage in a file of its own, and several servers on one.
//! * `faults::…`: usage in a database that is not within reach.
//! * `imports::…`: the files of plans and keys over restarts.
//! * `features::…`, `offsets::…`: what a plan may say beside its throttle and quota.

mod agreement;
mod article;
mod commands;
mod crashes;
mod elsewhere;
mod faults;
mod features;
mod imports;
mod offsets;
mod plans;
mod refusals;

use std::{fs, path::Path, time::Duration};

use reqwest::Client;
use tempfile::TempDir;
use tokio::{task::JoinSet, time::Instant};
use usher_testkit::process::{Ended, Process, ServerProcess};

use crate::{
    command::usher,
    support::{
        Answer, Entrypoint,
        call::{Address, Caller},
        deployment::client,
        issuer::TestIssuer,
        plans::{API_ID, STAGE},
    },
};

/// A folder, and the settings of one server after another in it.
struct Bench {
    issuer: TestIssuer,
    client: Client,
    folder: TempDir,
    settings: Vec<(String, String)>,
}

impl Bench {
    /// Servers over the store of this URL, without plans and keys.
    fn on(store: &str) -> Self {
        let issuer = TestIssuer::new();
        let bench = Self {
            client: client(),
            folder: tempfile::tempdir().expect("a folder"),
            settings: Vec::new(),
            issuer,
        };
        let issuers = bench.issuer.configuration();
        bench
            .with("USHER_STORE__URL", store)
            .with("USHER_IDENTITY__ISSUERS", &issuers)
            .with("USHER_API__ID", API_ID)
            .with("USHER_API__STAGE", STAGE)
            // On a machine that is slow for the moment a call takes longer, and is not refused.
            .with("USHER_STORE__TIMEOUT", "30s")
            .with("USHER_SERVER__REQUEST_TIMEOUT", "1m")
    }

    /// Servers over a file of `SQLite`, with one plan and one key of it.
    fn on_a_file(plan: &str, key: &str) -> Self {
        let bench = Self::on("sqlite:usher.db");
        bench.write("plans.json", plan);
        bench.write("keys.csv", &csv(&[(key, "uvw0123")]));
        bench.with_files()
    }

    fn with(mut self, name: &str, value: &str) -> Self {
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Servers that import `plans.json` and `keys.csv`.
    fn with_files(self) -> Self {
        self.with("USHER_USAGE__PLANS", "plans.json")
            .with("USHER_USAGE__KEYS", "keys.csv")
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path().join(name), text).expect("a file");
    }

    async fn server(&self) -> ServerProcess {
        let spec = usher(&[], self.settings.clone(), self.path());
        let started = ServerProcess::start(spec).await;
        started.unwrap_or_else(|error| panic!("{error}"))
    }

    /// Runs a command beside the server, to its end.
    async fn usher(&self, arguments: &[&str]) -> Ended {
        let process = Process::spawn(usher(arguments, self.settings.clone(), self.path()));
        let process = process.unwrap_or_else(|error| panic!("{error}"));
        let ended = process.ended().await;
        ended.unwrap_or_else(|error| panic!("{error}"))
    }

    /// What a command prints that succeeds.
    async fn printed(&self, arguments: &[&str]) -> String {
        let ended = self.usher(arguments).await;
        let code = ended.status.code();
        assert_eq!(code, Some(0), "{arguments:?}: {}", ended.stderr);
        ended.stdout
    }

    /// The same as JSON.
    async fn json(&self, arguments: &[&str]) -> serde_json::Value {
        let arguments: Vec<_> = arguments.iter().copied().chain(["--json"]).collect();
        let printed = self.printed(&arguments).await;
        let parsed = serde_json::from_str(&printed);
        parsed.unwrap_or_else(|error| panic!("{arguments:?}: {error}: {printed}"))
    }

    /// Somebody with this key, who has no profile: 404 is to be let in.
    fn caller(&self, server: &ServerProcess, key: &str) -> Caller {
        Caller {
            address: Address {
                base_url: server.base_url().to_owned(),
                client: self.client.clone(),
                entrypoint: Entrypoint::Server,
            },
            id: "alice".to_owned(),
            token: self.issuer.token("alice"),
            api_key: key.to_owned(),
        }
    }
}

/// All of them call at once until the quota is spent; returns how many calls were let in.
async fn spend_the_quota(clients: impl IntoIterator<Item = Caller>) -> u32 {
    let mut calling = JoinSet::new();
    for client in clients {
        calling.spawn(async move {
            let mut admitted = 0_u32;
            loop {
                let answer = client.get().await;
                if answer.status != 404 {
                    answer.is_refused(429, "quota_exceeded");
                    return admitted;
                }
                admitted += 1;
            }
        });
    }
    calling.join_all().await.into_iter().sum()
}

/// Ends a server as its platform does; returns everything that it wrote.
async fn end(server: ServerProcess) -> String {
    let ended = server.terminate().await;
    let ended = ended.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(ended.status.code(), Some(0), "{}", ended.stderr);
    ended.stdout + &ended.stderr
}

/// A file of enabled keys, each with its plans.
fn csv(keys: &[(&str, &str)]) -> String {
    let lines = keys.iter();
    let lines = lines.map(|(key, plans)| format!("MobileApp,{key},true,\"{plans}\"\n"));
    std::iter::once("Name,Key,Enabled,UsagePlanIds\n".to_owned())
        .chain(lines)
        .collect()
}

/// Calls until `is_in_force` of an answer: what was changed before this began. Whoever calls five
/// seconds later must see it. That goes by when a call is sent, so that no answer is too slow for it.
async fn within_5_seconds(caller: &Caller, is_in_force: impl Fn(&Answer) -> bool) -> Answer {
    let changed = Instant::now();
    loop {
        let is_late = changed.elapsed() >= Duration::from_secs(5);
        let answer = caller.get().await;
        if is_in_force(&answer) {
            return answer;
        }
        assert!(!is_late, "5 s after the change: {answer}");
        // The server looks once a second: asking all the time would keep the machine busy, and see
        // it no sooner.
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Demands that callers with this key are let in, 5 s from now at the latest.
async fn opens(caller: &Caller) {
    within_5_seconds(caller, |answer| answer.status == 404).await;
    // And it stays so.
    for _ in 0..3 {
        is_admitted(&caller.get().await);
    }
}

/// Demands that callers with this key are refused, 5 s from now at the latest.
async fn is_refused(caller: &Caller) {
    within_5_seconds(caller, |answer| answer.status == 403).await;
    for _ in 0..3 {
        caller.get().await.is_refused(403, "invalid_api_key");
    }
}

/// Let in: there is no such profile.
fn is_admitted(answer: &Answer) {
    answer.is_refused(404, "profile_not_found");
}
