//! The domain's ports in memory, which can be told to misbehave.
//!
//! An adapter must not depend on another adapter, so the tests of the HTTP surface stand on these.
//! They pass the conformance suites like any store.

mod telemetry;
mod usage;

use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use serde_json::Value;
use tokio::sync::watch;
use usher_domain::{
    ports::{
        Deleted, DeniedSubjects, Expected, ProfileStore, Put, StoreError, StoreErrorKind,
        StoredProfile, TokenError, TokenVerifier, Version, VouchedClaims,
    },
    principal::Principal,
    profile::Profile,
    time::Timestamp,
    user_id::UserId,
};

pub use self::{
    telemetry::{FakeTelemetry, Told, ToldAnswer},
    usage::{FakeKeyDirectory, FakePacer, FakeUsageStore},
};

/// What the errors of a failing fake say: the context and its cause. No client may ever see it.
pub const FAULT_SAYS: [&str; 2] = [
    "reading marked_table",
    "postgres://usher:marked-password@db",
];
/// What a panicking fake says. No client may ever see it.
pub const PANIC_SAYS: &str = "a marked-panic, on purpose";

/// The `iss` of every principal of [`PlainTokens`].
pub const ISSUER: &str = "https://issuer.example.com/";

/// What a fake does when it is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behaviour {
    /// What it is there for.
    Serve,
    /// Every call is an error of this kind.
    Fail(StoreErrorKind),
    /// A call waits until the behaviour changes, and then does as it is told.
    Stall,
    /// Every call panics.
    Panic,
}

#[derive(Debug)]
struct Switch(watch::Sender<Behaviour>);

impl Switch {
    fn new() -> Self {
        Self(watch::Sender::new(Behaviour::Serve))
    }

    fn set(&self, behaviour: Behaviour) {
        self.0.send_replace(behaviour);
    }

    async fn pass(&self) -> Result<(), StoreError> {
        let mut told = self.0.subscribe();
        let behaviour = told
            .wait_for(|behaviour| *behaviour != Behaviour::Stall)
            .await
            .map_or(Behaviour::Serve, |behaviour| *behaviour);
        match behaviour {
            Behaviour::Serve | Behaviour::Stall => Ok(()),
            Behaviour::Fail(kind) => Err(fault(kind)),
            Behaviour::Panic => panic!("{PANIC_SAYS}"),
        }
    }
}

fn fault(kind: StoreErrorKind) -> StoreError {
    let [context, source] = FAULT_SAYS;
    StoreError::new(kind, context).caused_by(source)
}

/// A fake that panicked while it was asked has changed nothing.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Profiles in a map.
#[derive(Debug)]
pub struct FakeProfileStore {
    rows: Mutex<HashMap<UserId, StoredProfile>>,
    next_version: AtomicU64,
    switch: Switch,
    contended: AtomicBool,
    /// What others write before the next writes, or delete.
    overtakers: Mutex<VecDeque<Option<Profile>>>,
    /// What the next puts come to, whatever is put.
    outcomes: Mutex<VecDeque<Put>>,
    pings: AtomicUsize,
    calls: AtomicUsize,
    puts: AtomicUsize,
}

impl FakeProfileStore {
    /// A store without profiles.
    #[must_use]
    pub fn new() -> Self {
        Self {
            rows: Mutex::default(),
            next_version: 1.into(),
            switch: Switch::new(),
            contended: false.into(),
            overtakers: Mutex::default(),
            outcomes: Mutex::default(),
            pings: 0.into(),
            calls: 0.into(),
            puts: 0.into(),
        }
    }

    /// Tells the store what to do from now on; calls that are stalled go on by it.
    pub fn behave(&self, behaviour: Behaviour) {
        self.switch.set(behaviour);
    }

    /// From now on somebody else writes between every read and every write that relies on it.
    pub fn contend(&self) {
        self.contended.store(true, Ordering::SeqCst);
    }

    /// Before each of the next writes, one for one, somebody else writes the same user's profile, or
    /// deletes it (`None`). Afterwards nobody does.
    pub fn overtake(&self, others: impl IntoIterator<Item = Option<Profile>>) {
        lock(&self.overtakers).extend(others);
    }

    /// The next put comes to this, as in a store whose rows others fill too; nothing is written but
    /// what a [`Put::ReplacedAs`] says.
    pub fn next_put(&self, outcome: Put) {
        lock(&self.outcomes).push_back(outcome);
    }

    /// Somebody else writes: it is no call that is counted, and nothing can refuse it.
    pub fn seed(&self, id: &UserId, profile: Profile) {
        let row = self.row(profile);
        lock(&self.rows).insert(id.clone(), row);
    }

    /// How often it was asked whether it can serve.
    #[must_use]
    pub fn pings(&self) -> usize {
        self.pings.load(Ordering::SeqCst)
    }

    /// How often it was asked for anything else.
    #[must_use]
    pub fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    /// How often it was told to put a profile, whether it did or not.
    #[must_use]
    pub fn puts(&self) -> usize {
        self.puts.load(Ordering::SeqCst)
    }

    /// A row of a version that no other row has or had.
    fn row(&self, profile: Profile) -> StoredProfile {
        let version = self.next_version.fetch_add(1, Ordering::SeqCst);
        StoredProfile {
            profile,
            version: Version::new(version.to_string()),
        }
    }

