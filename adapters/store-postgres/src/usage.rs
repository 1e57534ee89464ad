use std::num::NonZeroU32;

use async_trait::async_trait;
use usher_domain::{
    ports::{AccountPage, Receipt, StoreError, StoreErrorKind, Taken, UsageStore},
    time::Timestamp,
    usage::{
        account::{self, AccountState, Verdict},
        membership::{Account, AccountName, Holder},
        plan::PlanId,
        quota::Spent,
        update::Update,
    },
};

use crate::{connect::Pg, error::store_error};

/// What accounts have spent, in a `PostgreSQL` database that any number of processes share.
#[derive(Debug, Clone)]
pub struct PgUsageStore {
    database: Pg,
}

/// The columns of a state, the count as text: it may be longer than 64 bits with a sign.
type Columns = (Option<i64>, Option<i64>, Option<String>);

/// Reads a row under a lock, judges it as [`Update`] says, and changes it if the call is granted: with
/// nobody in between, and in one round trip.
///
/// A row that is not there cannot be locked. Whoever comes second to make one inserts nothing and is
/// told so (`done`): by then there is a row, and it asks again.
const TAKE: &str = "
    WITH before AS (
        SELECT full_at, window_start, used
        FROM usage_accounts WHERE plan_id = $1 AND holder = $2 FOR UPDATE
    ), read AS (
        SELECT present IS NOT NULL AS present, full_at, window_start, used,
            greatest(full_at, $3) AS base,
            CASE WHEN window_start IS NULL THEN $8::numeric
                 WHEN window_start >= $6 THEN used ELSE 0 END AS counted
        FROM (SELECT 1) AS one LEFT JOIN (SELECT true AS present, * FROM before) AS found ON true
    ), judged AS (
        SELECT *, ($3::bigint IS NULL OR coalesce(base <= $4, false))
              AND ($6::bigint IS NULL OR coalesce(counted <= $9::numeric, false)) AS granted
        FROM read
    ), after AS (
        SELECT present,
            CASE WHEN $3 IS NULL THEN full_at ELSE base + $5 END AS full_at,
            CASE WHEN $6 IS NULL THEN window_start ELSE greatest(window_start, $6) END
              AS window_start,
            CASE WHEN $6 IS NULL THEN used ELSE counted + $7 END AS used
        FROM judged WHERE granted
    ), changed AS (
        UPDATE usage_accounts AS account
        SET full_at = after.full_at, window_start = after.window_start, used = after.used
        FROM after WHERE after.present AND account.plan_id = $1 AND account.holder = $2
        RETURNING 1
    ), made AS (
        INSERT INTO usage_accounts (plan_id, holder, full_at, window_start, used)
        SELECT $1, $2, full_at, window_start, used FROM after WHERE NOT present
        ON CONFLICT DO NOTHING
        RETURNING 1
    )
    SELECT full_at, window_start, used::text, granted,
        EXISTS (SELECT 1 FROM changed) OR EXISTS (SELECT 1 FROM made) AS done
    FROM judged";

/// How often an account may be made by somebody else while we make it. Once: nobody removes one.
const ATTEMPTS: usize = 3;

impl PgUsageStore {
    /// Accounts in an open database.
    #[must_use]
    pub fn new(database: Pg) -> Self {
        Self { database }
    }
}

fn state((full_at, window_start, used): Columns) -> Option<AccountState> {
    let spent = match window_start.zip(used) {
        None => None,
        Some((start, used)) => Some(Spent {
            window_start: Timestamp::from_nanos(start),
            used: used.parse().ok()?,
        }),
    };
    Some(AccountState {
        full_at: full_at.map(Timestamp::from_nanos),
        spent,
    })
}

fn corrupt(what: &str, name: &AccountName) -> StoreError {
    let AccountName { plan, holder } = name;
    StoreError::new(
        StoreErrorKind::Corrupt,
        format!("Postgres: table usage_accounts, {what}, row of the plan {plan} and of {holder}"),
    )
}

