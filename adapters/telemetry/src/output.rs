use std::{
    fmt::Write as _,
    io,
    sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError, Weak},
    thread::Thread,
    time::Duration,
};

/// Lines are kept together until there are so many bytes of them, or [`TICK`] has passed.
const ENOUGH: usize = 32 * 1024;
/// So many bytes may wait. A reader that has stopped reading must stop neither requests nor the process: more lines are
/// left out, and counted.
const MOST: usize = 4 * 1024 * 1024;
const TICK: Duration = Duration::from_millis(20);
/// Whoever ends waits so long for the last lines to be read.
const PATIENCE: Duration = Duration::from_secs(2);

/// Where lines go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Standard output: data.
    Stdout,
    /// Standard error: diagnostics.
    Stderr,
}

/// Lines on their way to a stream. Clones share them.
///
/// A system call for each line would cost as much as the rest of a request, and a reader who does not read would stop
/// whoever makes it. So lines are collected, and written together by a thread of their own a few milliseconds later
/// ([`Output::write_in_background`]); where there is no time later, as in a sandbox that is frozen between requests, each
/// line is written at once.
#[derive(Debug, Clone)]
pub struct Output {
    shared: Arc<Shared>,
    stream: Stream,
    immediate: bool,
}

#[derive(Debug, Default)]
struct Shared {
    waiting: Mutex<Waiting>,
    written: Condvar,
    /// Who writes, as soon as there is somebody.
    writer: OnceLock<Thread>,
}

