//! Where calls of quotas are fetched from the store and taken back to it.

use std::{
    collections::HashMap,
    num::NonZeroU32,
    sync::{Arc, MutexGuard, PoisonError},
};

use futures_util::{StreamExt as _, stream};
use tokio::sync::watch;
use usher_domain::{
    ports::{Charge, Receipt, StoreError, StoreErrorKind, Taken},
    time::Timestamp,
    usage::{
        lease::{self, Lease},
        membership::{Account, AccountTag},
        quota::Quota,
        throttle::Throttle,
    },
};

use crate::{
    buckets::Slot,
    pacer::{NO_ROOM, Shared, adopted},
};

/// There may be many to return, and little time: as many as a store has connections for.
const RETURNS_AT_ONCE: usize = 16;

/// What goes on between this process and the store.
#[derive(Default)]
pub(crate) struct Desk {
    /// Accounts for which the store is being asked; whoever else needs it waits.
    asking: HashMap<AccountTag, watch::Receiver<Option<Answer>>>,
    /// Accounts of which calls are held, to be taken back by their names.
    held: HashMap<AccountTag, Account>,
    /// How many were held when those that hold nothing any more were last left out.
    tidied: usize,
}

/// What asking the store came to, for all who waited: an error has to be told to each.
type Answer = Result<(), (StoreErrorKind, String)>;

/// What has to be known of a call to ask for it, when the call itself may be gone.
struct Request {
    tag: AccountTag,
    account: Account,
    quota: Quota,
    throttle: Option<Throttle>,
    generation: u16,
    now: Timestamp,
}

