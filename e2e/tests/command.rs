//! The command line from the outside: exit codes, signals, tokens.

use std::path::Path;

use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};
use usher_testkit::process::{Ended, Process, ProcessSpec, ServerProcess, Stream};

use crate::{
    durability::environment,
    support::{
        Deployment, Entrypoint, binaries,
        call::profile_path,
        deployment::{Host, Tokens},
        external,
        issuer::TestIssuer,
    },
};

pub(crate) fn usher(args: &[&str], env: Vec<(String, String)>, dir: &Path) -> ProcessSpec {
    ProcessSpec {
        binary: binaries::server(),
        args: args.iter().map(ToString::to_string).collect(),
        env,
        dir: dir.to_owned(),
    }
}

/// Runs `usher` until it ends by itself.
async fn run(args: &[&str], env: &[(&str, &str)], dir: &Path) -> Ended {
    let env = env
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let process = Process::spawn(usher(args, env.collect(), dir));
    let process = process.unwrap_or_else(|error| panic!("{error}"));
    let ended = process.ended().await;
    ended.unwrap_or_else(|error| panic!("{error}"))
}

#[tokio::test]
async fn sigterm_lets_what_is_in_flight_end_and_exits_0() {
    let folder = tempfile::tempdir().expect("a folder");
    let issuer = TestIssuer::new();
    let env = environment(folder.path(), &issuer);
    let server = ServerProcess::start(usher(&[], env.clone(), folder.path()));
    let server = server.await.unwrap_or_else(|error| panic!("{error}"));
    let address = server.base_url().trim_start_matches("http://").to_owned();

    // The server says "continue" when it reads the body, so that the request is surely in flight.
    let mut client = TcpStream::connect(&address).await.expect("a connection");
    let body = r#"{"displayName":"Alice"}"#;
    let head = format!(
        "PUT /users/alice/profile HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\nexpect: 100-continue\r\n\r\n",
        issuer.token("alice"),
        body.len()
    );
    client.write_all(head.as_bytes()).await.expect("it is sent");
    let mut interim = [0; 25];
    client.read_exact(&mut interim).await.expect("an answer");
    assert_eq!(&interim, b"HTTP/1.1 100 Continue\r\n\r\n");

    server.process().ask_to_end().await.expect("a signal");
    let stopping = |line: &str| line.contains("stopping").then_some(());
    let said = server.process().line(Stream::Stderr, stopping).await;
    said.unwrap_or_else(|error| panic!("{error}"));
    assert!(
        TcpStream::connect(&address).await.is_err(),
        "no new connections"
    );

    client.write_all(body.as_bytes()).await.expect("it is sent");
    let mut answer = String::new();
    // To its end: the server closes the connection, or this would never be over.
    client.read_to_string(&mut answer).await.expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 201 Created\r\n"), "{answer}");
    assert!(
        answer.ends_with(r#"{"userId":"alice","displayName":"Alice"}"#),
        "{answer}"
    );
    let ended = server.ended().await;
    let ended = ended.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(ended.status.code(), Some(0), "{}", ended.stderr);
    // Its line is in the log, which was still being collected.
    let line = ended.stdout.lines().last().unwrap_or_default();
    let line: serde_json::Value = serde_json::from_str(line).expect("a line of the access log");
    assert_eq!(
        (&line["status"], &line["httpMethod"]),
        (&json!(201), &json!("PUT"))
    );

    let next = ServerProcess::start(usher(&[], env, folder.path())).await;
    let next = next.unwrap_or_else(|error| panic!("{error}"));
    let url = format!("{}{}", next.base_url(), profile_path("alice"));
    let read = crate::support::deployment::client().get(url);
    let read = read.bearer_auth(issuer.token("alice")).send().await;
    assert_eq!(read.expect("an answer").status(), 200);
}

#[tokio::test]
async fn a_port_that_is_taken_is_named_with_exit_code_69() {
    let folder = tempfile::tempdir().expect("a folder");
    let taken = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    let issuer = TestIssuer::new();
    let env = environment(folder.path(), &issuer);
    let env: Vec<_> = env
        .iter()
        .map(|(name, value)| (&**name, &**value))
        .collect();
    let ended = run(&["serve", "--listen", &address], &env, folder.path()).await;
    assert_eq!(ended.status.code(), Some(69), "{}", ended.stderr);
    let wanted = format!("usher: cannot listen on {address}");
    assert!(ended.stderr.contains(&wanted), "{}", ended.stderr);
    let ended = run(&["dev", "--listen", &address], &[], folder.path()).await;
    assert_eq!(ended.status.code(), Some(69), "{}", ended.stderr);
    assert!(ended.stderr.contains(&wanted), "{}", ended.stderr);
    let metrics = [("USHER_SERVER__METRICS_LISTEN", address.as_str())];
    let env: Vec<_> = env.iter().copied().chain(metrics).collect();
    let ended = run(&["serve", "--listen", "127.0.0.1:0"], &env, folder.path()).await;
    assert_eq!(ended.status.code(), Some(69), "{}", ended.stderr);
    let wanted = format!("{wanted}; server.metrics_listen names another address");
    assert!(ended.stderr.contains(&wanted), "{}", ended.stderr);
}

#[tokio::test]
async fn a_store_that_cannot_be_had_is_exit_code_69_and_its_password_is_not_said() {
    let folder = tempfile::tempdir().expect("a folder");
    let nobody = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = nobody.local_addr().expect("an address");
    drop(nobody);
    let issuer = TestIssuer::new();
    let mut env = environment(folder.path(), &issuer);
    env[0].1 = format!("postgres://usher:hunter2@{address}/usher");
    env.push(("USHER_STORE__TIMEOUT".to_owned(), "200ms".to_owned()));
    let env: Vec<_> = env
        .iter()
        .map(|(name, value)| (&**name, &**value))
        .collect();
    let ended = run(&["serve"], &env, folder.path()).await;
    assert_eq!(ended.status.code(), Some(69), "{}", ended.stderr);
    assert!(!ended.stderr.contains("hunter2"), "{}", ended.stderr);
}

#[tokio::test]
async fn every_error_of_a_configuration_is_listed_with_exit_code_64() {
    let folder = tempfile::tempdir().expect("a folder");
    let config =
        "[server]\nlisten = 8080\nlisten_on = \"x\"\n[store]\nurl = \"mysql://u:hunter2@h\"\n";
    std::fs::write(folder.path().join("usher.toml"), config).expect("a file");
    let env = [("USHER_PROFILE__MAX_BYTES", "1000000")];
    for command in ["serve", "check"] {
        let ended = run(&[command], &env, folder.path()).await;
        assert_eq!(ended.status.code(), Some(64), "{command}: {}", ended.stderr);
        assert_eq!(ended.stdout, "", "{command}");
        for error in [
            "usher: server.listen: must be text, in quotes (usher.toml)",
            "usher: store.url: must begin with sqlite:, postgres://, dynamodb:// or memory: \
             (usher.toml)",
            "usher: profile.max_bytes: must be a whole number from 2 to 262144 (environment \
             variable USHER_PROFILE__MAX_BYTES)",
            "usher: identity.issuers: ",
            "usher: usage.keys: ",
            "usher: server.listen_on: is not a key that usher knows; did you mean server.listen? \
             (usher.toml)",
        ] {
            let mut lines = ended.stderr.lines();
            assert!(
                lines.any(|line| line.starts_with(error)),
                "{command} does not say {error:?}:\n{}",
                ended.stderr
            );
        }
        assert!(
            !ended.stderr.contains("hunter2"),
            "{command}: {}",
            ended.stderr
        );
    }
}

/// A job that only migrates has neither issuers nor keys.
#[tokio::test]
async fn migrating_needs_the_store_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let url = [("USHER_STORE__URL", "mysql://u:hunter2@h")];
    let ended = run(&["migrate"], &url, folder.path()).await;
    assert_eq!(ended.status.code(), Some(64), "{}", ended.stderr);
    assert!(
        ended
            .stderr
            .starts_with("usher: store.url: must begin with"),
        "{}",
        ended.stderr
    );
    assert!(!ended.stderr.contains("hunter2"), "{}", ended.stderr);
    let url = [("USHER_STORE__URL", "sqlite:usher.db")];
    for _ in 0..2 {
        let ended = run(&["migrate"], &url, folder.path()).await;
        assert_eq!(ended.status.code(), Some(0), "{}", ended.stderr);
    }
    assert!(folder.path().join("usher.db").is_file());
}

