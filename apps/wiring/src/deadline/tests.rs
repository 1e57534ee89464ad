use std::{
    collections::VecDeque,
    sync::{Mutex, atomic::AtomicUsize},
};

use tokio::time::Instant;

use super::*;

const TIMEOUT: Duration = Duration::from_secs(2);

/// What a store does with a call.
#[derive(Clone, Copy, Debug)]
enum Step {
    Answer,
    AnswerAfter(Duration),
    Fail(StoreErrorKind),
    Silence,
}

use Step::{Answer, AnswerAfter, Fail, Silence};
use StoreErrorKind::{Corrupt, Internal, Overloaded, Unavailable};

/// A store that goes through its steps, and answers when there are none left.
#[derive(Default)]
struct Scripted {
    steps: Mutex<VecDeque<Step>>,
    calls: AtomicUsize,
}

impl Scripted {
    async fn step(&self) -> Result<(), StoreError> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        let step = self.steps.lock().unwrap().pop_front();
        match step.unwrap_or(Answer) {
            Answer => Ok(()),
            AnswerAfter(wait) => {
                tokio::time::sleep(wait).await;
                Ok(())
            }
            Fail(kind) => Err(StoreError::new(kind, "as it was told to")),
            Silence => std::future::pending().await,
        }
    }
}

#[async_trait]
impl ProfileStore for Scripted {
    async fn get(&self, _: &UserId) -> Result<Option<StoredProfile>, StoreError> {
        self.step().await.map(|()| None)
    }

    async fn put(&self, _: &UserId, _: &Profile, _: &Expected) -> Result<Put, StoreError> {
        self.step().await.map(|()| Put::Created)
    }

    async fn delete(&self, _: &UserId, _: &Expected) -> Result<Deleted, StoreError> {
        self.step().await.map(|()| Deleted::Deleted)
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.step().await
    }
}

struct Bench {
    scripted: Arc<Scripted>,
    store: WithDeadline<dyn ProfileStore>,
    alice: UserId,
}

impl Bench {
    fn new(steps: &[Step]) -> Self {
        let scripted = Arc::new(Scripted::default());
        let store = WithDeadline {
            // As long as it may be.
            random: || u64::MAX,
            ..WithDeadline::new(Arc::clone(&scripted) as Arc<dyn ProfileStore>, TIMEOUT)
        };
        let bench = Self {
            scripted,
            store,
            alice: UserId::parse("alice").unwrap(),
        };
        bench.script(steps);
        bench
    }

    fn script(&self, steps: &[Step]) {
        self.scripted.steps.lock().unwrap().extend(steps);
    }

    fn calls(&self) -> usize {
        self.scripted.calls.load(Ordering::Relaxed)
    }

    async fn get(&self) -> Result<(), StoreErrorKind> {
        let got = self.store.get(&self.alice).await;
        got.map(drop).map_err(|error| error.kind())
    }

    /// What a read comes to, after how many calls, and when.
    async fn reads(steps: &[Step]) -> (Result<(), StoreErrorKind>, usize, Duration) {
        let bench = Self::new(steps);
        let began = Instant::now();
        let got = bench.get().await;
        (got, bench.calls(), began.elapsed())
    }
}

const fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

#[tokio::test(start_paused = true)]
async fn a_read_that_failed_is_sent_again_twice_at_most() {
    let fails = [Fail(Unavailable); 3];
    assert_eq!(Bench::reads(&fails[..0]).await, (Ok(()), 1, ms(0)));
    assert_eq!(Bench::reads(&fails[..1]).await, (Ok(()), 2, ms(20)));
    assert_eq!(Bench::reads(&fails[..2]).await, (Ok(()), 3, ms(100)));
    assert_eq!(Bench::reads(&fails).await, (Err(Unavailable), 3, ms(100)));
}

#[tokio::test(start_paused = true)]
async fn what_no_repetition_mends_is_not_repeated() {
    for kind in [Overloaded, Corrupt, Internal] {
        assert_eq!(Bench::reads(&[Fail(kind)]).await, (Err(kind), 1, ms(0)));
    }
}

#[tokio::test(start_paused = true)]
async fn a_read_that_is_not_answered_is_sent_a_second_time_beside_the_first() {
    assert_eq!(Bench::reads(&[Silence]).await, (Ok(()), 2, TIMEOUT / 2));
    // Whichever answers first.
    let slow = AnswerAfter(ms(1200));
    assert_eq!(Bench::reads(&[slow, Silence]).await, (Ok(()), 2, ms(1200)));
    assert_eq!(
        Bench::reads(&[slow, Fail(Unavailable)]).await,
        (Ok(()), 2, ms(1200))
    );
    assert_eq!(
        Bench::reads(&[Silence; 2]).await,
        (Err(Unavailable), 2, TIMEOUT)
    );
}

#[tokio::test(start_paused = true)]
async fn a_write_is_sent_once_whatever_becomes_of_it() {
    let profile = Profile::from_stored_json(b"{}").unwrap();
    for step in [Fail(Unavailable), Silence] {
        let bench = Bench::new(&[step]);
        let put = bench.store.put(&bench.alice, &profile, &Expected::Anything);
        assert_eq!(put.await.unwrap_err().kind(), Unavailable);
        assert_eq!(bench.calls(), 1);
        let bench = Bench::new(&[step]);
        let deleted = bench.store.delete(&bench.alice, &Expected::Anything);
        assert_eq!(deleted.await.unwrap_err().kind(), Unavailable);
        assert_eq!(bench.calls(), 1);
        let bench = Bench::new(&[step]);
        assert_eq!(bench.store.ping().await.unwrap_err().kind(), Unavailable);
        assert_eq!(bench.calls(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_away_is_not_asked_three_times_as_much_for_long() {
    let bench = Bench::new(&vec![Fail(Unavailable); 3000]);
    for _ in 0..1000 {
        assert_eq!(bench.get().await, Err(Unavailable));
    }
    // 100 repetitions in all.
    assert_eq!(bench.calls(), 1100);
    bench.scripted.steps.lock().unwrap().clear();
    for _ in 0..20 {
        assert_eq!(bench.get().await, Ok(()));
    }
    bench.script(&[Fail(Unavailable); 2]);
    assert_eq!(bench.get().await, Ok(()), "20 answers are two repetitions");
}

#[test]
fn waits_differ_and_are_within_their_bounds() {
    let most = ms(20);
    assert_eq!(part_of(most, 0), Duration::ZERO);
    assert_eq!(part_of(most, u64::MAX), most);
    let waits: std::collections::BTreeSet<_> = (0..100).map(|_| part_of(most, random())).collect();
    assert!(
        waits.len() > 90 && *waits.last().unwrap() <= most,
        "{waits:?}"
    );
}
