//! `usage.quota_offset`: what the offset of a quota means that does not say so itself.

use serde_json::json;

use super::{Bench, end};
use crate::{
    cases::limits::remaining,
    support::{issuer::now_seconds, plans},
};

const KEY: &str = "offset-key-01234567890123456789";

/// 50 a week: from Wednesday on, or three fewer at first.
fn offset(meaning: &str) -> Bench {
    let plan = json!({
        "id": "uvw0123",
        "quota": { "limit": 50, "period": "WEEK", "offset": 3 },
        "apiStages": [{ "apiId": plans::API_ID, "stage": plans::STAGE }],
    });
    let bench = Bench::on_a_file(&plan.to_string(), KEY);
    bench.with("USHER_USAGE__QUOTA_OFFSET", meaning)
}

#[tokio::test]
async fn an_offset_that_nobody_has_explained_is_refused_at_the_start_and_by_the_command() {
    let bench = offset("refuse");
    for arguments in [&["serve"][..], &["check"]] {
        let ended = bench.usher(arguments).await;
        assert_eq!(ended.status.code(), Some(64), "{}", ended.stderr);
        let says = "usher: usage.plans: plans.json: /quota/offset: its meaning is unknown";
        assert!(ended.stderr.contains(says), "{}", ended.stderr);
    }
    bench.printed(&["migrate"]).await;
    let ended = bench.usher(&["plans", "import", "plans.json"]).await;
    assert_eq!(ended.status.code(), Some(64), "{}", ended.stderr);
    let says = "set usage.quota_offset to \"first_period_credit\" or \"start_day\"";
    assert!(ended.stderr.contains(says), "{}", ended.stderr);
}

#[tokio::test]
async fn a_configured_meaning_is_that_of_every_offset() {
    const WEEK: u64 = 7 * 86_400;
    let bench = offset("first_period_credit");
    let server = bench.server().await;
    let answer = bench.caller(&server, KEY).get().await;
    assert_eq!(remaining(&answer, "quota"), 46);
    end(server).await;

    let bench = offset("start_day");
    let server = bench.server().await;
    let before = now_seconds();
    let answer = bench.caller(&server, KEY).get().await;
    let after = now_seconds();
    assert_eq!(remaining(&answer, "quota"), 49);
    // The next period begins on a Wednesday: 1970-01-07 was one.
    let levels = answer.must_have("ratelimit");
    let reset = levels
        .rsplit_once(";t=")
        .and_then(|(_, reset)| reset.parse::<u64>().ok());
    let reset = reset.unwrap_or_else(|| panic!("no reset: {answer}"));
    let wednesday = (after + reset - 6 * 86_400) / WEEK * WEEK + 6 * 86_400;
    // The wait is rounded up to a second, and so is no longer than the clocks allow.
    assert!(
        (before + reset - 1..=after + reset).contains(&wednesday),
        "{answer}"
    );
    assert!(reset <= WEEK, "{answer}");
    end(server).await;
}
