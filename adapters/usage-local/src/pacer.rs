use std::{
    num::NonZeroU32,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use usher_domain::{
    ports::{
        Admission, Charge, Clock, Pacer, Silent, StoreError, StoreErrorKind, Telemetry, UsageStore,
    },
    time::Timestamp,
    usage::{
        account::{Levels, LimitKind, Refusals, Refused, bucket_level},
        bucket::{self, Step},
        lease::{self, Draw},
        quota::Quota,
        throttle::Throttle,
    },
};

use crate::{
    buckets::{Buckets, Part, Place, Slot},
    desk::Desk,
};

/// What a process is held to, and how much it may remember.
#[derive(Debug, Clone, Copy)]
pub struct PacerSettings {
    /// A bucket over everything that this process lets in.
    pub service: Option<Throttle>,
    /// How many accounts and buckets are kept that still hold somebody back. Past it, callers who
    /// would need another are told to come again.
    pub most_accounts: usize,
    /// How long a call waits for the usage store. The store is not asked again before it has answered:
    /// what it gave late is held, and not lost.
    pub patience: Duration,
    /// The most calls that are taken from a quota at once. One, where a process ends without being told:
    /// what it holds would be lost with it.
    pub most_leased: NonZeroU32,
}

impl Default for PacerSettings {
    /// No bucket over everything; two million accounts, which are under 200 MiB; the names of those
    /// that hold calls of a quota, at some 270 bytes each, come on top.
    fn default() -> Self {
        Self {
            service: None,
            most_accounts: 2 << 20,
            patience: Duration::from_secs(2),
            most_leased: NonZeroU32::MAX,
        }
    }
}

/// Paces calls out of a process's own memory: the token buckets are its own, and of quotas it holds a
/// few calls that the usage store has given it.
///
/// All limits of a call are looked at together, with their locks held, and charged together or not at
/// all: nobody is refused for a call that was refused itself.
pub struct LocalPacer(Arc<Shared>);

pub(crate) struct Shared {
    pub(crate) buckets: Buckets,
    service: Option<(Throttle, Mutex<Option<Timestamp>>)>,
    pub(crate) store: Arc<dyn UsageStore>,
    pub(crate) desk: Mutex<Desk>,
    pub(crate) patience: Duration,
    pub(crate) most_leased: NonZeroU32,
    pub(crate) telemetry: Arc<dyn Telemetry>,
}

/// One slot that a call is judged by.
struct Need<'a> {
    place: Place,
    kind: LimitKind,
    /// The bucket that the call takes a token from.
    throttle: Option<&'a Throttle>,
    /// The bucket that the slot is for, should the plan have changed.
    own: Option<&'a Throttle>,
    quota: Option<&'a Quota>,
    generation: u16,
}

/// What a slot says, and what it is when all others agree.
struct Judged {
    before: Slot,
    after: Slot,
    is_new: bool,
    /// The plan has changed and has taken something off what the bucket lacks. That stays taken off,
    /// though the call be refused: else the next call would find it all again, and the bucket would
    /// never seem to fill.
    is_clamped: bool,
    asks: bool,
}

#[allow(
    clippy::large_enum_variant,
    reason = "nearly every judgement is done, and none is kept"
)]
enum Judgement {
    Done(Admission),
    /// The store has to be asked for calls of the quota.
    Ask,
    /// There is no room for another slot.
    Full,
}

/// What the log says when there is no room for another account.
pub(crate) const NO_ROOM: &str = "as many accounts are being paced as fit into memory";

/// A plan has at most an account, a user's bucket and a method's.
const MOST_NEEDS: usize = 3;

impl LocalPacer {
    /// A pacer that takes quotas from `store`.
    #[must_use]
    pub fn new(store: Arc<dyn UsageStore>, settings: PacerSettings) -> Self {
        Self::telling(store, settings, Arc::new(Silent))
    }

    /// The same, that tells of calls which are taken from quotas and given back.
    #[must_use]
    pub fn telling(
        store: Arc<dyn UsageStore>,
        settings: PacerSettings,
        telemetry: Arc<dyn Telemetry>,
    ) -> Self {
        Self(Arc::new(Shared {
            buckets: Buckets::new(settings.most_accounts),
            service: settings
                .service
                .map(|throttle| (throttle, Mutex::new(None))),
            store,
            desk: Mutex::default(),
            patience: settings.patience,
            most_leased: settings.most_leased,
            telemetry,
        }))
    }

    /// Gives back the calls that were taken from quotas and not let in. To be called when no more are
    /// coming; what cannot be given back counts as spent.
    pub async fn close(&self, now: Timestamp) {
        self.0.return_leases(now).await;
    }

    /// How many accounts and buckets are kept, and how many bytes of memory they take.
    #[must_use]
    pub fn size(&self) -> (usize, usize) {
        self.0.buckets.size()
    }
}

impl std::fmt::Debug for LocalPacer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LocalPacer").finish_non_exhaustive()
    }
}

