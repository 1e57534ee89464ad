use async_trait::async_trait;
use usher_domain::{
    ports::{
        Deleted, Expected, ProfileStore, Put, StoreError, StoreErrorKind, StoredProfile, Version,
    },
    profile::Profile,
    user_id::UserId,
};

use crate::{connect::Pg, error::store_error};

/// Profiles in the table `profiles`, as JSONB.
#[derive(Debug, Clone)]
pub struct PgProfileStore {
    database: Pg,
}

impl PgProfileStore {
    /// Profiles in an open database.
    #[must_use]
    pub fn new(database: Pg) -> Self {
        Self { database }
    }
}

#[async_trait]
impl ProfileStore for PgProfileStore {
    async fn get(&self, id: &UserId) -> Result<Option<StoredProfile>, StoreError> {
        let row: Option<(i64, i64, String)> =
            sqlx::query_as("SELECT id, revision, body::text FROM profiles WHERE user_id = $1")
                .bind(id.as_str())
                .fetch_optional(self.database.pool.reading())
                .await
                .map_err(|error| store_error("read a profile", error))?;
        let Some((number, revision, body)) = row else {
            return Ok(None);
        };
        let profile = Profile::from_stored_json(body.as_bytes()).map_err(|error| {
            let place = format!("Postgres: table profiles, column body, row id {number}");
            StoreError::new(StoreErrorKind::Corrupt, place).caused_by(error)
        })?;
        Ok(Some(StoredProfile {
            profile,
            version: version(number, revision),
        }))
    }

    async fn put(
        &self,
        id: &UserId,
        profile: &Profile,
        expected: &Expected,
    ) -> Result<Put, StoreError> {
        let pool = self.database.pool.writing();
        let failed = |error| store_error("write a profile", error);
        match expected {
            Expected::Anything => {
                let revision: i64 = sqlx::query_scalar(
                    "INSERT INTO profiles (user_id, body) VALUES ($1, $2::jsonb) \
                     ON CONFLICT (user_id) DO UPDATE \
                     SET body = excluded.body, revision = profiles.revision + 1 \
                     RETURNING revision",
                )
                .bind(id.as_str())
                .bind(profile.as_json())
                .fetch_one(pool)
                .await
                .map_err(failed)?;
                Ok(if revision == 1 {
                    Put::Created
                } else {
                    Put::Replaced
                })
            }
            Expected::Absent => {
                let done = sqlx::query(
                    "INSERT INTO profiles (user_id, body) VALUES ($1, $2::jsonb) \
                     ON CONFLICT (user_id) DO NOTHING",
                )
                .bind(id.as_str())
                .bind(profile.as_json())
                .execute(pool)
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
                    "UPDATE profiles SET body = $1::jsonb, revision = revision + 1 \
                     WHERE user_id = $2 AND id = $3 AND revision = $4",
                )
                .bind(profile.as_json())
                .bind(id.as_str())
                .bind(number)
                .bind(revision)
                .execute(pool)
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
        // The second column is what the statement found before it deleted anything.
        let statement = match expected {
            Expected::Absent => {
                sqlx::query_as("SELECT false, EXISTS (SELECT 1 FROM profiles WHERE user_id = $1)")
                    .bind(id.as_str())
            }
            Expected::Anything => sqlx::query_as(
                "WITH gone AS (DELETE FROM profiles WHERE user_id = $1 RETURNING 1) \
                 SELECT EXISTS (SELECT 1 FROM gone), false",
            )
            .bind(id.as_str()),
            Expected::Version(version) => {
                let (number, revision) = parts(version).unwrap_or_default();
                sqlx::query_as(
                    "WITH gone AS (DELETE FROM profiles \
                         WHERE user_id = $1 AND id = $2 AND revision = $3 RETURNING 1) \
                     SELECT EXISTS (SELECT 1 FROM gone), \
                            EXISTS (SELECT 1 FROM profiles WHERE user_id = $1)",
                )
                .bind(id.as_str())
                .bind(number)
                .bind(revision)
            }
        };
        let (deleted, found): (bool, bool) = statement
            .fetch_one(self.database.pool.writing())
            .await
            .map_err(|error| store_error("delete a profile", error))?;
        Ok(match (deleted, found) {
            (true, _) => Deleted::Deleted,
            (false, true) => Deleted::Conflict,
            (false, false) => Deleted::Absent,
        })
    }

    async fn ping(&self) -> Result<(), StoreError> {
        sqlx::query("SELECT 1")
            .execute(self.database.pool.writing())
            .await
            .map(drop)
            .map_err(|error| store_error("answer", error))
    }
}

fn version(number: i64, revision: i64) -> Version {
    Version::new(format!("{number}.{revision}"))
}

fn parts(version: &Version) -> Option<(i64, i64)> {
    let (number, revision) = version.as_str().split_once('.')?;
    Some((number.parse().ok()?, revision.parse().ok()?))
}
