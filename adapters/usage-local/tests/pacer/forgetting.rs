//! What a process forgets, and what it never does.

use std::sync::Arc;

use usher_domain::ports::{Admission, Pacer as _, StoreErrorKind};
use usher_usage_local::{LocalPacer, PacerSettings};

use crate::{
    store::WatchedStore,
    support::{
        Caller, NOON, SECOND, admitted_of, daily, is_admitted, key, plan, with_per_user,
        with_quota, with_throttle,
    },
};

/// The table has so many parts, each of which has room for one at least.
const PARTS: usize = 1024;

fn with_room_for(most_accounts: usize, store: &Arc<WatchedStore>) -> LocalPacer {
    let settings = PacerSettings {
        most_accounts,
        ..PacerSettings::default()
    };
    LocalPacer::new(store.clone(), settings)
}

#[tokio::test]
async fn a_bucket_that_still_holds_somebody_back_is_never_forgotten() {
    let store = WatchedStore::new();
    let pacer = with_room_for(1 << 20, &store);
    let (slow, quick) = (
        with_throttle(plan("slow"), 0.001, 1),
        with_throttle(plan("quick"), 1000.0, 1),
    );
    let held_back: Vec<_> = (0..500).map(|number| key(&format!("{number}"))).collect();
    for caller in &held_back {
        assert!(is_admitted(&pacer, &slow, caller, NOON).await);
    }
    // A flood of others, which are full again by the next second.
    for second in 0..10 {
        let now = NOON.plus(SECOND * second);
        for number in 0..10_000 {
            assert!(is_admitted(&pacer, &quick, &key(&format!("{second} {number}")), now).await);
        }
        for caller in &held_back {
            assert!(!is_admitted(&pacer, &slow, caller, now).await);
        }
    }
    // These were forgotten, or there would be a hundred thousand.
    let (slots, _) = pacer.size();
    assert!((500..50_000).contains(&slots), "{slots}");
    let late = NOON.plus(SECOND * 1000);
    for caller in &held_back {
        assert!(is_admitted(&pacer, &slow, caller, late).await);
    }
}

#[tokio::test]
async fn what_is_held_of_a_quota_and_what_is_known_to_be_spent_is_never_forgotten() {
    let store = WatchedStore::new();
    let pacer = with_room_for(1 << 20, &store);
    let (held, spent) = (
        with_quota(plan("held"), daily(2000)),
        with_quota(plan("spent"), daily(1)),
    );
    let keys: Vec<_> = (0..100).map(|number| key(&format!("{number}"))).collect();
    for key in &keys {
        assert_eq!(admitted_of(45, &pacer, &held, key, NOON).await, 45);
        assert_eq!(admitted_of(2, &pacer, &spent, key, NOON).await, 1);
    }
    let quick = with_throttle(plan("quick"), 1e9, 1);
    for number in 0..50_000 {
        let now = NOON.plus(SECOND * (number / 10_000));
        assert!(is_admitted(&pacer, &quick, &key(&format!("{number}")), now).await);
    }
    assert!(
        pacer.size().0 < 25_000,
        "nothing was forgotten: this shows nothing"
    );
    let takes = store.takes();
    for key in &keys {
        assert!(is_admitted(&pacer, &held, key, NOON.plus(SECOND)).await);
        assert!(!is_admitted(&pacer, &spent, key, NOON.plus(SECOND)).await);
    }
    assert_eq!(store.takes(), takes);
}

#[tokio::test]
async fn an_account_that_is_hardly_used_costs_no_memory() {
    let store = WatchedStore::new();
    let pacer = with_room_for(1 << 20, &store);
    let plan = with_quota(plan("a"), daily(10_000));
    for number in 0..50_000 {
        assert!(is_admitted(&pacer, &plan, &key(&format!("{number}")), NOON).await);
    }
    let (slots, bytes) = pacer.size();
    assert!(
        slots < 10_000 && bytes < 2_000_000,
        "{slots} slots of {bytes} bytes"
    );
}

