//! `usher health`: asks a server on this machine whether it is ready.
//!
//! For the health check of a container, in which there is no other program that could ask.

use std::{
    io::{self, Write as _},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use anyhow::{Context as _, anyhow, bail};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use usher_wiring::config::ServerConfig;

use crate::{cli::ServeArguments, exit::Failure, serve};

/// The server has so long to answer: its store has one second of that.
const PATIENCE: Duration = Duration::from_secs(2);

pub(crate) async fn run(arguments: &ServeArguments) -> Result<(), Failure> {
    let config = ServerConfig::read(serve::sources_of_server(arguments))?;
    let url = ask(config.listen).await.map_err(Failure::Unavailable)?;
    // A reader that goes away is no failure.
    let _ = writeln!(io::stdout().lock(), "{url} answers 200");
    Ok(())
}

/// Asks the server that listens on `listen`; returns what was asked, when it is ready.
async fn ask(listen: SocketAddr) -> anyhow::Result<String> {
    let address = reachable(listen);
    let url = format!("http://{address}/readyz");
    let status = tokio::time::timeout(PATIENCE, status(address))
        .await
        .map_err(|_| anyhow!("{url} does not answer within {} s", PATIENCE.as_secs()))?
        .with_context(|| format!("{url} does not answer"))?;
    if status != "200" {
        bail!("{url} answers {status}");
    }
    Ok(url)
}

/// An address of this machine, for one that stands for all of them.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}

/// The status of the answer. All else of it does not matter, so this is no HTTP client.
async fn status(address: SocketAddr) -> io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!(
        "GET /readyz HTTP/1.1\r\nHost: {address}\r\nUser-Agent: usher health\r\n\
         Connection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await?;
    // HTTP/1.1 200
    let mut head = [0; 12];
    stream.read_exact(&mut head).await?;
    match head.strip_prefix(b"HTTP/1.1 ") {
        Some(status) if status.iter().all(u8::is_ascii_digit) => {
            Ok(String::from_utf8_lossy(status).into_owned())
        }
        _ => Err(io::Error::other("it does not speak HTTP/1.1")),
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    /// What is said of a server that answers `answer`, and keeps the connection.
    async fn said_of(answer: &str) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let answering = async {
            let (mut stream, _) = listener.accept().await.expect("a client");
            stream.write_all(answer.as_bytes()).await.expect("sent");
            std::future::pending::<()>().await;
            stream
        };
        let asked = tokio::select! {
            asked = ask(address) => asked,
            _ = answering => unreachable!("it never ends"),
        };
        let said = match asked {
            Ok(url) => format!("ready: {url}"),
            Err(error) => format!("{error:#}"),
        };
        said.replace(&address.to_string(), "ADDRESS")
    }

    #[tokio::test(start_paused = true)]
    async fn only_200_is_ready() {
        for (answer, said) in [
            (
                "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
                "ready: http://ADDRESS/readyz",
            ),
            (
                "HTTP/1.1 503 Service Unavailable\r\n\r\n",
                "http://ADDRESS/readyz answers 503",
            ),
            (
                "220 mail.example.com ESMTP\r\n",
                "http://ADDRESS/readyz does not answer: it does not speak HTTP/1.1",
            ),
            (
                "HTTP/1.1 2",
                "http://ADDRESS/readyz does not answer within 2 s",
            ),
            ("", "http://ADDRESS/readyz does not answer within 2 s"),
        ] {
            assert_eq!(said_of(answer).await, said, "{answer:?}");
        }
    }

    #[test]
    fn a_server_on_every_address_is_asked_on_loopback() {
        for (listen, asked) in [
            ("0.0.0.0:8080", "127.0.0.1:8080"),
            ("[::]:8080", "[::1]:8080"),
            ("192.0.2.1:80", "192.0.2.1:80"),
        ] {
            let listen = listen.parse().expect("an address");
            assert_eq!(reachable(listen).to_string(), asked);
        }
    }
}
