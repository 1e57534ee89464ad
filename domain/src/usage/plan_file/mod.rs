//! Usage plans as JSON: API Gateway's own shapes.
//!
//! Read are one plan, a list of plans, and what `aws apigateway get-usage-plans` prints
//! (`{"items": [...]}`; `item` on the wire). Comments are the caller's to strip. A member that is
//! not known is an error: a misspelt limit must not become "unlimited".

use std::num::NonZeroU64;

use serde_json::{Map, Value};

use super::{
    account::Limits,
    plan::{ApiStage, PlanId, UsagePlan},
    quota::{Period, Quota},
    throttle::Throttle,
};

/// What is wrong with a plan file, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{pointer}: {detail}")]
pub struct PlanProblem {
    /// JSON Pointer (RFC 6901) to the place; empty for the document.
    pub pointer: String,
    /// One sentence.
    pub detail: String,
}

/// Reads usage plans.
///
/// # Errors
/// Everything that is wrong, each with its place.
pub fn parse(json: &str) -> Result<Vec<UsagePlan>, Vec<PlanProblem>> {
    let document: Value = serde_json::from_str(json).map_err(|error| {
        vec![PlanProblem {
            pointer: String::new(),
            detail: format!("not JSON: {error}"),
        }]
    })?;
    let mut reader = Reader {
        problems: Vec::new(),
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

struct Reader {
    problems: Vec<PlanProblem>,
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
            "quota",
            "apiStages",
            "tags",
            "productCode",
        ];
        let members = self.object(at, value, &known)?;
        let id = match (members.get("usagePlanId"), members.get("id")) {
            (Some(Value::String(id)), None) | (None, Some(Value::String(id))) if !id.is_empty() => {
                Some(PlanId::new(id))
            }
            (Some(one), Some(other)) if one == other && one.as_str().is_some() => {
                one.as_str().map(PlanId::new)
            }
            _ => {
                self.report(at, "usagePlanId or id must name the plan, once");
                None
            }
        };
        let throttle = members
            .get("throttle")
            .and_then(|value| self.throttle(&format!("{at}/throttle"), value));
        let quota = members
            .get("quota")
            .and_then(|value| self.quota(&format!("{at}/quota"), value));
        let stages = self.stages(&format!("{at}/apiStages"), members.get("apiStages"));
        Some(UsagePlan {
            name: self.text(at, members, "name"),
            description: self.text(at, members, "description"),
            id: id?,
            limits: Limits { throttle, quota },
            stages,
        })
    }

    fn throttle(&mut self, at: &str, value: &Value) -> Option<Throttle> {
        let members = self.object(at, value, &["rateLimit", "burstLimit"])?;
        let rate = members.get("rateLimit").and_then(Value::as_f64);
        let burst = members.get("burstLimit").and_then(Value::as_u64);
        // Half a throttle is an error: what is missing must not become "unlimited".
        match Throttle::new(rate.unwrap_or(0.0), burst.unwrap_or(0)) {
            Ok(throttle) => Some(throttle),
            Err(error) => {
                self.report(at, &error.to_string());
                None
            }
        }
    }

    fn quota(&mut self, at: &str, value: &Value) -> Option<Quota> {
        let members = self.object(at, value, &["limit", "period", "offset"])?;
        let limit = members
            .get("limit")
            .and_then(Value::as_u64)
            .and_then(NonZeroU64::new);
        let period = match members.get("period").and_then(Value::as_str) {
            Some("DAY") => Some(Period::Day),
            Some("WEEK") => Some(Period::Week),
            Some("MONTH") => Some(Period::Month),
            _ => None,
        };
        if limit.is_none() {
            self.report(
                &format!("{at}/limit"),
                "must be a whole number greater than zero",
            );
        }
        if period.is_none() {
            self.report(&format!("{at}/period"), "must be DAY, WEEK or MONTH");
        }
        if !matches!(
            members.get("offset").map(Value::as_u64),
            None | Some(Some(0))
        ) {
            self.report(
                &format!("{at}/offset"),
                "must be 0: AWS's own material gives other offsets contradictory meanings",
            );
        }
        Some(Quota::new(limit?, period?))
    }

    fn stages(&mut self, at: &str, value: Option<&Value>) -> Vec<ApiStage> {
        let items = match value {
            None => return Vec::new(),
            Some(Value::Array(items)) => items,
            Some(_) => {
                self.report(at, "must be a list");
                return Vec::new();
            }
        };
        let mut stages = Vec::new();
        for (index, item) in items.iter().enumerate() {
            let at = format!("{at}/{index}");
            let Some(members) = self.object(&at, item, &["apiId", "stage", "throttle"]) else {
                continue;
            };
            if members
                .get("throttle")
                .is_some_and(|throttle| *throttle != Value::Object(Map::new()))
            {
                self.report(
                    &format!("{at}/throttle"),
                    "limits per method are not supported; leave them out",
                );
            }
            match (members.get("apiId"), members.get("stage")) {
                (Some(Value::String(api_id)), Some(Value::String(stage))) => {
                    stages.push(ApiStage {
                        api_id: api_id.as_str().into(),
                        stage: stage.as_str().into(),
                    });
                }
                _ => self.report(&at, "apiId and stage must both be given, as text"),
            }
        }
        stages
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
                &format!("{at}/{}", name.replace('~', "~0").replace('/', "~1")),
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

    fn problems(json: &str) -> Vec<String> {
        parse(json)
            .unwrap_err()
            .iter()
            .map(ToString::to_string)
            .collect()
    }

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
            [": must be a usage plan or a list of usage plans"]
        );
        let bad = r#"[{"id": "a", "throttle": {"rateLimit": 1}, "quota": {"limit": 0, "period": "day",
            "offset": 1}, "apiStages": [{"apiId": "x"}]}, {"throtle": {}}]"#;
        assert_eq!(
            problems(bad),
            [
                "/0/throttle: burstLimit must be a whole number from 1 to 4294967295",
                "/0/quota/limit: must be a whole number greater than zero",
                "/0/quota/period: must be DAY, WEEK or MONTH",
                "/0/quota/offset: must be 0: AWS's own material gives other offsets contradictory \
                 meanings",
                "/0/apiStages/0: apiId and stage must both be given, as text",
                "/1/throtle: unknown member; known are usagePlanId, id, name, description, \
                 throttle, quota, apiStages, tags, productCode",
                "/1: usagePlanId or id must name the plan, once",
            ]
        );
        assert_eq!(
            problems(r#"[{"id":"a"},{"id":"a"}]"#),
            [": two plans have the id a"]
        );
    }
}
