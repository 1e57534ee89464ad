//! The plan of the article, as the article has it, and what it promises.

use std::time::Duration;

use tokio::{task::JoinSet, time::Instant};

use super::{Bench, csv, end, is_admitted};
use crate::{
    cases::limits::{remaining, seconds_to_wait},
    support::{Answer, issuer::now_seconds},
};

const PLAN: &str = r#"// Example API Gateway Usage Plan Configuration
{
  "usagePlanId": "uvw0123",
  "name": "MobileAppHighUsagePlan",
  "description": "Plan for heavy mobile app traffic",
  "throttle": {
    "burstLimit": 100, // Max requests per second allowed
    "rateLimit": 50   // Average requests per second allowed
  },
  "quota": {
    "limit": 10000, // Max requests per day
    "period": "DAY"
  },
  "apiStages": [
    {
      "apiId": "api-id-123",
      "stage": "prod"
    }
  ],
  "tags": {
    "environment": "production"
  }
}
"#;
const POLICY: &str = "\"throttle\";q=100;w=2, \"quota\";q=10000;w=86400";
const KEY: &str = "mobile-app-key-01234567890123456789";
const OTHER_KEY: &str = "mobile-app-key-98765432109876543210";

fn bench(store: &str, plan: &str) -> Bench {
    let bench = Bench::on(store);
    bench.write("plans.json", plan);
    let keys = csv(&[(KEY, "uvw0123"), (OTHER_KEY, "uvw0123")]);
    bench.write("keys.csv", &keys);
    bench.with_files()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_articles_plan_lets_in_100_at_once_and_50_a_second_over_memory() {
    hundred_at_once_and_50_a_second("memory:").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_articles_plan_lets_in_100_at_once_and_50_a_second_over_sqlite() {
    hundred_at_once_and_50_a_second("sqlite:usher.db").await;
}

async fn hundred_at_once_and_50_a_second(store: &str) {
    let bench = bench(store, PLAN);
    let server = bench.server().await;

    // One after the other: the first hundred are let in however fast they come.
    let alice = bench.caller(&server, KEY);
    for _ in 0..100 {
        let answer = alice.get().await;
        is_admitted(&answer);
        assert_eq!(answer.must_have("ratelimit-policy"), POLICY);
    }

    // The other key has a bucket of its own. Waves of 300 at once, for as long as it takes to see
    // the rate and not the burst alone.
    let alice = bench.caller(&server, OTHER_KEY);
    let begun = Instant::now();
    let (mut admitted, mut refused) = (0_u32, 0_u32);
    while begun.elapsed() < Duration::from_secs(2) {
        let mut calls = JoinSet::new();
        for _ in 0..300 {
            calls.spawn(alice.get().into_future());
        }
        for answer in calls.join_all().await {
            assert_eq!(answer.must_have("ratelimit-policy"), POLICY);
            if answer.status == 429 {
                is_throttled(&answer);
                refused += 1;
            } else {
                is_admitted(&answer);
                admitted += 1;
            }
        }
        assert!(admitted >= 100, "{admitted} of the first 300");
        let most = 100.0 + 50.0 * begun.elapsed().as_secs_f64();
        assert!(f64::from(admitted) <= most, "{admitted} of {most}");
    }
    assert!(refused > 0, "more came than were let in");

    // After the second that `Retry-After` names, fifty more are.
    tokio::time::sleep(Duration::from_secs(1)).await;
    for _ in 0..50 {
        is_admitted(&alice.get().await);
    }
    end(server).await;
}

/// One token comes back in 20 ms.
fn is_throttled(answer: &Answer) {
    answer.is_refused(429, "throttled");
    assert_eq!(seconds_to_wait(answer), 1, "{answer}");
    assert_eq!(remaining(answer, "throttle"), 0, "{answer}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_articles_quota_is_10_000_a_day_and_not_one_more_over_memory() {
    ten_thousand_a_day("memory:").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_articles_quota_is_10_000_a_day_and_not_one_more_over_sqlite() {
    ten_thousand_a_day("sqlite:usher.db").await;
}

/// The same quota beside a throttle that does not keep the test for minutes.
async fn ten_thousand_a_day(store: &str) {
    let plan = PLAN.replace("\"burstLimit\": 100,", "\"burstLimit\": 20000,");
    assert_ne!(plan, PLAN);
    // A midnight that falls into it begins another quota: then it is done once more.
    for _ in 0..2 {
        let bench = bench(store, &plan);
        let server = bench.server().await;
        let day = now_seconds() / 86_400;
        let mut clients = JoinSet::new();
        for _ in 0..32 {
            let alice = bench.caller(&server, KEY);
            clients.spawn(async move {
                let mut admitted = 0_u32;
                loop {
                    let answer = alice.get().await;
                    if answer.status != 404 {
                        return (admitted, answer);
                    }
                    admitted += 1;
                }
            });
        }
        let ends = clients.join_all().await;
        if now_seconds() / 86_400 != day {
            continue;
        }
        assert_eq!(
            ends.iter().map(|(admitted, _)| admitted).sum::<u32>(),
            10_000
        );
        for (_, refused) in ends {
            refused.is_refused(429, "quota_exceeded");
            let policy = "\"throttle\";q=20000;w=400, \"quota\";q=10000;w=86400";
            assert_eq!(refused.must_have("ratelimit-policy"), policy);
            assert_eq!(remaining(&refused, "quota"), 0);
            assert!(
                (1..=86_400).contains(&seconds_to_wait(&refused)),
                "{refused}"
            );
        }
        // It is the key's quota: the other key has its own.
        let answer = bench.caller(&server, OTHER_KEY).get().await;
        is_admitted(&answer);
        assert_eq!(remaining(&answer, "quota"), 9_999);
        end(server).await;
        return;
    }
    panic!("two midnights in one test");
}