#[tokio::test]
async fn tokens_of_a_new_development_key_are_accepted() {
    let folder = tempfile::tempdir().expect("a folder");
    let keys = folder.path().join("keys");
    let printed = external::init(&keys);
    assert_eq!(printed, keys.join("jwks.json").display().to_string());
    let token = external::token(&keys, "alice");
    // The second time the key is there, and stays.
    external::init(&keys);
    let env = [
        ("USHER_STORE__URL".to_owned(), "memory:".to_owned()),
        (
            "USHER_USAGE__API_KEY_REQUIRED".to_owned(),
            "false".to_owned(),
        ),
        external::trust_in(&keys),
    ];
    let host = Host::server(env.into(), folder.path()).await;
    let tokens = Tokens::Folder(keys);
    let deployment = Deployment::new(host, Entrypoint::Server, tokens, "", None);
    let call = deployment.call("GET", "/users/me/profile");
    let answer = call.header("authorization", &token).await;
    answer.is_refused(404, "profile_not_found");
    deployment.caller("alice").put("{}").await.is(201);
}

#[tokio::test]
async fn a_token_without_a_key_says_how_to_make_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let ended = run(&["token", "alice"], &[], folder.path()).await;
    assert_eq!(ended.status.code(), Some(69), "{}", ended.stderr);
    assert!(
        ended.stderr.contains("usher token init"),
        "{}",
        ended.stderr
    );
    assert_eq!(ended.stdout, "");
}

