use tokio::time::timeout;

use super::*;

/// So long nothing comes where nothing should: a proxy that forwards does so in microseconds.
const SILENCE: Duration = Duration::from_millis(100);
const PATIENCE: Duration = Duration::from_secs(10);

/// A server that sends back what it gets, and a proxy in front of it.
async fn echo() -> Proxy {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut from, mut to) = stream.split();
                let _ = tokio::io::copy(&mut from, &mut to).await;
            });
        }
    });
    Proxy::start(address).await
}

async fn connect(proxy: &Proxy) -> TcpStream {
    TcpStream::connect(proxy.address()).await.unwrap()
}

async fn say(stream: &mut TcpStream, text: &str) {
    stream.write_all(text.as_bytes()).await.unwrap();
}

/// The next bytes, as text; an error's kind otherwise.
async fn hear(stream: &mut TcpStream) -> Result<String, io::ErrorKind> {
    let mut bytes = [0; 64];
    let read = timeout(PATIENCE, stream.read(&mut bytes)).await;
    let read = read.expect("something").map_err(|error| error.kind())?;
    Ok(String::from_utf8_lossy(&bytes[..read]).into_owned())
}

async fn hears_nothing(stream: &mut TcpStream) -> bool {
    timeout(SILENCE, stream.readable()).await.is_err()
}

#[tokio::test]
async fn what_is_sent_is_forwarded_and_kept() {
    let proxy = echo().await;
    let mut one = connect(&proxy).await;
    say(&mut one, "one").await;
    assert_eq!(hear(&mut one).await.unwrap(), "one");
    let mut two = connect(&proxy).await;
    say(&mut two, "two").await;
    assert_eq!(hear(&mut two).await.unwrap(), "two");
    let sent = |connection, text: &str| Sent {
        connection,
        bytes: text.as_bytes().to_vec(),
    };
    assert_eq!(proxy.take_sent(), [sent(0, "one"), sent(1, "two")]);
    assert_eq!(proxy.take_sent(), []);
    assert_eq!((proxy.connections(), proxy.open()), (2, 2));
    one.shutdown().await.unwrap();
    assert_eq!(
        hear(&mut one).await.unwrap(),
        "",
        "its end is forwarded, too"
    );
}

#[tokio::test]
async fn a_stall_holds_everything_back_and_loses_nothing() {
    let proxy = echo().await;
    let mut old = connect(&proxy).await;
    say(&mut old, "a").await;
    assert_eq!(hear(&mut old).await.unwrap(), "a");
    proxy.set(Weather::Stalled);
    let mut new = connect(&proxy).await;
    say(&mut old, "b").await;
    say(&mut new, "c").await;
    assert!(hears_nothing(&mut old).await && hears_nothing(&mut new).await);
    proxy.set(Weather::Fair);
    assert_eq!(hear(&mut old).await.unwrap(), "b");
    assert_eq!(hear(&mut new).await.unwrap(), "c");
}

#[tokio::test]
async fn a_mute_server_gets_what_is_sent_and_is_not_heard() {
    let proxy = echo().await;
    let mut client = connect(&proxy).await;
    say(&mut client, "a").await;
    assert_eq!(hear(&mut client).await.unwrap(), "a");
    proxy.set(Weather::Mute("b"));
    say(&mut client, "a").await;
    assert_eq!(hear(&mut client).await.unwrap(), "a");
    say(&mut client, "b").await;
    assert!(hears_nothing(&mut client).await);
    let sent = proxy.take_sent();
    assert!(sent.len() == 3 && sent[2].contains("b"));
    proxy.set(Weather::Fair);
    say(&mut client, "c").await;
    assert_eq!(hear(&mut client).await.unwrap(), "c", "b is gone");
}

#[tokio::test]
async fn a_slow_network_takes_its_time_in_both_directions() {
    let proxy = echo().await;
    let mut client = connect(&proxy).await;
    proxy.set(Weather::Slow(SILENCE));
    let began = tokio::time::Instant::now();
    say(&mut client, "a").await;
    assert_eq!(hear(&mut client).await.unwrap(), "a");
    assert!(began.elapsed() >= 2 * SILENCE);
}

#[tokio::test]
async fn a_cut_ends_what_there_is_and_a_reset_does_so_rudely() {
    let proxy = echo().await;
    for rude in [false, true] {
        let mut old = connect(&proxy).await;
        say(&mut old, "a").await;
        assert_eq!(hear(&mut old).await.unwrap(), "a");
        if rude {
            proxy.reset();
        } else {
            proxy.cut();
        }
        let expected = if rude {
            Err(io::ErrorKind::ConnectionReset)
        } else {
            Ok(String::new())
        };
        assert_eq!(hear(&mut old).await, expected);
        let mut new = connect(&proxy).await;
        say(&mut new, "b").await;
        assert_eq!(hear(&mut new).await.unwrap(), "b");
    }
}

#[tokio::test]
async fn what_is_forgotten_stays_open_and_silent_while_new_connections_pass() {
    let proxy = echo().await;
    let mut old = connect(&proxy).await;
    say(&mut old, "a").await;
    assert_eq!(hear(&mut old).await.unwrap(), "a");
    proxy.forget();
    say(&mut old, "b").await;
    assert!(hears_nothing(&mut old).await);
    let mut new = connect(&proxy).await;
    say(&mut new, "c").await;
    assert_eq!(hear(&mut new).await.unwrap(), "c");
    assert_eq!(proxy.open(), 2);
    drop(old);
    let closed = async {
        while proxy.open() > 1 {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, closed).await.expect("its end is noticed");
}

#[tokio::test]
async fn down_there_are_no_connections_and_afterwards_there_are() {
    let proxy = echo().await;
    let mut old = connect(&proxy).await;
    say(&mut old, "a").await;
    assert_eq!(hear(&mut old).await.unwrap(), "a");
    proxy.set(Weather::Down);
    assert_eq!(hear(&mut old).await.unwrap(), "");
    // The system takes the connection before the proxy can refuse it.
    if let Ok(mut new) = TcpStream::connect(proxy.address()).await {
        assert_eq!(hear(&mut new).await, Err(io::ErrorKind::ConnectionReset));
    }
    proxy.set(Weather::Fair);
    let mut new = connect(&proxy).await;
    say(&mut new, "c").await;
    assert_eq!(hear(&mut new).await.unwrap(), "c");
}

#[tokio::test]
async fn a_proxy_takes_its_servers_place_in_a_url() {
    let (proxy, url) = Proxy::of("postgres://u:p@127.0.0.1:5432/name?x=1").await;
    assert_eq!(url, format!("postgres://u:p@{}/name?x=1", proxy.address()));
    let (proxy, url) = Proxy::of("http://127.0.0.1:8000").await;
    assert_eq!(url, format!("http://{}", proxy.address()));
}
