//! A Lambda binary as a process under an emulated Runtime API, with an HTTP front.
//!
//! [`LambdaHost`] takes the place of API Gateway and of the Lambda service: a request to its
//! [`base_url`](LambdaHost::base_url) becomes an event of the kind [`Front`] says, the binary
//! polls for it as it would in a sandbox, and what it answers becomes the HTTP response. So the
//! same requests can go to the container and to the function.
//!
//! What differs from the real services:
//!
//! * All fronts answer 502 where the function fails; a real HTTP API answers 500.
//! * No authorizer, no API key, no validation: everything reaches the function.
//! * Gateways add `x-forwarded-*` and trace headers to a request and request ids to a response.
//!   The event and the response have what the client and the function sent, only renamed
//!   ([`response::REMAPPED`]) or defaulted (`content-type`) as the gateway does it.
//! * Header names are lower-case in both kinds of event.
//! * After a timeout the process goes on, and its late answer is dropped.

pub mod event;
mod front;
mod output;
pub mod response;
mod runtime_api;

#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;
use std::{fmt, io};

use serde_json::Value;
use tokio::process::{Child, Command};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use front::Bridge;
use output::Output;
use runtime_api::{Phase, Runtime};

const ANSWER_LIMIT: Duration = Duration::from_secs(30);
const START_LIMIT: Duration = Duration::from_secs(20);

/// The gateway that is emulated, and by that the shape of events and answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Front {
    /// A REST API with the Lambda proxy integration, payload 1.0.
    RestApi,
    /// An HTTP API, payload 2.0.
    HttpApi,
    /// An HTTP API, payload 1.0.
    HttpApiV1,
    /// A function URL.
    FunctionUrl,
    /// An Application Load Balancer.
    LoadBalancer {
        /// With all values of a repeated header, in both directions.
        multi_value: bool,
    },
}

/// What to run and how to reach it.
#[derive(Clone, Debug)]
pub struct LambdaSpec {
    /// The function's binary, the `bootstrap` of a deployment package. It gets no arguments.
    pub binary: PathBuf,
    /// Variables besides those of the Lambda service; one of the same name wins over them. Of the
    /// caller's own environment the process gets `PATH` alone.
    pub env: Vec<(String, String)>,
    /// The gateway before the function.
    pub front: Front,
}

/// Why a [`LambdaHost`] did not start. The process, if there was one, has been killed.
#[derive(Debug)]
pub enum StartError {
    /// No port of 127.0.0.1 could be bound.
    Bind(io::Error),
    /// The binary could not be run.
    Spawn(PathBuf, io::Error),
    /// The process ended before it asked for its first invocation.
    Exited {
        /// How it ended, such as `exit status: 1`.
        status: String,
        /// What it wrote to stdout and stderr.
        output: String,
    },
    /// The process reported that its initialisation failed.
    InitFailed {
        /// What it reported.
        failures: Vec<String>,
        /// What it wrote to stdout and stderr.
        output: String,
    },
    /// The process asked for no invocation within 20 seconds.
    NeverAsked {
        /// What it wrote to stdout and stderr.
        output: String,
    },
}

impl fmt::Display for StartError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bind(error) => write!(formatter, "no port could be bound: {error}"),
            Self::Spawn(binary, error) => {
                write!(formatter, "{} could not be run: {error}", binary.display())
            }
            Self::Exited { status, output } => {
                write!(
                    formatter,
                    "it ended before its first invocation, {status}:\n{output}"
                )
            }
            Self::InitFailed { failures, output } => {
                write!(formatter, "{}:\n{output}", failures.join("\n"))
            }
            Self::NeverAsked { output } => {
                write!(
                    formatter,
                    "it asked for no invocation in {START_LIMIT:?}:\n{output}"
                )
            }
        }
    }
}

impl std::error::Error for StartError {}

/// A running function and the gateway before it.
///
/// It belongs to the tokio runtime that started it. One request at a time is with the function,
/// the others queue. A request without an answer after 30 seconds, its time in the queue included,
/// gets a 504; one whose invocation fails, or whose process has ended, gets a 502. Dropping the
/// host kills the process and closes both servers.
pub struct LambdaHost {
    bridge: Bridge,
    output: Output,
    supervisor: JoinHandle<()>,
    stop: Option<oneshot::Sender<()>>,
}