#[async_trait]
impl UsageStore for PgUsageStore {
    async fn take(
        &self,
        account: &Account,
        tokens: NonZeroU32,
        now: Timestamp,
    ) -> Result<Taken, StoreError> {
        let Account { name, limits } = account;
        let Update { bucket, counter } = Update::of(limits, tokens, now);
        for _ in 0..ATTEMPTS {
            let (full_at, window_start, used, granted, done) = sqlx::query_as(TAKE)
                .bind(name.plan.as_str())
                .bind(name.holder.to_string())
                .bind(bucket.map(|bucket| bucket.now))
                .bind(bucket.and_then(|bucket| bucket.latest))
                .bind(bucket.map(|bucket| bucket.cost))
                .bind(counter.map(|counter| counter.window_start))
                .bind(counter.map(|_| i64::from(tokens.get())))
                .bind(counter.map(|counter| counter.first.to_string()))
                .bind(
                    counter
                        .and_then(|counter| counter.most)
                        .map(|most| most.to_string()),
                )
                .fetch_one(self.database.pool.writing())
                .await
                .map_err(|error| store_error("take from an account", error))?;
            let before = state((full_at, window_start, used));
            let before = before.ok_or_else(|| corrupt("column used", name))?;
            match (account::take(&before, limits, tokens, now), granted, done) {
                (Verdict::Refused(refused), false, _) => return Ok(Taken::Refused(refused)),
                (Verdict::Granted { state, levels }, true, true) => {
                    let window = account::counted_in(&state, limits);
                    let receipt = Receipt { tokens, window };
                    return Ok(Taken::Granted { receipt, levels });
                }
                (Verdict::Granted { .. }, true, false) => {}
                // Counted or not, nobody may be told otherwise than the rule says.
                (..) => {
                    let said = "Postgres: the statement and the rule do not agree on a call";
                    return Err(StoreError::new(StoreErrorKind::Internal, said));
                }
            }
        }
        let said = "Postgres: an account is being made again and again by others";
        Err(StoreError::new(StoreErrorKind::Overloaded, said))
    }

    async fn give_back(&self, account: &Account, receipt: Receipt) -> Result<(), StoreError> {
        let Account { name, limits } = account;
        let tokens = i64::from(receipt.tokens.get());
        let cost = limits
            .throttle
            .map(|throttle| throttle.step_nanos().saturating_mul(tokens));
        // Only the counter takes calls back that they were added to, which is known by its start.
        let window = receipt.window.filter(|window| {
            let quota = limits.quota.as_ref();
            quota.is_some_and(|quota| quota.window_at(window.start).end == window.end)
        });
        sqlx::query(
            "UPDATE usage_accounts SET full_at = full_at - coalesce($3, 0), \
             used = CASE WHEN window_start = $4 THEN greatest(used - $5, 0) ELSE used END \
             WHERE plan_id = $1 AND holder = $2",
        )
        .bind(name.plan.as_str())
        .bind(name.holder.to_string())
        .bind(cost)
        .bind(window.map(|window| window.start.as_nanos()))
        .bind(tokens)
        .execute(self.database.pool.writing())
        .await
        .map(drop)
        .map_err(|error| store_error("give back to an account", error))
    }

    async fn accounts(
        &self,
        page: &AccountPage,
    ) -> Result<Vec<(AccountName, AccountState)>, StoreError> {
        let after = page.after.as_ref();
        let rows: Vec<(String, String, Option<i64>, Option<i64>, Option<String>)> = sqlx::query_as(
            "SELECT plan_id, holder, full_at, window_start, used::text FROM usage_accounts \
             WHERE ($1::text IS NULL OR plan_id = $1) AND (plan_id, holder) > (coalesce($2, ''), \
             coalesce($3, '')) ORDER BY plan_id, holder LIMIT $4",
        )
        .bind(page.plan.as_ref().map(PlanId::as_str))
        .bind(after.map(|name| name.plan.as_str()))
        .bind(after.map(|name| name.holder.to_string()))
        .bind(i64::from(page.limit))
        .fetch_all(self.database.pool.reading())
        .await
        .map_err(|error| store_error("list accounts", error))?;
        let mut accounts = Vec::with_capacity(rows.len());
        for (plan, text, full_at, window_start, used) in rows {
            let plan = PlanId::new(&plan);
            let Some(holder) = Holder::parse(&text) else {
                let holder = Holder::Principal(text.into());
                let what = "column holder, neither key: nor principal:";
                return Err(corrupt(what, &AccountName { plan, holder }));
            };
            let name = AccountName { plan, holder };
            let state = state((full_at, window_start, used));
            let state = state.ok_or_else(|| corrupt("column used", &name))?;
            accounts.push((name, state));
        }
        Ok(accounts)
    }
}
