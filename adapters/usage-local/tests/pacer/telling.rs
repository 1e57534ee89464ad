//! Who listens is told what is taken from quotas and given back.

use std::{sync::Arc, time::Duration};

use usher_testkit::fakes::{FakeTelemetry, Told};
use usher_usage_local::{LocalPacer, PacerSettings};

use crate::{
    store::WatchedStore,
    support::{NOON, admitted_of, daily, key, plan, with_quota},
};

#[tokio::test]
async fn calls_that_are_taken_and_given_back_are_told_and_make_up_what_was_let_in() {
    let (store, told) = (WatchedStore::new(), Arc::new(FakeTelemetry::default()));
    let listener = Arc::clone(&told) as _;
    let pacer = LocalPacer::telling(store.clone(), PacerSettings::default(), listener);
    let (plan, key) = (with_quota(plan("a"), daily(2000)), key("1"));
    assert_eq!(admitted_of(93, &pacer, &plan, &key, NOON).await, 93);
    let mut taken = 0;
    for told in told.take() {
        let Told::Taken(of, calls) = told else {
            panic!("{told:?}");
        };
        assert_eq!(of, plan.id);
        taken += calls;
    }
    assert!(taken > 93, "{taken}");
    pacer.close(NOON.plus(Duration::from_secs(1))).await;
    assert_eq!(told.take(), [Told::Returned(plan.id.clone(), taken - 93)]);
}