impl LambdaHost {
    /// Runs the binary and waits until it asks for its first invocation.
    ///
    /// # Errors
    ///
    /// A [`StartError`] when it cannot run, ends, reports a failed initialisation, or asks for
    /// nothing within 20 seconds.
    pub async fn start(spec: LambdaSpec) -> Result<Self, StartError> {
        let bridge = Bridge::start(spec.front, ANSWER_LIMIT)
            .await
            .map_err(StartError::Bind)?;
        let mut child = Command::new(&spec.binary)
            .env_clear()
            .envs(inherited_path().map(|path| ("PATH", path)))
            .envs([
                ("AWS_LAMBDA_RUNTIME_API", bridge.api.to_string().as_str()),
                ("AWS_LAMBDA_FUNCTION_NAME", "usher"),
                ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128"),
                ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
                ("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/usher"),
                ("AWS_LAMBDA_LOG_STREAM_NAME", "2026/01/01/[$LATEST]emulated"),
                ("AWS_REGION", "eu-west-1"),
                ("_HANDLER", "bootstrap"),
            ])
            .envs(spec.env)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| StartError::Spawn(spec.binary, error))?;
        let output = Output::of(&mut child);
        let (stop, stopping) = oneshot::channel();
        let runtime = Arc::clone(&bridge.runtime);
        let supervisor = tokio::spawn(supervise(child, output.clone(), runtime, stopping));
        let host = Self {
            bridge,
            output,
            supervisor,
            stop: Some(stop),
        };
        let started = tokio::time::timeout(START_LIMIT, host.bridge.runtime.started()).await;
        match started {
            Ok(Phase::Starting | Phase::Ready) => Ok(host),
            Ok(Phase::Exited(status)) => Err(StartError::Exited {
                status,
                output: host.output(),
            }),
            Ok(Phase::InitFailed) => {
                let failures = host.failures();
                Err(StartError::InitFailed {
                    failures,
                    output: host.stop().await,
                })
            }
            Ok(Phase::Stopped) | Err(_) => Err(StartError::NeverAsked {
                output: host.stop().await,
            }),
        }
    }

    /// Where the gateway listens, such as `http://127.0.0.1:40123`: no stage, no trailing slash.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}", self.bridge.front)
    }

    /// Hands an event to the function as it is, past the gateway; returns its answer. `None` when it failed, which
    /// [`failures`](Self::failures) explains.
    pub async fn invoke(&self, event: &Value) -> Option<Value> {
        let answer = self.bridge.runtime.invoke(event.to_string().into_bytes());
        serde_json::from_slice(&answer.await.ok()?).ok()
    }

    /// The lines the process has written to stdout and stderr, in the order they were read.
    ///
    /// A line can arrive after the response it belongs to; [`stop`](Self::stop) has them all.
    #[must_use]
    pub fn output(&self) -> String {
        self.output.text()
    }

    /// What went wrong between the gateway and the function, one sentence each: failed
    /// invocations and initialisations as the function reported them, malformed answers, the end
    /// of the process. The cause of a 502 is here.
    #[must_use]
    pub fn failures(&self) -> Vec<String> {
        self.bridge.runtime.failures()
    }

    /// Kills the process, waits for its end and returns all it has written.
    pub async fn stop(mut self) -> String {
        drop(self.stop.take());
        // An aborted supervisor still drops, and by that kills, the process.
        let _ = (&mut self.supervisor).await;
        self.output.text()
    }
}

impl Drop for LambdaHost {
    fn drop(&mut self) {
        self.supervisor.abort();
    }
}

impl fmt::Debug for LambdaHost {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("LambdaHost")
            .field("base_url", &self.base_url())
            .finish_non_exhaustive()
    }
}

async fn supervise(
    mut child: Child,
    output: Output,
    runtime: Arc<Runtime>,
    stopping: oneshot::Receiver<()>,
) {
    let exited = tokio::select! {
        exited = child.wait() => exited,
        _ = stopping => {
            let _ = child.start_kill();
            child.wait().await
        }
    };
    // Only with the last words read can an error say why the process has ended.
    output.complete().await;
    let status = exited
        .as_ref()
        .map_or_else(ToString::to_string, ExitStatus::to_string);
    runtime.note(format!("the process has ended: {status}"));
    runtime.end(Phase::Exited(status));
}

#[allow(
    clippy::disallowed_methods,
    reason = "this is handed on to a child process, it configures nothing here"
)]
fn inherited_path() -> Option<OsString> {
    std::env::var_os("PATH")
}
