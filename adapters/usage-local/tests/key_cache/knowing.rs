//! What is told of keys and plans.

use std::time::Duration;

use usher_domain::{
    ports::{Change, KeyDirectory as _, StoreErrorKind},
    time::Timestamp,
    usage::{
        api_key::{ApiKey, PreviousSecret},
        plan::{PlanId, UsagePlan},
        throttle::Throttle,
    },
};
use usher_testkit::conformance::plans::{key, plan, secret};

use crate::store::{Manner, World};

const SECOND: Duration = Duration::from_secs(1);

async fn plan_of(world: &World, number: u16) -> Option<String> {
    let found = world
        .cache
        .key(&secret(number), world.now())
        .await
        .expect("an answer");
    let key = found?;
    key.plan_at(world.now())
        .ok()
        .map(|plan| plan.id.as_str().to_owned())
}

async fn generation(world: &World, id: &str) -> Option<u16> {
    let plan = world
        .cache
        .plan(&PlanId::new(id), world.now())
        .await
        .expect("an answer");
    plan.map(|plan| plan.generation)
}

#[tokio::test(start_paused = true)]
async fn a_key_opens_the_plan_that_it_has_at_this_stage() {
    let world = World::new();
    world.store.change([
        Change::PutPlan(plan("a", &["prod", "dev"])),
        Change::PutPlan(plan("b", &["dev"])),
        Change::PutKey(key("k", 1, &["b", "a"])),
        Change::PutKey(key("l", 2, &["b"])),
        Change::PutKey(key("m", 3, &[])),
        Change::PutKey(ApiKey {
            enabled: false,
            ..key("n", 4, &["a"])
        }),
    ]);
    assert_eq!(plan_of(&world, 1).await.as_deref(), Some("a"));
    for number in [2, 3, 4, 5] {
        assert_eq!(plan_of(&world, number).await, None, "{number}");
    }
    let disabled = world
        .cache
        .key(&secret(4), world.now())
        .await
        .unwrap()
        .expect("it is known");
    assert!(!disabled.enabled);
    assert!(
        world
            .cache
            .key(&secret(5), world.now())
            .await
            .unwrap()
            .is_none()
    );
    assert_eq!(generation(&world, "a").await, Some(0));
    for id in ["b", "c"] {
        assert_eq!(generation(&world, id).await, None, "{id}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_in_two_plans_for_one_stage_opens_nothing() {
    let world = World::new();
    world.store.change([
        Change::PutPlan(plan("a", &["prod"])),
        Change::PutPlan(plan("b", &["prod"])),
        Change::PutKey(key("k", 1, &["a", "b"])),
    ]);
    assert_eq!(plan_of(&world, 1).await, None);
    world.store.change([Change::PutPlan(plan("b", &[]))]);
    tokio::time::sleep(5 * SECOND).await;
    assert_eq!(plan_of(&world, 1).await.as_deref(), Some("a"));
}

#[tokio::test(start_paused = true)]
async fn an_old_secret_ends_in_time_though_nobody_asks_the_store() {
    let world = World::new();
    let until = world.now().plus(SECOND / 2);
    let previous = Some(PreviousSecret {
        hash: secret(2),
        until,
    });
    let rotated = ApiKey {
        previous,
        ..key("k", 1, &["a"])
    };
    world.store.change([
        Change::PutPlan(plan("a", &["prod"])),
        Change::PutKey(rotated),
    ]);
    for number in [1, 2] {
        assert_eq!(plan_of(&world, number).await.as_deref(), Some("a"));
    }
    let calls = world.store.calls();
    tokio::time::sleep(SECOND / 2).await;
    assert_eq!(plan_of(&world, 1).await.as_deref(), Some("a"));
    assert_eq!(plan_of(&world, 2).await, None);
    assert_eq!(world.store.calls(), calls);
}

#[tokio::test(start_paused = true)]
async fn a_generation_goes_on_whatever_becomes_of_the_plan() {
    let world = World::new();
    let limited = |burst| UsagePlan {
        per_user: Throttle::new(1.0, burst).ok(),
        ..plan("a", &["prod"])
    };
    let mut seen = Vec::new();
    for change in [
        Change::PutPlan(limited(1)),
        // What is for people alone is no other generation.
        Change::PutPlan(UsagePlan {
            name: "another".to_owned(),
            ..limited(1)
        }),
        Change::PutPlan(limited(2)),
        Change::PutPlan(limited(1)),
        Change::DeletePlan(PlanId::new("a")),
        Change::PutPlan(limited(1)),
        Change::DeletePlan(PlanId::new("a")),
        Change::PutPlan(limited(2)),
        // It applies elsewhere, and here again.
        Change::PutPlan(plan("a", &["dev"])),
        Change::PutPlan(limited(3)),
    ] {
        world.store.change([change]);
        tokio::time::sleep(5 * SECOND).await;
        seen.push(generation(&world, "a").await);
    }
    let expected = [
        Some(0),
        Some(0),
        Some(1),
        Some(2),
        None,
        Some(2),
        None,
        Some(3),
        None,
        Some(4),
    ];
    assert_eq!(seen, expected);
}

#[tokio::test(start_paused = true)]
async fn what_is_asked_for_twice_is_asked_of_the_store_once() {
    let world = World::new();
    world.store.change([
        Change::PutPlan(plan("a", &["prod"])),
        Change::PutKey(key("k", 1, &["a"])),
    ]);
    for _ in 0..100 {
        assert_eq!(plan_of(&world, 1).await.as_deref(), Some("a"));
        assert_eq!(plan_of(&world, 2).await, None);
        tokio::time::sleep(SECOND / 10).await;
    }
    let [_, plans, finds] = world.store.calls();
    assert_eq!((plans, finds), (1, 2));
}

/// A node that looks in the middle of a change sees its revision and not yet what was changed; what it read then must
/// not stay in force until the next change.
#[tokio::test(start_paused = true)]
async fn a_change_that_becomes_visible_in_parts_is_in_force_all_the_same() {
    let world = World::new();
    world.store.behave(Manner {
        shows_changes_late: true,
        ..Manner::default()
    });
    world.store.change([
        Change::PutPlan(plan("a", &["prod"])),
        Change::PutKey(key("k", 1, &["a"])),
    ]);
    tokio::time::sleep(SECOND * 3).await;
    assert_eq!(plan_of(&world, 1).await.as_deref(), Some("a"));
    tokio::time::sleep(SECOND * 3).await;
    let disabled = ApiKey {
        enabled: false,
        ..key("k", 1, &["a"])
    };
    world.store.change([
        Change::PutPlan(plan("a", &["prod"])),
        Change::PutKey(disabled),
        Change::PutKey(key("l", 2, &["a"])),
    ]);
    // Seen too early: as it was.
    assert_eq!(plan_of(&world, 1).await.as_deref(), Some("a"));
    assert_eq!(plan_of(&world, 2).await, None);
    tokio::time::sleep(SECOND * 2).await;
    for _ in 0..3 {
        assert_eq!(plan_of(&world, 1).await, None);
        assert_eq!(plan_of(&world, 2).await.as_deref(), Some("a"));
        tokio::time::sleep(SECOND).await;
    }
    // And then it is not asked for any more.
    let before = world.store.calls();
    tokio::time::sleep(SECOND * 3).await;
    assert_eq!(plan_of(&world, 2).await.as_deref(), Some("a"));
    assert_eq!(world.store.calls()[1..], before[1..]);
}

#[tokio::test(start_paused = true)]
async fn texts_that_are_no_key_do_not_push_out_keys() {
    let world = World::new();
    world.store.change([
        Change::PutPlan(plan("a", &["prod"])),
        Change::PutKey(key("k", 60_000, &["a"])),
    ]);
    assert_eq!(plan_of(&world, 60_000).await.as_deref(), Some("a"));
    for number in 0..40_000 {
        assert_eq!(plan_of(&world, number).await, None);
    }
    let [_, _, before] = world.store.calls();
    assert_eq!(plan_of(&world, 60_000).await.as_deref(), Some("a"));
    assert_eq!(world.store.calls()[2], before);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_cannot_be_asked_for_a_key_is_an_error_and_the_next_asks_again() {
    let world = World::new();
    world.store.change([
        Change::PutPlan(plan("a", &["prod"])),
        Change::PutKey(key("k", 1, &["a"])),
    ]);
    world.cache.load(world.now()).await.unwrap();
    world.store.behave(Manner {
        fails: true,
        ..Manner::default()
    });
    let error = world.cache.key(&secret(1), world.now()).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unavailable);
    world.store.behave(Manner::default());
    assert_eq!(plan_of(&world, 1).await.as_deref(), Some("a"));
}

#[tokio::test(start_paused = true)]
async fn without_plans_everything_is_an_error_and_the_store_is_not_hammered() {
    let world = World::new();
    world.store.behave(Manner {
        fails: true,
        ..Manner::default()
    });
    assert!(world.cache.load(world.now()).await.is_err());
    for _ in 0..100 {
        assert!(world.cache.key(&secret(1), world.now()).await.is_err());
        assert!(
            world
                .cache
                .plan(&PlanId::new("a"), world.now())
                .await
                .is_err()
        );
        tokio::time::sleep(SECOND / 20).await;
    }
    let [revisions, ..] = world.store.calls();
    assert!((4..=6).contains(&revisions), "{revisions}");
    world.store.behave(Manner::default());
    tokio::time::sleep(SECOND).await;
    world.cache.load(world.now()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_plan_that_cannot_be_read_keeps_no_disabled_key_in_force() {
    let world = World::new();
    world.store.change([
        Change::PutPlan(plan("a", &["prod"])),
        Change::PutKey(key("k", 1, &["a"])),
        Change::PutKey(key("l", 2, &["a"])),
    ]);
    assert_eq!(plan_of(&world, 1).await.as_deref(), Some("a"));
    world.store.behave(Manner {
        has_bad_plan: true,
        ..Manner::default()
    });
    world.store.change([
        Change::PutPlan(plan("a", &[])),
        Change::PutKey(ApiKey {
            enabled: false,
            ..key("k", 1, &["a"])
        }),
    ]);
    tokio::time::sleep(5 * SECOND).await;
    assert_eq!(plan_of(&world, 1).await, None);
    // The plans are those that could be read at last.
    assert_eq!(plan_of(&world, 2).await.as_deref(), Some("a"));
    world.store.behave(Manner::default());
    world.store.change([]);
    tokio::time::sleep(5 * SECOND).await;
    assert_eq!(plan_of(&world, 2).await, None);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_reached_and_cannot_be_read_is_an_error_for_known_keys_too() {
    let world = World::new();
    world.store.change([
        Change::PutPlan(plan("a", &["prod"])),
        Change::PutKey(key("k", 1, &["a"])),
    ]);
    assert_eq!(plan_of(&world, 1).await.as_deref(), Some("a"));
    world.store.behave(Manner {
        is_broken: true,
        ..Manner::default()
    });
    tokio::time::sleep(5 * SECOND).await;
    for _ in 0..50 {
        let error = world.cache.key(&secret(1), world.now()).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Internal);
        tokio::time::sleep(SECOND / 10).await;
    }
    world.store.behave(Manner::default());
    tokio::time::sleep(SECOND).await;
    assert_eq!(plan_of(&world, 1).await.as_deref(), Some("a"));
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_set_back_keeps_nothing_old() {
    for back in [1, 2, 60, 86_400] {
        let world = World::new();
        world.store.change([
            Change::PutPlan(plan("a", &["prod"])),
            Change::PutKey(key("k", 1, &["a"])),
        ]);
        let now = Timestamp::from_seconds(1_000_000);
        let opens = |now: Timestamp| {
            let cache = world.cache.clone();
            async move {
                cache
                    .key(&secret(1), now)
                    .await
                    .unwrap()
                    .is_some_and(|key| key.plan_at(now).is_ok())
            }
        };
        assert!(opens(now).await);
        world.store.change([Change::PutKey(ApiKey {
            enabled: false,
            ..key("k", 1, &["a"])
        })]);
        let set_back = Timestamp::from_seconds(1_000_000 - back);
        let mut opened = 0;
        for tenth in 0..50 {
            opened += u32::from(opens(set_back.plus(tenth * SECOND / 10)).await);
        }
        assert!(
            opened <= 20,
            "{back}: it opened for {opened} tenths of a second"
        );
    }
}
