use async_trait::async_trait;
use usher_domain::{
    ports::{Deleted, Expected, ProfileStore, Put, StoreError, StoredProfile, Version},
    profile::Profile,
    user_id::UserId,
};

use crate::{connect::Sqlite, error::store_error, reads::Reads};

/// Profiles in the table `profiles`, as canonical JSON text.
#[derive(Debug, Clone)]
pub struct SqliteProfileStore {
    database: Sqlite,
    reads: Reads,
}

impl SqliteProfileStore {
    /// Profiles in an open database.
    #[must_use]
    pub fn new(database: Sqlite) -> Self {
        let reads = Reads::new(database.clone());
        Self { database, reads }
    }

    async fn exists(&self, id: &UserId) -> Result<bool, StoreError> {
        sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM profiles WHERE user_id = ?)")
            .bind(id.as_str())
            .fetch_one(&self.database.writer)
            .await
            .map_err(|error| store_error("look for a profile", error))
    }
}

#[async_trait]
impl ProfileStore for SqliteProfileStore {
    async fn get(&self, id: &UserId) -> Result<Option<StoredProfile>, StoreError> {
        self.reads.get(id).await
    }

    async fn put(
        &self,
        id: &UserId,
        profile: &Profile,
        expected: &Expected,
    ) -> Result<Put, StoreError> {
        let writer = &self.database.writer;
        let failed = |error| store_error("write a profile", error);
        match expected {
            Expected::Anything => {
                // All rows, of which there is one: SQLite commits at the end of them, and whoever
                // stops at the first (`fetch_one`) is not told when that fails.
                let revisions: Vec<i64> = sqlx::query_scalar(
                    "INSERT INTO profiles (user_id, body, digest) VALUES (?, ?, ?) \
                     ON CONFLICT (user_id) DO UPDATE \
                     SET body = excluded.body, digest = excluded.digest, revision = revision + 1 \
                     RETURNING revision",
                )
                .bind(id.as_str())
                .bind(profile.as_json())
                .bind(digest(profile))
                .fetch_all(writer)
                .await
                .map_err(failed)?;
                Ok(if revisions == [1] {
                    Put::Created
                } else {
                    Put::Replaced
                })
            }
            Expected::Absent => {
                let done = sqlx::query(
                    "INSERT INTO profiles (user_id, body, digest) VALUES (?, ?, ?) \
                     ON CONFLICT (user_id) DO NOTHING",
                )
                .bind(id.as_str())
                .bind(profile.as_json())
                .bind(digest(profile))
                .execute(writer)
                .await
                .map_err(failed)?;
                Ok(if done.rows_affected() == 1 {
                    Put::Created
                } else {
                    Put::Conflict
                })
            }
            Expected::Version(version) => {
                let Some((number, revision)) = parts(version) else {
                    return Ok(Put::Conflict);
                };
                let done = sqlx::query(
                    "UPDATE profiles SET body = ?, digest = ?, revision = revision + 1 \
                     WHERE user_id = ? AND id = ? AND revision = ?",
                )
                .bind(profile.as_json())
                .bind(digest(profile))
                .bind(id.as_str())
                .bind(number)
                .bind(revision)
                .execute(writer)
                .await
                .map_err(failed)?;
                Ok(if done.rows_affected() == 1 {
                    Put::Replaced
                } else {
                    Put::Conflict
                })
            }
        }
    }

    async fn delete(&self, id: &UserId, expected: &Expected) -> Result<Deleted, StoreError> {
        let statement = match expected {
            Expected::Absent => None,
            Expected::Anything => {
                Some(sqlx::query("DELETE FROM profiles WHERE user_id = ?").bind(id.as_str()))
            }
            Expected::Version(version) => parts(version).map(|(number, revision)| {
                sqlx::query("DELETE FROM profiles WHERE user_id = ? AND id = ? AND revision = ?")
                    .bind(id.as_str())
                    .bind(number)
                    .bind(revision)
            }),
        };
        if let Some(statement) = statement {
            let done = statement
                .execute(&self.database.writer)
                .await
                .map_err(|error| store_error("delete a profile", error))?;
            if done.rows_affected() == 1 {
                return Ok(Deleted::Deleted);
            }
        }
        // A version is never given out twice: whatever is there now is not what was expected.
        Ok(if self.exists(id).await? {
            Deleted::Conflict
        } else {
            Deleted::Absent
        })
    }

    async fn ping(&self) -> Result<(), StoreError> {
        sqlx::query("SELECT 1")
            .execute(&self.database.readers)
            .await
            .map(drop)
            .map_err(|error| store_error("answer", error))
    }
}

fn digest(profile: &Profile) -> &[u8] {
    &profile.tag().digest()[..]
}

pub(crate) fn version(number: i64, revision: i64) -> Version {
    Version::new(format!("{number}.{revision}"))
}

fn parts(version: &Version) -> Option<(i64, i64)> {
    let (number, revision) = version.as_str().split_once('.')?;
    Some((number.parse().ok()?, revision.parse().ok()?))
}
