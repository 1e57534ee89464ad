//! Clients that send slowly keep nobody else from an answer.

use std::io::ErrorKind;

use reqwest::Client;
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use usher_testkit::process::{ProcessSpec, ServerProcess};

use crate::support::{binaries, call::profile_path, deployment::client, issuer::TestIssuer, plans};

const SLOW_CLIENTS: usize = 1000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_slow_clients_keep_nobody_from_an_answer() {
    // Both ends of the connections are on this machine; many systems give a process 1024 files.
    rlimit::increase_nofile_limit(8192).expect("files enough");
    let bench = Bench::start(&[]).await;
    let mut slow = Vec::new();
    for n in 0..SLOW_CLIENTS {
        slow.push(bench.slow(Slowness::ALL[n % Slowness::ALL.len()], n).await);
    }
    let honest = Honest::of(&bench);
    honest.writes_and_reads(0).await;
    let gone = slow.iter().filter(|client| !is_waiting(client)).count();
    assert_eq!(
        gone, 0,
        "so many of the slow clients were not waiting any more"
    );
    for round in 1..50 {
        for client in slow.iter_mut().skip(round).step_by(50) {
            // One byte more. Whoever was closed meanwhile has had its deadline.
            let _ = client.write_all(b"1").await;
        }
        honest.writes_and_reads(round).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_bodies_take_no_place_in_flight_and_end_at_the_deadline() {
    let bench = Bench::start(&[
        ("USHER_SERVER__MAX_IN_FLIGHT", "8"),
        ("USHER_SERVER__REQUEST_TIMEOUT", "3s"),
        ("USHER_STORE__TIMEOUT", "2s"),
    ])
    .await;
    let mut slow = Vec::new();
    for n in 0..40 {
        slow.push(bench.slow(Slowness::Body, n).await);
    }
    let honest = Honest::of(&bench);
    for round in 0..20 {
        honest.writes_and_reads(round).await;
    }
    let (mut timed_out, mut overloaded) = (0, 0);
    for mut client in slow {
        let mut said = Vec::new();
        let _ = client.read_to_end(&mut said).await;
        let said = String::from_utf8_lossy(&said).into_owned();
        if said.starts_with("HTTP/1.1 504 ") {
            assert!(said.contains("\"code\":\"timeout\""), "{said}");
            timed_out += 1;
        } else {
            assert!(said.starts_with("HTTP/1.1 503 "), "{said}");
            assert!(said.contains("\"code\":\"overloaded\""), "{said}");
            overloaded += 1;
        }
    }
    // As many as may be in flight may wait for a body; the others are told at once.
    assert_eq!((timed_out, overloaded), (8, 32));
}

/// How a client is slow.
#[derive(Clone, Copy, Debug)]
enum Slowness {
    /// It connects, and that is all.
    Silence,
    /// It stops within its header block.
    Headers,
    /// It is somebody with a token and a key, and stops within its body.
    Body,
    /// The same, with a body of chunks.
    Chunks,
}

impl Slowness {
    const ALL: [Self; 4] = [Self::Silence, Self::Headers, Self::Body, Self::Chunks];
}

struct Bench {
    issuer: TestIssuer,
    server: ServerProcess,
    _folder: TempDir,
}

impl Bench {
    async fn start(settings: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let issuer = TestIssuer::new();
        let mut env = plans::write(folder.path());
        env.extend([
            ("USHER_IDENTITY__ISSUERS".to_owned(), issuer.configuration()),
            ("USHER_STORE__URL".to_owned(), "memory:".to_owned()),
        ]);
        let own = settings
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        env.extend(own);
        let spec = ProcessSpec {
            binary: binaries::server(),
            args: Vec::new(),
            env,
            dir: folder.path().to_owned(),
        };
        let server = ServerProcess::start(spec).await;
        Self {
            issuer,
            server: server.unwrap_or_else(|error| panic!("{error}")),
            _folder: folder,
        }
    }

    async fn slow(&self, slowness: Slowness, n: usize) -> TcpStream {
        let address = self.server.base_url().trim_start_matches("http://");
        let mut stream = TcpStream::connect(address).await.expect("a connection");
        let subject = format!("slow-{n}");
        let put = || {
            format!(
                "PUT {} HTTP/1.1\r\nHost: usher\r\nContent-Type: application/json\r\n\
                 X-Api-Key: {}\r\nAuthorization: Bearer {}\r\n",
                profile_path(&subject),
                plans::UNLIMITED,
                self.issuer.token(&subject),
            )
        };
        let sent = match slowness {
            Slowness::Silence => String::new(),
            Slowness::Headers => "GET /healthz HTTP/1.1\r\nHost: usher\r\nX-Slow: 1".to_owned(),
            Slowness::Body => format!("{}Content-Length: 100000\r\n\r\n{{\"a\":1", put()),
            Slowness::Chunks => {
                format!(
                    "{}Transfer-Encoding: chunked\r\n\r\nffff\r\n{{\"a\":1",
                    put()
                )
            }
        };
        stream.write_all(sent.as_bytes()).await.expect("sent");
        stream
    }
}

/// Whether the server has neither answered nor closed.
fn is_waiting(client: &TcpStream) -> bool {
    let read = client.try_read(&mut [0; 1]);
    matches!(read, Err(error) if error.kind() == ErrorKind::WouldBlock)
}

/// A client that sends what it has to say at once.
struct Honest {
    client: Client,
    url: String,
    token: String,
}

impl Honest {
    fn of(bench: &Bench) -> Self {
        Self {
            client: client(),
            url: format!("{}{}", bench.server.base_url(), profile_path("honest")),
            token: bench.issuer.token("honest"),
        }
    }

    async fn writes_and_reads(&self, n: usize) {
        let body = format!(r#"{{"n":{n}}}"#);
        let put = self.client.put(&self.url).body(body);
        let put = put.header("content-type", "application/json");
        let written = self.answer(put).await;
        assert_eq!(written.0, if n == 0 { 201 } else { 200 }, "{}", written.1);
        let read = self.answer(self.client.get(&self.url)).await;
        assert_eq!(read, (200, format!(r#"{{"userId":"honest","n":{n}}}"#)));
    }

    async fn answer(&self, request: reqwest::RequestBuilder) -> (u16, String) {
        let request = request.header("x-api-key", plans::UNLIMITED);
        let answer = request
            .bearer_auth(&self.token)
            .send()
            .await
            .expect("an answer");
        let status = answer.status().as_u16();
        (status, answer.text().await.expect("a body"))
    }
}
