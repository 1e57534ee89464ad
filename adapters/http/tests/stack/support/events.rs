use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
};

use tracing::subscriber::DefaultGuard;
use tracing_subscriber::fmt::MakeWriter;

/// What the process logs beside the access log.
#[derive(Clone, Default)]
pub(crate) struct Events(Arc<Mutex<Vec<u8>>>);

impl Events {
    /// What is logged on this thread until the guard is dropped, an object of JSON a line.
    pub(crate) fn as_json() -> (Self, DefaultGuard) {
        let events = Self::default();
        let subscriber = tracing_subscriber::fmt()
            .json()
            .flatten_event(true)
            .with_writer(events.clone())
            .finish();
        (events, tracing::subscriber::set_default(subscriber))
    }

    /// The audit lines among them: a refusal has a line of its own besides.
    pub(crate) fn take_audit(&self) -> String {
        let text = self.take();
        let of_audit = |line: &&str| line.contains("\"target\":\"usher::audit\"");
        let lines: Vec<_> = text.lines().filter(of_audit).collect();
        lines.join("\n")
    }

    /// What was written since the last time.
    pub(crate) fn take(&self) -> String {
        let mut text = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&std::mem::take(&mut *text)).into_owned()
    }
}

impl io::Write for Events {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut text = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        text.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Events {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}
