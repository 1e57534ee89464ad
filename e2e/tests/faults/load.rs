//! Clients that write and read all the time, and know what they were told.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::watch,
    task::JoinSet,
    time::{Instant, sleep},
};

use super::{Bench, Timed, timed};

pub(super) const CLIENTS: usize = 8;

/// What a client does before it asks again.
const PAUSE: Duration = Duration::from_millis(20);

/// What all clients have seen so far.
#[derive(Debug, Clone, Default)]
pub(super) struct Seen {
    /// Writes that were answered with success.
    pub(super) acknowledged: u64,
    /// Reads that were.
    pub(super) read: u64,
    /// Requests answered 503 or 504.
    pub(super) refused: u64,
    /// Writes among them, of which it is not said whether they were done, and those that were.
    pub(super) doubtful: u64,
    pub(super) done: u64,
    /// The longest that an answer has taken.
    pub(super) slowest: Duration,
    /// When each client was last served.
    pub(super) served: Vec<Option<Instant>>,
}

/// A load. It goes on until it is told to end.
pub(super) struct Load {
    pub(super) seen: watch::Receiver<Seen>,
    end: watch::Sender<bool>,
    clients: JoinSet<()>,
}

impl Load {
    pub(super) fn on(bench: &Arc<Bench>) -> Self {
        let seen = Seen {
            served: vec![None; CLIENTS],
            ..Seen::default()
        };
        let (told, seen) = watch::channel(seen);
        let (end, ended) = watch::channel(false);
        let (told, mut clients) = (Arc::new(told), JoinSet::new());
        for number in 0..CLIENTS {
            let journal = Journal {
                number,
                id: format!("client-{number}"),
                bench: Arc::clone(bench),
                seen: Arc::clone(&told),
                stored: None,
                doubtful: Vec::new(),
            };
            clients.spawn(journal.run(ended.clone()));
        }
        Self { seen, end, clients }
    }

    /// Waits until `enough` was seen. A client that has seen something wrong ends the test.
    pub(super) async fn until(&mut self, mut enough: impl FnMut(&Seen) -> bool) {
        let Self { seen, clients, .. } = self;
        tokio::select! {
            seen = seen.wait_for(|seen| enough(seen)) => drop(seen.expect("clients")),
            failed = clients.join_next() => panic!("a client ended: {failed:?}"),
        }
    }

    /// Ends it, after each client has compared what is there with what it was told.
    pub(super) async fn end(self) -> Seen {
        self.end.send_replace(true);
        self.clients.join_all().await;
        self.seen.borrow().clone()
    }
}

/// The content of a profile: a counter, and its tag.
type Content = Option<(u64, String)>;

/// A client with a profile that only it writes.
struct Journal {
    number: usize,
    id: String,
    bench: Arc<Bench>,
    seen: Arc<watch::Sender<Seen>>,
    /// What is stored, as far as anything was answered.
    stored: Content,
    /// Writes on condition of it that may be done yet, or be done already.
    doubtful: Vec<u64>,
}

impl Journal {
    async fn run(mut self, ended: watch::Receiver<bool>) {
        let mut n = 0;
        while !*ended.borrow() {
            n += 1;
            self.write(n).await;
            self.read().await;
        }
    }

    /// Sends a request and counts its answer; `None` when it was refused.
    async fn send(&self, request: reqwest::RequestBuilder) -> Option<Timed> {
        let answer = timed(request).await;
        let is_refused = match answer.status {
            503 => {
                answer.is_unavailable();
                true
            }
            504 => {
                answer.is_timeout();
                true
            }
            _ => false,
        };
        self.seen.send_modify(|seen| {
            seen.slowest = seen.slowest.max(answer.took);
            seen.refused += u64::from(is_refused);
            if !is_refused {
                seen.served[self.number] = Some(Instant::now());
            }
        });
        (!is_refused).then_some(answer)
    }

    /// Writes the next number, in one way or another.
    async fn write(&mut self, n: u64) {
        let body = format!(r#"{{"n":{n}}}"#);
        let (request, expected) = match &self.stored {
            None => {
                let put = self.bench.put(&self.id, &body);
                (put.header("if-none-match", "*"), 201)
            }
            Some((_, tag)) if n.is_multiple_of(2) => {
                let patch = self.bench.patch(&self.id, &body);
                (patch.header("if-match", tag), 200)
            }
            Some((_, tag)) => {
                let put = self.bench.put(&self.id, &body);
                (put.header("if-match", tag), 200)
            }
        };
        match self.send(request).await {
            // What was in doubt has been done meanwhile.
            Some(answer) if answer.status == 412 && !self.doubtful.is_empty() => {}
            // Nobody else writes it, so that nothing can stand against it.
            Some(answer) => {
                assert_eq!(answer.status, expected, "{}: {}", self.id, answer.body);
                self.stored = Some((n, answer.etag.expect("a tag")));
                // What was sent on condition of anything before this comes too late.
                self.doubtful.clear();
                self.seen.send_modify(|seen| seen.acknowledged += 1);
            }
            None => {
                self.doubtful.push(n);
                self.seen.send_modify(|seen| seen.doubtful += 1);
                sleep(PAUSE).await;
            }
        }
    }

    /// Reads until there is an answer, which is what was answered last, or something in doubt.
    async fn read(&mut self) {
        let answer = loop {
            match self.send(self.bench.get(&self.id)).await {
                Some(answer) => break answer,
                None => sleep(PAUSE).await,
            }
        };
        let found = match answer.status {
            200 => {
                let n = answer.json()["n"].as_u64().expect("a counter");
                Some((n, answer.etag.expect("a tag")))
            }
            404 => None,
            other => panic!("{}: {other}: {}", self.id, answer.body),
        };
        if found != self.stored {
            let n = found.as_ref().map(|(n, _)| *n);
            let doubtful = &self.doubtful;
            assert!(
                n.is_some_and(|n| doubtful.contains(&n)),
                "{} holds {found:?}, and {:?} was answered; in doubt: {doubtful:?}",
                self.id,
                self.stored
            );
            // The others were sent on the same condition.
            self.doubtful.clear();
            self.seen.send_modify(|seen| seen.done += 1);
        }
        self.stored = found;
        self.seen.send_modify(|seen| seen.read += 1);
    }
}
