//! When a change is in force, and what it costs to know.

use std::{sync::Arc, time::Duration};

use usher_domain::{
    ports::{Change, KeyDirectory as _},
    usage::{api_key::ApiKey, plan::PlanId},
};
use usher_testkit::conformance::plans::{key, plan, secret};

use crate::store::{Manner, World};

const SECOND: Duration = Duration::from_secs(1);
const TENTH: Duration = Duration::from_millis(100);

/// One request: when it came, when it was answered, and whether the key opened its plan.
#[derive(Debug, Clone, Copy)]
struct Asked {
    came: Duration,
    answered: Duration,
    opened: Result<bool, ()>,
}

impl Asked {
    fn took(&self) -> Duration {
        self.answered
            .checked_sub(self.came)
            .expect("an answer comes later")
    }
}

async fn ask(world: &World, number: u16) -> Asked {
    let came = world.elapsed();
    let now = world.now();
    let found = world.cache.key(&secret(number), now).await;
    let opened = found.map(|key| key.is_some_and(|key| key.plan_at(now).is_ok()));
    Asked {
        came,
        answered: world.elapsed(),
        opened: opened.map_err(drop),
    }
}

/// A request for each of these keys every 100 ms for so long, whether those before have been answered
/// or not.
async fn requests(world: &Arc<World>, numbers: &[u16], how_long: Duration) -> Vec<Asked> {
    let mut tasks = Vec::new();
    let end = world.elapsed() + how_long;
    while world.elapsed() < end {
        for number in numbers.iter().copied() {
            let world = Arc::clone(world);
            tasks.push(tokio::spawn(async move { ask(&world, number).await }));
        }
        tokio::time::sleep(TENTH).await;
    }
    let mut asked = Vec::new();
    for task in tasks {
        asked.push(task.await.expect("a request"));
    }
    asked
}

/// A world in which the key 1 opens the plan `a`, and a cache that knows it.
async fn known() -> Arc<World> {
    let world = Arc::new(World::new());
    world.store.change([
        Change::PutPlan(plan("a", &["prod"])),
        Change::PutKey(key("k", 1, &["a"])),
    ]);
    assert_eq!(ask(&world, 1).await.opened, Ok(true));
    world
}

fn put(enabled: bool) -> Change {
    Change::PutKey(ApiKey {
        enabled,
        ..key("k", 1, &["a"])
    })
}

