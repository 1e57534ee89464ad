use std::collections::BTreeSet;

use usher_auth_jwt::Issuer;
use usher_domain::{
    service::UsagePolicy,
    usage::{
        api_key::ApiKey,
        assignment::{Assignment, Criterion},
        membership,
        plan::{ApiStage, PlanId, UsagePlan},
        plan_file::OffsetMeaning,
        throttle::Throttle,
    },
};

use super::{
    file,
    store::{StoreConfig, StoreUrl, parse_store_url},
};
use crate::{config::reader::Reader, keys_file::parse_keys, plans_file::parse_plans};

/// `[usage]` and `[service]`
#[derive(Debug)]
pub struct UsageConfig {
    /// Whether a key is needed, and who has a plan without one.
    pub policy: UsagePolicy,
    /// Whether key, throttle and quota are left to a REST API that has looked at a key.
    pub trust_gateway: bool,
    /// Where plans, keys and what was spent are kept.
    pub store: UsageStoreConfig,
    /// Usage plans to be imported.
    pub plans: Vec<UsagePlan>,
    /// API keys to be imported.
    pub keys: Vec<ApiKey>,
    /// What an offset means in plans that do not say so.
    pub offsets: OffsetMeaning,
    /// The bucket over everything in a process.
    pub service: Option<Throttle>,
}

/// Where plans, keys and what was spent are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UsageStoreConfig {
    /// In this process's memory.
    Memory,
    /// Where profiles are.
    Profiles,
    /// In a store of their own, which is not in memory.
    Elsewhere(StoreUrl),
}

pub(super) fn usage(
    reader: &mut Reader,
    api: &ApiStage,
    store: Option<&StoreConfig>,
    issuers: &[Issuer],
) -> UsageConfig {
    let key_required = reader.flag("usage.api_key_required");
    let key_required = reader.default("usage.api_key_required", key_required, true);
    let trust = reader.flag("usage.trust_gateway");
    let trust_gateway = reader.default("usage.trust_gateway", trust, false);
    let store = self::store(reader, store);
    let offsets = offsets(reader);
    let plans = file(reader, "usage.plans").map_or_else(Vec::new, |(path, text)| {
        parse_plans(&text, offsets).unwrap_or_else(|problems| {
            for problem in problems {
                reader.wrong("usage.plans", format!("{path}: {problem}"));
            }
            Vec::new()
        })
    });
    let keys = file(reader, "usage.keys").map_or_else(Vec::new, |(path, text)| {
        parse_keys(&text).unwrap_or_else(|problems| {
            for problem in problems {
                reader.wrong("usage.keys", format!("{path}: {problem}"));
            }
            Vec::new()
        })
    });
    let names: BTreeSet<_> = issuers.iter().map(|one| one.settings().name()).collect();
    let assign = reader.tables("usage.assign", |reader| assignment(reader, &names));
    let service = throttle(reader, "service.throttle");
    let usage = UsageConfig {
        policy: UsagePolicy {
            key_required,
            assign: assign.into(),
        },
        trust_gateway,
        store,
        plans,
        keys,
        offsets,
        service,
    };
    // In memory there is nothing but what the files say, so that it can be judged here and now. A store
    // may have other plans and keys, which are looked at when it is opened.
    if usage.store == UsageStoreConfig::Memory {
        check(reader, &usage, api);
    }
    usage
}

/// What the control plane needs: where things are kept, what offsets mean, and which plans are assigned.
pub(super) fn control(
    reader: &mut Reader,
    profiles: Option<&StoreConfig>,
) -> (UsageStoreConfig, OffsetMeaning, Vec<PlanId>) {
    let (store, offsets) = (store(reader, profiles), offsets(reader));
    // Known, and a server's business.
    for flag in ["usage.api_key_required", "usage.trust_gateway"] {
        reader.flag(flag);
    }
    for file in ["usage.plans", "usage.keys"] {
        reader.text(file);
    }
    let assigned = reader.tables("usage.assign", |reader| {
        let plan = reader.text("plan");
        reader.pass_over();
        plan
    });
    let assigned = assigned.iter().map(|plan| PlanId::new(plan));
    (store, offsets, assigned.collect())
}

fn store(reader: &mut Reader, profiles: Option<&StoreConfig>) -> UsageStoreConfig {
    let profiles = profiles.map(|store| &store.url);
    let Some(text) = reader.secret("usage.store") else {
        let default = "the same as store.url".to_owned();
        reader.default("usage.store", None, default);
        return match profiles {
            None | Some(StoreUrl::Memory) => UsageStoreConfig::Memory,
            Some(_) => UsageStoreConfig::Profiles,
        };
    };
    match parse_store_url(&text) {
        Ok((url, shown)) => {
            reader.show("usage.store", &shown);
            match url {
                StoreUrl::Memory => UsageStoreConfig::Memory,
                url if Some(&url) == profiles => UsageStoreConfig::Profiles,
                url => UsageStoreConfig::Elsewhere(url),
            }
        }
        Err(detail) => {
            reader.wrong("usage.store", detail);
            UsageStoreConfig::Memory
        }
    }
}

