//! Usage plans as JSON: API Gateway's own shapes.
//!
//! Read are one plan, a list of plans, and what `aws apigateway get-usage-plans` prints
//! (`{"items": [...]}`; `item` on the wire). Comments are the caller's to strip. A member that is
//! not known is an error: a misspelt limit must not become "unlimited".
//!
//! Two members are Usher's own: `perUser`, a throttle for each of a key's users, and a quota's
//! `offsetMeaning`, which says what the `offset` beside it means.

mod limits;
mod write;

use std::collections::BTreeMap;

use serde_json::{Map, Value};

pub use self::write::to_json;
use super::{
    account::Limits,
    plan::{ApiStage, MAX_PLAN_ID_BYTES, PlanId, PlanStage, UsagePlan},
    throttle::Throttle,
};

/// What a quota's `offset` means that does not say so itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OffsetMeaning {
    /// Nobody knows: an offset other than zero is refused.
    #[default]
    Refuse,
    /// So many calls fewer in an account's first period.
    FirstPeriodCredit,
    /// The day of the week or month on which the period starts.
    StartDay,
}

impl OffsetMeaning {
    /// The names that a quota's `offsetMeaning` may have.
    pub const NAMES: [(&str, Self); 2] = [
        ("first_period_credit", Self::FirstPeriodCredit),
        ("start_day", Self::StartDay),
    ];
}

/// What is wrong with a plan file, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{pointer}{}{detail}", if pointer.is_empty() { "" } else { ": " })]
pub struct PlanProblem {
    /// JSON Pointer (RFC 6901) to the place; empty for the document.
    pub pointer: String,
    /// One sentence.
    pub detail: String,
}

/// Reads usage plans; `offsets` is for quotas that do not say what their offset means.
///
/// # Errors
/// Everything that is wrong, each with its place.
pub fn parse(json: &str, offsets: OffsetMeaning) -> Result<Vec<UsagePlan>, Vec<PlanProblem>> {
    let document: Value = serde_json::from_str(json).map_err(|error| {
        vec![PlanProblem {
            pointer: String::new(),
            detail: format!("not JSON: {error}"),
        }]
    })?;
    let mut reader = Reader {
        problems: Vec::new(),
        offsets,
    };
    let plans: Vec<UsagePlan> = match &document {
        Value::Array(items) => reader.plans("", items),
        Value::Object(members) => match (members.get("items"), members.get("item")) {
            (Some(Value::Array(items)), _) => reader.plans("/items", items),
            (_, Some(Value::Array(items))) => reader.plans("/item", items),
            _ => reader.plan("", &document).into_iter().collect(),
        },
        _ => {
            reader.report("", "must be a usage plan or a list of usage plans");
            Vec::new()
        }
    };
    for (index, plan) in plans.iter().enumerate() {
        if plans
            .iter()
            .take(index)
            .any(|earlier| earlier.id == plan.id)
        {
            reader.report("", &format!("two plans have the id {}", plan.id));
        }
    }
    if reader.problems.is_empty() {
        Ok(plans)
    } else {
        Err(reader.problems)
    }
}

/// Reads the plan that a store keeps under `id`, as [`to_json`] wrote it.
///
/// # Errors
/// What is wrong with it, the first of several.
pub fn parse_stored(id: &str, body: &str) -> Result<UsagePlan, PlanProblem> {
    // What a store keeps says itself what an offset means.
    let read = parse(body, OffsetMeaning::Refuse).map_err(|problems| problems.into_iter().next());
    let (read, problem) = match read {
        Ok(plans) => (plans, None),
        Err(problem) => (Vec::new(), problem),
    };
    let mut named = read.into_iter().filter(|plan| plan.id.as_str() == id);
    named.next().ok_or_else(|| {
        problem.unwrap_or_else(|| PlanProblem {
            pointer: String::new(),
            detail: "the plan has another id".to_owned(),
        })
    })
}

struct Reader {
    problems: Vec<PlanProblem>,
    offsets: OffsetMeaning,
}

impl Reader {
    fn report(&mut self, pointer: &str, detail: &str) {
        self.problems.push(PlanProblem {
            pointer: pointer.to_owned(),
            detail: detail.to_owned(),
        });
    }

    fn plans(&mut self, pointer: &str, items: &[Value]) -> Vec<UsagePlan> {
        let each = items.iter().enumerate();
        each.filter_map(|(index, item)| self.plan(&format!("{pointer}/{index}"), item))
            .collect()
    }

