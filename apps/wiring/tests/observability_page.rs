//! `docs/observability.md` lists every field, metric and span that there is.

use std::{fmt::Write as _, fs};

use usher_http::{ACCESS_LOG_FIELDS, EXECUTION_LOG_FIELDS, LogField};
use usher_telemetry::{Kind, METRICS, OUTCOMES, REFUSED_BY, STATUS_CLASSES};
use usher_telemetry_otlp::{SPANS, SpanKind};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/observability.md");

fn fields(fields: &[LogField]) -> String {
    let mut table = "| Field | Unit or form | |\n|---|---|---|\n".to_owned();
    for field in fields {
        let LogField {
            name,
            unit,
            meaning,
        } = field;
        let _ = writeln!(table, "| `{name}` | {unit} | {meaning} |");
    }
    table
}

fn metrics() -> String {
    let mut table =
        "| CloudWatch | Unit | Prometheus | Type | Labels | |\n|---|---|---|---|---|---|\n"
            .to_owned();
    for metric in METRICS {
        let labels: Vec<_> = metric
            .labels
            .iter()
            .map(|label| format!("`{label}`"))
            .collect();
        let _ = writeln!(
            table,
            "| `{}` | {} | `{}` | {} | {} | {} |",
            metric.cloudwatch,
            metric.unit.as_str(),
            metric.prometheus,
            metric.kind.as_str(),
            labels.join(", "),
            metric.meaning
        );
    }
    table.push_str("\n| Histogram | Buckets, each up to and including |\n|---|---|\n");
    for metric in METRICS {
        if let Kind::Histogram(buckets) = metric.kind {
            let buckets: Vec<_> = buckets.iter().map(ToString::to_string).collect();
            let _ = writeln!(
                table,
                "| `{}` | {} |",
                metric.prometheus,
                buckets.join(", ")
            );
        }
    }
    for (label, values) in [
        ("status_class", &STATUS_CLASSES[..]),
        ("outcome", &OUTCOMES),
    ] {
        let values: Vec<_> = values.iter().map(|value| format!("`{value}`")).collect();
        let _ = write!(table, "\n`{label}` is one of {}.\n", values.join(", "));
    }
    table
}

fn rules() -> String {
    let mut table = "| Rule | What it demands |\n|---|---|\n".to_owned();
    for rule in REFUSED_BY {
        let _ = writeln!(table, "| `{}` | {} |", rule.as_str(), rule.meaning());
    }
    table
}

fn spans() -> String {
    let mut table = "| Span | Kind | |\n|---|---|---|\n".to_owned();
    for span in SPANS {
        let kind = match span.kind {
            SpanKind::Server => "server",
            SpanKind::Internal => "internal",
            SpanKind::Client => "client",
        };
        let _ = writeln!(table, "| `{}` | {kind} | {} |", span.name, span.meaning);
    }
    table.push_str("\n| Attribute of the first | |\n|---|---|\n");
    for (name, meaning) in SPANS.iter().flat_map(|span| span.attributes) {
        let _ = writeln!(table, "| `{name}` | {meaning} |");
    }
    table
}

/// The page with its tables made anew, each between two comments.
fn made(page: &str) -> String {
    let mut page = page.to_owned();
    for (name, table) in [
        ("access log", fields(&ACCESS_LOG_FIELDS)),
        ("execution log", fields(&EXECUTION_LOG_FIELDS)),
        ("rules", rules()),
        ("metrics", metrics()),
        ("spans", spans()),
    ] {
        let (start, end) = (
            format!("<!-- {name} -->\n"),
            format!("<!-- end of {name} -->\n"),
        );
        let (before, rest) = page.split_once(&start).unwrap_or_else(|| panic!("{start}"));
        let (_, after) = rest.split_once(&end).unwrap_or_else(|| panic!("{end}"));
        page = format!("{before}{start}\n{table}\n{end}{after}");
    }
    page
}

#[test]
fn the_page_lists_every_field_metric_and_span() {
    let page = fs::read_to_string(PAGE).expect("the page");
    let made = made(&page);
    #[allow(clippy::disallowed_methods, reason = "a test's own switch")]
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(PAGE, made).expect("written");
        return;
    }
    assert_eq!(
        page, made,
        "UPDATE_DOCS=1 cargo test -p usher-wiring --test observability_page writes it anew"
    );
}
