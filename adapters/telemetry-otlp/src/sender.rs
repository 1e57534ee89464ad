use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_otlp::{
    ExporterBuildError, SpanExporter, WithExportConfig as _, WithTonicConfig as _,
};
use opentelemetry_sdk::{
    Resource,
    trace::{SpanData, SpanExporter as _},
};
use tokio::{
    sync::Notify,
    time::{Instant, timeout},
};
use tonic::transport::{ClientTlsConfig, Endpoint};
use usher_domain::{
    ports::{Answered, Telemetry},
    usage::plan::PlanId,
};

use crate::{sampling::Ratio, spans};

/// So many spans may wait to be sent. More are left out, and counted.
const MOST_WAITING: usize = 4096;
/// So many are sent without waiting for more.
const ENOUGH: usize = 512;
/// How long spans wait for others.
const EVERY: Duration = Duration::from_secs(1);
/// After spans that could not be sent, others are left out for ten times as long as it was tried, and no longer than
/// this: whoever waits for an answer must not wait for a collector that is away, again and again.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// While spans are left out, it is said so often how many.
const REPEATED: Duration = Duration::from_mins(1);

/// What is recorded, and where it goes.
#[derive(Debug, Clone)]
pub struct OtlpSettings {
    /// Where OTLP is taken over gRPC, such as `http://127.0.0.1:4317`.
    pub endpoint: String,
    /// The share of traces that are recorded, from 0 to 1, where the caller has not decided.
    pub sample_ratio: f64,
    /// How long sending may take.
    pub timeout: Duration,
    /// The stage that spans are said to come from.
    pub stage: String,
}

/// Why traces cannot be sent.
#[derive(Debug, thiserror::Error)]
#[error("traces cannot be sent to {endpoint}")]
pub struct OtlpError {
    endpoint: String,
    source: Unusable,
}

