//! Taking from an account and giving back to it as conditional updates.
//!
//! An update expression has no `max` and no `if`. So each half of an account has a form for each state
//! it can be in, and a condition that the state is that one. Who guesses wrong is told what was found
//! (`ALL_OLD`), and comes again with the right form. No form repeats what was read: a bucket and a
//! counter in use are counted up where they are, so that any number of nodes may do so at once.

use std::{collections::HashMap, fmt::Display, num::NonZeroU32};

use aws_sdk_dynamodb::types::AttributeValue;
use usher_domain::{
    ports::Receipt,
    time::Timestamp,
    usage::{
        account::{AccountState, Limits},
        membership::AccountName,
        quota::Offset,
        update::{BucketUpdate, CounterUpdate, Update},
    },
};

use crate::control::{EXPIRES, Item};

const FULL_AT: &str = "fullAt";
const WINDOW_START: &str = "windowStart";
const USED: &str = "used";

/// So long an account is kept after it has become as good as new: clocks differ, and plans change.
const KEPT_SECONDS: i64 = 7 * 86_400;

/// What `UpdateItem` takes.
pub(crate) struct Expression {
    pub(crate) update: String,
    pub(crate) condition: String,
    pub(crate) names: HashMap<String, String>,
    pub(crate) values: Item,
}

#[derive(Default)]
struct Builder {
    set: Vec<String>,
    conditions: Vec<String>,
    names: HashMap<String, String>,
    values: Item,
}

impl Builder {
    /// A placeholder for an attribute's name: some words are reserved.
    fn name(&mut self, name: &str) -> String {
        let short = format!("#{name}");
        self.names.insert(short.clone(), name.to_owned());
        short
    }

    fn number(&mut self, short: &str, value: impl Display) -> String {
        let short = format!(":{short}");
        let value = AttributeValue::N(value.to_string());
        self.values.insert(short.clone(), value);
        short
    }

    fn text(&mut self, short: &str, value: impl Into<String>) -> String {
        let short = format!(":{short}");
        self.values
            .insert(short.clone(), AttributeValue::S(value.into()));
        short
    }

    fn finish(self) -> Expression {
        Expression {
            update: format!("SET {}", self.set.join(", ")),
            condition: self.conditions.join(" AND "),
            names: self.names,
            values: self.values,
        }
    }
}

/// The state that a bucket is thought to be in.
#[derive(Clone, Copy)]
enum Bucket {
    /// Full, or never used.
    Full,
    /// Some tokens are missing.
    InUse,
}

/// The state that a counter is thought to be in.
#[derive(Clone, Copy)]
enum Counter {
    /// Never used.
    New,
    /// Of a period that is over.
    Outdated,
    /// Of the period that starts then.
    Counting(i64),
}

/// A call that takes tokens.
pub(crate) struct Take {
    bucket: Option<(Bucket, BucketUpdate)>,
    counter: Option<(Counter, CounterUpdate)>,
    /// Epoch seconds from which on the account is as good as new; `None`: never.
    expires: Option<i64>,
}

impl Take {
    /// The call as it will be for an account that was used before in this period, and not in this
    /// second.
    pub(crate) fn of_a_known_account(limits: &Limits, tokens: NonZeroU32, now: Timestamp) -> Self {
        let Update { bucket, counter } = Update::of(limits, tokens, now);
        Self {
            bucket: bucket.map(|bucket| (Bucket::Full, bucket)),
            counter: counter.map(|counter| (Counter::Counting(counter.window_start), counter)),
            expires: expires(limits, now, now),
        }
    }

    /// The call as it has to be for an account in this state.
    pub(crate) fn of(
        state: &AccountState,
        limits: &Limits,
        tokens: NonZeroU32,
        now: Timestamp,
    ) -> Self {
        let Update { bucket, counter } = Update::of(limits, tokens, now);
        let in_use = state.full_at.is_some_and(|full_at| full_at >= now);
        let bucket_is = if in_use { Bucket::InUse } else { Bucket::Full };
        let start = state.spent.map(|spent| spent.window_start);
        let counter_is = |counter: &CounterUpdate| match start.map(Timestamp::as_nanos) {
            None => Counter::New,
            Some(start) if start < counter.window_start => Counter::Outdated,
            Some(start) => Counter::Counting(start),
        };
        Self {
            bucket: bucket.map(|bucket| (bucket_is, bucket)),
            counter: counter.map(|counter| (counter_is(&counter), counter)),
            expires: expires(limits, now, start.map_or(now, |start| start.max(now))),
        }
    }

