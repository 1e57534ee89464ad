//! A receiver of traces over OTLP, made of the protocol's own published service.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use opentelemetry_proto::tonic::{
    collector::trace::v1::{
        ExportTraceServiceRequest, ExportTraceServiceResponse,
        trace_service_server::{TraceService, TraceServiceServer},
    },
    common::v1::any_value::Value,
    trace::v1::{Span, status::StatusCode},
};
use tokio::net::TcpListener;
use tonic::{
    Request, Response, Status,
    transport::server::{Server, TcpIncoming},
};

/// Takes traces on a port of its own until it is dropped.
#[derive(Debug)]
pub struct OtlpReceiver {
    address: SocketAddr,
    received: Arc<Mutex<Vec<ExportTraceServiceRequest>>>,
    server: tokio::task::JoinHandle<()>,
}

/// A span as it came.
#[derive(Debug, Clone, PartialEq)]
#[allow(
    missing_docs,
    reason = "as OTLP names them; ids are hexadecimal digits"
)]
pub struct ReceivedSpan {
    pub trace_id: String,
    pub span_id: String,
    /// Empty for none.
    pub parent_span_id: String,
    pub name: String,
    /// OTLP's number of it.
    pub kind: i32,
    pub start: u64,
    pub end: u64,
    pub attributes: Vec<(String, String)>,
    pub is_error: bool,
}

struct Service {
    received: Arc<Mutex<Vec<ExportTraceServiceRequest>>>,
    after: Duration,
}

#[tonic::async_trait]
impl TraceService for Service {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        tokio::time::sleep(self.after).await;
        let mut received = self.received.lock().unwrap_or_else(PoisonError::into_inner);
        received.push(request.into_inner());
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

impl OtlpReceiver {
    /// Starts on a free port.
    ///
    /// # Panics
    /// When there is none.
    pub async fn start() -> Self {
        Self::start_at(([127, 0, 0, 1], 0).into()).await
    }

    /// Starts where another has been.
    ///
    /// # Panics
    /// When somebody else is there.
    pub async fn start_at(address: SocketAddr) -> Self {
        Self::start_with(address, Duration::ZERO).await
    }

    /// Starts on a free port, and takes so long for whatever it takes.
    ///
    /// # Panics
    /// When there is none.
    pub async fn start_slow(after: Duration) -> Self {
        Self::start_with(([127, 0, 0, 1], 0).into(), after).await
    }

    async fn start_with(address: SocketAddr, after: Duration) -> Self {
        let listener = TcpListener::bind(address).await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let received = Arc::default();
        let service = TraceServiceServer::new(Service {
            received: Arc::clone(&received),
            after,
        });
        let server = Server::builder()
            .add_service(service)
            .serve_with_incoming(TcpIncoming::from(listener));
        Self {
            address,
            received,
            server: tokio::spawn(async move {
                let _ = server.await;
            }),
        }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The same, as `traces.otlp_endpoint`.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// How many times something was sent.
    #[must_use]
    pub fn exports(&self) -> usize {
        self.received
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .len()
    }

    /// Everything that came, as text.
    #[must_use]
    pub fn text(&self) -> String {
        format!(
            "{:?}",
            self.received.lock().unwrap_or_else(PoisonError::into_inner)
        )
    }

    /// The attributes of whoever has sent, of the last that came.
    #[must_use]
    pub fn resource(&self) -> Vec<(String, String)> {
        let received = self.received.lock().unwrap_or_else(PoisonError::into_inner);
        let last = received
            .iter()
            .flat_map(|request| &request.resource_spans)
            .last();
        let resource = last.and_then(|spans| spans.resource.as_ref());
        let attributes = resource.map(|resource| resource.attributes.clone());
        attributes
            .unwrap_or_default()
            .into_iter()
            .map(pair)
            .collect()
    }

    /// All spans that came.
    #[must_use]
    pub fn spans(&self) -> Vec<ReceivedSpan> {
        let received = self.received.lock().unwrap_or_else(PoisonError::into_inner);
        let scopes = received
            .iter()
            .flat_map(|request| &request.resource_spans)
            .flat_map(|resource| &resource.scope_spans);
        scopes.flat_map(|scope| &scope.spans).map(span).collect()
    }

    /// Waits until there are so many spans.
    ///
    /// # Panics
    /// When there are not within ten seconds.
    pub async fn wait_for(&self, count: usize) -> Vec<ReceivedSpan> {
        for _ in 0..1000 {
            let spans = self.spans();
            if spans.len() >= count {
                return spans;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!(
            "{} spans, and not {count}: {}",
            self.spans().len(),
            self.text()
        );
    }
}

impl Drop for OtlpReceiver {
    fn drop(&mut self) {
        self.server.abort();
    }
}

fn span(span: &Span) -> ReceivedSpan {
    use std::fmt::Write as _;
    let hex = |bytes: &[u8]| {
        bytes.iter().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
    };
    let failed = StatusCode::Error as i32;
    ReceivedSpan {
        trace_id: hex(&span.trace_id),
        span_id: hex(&span.span_id),
        parent_span_id: hex(&span.parent_span_id),
        name: span.name.clone(),
        kind: span.kind,
        start: span.start_time_unix_nano,
        end: span.end_time_unix_nano,
        attributes: span.attributes.iter().cloned().map(pair).collect(),
        is_error: span
            .status
            .as_ref()
            .is_some_and(|status| status.code == failed),
    }
}

fn pair(attribute: opentelemetry_proto::tonic::common::v1::KeyValue) -> (String, String) {
    let value = match attribute.value.and_then(|value| value.value) {
        Some(Value::StringValue(text)) => text,
        Some(Value::IntValue(number)) => number.to_string(),
        other => format!("{other:?}"),
    };
    (attribute.key, value)
}
