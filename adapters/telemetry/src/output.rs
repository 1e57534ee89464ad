use std::{
    fmt::Write as _,
    io,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

/// Lines are kept together until there are so many bytes of them, or [`TICK`] has passed.
const ENOUGH: usize = 32 * 1024;
const TICK: Duration = Duration::from_millis(20);
/// Something is to be done once in so many ticks.
const TICKS: u64 = 50;

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
/// A system call for each line would cost as much as the rest of a request. So lines are collected, and written
/// together by a thread of their own a few milliseconds later ([`start_ticking`]); where there is no time later, as in a sandbox
/// that is frozen between requests, each line is written at once.
#[derive(Debug, Clone)]
pub struct Output {
    buffer: Arc<Mutex<Vec<u8>>>,
    stream: Stream,
    immediate: bool,
}

impl Output {
    /// Writes lines together: [`start_ticking`] has them written out.
    #[must_use]
    pub fn buffered(stream: Stream) -> Self {
        Self {
            buffer: Arc::default(),
            stream,
            immediate: false,
        }
    }

    /// Writes each line at once.
    #[must_use]
    pub fn immediate(stream: Stream) -> Self {
        Self {
            buffer: Arc::default(),
            stream,
            immediate: true,
        }
    }

    /// Takes a line, without its line break.
    pub fn line(&self, line: &str) {
        self.add(&[line.as_bytes(), b"\n"], false);
    }

    /// Takes lines as they are, and writes all of them at once if that is urgent.
    pub(crate) fn add(&self, parts: &[&[u8]], urgent: bool) {
        let full = {
            let mut buffer = self.buffer.lock().unwrap_or_else(PoisonError::into_inner);
            for part in parts {
                buffer.extend_from_slice(part);
            }
            buffer.len() >= ENOUGH
        };
        if full || urgent || self.immediate {
            self.flush();
        }
    }

    /// Takes what is waiting, in place of writing it.
    #[must_use]
    pub fn take(&self) -> String {
        let mut buffer = self.buffer.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&std::mem::take(&mut *buffer)).into_owned()
    }

    /// Writes what is still waiting.
    pub fn flush(&self) {
        write_to(self.stream, &self.buffer);
    }
}

fn write_to(stream: Stream, buffer: &Mutex<Vec<u8>>) {
    // The stream is locked first, so that two writers cannot swap the order of their lines.
    match stream {
        Stream::Stdout => write_out(buffer, io::stdout().lock()),
        Stream::Stderr => write_out(buffer, io::stderr().lock()),
    }
}

fn write_out(buffer: &Mutex<Vec<u8>>, mut stream: impl io::Write) {
    let lines = {
        let mut buffer = buffer.lock().unwrap_or_else(PoisonError::into_inner);
        if buffer.is_empty() {
            return;
        }
        std::mem::replace(&mut *buffer, Vec::with_capacity(ENOUGH))
    };
    // A stream that is closed must not end the server.
    let _ = stream.write_all(&lines).and_then(|()| stream.flush());
}

/// Something that is done about once a second.
pub trait Ticked: Send + Sync + 'static {
    /// Does it.
    fn tick(&self);
}

/// Starts the thread that writes out what has been collected, and lets `ticked` do what it does. It ends when all of that
/// is gone.
///
/// # Errors
/// When no thread can be started.
pub fn start_ticking(outputs: &[Output], ticked: Weak<dyn Ticked>) -> io::Result<()> {
    let outputs: Vec<_> = outputs
        .iter()
        .map(|output| (Arc::downgrade(&output.buffer), output.stream))
        .collect();
    let work = move || {
        for tick in 1_u64.. {
            if tick.is_multiple_of(TICKS)
                && let Some(ticked) = ticked.upgrade()
            {
                ticked.tick();
            }
            let mut is_over = true;
            for (buffer, stream) in &outputs {
                if let Some(buffer) = buffer.upgrade() {
                    is_over = false;
                    write_to(*stream, &buffer);
                }
            }
            if is_over {
                return;
            }
            // Nothing wakes this thread on purpose: waking it would be the system call that the buffer is there to save.
            std::thread::park_timeout(TICK);
        }
    };
    let thread = std::thread::Builder::new().name("telemetry".to_owned());
    thread.spawn(work).map(drop)
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
        ("authorizer.claims.sub", "sub"),
        ("identity.apiKeyId", "key"),
        ("requestId", "id"),
    ] {
        if !fields[name].is_null() {
            // Writing to a String cannot fail.
            let _ = write!(text, " {short}={}", field(name));
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
}
