//! The server binary as a process.
//!
//! [`ServerProcess`] is `usher serve` on a port of its own; [`Process`] is any child whose output is
//! collected line by line, for commands that are not a server or end by themselves.

use std::{
    ffi::OsString,
    fmt, io,
    path::PathBuf,
    process::{ExitStatus, Stdio},
    sync::Arc,
    time::Duration,
};

use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncRead, BufReader},
    process::{Child, Command},
    sync::watch,
};

/// So long a process may take to write an awaited line.
const LINE_LIMIT: Duration = Duration::from_secs(30);
/// So long a process may take to end when it was told to.
const END_LIMIT: Duration = Duration::from_secs(30);
/// A grandchild that inherited a stream keeps it open; it must not hold up the end of the child.
const OUTPUT_LIMIT: Duration = Duration::from_secs(2);

/// What to run.
#[derive(Clone, Debug)]
pub struct ProcessSpec {
    /// The program.
    pub binary: PathBuf,
    /// Its arguments.
    pub args: Vec<String>,
    /// Its environment. Of the caller's own it gets `PATH` alone.
    pub env: Vec<(String, String)>,
    /// Its working directory.
    pub dir: PathBuf,
}

/// Which stream a line was written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// How a process ended, and all it has written.
#[derive(Clone, Debug)]
pub struct Ended {
    /// How it ended.
    pub status: ExitStatus,
    /// What it wrote to standard output.
    pub stdout: String,
    /// What it wrote to standard error.
    pub stderr: String,
}

/// Why a process did not do what was waited for. Each says what the process has written.
#[derive(Debug)]
pub enum ProcessError {
    /// The program could not be run.
    Spawn(PathBuf, io::Error),
    /// It closed its output without the awaited line: it has ended, or is about to.
    Silent {
        /// What it wrote to both streams.
        output: String,
    },
    /// The awaited line was not there within 30 seconds.
    Late {
        /// What it wrote to both streams.
        output: String,
    },
    /// It did not end within 30 seconds.
    StillRunning {
        /// What it wrote to both streams.
        output: String,
    },
    /// The system refused to signal it or to wait for it.
    System(io::Error),
}

impl fmt::Display for ProcessError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Spawn(binary, error) => {
                write!(f, "{} could not be run: {error}", binary.display())
            }
            Self::Silent { output } => {
                write!(f, "it ended without the awaited line:\n{output}")
            }
            Self::Late { output } => {
                write!(f, "no awaited line within {LINE_LIMIT:?}:\n{output}")
            }
            Self::StillRunning { output } => {
                write!(f, "it did not end within {END_LIMIT:?}:\n{output}")
            }
            Self::System(error) => write!(f, "it cannot be signalled or waited for: {error}"),
        }
    }
}

impl std::error::Error for ProcessError {}

/// A child process. It belongs to the tokio runtime that started it; dropping it kills it.
#[derive(Debug)]
pub struct Process {
    child: Child,
    lines: watch::Receiver<Vec<(Stream, String)>>,
}

