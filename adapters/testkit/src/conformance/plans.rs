//! Plans and keys for the suites: plain ones, and generated ones that hold whatever one may hold.

use std::{collections::BTreeMap, num::NonZeroU64};

use proptest::{collection, option, prelude::*, sample::select};
use usher_domain::{
    time::Timestamp,
    usage::{
        account::Limits,
        api_key::{ApiKey, ApiKeyHash, ApiKeyId, PreviousSecret},
        plan::{ApiStage, PlanId, PlanStage, UsagePlan},
        quota::{Period, Quota},
        throttle::Throttle,
    },
};

/// Names that a careless comparison, collation or statement takes for one another, or for something
/// else.
pub const LOOKALIKES: [&str; 24] = [
    "a",
    "A",
    "a ",
    " a",
    "a\t",
    "aa",
    "a'",
    "a\"",
    "a''",
    "a`",
    "a\\",
    "%",
    "_",
    "a%",
    "a_",
    "a:b",
    "a,b",
    "a';--",
    "é",
    "e\u{301}",
    "ﬀ",
    "\u{1f600}",
    "\u{ffff}",
    "null",
];

/// The stage that `name` stands for.
#[must_use]
pub fn stage(name: &str) -> ApiStage {
    ApiStage {
        api_id: "api".into(),
        stage: name.into(),
    }
}

/// A plan of these stages that limits nothing.
#[must_use]
pub fn plan(id: &str, stages: &[&str]) -> UsagePlan {
    let stages = stages.iter().map(|name| PlanStage::new(stage(name)));
    UsagePlan {
        stages: stages.collect(),
        ..UsagePlan::new(PlanId::new(id))
    }
}

/// The hash that `number` stands for.
#[must_use]
pub fn secret(number: u16) -> ApiKeyHash {
    let mut bytes = [7; 32];
    bytes[..2].copy_from_slice(&number.to_be_bytes());
    ApiKeyHash::from_bytes(bytes)
}

/// An enabled key of these plans.
#[must_use]
pub fn key(id: &str, number: u16, plans: &[&str]) -> ApiKey {
    ApiKey {
        id: ApiKeyId::new(id),
        hash: secret(number),
        previous: None,
        name: format!("the key {id}"),
        description: String::new(),
        enabled: true,
        plans: plans.iter().map(|id| PlanId::new(id)).collect(),
        created_at: None,
    }
}

/// A plan of this id that holds whatever a plan may hold.
pub fn any_plan(id: &'static str) -> impl Strategy<Value = UsagePlan> {
    let stages = collection::btree_map((text(), text()), methods(), 0..4);
    let tags = collection::btree_map(text(), text(), 0..4);
    let limits = (
        option::of(throttle()),
        option::of(quota()),
        option::of(throttle()),
    );
    (text(), text(), limits, stages, tags).prop_map(
        move |(name, description, (throttle, quota, per_user), stages, tags)| UsagePlan {
            id: PlanId::new(id),
            name,
            description,
            limits: Limits { throttle, quota },
            per_user,
            stages: stages
                .into_iter()
                .map(|((api_id, stage), methods)| PlanStage {
                    stage: ApiStage {
                        api_id: api_id.into(),
                        stage: stage.into(),
                    },
                    methods,
                })
                .collect(),
            tags,
        },
    )
}

/// A key of this id and these plans, in any order, that holds whatever a key may hold.
pub fn any_key(id: &'static str, plans: &[&'static str]) -> impl Strategy<Value = ApiKey> {
    let plans = prop::sample::subsequence(plans.to_vec(), 0..=plans.len()).prop_shuffle();
    let instant = prop_oneof![
        select(vec![i64::MIN, i64::MIN + 1, -1, 0, 1, i64::MAX]),
        any::<i64>(),
    ]
    .prop_map(Timestamp::from_nanos);
    let previous = (any::<[u8; 31]>(), instant.clone()).prop_map(|(rest, until)| PreviousSecret {
        hash: hash(1, rest),
        until,
    });
    let texts = (text(), text());
    let rest = (any::<[u8; 31]>(), any::<bool>());
    (
        texts,
        rest,
        option::of(previous),
        plans,
        option::of(instant),
    )
        .prop_map(
            move |((name, description), (rest, enabled), previous, plans, created_at)| ApiKey {
                id: ApiKeyId::new(id),
                hash: hash(0, rest),
                previous,
                name,
                description,
                enabled,
                plans: plans.into_iter().map(PlanId::new).collect(),
                created_at,
            },
        )
}

fn hash(first: u8, rest: [u8; 31]) -> ApiKeyHash {
    let mut bytes = [first; 32];
    bytes[1..].copy_from_slice(&rest);
    ApiKeyHash::from_bytes(bytes)
}

/// Rates that are no binary fractions, that are many, and that are few.
fn throttle() -> impl Strategy<Value = Throttle> {
    let rate = prop_oneof![
        select(vec![
            0.1,
            0.3,
            1.0,
            50.0,
            1.0 / 3.0,
            9_007_199_254_740_993.0,
            1e300
        ]),
        (-8.0..12.0).prop_map(|power: f64| 10_f64.powf(power)),
    ];
    let burst = prop_oneof![
        1..=9_u64,
        select(vec![1, u64::from(u32::MAX)]),
        1..=u64::from(u32::MAX)
    ];
    (rate, burst).prop_filter_map("a full bucket refills within a century", |(rate, burst)| {
        Throttle::new(rate, burst).ok()
    })
}

/// Every period with every offset that it may have.
pub fn quota() -> impl Strategy<Value = Quota> {
    let limit = prop_oneof![
        1..=20_u64,
        select(vec![
            1,
            1 << 53,
            (1 << 53) + 1,
            i64::MAX as u64,
            1 << 63,
            u64::MAX
        ]),
        any::<u64>(),
    ]
    .prop_filter_map("a quota is not zero", NonZeroU64::new);
    limit.prop_flat_map(quota_of)
}

/// The same, of this limit.
pub fn quota_of(limit: NonZeroU64) -> impl Strategy<Value = Quota> {
    let period = select(vec![
        (Period::Day, 0),
        (Period::Week, 6),
        (Period::Month, 27),
    ]);
    // The first period leaves one call at least, or nothing would ever be its first.
    let credit = prop_oneof![Just(0), Just(limit.get() - 1), 0..limit.get()];
    (period, any::<bool>(), credit, any::<u64>()).prop_map(
        move |((period, latest), is_day, credit, day)| {
            let quota = Quota::new(limit, period);
            let quota = if is_day {
                quota.with_start_day(day % (latest + 1))
            } else {
                quota.with_first_period_credit(credit)
            };
            quota.expect("an offset that fits")
        },
    )
}

fn methods() -> impl Strategy<Value = BTreeMap<Box<str>, Throttle>> {
    let resource = prop_oneof![
        Just("/users/{userId}/profile".to_owned()),
        Just("/".to_owned()),
        text().prop_map(|text| format!("/{text}")),
    ];
    let verb = select(vec![
        "GET", "PUT", "PATCH", "DELETE", "POST", "OPTIONS", "ANY",
    ]);
    let name = (resource, verb).prop_map(|(resource, verb)| format!("{resource}/{verb}").into());
    collection::btree_map(name, throttle(), 0..3)
}

/// Text without NUL, which a client cannot put into a file either.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(String::new()),
        select(LOOKALIKES.to_vec()).prop_map(str::to_owned),
        any::<String>().prop_map(|text| text.replace('\0', "")),
    ]
}
