//! The plans and keys of `features`, and who is assigned a plan without a key.
//!
//! Rates are so low that no token comes back while a test runs.

use std::fs;

use serde_json::{Value, json};

use super::csv;
use crate::support::{
    Deployment, Entrypoint, Store,
    call::Caller,
    plans::{API_ID, STAGE},
};

const KEYS: [(&str, &str); 9] = [
    ("methods", "methods"),
    ("per-user", "per-user"),
    ("elsewhere", "elsewhere"),
    ("both", "elsewhere,plain"),
    ("plain", "plain"),
    ("quota-last", "quota-last"),
    ("throttle-last", "throttle-last"),
    ("user-last", "user-last"),
    ("credit", "credit"),
];

/// The key of this name; every one of a plan is called like it.
pub(super) fn key(name: &str) -> String {
    format!("{name}-key-01234567890123456789")
}

fn throttle(rate: f64, burst: u32) -> Value {
    json!({ "rateLimit": rate, "burstLimit": burst })
}

fn plans() -> Value {
    let here = json!([{ "apiId": API_ID, "stage": STAGE }]);
    let gets = json!({ "/users/{userId}/profile/GET": throttle(0.001, 3) });
    json!([
        {
            "id": "methods",
            "throttle": throttle(0.001, 50),
            "apiStages": [{ "apiId": API_ID, "stage": STAGE, "throttle": gets }],
        },
        {
            "id": "per-user",
            "throttle": throttle(0.001, 10),
            "perUser": throttle(0.001, 2),
            "apiStages": here,
        },
        { "id": "elsewhere", "apiStages": [{ "apiId": API_ID, "stage": "test" }] },
        { "id": "plain", "throttle": throttle(0.001, 100), "apiStages": here },
        {
            "id": "quota-last",
            "throttle": throttle(10.0, 1),
            "quota": { "limit": 1, "period": "MONTH" },
            "apiStages": here,
        },
        {
            // A token in three years.
            "id": "throttle-last",
            "throttle": throttle(1e-8, 1),
            "quota": { "limit": 1, "period": "MONTH" },
            "apiStages": here,
        },
        {
            "id": "user-last",
            "throttle": throttle(0.01, 1),
            "perUser": throttle(0.001, 1),
            "apiStages": here,
        },
        { "id": "staff", "throttle": throttle(0.001, 4), "apiStages": here },
        {
            "id": "gold",
            "throttle": throttle(0.001, 5),
            "quota": { "limit": 7, "period": "MONTH" },
            "apiStages": here,
        },
        { "id": "batch", "throttle": throttle(0.001, 6), "apiStages": here },
        {
            "id": "credit",
            "quota": {
                "limit": 10,
                "period": "MONTH",
                "offset": 4,
                "offsetMeaning": "first_period_credit",
            },
            "apiStages": here,
        },
    ])
}

/// A deployment with all of these plans and keys, and `staff`, `gold` and `batch` assigned.
pub(super) async fn deployment(
    entrypoint: Entrypoint,
    store: Store,
    settings: &[(&str, &str)],
) -> Deployment {
    let assign = json!([
        { "claim": "custom:tier", "equals": "gold", "plan": "gold" },
        { "group": "staff", "plan": "staff" },
        { "scope": "batch", "plan": "batch" },
    ]);
    let keys = KEYS.map(|(name, plans)| (key(name), plans));
    let keys: Vec<_> = keys.iter().map(|(key, plans)| (&**key, *plans)).collect();
    Deployment::with(entrypoint, store, |folder| {
        let (plans_file, keys_file) = (folder.join("plans.json"), folder.join("keys.csv"));
        fs::write(&plans_file, plans().to_string()).expect("a file of plans");
        fs::write(&keys_file, csv(&keys)).expect("a file of keys");
        [
            ("USHER_API__ID", API_ID),
            ("USHER_API__STAGE", STAGE),
            ("USHER_USAGE__PLANS", &plans_file.display().to_string()),
            ("USHER_USAGE__KEYS", &keys_file.display().to_string()),
            ("USHER_USAGE__ASSIGN", &assign.to_string()),
        ]
        .iter()
        .chain(settings)
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
    })
    .await
}

/// Somebody with a key of this name.
pub(super) fn with(d: &Deployment, name: &str) -> Caller {
    d.somebody().with_key(&key(name))
}