impl Shared {
    /// Has the store asked for calls of the account's quota, once for all who need some, and waits.
    ///
    /// # Errors
    /// The store's.
    pub(crate) async fn ask(
        this: &Arc<Self>,
        charge: &Charge<'_>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let Some(quota) = charge.plan.limits.quota else {
            return Ok(());
        };
        let mut asked = {
            let mut desk = this.lock_desk();
            if let Some(asked) = desk.asking.get(&charge.tag) {
                asked.clone()
            } else {
                let (answer, asked) = watch::channel(None);
                desk.asking.insert(charge.tag, asked.clone());
                drop(desk);
                let request = Request {
                    tag: charge.tag,
                    account: charge.quota_account(),
                    quota,
                    throttle: charge.plan.limits.throttle,
                    generation: charge.plan.generation,
                    now,
                };
                let turn = Turn {
                    shared: Arc::clone(this),
                    tag: charge.tag,
                };
                // A task of its own: a client that goes away must not take calls with it that the store
                // has given.
                tokio::spawn(async move {
                    let got = turn.shared.fetch(&request).await;
                    drop(turn);
                    answer.send_replace(Some(got));
                });
                asked
            }
        };
        let answer = tokio::time::timeout(this.patience, asked.wait_for(Option::is_some));
        let Ok(answer) = answer.await else {
            return Err(StoreError::new(
                StoreErrorKind::Unavailable,
                "the usage store did not answer within store.timeout",
            ));
        };
        match answer.as_deref() {
            Ok(Some(Ok(()))) => Ok(()),
            Ok(Some(Err((kind, context)))) => Err(StoreError::new(*kind, context.clone())),
            // The task ended without a word: it panicked.
            Ok(None) | Err(_) => Err(StoreError::new(
                StoreErrorKind::Internal,
                "the usage store was asked and nothing came of it",
            )),
        }
    }

    async fn fetch(&self, request: &Request) -> Answer {
        let Request {
            tag,
            account,
            quota,
            now,
            ..
        } = request;
        let held = self.adopt(request).await;
        if held.is_some_and(|held| held.calls > 0 && *now < held.ends) {
            // Somebody else was faster.
            return Ok(());
        }
        let unclaimed = held.filter(|held| *now < held.ends);
        let unclaimed = unclaimed.map_or(quota.limit(), |held| held.unclaimed);
        let mut calls = lease::size(quota, unclaimed).min(self.most_leased);
        loop {
            let taken = self.store.take(account, calls, *now).await;
            let taken = taken.map_err(|error| {
                let context = with_sources(&error);
                tracing::debug!(%context, "the usage store was asked in vain");
                (error.kind(), context)
            })?;
            match taken {
                Taken::Granted { receipt, levels } => {
                    self.telemetry.lease_taken(&account.name.plan, calls.get());
                    let lease = Lease {
                        ends: receipt.window.map_or(*now, |window| window.end),
                        calls: u16::try_from(calls.get()).unwrap_or(u16::MAX),
                        unclaimed: levels.quota.map_or(0, |level| level.remaining),
                    };
                    let held = self.hold(request, lease);
                    if held == Ok(true) {
                        self.remember(*tag, account, *now);
                    } else {
                        let _ = self.give_back(account, receipt).await;
                    }
                    return held.map(drop);
                }
                Taken::Refused(refused) => {
                    let level = refused.levels.quota;
                    let left = level.map_or(0, |level| level.remaining);
                    match u32::try_from(left).ok().and_then(NonZeroU32::new) {
                        // Less than was asked for, which is all or nothing.
                        Some(left) if left < calls => calls = left,
                        _ => {
                            let wait = level.map(|level| level.reset).unwrap_or_default();
                            let nothing = Lease {
                                ends: now.plus(wait),
                                calls: 0,
                                unclaimed: 0,
                            };
                            return self.hold(request, nothing).map(drop);
                        }
                    }
                }
            }
        }
    }

    /// Makes the slot one of the plan as it is now, and gives back what was taken from another quota;
    /// tells what is held.
    async fn adopt(&self, request: &Request) -> Option<Lease> {
        let place = self.buckets.place(request.tag);
        let outdated = {
            let mut part = self.buckets.lock(place.part());
            let slot = part.get_mut(place)?;
            let held = slot.lease();
            if slot.generation == request.generation {
                return held;
            }
            slot.set_full_at(adopted(
                slot.full_at(),
                request.throttle.as_ref(),
                request.now,
            ));
            slot.set_lease(None);
            slot.generation = request.generation;
            held
        };
        let account = self.lock_desk().held.remove(&request.tag);
        self.take_back(account.as_ref()?, &outdated?, request.now)
            .await;
        None
    }

    /// Gives what is held back to the account that it was taken from, as that was then: its quota says
    /// to which period the calls belong.
    async fn take_back(&self, account: &Account, held: &Lease, now: Timestamp) {
        let quota = account.limits.quota.filter(|_| now < held.ends);
        let Some(receipt) = quota.and_then(|quota| receipt(held, &quota)) else {
            return;
        };
        if let Err(error) = self.give_back(account, receipt).await {
            tracing::warn!(%error, "calls of a quota could not be given back and count as spent");
        }
    }

    async fn give_back(&self, account: &Account, receipt: Receipt) -> Result<(), StoreError> {
        self.store.give_back(account, receipt).await?;
        let plan = &account.name.plan;
        self.telemetry.lease_returned(plan, receipt.tokens.get());
        Ok(())
    }

    /// Puts what the store said where calls find it. `Ok(false)`: the plan has changed meanwhile, so
    /// that it was said of another quota.
    fn hold(&self, request: &Request, lease: Lease) -> Result<bool, (StoreErrorKind, String)> {
        if lease.ends <= request.now {
            let detail = "the usage store speaks of a period that is over";
            return Err((StoreErrorKind::Internal, detail.to_owned()));
        }
        let place = self.buckets.place(request.tag);
        let mut part = self.buckets.lock(place.part());
        let slot = part.get(place);
        if slot.is_none() && !part.make_room(&self.buckets, request.now) {
            return Err((StoreErrorKind::Overloaded, NO_ROOM.to_owned()));
        }
        let mut slot = slot.unwrap_or_else(|| Slot::new(request.tag, request.generation));
        if slot.generation != request.generation {
            return Ok(false);
        }
        slot.set_lease(Some(lease));
        part.put(&self.buckets, place, slot);
        Ok(true)
    }

    /// Remembers whose calls these are, as long as there are any to be given back. The call that
    /// asked may have gone away or be refused by now, so that even a single one has to be.
    fn remember(&self, tag: AccountTag, account: &Account, now: Timestamp) {
        let mut desk = self.lock_desk();
        desk.held.insert(tag, account.clone());
        if desk.held.len() > 64 + desk.tidied * 2 {
            desk.held.retain(|tag, _| self.holds(*tag, now));
            desk.tidied = desk.held.len();
        }
    }

    fn holds(&self, tag: AccountTag, now: Timestamp) -> bool {
        let place = self.buckets.place(tag);
        let slot = self.buckets.lock(place.part()).get(place);
        slot.and_then(|slot| slot.lease())
            .is_some_and(|held| held.calls > 0 && now < held.ends)
    }

    /// Gives back everything that is held, and what comes from the store while anybody would wait for
    /// it.
    pub(crate) async fn return_leases(&self, now: Timestamp) {
        // Not after the wait for those who ask, which may take all the time that there is.
        self.return_held(now).await;
        loop {
            let asked = self.lock_desk().asking.values().next().cloned();
            let Some(mut asked) = asked else { break };
            // Whether it came to anything is said to those who asked.
            let answer = asked.wait_for(Option::is_some);
            if tokio::time::timeout(self.patience, answer).await.is_err() {
                break;
            }
        }
        self.return_held(now).await;
    }

    async fn return_held(&self, now: Timestamp) {
        let held = std::mem::take(&mut self.lock_desk().held);
        let returns = held.into_iter().map(|(tag, account)| async move {
            let place = self.buckets.place(tag);
            let lease = {
                let mut part = self.buckets.lock(place.part());
                let slot = part.get_mut(place);
                slot.and_then(|slot| {
                    let lease = slot.lease();
                    // First it is taken out of here: what is given back must not be let in as well.
                    slot.set_lease(None);
                    lease
                })
            };
            if let Some(held) = lease {
                self.take_back(&account, &held, now).await;
            }
        });
        stream::iter(returns)
            .for_each_concurrent(RETURNS_AT_ONCE, |returned| returned)
            .await;
    }

    fn lock_desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Proof of what is held; `None` when that is nothing.
fn receipt(held: &Lease, quota: &Quota) -> Option<Receipt> {
    let inside = Timestamp::from_nanos(held.ends.as_nanos().saturating_sub(1));
    Some(Receipt {
        tokens: NonZeroU32::new(held.calls.into())?,
        window: Some(quota.window_at(inside)),
    })
}

fn with_sources(error: &StoreError) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}

/// One account's turn at the desk, which ends however the asking does.
struct Turn {
    shared: Arc<Shared>,
    tag: AccountTag,
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.shared.lock_desk().asking.remove(&self.tag);
    }
}
