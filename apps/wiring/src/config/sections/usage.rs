use std::sync::Arc;

use usher_domain::usage::{
    api_key::ApiKey,
    membership::KeyEntry,
    plan::{ApiStage, UsagePlan},
    plan_file,
};

use super::file;
use crate::{config::reader::Reader, keys_file::parse_keys};

/// `[usage]`
#[derive(Debug)]
pub struct UsageConfig {
    /// A key of a plan is needed.
    pub api_key_required: bool,
    /// The usage plans.
    pub plans: Vec<Arc<UsagePlan>>,
    /// The API keys.
    pub keys: Vec<ApiKey>,
}

pub(super) fn usage(reader: &mut Reader, api: &ApiStage) -> UsageConfig {
    let api_key_required = reader.flag("usage.api_key_required");
    let api_key_required = reader.default("usage.api_key_required", api_key_required, true);
    if reader
        .text("usage.store")
        .is_some_and(|store| store != "memory:")
    {
        let detail = "usage is counted in this process's memory: leave it out, or say memory:";
        reader.wrong("usage.store", detail.to_owned());
    }
    let plans: Vec<Arc<UsagePlan>> =
        file(reader, "usage.plans").map_or_else(Vec::new, |(path, text)| match plans(&text) {
            Ok(plans) => plans.into_iter().map(Arc::new).collect(),
            Err(problems) => {
                for problem in problems {
                    reader.wrong("usage.plans", format!("{path}: {problem}"));
                }
                Vec::new()
            }
        });
    let keys = file(reader, "usage.keys").map_or_else(Vec::new, |(path, text)| {
        parse_keys(&text).unwrap_or_else(|problems| {
            for problem in problems {
                reader.wrong("usage.keys", format!("{path}: {problem}"));
            }
            Vec::new()
        })
    });
    // Keys that name no plan are read, as by API Gateway, and let nobody in.
    for key in &keys {
        if let Err(error) = KeyEntry::join(key, &plans) {
            reader.wrong(
                "usage.keys",
                format!("key {} ({}): {error}", key.id, key.name),
            );
        }
    }
    let accepted = |key: &ApiKey| {
        let entry = KeyEntry::join(key, &plans);
        key.enabled && entry.is_ok_and(|entry| entry.at(api).is_some())
    };
    if api_key_required && !reader.is_set("usage.keys") {
        reader.missing(
            "usage.keys",
            "API keys are required and there are none: name a file of keys, or set \
             usage.api_key_required = false",
        );
    } else if api_key_required && !keys.iter().any(accepted) {
        reader.wrong(
            "usage.keys",
            "no key would be accepted: none is enabled and has a plan that covers api.id and \
             api.stage"
                .to_owned(),
        );
    }
    UsageConfig {
        api_key_required,
        plans,
        keys,
    }
}

fn plans(text: &str) -> Result<Vec<UsagePlan>, Vec<plan_file::PlanProblem>> {
    let mut text = text.to_owned();
    json_strip_comments::strip(&mut text).map_err(|error| {
        vec![plan_file::PlanProblem {
            pointer: String::new(),
            detail: error.to_string(),
        }]
    })?;
    plan_file::parse(&text)
}
