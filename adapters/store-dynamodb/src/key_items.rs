//! Keys as items of the control table.

use std::fmt::Write as _;

use aws_sdk_dynamodb::types::AttributeValue;
use usher_domain::{
    ports::{ImportEntry, StoreError},
    time::Timestamp,
    usage::{
        api_key::{ApiKey, ApiKeyHash, ApiKeyId, PreviousSecret},
        plan::PlanId,
    },
};

use crate::control::{Item, corrupt, key, number};

/// Of a plan or a key.
pub(crate) fn id_key(pk: &str, id: &str) -> Item {
    key(pk, format!("#{id}"))
}

pub(crate) fn key_key(id: &ApiKeyId) -> Item {
    id_key("keys", id.as_str())
}

pub(crate) fn secret_key(hash: &ApiKeyHash) -> Item {
    let mut pk = "secret#".to_owned();
    for byte in hash.as_bytes() {
        let _ = write!(pk, "{byte:02x}");
    }
    key(pk, "#")
}

pub(crate) fn entry_key(entry: &ImportEntry) -> Item {
    let (kind, id) = match entry {
        ImportEntry::Plan(id) => ("plan", id.as_str()),
        ImportEntry::Key(id) => ("key", id.as_str()),
    };
    key("imports", format!("{kind}#{id}"))
}

pub(crate) fn key_to_item(key: &ApiKey) -> Item {
    let hash = |hash: &ApiKeyHash| AttributeValue::B(hash.as_bytes().to_vec().into());
    let instant = |at: Timestamp| AttributeValue::N(at.as_nanos().to_string());
    let text = |text: &str| AttributeValue::S(text.to_owned());
    let plans = key.plans.iter().map(|plan| text(plan.as_str()));
    let mut item = key_key(&key.id);
    let previous = key.previous.as_ref();
    item.extend(
        [
            ("hash", Some(hash(&key.hash))),
            ("previousHash", previous.map(|one| hash(&one.hash))),
            ("previousUntil", previous.map(|one| instant(one.until))),
            ("name", Some(text(&key.name))),
            ("description", Some(text(&key.description))),
            ("enabled", Some(AttributeValue::Bool(key.enabled))),
            ("plans", Some(AttributeValue::L(plans.collect()))),
            ("createdAt", key.created_at.map(instant)),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?))),
    );
    item
}

/// # Errors
/// When the item is not a key, with what of it is not.
pub(crate) fn key_from_item(item: &Item) -> Result<ApiKey, StoreError> {
    let id = item
        .get("sk")
        .and_then(|sk| sk.as_s().ok()?.strip_prefix('#'));
    let id = id.ok_or_else(|| corrupt("a key without an id"))?;
    let wrong = |name: &str| corrupt(format!("{name} of the key with the id {id}"));
    let text = |name: &str| {
        let value = item.get(name).and_then(|value| value.as_s().ok());
        value.cloned().ok_or_else(|| wrong(name))
    };
    let hash = |value: &AttributeValue, name: &str| {
        let bytes = value.as_b().ok().map(AsRef::as_ref);
        let bytes = bytes.and_then(|bytes: &[u8]| bytes.try_into().ok());
        bytes.map(ApiKeyHash::from_bytes).ok_or_else(|| wrong(name))
    };
    let instant = |name: &str| match item.get(name) {
        None => Ok(None),
        Some(value) => match number(value) {
            Some(nanos) => Ok(Some(Timestamp::from_nanos(nanos))),
            None => Err(wrong(name)),
        },
    };
    let previous = match (item.get("previousHash"), instant("previousUntil")?) {
        (None, _) => None,
        (Some(value), Some(until)) => Some(PreviousSecret {
            hash: hash(value, "previousHash")?,
            until,
        }),
        (Some(_), None) => return Err(wrong("previousUntil")),
    };
    let present = item.get("hash").ok_or_else(|| wrong("hash"))?;
    let enabled = item.get("enabled").and_then(|flag| flag.as_bool().ok());
    let plans = item.get("plans").and_then(|plans| plans.as_l().ok());
    let plans = plans.ok_or_else(|| wrong("plans"))?;
    let plan = |id: &AttributeValue| {
        let id = id.as_s().map_err(|_| wrong("plans"))?;
        Ok(PlanId::new(id))
    };
    Ok(ApiKey {
        id: ApiKeyId::new(id),
        hash: hash(present, "hash")?,
        previous,
        name: text("name")?,
        description: text("description")?,
        enabled: *enabled.ok_or_else(|| wrong("enabled"))?,
        plans: plans.iter().map(plan).collect::<Result<_, StoreError>>()?,
        created_at: instant("createdAt")?,
    })
}
