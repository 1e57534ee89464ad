use serde_json::{Map, Value, json};

use super::OffsetMeaning;
use crate::usage::{
    plan::{PlanStage, UsagePlan},
    quota::{Offset, Quota},
    throttle::Throttle,
};

/// A plan as API Gateway writes it, with Usher's own members where they are needed. Reading it gives
/// the same plan, whatever a deployment says about offsets.
#[must_use]
pub fn to_json(plan: &UsagePlan) -> Value {
    let mut members = Map::new();
    let mut put = |name: &str, value: Value| drop(members.insert(name.to_owned(), value));
    put("id", plan.id.as_str().into());
    put("name", plan.name.as_str().into());
    if !plan.description.is_empty() {
        put("description", plan.description.as_str().into());
    }
    put("apiStages", plan.stages.iter().map(stage).collect());
    if let Some(limit) = &plan.limits.throttle {
        put("throttle", throttle(limit));
    }
    if let Some(limit) = &plan.per_user {
        put("perUser", throttle(limit));
    }
    if let Some(limit) = &plan.limits.quota {
        put("quota", quota(limit));
    }
    if !plan.tags.is_empty() {
        put("tags", json!(plan.tags));
    }
    Value::Object(members)
}

fn stage(stage: &PlanStage) -> Value {
    let methods: Map<_, _> = stage
        .methods
        .iter()
        .map(|(name, limit)| (name.to_string(), throttle(limit)))
        .collect();
    let mut value = json!({"apiId": stage.stage.api_id, "stage": stage.stage.stage});
    if let (false, Some(members)) = (methods.is_empty(), value.as_object_mut()) {
        members.insert("throttle".to_owned(), Value::Object(methods));
    }
    value
}

fn throttle(throttle: &Throttle) -> Value {
    json!({"burstLimit": throttle.burst(), "rateLimit": throttle.rate()})
}

fn quota(quota: &Quota) -> Value {
    let (offset, meaning) = match quota.offset() {
        Offset::None => (0, None),
        Offset::FirstPeriodCredit(calls) => (calls, Some(OffsetMeaning::FirstPeriodCredit)),
        Offset::StartDay(day) => (day.into(), Some(OffsetMeaning::StartDay)),
    };
    let mut value =
        json!({"limit": quota.limit(), "offset": offset, "period": quota.period().as_str()});
    let names = OffsetMeaning::NAMES.iter();
    let mut names = names.filter(|(_, known)| Some(*known) == meaning);
    if let (Some((name, _)), Some(members)) = (names.next(), value.as_object_mut()) {
        members.insert("offsetMeaning".to_owned(), (*name).into());
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::usage::plan_file::parse;

    #[test]
    fn what_is_written_is_read_as_the_same_plan() {
        for (json, offsets) in [
            (r#"{"id": "a"}"#, OffsetMeaning::Refuse),
            (
                r#"{"id": "b", "name": "n", "description": "d", "tags": {"k": "v"},
                "throttle": {"rateLimit": 0.3, "burstLimit": 7}, "perUser": {"rateLimit": 3, "burstLimit": 9},
                "quota": {"limit": 18446744073709551615, "period": "MONTH", "offset": 27},
                "apiStages": [{"apiId": "x", "stage": "y", "throttle": {"/a/{b}/GET": {"rateLimit": 1e9,
                "burstLimit": 1}, "//ANY": {"rateLimit": 2, "burstLimit": 3}}}, {"apiId": "x", "stage": "z"}]}"#,
                OffsetMeaning::StartDay,
            ),
            (
                r#"{"id": "c", "quota": {"limit": 5, "period": "DAY", "offset": 4}}"#,
                OffsetMeaning::FirstPeriodCredit,
            ),
        ] {
            let plans = parse(json, offsets).unwrap();
            let written = to_json(&plans[0]).to_string();
            assert_eq!(
                parse(&written, OffsetMeaning::Refuse),
                Ok(plans),
                "{written}"
            );
        }
    }
}
