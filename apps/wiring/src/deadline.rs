//! A deadline around every call to a store, and another try for reads, as a decorator of its port.

use std::{
    hash::{BuildHasher as _, RandomState},
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use usher_domain::{
    ports::{
        Applied, Change, Deleted, Digest, Expected, ImportEntry, KeyPage, KeyStore, ProfileStore,
        Put, Revision, StoreError, StoreErrorKind, StoredProfile,
    },
    profile::Profile,
    usage::{
        api_key::{ApiKey, ApiKeyHash, ApiKeyId},
        plan::UsagePlan,
    },
    user_id::UserId,
};

/// So often a read is sent again after an error.
const REPEATS: u32 = 2;

/// At most so long it waits before the first time; four times as long before the next.
const FIRST_PAUSE: Duration = Duration::from_millis(20);

/// A store whose calls end in time.
///
/// Reads that came to nothing are sent again, and writes never: one that was not answered may have
/// been done, and whoever does it again undoes what somebody else has done since.
pub(crate) struct WithDeadline<S: ?Sized> {
    timeout: Duration,
    store: Arc<S>,
    repeats: Budget,
    /// Where in its range a wait is, from a number that nobody can foretell.
    random: fn() -> u64,
}

impl<S: Send + Sync + ?Sized> WithDeadline<S> {
    pub(crate) fn new(store: Arc<S>, timeout: Duration) -> Self {
        Self {
            timeout,
            store,
            repeats: Budget::default(),
            random,
        }
    }

    async fn within<T>(
        &self,
        call: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        tokio::time::timeout(self.timeout, call)
            .await
            .unwrap_or_else(|_| {
                Err(StoreError::new(
                    StoreErrorKind::Unavailable,
                    "the store did not answer within store.timeout",
                ))
            })
    }

    /// A call that may be sent more than once. After an error it is sent again, after a while that
    /// differs from caller to caller; when nothing was heard for half of the time, it is sent a
    /// second time beside the first, which may be on a connection that is no more.
    async fn reading<T, F>(&self, call: impl Fn() -> F + Send + Sync) -> Result<T, StoreError>
    where
        T: Send,
        F: Future<Output = Result<T, StoreError>> + Send,
    {
        let answered = async {
            let mut first = pin!(self.repeated(&call));
            if let Ok(answer) = tokio::time::timeout(self.timeout / 2, &mut first).await {
                return answer;
            }
            if !self.repeats.spend() {
                return first.await;
            }
            let mut second = pin!(call());
            tokio::select! {
                answer = &mut first => match answer {
                    Err(error) if is_passing(&error) => second.await,
                    answer => answer,
                },
                answer = &mut second => match answer {
                    Err(error) if is_passing(&error) => first.await,
                    answer => answer,
                },
            }
        };
        let answer = self.within(answered).await;
        if answer.is_ok() {
            self.repeats.earn();
        }
        answer
    }

    async fn repeated<T, F>(&self, call: &(impl Fn() -> F + Send + Sync)) -> Result<T, StoreError>
    where
        T: Send,
        F: Future<Output = Result<T, StoreError>> + Send,
    {
        let mut most = FIRST_PAUSE;
        for _ in 0..REPEATS {
            match call().await {
                Err(error) if is_passing(&error) && self.repeats.spend() => {
                    tokio::time::sleep(part_of(most, (self.random)())).await;
                    most *= 4;
                }
                answer => return answer,
            }
        }
        call().await
    }
}

/// Whether the same call may come to something in a moment. What is overloaded is not given more to
/// do: its caller is told when to come again.
fn is_passing(error: &StoreError) -> bool {
    error.kind() == StoreErrorKind::Unavailable
}

/// Bounds what reads are sent again, over all callers: a store that has gone is not asked three times
/// as much as one that is there. Each that is answered earns a tenth of a repetition.
#[derive(Debug)]
struct Budget(AtomicU32);

impl Budget {
    const MOST: u32 = 1000;
    const PRICE: u32 = 10;

    fn spend(&self) -> bool {
        let spend = |left: u32| left.checked_sub(Self::PRICE);
        self.0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, spend)
            .is_ok()
    }

    fn earn(&self) {
        let earn = |left: u32| (left < Self::MOST).then(|| left + 1);
        // It is full otherwise, and then nothing is written.
        let _ = self
            .0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, earn);
    }
}

impl Default for Budget {
    fn default() -> Self {
        Self(AtomicU32::new(Self::MOST))
    }
}

/// Between nothing and all of `most`.
fn part_of(most: Duration, random: u64) -> Duration {
    most.mul_f64(f64::from((random >> 32) as u32) / f64::from(u32::MAX))
}

/// Good enough to be different from one's neighbour.
fn random() -> u64 {
    RandomState::new().hash_one(0)
}

#[async_trait]
#[deny(
    clippy::missing_trait_methods,
    reason = "a decorator must not forget a method"
)]
impl ProfileStore for WithDeadline<dyn ProfileStore> {
    async fn get(&self, id: &UserId) -> Result<Option<StoredProfile>, StoreError> {
        self.reading(|| self.store.get(id)).await
    }

    async fn get_for_write(&self, id: &UserId) -> Result<Option<StoredProfile>, StoreError> {
        // A store may claim an item here that has no version yet. It does so on condition that there
        // is none, and so once, however often it is asked to.
        self.reading(|| self.store.get_for_write(id)).await
    }

    async fn put(
        &self,
        id: &UserId,
        profile: &Profile,
        expected: &Expected,
    ) -> Result<Put, StoreError> {
        self.within(self.store.put(id, profile, expected)).await
    }

    async fn delete(&self, id: &UserId, expected: &Expected) -> Result<Deleted, StoreError> {
        self.within(self.store.delete(id, expected)).await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.within(self.store.ping()).await
    }
}

#[async_trait]
#[deny(
    clippy::missing_trait_methods,
    reason = "a decorator must not forget a method"
)]
impl KeyStore for WithDeadline<dyn KeyStore> {
    async fn revision(&self) -> Result<Revision, StoreError> {
        self.reading(|| self.store.revision()).await
    }

    fn shows_changes_whole(&self) -> bool {
        self.store.shows_changes_whole()
    }

    async fn plans(&self) -> Result<Vec<UsagePlan>, StoreError> {
        self.reading(|| self.store.plans()).await
    }

    async fn find(&self, hash: &ApiKeyHash) -> Result<Option<ApiKey>, StoreError> {
        self.reading(|| self.store.find(hash)).await
    }

    async fn key(&self, id: &ApiKeyId) -> Result<Option<ApiKey>, StoreError> {
        self.reading(|| self.store.key(id)).await
    }

    async fn keys(&self, page: &KeyPage) -> Result<Vec<ApiKey>, StoreError> {
        self.reading(|| self.store.keys(page)).await
    }

    async fn imported(&self, entries: &[ImportEntry]) -> Result<Vec<Option<Digest>>, StoreError> {
        self.reading(|| self.store.imported(entries)).await
    }

    async fn apply(&self, changes: &[Change], expected: Revision) -> Result<Applied, StoreError> {
        self.within(self.store.apply(changes, expected)).await
    }
}

#[cfg(test)]
mod tests;