#[async_trait]
impl Pacer for LocalPacer {
    fn try_admit(&self, charge: Option<&Charge<'_>>, now: Timestamp) -> Option<Admission> {
        match self.0.judge(charge, now) {
            Judgement::Done(admission) => Some(admission),
            Judgement::Ask | Judgement::Full => None,
        }
    }

    async fn admit(
        &self,
        charge: Option<&Charge<'_>>,
        clock: &dyn Clock,
    ) -> Result<Admission, StoreError> {
        loop {
            let now = clock.now();
            match (self.0.judge(charge, now), charge) {
                (Judgement::Done(admission), _) => return Ok(admission),
                (Judgement::Ask, Some(charge)) => Shared::ask(&self.0, charge, now).await?,
                (Judgement::Full, _) | (Judgement::Ask, None) => {
                    return Err(StoreError::new(StoreErrorKind::Overloaded, NO_ROOM));
                }
            }
        }
    }
}

impl Shared {
    fn judge(&self, charge: Option<&Charge<'_>>, now: Timestamp) -> Judgement {
        // Nearly every call: one slot, which is found once.
        if let (None, Some(charge)) = (&self.service, charge)
            && charge.plan.per_user.is_none()
            && charge.plan.methods.is_empty()
            && let Some(need) = self.account(charge, charge.plan.limits.throttle.as_ref())
        {
            return self.judge_one(&need, now);
        }
        let needs = charge.map(|charge| self.needs(charge)).unwrap_or_default();
        let mut refusals = Refusals::default();
        let mut service = self.lock_service();
        let charged = service.as_ref().and_then(|(throttle, full_at)| {
            step(LimitKind::Service, **full_at, throttle, now, &mut refusals)
        });
        let mut parts = Parts::lock(&self.buckets, &needs);
        let judged = needs.each_ref().map(|need| {
            let need = need.as_ref()?;
            let known = parts.of(need.place).get(need.place);
            Some((need, need.judge(known, now, &mut refusals)))
        });
        let refused = refusals.last_to_open();
        if refused.is_none() {
            // First, lest a flood of accounts for which there is no room becomes one of calls to the
            // store.
            for (need, judged) in judged.iter().flatten() {
                if judged.is_new && !parts.of(need.place).make_room(&self.buckets, now) {
                    return Judgement::Full;
                }
            }
            if judged.iter().flatten().any(|(_, judged)| judged.asks) {
                return Judgement::Ask;
            }
        }
        let mut levels = Levels::default();
        if let Some((throttle, full_at)) = &mut service {
            if refused.is_none() {
                **full_at = charged;
            }
            levels.service = Some(bucket_level(**full_at, throttle, now));
        }
        for (need, judged) in judged.iter().flatten() {
            let slot = if refused.is_none() {
                &judged.after
            } else {
                &judged.before
            };
            if refused.is_none() || judged.is_clamped {
                parts.of(need.place).put(&self.buckets, need.place, *slot);
            }
            need.tell(slot, now, &mut levels);
        }
        Judgement::Done(match refused {
            None => Admission::Admitted(levels),
            Some((by, wait)) => Admission::Refused(Refused { by, wait, levels }),
        })
    }

    fn judge_one(&self, need: &Need<'_>, now: Timestamp) -> Judgement {
        let mut refusals = Refusals::default();
        let mut levels = Levels::default();
        let mut part = self.buckets.lock(need.place.part());
        let mut slot = part.get_mut(need.place);
        let judged = need.judge(slot.as_deref().copied(), now, &mut refusals);
        if let Some((by, wait)) = refusals.last_to_open() {
            if let (Some(slot), true) = (&mut slot, judged.is_clamped) {
                **slot = judged.before;
            }
            need.tell(&judged.before, now, &mut levels);
            return Judgement::Done(Admission::Refused(Refused { by, wait, levels }));
        }
        if let Some(slot) = slot {
            if judged.asks {
                return Judgement::Ask;
            }
            *slot = judged.after;
        } else {
            if !part.make_room(&self.buckets, now) {
                return Judgement::Full;
            }
            if judged.asks {
                return Judgement::Ask;
            }
            part.put(&self.buckets, need.place, judged.after);
        }
        drop(part);
        need.tell(&judged.after, now, &mut levels);
        Judgement::Done(Admission::Admitted(levels))
    }

    /// The bucket over everything, whose lock is always taken first.
    fn lock_service(&self) -> Option<(&Throttle, MutexGuard<'_, Option<Timestamp>>)> {
        let (throttle, full_at) = self.service.as_ref()?;
        let full_at = full_at.lock().unwrap_or_else(PoisonError::into_inner);
        Some((throttle, full_at))
    }

