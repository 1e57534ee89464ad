//! What a child process writes, line by line from both of its streams.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, ReadBuf};
use tokio::process::Child;
use tokio::sync::watch;

/// A grandchild that inherited a stream keeps it open; it must not hold up the end of the child.
const COMPLETION_LIMIT: Duration = Duration::from_secs(2);

/// The collected output of a process; clones share it.
#[derive(Clone, Debug)]
pub(super) struct Output {
    lines: Arc<Mutex<Vec<u8>>>,
    open_streams: watch::Receiver<()>,
}

impl Output {
    /// Begins to collect; takes both streams from the process.
    pub(super) fn of(child: &mut Child) -> Self {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let (open, open_streams) = watch::channel(());
        if let Some(stdout) = child.stdout.take() {
            tokio::spawn(collect(stdout, Arc::clone(&lines), open.clone()));
        }
        if let Some(stderr) = child.stderr.take() {
            tokio::spawn(collect(stderr, Arc::clone(&lines), open));
        }
        Self {
            lines,
            open_streams,
        }
    }

    pub(super) fn text(&self) -> String {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&lines).into_owned()
    }

    /// Waits until both streams are read to their end, at most two seconds.
    pub(super) async fn complete(&self) {
        let mut open_streams = self.open_streams.clone();
        // Nothing is ever sent: this ends with an error once both collectors have dropped theirs.
        let _ = tokio::time::timeout(COMPLETION_LIMIT, open_streams.changed()).await;
    }
}

async fn collect(
    mut stream: impl AsyncRead + Unpin,
    lines: Arc<Mutex<Vec<u8>>>,
    _open: watch::Sender<()>,
) {
    let mut chunk = [0; 4096];
    let mut pending = Vec::new();
    loop {
        let read = poll_fn(|context| poll_chunk(&mut stream, context, &mut chunk)).await;
        let read = read
            .ok()
            .and_then(|length| chunk.get(..length))
            .unwrap_or_default();
        pending.extend_from_slice(read);
        // Whole lines only, or the two streams would mix within one.
        let whole = match pending.iter().rposition(|byte| *byte == b'\n') {
            _ if read.is_empty() => pending.len(),
            Some(last) => last + 1,
            None => 0,
        };
        lines
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend(pending.drain(..whole));
        if read.is_empty() {
            return;
        }
    }
}

/// The `read` of tokio's `io-util` feature, which nothing else here needs.
fn poll_chunk(
    stream: &mut (impl AsyncRead + Unpin),
    context: &mut Context<'_>,
    chunk: &mut [u8],
) -> Poll<io::Result<usize>> {
    let mut buffer = ReadBuf::new(chunk);
    ready!(Pin::new(stream).poll_read(context, &mut buffer))?;
    Poll::Ready(Ok(buffer.filled().len()))
}