    /// `None`: the tokens are never there.
    pub(crate) fn expression(&self, name: &AccountName) -> Option<Expression> {
        let mut builder = Builder::default();
        if let Some((bucket, BucketUpdate { now, latest, cost })) = &self.bucket {
            let (latest, full_at) = ((*latest)?, builder.name(FULL_AT));
            let at = builder.number("now", now);
            match bucket {
                Bucket::Full => {
                    let next = builder.number("full_at", now.saturating_add(*cost));
                    builder.set.push(format!("{full_at} = {next}"));
                    let condition =
                        format!("(attribute_not_exists({full_at}) OR {full_at} < {at})");
                    builder.conditions.push(condition);
                }
                Bucket::InUse => {
                    let (cost, latest) = (
                        builder.number("cost", cost),
                        builder.number("latest", latest),
                    );
                    builder.set.push(format!("{full_at} = {full_at} + {cost}"));
                    let condition = format!("{full_at} BETWEEN {at} AND {latest}");
                    builder.conditions.push(condition);
                }
            }
        }
        if let Some((counter, bounds)) = &self.counter {
            let most = bounds.most?;
            let (start, used) = (builder.name(WINDOW_START), builder.name(USED));
            let tokens = bounds.tokens;
            match counter {
                Counter::New | Counter::Outdated => {
                    let window = builder.number("start", bounds.window_start);
                    let (spent, condition) = match counter {
                        Counter::New => (bounds.first, format!("attribute_not_exists({start})")),
                        _ => (0, format!("{start} < {window}")),
                    };
                    let next = builder.number("used", spent.saturating_add(tokens));
                    builder.set.push(format!("{used} = {next}"));
                    builder.set.push(format!("{start} = {window}"));
                    builder.conditions.push(condition);
                }
                Counter::Counting(window) => {
                    let window = builder.number("start", window);
                    let (tokens, most) = (
                        builder.number("tokens", tokens),
                        builder.number("most", most),
                    );
                    builder.set.push(format!("{used} = {used} + {tokens}"));
                    let condition = format!("{start} = {window} AND {used} <= {most}");
                    builder.conditions.push(condition);
                }
            }
        }
        let (plan, holder) = (builder.name("plan"), builder.name("holder"));
        let plan_id = builder.text("plan", name.plan.as_str());
        let spender = builder.text("holder", name.holder.to_string());
        builder.set.push(format!("{plan} = {plan_id}"));
        builder.set.push(format!("{holder} = {spender}"));
        let expires = builder.name(EXPIRES);
        let at = match self.expires {
            Some(at) => builder.number("expires", at),
            // TTL passes over what is no number.
            None => builder.text("expires", "never"),
        };
        builder.set.push(format!("{expires} = {at}"));
        if builder.conditions.is_empty() {
            let pk = builder.name("pk");
            // Without limits there is nothing to ask for, and a condition has to be something.
            let always = format!("(attribute_exists({pk}) OR attribute_not_exists({pk}))");
            builder.conditions.push(always);
        }
        Some(builder.finish())
    }
}

/// From when on an account, last used at `now` and counting the period of `counted`, is as good as new.
fn expires(limits: &Limits, now: Timestamp, counted: Timestamp) -> Option<i64> {
    let quota = limits.quota.as_ref();
    // A first period is shorter, once.
    if quota.is_some_and(|quota| matches!(quota.offset(), Offset::FirstPeriodCredit(_))) {
        return None;
    }
    let refill = limits
        .throttle
        .map_or(0, |throttle| throttle.refill_nanos());
    let full = Timestamp::from_nanos(now.as_nanos().saturating_add(refill));
    let ends = quota.map_or(now, |quota| quota.window_at(counted).end);
    Some(full.max(ends).as_seconds().saturating_add(KEPT_SECONDS))
}

/// A call that gives tokens back.
pub(crate) struct GiveBack {
    /// How much earlier the bucket is full.
    bucket: Option<i64>,
    /// The counter's period, what comes back, and whether that is more than was counted.
    counter: Option<(i64, u64, bool)>,
}

impl GiveBack {
    /// The call as it will be while the period goes on that the tokens were taken in.
    pub(crate) fn to_a_usual_account(limits: &Limits, receipt: Receipt) -> Self {
        let tokens = receipt.tokens.get();
        let cost = |step: i64| step.saturating_mul(i64::from(tokens));
        // Only the counter takes calls back that they were added to, which is known by its start.
        let window = receipt.window.filter(|window| {
            let quota = limits.quota.as_ref();
            quota.is_some_and(|quota| quota.window_at(window.start).end == window.end)
        });
        Self {
            bucket: limits.throttle.map(|throttle| cost(throttle.step_nanos())),
            counter: window.map(|window| (window.start.as_nanos(), tokens.into(), false)),
        }
    }

    /// The call as it has to be for an account in this state.
    pub(crate) fn to(state: &AccountState, limits: &Limits, receipt: Receipt) -> Self {
        let Self { bucket, counter } = Self::to_a_usual_account(limits, receipt);
        let spent = state.spent;
        Self {
            bucket: bucket.filter(|_| state.full_at.is_some()),
            counter: counter.and_then(|(start, tokens, _)| {
                let spent = spent.filter(|spent| spent.window_start.as_nanos() == start)?;
                Some((start, tokens, spent.used < tokens))
            }),
        }
    }

    /// `None`: there is nothing to do.
    pub(crate) fn expression(&self) -> Option<Expression> {
        let mut builder = Builder::default();
        if let Some(cost) = self.bucket {
            let (full_at, cost) = (builder.name(FULL_AT), builder.number("cost", cost));
            builder.set.push(format!("{full_at} = {full_at} - {cost}"));
            builder
                .conditions
                .push(format!("attribute_exists({full_at})"));
        }
        if let Some((window, tokens, is_more)) = self.counter {
            let (start, used) = (builder.name(WINDOW_START), builder.name(USED));
            let window = builder.number("start", window);
            let tokens = builder.number("tokens", tokens);
            let (next, counted) = if is_more {
                (builder.number("none", 0), format!("{used} < {tokens}"))
            } else {
                (format!("{used} - {tokens}"), format!("{used} >= {tokens}"))
            };
            builder.set.push(format!("{used} = {next}"));
            let condition = format!("{start} = {window} AND {counted}");
            builder.conditions.push(condition);
        }
        (!builder.set.is_empty()).then(|| builder.finish())
    }
}