    /// The slots that a call is judged by.
    fn needs<'a>(&self, charge: &Charge<'a>) -> [Option<Need<'a>>; MOST_NEEDS] {
        let plan = charge.plan;
        let bucket = |tag, kind, throttle| Need {
            place: self.buckets.place(tag),
            kind,
            throttle: Some(throttle),
            own: Some(throttle),
            quota: None,
            generation: plan.generation,
        };
        let (throttle, is_own) = plan.throttle(charge.method).unzip();
        let is_own = is_own.unwrap_or(false);
        let method = throttle.filter(|_| is_own).map(|throttle| {
            let tag = charge.tag.of_method(charge.method);
            bucket(tag, LimitKind::Throttle, throttle)
        });
        let user = plan.per_user.as_ref().map(|throttle| {
            let tag = charge.tag.of_user(charge.principal);
            bucket(tag, LimitKind::User, throttle)
        });
        [
            self.account(charge, throttle.filter(|_| !is_own)),
            method,
            user,
        ]
    }

    /// The slot of the account itself: its quota, and the bucket unless the method has one.
    fn account<'a>(&self, charge: &Charge<'a>, throttle: Option<&'a Throttle>) -> Option<Need<'a>> {
        let limits = &charge.plan.limits;
        (throttle.is_some() || limits.quota.is_some()).then(|| Need {
            place: self.buckets.place(charge.tag),
            kind: LimitKind::Throttle,
            throttle,
            own: limits.throttle.as_ref(),
            quota: limits.quota.as_ref(),
            generation: charge.plan.generation,
        })
    }
}

/// Takes a token, or adds a refusal.
fn step(
    kind: LimitKind,
    full_at: Option<Timestamp>,
    throttle: &Throttle,
    now: Timestamp,
    refusals: &mut Refusals,
) -> Option<Timestamp> {
    match bucket::take(full_at, throttle, std::num::NonZeroU32::MIN, now) {
        Step::Taken(full_at) => Some(full_at),
        Step::Refused { wait } => {
            refusals.add(kind, wait);
            full_at
        }
    }
}

impl Need<'_> {
    fn judge(&self, known: Option<Slot>, now: Timestamp, refusals: &mut Refusals) -> Judged {
        let is_new = known.is_none();
        let mut before = known.unwrap_or_else(|| Slot::new(self.place.tag(), self.generation));
        // The plan has changed since: what the bucket lacks is at most what the new one can lack, and
        // what was taken from another quota is looked at by the one who asks for more.
        let changed = before.generation != self.generation;
        let lacking = before.full_at();
        if changed {
            before.set_full_at(adopted(lacking, self.own, now));
        }
        let mut after = before;
        if let Some(throttle) = self.throttle {
            after.set_full_at(step(self.kind, before.full_at(), throttle, now, refusals));
        }
        let mut asks = false;
        if self.quota.is_some() {
            let held = before.lease().filter(|_| !changed);
            match lease::draw(held, now) {
                Draw::Drawn(left) => after.set_lease(Some(left)),
                Draw::Ask => asks = true,
                Draw::Refused { wait } => refusals.add(LimitKind::Quota, Some(wait)),
            }
        }
        after.generation = self.generation;
        Judged {
            before,
            after,
            is_new,
            is_clamped: before.full_at() != lacking,
            asks,
        }
    }

    fn tell(&self, slot: &Slot, now: Timestamp, levels: &mut Levels) {
        if let Some(throttle) = self.throttle {
            let level = Some(bucket_level(slot.full_at(), throttle, now));
            match self.kind {
                LimitKind::User => levels.user = level,
                LimitKind::Throttle | LimitKind::Quota | LimitKind::Service => {
                    levels.throttle = level;
                }
            }
        }
        // What was taken from another quota says nothing of this one.
        let held = slot
            .lease()
            .filter(|held| now < held.ends && slot.generation == self.generation);
        if let (Some(quota), Some(held)) = (self.quota, held) {
            levels.quota = Some(lease::level(&held, quota, now));
        }
    }
}

/// The locked parts of the table that a call's slots are in. They are locked in one order, so that two
/// calls never wait for each other.
struct Parts<'a>([Option<(usize, MutexGuard<'a, Part>)>; MOST_NEEDS]);

impl<'a> Parts<'a> {
    fn lock(buckets: &'a Buckets, needs: &[Option<Need<'_>>; MOST_NEEDS]) -> Self {
        // Those that are not needed sort last.
        let mut numbers = needs
            .each_ref()
            .map(|need| need.as_ref().map_or(usize::MAX, |need| need.place.part()));
        numbers.sort_unstable();
        let mut last = usize::MAX;
        Self(numbers.map(|number| {
            let again = number == last;
            last = number;
            (number != usize::MAX && !again).then(|| (number, buckets.lock(number)))
        }))
    }

    fn of(&mut self, place: Place) -> &mut Part {
        let mut locked = self.0.iter_mut().flatten();
        let found = locked.find(|(number, _)| *number == place.part());
        &mut found.expect("the parts of all needs are locked").1
    }
}

/// A bucket's state under a throttle that it was not filled by.
pub(crate) fn adopted(
    full_at: Option<Timestamp>,
    throttle: Option<&Throttle>,
    now: Timestamp,
) -> Option<Timestamp> {
    full_at
        .zip(throttle)
        .map(|(full_at, throttle)| bucket::clamp(full_at, throttle, now))
}
