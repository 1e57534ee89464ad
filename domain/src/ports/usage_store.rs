use std::num::NonZeroU32;

use async_trait::async_trait;

use super::StoreError;
use crate::{
    time::Timestamp,
    usage::{
        account::{AccountState, Levels, Refused},
        membership::{Account, AccountName},
        plan::PlanId,
        quota::Window,
    },
};

/// Where it is counted what a key has spent.
///
/// Tokens leave the account before they are spent: whoever asks for several has them reserved, may
/// spend them later, and gives back what is left. So a node can lease some and serve many requests
/// out of one call, and what all nodes together admit stays within the account's limits.
///
/// The rule is [`account::take`](crate::usage::account::take); a store applies it as one atomic
/// change and nothing else: on any history it must answer what the rule answers.
#[async_trait]
pub trait UsageStore: Send + Sync + 'static {
    /// Takes `tokens` from both limits of the account, all of them or none.
    ///
    /// # Errors
    /// When the store does not answer; the tokens may then have been taken or not.
    async fn take(
        &self,
        account: &Account,
        tokens: NonZeroU32,
        now: Timestamp,
    ) -> Result<Taken, StoreError>;

    /// Gives tokens back that were taken and not spent. To be called at most once for a receipt;
    /// what belongs to a quota period that is over is not given back to the present one.
    ///
    /// # Errors
    /// When the store does not answer; the tokens then count as spent.
    async fn give_back(&self, account: &Account, receipt: Receipt) -> Result<(), StoreError>;

    /// Accounts that were used, by their names, a page at a time. An account that is not among them
    /// has a full bucket and an unspent quota.
    ///
    /// # Errors
    /// When the store does not answer.
    async fn accounts(
        &self,
        page: &AccountPage,
    ) -> Result<Vec<(AccountName, AccountState)>, StoreError>;
}

/// Which accounts to list.
#[derive(Debug, Clone, Default)]
pub struct AccountPage {
    /// Those of this plan.
    pub plan: Option<PlanId>,
    /// Those after this one, by plan and then by the holder as it is written, byte by byte.
    pub after: Option<AccountName>,
    /// At most so many.
    pub limit: u32,
}

/// What a usage store answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// The tokens are the caller's.
    Granted {
        /// To give them back with.
        receipt: Receipt,
        /// What is left afterwards.
        levels: Levels,
    },
    /// Nothing was taken and nothing has changed.
    Refused(Refused),
}

/// Proof of tokens taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Receipt {
    /// How many.
    pub tokens: NonZeroU32,
    /// The quota period that they count in.
    pub window: Option<Window>,
}
