use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_otlp::{
    ExporterBuildError, SpanExporter, WithExportConfig as _, WithTonicConfig as _,
    tonic_types::transport::ClientTlsConfig,
};
use opentelemetry_sdk::{
    Resource,
    trace::{SpanData, SpanExporter as _},
};
use tokio::{
    sync::Notify,
    time::{Instant, timeout},
};
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
/// After spans that could not be sent, others are left out for so long: whoever waits for an answer must not wait for a
/// collector that is away, again and again.
const PAUSE: Duration = Duration::from_secs(10);

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
    source: ExporterBuildError,
}

/// Records requests as traces. Clones share them.
#[derive(Clone)]
pub struct Traces(Arc<Shared>);

struct Shared {
    ratio: Ratio,
    scope: InstrumentationScope,
    waiting: Mutex<Waiting>,
    enough: Notify,
    /// One export at a time, as the exporter wants it.
    exporter: tokio::sync::Mutex<Exporter>,
    timeout: Duration,
    failing: AtomicBool,
}

#[derive(Default)]
struct Waiting {
    spans: Vec<SpanData>,
    left_out: usize,
}

struct Exporter {
    inner: SpanExporter,
    not_before: Option<Instant>,
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
        let mut builder = SpanExporter::builder()
            .with_tonic()
            .with_endpoint(endpoint)
            .with_timeout(*timeout);
        if endpoint.starts_with("https://") {
            builder = builder.with_tls_config(ClientTlsConfig::new().with_enabled_roots());
        }
        let mut exporter = builder.build().map_err(|source| OtlpError {
            endpoint: endpoint.clone(),
            source,
        })?;
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
                not_before: None,
            }),
            timeout: *timeout,
            failing: AtomicBool::new(false),
        })))
    }

    /// Sends in the background from now on, until everything that records here is gone. Where nothing runs in the
    /// background, [`Traces::flush`] sends.
    pub fn send_in_background(&self) {
        let shared: Weak<Shared> = Arc::downgrade(&self.0);
        tokio::spawn(async move {
            while let Some(shared) = shared.upgrade() {
                let _ = timeout(EVERY, shared.enough.notified()).await;
                shared.send().await;
            }
        });
    }

    /// Sends what is waiting.
    pub async fn flush(&self) {
        self.0.send().await;
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn send(&self) {
        let Waiting { spans, left_out } = std::mem::take(&mut *self.lock());
        if spans.is_empty() {
            return;
        }
        let mut exporter = self.exporter.lock().await;
        let count = spans.len();
        if exporter
            .not_before
            .is_some_and(|until| Instant::now() < until)
        {
            tracing::debug!(
                spans = count,
                "spans are left out: the last ones could not be sent"
            );
            return;
        }
        // A first error may be that of a connection which was closed long ago.
        let exporting = async {
            match exporter.inner.export(spans.clone()).await {
                Ok(()) => Ok(()),
                Err(_) => exporter.inner.export(spans).await,
            }
        };
        let said = match timeout(self.timeout, exporting).await {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error.to_string()),
            Err(_) => Some("no answer in time".to_owned()),
        };
        exporter.not_before = said.is_some().then(|| Instant::now() + PAUSE);
        drop(exporter);
        let was_failing = self.failing.swap(said.is_some(), Ordering::Relaxed);
        match said {
            Some(error) if !was_failing => {
                tracing::warn!(
                    error,
                    spans = count,
                    "traces cannot be sent, and are left out"
                );
            }
            None if was_failing => tracing::info!("traces can be sent again"),
            _ => {}
        }
        if left_out > 0 {
            tracing::warn!(
                spans = left_out,
                "more spans than could be kept until they are sent"
            );
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
        if waiting.spans.len() + spans.len() > MOST_WAITING {
            waiting.left_out += spans.len();
            return;
        }
        waiting.spans.extend(spans);
        if waiting.spans.len() >= ENOUGH {
            enough.notify_one();
        }
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