    fn plan(&mut self, at: &str, value: &Value) -> Option<UsagePlan> {
        let known = [
            "usagePlanId",
            "id",
            "name",
            "description",
            "throttle",
            "perUser",
            "quota",
            "apiStages",
            "tags",
            "productCode",
        ];
        let members = self.object(at, value, &known)?;
        let id = match (members.get("usagePlanId"), members.get("id")) {
            (Some(Value::String(id)), None) | (None, Some(Value::String(id))) => Some(id),
            (Some(Value::String(one)), Some(Value::String(other))) if one == other => Some(one),
            _ => None,
        };
        let id = id.filter(|id| !id.is_empty()).map(|id| PlanId::new(id));
        if id.is_none() {
            self.report(at, "usagePlanId or id must name the plan, once");
        } else if id
            .as_ref()
            .is_some_and(|id| id.as_str().len() > MAX_PLAN_ID_BYTES)
        {
            self.report(at, "the plan's id is longer than 256 bytes");
        }
        let throttle = members
            .get("throttle")
            .and_then(|value| self.throttle(&format!("{at}/throttle"), value));
        let per_user = members
            .get("perUser")
            .and_then(|value| self.throttle(&format!("{at}/perUser"), value));
        let quota = members
            .get("quota")
            .and_then(|value| self.quota(&format!("{at}/quota"), value));
        let stages = self.stages(&format!("{at}/apiStages"), members.get("apiStages"));
        Some(UsagePlan {
            name: self.text(at, members, "name"),
            description: self.text(at, members, "description"),
            id: id?,
            limits: Limits { throttle, quota },
            per_user,
            stages,
            tags: self.tags(&format!("{at}/tags"), members.get("tags")),
        })
    }

    fn tags(&mut self, at: &str, value: Option<&Value>) -> BTreeMap<String, String> {
        let mut tags = BTreeMap::new();
        match value {
            None => {}
            Some(Value::Object(members)) => {
                for (name, value) in members {
                    match value {
                        Value::String(value) => drop(tags.insert(name.clone(), value.clone())),
                        _ => self.report(&format!("{at}/{}", escaped(name)), "must be text"),
                    }
                }
            }
            Some(_) => self.report(at, "must be an object"),
        }
        tags
    }

    fn stages(&mut self, at: &str, value: Option<&Value>) -> Vec<PlanStage> {
        let items = match value {
            None => return Vec::new(),
            Some(Value::Array(items)) => items,
            Some(_) => {
                self.report(at, "must be a list");
                return Vec::new();
            }
        };
        let mut stages: Vec<PlanStage> = Vec::new();
        for (index, item) in items.iter().enumerate() {
            let at = format!("{at}/{index}");
            let Some(members) = self.object(&at, item, &["apiId", "stage", "throttle"]) else {
                continue;
            };
            let methods = self.methods(&format!("{at}/throttle"), members.get("throttle"));
            let (Some(Value::String(api_id)), Some(Value::String(stage))) =
                (members.get("apiId"), members.get("stage"))
            else {
                self.report(&at, "apiId and stage must both be given, as text");
                continue;
            };
            let stage = ApiStage {
                api_id: api_id.as_str().into(),
                stage: stage.as_str().into(),
            };
            if stages.iter().any(|other| other.stage == stage) {
                self.report(&at, "this stage is listed twice");
            }
            stages.push(PlanStage { stage, methods });
        }
        stages
    }

    fn methods(&mut self, at: &str, value: Option<&Value>) -> BTreeMap<Box<str>, Throttle> {
        let mut methods = BTreeMap::new();
        match value {
            None => {}
            Some(Value::Object(members)) => {
                for (name, value) in members {
                    let at = format!("{at}/{}", escaped(name));
                    let throttle = self.throttle(&at, value);
                    if !is_method(name) {
                        self.report(
                            &at,
                            "must name a resource and a method, as in /users/{userId}/profile/GET, which is \
                             HEAD's, too",
                        );
                    } else if let Some(throttle) = throttle {
                        methods.insert(name.as_str().into(), throttle);
                    }
                }
            }
            Some(_) => self.report(at, "must be an object"),
        }
        methods
    }

    fn object<'a>(
        &mut self,
        at: &str,
        value: &'a Value,
        known: &[&str],
    ) -> Option<&'a Map<String, Value>> {
        let Value::Object(members) = value else {
            self.report(at, "must be an object");
            return None;
        };
        for name in members
            .keys()
            .filter(|name| !known.contains(&name.as_str()))
        {
            self.report(
                &format!("{at}/{}", escaped(name)),
                &format!("unknown member; known are {}", known.join(", ")),
            );
        }
        Some(members)
    }

    fn text(&mut self, at: &str, members: &Map<String, Value>, name: &str) -> String {
        match members.get(name) {
            None => String::new(),
            Some(Value::String(text)) => text.clone(),
            Some(_) => {
                self.report(&format!("{at}/{name}"), "must be text");
                String::new()
            }
        }
    }
}

