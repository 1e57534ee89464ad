use std::{
    fmt::Write as _,
    io::{self, IsTerminal as _, Write as _},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tracing::Level;
use tracing_subscriber::{fmt, layer::SubscriberExt as _, util::SubscriberInitExt as _};
use usher_http::{AUDIT, AccessLog};

use crate::config::{LogConfig, LogFormat};

/// Sends diagnostics to standard error, as the configuration says.
///
/// Access-log lines go to standard output: they are data, and one does not have to be taken out of
/// the other.
pub fn init_logging(config: &LogConfig) {
    let filter = config.level.clone();
    // Who was let in by a grant is no diagnostic, and is told at every level.
    let filter = filter.with_target(AUDIT, Level::INFO);
    let registry = tracing_subscriber::registry().with(filter);
    // A second call, as in a test, changes nothing.
    let _ = match config.format {
        LogFormat::Json => registry
            .with(
                fmt::layer()
                    .json()
                    .flatten_event(true)
                    .with_writer(io::stderr),
            )
            .try_init(),
        LogFormat::Text => {
            let ansi = io::stderr().is_terminal();
            registry
                .with(
                    fmt::layer()
                        .with_target(false)
                        .with_ansi(ansi)
                        .with_writer(io::stderr),
                )
                .try_init()
        }
    };
}

/// Lines are kept together until there are so many bytes of them, or [`FLUSH_EVERY`] has passed.
const ENOUGH: usize = 32 * 1024;
const FLUSH_EVERY: Duration = Duration::from_millis(20);

/// Access-log lines on standard output.
///
/// A system call for each line would cost as much as the rest of a request. So lines are collected,
/// and written together by a thread of their own a few milliseconds later; where there is no time
/// later ([`AccessLogLines::immediate`], for a sandbox that is frozen between requests) each line
/// is written at once.
#[derive(Debug, Clone)]
pub struct AccessLogLines {
    buffer: Arc<Mutex<Vec<u8>>>,
    immediate: bool,
    text: bool,
}

impl AccessLogLines {
    /// Writes lines together. The thread ends when every clone is gone.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn buffered(format: LogFormat) -> io::Result<Self> {
        let lines = Self {
            buffer: Arc::default(),
            immediate: false,
            text: format == LogFormat::Text,
        };
        let buffer = Arc::downgrade(&lines.buffer);
        std::thread::Builder::new()
            .name("access-log".to_owned())
            .spawn(move || {
                while let Some(buffer) = buffer.upgrade() {
                    write_out(&buffer);
                    drop(buffer);
                    // Nothing wakes this thread on purpose: waking it would be the system call that the
                    // buffer is there to save.
                    std::thread::park_timeout(FLUSH_EVERY);
                }
            })?;
        Ok(lines)
    }

    /// Writes each line at once.
    #[must_use]
    pub fn immediate(format: LogFormat) -> Self {
        Self {
            buffer: Arc::default(),
            immediate: true,
            text: format == LogFormat::Text,
        }
    }

    /// Writes what is still waiting.
    pub fn flush(&self) {
        write_out(&self.buffer);
    }
}

impl AccessLog for AccessLogLines {
    fn write(&self, line: &str) {
        let full = {
            let mut buffer = self.buffer.lock().unwrap_or_else(PoisonError::into_inner);
            if self.text {
                buffer.extend_from_slice(as_text(line).as_bytes());
            } else {
                buffer.extend_from_slice(line.as_bytes());
            }
            buffer.push(b'\n');
            buffer.len() >= ENOUGH
        };
        if full || self.immediate {
            write_out(&self.buffer);
        }
    }
}

fn write_out(buffer: &Mutex<Vec<u8>>) {
    // Standard output is locked first, so that two writers cannot swap the order of their lines.
    let mut output = io::stdout().lock();
    let lines = {
        let mut buffer = buffer.lock().unwrap_or_else(PoisonError::into_inner);
        if buffer.is_empty() {
            return;
        }
        std::mem::replace(&mut *buffer, Vec::with_capacity(ENOUGH))
    };
    // A closed standard output must not end the server.
    let _ = output.write_all(&lines).and_then(|()| output.flush());
}

/// A line for people: what they look for first, in the order they look for it.
fn as_text(line: &str) -> String {
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
