//! How a server ends when something does not.

use std::{
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use reqwest::{Client, StatusCode};
use serde_json::Value;
use tokio::{
    io::AsyncWriteExt as _,
    net::{TcpListener, TcpStream},
    time::{Instant, sleep},
};
use usher_testkit::process::{Process, ServerProcess};

use crate::{
    command::usher,
    durability::environment,
    support::{binaries, call::profile_path, issuer::TestIssuer},
};

/// What a busy machine may need for what takes no time.
const PATIENCE: Duration = Duration::from_secs(20);

fn more(mut env: Vec<(String, String)>, with: &[(&str, &str)]) -> Vec<(String, String)> {
    let with = with.iter();
    env.extend(with.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    env
}

/// A request that was let in was charged, and may have written something.
#[tokio::test]
async fn a_request_that_is_cut_off_at_the_end_leaves_its_line() {
    let (folder, issuer) = (tempfile::tempdir().expect("a folder"), TestIssuer::new());
    let env = more(
        environment(folder.path(), &issuer),
        &[("USHER_SERVER__SHUTDOWN_TIMEOUT", "200ms")],
    );
    let server = ServerProcess::start(usher(&[], env, folder.path())).await;
    let server = server.unwrap_or_else(|error| panic!("{error}"));
    let address = server.base_url().trim_start_matches("http://");
    let mut client = TcpStream::connect(address).await.expect("a connection");
    // Its body never comes.
    let head = format!(
        "PUT {} HTTP/1.1\r\nHost: x\r\nAuthorization: {}\r\nContent-Type: application/json\r\n\
         Content-Length: 100\r\n\r\n",
        profile_path("alice"),
        issuer.token("alice")
    );
    client.write_all(head.as_bytes()).await.expect("sent");
    sleep(Duration::from_millis(500)).await;
    let ended = server
        .terminate()
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(ended.status.code(), Some(0), "{}", ended.stderr);
    let line = ended
        .stdout
        .lines()
        .find(|line| line.contains("\"httpMethod\":\"PUT\""));
    let line = line.unwrap_or_else(|| panic!("{}", ended.stdout));
    assert!(
        line.contains("\"status\":499") && line.contains("\"alice\""),
        "{line}"
    );
}

/// As the first process of a container it would not hear SIGTERM otherwise, and be killed later.
#[tokio::test]
async fn a_server_that_waits_for_its_database_ends_when_it_is_told_to() {
    let silent = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = silent.local_addr().expect("an address");
    let (folder, issuer) = (tempfile::tempdir().expect("a folder"), TestIssuer::new());
    let url = format!("postgres://usher:secret@{address}/usher");
    let env = more(
        environment(folder.path(), &issuer),
        &[
            ("USHER_STORE__URL", &url),
            ("USHER_STORE__TIMEOUT", "25s"),
            ("USHER_SERVER__REQUEST_TIMEOUT", "26s"),
        ],
    );
    let process = Process::spawn(usher(&["serve"], env, folder.path()));
    let process = process.unwrap_or_else(|error| panic!("{error}"));
    let (_connection, _) = silent.accept().await.expect("it connects");
    let began = Instant::now();
    let ended = process
        .terminate()
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(ended.status.code(), Some(0), "{}", ended.stderr);
    assert!(began.elapsed() < PATIENCE, "{:?}", began.elapsed());
    assert!(
        ended.stderr.contains("nothing was served yet"),
        "{}",
        ended.stderr
    );
}

/// A log that nobody reads: a driver that blocks, a pipe to a pager.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_whose_output_nobody_reads_serves_and_ends() {
    let (folder, issuer) = (tempfile::tempdir().expect("a folder"), TestIssuer::new());
    let env = more(
        environment(folder.path(), &issuer),
        &[
            ("USHER_SERVER__LISTEN", "127.0.0.1:0"),
            ("USHER_LOG__FORMAT", "json"),
            ("USHER_SERVER__METRICS_LISTEN", ""),
            ("USHER_LOG__LEVEL", "trace"),
        ],
    );
    let mut server = unread(env, folder.path());
    // Until it says where it is; from then on nobody reads.
    let mut said = BufReader::new(server.stderr.take().expect("a pipe"));
    let mut line = String::new();
    let address = loop {
        line.clear();
        said.read_line(&mut line).expect("a line");
        let line: Value = serde_json::from_str(&line).expect("a line of JSON");
        if line["message"] == "listening" {
            break line["address"].as_str().expect("an address").to_owned();
        }
    };
    let client = Client::new();
    let url = format!("http://{address}{}", profile_path("alice"));
    // Some 500 bytes to either stream each: far more than a pipe takes.
    for _ in 0..1_000 {
        let answer = client.get(&url).send().await.expect("an answer");
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    }
    let id = server.id().to_string();
    let sent = Command::new("sh")
        .args(["-c", "kill -TERM \"$0\"", &id])
        .status();
    assert!(sent.expect("it runs").success());
    let began = Instant::now();
    let status = loop {
        if let Some(status) = server.try_wait().expect("a child") {
            break status;
        }
        if began.elapsed() > PATIENCE {
            server.kill().expect("it ends");
            panic!("it did not end");
        }
        sleep(Duration::from_millis(20)).await;
    };
    assert_eq!(status.code(), Some(0));
}

/// A server with pipes that nobody reads.
fn unread(env: Vec<(String, String)>, folder: &Path) -> Child {
    let mut command = Command::new(binaries::server());
    let command = command
        .arg("serve")
        .env_clear()
        .envs(env)
        .current_dir(folder);
    let command = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command.spawn().expect("it runs")
}
