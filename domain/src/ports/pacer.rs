use async_trait::async_trait;

use super::{Clock, StoreError};
use crate::{
    time::Timestamp,
    usage::{
        account::{Levels, Limits, Refused},
        api_key::ApiKeyId,
        membership::{Account, AccountName, AccountTag, Holder},
        plan::PlanInForce,
    },
};

/// Lets calls in at the pace that their plans and the service allow.
///
/// A call that any limit refuses is charged to none; one that all let in is charged once to each. When
/// several refuse, the one that opens last is told.
#[async_trait]
pub trait Pacer: Send + Sync + 'static {
    /// Judges a call by what this process knows; `None` when the store has to be asked, and then
    /// nothing has happened.
    fn try_admit(&self, charge: Option<&Charge<'_>>, now: Timestamp) -> Option<Admission>;

    /// Judges a call, and asks the store where that has to be. It is judged by the time at which it is
    /// judged: of calls that wait, none may be refused because others overtook it.
    ///
    /// # Errors
    /// [`StoreError`] when the store has to be asked and does not answer.
    async fn admit(
        &self,
        charge: Option<&Charge<'_>>,
        clock: &dyn Clock,
    ) -> Result<Admission, StoreError>;
}

/// What a call is charged to, beside the service's own bucket.
#[derive(Debug, Clone, Copy)]
pub struct Charge<'a> {
    /// The plan that counts.
    pub plan: &'a PlanInForce,
    /// Who spends it.
    pub spender: Spender<'a>,
    /// The account of that spender in that plan.
    pub tag: AccountTag,
    /// Who calls, for plans that pace users.
    pub principal: &'a str,
    /// The method as plans name it, such as `/users/{userId}/profile/GET`.
    pub method: &'a str,
}

/// Who spends a plan, without copying names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spender<'a> {
    /// A key.
    Key(&'a ApiKeyId),
    /// A principal to whom the plan is assigned.
    Principal(&'a str),
}

impl Charge<'_> {
    /// The account's name.
    #[must_use]
    pub fn name(&self) -> AccountName {
        AccountName {
            plan: self.plan.id.clone(),
            holder: match self.spender {
                Spender::Key(id) => Holder::Key(id.clone()),
                Spender::Principal(id) => Holder::Principal(id.into()),
            },
        }
    }

    /// The account as a store counts its quota: the throttle is kept by the process.
    #[must_use]
    pub fn quota_account(&self) -> Account {
        Account {
            name: self.name(),
            limits: Limits {
                throttle: None,
                quota: self.plan.limits.quota,
            },
        }
    }
}

/// What a pacer answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// Let in and charged. This is left.
    Admitted(Levels),
    /// Not let in, and not charged.
    Refused(Refused),
}
