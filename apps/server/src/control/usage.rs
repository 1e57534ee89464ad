use std::collections::HashMap;

use serde_json::{Value, json};
use usher_domain::{
    ports::Clock as _,
    service::{ControlError, ListedUsage},
    usage::{api_key::ApiKeyId, membership::Holder, plan::PlanId},
};
use usher_wiring::SystemClock;

use super::{
    instant, open, say, show,
    table::{cell, table},
};
use crate::{cli::UsageArguments, exit::Failure};

pub(crate) async fn run(arguments: &UsageArguments) -> Result<(), Failure> {
    let (control, _) = open(&arguments.config).await?;
    let plan = arguments.plan.as_deref().map(PlanId::new);
    let key = arguments.key.as_deref().map(ApiKeyId::new);
    let mut listed = control.usage(plan.as_ref(), SystemClock.now()).await?;
    if let Some(key) = key {
        listed.retain(|one| one.name.holder == Holder::Key(key.clone()));
        // What a deleted key has spent is still known.
        if listed.is_empty() {
            control.key(&key).await?;
        }
    }
    if arguments.json {
        show(&listed.iter().map(as_json).collect());
        return Ok(());
    }
    if listed.is_empty() {
        say("Nothing has been spent of any quota.");
        return Ok(());
    }
    let mut names = HashMap::new();
    for one in &listed {
        if let Holder::Key(id) = &one.name.holder {
            let name = match control.key(id).await {
                Ok(key) => key.name,
                Err(ControlError::NoSuchKey(_)) => "(deleted)".to_owned(),
                Err(error) => return Err(error.into()),
            };
            names.insert(id.clone(), name);
        }
    }
    let rows: Vec<_> = listed.iter().map(|one| row(one, &names)).collect();
    let heads = [
        "PLAN",
        "HOLDER",
        "NAME",
        "USED",
        "LIMIT",
        "LEFT",
        "NEXT PERIOD",
    ];
    say(&table(heads, &rows));
    Ok(())
}

fn as_json(one: &ListedUsage) -> Value {
    let (key, principal) = match &one.name.holder {
        Holder::Key(id) => (Some(id.as_str()), None),
        Holder::Principal(id) => (None, Some(&**id)),
    };
    json!({
        "usagePlanId": one.name.plan.as_str(),
        "keyId": key,
        "principal": principal,
        "used": one.used,
        "limit": one.limit,
        "remaining": one.limit.saturating_sub(one.used),
        "periodStart": instant(one.window.start),
        "periodEnd": instant(one.window.end),
    })
}

fn row(one: &ListedUsage, names: &HashMap<ApiKeyId, String>) -> [String; 7] {
    let name = match &one.name.holder {
        Holder::Key(id) => names.get(id).map_or("", String::as_str),
        Holder::Principal(_) => "",
    };
    [
        cell(one.name.plan.as_str()),
        cell(&one.name.holder.to_string()),
        cell(name),
        one.used.to_string(),
        one.limit.to_string(),
        one.limit.saturating_sub(one.used).to_string(),
        instant(one.window.end),
    ]
}
