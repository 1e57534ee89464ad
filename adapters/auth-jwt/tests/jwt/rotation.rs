//! An issuer that changes its keys while requests go on, for hours of a clock of the test's own.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{sync::Barrier, task::JoinSet};
use usher_auth_jwt::JwtVerifier;
use usher_domain::time::Timestamp;
use usher_testkit::{
    key_server::{Answer, KeyServer},
    tokens::TestKey,
};

use crate::support::{NOON, asking, claims_with, key_set, now, outcome};

const COOL_DOWN: Duration = Duration::from_secs(10);
/// A token's life.
const LIFE: Duration = Duration::from_mins(15);
/// Between two requests of one client.
const STEP: Duration = Duration::from_millis(400);
/// How long each client uses a token before it gets another: always a new one, and up to a token's
/// whole life, which then goes on after its key has signed its last.
const CLIENTS: [Duration; 4] = [
    Duration::ZERO,
    Duration::from_secs(7),
    Duration::from_mins(2),
    Duration::from_mins(14),
];

/// When an issuer publishes, uses and withdraws its keys. Time is counted from [`now`].
struct Issuer {
    keys: Vec<TestKey>,
    /// Each key signs for so long, one after the other.
    signs_for: Duration,
    /// A key is published so long before it signs.
    ahead: Duration,
}

impl Issuer {
    fn new(ahead: Duration) -> Self {
        Self {
            keys: ["1", "2", "3", "4"].map(TestKey::es256).into(),
            // In the middle of ten seconds, for who asks every ten.
            signs_for: Duration::from_millis(37 * 60_000 + 4_700),
            ahead,
        }
    }

    fn index(&self, at: Duration) -> usize {
        usize::try_from(at.as_nanos() / self.signs_for.as_nanos()).expect("an index")
    }

    fn end(&self) -> Duration {
        self.signs_for * u32::try_from(self.keys.len()).expect("a few")
    }

    fn published_at(&self, index: usize) -> Duration {
        let signs_at = self.signs_for * u32::try_from(index).expect("a few");
        signs_at.saturating_sub(self.ahead)
    }

    /// Which keys are published: a key is withdrawn when its last token has run out.
    fn published(&self, at: Duration) -> (usize, usize) {
        let first = self.index(at.saturating_sub(LIFE));
        let last = self.index(at + self.ahead).min(self.keys.len() - 1);
        (first, last)
    }

    fn answer(&self, (first, last): (usize, usize)) -> Answer {
        let keys: Vec<_> = self.keys[first..=last].iter().collect();
        Answer::KeySet(key_set(&keys))
    }

    fn token(&self, at: Duration) -> (usize, String) {
        let index = self.index(at);
        let exp = NOON + i64::try_from((at + LIFE).as_secs()).expect("a time");
        (index, self.keys[index].sign(&claims_with("exp", exp)))
    }
}

/// What all of a run share.
struct Run {
    issuer: Issuer,
    server: KeyServer,
    verifier: JwtVerifier,
    refused: AtomicUsize,
    /// Nobody is in the next moment before all are done with this one.
    moment: Barrier,
}

impl Run {
    async fn start(ahead: Duration, clients: usize) -> Arc<Self> {
        let issuer = Issuer::new(ahead);
        let server = KeyServer::start(issuer.answer(issuer.published(Duration::ZERO))).await;
        Arc::new(Self {
            verifier: asking(&server),
            issuer,
            server,
            refused: AtomicUsize::new(0),
            moment: Barrier::new(clients + 1),
        })
    }

    /// Lets time pass, and the issuer publish what it has at each moment.
    async fn time(self: Arc<Self>) {
        let (mut at, mut published) = (Duration::ZERO, (0, 0));
        while at < self.issuer.end() {
            let current = self.issuer.published(at);
            if current != published {
                self.server.answer(self.issuer.answer(current));
                published = current;
            }
            self.moment.wait().await;
            self.moment.wait().await;
            at += STEP;
        }
    }

