//! A network between a program and its database that can be made to fail.
//!
//! [`Proxy`] forwards TCP from a loopback port of its own. [`Proxy::set`] changes what it does with
//! everything, at once and for as long as it stays so; [`Proxy::cut`], [`Proxy::reset`] and
//! [`Proxy::forget`] happen to the connections there are, and new ones are none the wiser. What a
//! client has sent is kept, so that a test can count it.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    pin::pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
    task::JoinHandle,
};

#[cfg(test)]
mod tests;

/// More than this is forwarded in several pieces, in bytes.
const CHUNK: usize = 16 * 1024;

/// What the network is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weather {
    /// What comes is forwarded.
    Fair,
    /// Each piece is held back for so long, in both directions.
    Slow(Duration),
    /// Nothing is forwarded and nobody is told. What came meanwhile is forwarded afterwards.
    Stalled,
    /// What a client sends is forwarded. From when it sends something with this text in it, what it
    /// is answered over the same connection is thrown away; without a text, from now on.
    Mute(&'static str),
    /// There are no connections: those that were are closed, and new ones are reset.
    Down,
}

/// What becomes of the connections that there are at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// Both ends are told that it is over.
    Cut,
    /// So are they, and rudely: RST.
    Reset,
    /// Nobody is told anything, ever.
    Forgotten,
}

/// A proxy in front of one server. It ends when it is dropped.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    weather: watch::Sender<Weather>,
    /// What happened to the connections before this one, last.
    fates: watch::Sender<(usize, Option<Fate>)>,
    connections: AtomicUsize,
    open: watch::Sender<usize>,
    sent: Mutex<Vec<Sent>>,
}

/// Something that a client sent and that was forwarded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// Counts connections from 0.
    pub connection: usize,
    /// As it was read: a client's flush, if it was not long.
    pub bytes: Vec<u8>,
}

impl Sent {
    /// Whether this text is in it.
    #[must_use]
    pub fn contains(&self, text: &str) -> bool {
        contains(&self.bytes, text)
    }
}

impl Proxy {
    /// Starts a proxy in front of `server` on a port of its own.
    pub async fn start(server: SocketAddr) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let listener = listener.expect("a port");
        let address = listener.local_addr().expect("an address");
        let shared = Arc::new(Shared {
            weather: watch::Sender::new(Weather::Fair),
            fates: watch::Sender::new((0, None)),
            connections: AtomicUsize::new(0),
            open: watch::Sender::new(0),
            sent: Mutex::default(),
        });
        let task = tokio::spawn(accept(listener, server, Arc::clone(&shared)));
        Self {
            address,
            shared,
            task,
        }
    }

    /// In front of the server that `url` names by its host and port, which may be any URL with both.
    /// Returns the URL with the proxy in the server's place, too.
    pub async fn of(url: &str) -> (Self, String) {
        let authority = url.split("://").nth(1).expect("a URL");
        let authority = authority.split(['/', '?']).next().expect("an authority");
        let host = authority.rsplit('@').next().expect("a host");
        let server = host.parse().expect("an address and a port");
        let proxy = Self::start(server).await;
        let url = url.replacen(host, &proxy.address.to_string(), 1);
        (proxy, url)
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Changes what happens to everything from now on.
    pub fn set(&self, weather: Weather) {
        self.shared.weather.send_replace(weather);
    }

    /// Closes the connections there are.
    pub fn cut(&self) {
        self.befall(Fate::Cut);
    }

    /// Resets the connections there are.
    pub fn reset(&self) {
        self.befall(Fate::Reset);
    }

    /// Forwards nothing more over the connections there are, and keeps them open, as a firewall does
    /// that has forgotten them.
    pub fn forget(&self) {
        self.befall(Fate::Forgotten);
    }

    fn befall(&self, fate: Fate) {
        let before = self.connections();
        self.shared.fates.send_replace((before, Some(fate)));
    }

    /// How many connections there ever were.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// How many connections are open, the forgotten ones included.
    #[must_use]
    pub fn open(&self) -> usize {
        *self.shared.open.borrow()
    }

    /// What clients have sent since the last time that this was asked, in the order of forwarding.
    #[allow(
        clippy::must_use_candidate,
        reason = "a test may be done with what was sent so far"
    )]
    pub fn take_sent(&self) -> Vec<Sent> {
        std::mem::take(&mut *self.shared.sent())
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
        self.set(Weather::Down);
    }
}

impl Shared {
    fn sent(&self) -> std::sync::MutexGuard<'_, Vec<Sent>> {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn accept(listener: TcpListener, server: SocketAddr, shared: Arc<Shared>) {
    while let Ok((client, _)) = listener.accept().await {
        if *shared.weather.borrow() == Weather::Down {
            reset(&client);
            continue;
        }
        let number = shared.connections.fetch_add(1, Ordering::SeqCst);
        tokio::spawn(forward(client, server, number, Arc::clone(&shared)));
    }
}