#[tokio::test(start_paused = true)]
async fn a_change_is_in_force_within_five_seconds_whatever_the_stores_latency() {
    for latency in [0, 1, 90, 500, 1000, 1300, 1900, 2000].map(Duration::from_millis) {
        for reads_first in [false, true] {
            let world = known().await;
            // An outage that is over says nothing of what is known later.
            world.store.behave(Manner {
                fails: true,
                ..Manner::default()
            });
            tokio::time::sleep(2 * SECOND).await;
            assert_eq!(ask(&world, 1).await.opened, Ok(true));
            world.store.behave(Manner {
                latency,
                reads_first,
                ..Manner::default()
            });
            let asking = tokio::spawn({
                let world = Arc::clone(&world);
                async move { requests(&world, &[1], 90 * SECOND).await }
            });
            // One every seven seconds and some, at any phase of the cache's.
            let mut changes = Vec::new();
            for number in 0..12_u32 {
                tokio::time::sleep(7 * SECOND + number * 73 * TENTH / 10).await;
                let enabled = number % 2 == 1;
                world.store.change([put(enabled)]);
                changes.push((world.elapsed(), enabled));
            }
            for asked in asking.await.expect("the requests") {
                let settled = changes
                    .iter()
                    .rev()
                    .find(|(at, _)| *at + 5 * SECOND <= asked.answered);
                let later = changes
                    .iter()
                    .filter(|(at, _)| *at + 5 * SECOND > asked.answered);
                let may_be_later = later.clone().any(|(at, _)| *at <= asked.answered);
                if !may_be_later {
                    let expected = settled.is_none_or(|(_, enabled)| *enabled);
                    assert_eq!(
                        asked.opened,
                        Ok(expected),
                        "{latency:?} {reads_first} {asked:?}"
                    );
                }
                // A turn that was running, one's own, and the key: each two calls at most, or one.
                assert!(
                    asked.took() <= 5 * latency,
                    "{latency:?} {reads_first} {asked:?}"
                );
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn when_nothing_changes_a_slow_store_holds_nobody_up_for_more_than_its_answer() {
    for latency in [100, 1000, 2000].map(Duration::from_millis) {
        let world = known().await;
        world.store.behave(Manner {
            latency,
            ..Manner::default()
        });
        let asked = requests(&world, &[1], 60 * SECOND).await;
        for asked in &asked {
            assert!(asked.took() <= latency, "{latency:?} {asked:?}");
        }
        let waited = asked
            .iter()
            .filter(|asked| asked.took() > Duration::ZERO)
            .count();
        // Up to a second only those who ask themselves.
        assert!(
            waited <= 60 || latency > SECOND,
            "{latency:?}: {waited} of {} waited",
            asked.len()
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_store_that_changes_all_the_time_does_not_hold_requests_up_longer_and_longer() {
    let world = known().await;
    let latency = 2 * SECOND;
    world.store.behave(Manner {
        latency,
        ..Manner::default()
    });
    let asking = tokio::spawn({
        let world = Arc::clone(&world);
        async move { requests(&world, &[1], 120 * SECOND).await }
    });
    for _ in 0..240 {
        world.store.change([put(true)]);
        tokio::time::sleep(SECOND / 2).await;
    }
    for asked in asking.await.expect("the requests") {
        assert!(asked.took() <= 5 * latency, "{asked:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn however_many_requests_there_are_the_store_is_asked_once_a_second() {
    let world = known().await;
    let [before, ..] = world.store.calls();
    let many = [1; 50];
    requests(&world, &many, 60 * SECOND).await;
    let [after, plans, finds] = world.store.calls();
    assert!((54..=60).contains(&(after - before)), "{}", after - before);
    assert_eq!((plans, finds), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn who_comes_after_a_pause_learns_what_was_changed() {
    let world = known().await;
    world.store.change([put(false)]);
    tokio::time::sleep(Duration::from_millis(2500)).await;
    let many: Vec<_> = (0..50)
        .map(|_| {
            let world = Arc::clone(&world);
            tokio::spawn(async move { ask(&world, 1).await })
        })
        .collect();
    for asked in many {
        assert_eq!(asked.await.expect("a request").opened, Ok(false));
    }
    assert_eq!(world.store.calls()[..2], [2, 2]);
}

#[tokio::test(start_paused = true)]
async fn while_the_store_is_out_of_reach_known_keys_go_on_and_others_are_an_error() {
    // At once, and after the deadline of a store call.
    for latency in [Duration::ZERO, 2 * SECOND] {
        let world = known().await;
        world.store.behave(Manner {
            latency,
            fails: true,
            ..Manner::default()
        });
        let [before, ..] = world.store.calls();
        let asked = requests(&world, &[1, 2], 60 * SECOND).await;
        let (mut known, mut waited) = (0, 0);
        for (number, asked) in asked.iter().enumerate() {
            if number % 2 == 0 {
                assert_eq!(asked.opened, Ok(true), "{asked:?}");
                known += 1;
                waited += usize::from(asked.took() > Duration::ZERO);
            } else {
                assert_eq!(asked.opened, Err(()), "{asked:?}");
            }
            assert!(asked.took() <= 2 * latency, "{latency:?} {asked:?}");
        }
        assert!(
            waited * 10 <= known,
            "{latency:?}: {waited} of {known} waited"
        );
        let asked = world.store.calls()[0] - before;
        assert!((28..=60).contains(&asked), "{latency:?}: {asked}");
    }
}

#[tokio::test(start_paused = true)]
async fn after_an_outage_a_change_is_in_force_within_two_seconds() {
    for latency in [Duration::ZERO, SECOND / 2] {
        for after in 0..10_u32 {
            let world = known().await;
            world.store.behave(Manner {
                latency,
                fails: true,
                ..Manner::default()
            });
            requests(&world, &[1], 10 * SECOND + after * TENTH).await;
            world.store.change([put(false)]);
            world.store.behave(Manner::default());
            let back = world.elapsed();
            for asked in requests(&world, &[1], 5 * SECOND).await {
                let late = asked.came >= back + 2 * SECOND;
                assert!(
                    !late || asked.opened == Ok(false),
                    "{latency:?} {after} {asked:?}"
                );
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_longer_than_one_answer_for_a_store_that_was_never_reached() {
    let world = Arc::new(World::new());
    world.store.behave(Manner {
        latency: 2 * SECOND,
        fails: true,
        ..Manner::default()
    });
    for asked in requests(&world, &[1], 60 * SECOND).await {
        assert_eq!(asked.opened, Err(()));
        assert!(asked.took() <= 4 * SECOND, "{asked:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn clients_that_go_away_do_not_keep_a_change_from_being_known() {
    let world = known().await;
    world.store.change([Change::DeletePlan(PlanId::new("a"))]);
    // Each leaves after a second, and the store takes three to tell what was changed.
    world.store.behave(Manner {
        latency: 3 * SECOND / 2,
        ..Manner::default()
    });
    let mut clients = Vec::new();
    for _ in 0..150 {
        let world = Arc::clone(&world);
        clients.push(tokio::spawn(async move {
            let (id, now) = (PlanId::new("a"), world.now());
            let plan = tokio::time::timeout(SECOND, world.cache.plan(&id, now));
            plan.await.ok().map(|plan| plan.expect("an answer"))
        }));
        tokio::time::sleep(TENTH).await;
    }
    let mut answered = 0;
    for client in clients.split_off(50) {
        if let Some(plan) = client.await.expect("a client") {
            assert_eq!(plan, None);
            answered += 1;
        }
    }
    assert!(answered >= 50, "{answered} of 100 were answered");
}