fn offsets(reader: &mut Reader) -> OffsetMeaning {
    const REFUSE: &str = "refuse";
    let [credit, day] = OffsetMeaning::NAMES;
    let words = [(REFUSE, OffsetMeaning::Refuse), credit, day];
    reader
        .word("usage.quota_offset", &words)
        .unwrap_or_else(|| {
            reader.default("usage.quota_offset", None, REFUSE.to_owned());
            OffsetMeaning::Refuse
        })
}

/// Two numbers under `key`; half a throttle is an error, and never "unlimited".
fn throttle(reader: &mut Reader, key: &str) -> Option<Throttle> {
    let (rate, burst) = (format!("{key}.rateLimit"), format!("{key}.burstLimit"));
    let given = reader.is_set(&rate) || reader.is_set(&burst);
    let rate_limit = reader.float(&rate);
    let burst_limit = reader.number(&burst, 1..=u32::MAX.into());
    if let (Some(rate_limit), Some(burst_limit)) = (rate_limit, burst_limit) {
        return Throttle::new(rate_limit, burst_limit)
            .map_err(|error| reader.wrong(&rate, error.to_string()))
            .ok();
    }
    for half in [&rate, &burst] {
        if given && !reader.is_set(half) {
            reader.missing(half, "a throttle has a rateLimit and a burstLimit");
        }
    }
    None
}

fn assignment(reader: &mut Reader, issuers: &BTreeSet<&str>) -> Option<Assignment> {
    let (claim, equals) = (reader.text("claim"), reader.text("equals"));
    let (group, scope) = (reader.text("group"), reader.text("scope"));
    let filled = |text: &Option<String>| text.as_ref().is_none_or(|text| !text.is_empty());
    let to = match (claim, equals, group, scope) {
        (Some(claim), Some(equals), None, None) if filled(&Some(claim.clone())) => {
            Some(Criterion::Claim {
                name: claim.into(),
                equals: equals.into(),
            })
        }
        (None, None, group @ Some(_), None) if filled(&group) => {
            group.map(|group| Criterion::Group(group.into()))
        }
        (None, None, None, scope @ Some(_)) if filled(&scope) => {
            scope.map(|scope| Criterion::Scope(scope.into()))
        }
        _ => {
            let detail =
                "a plan is assigned by a claim and what it equals, by a group or by a scope";
            reader.missing("claim", detail);
            None
        }
    };
    let issuer = reader.text("issuer");
    match &issuer {
        None if issuers.len() > 1 => reader.missing(
            "issuer",
            "with several issuers an assignment names the one whose principals it is for",
        ),
        Some(named) if !issuers.contains(named.as_str()) => {
            reader.wrong("issuer", "is none of identity.issuers".to_owned());
        }
        _ => {}
    }
    let plan = reader.text("plan").filter(|plan| !plan.is_empty());
    if plan.is_none() {
        reader.missing("plan", "must be the id of a usage plan");
    }
    Some(Assignment {
        to: to?,
        issuer: issuer.map(Into::into),
        plan: PlanId::new(&plan?),
    })
}

/// Whether anybody could call, by what the files say alone.
fn check(reader: &mut Reader, usage: &UsageConfig, api: &ApiStage) {
    let plan = |id: &PlanId| usage.plans.iter().find(|plan| plan.id == *id);
    // Keys that name no plan are read, as by API Gateway, and let nobody in.
    for key in &usage.keys {
        if let Err(error) = membership::check(&key.plans, plan) {
            let detail = format!("key {} ({}): {error}", key.id, key.name);
            reader.wrong("usage.keys", detail);
        }
    }
    for (index, assigned) in usage.policy.assign.iter().enumerate() {
        if let Some(detail) = assignment_problem(plan(&assigned.plan), &assigned.plan, api) {
            reader.wrong(&format!("usage.assign[{index}].plan"), detail);
        }
    }
    // Whom the gateway lets in needs no key of ours.
    if usage.trust_gateway || !usage.policy.key_required || !usage.policy.assign.is_empty() {
        return;
    }
    let opens = |key: &&ApiKey| {
        let mut plans = key.plans.iter().filter_map(plan);
        key.enabled && plans.any(|plan| plan.covers(api))
    };
    if !reader.is_set("usage.keys") {
        reader.missing(
            "usage.keys",
            "API keys are required and there are none: name a file of keys, or set \
             usage.api_key_required = false",
        );
    } else if !usage.keys.iter().any(|key| opens(&key)) {
        reader.wrong(
            "usage.keys",
            "no key would be accepted: none is enabled and has a plan that covers api.id and \
             api.stage"
                .to_owned(),
        );
    }
}

/// Why a plan cannot be assigned at `api`.
pub(crate) fn assignment_problem(
    plan: Option<&UsagePlan>,
    id: &PlanId,
    api: &ApiStage,
) -> Option<String> {
    match plan {
        None => Some(format!("there is no usage plan {id}")),
        Some(plan) if !plan.covers(api) => Some(format!(
            "the usage plan {id} does not apply to api.id and api.stage"
        )),
        Some(_) => None,
    }
}
