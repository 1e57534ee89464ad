//! Dashboards and alarms name metrics, labels and dimensions that there are, and nothing else.

use std::{collections::BTreeSet, fs, path::PathBuf};

use serde_json::Value;
use usher_telemetry::METRICS;
use yaml_rust2::{Yaml, YamlLoader};

fn deploy(path: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../deploy")
        .join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The labels of a family, or of one of a histogram's series.
fn labels(series: &str) -> Option<Vec<&'static str>> {
    if series == "usher_build_info" {
        return Some(vec!["version"]);
    }
    let ends = ["_bucket", "_sum", "_count"];
    let of_histogram = ends.into_iter().find_map(|end| series.strip_suffix(end));
    let metric = METRICS.iter().find(|metric| {
        metric.prometheus == series
            || of_histogram.is_some_and(|family| metric.prometheus == family)
    })?;
    let mut labels = metric.labels.to_vec();
    labels.extend(series.ends_with("_bucket").then_some("le"));
    Some(labels)
}

/// Looks at every metric and label of an expression; answers the families.
fn families(expression: &str) -> BTreeSet<String> {
    let is_name = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    let series: BTreeSet<_> = expression
        .split(|letter: char| !is_name(letter))
        .filter(|word| word.starts_with("usher_"))
        .collect();
    assert!(!series.is_empty(), "{expression}");
    // Those that Prometheus adds to what it scrapes.
    let mut known = vec!["job", "instance"];
    for series in &series {
        known.extend(labels(series).unwrap_or_else(|| panic!("{series} in {expression}")));
    }
    let lists = expression
        .split("by (")
        .chain(expression.split("on ("))
        .skip(1);
    let in_lists = lists
        .filter_map(|rest| rest.split_once(')'))
        .flat_map(|(list, _)| list.split(','));
    let selectors = expression
        .split('{')
        .skip(1)
        .filter_map(|rest| rest.split_once('}'));
    let in_selectors = selectors
        .flat_map(|(list, _)| list.split(','))
        .filter_map(|matcher| matcher.split(['=', '!']).next());
    for label in in_lists.chain(in_selectors) {
        let label = label.trim();
        let is_label = label.chars().all(is_name);
        assert!(
            !is_label || known.contains(&label),
            "{label:?} in {expression}"
        );
    }
    series
        .into_iter()
        .map(|series| {
            let metric = METRICS
                .iter()
                .find(|metric| series.starts_with(metric.prometheus));
            metric.map_or(series, |metric| metric.prometheus).to_owned()
        })
        .collect()
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
            shown.extend(families(target["expr"].as_str().expect("an expression")));
        }
    }
    shown.remove("usher_build_info");
    assert_eq!(shown, all_families());
    let variables = dashboard["templating"]["list"]
        .as_array()
        .expect("variables");
    let names: Vec<_> = variables.iter().map(|variable| &variable["name"]).collect();
    assert_eq!(names, ["datasource", "job"]);
    families(variables[1]["definition"].as_str().expect("a query"));
}

#[test]
fn alerts_name_metrics_that_there_are() {
    let rules = YamlLoader::load_from_str(&deploy("grafana/alerts.yaml")).expect("YAML");
    let rules = rules[0]["groups"][0]["rules"].as_vec().expect("rules");
    assert!(rules.len() >= 6);
    for rule in rules {
        families(rule["expr"].as_str().expect("an expression"));
        for part in ["alert", "for"] {
            assert!(rule[part].as_str().is_some(), "{rule:?}");
        }
        assert!(
            rule["annotations"]["summary"].as_str().is_some(),
            "{rule:?}"
        );
    }
}

fn is_metric(name: &str) -> bool {
    METRICS.iter().any(|metric| metric.cloudwatch == name)
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
                let name = properties["MetricName"].as_str().expect("a name");
                assert!(is_metric(name), "{name}");
                let dimensions = properties["Dimensions"].as_vec().expect("dimensions");
                let names: Vec<_> = dimensions.iter().map(|one| one["Name"].as_str()).collect();
                assert_eq!(names, [Some("ApiId"), Some("Stage")]);
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
    assert!(alarms >= 6, "{alarms}");
    let all: BTreeSet<_> = METRICS
        .iter()
        .map(|metric| metric.cloudwatch.to_owned())
        .collect();
    assert_eq!(shown, all);
}

/// The metrics of a dashboard's widgets.
fn in_dashboard(body: &Value) -> BTreeSet<String> {
    const SETS: [&str; 2] = ["ApiId,Stage,Resource,Method}", "ApiId,Stage,UsagePlan}"];
    let mut shown = BTreeSet::new();
    for widget in body["widgets"].as_array().expect("widgets") {
        assert!(
            widget["x"].as_u64().expect("a place") + widget["width"].as_u64().expect("a width")
                <= 24
        );
        for metric in widget["properties"]["metrics"].as_array().expect("metrics") {
            let name = if let Some(search) = metric[0]["expression"].as_str() {
                assert!(SETS.iter().any(|set| search.contains(set)), "{search}");
                let (_, rest) = search.split_once("MetricName=\"").expect("a name");
                rest.split('"').next().expect("its end")
            } else {
                assert_eq!(metric[0], "${Namespace}");
                assert_eq!((&metric[2], &metric[4]), (&"ApiId".into(), &"Stage".into()));
                metric[1].as_str().expect("a name")
            };
            assert!(is_metric(name), "{name}");
            shown.insert(name.to_owned());
        }
    }
    shown
}
