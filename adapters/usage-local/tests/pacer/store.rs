//! A usage store that is watched, and that can lose what it says.

use std::{
    num::NonZeroU32,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use usher_domain::{
    ports::{AccountPage, Receipt, StoreError, StoreErrorKind, Taken, UsageStore},
    time::Timestamp,
    usage::{
        account::AccountState,
        membership::{Account, AccountName},
        plan::PlanInForce,
    },
};
use usher_testkit::fakes::{Behaviour, FakeUsageStore};

use crate::support::Caller;

/// The domain's rule over a map, counting how often it is asked.
#[derive(Default)]
pub(crate) struct WatchedStore {
    rule: FakeUsageStore,
    takes: AtomicUsize,
    returns: AtomicUsize,
    most_at_once: AtomicUsize,
    asked_now: AtomicUsize,
    trouble: Option<Mutex<Trouble>>,
    /// How long calls take to be given back.
    return_takes: Duration,
    lost: AtomicU64,
}

/// What may happen to a call, each with this chance in a hundred.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Trouble {
    pub(crate) fails: u64,
    pub(crate) loses_its_answer: u64,
    pub(crate) dawdles: u64,
    pub(crate) seed: u64,
}

impl Trouble {
    /// A number under a hundred (xorshift).
    fn roll(&mut self) -> u64 {
        self.seed ^= self.seed << 13;
        self.seed ^= self.seed >> 7;
        self.seed ^= self.seed << 17;
        self.seed % 100
    }
}

fn unavailable(what: &str) -> StoreError {
    StoreError::new(StoreErrorKind::Unavailable, what)
}

impl WatchedStore {
    pub(crate) fn new() -> Arc<Self> {
        Arc::default()
    }

    pub(crate) fn in_trouble(trouble: Trouble) -> Arc<Self> {
        Arc::new(Self {
            trouble: Some(Mutex::new(trouble)),
            ..Self::default()
        })
    }

    pub(crate) fn with_slow_returns(return_takes: Duration) -> Arc<Self> {
        Arc::new(Self {
            return_takes,
            ..Self::default()
        })
    }

    pub(crate) fn behave(&self, behaviour: Behaviour) {
        self.rule.behave(behaviour);
    }

    /// How often calls were taken, or tried to be.
    pub(crate) fn takes(&self) -> usize {
        self.takes.load(Ordering::SeqCst)
    }

    /// How often calls were given back, or tried to be.
    pub(crate) fn returns(&self) -> usize {
        self.returns.load(Ordering::SeqCst)
    }

    /// How many were being taken at the same time.
    pub(crate) fn most_at_once(&self) -> usize {
        self.most_at_once.load(Ordering::SeqCst)
    }

    /// Calls that were taken and of which nobody heard.
    pub(crate) fn lost(&self) -> u64 {
        self.lost.load(Ordering::SeqCst)
    }

    /// Calls that count as spent, in whatever period was the last.
    pub(crate) async fn used(&self, plan: &PlanInForce, caller: &Caller) -> u64 {
        let page = AccountPage {
            plan: Some(plan.id.clone()),
            after: None,
            limit: u32::MAX,
        };
        let holder = caller.holder();
        let accounts = self.rule.accounts(&page).await.unwrap();
        let mut states = accounts
            .into_iter()
            .filter(|(name, _)| name.holder == holder);
        let spent = states.next().and_then(|(_, state)| state.spent);
        spent.map_or(0, |spent| spent.used)
    }

    /// Whether the call arrives, and whether its answer does.
    async fn fate(&self) -> Result<bool, StoreError> {
        let Some(trouble) = &self.trouble else {
            return Ok(true);
        };
        let (dawdles, fate, chances) = {
            let mut trouble = trouble.lock().unwrap();
            (trouble.roll() < trouble.dawdles, trouble.roll(), *trouble)
        };
        if dawdles {
            for _ in 0..10 {
                tokio::task::yield_now().await;
            }
        }
        if fate < chances.fails {
            return Err(unavailable("the call got lost"));
        }
        Ok(fate >= chances.fails + chances.loses_its_answer)
    }
}

#[async_trait]
impl UsageStore for WatchedStore {
    async fn take(
        &self,
        account: &Account,
        tokens: NonZeroU32,
        now: Timestamp,
    ) -> Result<Taken, StoreError> {
        self.takes.fetch_add(1, Ordering::SeqCst);
        let at_once = self.asked_now.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_at_once.fetch_max(at_once, Ordering::SeqCst);
        let fate = self.fate().await;
        let taken = match &fate {
            Ok(_) => self.rule.take(account, tokens, now).await,
            Err(_) => Err(unavailable("the call got lost")),
        };
        self.asked_now.fetch_sub(1, Ordering::SeqCst);
        if let (Ok(false), Ok(taken)) = (fate, &taken) {
            if let Taken::Granted { receipt, .. } = taken {
                let tokens = u64::from(receipt.tokens.get());
                self.lost.fetch_add(tokens, Ordering::SeqCst);
            }
            return Err(unavailable("the answer got lost"));
        }
        taken
    }

    async fn give_back(&self, account: &Account, receipt: Receipt) -> Result<(), StoreError> {
        self.returns.fetch_add(1, Ordering::SeqCst);
        if !self.return_takes.is_zero() {
            tokio::time::sleep(self.return_takes).await;
        }
        let answers = self.fate().await?;
        self.rule.give_back(account, receipt).await?;
        if answers {
            Ok(())
        } else {
            Err(unavailable("the answer got lost"))
        }
    }

    async fn accounts(
        &self,
        page: &AccountPage,
    ) -> Result<Vec<(AccountName, AccountState)>, StoreError> {
        self.rule.accounts(page).await
    }
}