/// A member's name as a part of a JSON Pointer (RFC 6901, section 3).
fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// `/resource/VERB`, and `//VERB` for the root. HEAD is not among the verbs that can be told apart.
fn is_method(name: &str) -> bool {
    let verbs = ["GET", "PUT", "POST", "PATCH", "DELETE", "OPTIONS", "ANY"];
    name.rsplit_once('/')
        .is_some_and(|(resource, verb)| resource.starts_with('/') && verbs.contains(&verb))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARTICLE: &str = r#"{
        "usagePlanId": "uvw0123", "name": "MobileAppHighUsagePlan",
        "description": "Plan for heavy mobile app traffic",
        "throttle": {"burstLimit": 100, "rateLimit": 50},
        "quota": {"limit": 10000, "period": "DAY"},
        "apiStages": [{"apiId": "api-id-123", "stage": "prod"}],
        "tags": {"environment": "production"}
    }"#;

    fn parse(json: &str) -> Result<Vec<UsagePlan>, Vec<PlanProblem>> {
        super::parse(json, OffsetMeaning::Refuse)
    }

    fn problems(json: &str) -> Vec<String> {
        parse(json)
            .unwrap_err()
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    use crate::usage::quota::Period;

    #[test]
    fn the_articles_plan_is_read_as_it_is() {
        let plans = parse(ARTICLE).unwrap();
        let plan = &plans[0];
        assert_eq!(plan.id.as_str(), "uvw0123");
        assert_eq!(
            plan.limits.throttle,
            Some(Throttle::new(50.0, 100).unwrap())
        );
        assert_eq!(plan.limits.quota.unwrap().limit(), 10_000);
        assert_eq!(plan.limits.quota.unwrap().period(), Period::Day);
        let stage = |api_id: &str| ApiStage {
            api_id: api_id.into(),
            stage: "prod".into(),
        };
        assert!(plan.covers(&stage("api-id-123")));
        assert!(!plan.covers(&stage("another")));
    }

    #[test]
    fn what_the_aws_command_line_prints_is_read() {
        let printed = r#"{"items": [{"id": "a1", "name": "gold", "apiStages":
            [{"apiId": "x", "stage": "dev", "throttle": {}}],
            "throttle": {"burstLimit": 10, "rateLimit": 5.0},
            "quota": {"limit": 500, "offset": 0, "period": "MONTH"}, "productCode": "p"},
            {"id": "b2", "name": "unlimited"}]}"#;
        let plans = parse(printed).unwrap();
        assert_eq!(plans.len(), 2);
        assert_eq!(plans[1].limits, Limits::default());
    }

    #[test]
    fn every_problem_is_named_with_its_place() {
        assert_eq!(
            problems("7"),
            ["must be a usage plan or a list of usage plans"]
        );
        let bad = r#"[{"id": "a", "throttle": {"rateLimit": 1}, "quota": {"limit": 0, "period": "day",
            "offset": 1}, "apiStages": [{"apiId": "x"}]}, {"throtle": {}}]"#;
        assert_eq!(
            problems(bad),
            [
                "/0/throttle: burstLimit must be a whole number from 1 to 4294967295",
                "/0/quota/limit: must be a whole number greater than zero",
                "/0/quota/period: must be DAY, WEEK or MONTH",
                "/0/quota/offset: its meaning is unknown, for AWS's own material gives it two: set \
                 usage.quota_offset to \"first_period_credit\" or \"start_day\"",
                "/0/apiStages/0: apiId and stage must both be given, as text",
                "/1/throtle: unknown member; known are usagePlanId, id, name, description, \
                 throttle, perUser, quota, apiStages, tags, productCode",
                "/1: usagePlanId or id must name the plan, once",
            ]
        );
        assert_eq!(
            problems(r#"[{"id":"a"},{"id":"a"}]"#),
            ["two plans have the id a"]
        );
    }

    #[test]
    fn a_plan_is_named_once_and_by_something() {
        for named in [
            r#"{"id": "a"}"#,
            r#"{"usagePlanId": "a"}"#,
            r#"{"usagePlanId": "a", "id": "a"}"#,
        ] {
            assert_eq!(parse(named).unwrap()[0].id.as_str(), "a", "{named}");
        }
        let long = format!(r#"{{"id": "{}"}}"#, "i".repeat(257));
        assert_eq!(problems(&long), ["the plan's id is longer than 256 bytes"]);
        // A store could keep what has no name, and never read it again.
        for bad in [
            r"{}",
            r#"{"id": ""}"#,
            r#"{"usagePlanId": "", "id": ""}"#,
            r#"{"usagePlanId": "a", "id": "b"}"#,
            r#"{"usagePlanId": "a", "id": 7}"#,
            r#"{"usagePlanId": 7, "id": 7}"#,
        ] {
            assert_eq!(
                problems(bad),
                ["usagePlanId or id must name the plan, once"],
                "{bad}"
            );
        }
    }
}
