use std::num::NonZeroU32;

use async_trait::async_trait;
use sqlx::SqliteConnection;
use usher_domain::{
    ports::{AccountPage, Receipt, StoreError, StoreErrorKind, Taken, UsageStore},
    time::Timestamp,
    usage::{
        account::{self, AccountState, Verdict},
        membership::{Account, AccountName, Holder},
        plan::PlanId,
        quota::Spent,
    },
};

use crate::{connect::Sqlite, error::store_error};

/// What accounts have spent, in an `SQLite` file: what was granted is on the disk before it is
/// answered.
#[derive(Debug, Clone)]
pub struct SqliteUsageStore {
    database: Sqlite,
}

/// The columns of a state.
type Columns = (Option<i64>, Option<i64>, Option<i64>);

impl SqliteUsageStore {
    /// Accounts in an open database.
    #[must_use]
    pub fn new(database: Sqlite) -> Self {
        Self { database }
    }

    /// Reads the account's state and writes what `rule` makes of it, with nobody in between.
    async fn change<T>(
        &self,
        name: &AccountName,
        doing: &str,
        rule: impl FnOnce(Option<AccountState>) -> (T, Option<AccountState>) + Send,
    ) -> Result<T, StoreError> {
        let failed = |error| store_error(doing, error);
        let mut transaction = self.database.alone().await.map_err(failed)?;
        let found: Option<Columns> = sqlx::query_as(
            "SELECT full_at, window_start, used FROM usage_accounts \
             WHERE plan_id = ? AND holder = ?",
        )
        .bind(name.plan.as_str())
        .bind(name.holder.to_string())
        .fetch_optional(&mut *transaction)
        .await
        .map_err(failed)?;
        let (answer, changed) = rule(found.map(state));
        if let Some(changed) = changed {
            put(name, &changed, &mut transaction)
                .await
                .map_err(failed)?;
        }
        transaction.commit().await.map_err(failed)?;
        Ok(answer)
    }
}

async fn put(
    name: &AccountName,
    state: &AccountState,
    connection: &mut SqliteConnection,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO usage_accounts (plan_id, holder, full_at, window_start, used) \
         VALUES (?, ?, ?, ?, ?) ON CONFLICT (plan_id, holder) DO UPDATE SET \
         full_at = excluded.full_at, window_start = excluded.window_start, used = excluded.used",
    )
    .bind(name.plan.as_str())
    .bind(name.holder.to_string())
    .bind(state.full_at.map(Timestamp::as_nanos))
    .bind(state.spent.map(|spent| spent.window_start.as_nanos()))
    .bind(state.spent.map(|spent| spent.used.cast_signed()))
    .execute(connection)
    .await
    .map(drop)
}

fn state((full_at, window_start, used): Columns) -> AccountState {
    AccountState {
        full_at: full_at.map(Timestamp::from_nanos),
        spent: window_start.zip(used).map(|(start, used)| Spent {
            window_start: Timestamp::from_nanos(start),
            used: used.cast_unsigned(),
        }),
    }
}

#[async_trait]
impl UsageStore for SqliteUsageStore {
    async fn take(
        &self,
        account: &Account,
        tokens: NonZeroU32,
        now: Timestamp,
    ) -> Result<Taken, StoreError> {
        let limits = account.limits;
        let rule = move |state: Option<AccountState>| match account::take(
            &state.unwrap_or_default(),
            &limits,
            tokens,
            now,
        ) {
            Verdict::Refused(refused) => (Taken::Refused(refused), None),
            Verdict::Granted { state, levels } => {
                let window = account::counted_in(&state, &limits);
                let receipt = Receipt { tokens, window };
                (Taken::Granted { receipt, levels }, Some(state))
            }
        };
        self.change(&account.name, "take from an account", rule)
            .await
    }

    async fn give_back(&self, account: &Account, receipt: Receipt) -> Result<(), StoreError> {
        let limits = account.limits;
        let rule = move |state: Option<AccountState>| {
            let Receipt { tokens, window } = receipt;
            let back = |state| account::give_back(&state, &limits, tokens, window);
            ((), state.map(back))
        };
        self.change(&account.name, "give back to an account", rule)
            .await
    }

    async fn accounts(
        &self,
        page: &AccountPage,
    ) -> Result<Vec<(AccountName, AccountState)>, StoreError> {
        let after = page.after.as_ref();
        let rows: Vec<(String, String, Option<i64>, Option<i64>, Option<i64>)> = sqlx::query_as(
            "SELECT plan_id, holder, full_at, window_start, used FROM usage_accounts \
             WHERE (?1 IS NULL OR plan_id = ?1) AND (plan_id, holder) > (coalesce(?2, ''), \
             coalesce(?3, '')) ORDER BY plan_id, holder LIMIT ?4",
        )
        .bind(page.plan.as_ref().map(PlanId::as_str))
        .bind(after.map(|name| name.plan.as_str()))
        .bind(after.map(|name| name.holder.to_string()))
        .bind(page.limit)
        .fetch_all(&self.database.readers)
        .await
        .map_err(|error| store_error("list accounts", error))?;
        let mut accounts = Vec::with_capacity(rows.len());
        for (plan, holder, full_at, window_start, used) in rows {
            let Some(holder) = Holder::parse(&holder) else {
                let place = format!(
                    "SQLite: table usage_accounts, column holder, row of the plan {plan}: \
                     neither key: nor principal:"
                );
                return Err(StoreError::new(StoreErrorKind::Corrupt, place));
            };
            let name = AccountName {
                plan: PlanId::new(&plan),
                holder,
            };
            accounts.push((name, state((full_at, window_start, used))));
        }
        Ok(accounts)
    }
}
