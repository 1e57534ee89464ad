//! Diagnostics: everything that is said with `tracing`, and panics.

use std::{io, panic, time::Duration};

use tracing::{Level, Metadata};
use tracing_subscriber::{
    filter::{LevelFilter, Targets},
    fmt::{self, MakeWriter},
    layer::SubscriberExt as _,
    util::SubscriberInitExt as _,
};

use crate::Output;

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// One JSON object a line.
    Json,
    /// For people, with colours or without.
    Text {
        /// Whether a terminal shows them.
        colours: bool,
    },
}

/// A panic waits so long until its line is written.
const LAST_WORDS: Duration = Duration::from_millis(100);

/// Sends what is said to `output`, as far as `levels` let it through and other crates say it at `info` or above, and says
/// of a panic where it was.
///
/// A second call, as in a test, changes nothing.
pub fn start(format: Format, levels: Targets, output: Output) {
    // Below that, drivers and SDKs write what they send and get: items, statements, headers.
    let of_others = Targets::new()
        .with_default(LevelFilter::INFO)
        .with_target("usher", LevelFilter::TRACE);
    let registry = tracing_subscriber::registry().with(of_others).with(levels);
    let writer = Writer(output.clone());
    let _ = match format {
        Format::Json => registry
            .with(fmt::layer().json().flatten_event(true).with_writer(writer))
            .try_init(),
        Format::Text { colours } => registry
            .with(
                fmt::layer()
                    .with_target(false)
                    .with_ansi(colours)
                    .with_writer(writer),
            )
            .try_init(),
    };
    panic::set_hook(Box::new(move |panicked| {
        let place = panicked.location().map(ToString::to_string);
        // Words that are in the source are ours. Those that were put together may have anything in them that was there to
        // put in: a name, a value, a part of what was sent.
        let words = panicked.payload().downcast_ref::<&'static str>().copied();
        tracing::error!(place, words, "a panic");
        // Another while this one unwinds would end the process at once.
        output.flush_within(LAST_WORDS);
    }));
}

struct Writer(Output);

impl<'a> MakeWriter<'a> for Writer {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        self.line(true)
    }

    fn make_writer_for(&'a self, of: &Metadata<'_>) -> Line<'a> {
        // What is wrong is not kept until there is more to write.
        self.line(*of.level() <= Level::WARN)
    }
}

impl Writer {
    const fn line(&self, urgent: bool) -> Line<'_> {
        Line {
            output: &self.0,
            urgent,
        }
    }
}

/// One event's line.
struct Line<'a> {
    output: &'a Output,
    urgent: bool,
}

impl io::Write for Line<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.output.add(&[bytes], self.urgent);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
