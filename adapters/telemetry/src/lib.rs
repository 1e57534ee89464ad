//! What Usher tells of itself: log lines and metrics.
//!
//! * [`Output`] collects lines and writes them together;
//! * [`logging`] sends diagnostics there, panics included;
//! * [`METRICS`] is the one table of metrics; [`Metrics`] counts them for Prometheus and, in CloudWatch's Embedded
//!   Metric Format, for CloudWatch.

pub mod logging;
mod metrics;
mod output;

pub use metrics::{
    Kind, METRICS, Metric, Metrics, MetricsSettings, OUTCOMES, PLANS_SHOWN, REFUSED_BY,
    STATUS_CLASSES, Scope, Unit,
};
pub use output::{Output, Stream, Ticked, as_text};