#[tokio::test]
async fn health_says_whether_the_server_is_ready() {
    let folder = tempfile::tempdir().expect("a folder");
    let issuer = TestIssuer::new();
    let env = environment(folder.path(), &issuer);
    let server = ServerProcess::start(usher(&[], env, folder.path())).await;
    let server = server.unwrap_or_else(|error| panic!("{error}"));
    let address = server.base_url().trim_start_matches("http://").to_owned();
    let port = address.rsplit(':').next().expect("a port");

    // It looks where `usher serve` would listen, and reads nothing else of what is configured there.
    let everywhere = format!("0.0.0.0:{port}");
    let env = [
        ("USHER_SERVER__LISTEN", everywhere.as_str()),
        ("USHER_STORE__URL", "mysql://h"),
    ];
    let ended = run(&["health"], &env, folder.path()).await;
    assert_eq!(ended.status.code(), Some(0), "{}", ended.stderr);
    let said = format!("http://{address}/readyz answers 200\n");
    assert_eq!((ended.stdout, ended.stderr), (said, String::new()));
    let flag = ["health", "--listen", &address];
    let ended = run(&flag, &[], folder.path()).await;
    assert_eq!(ended.status.code(), Some(0), "{}", ended.stderr);

    let ended = server.terminate().await;
    ended.unwrap_or_else(|error| panic!("{error}"));
    let ended = run(&flag, &[], folder.path()).await;
    assert_eq!(ended.status.code(), Some(69), "{}", ended.stderr);
    let said = format!("usher: http://{address}/readyz does not answer: ");
    assert!(ended.stderr.starts_with(&said), "{}", ended.stderr);

    let env = [("USHER_SERVER__LISTEN", "8080")];
    let ended = run(&["health"], &env, folder.path()).await;
    assert_eq!(ended.status.code(), Some(64), "{}", ended.stderr);
    let said = "usher: server.listen: ";
    assert!(ended.stderr.starts_with(said), "{}", ended.stderr);
}
