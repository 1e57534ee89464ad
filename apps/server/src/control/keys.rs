use serde_json::{Value, json};
use usher_domain::{
    ports::{Clock as _, KeyPage},
    service::{ControlPlane, NewKey, Overlap},
    usage::{
        api_key::{ApiKey, ApiKeyHash, ApiKeyId},
        plan::PlanId,
    },
};
use usher_wiring::{SystemClock, config::parse_duration, parse_keys};

use super::{
    count, instant, open, say, show,
    table::{cell, table},
};
use crate::{
    cli::{KeysArguments, KeysCommand},
    exit::{self, Failure},
    secret::random_key,
};

/// Keys that are read at once.
const PAGE: u32 = 500;

pub(crate) async fn run(arguments: &KeysArguments) -> Result<(), Failure> {
    let (control, _) = open(&arguments.config).await?;
    let json = arguments.json;
    match &arguments.command {
        KeysCommand::Create {
            name,
            description,
            plan,
            disabled,
        } => {
            let (secret, hash) = new_secret()?;
            let new = NewKey {
                hash,
                name: name.clone(),
                description: description.clone(),
                enabled: !disabled,
                plans: named(plan),
            };
            let key = control.create_key(&new, SystemClock.now()).await?;
            tell_secret(&key, &secret, "Made", json);
        }
        KeysCommand::List { plan } => {
            let plan = plan.as_deref().map(PlanId::new);
            let keys = all(&control, plan.as_ref()).await?;
            if json {
                show(&keys.iter().map(as_json).collect());
            } else if keys.is_empty() {
                say("There are no keys: `usher keys create --name NAME --plan PLAN` makes one.");
            } else {
                let rows: Vec<_> = keys.iter().map(row).collect();
                let heads = [
                    "ID",
                    "NAME",
                    "ENABLED",
                    "PLANS",
                    "CREATED",
                    "OLD SECRET UNTIL",
                ];
                say(&table(heads, &rows));
            }
        }
        KeysCommand::Enable { id } => {
            let key = control.set_enabled(&ApiKeyId::new(id), true).await?;
            done(&key, "Enabled", json);
        }
        KeysCommand::Disable { id } => {
            let key = control.set_enabled(&ApiKeyId::new(id), false).await?;
            done(&key, "Disabled", json);
        }
        KeysCommand::Delete { id } => {
            let key = control.key(&ApiKeyId::new(id)).await?;
            control.delete_key(&key.id).await?;
            done(&key, "Deleted", json);
        }
        KeysCommand::Rotate { id, overlap } => {
            let overlap = parse_duration(overlap).ok_or_else(|| {
                Failure::config("--overlap must be a duration such as 0s, 90s, 15m or 24h")
            })?;
            let overlap = if overlap.is_zero() {
                Overlap::None
            } else {
                Overlap::For(overlap)
            };
            let (secret, hash) = new_secret()?;
            let (id, now) = (ApiKeyId::new(id), SystemClock.now());
            let key = control.rotate_key(&id, hash, overlap, now).await?;
            tell_secret(&key, &secret, "Rotated", json);
        }
        KeysCommand::Import { file } => {
            let text = exit::read(file)?;
            let keys = parse_keys(&text).map_err(|problems| {
                let lines = problems.iter();
                Failure::Config(
                    lines
                        .map(|line| format!("{}: {line}", file.display()))
                        .collect(),
                )
            })?;
            let imported = control
                .import_by_hand(&[], &keys, SystemClock.now())
                .await?
                .keys;
            let mut ids: Vec<_> = keys.iter().map(|key| &key.id).collect();
            ids.sort_unstable();
            ids.dedup();
            let unchanged = ids.len() - imported;
            if json {
                show(&json!({"applied": imported, "unchanged": unchanged}));
            } else {
                say(&format!(
                    "{} applied, {unchanged} unchanged.",
                    count(imported, "key")
                ));
            }
        }
    }
    Ok(())
}

/// Each plan once, in the order in which they were named.
fn named(plans: &[String]) -> Vec<PlanId> {
    let mut named: Vec<PlanId> = Vec::new();
    for plan in plans.iter().map(|id| PlanId::new(id)) {
        if !named.contains(&plan) {
            named.push(plan);
        }
    }
    named
}

/// Every key, or every key of a plan.
async fn all(control: &ControlPlane, plan: Option<&PlanId>) -> Result<Vec<ApiKey>, Failure> {
    let mut page = KeyPage {
        plan: plan.cloned(),
        after: None,
        limit: PAGE,
    };
    let mut keys = Vec::new();
    loop {
        let found = control.keys(&page).await?;
        match found.last() {
            None => return Ok(keys),
            Some(last) => page.after = Some(last.id.clone()),
        }
        keys.extend(found);
    }
}

fn new_secret() -> Result<(String, ApiKeyHash), Failure> {
    let secret = random_key().map_err(Failure::Bug)?;
    let hash = ApiKeyHash::of(&secret).map_err(|error| Failure::Bug(error.into()))?;
    Ok((secret, hash))
}

/// The one time that a secret is shown.
fn tell_secret(key: &ApiKey, secret: &str, done: &str, json: bool) {
    if json {
        let mut shown = as_json(key);
        shown["value"] = secret.into();
        show(&shown);
        return;
    }
    let old = key.previous.map_or_else(String::new, |previous| {
        format!(
            "The old secret is good until {}.\n",
            instant(previous.until)
        )
    });
    let idle = match (key.enabled, key.plans.is_empty()) {
        (false, _) => format!(
            "It is disabled: `usher keys enable {}` lets it in.\n",
            key.id
        ),
        (true, true) => "It opens nothing yet: it has no usage plan.\n".to_owned(),
        (true, false) => String::new(),
    };
    say(&format!(
        "{done} the key {} ({}). Send it as x-api-key; it is shown this once, and only its SHA-256 is \
         kept:\n\n{secret}\n\n{old}{idle}Servers take it within 5 s.",
        key.id,
        cell(&key.name),
    ));
}

fn done(key: &ApiKey, done: &str, json: bool) {
    if json {
        show(&as_json(key));
    } else {
        say(&format!(
            "{done} the key {} ({}). Servers know within 5 s.",
            key.id,
            cell(&key.name)
        ));
    }
}

/// A key as API Gateway shows it, without its value.
fn as_json(key: &ApiKey) -> Value {
    let plans: Vec<_> = key.plans.iter().map(PlanId::as_str).collect();
    json!({
        "id": key.id.as_str(),
        "name": key.name,
        "description": key.description,
        "enabled": key.enabled,
        "usagePlanIds": plans,
        "createdDate": key.created_at.map(instant),
        "previousValueUntil": key.previous.map(|previous| instant(previous.until)),
    })
}

fn row(key: &ApiKey) -> [String; 6] {
    let plans: Vec<_> = key.plans.iter().map(PlanId::as_str).collect();
    [
        cell(key.id.as_str()),
        cell(&key.name),
        if key.enabled { "yes" } else { "no" }.to_owned(),
        cell(&plans.join(", ")),
        key.created_at.map_or("-".to_owned(), instant),
        key.previous
            .map_or("-".to_owned(), |previous| instant(previous.until)),
    ]
}