#[derive(Debug, Default)]
struct Waiting {
    bytes: Vec<u8>,
    left_out: u64,
    /// Some lines have been taken from here and are not written yet.
    writing: bool,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Output {
    /// Writes lines together: [`Output::write_in_background`] has them written out.
    #[must_use]
    pub fn buffered(stream: Stream) -> Self {
        Self {
            shared: Arc::default(),
            stream,
            immediate: false,
        }
    }

    /// Writes each line at once.
    #[must_use]
    pub fn immediate(stream: Stream) -> Self {
        Self {
            shared: Arc::default(),
            stream,
            immediate: true,
        }
    }

    /// Takes a line, without its line break.
    pub fn line(&self, line: &str) {
        self.add(&[line.as_bytes(), b"\n"], false);
    }

    /// Takes a line, and has all of them written at once if that is urgent.
    pub(crate) fn add(&self, parts: &[&[u8]], urgent: bool) {
        let full = {
            let mut waiting = self.shared.lock();
            let more: usize = parts.iter().map(|part| part.len()).sum();
            if waiting.bytes.len() + more > MOST {
                waiting.left_out += 1;
                return;
            }
            for part in parts {
                waiting.bytes.extend_from_slice(part);
            }
            waiting.bytes.len() >= ENOUGH
        };
        if full || urgent || self.immediate {
            match self.shared.writer.get() {
                Some(writer) => writer.unpark(),
                None => write_out(self.stream, &self.shared),
            }
        }
    }

    /// Takes what is waiting, in place of writing it.
    #[must_use]
    pub fn take(&self) -> String {
        let bytes = std::mem::take(&mut self.shared.lock().bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Has written what is still waiting, or gives up after 2 s: nobody reads.
    pub fn flush(&self) {
        self.flush_within(PATIENCE);
    }

    /// The same, and gives up sooner.
    pub(crate) fn flush_within(&self, patience: Duration) {
        let Some(writer) = self.shared.writer.get() else {
            return write_out(self.stream, &self.shared);
        };
        writer.unpark();
        let waiting = self.shared.lock();
        let is_busy = |waiting: &mut Waiting| waiting.writing || !waiting.bytes.is_empty();
        let result = self
            .shared
            .written
            .wait_timeout_while(waiting, patience, is_busy);
        drop(result);
    }

    /// Starts the thread that writes out what has been collected, and lets `ticked` do what it does. It ends when this
    /// output is gone.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn write_in_background(&self, ticked: Option<Weak<dyn Ticked>>) -> io::Result<()> {
        let (shared, stream) = (Arc::downgrade(&self.shared), self.stream);
        let work = move || {
            loop {
                if let Some(ticked) = ticked.as_ref().and_then(Weak::upgrade) {
                    ticked.tick();
                }
                let Some(shared) = shared.upgrade() else {
                    return;
                };
                write_out(stream, &shared);
                drop(shared);
                // For lines that are in no hurry nobody wakes this thread: that would be the system call which the
                // buffer is there to save.
                std::thread::park_timeout(TICK);
            }
        };
        let thread = std::thread::Builder::new().name(format!("{stream:?} lines"));
        let thread = thread.spawn(work)?;
        // A second thread would be one too many, and harmless.
        let _ = self.shared.writer.set(thread.thread().clone());
        Ok(())
    }
}

fn write_out(stream: Stream, shared: &Shared) {
    // The stream is locked first, so that two writers cannot swap the order of their lines.
    match stream {
        Stream::Stdout => write_to(shared, io::stdout().lock()),
        Stream::Stderr => write_to(shared, io::stderr().lock()),
    }
}

fn write_to(shared: &Shared, mut stream: impl io::Write) {
    let (lines, left_out) = {
        let mut waiting = shared.lock();
        if waiting.bytes.is_empty() {
            return;
        }
        waiting.writing = true;
        let lines = std::mem::replace(&mut waiting.bytes, Vec::with_capacity(ENOUGH));
        (lines, std::mem::take(&mut waiting.left_out))
    };
    // A stream that is closed must not end the server.
    let _ = stream.write_all(&lines).and_then(|()| stream.flush());
    drop(stream);
    // Before anybody who waits for the end of this goes on.
    if left_out > 0 {
        tracing::warn!(
            lines = left_out,
            "log lines were left out: nobody read them in time"
        );
    }
    shared.lock().writing = false;
    shared.written.notify_all();
}

/// Something that is done from time to time.
pub trait Ticked: Send + Sync + 'static {
    /// Does it, if its time has come. It is asked whenever lines are about to be written: every 20 ms, and more often the more
    /// there are.
    fn tick(&self);
}

/// A line of the access log for people: what they look for first, in the order they look for it.
#[must_use]
pub fn as_text(line: &str) -> String {
    let Ok(fields) = serde_json::from_str::<serde_json::Value>(line) else {
        return line.to_owned();
    };
    let field = |name: &str| match &fields[name] {
        serde_json::Value::Null => "-".to_owned(),
        // A control character could end the line, or talk to the terminal.
        serde_json::Value::String(text) if text.chars().any(char::is_control) => {
            text.escape_debug().to_string()
        }
        serde_json::Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let mut text = format!(
        "{} {} {} {} {}ms",
        field("requestTime"),
        field("status"),
        field("httpMethod"),
        field("path"),
        field("responseLatency")
    );
    for (name, short) in [
        ("error.code", "error"),
        ("integrationLatency", "store_ms"),
        ("authorizer.claims.sub", "sub"),
        ("identity.apiKeyId", "key"),
        ("usagePlanId", "plan"),
        ("identity.sourceIp", "ip"),
        ("xrayTraceId", "trace"),
        ("requestId", "id"),
    ] {
        if !fields[name].is_null() {
            let mut value = field(name);
            // What looks like another field must not be taken for one.
            if value.contains(|letter: char| letter.is_whitespace() || matches!(letter, '=' | '"'))
            {
                value = format!("{value:?}");
            }
            // Writing to a String cannot fail.
            let _ = write!(text, " {short}={value}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_for_people_names_what_they_look_for() {
        let line = r#"{"requestId":"r","requestTime":"t","httpMethod":"GET","path":"/p","status":403,"responseLatency":0.125,"error.code":"not_your_profile"}"#;
        assert_eq!(
            as_text(line),
            "t 403 GET /p 0.125ms error=not_your_profile id=r"
        );
    }

    #[test]
    fn nobody_forges_a_field_of_a_line_for_people() {
        let line = r#"{"path":"/p","authorizer.claims.sub":"bob key=k1\n200 GET","requestId":"r"}"#;
        let text = as_text(line);
        assert_eq!(text.lines().count(), 1, "{text}");
        assert!(
            text.contains(r#"sub="bob key=k1"#) && !text.contains(" key=k1 "),
            "{text}"
        );
    }

    /// Nothing is written here, for there is nobody who writes.
    #[test]
    fn what_nobody_reads_is_left_out_and_counted() {
        let output = Output::buffered(Stream::Stdout);
        // As if it wrote, and did not come to an end.
        let writer = std::thread::current();
        output.shared.writer.set(writer).expect("the first");
        let line = "x".repeat(1023);
        for _ in 0..MOST / 1024 + 7 {
            output.line(&line);
        }
        let waiting = output.shared.lock();
        assert_eq!((waiting.bytes.len(), waiting.left_out), (MOST, 7));
    }
}
