//! Reads of profiles: those that are asked for at one time are one statement.
//!
//! sqlx runs `SQLite` on threads of its own, and the way there and back costs three times what the
//! query does (bench/RESULTS.md). Nobody waits for company: a read starts as soon as a connection
//! is free, and takes along whoever has come by then.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use futures_util::TryStreamExt;
use sqlx::{Row as _, sqlite::SqliteRow};
use tokio::sync::oneshot;
use usher_domain::{
    ports::{StoreError, StoreErrorKind, StoredProfile},
    profile::Profile,
    user_id::UserId,
};

use crate::{
    connect::{READERS, Sqlite},
    error::store_error,
    profiles::version,
};

/// The most profiles of one statement: what a batch can hold in memory, and how long the first of
/// them can wait for the last, is bounded by it.
const MOST: usize = 32;

// CROSS JOIN keeps SQLite from turning it around and reading the whole table.
const READ: &str = "SELECT asked.key, profiles.id, revision, body, digest \
     FROM json_each(?) AS asked CROSS JOIN profiles ON user_id = asked.value";

type Answer = Result<Option<StoredProfile>, StoreError>;

/// One per store; clones share the queue.
#[derive(Debug, Clone)]
pub(crate) struct Reads {
    database: Sqlite,
    queue: Arc<Mutex<Queue>>,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: Vec<(UserId, oneshot::Sender<Answer>)>,
    readers: usize,
    /// A reader has been started and has not looked yet: whoever comes now needs no other.
    coming: bool,
}

impl Reads {
    pub(crate) fn new(database: Sqlite) -> Self {
        Self {
            database,
            queue: Arc::default(),
        }
    }

    /// The profile as it is after this call began.
    pub(crate) async fn get(&self, id: &UserId) -> Answer {
        let (answer, answered) = oneshot::channel();
        if lock(&self.queue).push(id.clone(), answer) {
            let reader = Reader {
                queue: Arc::clone(&self.queue),
                finished: false,
            };
            // Not in the caller's own task: when that one is dropped, others must not hang on it.
            tokio::spawn(reader.run(self.database.clone()));
        }
        answered.await.unwrap_or_else(|_| {
            let message = "SQLite: reading a profile was given up";
            Err(StoreError::new(StoreErrorKind::Unavailable, message))
        })
    }
}

impl Queue {
    /// Whether a reader must be started for it.
    fn push(&mut self, id: UserId, answer: oneshot::Sender<Answer>) -> bool {
        self.waiting.push((id, answer));
        let start = !self.coming && self.readers < READERS as usize;
        if start {
            self.coming = true;
            self.readers += 1;
        }
        start
    }

    fn take(&mut self) -> Vec<(UserId, oneshot::Sender<Answer>)> {
        // Those who have given up are not read for.
        self.waiting.retain(|(_, answer)| !answer.is_closed());
        let taken = self.waiting.len().min(MOST);
        self.waiting.drain(..taken).collect()
    }
}

/// Reads for whoever waits, until nobody does.
struct Reader {
    queue: Arc<Mutex<Queue>>,
    finished: bool,
}

impl Reader {
    async fn run(mut self, database: Sqlite) {
        // Whoever is ready to ask does so first.
        tokio::task::yield_now().await;
        lock(&self.queue).coming = false;
        while let Some((ids, mut answers)) = self.next() {
            if let Err(error) = read(&database, &ids, &mut answers).await {
                let error = Arc::new(error);
                for (_, answer) in answers {
                    let _gone = answer.send(Err(store_error("read a profile", Arc::clone(&error))));
                }
            } else {
                for (_, answer) in answers {
                    let _gone = answer.send(Ok(None));
                }
            }
        }
    }

    /// The next batch: the ids as a JSON array, and who waits for which of them.
    fn next(&mut self) -> Option<(String, HashMap<i64, oneshot::Sender<Answer>>)> {
        let mut queue = lock(&self.queue);
        let taken = queue.take();
        if taken.is_empty() {
            // Under the same lock: who comes after this starts a reader again.
            queue.readers -= 1;
            self.finished = true;
            return None;
        }
        drop(queue);
        let ids: Vec<&str> = taken.iter().map(|(id, _)| id.as_str()).collect();
        let ids = serde_json::Value::from(ids).to_string();
        Some((
            ids,
            (0..)
                .zip(taken.into_iter().map(|(_, answer)| answer))
                .collect(),
        ))
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        if !self.finished {
            // Given up in the middle: the runtime ends. Nobody may wait for a reader that is gone.
            let mut queue = lock(&self.queue);
            queue.readers -= 1;
            queue.coming = false;
            queue.waiting.clear();
        }
    }
}

/// Answers those whose profiles are there; the others are left in `answers`.
async fn read(
    database: &Sqlite,
    ids: &str,
    answers: &mut HashMap<i64, oneshot::Sender<Answer>>,
) -> Result<(), sqlx::Error> {
    let mut rows = sqlx::query(READ).bind(ids).fetch(&database.readers);
    while let Some(row) = rows.try_next().await? {
        if let Some(answer) = answers.remove(&row.try_get(0)?) {
            let _gone = answer.send(stored(&row).map(Some));
        }
    }
    Ok(())
}

fn stored(row: &SqliteRow) -> Result<StoredProfile, StoreError> {
    let failed = |error: sqlx::Error| store_error("read a profile", error);
    let number: i64 = row.try_get(1).map_err(failed)?;
    let revision: i64 = row.try_get(2).map_err(failed)?;
    let body: String = row.try_get(3).map_err(failed)?;
    let digest: Option<Vec<u8>> = row.try_get(4).map_err(failed)?;
    let read = Profile::from_stored_canonical(body, &digest.unwrap_or_default());
    let profile = read.map_err(|error| {
        let place = format!("SQLite: table profiles, column body, row id {number}");
        StoreError::new(StoreErrorKind::Corrupt, place).caused_by(error)
    })?;
    Ok(StoredProfile {
        profile,
        version: version(number, revision),
    })
}

fn lock(queue: &Mutex<Queue>) -> MutexGuard<'_, Queue> {
    queue.lock().unwrap_or_else(PoisonError::into_inner)
}
