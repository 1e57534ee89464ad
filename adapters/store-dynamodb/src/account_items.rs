//! Accounts as items of the control table.

use sha2::{Digest as _, Sha256};
use usher_domain::{
    ports::StoreError,
    time::Timestamp,
    usage::{
        account::AccountState,
        membership::{AccountName, AccountTag, Holder},
        plan::PlanId,
        quota::Spent,
    },
};

use crate::control::{Item, corrupt, key, number};

/// Accounts are spread over so many partition keys, each of which takes a thousand writes a second: with
/// plans that are assigned to principals there may be an account for each user.
pub(crate) const SHARDS: u64 = 16;

/// A sort key has at most 1024 bytes; ids that are longer than these parts of it are cut off, and told
/// apart by a digest.
const MOST_PLAN: usize = 380;
const MOST_HOLDER: usize = 600;

pub(crate) fn usage_key(name: &AccountName) -> Item {
    let [bits, _] = AccountTag::of(&name.plan, &name.holder).bits();
    key(shard(bits % SHARDS), sort_key(name))
}

/// The partition key of a shard.
pub(crate) fn shard(number: u64) -> String {
    format!("usage#{number:02}")
}

/// By plan and then by holder: nothing sorts before the zero between them.
pub(crate) fn sort_key(name: &AccountName) -> String {
    let holder = part(&name.holder.to_string(), MOST_HOLDER);
    format!("{}\0{holder}", plan_part(&name.plan))
}

/// What the sort keys of a plan's accounts begin with, before the zero.
pub(crate) fn plan_part(plan: &PlanId) -> String {
    part(plan.as_str(), MOST_PLAN)
}

fn part(text: &str, most: usize) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    let mut end = most - 33;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let mut part = format!("{}\u{1}", &text[..end]);
    for byte in &Sha256::digest(text)[..16] {
        use std::fmt::Write as _;
        let _ = write!(part, "{byte:02x}");
    }
    part
}

/// # Errors
/// When an attribute is not what it should be.
pub(crate) fn state_from_item(item: &Item) -> Result<AccountState, StoreError> {
    let wrong = |name: &str| {
        let sk = item.get("sk").and_then(|sk| sk.as_s().ok());
        let sk = sk.map_or("", String::as_str).replace('\0', " ");
        corrupt(format!("{name} of the account {sk}"))
    };
    let instant = |name: &str| match item.get(name) {
        None => Ok(None),
        Some(value) => match number(value) {
            Some(nanos) => Ok(Some(Timestamp::from_nanos(nanos))),
            None => Err(wrong(name)),
        },
    };
    let spent = match instant("windowStart")? {
        None => None,
        Some(window_start) => {
            let used = item.get("used").and_then(number);
            let used = used.ok_or_else(|| wrong("used"))?;
            Some(Spent { window_start, used })
        }
    };
    Ok(AccountState {
        full_at: instant("fullAt")?,
        spent,
    })
}

/// # Errors
/// When the item does not say whose account it is.
pub(crate) fn name_from_item(item: &Item) -> Result<AccountName, StoreError> {
    let text = |name: &str| item.get(name)?.as_s().ok();
    let holder = text("holder").and_then(|holder| Holder::parse(holder));
    match (text("plan"), holder) {
        (Some(plan), Some(holder)) => Ok(AccountName {
            plan: PlanId::new(plan),
            holder,
        }),
        _ => Err(corrupt("an account without a plan or a holder")),
    }
}