    /// A client that asks at every moment.
    async fn client(self: Arc<Self>, renews_after: Duration) {
        let mut at = Duration::ZERO;
        let mut renews_at = renews_after;
        let (mut index, mut token) = self.issuer.token(at);
        while at < self.issuer.end() {
            self.moment.wait().await;
            if at >= renews_at {
                (index, token) = self.issuer.token(at);
                renews_at = at + renews_after;
            }
            match outcome(&self.verifier, &token, instant(at)).await {
                "accepted" => {}
                // Whoever asked the issuer before it had the key asks it again ten seconds later.
                "invalid" => {
                    let waited = at.checked_sub(self.issuer.published_at(index));
                    assert!(
                        waited.is_some_and(|waited| waited < COOL_DOWN),
                        "refused {waited:?} after its key {index} was published, at {at:?}"
                    );
                    self.refused.fetch_add(1, Ordering::Relaxed);
                }
                other => panic!("{other} at {at:?}"),
            }
            self.moment.wait().await;
            at += STEP;
        }
    }

    /// Somebody whose tokens name another key each time, so that the issuer is asked whenever it
    /// may be.
    async fn stranger(self: Arc<Self>) {
        let key = TestKey::es256("x");
        let mut header = key.header();
        let mut at = Duration::ZERO;
        while at < self.issuer.end() {
            self.moment.wait().await;
            header["kid"] = format!("made-up-{}", at.as_nanos()).into();
            let token = key.sign_with_header(&header, &claims_with("exp", NOON + 86_400));
            let answer = outcome(&self.verifier, &token, instant(at)).await;
            assert_eq!(answer, "invalid");
            self.moment.wait().await;
            at += STEP;
        }
    }
}

fn instant(at: Duration) -> Timestamp {
    now().plus(at)
}

/// Two and a half hours. Returns how many requests were refused, and how often the issuer was asked.
async fn run(ahead: Duration, with_a_flood: bool) -> (usize, usize) {
    let run = Run::start(ahead, CLIENTS.len() + usize::from(with_a_flood)).await;
    let mut tasks = JoinSet::new();
    tasks.spawn(Arc::clone(&run).time());
    for renews_after in CLIENTS {
        tasks.spawn(Arc::clone(&run).client(renews_after));
    }
    if with_a_flood {
        tasks.spawn(Arc::clone(&run).stranger());
    }
    // The first that fails ends the others, who would wait for it.
    while let Some(ended) = tasks.join_next().await {
        ended.expect("a task that ends well");
    }
    let most = run.issuer.end().as_secs() / COOL_DOWN.as_secs() + 1;
    let asked = run.server.requests();
    assert!(asked <= usize::try_from(most).expect("a number"), "{asked}");
    (run.refused.load(Ordering::Relaxed), asked)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_issuer_that_signs_with_a_key_the_moment_it_publishes_it_fails_no_request() {
    let (refused, asked) = run(Duration::ZERO, false).await;
    // Nobody had asked in the ten seconds before.
    assert_eq!(refused, 0);
    // For the first key, the three others, and once an hour.
    assert!(asked <= 6, "{asked}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn in_a_flood_of_made_up_kids_a_new_key_is_unknown_for_less_than_ten_seconds() {
    let (refused, asked) = run(Duration::ZERO, true).await;
    assert!(refused > 0, "this shows nothing unless the flood is felt");
    assert!(asked > 100, "{asked}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_key_that_is_published_ten_seconds_ahead_fails_no_request_in_a_flood_either() {
    let (refused, _) = run(COOL_DOWN, true).await;
    assert_eq!(refused, 0);
}

/// Its tokens end when the set is next seen, though they have not run out.
#[tokio::test]
async fn a_key_that_is_withdrawn_early_is_refused_when_the_hour_is_over() {
    let (old, new) = (TestKey::es256("old"), TestKey::es256("new"));
    let server = KeyServer::start(Answer::KeySet(key_set(&[&old, &new]))).await;
    let verifier = asking(&server);
    let claims = claims_with("exp", NOON + 86_400);
    let stolen = old.sign(&claims);
    let hour = Duration::from_hours(1);
    assert_eq!(outcome(&verifier, &stolen, now()).await, "accepted");
    server.answer(Answer::KeySet(key_set(&[&new])));
    let at = now().plus(hour);
    assert_eq!(outcome(&verifier, &new.sign(&claims), at).await, "accepted");
    // That one had the set fetched again. Who has no key waits for the end of that.
    server.asked(2).await;
    let unknown = TestKey::es256("unknown").sign(&claims);
    assert_eq!(outcome(&verifier, &unknown, at).await, "invalid");
    for token in [stolen, old.sign(&claims)] {
        assert_eq!(outcome(&verifier, &token, at).await, "invalid");
    }
    assert_eq!(server.requests(), 2);
}
