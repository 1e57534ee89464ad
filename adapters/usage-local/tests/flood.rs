//! A million callers whom nobody has seen before: nobody who was refused gets in by it, memory stays
//! bounded, and a decision costs the last one what it cost the first.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use usher_domain::{
    ports::{Admission, Charge, Pacer as _, Spender},
    time::Timestamp,
    usage::{
        account::Limits,
        membership::AccountTag,
        plan::{PlanId, PlanInForce},
        quota::{Period, Quota},
        throttle::Throttle,
    },
};
use usher_testkit::fakes::FakeUsageStore;
use usher_usage_local::{LocalPacer, PacerSettings};

const CALLERS: usize = 1_000_000;
const VICTIMS: usize = 100;
/// Room for half of them.
const MOST: usize = 500_000;
/// Each part of the table may have one more than its share.
const PARTS: usize = 1024;
const NOON: Timestamp = Timestamp::from_seconds(1_795_348_800);

fn plan(per_user: Option<Throttle>, quota: Option<Quota>) -> PlanInForce {
    PlanInForce {
        id: PlanId::new("flooded"),
        limits: Limits {
            throttle: None,
            quota,
        },
        per_user,
        methods: std::collections::BTreeMap::new(),
        generation: 0,
    }
}

fn charge<'a>(plan: &'a PlanInForce, user: &'a str) -> Charge<'a> {
    Charge {
        plan,
        spender: Spender::Principal(user),
        tag: AccountTag::of_principal(&plan.id, user),
        principal: user,
        method: "/users/{userId}/profile/GET",
    }
}

/// Writes a name without an allocation, so that the pacer's cost is what is seen.
fn name(number: usize, text: &mut String) -> &str {
    use std::fmt::Write as _;
    text.clear();
    write!(text, "user-{number:08}").unwrap();
    text
}

