//! Dashboards and alarms name metrics, labels, their values and dimensions that there are, and nothing else.

mod support;

use std::{collections::BTreeSet, fs, path::PathBuf};

use serde_json::Value;
use usher_telemetry::{METRICS, Metric};
use yaml_rust2::{Yaml, YamlLoader};

use self::support::promql;

fn deploy(path: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../deploy")
        .join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every family that is not about the process alone.
fn all_families() -> BTreeSet<String> {
    let families = METRICS.iter().map(|metric| metric.prometheus);
    families
        .filter(|name| !name.contains('{'))
        .map(str::to_owned)
        .collect()
}

#[test]
fn the_dashboard_names_metrics_that_there_are_and_leaves_none_out() {
    let dashboard: Value = serde_json::from_str(&deploy("grafana/dashboard.json")).expect("JSON");
    let panels = dashboard["panels"].as_array().expect("panels");
    let (mut ids, mut shown, mut taken) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for panel in panels {
        assert!(ids.insert(panel["id"].as_u64().expect("an id")), "{panel}");
        let at = |name: &str| panel["gridPos"][name].as_u64().expect("a place");
        assert!(at("x") + at("w") <= 24, "{panel}");
        for x in at("x")..at("x") + at("w") {
            for y in at("y")..at("y") + at("h") {
                assert!(taken.insert((x, y)), "two panels in one place: {panel}");
            }
        }
        if panel["type"] == "row" {
            continue;
        }
        let targets = panel["targets"].as_array().expect("targets");
        assert!(!targets.is_empty() && panel["title"].is_string());
        for target in targets {
            assert_eq!(target["datasource"]["uid"], "${datasource}");
            let expression = target["expr"].as_str().expect("an expression");
            let read = promql::read(expression).unwrap_or_else(|why| panic!("{why}: {expression}"));
            for label in promql::named(target["legendFormat"].as_str().unwrap_or_default(), "{{") {
                assert!(
                    read.kept.contains(&label),
                    "{label} in the legend of {expression}"
                );
            }
            shown.extend(read.families);
        }
    }
    shown.remove("usher_build_info");
    assert_eq!(shown, all_families());
    let variables = dashboard["templating"]["list"]
        .as_array()
        .expect("variables");
    let names: Vec<_> = variables.iter().map(|variable| &variable["name"]).collect();
    assert_eq!(names, ["datasource", "job"]);
    assert_eq!(
        variables[1]["query"]["query"],
        "label_values(usher_build_info, job)"
    );
}

#[test]
fn alerts_name_metrics_that_there_are() {
    let rules = YamlLoader::load_from_str(&deploy("grafana/alerts.yaml")).expect("YAML");
    let tried = deploy("grafana/alerts.test.yaml");
    let rules = rules[0]["groups"][0]["rules"].as_vec().expect("rules");
    assert!(rules.len() >= 8);
    for rule in rules {
        let expression = rule["expr"].as_str().expect("an expression");
        let read = promql::read(expression).unwrap_or_else(|why| panic!("{why}: {expression}"));
        let part = |name: &str| rule[name].as_str().unwrap_or_else(|| panic!("{rule:?}"));
        assert!(!part("for").is_empty());
        assert!(
            tried.contains(&format!("\"{}\"", part("alert"))),
            "{rule:?} is tried"
        );
        for text in ["summary", "description"] {
            let text = rule["annotations"][text].as_str().expect("words");
            for label in promql::named(text, "{{") {
                let label = label.strip_prefix("$labels.").expect("a label");
                assert!(read.kept.contains(label), "{label} in {text}");
            }
        }
    }
}

/// What would let through what is not there finds nothing.
#[test]
fn what_is_not_there_is_noticed() {
    for (expression, what) in [
        ("sum(rate(usher_http_request_total[5m]))", "no such metric"),
        (
            "rate(usher_quota_used_ratio[5m])",
            "a histogram has no value of its own",
        ),
        (
            "rate(usher_http_requests_total_bucket[5m])",
            "a counter has no buckets",
        ),
        ("usher_http_requests_total{status=\"200\"}", "no such label"),
        (
            "usher_http_requests_total{status_class=\"5XX\"}",
            "no such value",
        ),
        (
            "usher_key_set_refreshes_total{outcome=\"failure\"}",
            "no such value",
        ),
        (
            "usher_quota_used_ratio_bucket{le=\"0.85\"}",
            "no such bucket",
        ),
        ("usher_throttled_total{rule=\"quota\"}", "no such value"),
        (
            "sum by(plan)(rate(usher_auth_failures_total[5m]))",
            "no such label",
        ),
        (
            "sum by (plan) (rate(usher_auth_failures_total[5m])) / sum by (plan) (rate(usher_http_requests_total[5m]))",
            "that of another series",
        ),
        (
            "sum without (plan) (usher_auth_failures_total)",
            "no such label",
        ),
        (
            "usher_leases_taken_total / on (issuer) usher_leases_taken_total",
            "no such label",
        ),
        ("sum(up)", "nothing of ours"),
    ] {
        assert!(promql::read(expression).is_err(), "{what}: {expression}");
    }
}

fn metric(name: &str) -> &'static Metric {
    let found = METRICS.iter().find(|metric| metric.cloudwatch == name);
    found.unwrap_or_else(|| panic!("{name}"))
}