impl Process {
    /// Runs it and begins to collect what it writes.
    ///
    /// # Errors
    /// [`ProcessError::Spawn`].
    pub fn spawn(spec: ProcessSpec) -> Result<Self, ProcessError> {
        let mut child = Command::new(&spec.binary)
            .args(spec.args)
            .env_clear()
            .envs(inherited_path().map(|path| ("PATH", path)))
            .envs(spec.env)
            .current_dir(spec.dir)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| ProcessError::Spawn(spec.binary, error))?;
        let (collected, lines) = watch::channel(Vec::new());
        let collected = Arc::new(collected);
        if let Some(stdout) = child.stdout.take() {
            tokio::spawn(collect(stdout, Stream::Stdout, Arc::clone(&collected)));
        }
        if let Some(stderr) = child.stderr.take() {
            tokio::spawn(collect(stderr, Stream::Stderr, collected));
        }
        Ok(Self { child, lines })
    }

    /// Waits for a line of `stream` that `read` makes something of, among those already written
    /// too, and returns what it made.
    ///
    /// # Errors
    /// [`ProcessError::Silent`] and [`ProcessError::Late`].
    pub async fn line<T>(
        &self,
        stream: Stream,
        read: impl Fn(&str) -> Option<T>,
    ) -> Result<T, ProcessError> {
        let mut found = None;
        let mut lines = self.lines.clone();
        let mut seen = 0;
        let awaited = lines.wait_for(|lines| {
            let new = lines.get(seen..).unwrap_or_default();
            seen = lines.len();
            let mut of_stream = new.iter().filter(|(written_to, _)| *written_to == stream);
            found = of_stream.find_map(|(_, line)| read(line));
            found.is_some()
        });
        let awaited = tokio::time::timeout(LINE_LIMIT, awaited)
            .await
            .map(|line| line.is_ok());
        match (found, awaited) {
            (Some(found), _) => Ok(found),
            (None, Ok(_)) => Err(ProcessError::Silent {
                output: self.output(),
            }),
            (None, Err(_)) => Err(ProcessError::Late {
                output: self.output(),
            }),
        }
    }

    /// The lines it has written so far, to both streams, in the order they were read.
    #[must_use]
    pub fn output(&self) -> String {
        self.written(|_| true)
    }

    /// The lines it has written so far to standard output.
    #[must_use]
    pub fn stdout(&self) -> String {
        self.written(|stream| stream == Stream::Stdout)
    }

    /// Asks it to end: SIGTERM.
    ///
    /// # Errors
    /// [`ProcessError::System`] when there is nothing to signal any more.
    pub async fn ask_to_end(&self) -> Result<(), ProcessError> {
        let id = self
            .child
            .id()
            .ok_or_else(|| ProcessError::System(io::Error::other("it has ended already")))?;
        // The shell's own kill: not every machine has a program of that name.
        let sent = Command::new("sh")
            .args(["-c", "kill -TERM \"$0\"", &id.to_string()])
            .status()
            .await
            .map_err(ProcessError::System)?;
        if sent.success() {
            Ok(())
        } else {
            Err(ProcessError::System(io::Error::other("kill failed")))
        }
    }

    /// Waits until it has ended by itself.
    ///
    /// # Errors
    /// [`ProcessError::StillRunning`], after which it is killed.
    pub async fn ended(mut self) -> Result<Ended, ProcessError> {
        let Ok(status) = tokio::time::timeout(END_LIMIT, self.child.wait()).await else {
            return Err(ProcessError::StillRunning {
                output: self.output(),
            });
        };
        let status = status.map_err(ProcessError::System)?;
        self.complete().await;
        Ok(Ended {
            status,
            stdout: self.written(|stream| stream == Stream::Stdout),
            stderr: self.written(|stream| stream == Stream::Stderr),
        })
    }

    /// Asks it to end and waits until it has.
    ///
    /// # Errors
    /// See [`ProcessError`].
    pub async fn terminate(self) -> Result<Ended, ProcessError> {
        self.ask_to_end().await?;
        self.ended().await
    }

    /// Ends it at once: SIGKILL. When this returns it is gone.
    ///
    /// # Errors
    /// See [`ProcessError`].
    pub async fn kill9(mut self) -> Result<Ended, ProcessError> {
        self.child.start_kill().map_err(ProcessError::System)?;
        self.ended().await
    }

    /// Waits until both streams are read to their end.
    async fn complete(&mut self) {
        // Both collectors drop the sender at the end of their stream, and then this is an error.
        let closed = async { while self.lines.changed().await.is_ok() {} };
        let _ = tokio::time::timeout(OUTPUT_LIMIT, closed).await;
    }

    fn written(&self, wanted: impl Fn(Stream) -> bool) -> String {
        let lines = self.lines.borrow();
        let wanted = lines.iter().filter(|(stream, _)| wanted(*stream));
        wanted.flat_map(|(_, line)| [line.as_str(), "\n"]).collect()
    }
}

/// `usher serve` on a port of its own. Dropping it kills it.
#[derive(Debug)]
pub struct ServerProcess {
    process: Process,
    base_url: String,
}

impl ServerProcess {
    /// Runs `usher serve` with the arguments and the environment of `spec` and waits until it
    /// listens. It listens on a free port of 127.0.0.1 and logs JSON unless `spec.env` says
    /// otherwise.
    ///
    /// # Errors
    /// See [`ProcessError`].
    pub async fn start(mut spec: ProcessSpec) -> Result<Self, ProcessError> {
        spec.args.insert(0, "serve".to_owned());
        let defaults = [
            ("USHER_SERVER__LISTEN", "127.0.0.1:0"),
            ("USHER_SERVER__METRICS_LISTEN", ""),
            ("USHER_LOG__FORMAT", "json"),
        ];
        let defaults = defaults.map(|(name, value)| (name.to_owned(), value.to_owned()));
        spec.env.splice(0..0, defaults);
        let process = Process::spawn(spec)?;
        let address = process.line(Stream::Stderr, listening).await?;
        Ok(Self {
            process,
            base_url: format!("http://{address}"),
        })
    }

    /// Where it listens, such as `http://127.0.0.1:40123`: no trailing slash.
    #[must_use]
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// The process, to wait for its lines or to signal it.
    #[must_use]
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// The lines it has written so far, to both streams.
    #[must_use]
    pub fn output(&self) -> String {
        self.process.output()
    }