#[derive(Debug, thiserror::Error)]
enum Unusable {
    #[error(transparent)]
    Endpoint(#[from] tonic::transport::Error),
    #[error(transparent)]
    Exporter(#[from] ExporterBuildError),
}

/// Records requests as traces. Clones share them.
#[derive(Clone)]
pub struct Traces(Arc<Shared>);

struct Shared {
    ratio: Ratio,
    scope: InstrumentationScope,
    waiting: Mutex<Vec<SpanData>>,
    enough: Notify,
    /// One export at a time, as the exporter wants it.
    exporter: tokio::sync::Mutex<Exporter>,
    timeout: Duration,
    /// Spans that nobody has been told about that they were left out.
    left_out: AtomicUsize,
    in_background: AtomicBool,
}

struct Exporter {
    inner: SpanExporter,
    /// Nothing could be sent the last time.
    failing: bool,
    not_before: Option<Instant>,
    last_said: Option<Instant>,
}

impl Traces {
    /// Gets ready to send; connects when there is something to be sent. To be called within a tokio runtime.
    ///
    /// # Errors
    /// When the endpoint is no such thing.
    pub fn open(settings: &OtlpSettings) -> Result<Self, OtlpError> {
        let OtlpSettings {
            endpoint,
            sample_ratio,
            timeout,
            stage,
        } = settings;
        let unusable = |source| OtlpError {
            endpoint: endpoint.clone(),
            source,
        };
        let exporter = exporter(endpoint, *timeout);
        let mut exporter = exporter.map_err(unusable)?;
        let mut attributes = vec![KeyValue::new("service.version", env!("CARGO_PKG_VERSION"))];
        if !stage.is_empty() {
            attributes.push(KeyValue::new("deployment.environment.name", stage.clone()));
        }
        let resource = Resource::builder_empty()
            .with_service_name("usher")
            .with_attributes(attributes)
            .build();
        exporter.set_resource(&resource);
        Ok(Self(Arc::new(Shared {
            ratio: Ratio::new(*sample_ratio),
            scope: InstrumentationScope::builder("usher")
                .with_version(env!("CARGO_PKG_VERSION"))
                .build(),
            waiting: Mutex::default(),
            enough: Notify::new(),
            exporter: tokio::sync::Mutex::new(Exporter {
                inner: exporter,
                failing: false,
                not_before: None,
                last_said: None,
            }),
            timeout: *timeout,
            left_out: AtomicUsize::new(0),
            in_background: AtomicBool::new(false),
        })))
    }

    /// Sends in the background from now on, until everything that records here is gone. Where nothing runs in the
    /// background, [`Traces::flush`] sends.
    pub fn send_in_background(&self) {
        self.0.in_background.store(true, Ordering::Relaxed);
        let shared: Weak<Shared> = Arc::downgrade(&self.0);
        tokio::spawn(async move {
            while let Some(shared) = shared.upgrade() {
                let _ = timeout(EVERY, shared.enough.notified()).await;
                // First: who waits for what is being sent must not find that there is nothing left to do.
                let mut exporter = shared.exporter.lock().await;
                shared.send(&mut exporter).await;
            }
        });
    }

    /// Sends what is waiting, when what is being sent already is sent; each takes no longer than the settings' timeout.
    /// What sends in the background says what it has left out and nobody was told of.
    pub async fn flush(&self) {
        let Ok(mut exporter) = timeout(self.0.timeout, self.0.exporter.lock()).await else {
            tracing::warn!("not all spans could be sent in time");
            return;
        };
        self.0.send(&mut exporter).await;
        // What sends in the background is flushed when it ends.
        let at_last = self.0.in_background.load(Ordering::Relaxed);
        self.0.say(&mut exporter, None, at_last);
    }
}

/// An exporter that connects when there is something to be sent, and again when nobody answers any more: a connection
/// whose other end is gone without a word would otherwise be kept for a quarter of an hour.
fn exporter(endpoint: &str, timeout: Duration) -> Result<SpanExporter, Unusable> {
    let mut channel = Endpoint::from_shared(endpoint.to_owned())?
        .timeout(timeout)
        .connect_timeout(timeout)
        .http2_keep_alive_interval(timeout)
        .keep_alive_timeout(timeout);
    if endpoint.starts_with("https://") {
        channel = channel.tls_config(ClientTlsConfig::new().with_enabled_roots())?;
    }
    let builder = SpanExporter::builder().with_tonic().with_timeout(timeout);
    Ok(builder.with_channel(channel.connect_lazy()).build()?)
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Vec<SpanData>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn send(&self, exporter: &mut Exporter) {
        let spans = std::mem::take(&mut *self.lock());
        if spans.is_empty() {
            return;
        }
        let count = spans.len();
        let is_over = |until: Instant| Instant::now() >= until;
        if !exporter.not_before.is_none_or(is_over) {
            self.left_out.fetch_add(count, Ordering::Relaxed);
            self.say(exporter, None, false);
            return;
        }
        // A first error may be that of a connection which was closed long ago.
        let exporting = async {
            match exporter.inner.export(spans.clone()).await {
                Ok(()) => Ok(()),
                Err(_) => exporter.inner.export(spans).await,
            }
        };
        let error = match timeout(self.timeout, exporting).await {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error.to_string()),
            Err(_) => Some("no answer in time".to_owned()),
        };
        if error.is_some() {
            self.left_out.fetch_add(count, Ordering::Relaxed);
            let pause = (self.timeout * 10).min(LONGEST_PAUSE);
            exporter.not_before = Some(Instant::now() + pause);
        } else {
            exporter.not_before = None;
            if std::mem::take(&mut exporter.failing) {
                tracing::info!("traces can be sent again");
                exporter.last_said = None;
            }
        }
        self.say(exporter, error.as_deref(), false);
    }

    /// Says what has been left out, at once when it begins and then from time to time.
    fn say(&self, exporter: &mut Exporter, error: Option<&str>, at_last: bool) {
        let begins = error.is_some() && !std::mem::replace(&mut exporter.failing, true);
        let is_due = exporter
            .last_said
            .is_none_or(|last| last.elapsed() >= REPEATED);
        if self.left_out.load(Ordering::Relaxed) == 0 || !(begins || is_due || at_last) {
            return;
        }
        let spans = self.left_out.swap(0, Ordering::Relaxed);
        exporter.last_said = Some(Instant::now());
        if exporter.failing {
            tracing::warn!(error, spans, "traces cannot be sent, and are left out");
        } else {
            tracing::warn!(spans, "spans were left out");
        }
    }
}

impl Telemetry for Traces {
    fn answered(&self, call: &Answered<'_>) {
        let Shared {
            ratio,
            scope,
            enough,
            ..
        } = &*self.0;
        // A request that is part of no trace begins one, which has its id.
        let trace_id = call.trace.map_or(call.request_id, |trace| trace.trace_id);
        if !ratio.takes(call.trace.as_ref(), trace_id) {
            return;
        }
        let spans = spans::of(call, trace_id, scope);
        let mut waiting = self.0.lock();
        if waiting.len() + spans.len() > MOST_WAITING {
            self.0.left_out.fetch_add(spans.len(), Ordering::Relaxed);
            return;
        }
        waiting.extend(spans);
        if waiting.len() >= ENOUGH {
            enough.notify_one();
        }
    }

    fn wants_phases(&self) -> bool {
        true
    }

    fn key_set_fetched(&self, _: &str, _: bool) {}
    fn lease_taken(&self, _: &PlanId, _: u32) {}
    fn lease_returned(&self, _: &PlanId, _: u32) {}
}

impl std::fmt::Debug for Traces {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Traces")
            .field("ratio", &self.0.ratio)
            .finish_non_exhaustive()
    }
}
