use async_trait::async_trait;
use sqlx::{Row as _, SqliteConnection, sqlite::SqliteRow};
use usher_domain::{
    ports::{
        Applied, Change, Digest, ImportEntry, KeyPage, KeyStore, Revision, StoreError,
        StoreErrorKind,
    },
    time::Timestamp,
    usage::{
        api_key::{ApiKey, ApiKeyHash, ApiKeyId, PreviousSecret},
        plan::{PlanId, UsagePlan},
        plan_file,
    },
};

use crate::{connect::Sqlite, error::store_error};

/// Usage plans and API keys in an `SQLite` file.
#[derive(Debug, Clone)]
pub struct SqliteKeyStore {
    database: Sqlite,
}

impl SqliteKeyStore {
    /// Plans and keys in an open database.
    #[must_use]
    pub fn new(database: Sqlite) -> Self {
        Self { database }
    }

    /// Keys that a statement found, with their plans.
    async fn with_plans(&self, rows: Vec<SqliteRow>) -> Result<Vec<ApiKey>, StoreError> {
        let mut keys = Vec::with_capacity(rows.len());
        for row in rows {
            let id: String = column(&row, "id")?;
            let plans: Vec<String> = sqlx::query_scalar(
                "SELECT plan_id FROM api_key_plans WHERE key_id = ? ORDER BY position",
            )
            .bind(&id)
            .fetch_all(&self.database.readers)
            .await
            .map_err(|error| store_error("read a key's plans", error))?;
            keys.push(key(&row, &id, &plans)?);
        }
        Ok(keys)
    }
}

fn key(row: &SqliteRow, id: &str, plans: &[String]) -> Result<ApiKey, StoreError> {
    let previous: Option<Vec<u8>> = column(row, "previous_hash")?;
    let until: Option<i64> = column(row, "previous_until")?;
    let previous = match previous.zip(until) {
        None => None,
        Some((previous, until)) => Some(PreviousSecret {
            hash: hash(&previous, id)?,
            until: Timestamp::from_nanos(until),
        }),
    };
    Ok(ApiKey {
        id: ApiKeyId::new(id),
        hash: hash(&column::<Vec<u8>>(row, "hash")?, id)?,
        previous,
        name: column(row, "name")?,
        description: column(row, "description")?,
        enabled: column(row, "enabled")?,
        plans: plans.iter().map(|id| PlanId::new(id)).collect(),
        created_at: column::<Option<i64>>(row, "created_at")?.map(Timestamp::from_nanos),
    })
}

fn column<'r, T>(row: &'r SqliteRow, name: &str) -> Result<T, StoreError>
where
    T: sqlx::Decode<'r, sqlx::Sqlite> + sqlx::Type<sqlx::Sqlite>,
{
    row.try_get(name)
        .map_err(|error| store_error("read a key", error))
}

fn hash(bytes: &[u8], id: &str) -> Result<ApiKeyHash, StoreError> {
    bytes.try_into().map(ApiKeyHash::from_bytes).map_err(|_| {
        corrupt(format!(
            "table api_keys, hashes of the key with the id {id}"
        ))
    })
}

fn corrupt(place: impl std::fmt::Display) -> StoreError {
    StoreError::new(StoreErrorKind::Corrupt, format!("SQLite: {place}"))
}

#[async_trait]
impl KeyStore for SqliteKeyStore {
    async fn revision(&self) -> Result<Revision, StoreError> {
        let revision: i64 = sqlx::query_scalar("SELECT revision FROM control")
            .fetch_one(&self.database.readers)
            .await
            .map_err(|error| store_error("read the revision of plans and keys", error))?;
        Ok(Revision(revision.cast_unsigned()))
    }

    async fn plans(&self) -> Result<Vec<UsagePlan>, StoreError> {
        let rows: Vec<(String, String)> =
            sqlx::query_as("SELECT id, body FROM usage_plans ORDER BY id")
                .fetch_all(&self.database.readers)
                .await
                .map_err(|error| store_error("read the usage plans", error))?;
        let plan = |(id, body): (String, String)| {
            plan_file::parse_stored(&id, &body).map_err(|problem| {
                let place = format!("table usage_plans, column body, row id {id}");
                corrupt(place).caused_by(problem)
            })
        };
        rows.into_iter().map(plan).collect()
    }

    async fn find(&self, hash: &ApiKeyHash) -> Result<Option<ApiKey>, StoreError> {
        let row = sqlx::query("SELECT * FROM api_keys WHERE hash = ? OR previous_hash = ?")
            .bind(&hash.as_bytes()[..])
            .bind(&hash.as_bytes()[..])
            .fetch_all(&self.database.readers)
            .await
            .map_err(|error| store_error("look for a key", error))?;
        Ok(self.with_plans(row).await?.pop())
    }

    async fn key(&self, id: &ApiKeyId) -> Result<Option<ApiKey>, StoreError> {
        let row = sqlx::query("SELECT * FROM api_keys WHERE id = ?")
            .bind(id.as_str())
            .fetch_all(&self.database.readers)
            .await
            .map_err(|error| store_error("read a key", error))?;
        Ok(self.with_plans(row).await?.pop())
    }