    /// Ends it as an orchestrator does: SIGTERM; waits until it has ended.
    ///
    /// # Errors
    /// See [`ProcessError`].
    pub async fn terminate(self) -> Result<Ended, ProcessError> {
        self.process.terminate().await
    }

    /// Waits until it has ended by itself.
    ///
    /// # Errors
    /// See [`ProcessError`].
    pub async fn ended(self) -> Result<Ended, ProcessError> {
        self.process.ended().await
    }

    /// Ends it at once: SIGKILL. When this returns it is gone, and so is whatever it had in hand.
    ///
    /// # Errors
    /// See [`ProcessError`].
    pub async fn kill9(self) -> Result<Ended, ProcessError> {
        self.process.kill9().await
    }
}

/// The address in the line of the log that says where the server listens.
fn listening(line: &str) -> Option<String> {
    // As people read it.
    if let Some((_, address)) = line.split_once(" listening address=") {
        return Some(address.to_owned());
    }
    let fields: Value = serde_json::from_str(line).ok()?;
    let is_it = fields["message"] == "listening";
    fields["address"]
        .as_str()
        .filter(|_| is_it)
        .map(str::to_owned)
}

async fn collect(
    stream: impl AsyncRead + Unpin,
    name: Stream,
    lines: Arc<watch::Sender<Vec<(Stream, String)>>>,
) {
    let mut stream = BufReader::new(stream);
    let mut line = Vec::new();
    // What is not UTF-8 is shown as well as it can be: it must not end the collecting, or the
    // process would block on a full pipe.
    while matches!(stream.read_until(b'\n', &mut line).await, Ok(read) if read > 0) {
        let text = String::from_utf8_lossy(&line);
        let text = text.trim_end_matches(['\n', '\r']).to_owned();
        lines.send_modify(|lines| lines.push((name, text)));
        line.clear();
    }
}

#[allow(
    clippy::disallowed_methods,
    reason = "this is handed on to a child process, it configures nothing here"
)]
fn inherited_path() -> Option<OsString> {
    std::env::var_os("PATH")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Process {
        Process::spawn(ProcessSpec {
            binary: "sh".into(),
            args: vec!["-c".to_owned(), script.to_owned()],
            env: vec![("USHER_TEST".to_owned(), "a value".to_owned())],
            dir: std::env::temp_dir(),
        })
        .expect("a shell")
    }

    #[tokio::test]
    async fn both_streams_are_collected_to_their_end() {
        let ended = shell("echo \"$USHER_TEST\"; echo err >&2; printf 'no line break'; exit 3")
            .ended()
            .await
            .expect("it ends by itself");
        assert_eq!(ended.status.code(), Some(3));
        assert_eq!(ended.stdout, "a value\nno line break\n");
        assert_eq!(ended.stderr, "err\n");
    }

    #[tokio::test]
    async fn a_line_is_found_on_its_stream_before_and_after_it_was_written() {
        let process = shell("echo port 1 >&2; echo port 2");
        let port = |line: &str| line.strip_prefix("port ").map(str::to_owned);
        for _ in 0..2 {
            assert_eq!(process.line(Stream::Stdout, port).await.expect("it"), "2");
            assert_eq!(process.line(Stream::Stderr, port).await.expect("it"), "1");
        }
    }

    #[tokio::test]
    async fn a_process_that_ends_without_the_line_is_reported_with_its_output() {
        let process = shell("echo something else");
        let error = process.line(Stream::Stdout, |_| None::<()>).await;
        let Err(ProcessError::Silent { output }) = error else {
            panic!("{error:?}")
        };
        assert_eq!(output, "something else\n");
    }

    #[tokio::test]
    async fn sigterm_can_be_answered_and_sigkill_cannot() {
        let script = "trap 'echo stopped; exit 0' TERM; echo ready; while :; do :; done";
        let ready = |line: &str| (line == "ready").then_some(());
        let process = shell(script);
        process.line(Stream::Stdout, ready).await.expect("ready");
        let ended = process.terminate().await.expect("it ends");
        assert_eq!(ended.status.code(), Some(0));
        assert_eq!(ended.stdout, "ready\nstopped\n");

        let process = shell(script);
        process.line(Stream::Stdout, ready).await.expect("ready");
        let ended = process.kill9().await.expect("it ends");
        assert_eq!(ended.status.code(), None);
        assert_eq!(ended.stdout, "ready\n");
    }

    #[test]
    fn the_address_is_read_out_of_the_line_that_says_so() {
        let line = r#"{"level":"INFO","message":"listening","address":"127.0.0.1:4000"}"#;
        assert_eq!(listening(line).as_deref(), Some("127.0.0.1:4000"));
        assert_eq!(listening(r#"{"message":"other","address":"x"}"#), None);
        assert_eq!(listening("usher: no"), None);
    }
}
