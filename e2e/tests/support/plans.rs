//! The usage plans and API keys of a deployment of this suite.
//!
//! Quotas count by the week, because a day's end is more likely to fall into a run than a week's;
//! rates are so low that no token comes back while a test runs.

use std::{fs, path::Path};

use serde_json::{Value, json};

/// What the plans call this deployment. The emulated gateways have the same names.
pub(crate) const API_ID: &str = "api-id-123";
pub(crate) const STAGE: &str = "prod";

/// More than any test needs.
pub(crate) const AMPLE: &str = "ample-key-01234567890123456789";
/// No limits at all.
pub(crate) const UNLIMITED: &str = "unlimited-key-01234567890123456789";
/// 100 at once, and next to none after that; 1000 a week.
pub(crate) const STEADY: &str = "steady-key-01234567890123456789";
/// 5 at once, and one in 100 seconds after that.
pub(crate) const SLOW: &str = "slow-key-01234567890123456789";
/// Another key of the same plan.
pub(crate) const SLOW_TOO: &str = "slow-too-key-01234567890123456789";
/// 3 a week.
pub(crate) const SCARCE: &str = "scarce-key-01234567890123456789";
/// 2 at once, and 4 a week.
pub(crate) const SLOW_AND_SCARCE: &str = "slow-and-scarce-key-01234567890123456789";
/// Of a plan, but disabled.
pub(crate) const DISABLED: &str = "disabled-key-01234567890123456789";
/// Of a plan of another stage.
pub(crate) const ELSEWHERE: &str = "elsewhere-key-01234567890123456789";
/// Of no plan.
pub(crate) const PLANLESS: &str = "planless-key-01234567890123456789";

const KEYS: [(&str, bool, &str); 10] = [
    (AMPLE, true, "ample"),
    (UNLIMITED, true, "unlimited"),
    (STEADY, true, "steady"),
    (SLOW, true, "slow"),
    (SLOW_TOO, true, "slow"),
    (SCARCE, true, "scarce"),
    (SLOW_AND_SCARCE, true, "slow-and-scarce"),
    (DISABLED, false, "ample"),
    (ELSEWHERE, true, "elsewhere"),
    (PLANLESS, true, ""),
];

fn plans() -> Value {
    let here = json!([{ "apiId": API_ID, "stage": STAGE }]);
    let throttle = |rate: f64, burst: u32| json!({ "rateLimit": rate, "burstLimit": burst });
    let quota = |limit: u32| json!({ "limit": limit, "period": "WEEK" });
    json!([
        { "id": "ample", "throttle": throttle(5000.0, 5000), "apiStages": here },
        { "id": "unlimited", "apiStages": here },
        {
            "id": "steady",
            "throttle": throttle(0.001, 100),
            "quota": quota(1000),
            "apiStages": here,
        },
        { "id": "slow", "throttle": throttle(0.01, 5), "apiStages": here },
        { "id": "scarce", "quota": quota(3), "apiStages": here },
        {
            "id": "slow-and-scarce",
            "throttle": throttle(0.01, 2),
            "quota": quota(4),
            "apiStages": here,
        },
        { "id": "elsewhere", "apiStages": [{ "apiId": API_ID, "stage": "test" }] },
    ])
}

/// Writes both files into `folder`; returns the variables that name them.
pub(crate) fn write(folder: &Path) -> Vec<(String, String)> {
    let (plans_file, keys_file) = (folder.join("plans.json"), folder.join("keys.csv"));
    fs::write(&plans_file, plans().to_string()).expect("a file of plans");
    let lines = KEYS
        .iter()
        .map(|(key, enabled, plan)| format!("{plan},{key},{enabled},{plan}\n"));
    let csv: String = std::iter::once("Name,Key,Enabled,UsagePlanIds\n".to_owned())
        .chain(lines)
        .collect();
    fs::write(&keys_file, csv).expect("a file of keys");
    vec![
        ("USHER_API__ID".to_owned(), API_ID.to_owned()),
        ("USHER_API__STAGE".to_owned(), STAGE.to_owned()),
        (
            "USHER_USAGE__PLANS".to_owned(),
            plans_file.display().to_string(),
        ),
        (
            "USHER_USAGE__KEYS".to_owned(),
            keys_file.display().to_string(),
        ),
    ]
}
