//! Who is told what a deployment does.

#[cfg(feature = "traces")]
use std::time::Duration;
use std::{
    io::{self, IsTerminal as _},
    sync::{Arc, Weak},
};

use tracing::Level;
use usher_domain::ports;
#[cfg(feature = "traces")]
use usher_domain::usage::plan::PlanId;
use usher_http::{AUDIT, AccessLog};
use usher_telemetry::{
    Metrics, MetricsSettings, Output, Stream, Ticked, as_text,
    logging::{self, Format},
};
#[cfg(feature = "traces")]
use usher_telemetry_otlp::{OtlpSettings, Traces};

use crate::{
    clock::SystemClock,
    config::{Config, LogConfig, LogFormat},
    deployment::Role,
};

/// The logs and metrics of a deployment. Clones share them.
#[derive(Debug, Clone)]
pub struct Telemetry {
    lines: Output,
    diagnostics: Output,
    text: bool,
    access: bool,
    metrics: Arc<Metrics>,
    #[cfg(feature = "traces")]
    traces: Option<Traces>,
}

impl Telemetry {
    /// Sends diagnostics to standard error, and to standard output access-log lines and, in CloudWatch's format, metrics:
    /// these are data, and one does not have to be taken out of the other.
    ///
    /// Traces are sent by tasks of the runtime that this is called in.
    ///
    /// # Errors
    /// When no thread can be started, or traces cannot be sent where they should.
    pub fn start(config: &Config, role: &Role) -> io::Result<Self> {
        // The sandbox of a function is frozen as soon as the answer is handed over: what is not written by then is
        // written at the next request, or never.
        let is_function = matches!(role, Role::Lambda);
        let output = |stream| {
            if is_function {
                Output::immediate(stream)
            } else {
                Output::buffered(stream)
            }
        };
        let (lines, diagnostics) = (output(Stream::Stdout), output(Stream::Stderr));
        start_logging(&config.log, diagnostics.clone());
        let settings = MetricsSettings {
            api_id: config.api.api_id.to_string(),
            stage: config.api.stage.to_string(),
            prometheus: !is_function && config.server.metrics_listen.is_some(),
            emf: config
                .metrics
                .emf
                .unwrap_or(is_function)
                .then(|| config.metrics.namespace.clone()),
        };
        let metrics = Arc::new(Metrics::new(settings, lines.clone(), Arc::new(SystemClock)));
        if !is_function {
            let ticked: Weak<dyn Ticked> = Arc::<Metrics>::downgrade(&metrics);
            lines.write_in_background(Some(ticked))?;
            diagnostics.write_in_background(None)?;
        }
        Ok(Self {
            lines,
            diagnostics,
            text: config.log.format == LogFormat::Text,
            access: config.log.access,
            metrics,
            #[cfg(feature = "traces")]
            traces: traces(config, is_function)?,
        })
    }

    /// What Prometheus may ask for.
    #[must_use]
    pub fn metrics(&self) -> Arc<Metrics> {
        Arc::clone(&self.metrics)
    }

    /// Writes everything that is waiting to be written, and sends everything that is waiting to be sent.
    #[cfg_attr(
        not(feature = "traces"),
        allow(clippy::unused_async, reason = "sending traces is what takes time")
    )]
    pub async fn flush(&self) {
        // A collector that does not answer may be waited for until the platform ends the process.
        self.metrics.flush();
        self.lines.flush();
        #[cfg(feature = "traces")]
        if let Some(traces) = &self.traces {
            traces.flush().await;
        }
        self.diagnostics.flush();
    }
}

#[cfg(feature = "traces")]
fn traces(config: &Config, is_function: bool) -> io::Result<Option<Traces>> {
    /// Whoever asked a function waits for it; a server sends beside its requests.
    const WAIT: Duration = Duration::from_secs(1);
    const WAIT_BESIDE: Duration = Duration::from_secs(3);
    let Some(wanted) = &config.traces else {
        return Ok(None);
    };
    let traces = Traces::open(&OtlpSettings {
        endpoint: wanted.otlp_endpoint.clone(),
        sample_ratio: wanted.sample_ratio,
        timeout: if is_function { WAIT } else { WAIT_BESIDE },
        stage: config.api.stage.to_string(),
    });
    let traces = traces.map_err(io::Error::other)?;
    if !is_function {
        traces.send_in_background();
    }
    Ok(Some(traces))
}

/// Tells all of them.
#[cfg(feature = "traces")]
struct All([Arc<dyn ports::Telemetry>; 2]);

#[cfg(feature = "traces")]
impl ports::Telemetry for All {
    fn answered(&self, call: &ports::Answered<'_>) {
        for one in &self.0 {
            one.answered(call);
        }
    }

    fn wants_phases(&self) -> bool {
        self.0.iter().any(|one| one.wants_phases())
    }

    fn key_set_fetched(&self, issuer: &str, fetched: bool) {
        for one in &self.0 {
            one.key_set_fetched(issuer, fetched);
        }
    }

    fn lease_taken(&self, plan: &PlanId, calls: u32) {
        for one in &self.0 {
            one.lease_taken(plan, calls);
        }
    }

    fn lease_returned(&self, plan: &PlanId, calls: u32) {
        for one in &self.0 {
            one.lease_returned(plan, calls);
        }
    }
}

impl AccessLog for Telemetry {
    fn write(&self, line: &str) {
        if self.text {
            self.lines.line(&as_text(line));
        } else {
            self.lines.line(line);
        }
    }

    fn is_on(&self) -> bool {
        self.access
    }
}

/// Who listens to a deployment.
#[derive(Clone)]
pub struct Listeners {
    /// Takes the lines of the access log.
    pub log: Arc<dyn AccessLog>,
    /// Is told of everything else.
    pub telemetry: Arc<dyn ports::Telemetry>,
}

impl Listeners {
    /// Nobody.
    #[must_use]
    pub fn none() -> Self {
        Self {
            log: Arc::new(usher_http::Discard),
            telemetry: Arc::new(ports::Silent),
        }
    }
}

impl From<&Telemetry> for Listeners {
    fn from(telemetry: &Telemetry) -> Self {
        let metrics = telemetry.metrics();
        #[cfg(feature = "traces")]
        if let Some(traces) = telemetry.traces.clone() {
            return Self {
                log: Arc::new(telemetry.clone()),
                telemetry: Arc::new(All([metrics, Arc::new(traces)])),
            };
        }
        Self {
            log: Arc::new(telemetry.clone()),
            telemetry: metrics,
        }
    }
}

impl std::fmt::Debug for Listeners {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Listeners").finish_non_exhaustive()
    }
}

/// Sends the diagnostics of a tool that ends by itself to standard error.
pub fn init_logging(config: &LogConfig) {
    start_logging(config, Output::immediate(Stream::Stderr));
}

fn start_logging(config: &LogConfig, output: Output) {
    // Who was let in by a grant is no diagnostic, and is told at every level.
    let levels = config.level.clone().with_target(AUDIT, Level::INFO);
    let format = match config.format {
        LogFormat::Json => Format::Json,
        LogFormat::Text => Format::Text {
            colours: io::stderr().is_terminal(),
        },
    };
    logging::start(format, levels, output);
}