async fn forward(client: TcpStream, server: SocketAddr, number: usize, shared: Arc<Shared>) {
    shared.open.send_modify(|open| *open += 1);
    let link = Link {
        number,
        weather: shared.weather.subscribe(),
        mute: Arc::new(AtomicBool::new(false)),
        shared: Arc::clone(&shared),
    };
    let passed = async {
        link.clone().calm().await;
        let server = TcpStream::connect(server).await?;
        // What is to be measured is what the program sends, and not what is waited for here.
        let _ = (client.set_nodelay(true), server.set_nodelay(true));
        Ok::<_, io::Error>(server)
    };
    let mut over = pin!(fate(number, &shared));
    let server = tokio::select! {
        server = passed => server.map_err(|_| Fate::Reset),
        fate = &mut over => Err(fate),
    };
    let server = match server {
        Ok(server) => server,
        Err(fate) => return end(fate, client, None, &shared, number).await,
    };
    let ((client_in, client_out), (server_in, server_out)) =
        (client.into_split(), server.into_split());
    let mut pumps = Pumps {
        there: (client_in, server_out),
        back: (server_in, client_out),
    };
    let fate = tokio::select! {
        () = pumps.run(&link) => Fate::Cut,
        fate = &mut over => fate,
    };
    let (client_in, server_out) = pumps.there;
    let (server_in, client_out) = pumps.back;
    let client = client_in.reunite(client_out).expect("the same stream");
    let server = server_in.reunite(server_out).expect("the same stream");
    end(fate, client, Some(server), &shared, number).await;
}

/// Waits until something happens to this connection.
async fn fate(number: usize, shared: &Shared) -> Fate {
    let (mut fates, mut weather) = (shared.fates.subscribe(), shared.weather.subscribe());
    let befallen = async {
        let concerned = fates.wait_for(|(before, fate)| number < *before && fate.is_some());
        concerned.await.ok().and_then(|found| found.1)
    };
    let down = async {
        weather
            .wait_for(|weather| *weather == Weather::Down)
            .await
            .is_ok()
    };
    tokio::select! {
        fate = befallen => fate.unwrap_or(Fate::Cut),
        _ = down => Fate::Cut,
    }
}

/// Ends a connection as `fate` has it.
async fn end(
    fate: Fate,
    client: TcpStream,
    server: Option<TcpStream>,
    shared: &Shared,
    number: usize,
) {
    match fate {
        Fate::Cut => {}
        Fate::Reset => {
            reset(&client);
            server.as_ref().inspect(|server| reset(server));
        }
        Fate::Forgotten => {
            // Until the proxy ends, or this connection is cut after all.
            let (mut fates, mut weather) = (shared.fates.subscribe(), shared.weather.subscribe());
            let cut =
                fates.wait_for(|(before, fate)| number < *before && *fate != Some(Fate::Forgotten));
            let down = weather.wait_for(|weather| *weather == Weather::Down);
            tokio::select! {
                _ = cut => {}
                _ = down => {}
                // The client has lost patience.
                () = hung_up(&client) => {}
            }
        }
    }
    drop((client, server));
    shared.open.send_modify(|open| *open -= 1);
}

/// Waits until the other end has closed; what it sends before is thrown away.
async fn hung_up(stream: &TcpStream) {
    let mut rest = [0; 1024];
    while stream.readable().await.is_ok() {
        match stream.try_read(&mut rest) {
            Ok(read) if read > 0 => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            _ => return,
        }
    }
}

/// Makes closing `stream` a reset: RFC 9293, section 3.10.4, ABORT.
fn reset(stream: &TcpStream) {
    // Whoever closed it already cannot be told anything.
    let _ = stream.set_zero_linger();
}

/// What a pump has to know.
#[derive(Debug, Clone)]
struct Link {
    number: usize,
    weather: watch::Receiver<Weather>,
    /// Whether something was sent whose answer is not to be heard.
    mute: Arc<AtomicBool>,
    shared: Arc<Shared>,
}

impl Link {
    /// Waits until things are forwarded, and says how.
    async fn calm(mut self) -> Weather {
        let weather = self
            .weather
            .wait_for(|weather| *weather != Weather::Stalled)
            .await;
        weather.map_or(Weather::Down, |weather| *weather)
    }
}

struct Pumps {
    there: (OwnedReadHalf, OwnedWriteHalf),
    back: (OwnedReadHalf, OwnedWriteHalf),
}

impl Pumps {
    /// Forwards until both sides are done, or one has failed.
    async fn run(&mut self, link: &Link) {
        let there = pump(&mut self.there, link, true);
        let back = pump(&mut self.back, link, false);
        let _ = tokio::try_join!(there, back);
    }
}

async fn pump(
    (from, to): &mut (OwnedReadHalf, OwnedWriteHalf),
    link: &Link,
    is_request: bool,
) -> io::Result<()> {
    let mut chunk = vec![0; CHUNK];
    loop {
        let read = from.read(&mut chunk).await?;
        let mut weather = link.clone().calm().await;
        if let Weather::Slow(delay) = weather {
            tokio::time::sleep(delay).await;
            weather = link.clone().calm().await;
        }
        if read == 0 {
            return to.shutdown().await;
        }
        let bytes = chunk.get(..read).unwrap_or_default();
        if is_request {
            if let Weather::Mute(text) = weather
                && contains(bytes, text)
            {
                link.mute.store(true, Ordering::SeqCst);
            }
            let bytes = bytes.to_vec();
            let connection = link.number;
            link.shared.sent().push(Sent { connection, bytes });
        } else if let Weather::Mute(text) = weather
            && (text.is_empty() || link.mute.load(Ordering::SeqCst))
        {
            continue;
        }
        to.write_all(bytes).await?;
    }
}

fn contains(bytes: &[u8], text: &str) -> bool {
    let text = text.as_bytes();
    text.is_empty() || bytes.windows(text.len()).any(|window| window == text)
}
