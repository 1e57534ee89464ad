//! What a response says, what metrics say and what `usher usage` says of a quota is one count.

use serde_json::Value;

use super::{Bench, end, is_admitted};

const KEY: &str = "agreeing-key-0123456789";
const PLAN: &str = r#"{"id": "uvw0123", "quota": {"limit": 200, "period": "MONTH"},
    "apiStages": [{"apiId": "api-id-123", "stage": "prod"}]}"#;

#[tokio::test]
async fn responses_metrics_and_the_command_tell_of_one_count() {
    let bench = Bench::on_a_file(PLAN, KEY).with("USHER_METRICS__EMF", "true");
    let server = bench.server().await;
    let alice = bench.caller(&server, KEY);
    let mut left = Vec::new();
    for _ in 0..10 {
        let answer = alice.get().await;
        is_admitted(&answer);
        let limit = answer.header("ratelimit").expect("a limit").to_owned();
        let (_, rest) = limit.split_once(";r=").expect("what is left");
        let rest = rest.split(';').next().expect("a number");
        left.push(rest.parse::<u32>().expect("a number"));
    }
    let told = end(server).await;
    let told = told.lines().filter_map(|line| {
        let mut line: Value = serde_json::from_str(line).ok()?;
        Some(line["QuotaUsed"].take())
    });
    let told = told.flat_map(|values| match values {
        Value::Array(values) => values,
        Value::Null => Vec::new(),
        value => vec![value],
    });
    let told: Vec<_> = told.map(|percent| percent.to_string()).collect();
    let of_responses = left.iter().map(|left| f64::from(200 - left) / 2.0);
    let of_responses: Vec<_> = of_responses.map(|percent| format!("{percent:?}")).collect();
    assert_eq!(told, of_responses, "in percent, call by call");
    let usage = bench.json(&["usage"]).await;
    assert_eq!(
        (&usage[0]["used"], &usage[0]["remaining"]),
        (&10.into(), &190.into())
    );
    assert_eq!(left.last(), Some(&190));
}
