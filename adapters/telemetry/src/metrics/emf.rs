//! The same for CloudWatch, in its Embedded Metric Format: lines of JSON that are metrics, too.
//!
//! Values of one scope are collected into one line, a hundred at most of each metric, as the format allows.

use serde_json::{Map, Value, json};
use usher_domain::time::Timestamp;

use super::table::{METRICS, Metric, Scope};

/// The format's bound on the values of one metric in a line.
const MOST_VALUES: usize = 100;
/// CloudWatch's bound on the value of a dimension, in characters.
const MOST_CHARACTERS: usize = 1024;

/// The dimensions of a line, besides those of every line.
pub(super) type Dimensions<'a> = [(&'static str, &'a str)];

/// Values that no line has yet.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    since: Option<Timestamp>,
    values: [Vec<f64>; METRICS.len()],
}

impl Waiting {
    /// Takes a value; whether there cannot be more of it in a line.
    pub(super) fn add(&mut self, metric: &Metric, at: Timestamp, value: f64) -> bool {
        self.since.get_or_insert(at);
        let Some(values) = self.values.get_mut(metric.number) else {
            return false;
        };
        values.push(value);
        values.len() >= MOST_VALUES
    }
}

/// What is the same in every line.
#[derive(Debug)]
pub(super) struct Emf {
    namespace: String,
    api_id: String,
    stage: String,
}

impl Emf {
    pub(super) fn new(namespace: String, api_id: &str, stage: &str) -> Self {
        Self {
            namespace,
            api_id: dimension(api_id),
            stage: dimension(stage),
        }
    }

    /// A line of what was waiting, if anything was.
    pub(super) fn line(
        &self,
        dimensions: &Dimensions<'_>,
        waiting: &mut Waiting,
    ) -> Option<String> {
        let since = waiting.since.take()?;
        let values = METRICS.iter().zip(&mut waiting.values);
        let values = values.filter(|(_, values)| !values.is_empty());
        let values: Vec<_> = values
            .map(|(metric, values)| (*metric, std::mem::take(values)))
            .collect();
        Some(self.written(dimensions, since, values))
    }

    fn written(
        &self,
        dimensions: &Dimensions<'_>,
        since: Timestamp,
        values: Vec<(&Metric, Vec<f64>)>,
    ) -> String {
        const API: [&str; 2] = ["ApiId", "Stage"];
        let has = |wanted: &&str| dimensions.iter().any(|(name, _)| name == wanted);
        // A line is about one thing.
        let scope = values
            .first()
            .map_or(Scope::Request, |(metric, _)| metric.scope);
        let sets = scope.sets().iter().filter(|set| set.iter().all(has));
        let sets: Vec<Vec<_>> = sets
            .map(|set| API.iter().chain(*set).copied().collect())
            .collect();
        let metrics: Vec<_> = values
            .iter()
            .map(|(metric, _)| json!({ "Name": metric.cloudwatch, "Unit": metric.unit.as_str() }))
            .collect();
        let mut line = Map::new();
        line.insert(
            "_aws".to_owned(),
            json!({
                "Timestamp": since.as_millis(),
                "CloudWatchMetrics": [{
                    "Namespace": self.namespace,
                    "Dimensions": sets,
                    "Metrics": metrics,
                }],
            }),
        );
        line.insert("ApiId".to_owned(), self.api_id.as_str().into());
        line.insert("Stage".to_owned(), self.stage.as_str().into());
        for (name, value) in dimensions {
            line.insert((*name).to_owned(), dimension(value).into());
        }
        for (metric, values) in values {
            // Microseconds are enough, and shorter.
            let round = |value: &f64| Value::from((value * 1e3).round() / 1e3);
            let value = match values.as_slice() {
                [value] => round(value),
                values => values.iter().map(round).collect(),
            };
            line.insert(metric.cloudwatch.to_owned(), value);
        }
        Value::Object(line).to_string()
    }
}

/// A value that CloudWatch takes: printable ASCII with something in it, and not too long.
fn dimension(text: &str) -> String {
    let text: String = text
        .chars()
        .take(MOST_CHARACTERS)
        .map(|letter| {
            if letter == ' ' || letter.is_ascii_graphic() {
                letter
            } else {
                '?'
            }
        })
        .collect();
    if text.trim().is_empty() {
        "-".to_owned()
    } else {
        text
    }
}