    async fn keys(&self, page: &KeyPage) -> Result<Vec<ApiKey>, StoreError> {
        let rows = sqlx::query(
            "SELECT * FROM api_keys WHERE id > coalesce(?1, '') AND (?2 IS NULL OR EXISTS \
             (SELECT 1 FROM api_key_plans WHERE key_id = api_keys.id AND plan_id = ?2)) \
             ORDER BY id LIMIT ?3",
        )
        .bind(page.after.as_ref().map(ApiKeyId::as_str))
        .bind(page.plan.as_ref().map(PlanId::as_str))
        .bind(page.limit)
        .fetch_all(&self.database.readers)
        .await
        .map_err(|error| store_error("list keys", error))?;
        self.with_plans(rows).await
    }

    async fn imported(&self, entries: &[ImportEntry]) -> Result<Vec<Option<Digest>>, StoreError> {
        let failed = |error| store_error("read what was imported", error);
        let mut digests = Vec::with_capacity(entries.len());
        for entry in entries {
            let (kind, id) = named(entry);
            let digest: Option<Vec<u8>> =
                sqlx::query_scalar("SELECT digest FROM imports WHERE kind = ? AND id = ?")
                    .bind(kind)
                    .bind(id)
                    .fetch_optional(&self.database.readers)
                    .await
                    .map_err(failed)?;
            digests.push(digest.and_then(|digest| digest.try_into().ok()));
        }
        Ok(digests)
    }

    async fn apply(&self, changes: &[Change], expected: Revision) -> Result<Applied, StoreError> {
        let failed = |error| store_error("change plans and keys", error);
        let mut transaction = self.database.alone().await.map_err(failed)?;
        let counted = sqlx::query("UPDATE control SET revision = revision + 1 WHERE revision = ?")
            .bind(expected.0.cast_signed())
            .execute(&mut *transaction)
            .await
            .map_err(failed)?;
        if counted.rows_affected() == 0 {
            transaction.commit().await.map_err(failed)?;
            return Ok(Applied::Conflict);
        }
        for change in changes {
            make(change, &mut transaction).await.map_err(failed)?;
        }
        transaction.commit().await.map_err(failed)?;
        Ok(Applied::Done(Revision(expected.0.wrapping_add(1))))
    }
}

async fn make(change: &Change, connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    let statement = match change {
        Change::PutPlan(plan) => sqlx::query(
            "INSERT INTO usage_plans (id, body) VALUES (?, ?) \
             ON CONFLICT (id) DO UPDATE SET body = excluded.body",
        )
        .bind(plan.id.as_str())
        .bind(plan_file::to_json(plan).to_string()),
        Change::DeletePlan(id) => {
            sqlx::query("DELETE FROM usage_plans WHERE id = ?").bind(id.as_str())
        }
        Change::PutKey(key) => return put(key, connection).await,
        Change::DeleteKey(id) => sqlx::query("DELETE FROM api_keys WHERE id = ?").bind(id.as_str()),
        Change::Imported(entry, digest) => {
            let (kind, id) = named(entry);
            sqlx::query(
                "INSERT INTO imports (kind, id, digest) VALUES (?, ?, ?) \
                 ON CONFLICT (kind, id) DO UPDATE SET digest = excluded.digest",
            )
            .bind(kind)
            .bind(id)
            .bind(&digest[..])
        }
    };
    statement.execute(connection).await.map(drop)
}

async fn put(key: &ApiKey, connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    let previous = key.previous.as_ref();
    sqlx::query(
        "INSERT INTO api_keys (id, hash, previous_hash, previous_until, name, description, \
         enabled, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET \
         hash = excluded.hash, previous_hash = excluded.previous_hash, \
         previous_until = excluded.previous_until, name = excluded.name, \
         description = excluded.description, enabled = excluded.enabled, \
         created_at = excluded.created_at",
    )
    .bind(key.id.as_str())
    .bind(&key.hash.as_bytes()[..])
    .bind(previous.map(|previous| previous.hash.as_bytes().to_vec()))
    .bind(previous.map(|previous| previous.until.as_nanos()))
    .bind(&key.name)
    .bind(&key.description)
    .bind(key.enabled)
    .bind(key.created_at.map(Timestamp::as_nanos))
    .execute(&mut *connection)
    .await?;
    sqlx::query("DELETE FROM api_key_plans WHERE key_id = ?")
        .bind(key.id.as_str())
        .execute(&mut *connection)
        .await?;
    for (position, plan) in (0_i64..).zip(&key.plans) {
        sqlx::query("INSERT INTO api_key_plans (key_id, position, plan_id) VALUES (?, ?, ?)")
            .bind(key.id.as_str())
            .bind(position)
            .bind(plan.as_str())
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

fn named(entry: &ImportEntry) -> (&'static str, &str) {
    match entry {
        ImportEntry::Plan(id) => ("plan", id.as_str()),
        ImportEntry::Key(id) => ("key", id.as_str()),
    }
}