/// A metric in `CloudWatch` is found by exactly the set of dimensions that it was written with.
fn assert_written(name: &str, besides: &[&str]) {
    let sets = metric(name).scope.sets();
    assert!(sets.contains(&besides), "{name} by {besides:?}");
}

#[test]
fn cloudwatch_is_asked_for_metrics_that_there_are_and_all_are_shown() {
    let template = deploy("cloudwatch/template.yaml");
    let template = YamlLoader::load_from_str(&template).expect("YAML");
    let resources = template[0]["Resources"].as_hash().expect("resources");
    let (mut shown, mut alarms) = (BTreeSet::new(), 0);
    for resource in resources.values() {
        let properties = &resource["Properties"];
        match resource["Type"].as_str() {
            Some("AWS::CloudWatch::Alarm") => {
                match properties["Metrics"].as_vec() {
                    None => alarmed(properties),
                    Some(metrics) => {
                        let stats = metrics.iter().map(|metric| &metric["MetricStat"]["Metric"]);
                        stats
                            .filter(|metric| !metric.is_badvalue())
                            .for_each(alarmed);
                    }
                }
                alarms += 1;
            }
            Some("AWS::CloudWatch::Dashboard") => {
                let Yaml::String(body) = &properties["DashboardBody"] else {
                    panic!("{properties:?}");
                };
                shown = in_dashboard(&serde_json::from_str(body).expect("JSON"));
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(alarms >= 8, "{alarms}");
    let all: BTreeSet<_> = METRICS
        .iter()
        .map(|metric| metric.cloudwatch.to_owned())
        .collect();
    assert_eq!(shown, all);
}

/// Looks at a metric that an alarm is about.
fn alarmed(metric: &Yaml) {
    let text = |name: &str| metric[name].as_str();
    let dimensions = metric["Dimensions"].as_vec().expect("dimensions");
    let names: Vec<_> = dimensions.iter().map(|one| one["Name"].as_str()).collect();
    let name = text("MetricName").expect("a name");
    if text("Namespace") == Some("AWS/Lambda") {
        assert!(["Errors", "Throttles"].contains(&name), "{name}");
        assert_eq!(names, [Some("FunctionName")]);
        return;
    }
    // A reference: its tag does not come out of the parser.
    assert_eq!(text("Namespace"), Some("Namespace"));
    assert_eq!(names, [Some("ApiId"), Some("Stage")]);
    assert_written(name, &[]);
    let unit = self::metric(name).unit.as_str();
    assert_eq!(text("Unit").unwrap_or(unit), unit);
}

/// The metrics of a dashboard's widgets.
fn in_dashboard(body: &Value) -> BTreeSet<String> {
    let mut shown = BTreeSet::new();
    for widget in body["widgets"].as_array().expect("widgets") {
        assert!(
            widget["x"].as_u64().expect("a place") + widget["width"].as_u64().expect("a width")
                <= 24
        );
        for metric in widget["properties"]["metrics"].as_array().expect("metrics") {
            let name = if let Some(search) = metric[0]["expression"].as_str() {
                let rest = search.strip_prefix("SEARCH('{\"${Namespace}\",ApiId,Stage,");
                let rest = rest.unwrap_or_else(|| panic!("{search}"));
                let (set, rest) = rest
                    .split_once("} MetricName=\"")
                    .expect("a set and a name");
                let (name, rest) = rest.split_once('"').expect("its end");
                assert!(
                    rest.starts_with(" ApiId=\"${ApiId}\" Stage=\"${Stage}\"', '"),
                    "{search}"
                );
                assert_written(name, &set.split(',').collect::<Vec<_>>());
                name
            } else {
                assert_eq!(metric[0], "${Namespace}");
                assert_eq!((&metric[2], &metric[4]), (&"ApiId".into(), &"Stage".into()));
                assert!(metric[6].is_object(), "no more dimensions: {metric}");
                let name = metric[1].as_str().expect("a name");
                assert_written(name, &[]);
                name
            };
            shown.insert(name.to_owned());
        }
    }
    shown
}
