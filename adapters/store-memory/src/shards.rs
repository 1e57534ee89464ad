use std::{
    collections::HashMap,
    hash::{BuildHasher as _, Hash, RandomState},
    sync::{Mutex, MutexGuard, PoisonError},
};

const SHARDS: usize = 64;

/// A map behind many locks, so that callers with different keys rarely meet.
///
/// No lock is ever held across an await: a guard is not `Send`, so the compiler refuses it.
pub(crate) struct Shards<K, V> {
    hasher: RandomState,
    shards: Box<[Mutex<HashMap<K, V>>]>,
}

impl<K: Hash + Eq, V> Shards<K, V> {
    pub(crate) fn new() -> Self {
        Self {
            hasher: RandomState::new(),
            shards: (0..SHARDS).map(|_| Mutex::new(HashMap::new())).collect(),
        }
    }

    /// The part of the map that `key` is in.
    pub(crate) fn lock<Q: Hash + ?Sized>(&self, key: &Q) -> MutexGuard<'_, HashMap<K, V>>
    where
        K: std::borrow::Borrow<Q>,
    {
        // The remainder of 64 is less than 64, whatever the width of usize.
        #[allow(
            clippy::cast_possible_truncation,
            reason = "less than the number of shards"
        )]
        let index = (self.hasher.hash_one(key) % SHARDS as u64) as usize;
        locked(&self.shards[index])
    }

    /// All parts, one after the other: what is changed meanwhile may be seen or not.
    pub(crate) fn all(&self) -> impl Iterator<Item = MutexGuard<'_, HashMap<K, V>>> {
        self.shards.iter().map(locked)
    }

    /// How many parts there are.
    pub(crate) fn len(&self) -> usize {
        self.shards.len()
    }
}

/// A panic while the lock was held leaves whole values behind: every change is one insert.
fn locked<T>(shard: &Mutex<T>) -> MutexGuard<'_, T> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}