#[tokio::test]
async fn when_there_is_no_room_newcomers_are_turned_away_and_charged_nothing() {
    let store = WatchedStore::new();
    let pacer = with_room_for(PARTS, &store);
    let slow = with_per_user(plan("slow"), 0.001, 2);
    let mut known = Vec::new();
    // Forty times as many as there is room for: no part is left empty.
    for number in 0..40 * PARTS {
        let caller = key("k").by(&format!("{number}"));
        match pacer.try_admit(Some(&caller.charge(&slow)), NOON) {
            Some(Admission::Admitted(_)) => known.push(caller),
            Some(Admission::Refused(refused)) => panic!("{refused:?}"),
            None => {
                let told = pacer.admit(Some(&caller.charge(&slow)), &NOON).await;
                assert_eq!(told.unwrap_err().kind(), StoreErrorKind::Overloaded);
            }
        }
    }
    assert_eq!((known.len(), pacer.size().0), (PARTS, PARTS));
    // Those who are known go on as before, to the last token.
    for caller in &known {
        assert_eq!(admitted_of(3, &pacer, &slow, caller, NOON).await, 1);
    }
    // What needs no room is not turned away, and neither is a quota asked for in vain.
    assert!(is_admitted(&pacer, &plan("free"), &key("new"), NOON).await);
    let counted = with_quota(with_per_user(plan("counted"), 0.001, 2), daily(10));
    for number in 0..100 {
        let caller = key(&format!("new {number}"));
        let told = pacer.admit(Some(&caller.charge(&counted)), &NOON).await;
        assert_eq!(told.unwrap_err().kind(), StoreErrorKind::Overloaded);
        assert_eq!(store.used(&counted, &caller).await, 0);
    }
    assert_eq!(store.takes(), 0);
    // Once they are full again they make room.
    let late = NOON.plus(SECOND * 2001);
    let mut admitted = 0;
    for number in 0..100 {
        let caller = key("k").by(&format!("late {number}"));
        admitted += usize::from(pacer.try_admit(Some(&caller.charge(&slow)), late).is_some());
    }
    // Two of them may meet in one part.
    assert!(admitted > 80, "{admitted}");
}

#[tokio::test]
async fn newcomers_find_room_though_those_who_are_known_said_that_they_would_stay_longer() {
    let store = WatchedStore::new();
    let pacer = with_room_for(PARTS, &store);
    let slow = with_throttle(plan("a"), 0.001, 1);
    let callers: Vec<_> = (0..40 * PARTS)
        .map(|number| key(&format!("{number}")))
        .collect();
    let is_known = |caller: &&Caller| pacer.try_admit(Some(&caller.charge(&slow)), NOON).is_some();
    let (known, newcomers): (Vec<_>, Vec<_>) = callers.iter().partition(is_known);
    assert_eq!(known.len(), PARTS);
    // The plan changes, and what lacked a thousand seconds lacks one.
    let quick = with_throttle(plan("a"), 1.0, 1).after(&slow);
    for caller in known {
        assert!(!is_admitted(&pacer, &quick, caller, NOON).await);
    }
    let later = NOON.plus(SECOND * 2);
    let room = |caller: &&&Caller| {
        pacer
            .try_admit(Some(&caller.charge(&quick)), later)
            .is_some()
    };
    assert_eq!(newcomers.iter().filter(room).count(), PARTS);
}

#[tokio::test]
async fn a_call_that_finds_room_for_one_of_its_buckets_alone_is_charged_to_none() {
    let store = WatchedStore::new();
    let pacer = with_room_for(PARTS, &store);
    let filler = with_throttle(plan("filler"), 0.001, 1);
    let plan = with_per_user(with_throttle(plan("a"), 0.001, 5), 0.001, 5);
    let caller = key("k");
    assert!(is_admitted(&pacer, &plan, &caller, NOON).await);
    for number in 0..40 * PARTS {
        let _ = pacer.try_admit(Some(&key(&format!("{number}")).charge(&filler)), NOON);
    }
    for number in 0..20 {
        let caller = caller.clone().by(&format!("{number}"));
        let told = pacer.admit(Some(&caller.charge(&plan)), &NOON).await;
        assert_eq!(told.unwrap_err().kind(), StoreErrorKind::Overloaded);
    }
    // Four are left of five.
    assert_eq!(admitted_of(9, &pacer, &plan, &caller, NOON).await, 4);
}

#[tokio::test]
async fn after_a_flood_the_memory_goes_back() {
    let store = WatchedStore::new();
    let pacer = with_room_for(1 << 20, &store);
    let plan = with_throttle(plan("a"), 1.0, 1);
    for number in 0..200_000 {
        assert!(is_admitted(&pacer, &plan, &key(&format!("{number}")), NOON).await);
    }
    let (slots, flooded) = pacer.size();
    assert_eq!(slots, 200_000);
    // Twenty thousand a second go on, and each is full after one.
    for number in 0..400_000 {
        let now = NOON.plus(SECOND * (2 + number / 20_000));
        assert!(is_admitted(&pacer, &plan, &key(&format!("later {number}")), now).await);
    }
    let (slots, bytes) = pacer.size();
    assert!(
        slots < 100_000 && bytes < flooded / 2,
        "{slots} slots, {flooded} bytes became {bytes}"
    );
}

#[tokio::test]
async fn a_known_caller_costs_no_allocation() {
    let store = WatchedStore::new();
    let pacer = with_room_for(1 << 20, &store);
    let plan = with_quota(
        with_per_user(with_throttle(plan("a"), 1e6, 1000), 1e6, 1000),
        daily(100_000),
    );
    let caller = key("k");
    let charge = caller.charge(&plan);
    admitted_of(500, &pacer, &plan, &caller, NOON).await;
    let mut admitted = 0;
    let allocated = allocation_counter::measure(|| {
        while let Some(Admission::Admitted(_)) = pacer.try_admit(Some(&charge), NOON) {
            admitted += 1;
        }
    });
    assert!(admitted > 10, "{admitted}");
    assert_eq!(allocated.count_total, 0);
}
