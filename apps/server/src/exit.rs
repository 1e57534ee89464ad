//! How the process ends.

use std::{fmt::Display, path::Path, process::ExitCode, sync::mpsc, thread, time::Duration};

use usher_wiring::{OpenError, config::ConfigError};

/// Why the process ends without having done what it was asked to.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The configuration or the command line: exit code 64.
    Config(Vec<String>),
    /// Something it needs is out of reach: exit code 69.
    Unavailable(anyhow::Error),
    /// A bug: exit code 70.
    Bug(anyhow::Error),
}

impl Failure {
    pub(crate) fn config(detail: impl Display) -> Self {
        Self::Config(vec![detail.to_string()])
    }

    /// Says on standard error what was wrong, and with which exit code the process ends.
    pub(crate) fn report(self) -> ExitCode {
        let (lines, code) = match self {
            Self::Config(errors) => (errors, 64),
            Self::Unavailable(error) => (vec![format!("{error:#}")], 69),
            Self::Bug(error) => (vec![format!("{error:#}")], 70),
        };
        say(lines);
        ExitCode::from(code)
    }
}

/// Says what was wrong, for as long as somebody listens: a process that is to be started again must end.
#[allow(
    clippy::print_stderr,
    reason = "the process ends here; logging may not be set up"
)]
fn say(lines: Vec<String>) {
    const PATIENCE: Duration = Duration::from_secs(2);
    let (said, done) = mpsc::channel();
    thread::spawn(move || {
        for line in lines {
            eprintln!("usher: {}", plain(&line));
        }
        let _ = said.send(());
    });
    let _ = done.recv_timeout(PATIENCE);
}

impl From<Vec<ConfigError>> for Failure {
    fn from(errors: Vec<ConfigError>) -> Self {
        Self::Config(errors.iter().map(ToString::to_string).collect())
    }
}

impl From<OpenError> for Failure {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::NotBuilt(_) | OpenError::Unfit(_) | OpenError::Nothing(_) => {
                Self::config(error)
            }
            OpenError::Store(_) | OpenError::Contended | OpenError::Late => {
                Self::Unavailable(error.into())
            }
        }
    }
}

/// A text for a terminal: what people named things must not move the cursor of those who look at it, nor
/// turn their lines around (Unicode's bidirectional controls).
pub(crate) fn plain(text: &str) -> String {
    let harmless = |letter: char| match letter {
        '\n' => letter,
        '\u{200e}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => '\u{fffd}',
        letter if letter.is_control() => '\u{fffd}',
        letter => letter,
    };
    text.chars().map(harmless).collect()
}

/// The text of a file that the command line names.
pub(crate) fn read(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path)
        .map_err(|error| Failure::config(format!("{} cannot be read: {error}", path.display())))
}

/// Runs `task` on a runtime of its own.
pub(crate) fn run(task: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::Unavailable(error.into()))?;
    let done = runtime.block_on(task);
    // All that has to be done is. A file that hangs on a network's file system must not keep the
    // process, which is what dropping the runtime would let it do.
    runtime.shutdown_background();
    done
}