    fn let_others_in(&self, rows: &mut HashMap<UserId, StoredProfile>, id: &UserId) {
        match lock(&self.overtakers).pop_front() {
            Some(Some(profile)) => drop(rows.insert(id.clone(), self.row(profile))),
            Some(None) => drop(rows.remove(id)),
            None => {}
        }
    }

    async fn called(&self) -> Result<(), StoreError> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        self.switch.pass().await
    }

    /// Whether the row is what is expected; under contention no version ever is.
    fn holds(&self, row: Option<&StoredProfile>, expected: &Expected) -> bool {
        match (row, expected) {
            (_, Expected::Anything) | (None, Expected::Absent) => true,
            (Some(row), Expected::Version(version)) => {
                row.version == *version && !self.contended.load(Ordering::SeqCst)
            }
            (Some(_), Expected::Absent) | (None, Expected::Version(_)) => false,
        }
    }
}

impl Default for FakeProfileStore {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl ProfileStore for FakeProfileStore {
    async fn get(&self, id: &UserId) -> Result<Option<StoredProfile>, StoreError> {
        self.called().await?;
        Ok(lock(&self.rows).get(id).cloned())
    }

    async fn put(
        &self,
        id: &UserId,
        profile: &Profile,
        expected: &Expected,
    ) -> Result<Put, StoreError> {
        self.puts.fetch_add(1, Ordering::SeqCst);
        self.called().await?;
        let mut rows = lock(&self.rows);
        self.let_others_in(&mut rows, id);
        if !self.holds(rows.get(id), expected) {
            return Ok(Put::Conflict);
        }
        if let Some(outcome) = lock(&self.outcomes).pop_front() {
            if let Put::ReplacedAs(stored) = &outcome {
                rows.insert(id.clone(), self.row(stored.clone()));
            }
            return Ok(outcome);
        }
        let row = self.row(profile.clone());
        Ok(match rows.insert(id.clone(), row) {
            None => Put::Created,
            Some(_) => Put::Replaced,
        })
    }

    async fn delete(&self, id: &UserId, expected: &Expected) -> Result<Deleted, StoreError> {
        self.called().await?;
        let mut rows = lock(&self.rows);
        self.let_others_in(&mut rows, id);
        let row = rows.get(id);
        if row.is_none() {
            return Ok(Deleted::Absent);
        }
        if !self.holds(row, expected) {
            return Ok(Deleted::Conflict);
        }
        rows.remove(id);
        Ok(Deleted::Deleted)
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.pings.fetch_add(1, Ordering::SeqCst);
        self.switch.pass().await
    }
}

/// A verifier whose tokens are words with semicolons between, because a bearer token has no spaces:
/// `user:alice;scope:profiles/read;group:support`.
///
/// What follows `user:` may hold JSON's escapes (`user:Zo\u00eb`): a header is ASCII. The tokens
/// `expired` and `unavailable` get the answer that they name; whatever else does not read is
/// invalid.
#[derive(Debug, Clone, Copy, Default)]
pub struct PlainTokens;

#[async_trait]
impl TokenVerifier for PlainTokens {
    async fn verify(&self, token: &str, _now: Timestamp) -> Result<Arc<Principal>, TokenError> {
        self::principal(token)
    }

    /// The claim `token` is one of these tokens.
    fn vouched(&self, claims: &VouchedClaims) -> Result<Arc<Principal>, TokenError> {
        let token = claims.members.get("token").and_then(Value::as_str);
        token.map_or(Err(UNREADABLE), self::principal)
    }
}

const UNREADABLE: TokenError = TokenError::Invalid("the token cannot be read");

fn principal(token: &str) -> Result<Arc<Principal>, TokenError> {
    match token {
        "expired" => return Err(TokenError::Expired),
        "unavailable" => {
            let fault = fault(StoreErrorKind::Unavailable);
            return Err(TokenError::KeySetUnavailable {
                source: fault,
                retry_after: Duration::from_secs(7),
            });
        }
        _ => {}
    }
    let mut principal = Principal::new("", ISSUER);
    for word in token.split(';') {
        match word.split_once(':').ok_or(UNREADABLE)? {
            ("user", escaped) => {
                let id: String =
                    serde_json::from_str(&format!("\"{escaped}\"")).map_err(|_| UNREADABLE)?;
                principal.id = id.into();
            }
            ("scope", scope) => drop(principal.scopes.insert(scope.into())),
            ("group", group) => drop(principal.groups.insert(group.into())),
            ("tier", tier) => drop(principal.claims.insert("tier".into(), tier.into())),
            _ => return Err(UNREADABLE),
        }
    }
    if principal.id.is_empty() {
        return Err(UNREADABLE);
    }
    Ok(Arc::new(principal))
}

/// Stops these subjects from the start.
#[derive(Debug, Clone, Copy)]
pub struct FakeDeniedSubjects(pub &'static [&'static str]);

#[async_trait]
impl DeniedSubjects for FakeDeniedSubjects {
    async fn denies(&self, principal: &Principal, _now: Timestamp) -> bool {
        self.0.contains(&&*principal.id)
    }
}