/// The middle one of the times that parts of the flood took: of its first and of its last tenth.
#[allow(
    clippy::disallowed_methods,
    reason = "a ratio of two times is what is measured"
)]
fn now() -> Instant {
    Instant::now()
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

/// Every caller has come once. How many were let in and refused, and what each hundredth took.
#[derive(Default)]
struct Flood {
    times: Vec<Duration>,
    admitted: usize,
    turned_away: usize,
}

impl Flood {
    /// By the median of a tenth's ten parts: one that was interrupted counts for nothing.
    fn growth(&self) -> f64 {
        let tenth = self.times.len() / 10;
        let first = median(self.times[..tenth].to_vec());
        let last = median(self.times[self.times.len() - tenth..].to_vec());
        last.as_secs_f64() / first.as_secs_f64()
    }
}

#[allow(clippy::print_stdout, reason = "the figure is for whoever runs it")]
fn report(what: &str, flood: &Flood, size: (usize, usize)) {
    let (slots, bytes) = size;
    println!(
        "{what}: {} let in, {} turned away; {slots} slots, {bytes} bytes, {} a slot; the last tenth took \
         {:.2} of the first",
        flood.admitted,
        flood.turned_away,
        bytes / slots,
        flood.growth(),
    );
}

fn check(flood: &Flood, size: (usize, usize)) {
    let (slots, bytes) = size;
    assert!(slots <= MOST + PARTS, "{slots} slots");
    // 41 bytes each in a table that is nearly half full.
    assert!(bytes <= 100 * MOST, "{bytes} bytes");
    assert!(
        flood.growth() < 3.0,
        "a decision's cost grew by {}",
        flood.growth()
    );
}

fn pacer() -> LocalPacer {
    let settings = PacerSettings {
        most_accounts: MOST,
        ..PacerSettings::default()
    };
    LocalPacer::new(Arc::new(FakeUsageStore::new()), settings)
}

/// Those who have had their one call.
async fn shut_out(pacer: &LocalPacer, plan: &PlanInForce) -> Vec<String> {
    let victims: Vec<String> = (0..VICTIMS)
        .map(|number| format!("victim-{number}"))
        .collect();
    for victim in &victims {
        let told = pacer.admit(Some(&charge(plan, victim)), &NOON).await;
        assert!(
            matches!(told, Ok(Admission::Admitted(_))),
            "{victim}: {told:?}"
        );
    }
    victims
}

/// Whoever is held back keeps knocking while the flood goes on.
fn assert_shut(pacer: &LocalPacer, plan: &PlanInForce, victims: &[String], now: Timestamp) {
    for victim in victims {
        let told = pacer.try_admit(Some(&charge(plan, victim)), now);
        assert!(
            matches!(told, Some(Admission::Refused(_))),
            "{victim}: {told:?}"
        );
    }
}

#[tokio::test]
async fn a_million_users_of_one_plan_neither_open_what_is_shut_nor_fill_the_memory() {
    // Full again after a hundred seconds; the flood takes ten, and so half of it finds no room.
    let plan = plan(Throttle::new(0.01, 1).ok(), None);
    let pacer = pacer();
    let victims = shut_out(&pacer, &plan).await;
    let mut flood = Flood::default();
    let mut text = String::new();
    for part in 0..100_u32 {
        let at = NOON.plus(Duration::from_millis(100) * part);
        let started = now();
        for number in 0..CALLERS / 100 {
            let user = name(part as usize * CALLERS / 100 + number, &mut text);
            match pacer.try_admit(Some(&charge(&plan, user)), at) {
                Some(Admission::Admitted(_)) => flood.admitted += 1,
                Some(Admission::Refused(refused)) => panic!("{refused:?}"),
                None => flood.turned_away += 1,
            }
        }
        flood.times.push(started.elapsed());
        assert_shut(&pacer, &plan, &victims, at);
        assert!(pacer.size().0 <= MOST + PARTS);
    }
    report("users of one plan", &flood, pacer.size());
    check(&flood, pacer.size());
    assert_eq!(flood.admitted + flood.turned_away, CALLERS);
    assert!(
        flood.admitted + VICTIMS >= MOST - MOST / 50,
        "{}",
        flood.admitted
    );
}

#[tokio::test]
async fn a_million_users_who_are_soon_forgotten_neither_open_what_is_shut_nor_fill_the_memory() {
    // Full again after a second, in which a hundred thousand others come.
    let plan = plan(Throttle::new(1.0, 1).ok(), None);
    let slow = PlanInForce {
        id: PlanId::new("slow"),
        per_user: Throttle::new(0.001, 1).ok(),
        ..plan.clone()
    };
    let pacer = pacer();
    let victims = shut_out(&pacer, &slow).await;
    let mut flood = Flood::default();
    let (mut text, mut most) = (String::new(), 0);
    for part in 0..100_u32 {
        let at = NOON.plus(Duration::from_millis(100) * part);
        let started = now();
        for number in 0..CALLERS / 100 {
            let user = name(part as usize * CALLERS / 100 + number, &mut text);
            let told = pacer.try_admit(Some(&charge(&plan, user)), at);
            assert!(matches!(told, Some(Admission::Admitted(_))), "{told:?}");
            flood.admitted += 1;
        }
        flood.times.push(started.elapsed());
        assert_shut(&pacer, &slow, &victims, at);
        most = most.max(pacer.size().1);
    }
    report("users soon forgotten", &flood, pacer.size());
    check(&flood, (pacer.size().0, most));
    // A tenth of them is paced at any time; what is kept beyond it is for a constant cost.
    assert!(pacer.size().0 < CALLERS / 10 * 4, "{}", pacer.size().0);
}

#[tokio::test]
async fn a_million_principals_with_a_quota_neither_open_what_is_shut_nor_fill_the_memory() {
    let quota = |limit: u64| Some(Quota::new(limit.try_into().unwrap(), Period::Day));
    let spent = PlanInForce {
        id: PlanId::new("spent"),
        ..plan(None, quota(1))
    };
    let plan = plan(None, quota(10_000));
    let pacer = pacer();
    let victims = shut_out(&pacer, &spent).await;
    let mut flood = Flood::default();
    let mut text = String::new();
    for part in 0..100_u32 {
        let at = NOON.plus(Duration::from_millis(100) * part);
        let started = now();
        for number in 0..CALLERS / 100 {
            let user = name(part as usize * CALLERS / 100 + number, &mut text);
            let told = pacer.admit(Some(&charge(&plan, user)), &at).await;
            assert!(matches!(told, Ok(Admission::Admitted(_))), "{told:?}");
            flood.admitted += 1;
        }
        flood.times.push(started.elapsed());
        assert_shut(&pacer, &spent, &victims, at);
    }
    report("principals with a quota", &flood, pacer.size());
    check(&flood, pacer.size());
    // One call each is nothing that has to be kept.
    assert!(pacer.size().0 < CALLERS / 10, "{}", pacer.size().0);
}
