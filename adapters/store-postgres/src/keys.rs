use async_trait::async_trait;
use sqlx::{Connection as _, PgConnection, Row as _, postgres::PgRow};
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

use crate::{connect::Pg, error::store_error};

/// Usage plans and API keys in a `PostgreSQL` database.
#[derive(Debug, Clone)]
pub struct PgKeyStore {
    database: Pg,
}

impl PgKeyStore {
    /// Plans and keys in an open database.
    #[must_use]
    pub fn new(database: Pg) -> Self {
        Self { database }
    }
}

/// A key and its plans, in one row.
macro_rules! select_keys {
    ($rest:literal) => {
        concat!(
            // By their names: a plan that was made before a column was added is good after it, too.
            "SELECT id, hash, previous_hash, previous_until, name, description, enabled, \
             created_at, ARRAY(SELECT plan_id FROM api_key_plans WHERE key_id = k.id \
             ORDER BY position) AS plans FROM api_keys k ",
            $rest
        )
    };
}

fn key(row: &PgRow) -> Result<ApiKey, StoreError> {
    let id: String = column(row, "id")?;
    let id = id.as_str();
    let plans: Vec<String> = column(row, "plans")?;
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

fn column<'r, T>(row: &'r PgRow, name: &str) -> Result<T, StoreError>
where
    T: sqlx::Decode<'r, sqlx::Postgres> + sqlx::Type<sqlx::Postgres>,
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
    StoreError::new(StoreErrorKind::Corrupt, format!("Postgres: {place}"))
}

#[async_trait]
impl KeyStore for PgKeyStore {
    async fn revision(&self) -> Result<Revision, StoreError> {
        let revision: i64 = sqlx::query_scalar("SELECT revision FROM control")
            .fetch_one(self.database.pool.reading())
            .await
            .map_err(|error| store_error("read the revision of plans and keys", error))?;
        Ok(Revision(revision.cast_unsigned()))
    }

    async fn plans(&self) -> Result<Vec<UsagePlan>, StoreError> {
        let rows: Vec<(String, String)> =
            sqlx::query_as("SELECT id, body FROM usage_plans ORDER BY id")
                .fetch_all(self.database.pool.reading())
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
        let row = sqlx::query(select_keys!("WHERE hash = $1 OR previous_hash = $1"))
            .bind(&hash.as_bytes()[..])
            .fetch_optional(self.database.pool.reading())
            .await
            .map_err(|error| store_error("look for a key", error))?;
        row.as_ref().map(key).transpose()
    }

    async fn key(&self, id: &ApiKeyId) -> Result<Option<ApiKey>, StoreError> {
        let row = sqlx::query(select_keys!("WHERE id = $1"))
            .bind(id.as_str())
            .fetch_optional(self.database.pool.reading())
            .await
            .map_err(|error| store_error("read a key", error))?;
        row.as_ref().map(key).transpose()
    }

    async fn keys(&self, page: &KeyPage) -> Result<Vec<ApiKey>, StoreError> {
        let rows = sqlx::query(select_keys!(
            "WHERE id > coalesce($1, '') AND ($2::text IS NULL OR EXISTS \
             (SELECT 1 FROM api_key_plans WHERE key_id = k.id AND plan_id = $2)) \
             ORDER BY id LIMIT $3"
        ))
        .bind(page.after.as_ref().map(ApiKeyId::as_str))
        .bind(page.plan.as_ref().map(PlanId::as_str))
        .bind(i64::from(page.limit))
        .fetch_all(self.database.pool.reading())
        .await
        .map_err(|error| store_error("list keys", error))?;
        rows.iter().map(key).collect()
    }

    async fn imported(&self, entries: &[ImportEntry]) -> Result<Vec<Option<Digest>>, StoreError> {
        let (kinds, ids): (Vec<_>, Vec<_>) = entries.iter().map(named).unzip();
        let digests: Vec<Option<Vec<u8>>> = sqlx::query_scalar(
            "SELECT digest FROM unnest($1::text[], $2::text[]) WITH ORDINALITY \
             AS entry (kind, id, number) LEFT JOIN imports USING (kind, id) ORDER BY number",
        )
        .bind(kinds)
        .bind(ids)
        .fetch_all(self.database.pool.reading())
        .await
        .map_err(|error| store_error("read what was imported", error))?;
        let digests = digests.into_iter();
        Ok(digests
            .map(|digest| digest.and_then(|digest| digest.try_into().ok()))
            .collect())
    }

    async fn apply(&self, changes: &[Change], expected: Revision) -> Result<Applied, StoreError> {
        let failed = |error| store_error("change plans and keys", error);
        let mut lent = self.database.pool.writing().lend().await.map_err(failed)?;
        let mut transaction = lent.begin().await.map_err(failed)?;
        // First, so that whoever changes anything waits here for whoever is changing something.
        let counted = sqlx::query("UPDATE control SET revision = revision + 1 WHERE revision = $1")
            .bind(expected.0.cast_signed())
            .execute(&mut *transaction)
            .await
            .map_err(failed)?;
        if counted.rows_affected() == 0 {
            transaction.rollback().await.map_err(failed)?;
            lent.settle();
            return Ok(Applied::Conflict);
        }
        for change in changes {
            make(change, &mut transaction).await.map_err(failed)?;
        }
        transaction.commit().await.map_err(failed)?;
        lent.settle();
        Ok(Applied::Done(Revision(expected.0.wrapping_add(1))))
    }
}

async fn make(change: &Change, connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    let statement = match change {
        Change::PutPlan(plan) => sqlx::query(
            "INSERT INTO usage_plans (id, body) VALUES ($1, $2) \
             ON CONFLICT (id) DO UPDATE SET body = excluded.body",
        )
        .bind(plan.id.as_str())
        .bind(plan_file::to_json(plan).to_string()),
        Change::DeletePlan(id) => {
            sqlx::query("DELETE FROM usage_plans WHERE id = $1").bind(id.as_str())
        }
        Change::PutKey(key) => return put(key, connection).await,
        Change::DeleteKey(id) => {
            sqlx::query("DELETE FROM api_keys WHERE id = $1").bind(id.as_str())
        }
        Change::Imported(entry, digest) => {
            let (kind, id) = named(entry);
            sqlx::query(
                "INSERT INTO imports (kind, id, digest) VALUES ($1, $2, $3) \
                 ON CONFLICT (kind, id) DO UPDATE SET digest = excluded.digest",
            )
            .bind(kind)
            .bind(id)
            .bind(&digest[..])
        }
    };
    statement.execute(connection).await.map(drop)
}

async fn put(key: &ApiKey, connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    let previous = key.previous.as_ref();
    sqlx::query(
        "INSERT INTO api_keys (id, hash, previous_hash, previous_until, name, description, \
         enabled, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (id) DO UPDATE SET \
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
    sqlx::query("DELETE FROM api_key_plans WHERE key_id = $1")
        .bind(key.id.as_str())
        .execute(&mut *connection)
        .await?;
    for (position, plan) in (0_i64..).zip(&key.plans) {
        sqlx::query("INSERT INTO api_key_plans (key_id, position, plan_id) VALUES ($1, $2, $3)")
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
