//! How often the file is read.
//!
//! A read that fails is told to the log, and that is how they are counted: while the file is away, each
//! of them is one line.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::task::{JoinSet, yield_now};
use tracing::{
    Event, Level, Metadata, Subscriber,
    span::{Attributes, Id, Record},
    subscriber::set_default,
};
use usher_auth_jwt::DeniedSubjectsFile;
use usher_domain::time::Timestamp;

use super::{OLD, Scene, TOO_OLD, denies, until};
use crate::support::{just_before, now};

/// Counts the lines of log that say that a list could not be read, or not in time.
#[derive(Clone, Default)]
struct Reads(Arc<AtomicUsize>);

impl Reads {
    fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

impl Subscriber for Reads {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() == Level::ERROR && metadata.target().contains("denied")
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn event(&self, _: &Event<'_>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

/// Sixty-four at the same instant, from as many tasks.
async fn crowd(list: Arc<DeniedSubjectsFile>, at: Timestamp) {
    let mut tasks = JoinSet::new();
    for _ in 0..64 {
        let list = Arc::clone(&list);
        tasks.spawn(async move { denies(&list, "alice", at).await });
    }
    while let Some(denied) = tasks.join_next().await {
        assert!(denied.expect("an answer"));
    }
}

#[test]
fn sixty_four_requests_that_find_the_list_too_old_read_the_file_once() {
    let scene = Scene::new("alice\n");
    let list = Arc::new(scene.open());
    scene.remove();
    let reads = Reads::default();
    let counting = reads.clone();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(8)
        .enable_time()
        // For as long as the thread lives.
        .on_thread_start(move || std::mem::forget(set_default(counting.clone())))
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        for period in 0..25 {
            let at = now().plus(TOO_OLD * period);
            for _ in 0..2 {
                crowd(Arc::clone(&list), at).await;
                assert_eq!(reads.count(), 1 + usize::try_from(period).expect("small"));
            }
        }
    });
}

#[tokio::test]
async fn sixty_four_requests_that_find_the_list_old_read_the_file_once() {
    let scene = Scene::new("alice\n");
    let list = Arc::new(scene.open());
    let reads = Reads::default();
    let _guard = set_default(reads.clone());
    assert!(denies(&list, "alice", now()).await);
    scene.remove();
    for period in 1..25 {
        let at = now().plus(OLD * period);
        crowd(Arc::clone(&list), at).await;
        let expected = usize::try_from(period).expect("small");
        until(async || reads.count() >= expected).await;
        crowd(Arc::clone(&list), at).await;
        crowd(Arc::clone(&list), just_before(at.plus(OLD))).await;
        assert_eq!(reads.count(), expected);
    }
}

/// On one thread it is everybody's turn between two of ours: whoever waits for nothing else is done
/// after these.
async fn turns() {
    for _ in 0..500 {
        yield_now().await;
    }
}

/// A file that does not answer: a pipe, into which nobody writes before this is dropped.
#[cfg(unix)]
struct Hanging(std::path::PathBuf);

#[cfg(unix)]
impl Hanging {
    fn instead_of(path: std::path::PathBuf) -> Self {
        std::fs::remove_file(&path).expect("no file");
        let made = std::process::Command::new("mkfifo").arg(&path).status();
        assert!(made.expect("mkfifo").success());
        Self(path)
    }

    /// Answers whoever reads.
    fn answer(&self, text: &str) {
        std::fs::write(&self.0, text).expect("a reader");
    }
}

#[cfg(unix)]
impl Drop for Hanging {
    fn drop(&mut self) {
        // Open for both no end waits for the other, and a reader that still hangs is let go.
        let both = std::fs::File::options()
            .read(true)
            .write(true)
            .open(&self.0);
        drop(both);
    }
}

/// A network's file system may hang, and every request with it. On a paused clock, which nothing moves
/// but the test.
#[cfg(unix)]
#[tokio::test(start_paused = true)]
async fn a_file_that_hangs_is_waited_for_half_a_second_and_by_one_reader() {
    const PATIENCE: Duration = Duration::from_millis(500);
    const MILLISECOND: Duration = Duration::from_millis(1);
    let scene = Scene::new("alice\n");
    let list = Arc::new(scene.open());
    assert!(denies(&list, "alice", now()).await);
    let reads = Reads::default();
    let _guard = set_default(reads.clone());
    let hanging = Hanging::instead_of(scene.path());
    let at = now().plus(TOO_OLD);
    let waiting = tokio::spawn(crowd(Arc::clone(&list), at));
    turns().await;
    tokio::time::advance(PATIENCE.saturating_sub(MILLISECOND)).await;
    turns().await;
    assert!(!waiting.is_finished(), "it did not wait");
    tokio::time::advance(2 * MILLISECOND).await;
    turns().await;
    assert!(waiting.is_finished(), "it still waits");
    waiting.await.expect("the last list is in force");
    assert_eq!(reads.count(), 1, "it is told once");
    // Nobody waits any more.
    for later in [0, 5, 3_600] {
        let at = at.plus(Duration::from_secs(later));
        let going_on = tokio::spawn(crowd(Arc::clone(&list), at));
        turns().await;
        assert!(going_on.is_finished(), "it waits again");
        going_on.await.expect("the last list is in force");
    }
    assert_eq!(reads.count(), 1);
    hanging.answer("bob\n");
    let later = at.plus(Duration::from_secs(1));
    until(async || denies(&list, "bob", later).await).await;
    assert!(!denies(&list, "alice", later).await);
    // And is waited for again.
    drop(hanging);
    std::fs::remove_file(scene.path()).expect("no pipe");
    scene.write("carol\n");
    assert!(denies(&list, "carol", later.plus(TOO_OLD)).await);
}
