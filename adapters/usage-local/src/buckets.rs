//! The buckets of a process: small, in many parts, and none forgotten that still holds anybody back.

use std::{
    hash::{BuildHasher as _, RandomState},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use hashbrown::HashTable;
use usher_domain::{
    time::Timestamp,
    usage::{
        lease::{self, Lease},
        membership::AccountTag,
    },
};

/// Parts with a lock each. Many, because a part that is full is tidied up by the call that finds it
/// so, and that call shall not notice.
const PARTS: usize = 1024;
const NANOS_PER_DAY: i64 = 86_400_000_000_000;

/// What is known of one account or bucket: 40 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Slot {
    tag: AccountTag,
    /// In nanoseconds since the epoch; `i64::MIN` for a full bucket.
    full_at: i64,
    unclaimed: u64,
    /// The midnight at which the lease ends, in days since the epoch; `i32::MIN` without one.
    ends: i32,
    calls: u16,
    /// Of the plan whose limits it was last judged by.
    pub(crate) generation: u16,
}

impl Slot {
    pub(crate) const fn new(tag: AccountTag, generation: u16) -> Self {
        Self {
            tag,
            full_at: i64::MIN,
            unclaimed: 0,
            ends: i32::MIN,
            calls: 0,
            generation,
        }
    }

    pub(crate) const fn full_at(&self) -> Option<Timestamp> {
        match self.full_at {
            i64::MIN => None,
            nanos => Some(Timestamp::from_nanos(nanos)),
        }
    }

    pub(crate) fn set_full_at(&mut self, full_at: Option<Timestamp>) {
        self.full_at = full_at.map_or(i64::MIN, Timestamp::as_nanos);
    }

    pub(crate) fn lease(&self) -> Option<Lease> {
        (self.ends != i32::MIN).then(|| Lease {
            ends: Timestamp::from_nanos(i64::from(self.ends).saturating_mul(NANOS_PER_DAY)),
            calls: self.calls,
            unclaimed: self.unclaimed,
        })
    }

    /// Every period ends at a midnight, so that a day is all there is to remember.
    pub(crate) fn set_lease(&mut self, lease: Option<Lease>) {
        let days = |ends: Timestamp| ends.as_nanos().div_euclid(NANOS_PER_DAY);
        let day = lease.and_then(|lease| i32::try_from(days(lease.ends)).ok());
        self.ends = day.unwrap_or(i32::MIN);
        self.calls = lease.map_or(0, |lease| lease.calls);
        self.unclaimed = lease.map_or(0, |lease| lease.unclaimed);
    }

    /// From when on a new slot would answer the same: the bucket is full, and nothing of a quota is held
    /// or refused here.
    fn forgettable_from(&self) -> Timestamp {
        let ever = Timestamp::from_nanos(i64::MIN);
        let held = self
            .lease()
            .filter(|held| !lease::is_forgettable(held, ever));
        let ends = held.map_or(ever, |held| held.ends);
        self.full_at().map_or(ends, |full_at| full_at.max(ends))
    }
}

/// Where a slot is, or would be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    tag: AccountTag,
    hash: u64,
}

impl Place {
    pub(crate) const fn tag(&self) -> AccountTag {
        self.tag
    }

    /// The number of its part.
    pub(crate) const fn part(&self) -> usize {
        // The table inside a part goes by the lowest and the highest bits.
        #[allow(clippy::cast_possible_truncation, reason = "less than PARTS")]
        let part = (self.hash >> 32) as usize % PARTS;
        part
    }
}

/// All slots of a process.
pub(crate) struct Buckets {
    parts: Box<[Mutex<Part>]>,
    seeds: [u64; 2],
    most: usize,
}

impl Buckets {
    /// A table of at most about `most` slots.
    pub(crate) fn new(most: usize) -> Self {
        let parts = (0..PARTS).map(|_| Mutex::default());
        let random = RandomState::new();
        Self {
            parts: parts.collect(),
            seeds: [random.hash_one(0), random.hash_one(1)],
            most: most.div_ceil(PARTS),
        }
    }

    /// A tag is a digest: a multiplication by what nobody knows is all the mixing that it needs, lest
    /// somebody choose names that meet in one place.
    pub(crate) fn place(&self, tag: AccountTag) -> Place {
        let [one, other] = tag.bits();
        let product = u128::from(one ^ self.seeds[0]) * u128::from(other ^ self.seeds[1]);
        #[allow(clippy::cast_possible_truncation, reason = "both halves are wanted")]
        let hash = (product as u64) ^ ((product >> 64) as u64);
        Place { tag, hash }
    }

    fn hash_of(&self, slot: &Slot) -> u64 {
        self.place(slot.tag).hash
    }

    pub(crate) fn lock(&self, part: usize) -> MutexGuard<'_, Part> {
        // A panic while the lock was held leaves whole slots behind: every change is one assignment.
        self.parts[part]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// How many slots there are, and how many bytes their tables take.
    pub(crate) fn size(&self) -> (usize, usize) {
        let mut size = (0, self.parts.len() * size_of::<Mutex<Part>>());
        for part in &self.parts {
            let table = &part.lock().unwrap_or_else(PoisonError::into_inner).slots;
            size.0 += table.len();
            size.1 += table.allocation_size();
        }
        size
    }
}

/// A part of the table.
#[derive(Default)]
pub(crate) struct Part {
    slots: HashTable<Slot>,
    /// Nothing can be forgotten from then until then.
    shut: Option<[Timestamp; 2]>,
}

/// A part that is shut is looked through again after this, for a slot may be forgettable earlier than
/// it said: a lease is used up, a plan has changed.
const SHUT: Duration = Duration::from_secs(1);

impl Part {
    pub(crate) fn get(&self, place: Place) -> Option<Slot> {
        self.slots
            .find(place.hash, |slot| slot.tag == place.tag)
            .copied()
    }

    pub(crate) fn get_mut(&mut self, place: Place) -> Option<&mut Slot> {
        self.slots
            .find_mut(place.hash, |slot| slot.tag == place.tag)
    }

    /// Puts a slot where it belongs.
    pub(crate) fn put(&mut self, buckets: &Buckets, place: Place, slot: Slot) {
        match self.get_mut(place) {
            Some(present) => *present = slot,
            None => drop(
                self.slots
                    .insert_unique(place.hash, slot, |slot| buckets.hash_of(slot)),
            ),
        }
    }

    /// Makes room for one more slot, and says whether there is any: when there are as many as there may
    /// be, and all of them hold somebody back, a new one must not be.
    ///
    /// Slots are tidied up when the table would grow, so that each is looked at about as often as it is
    /// copied: a constant cost for every new one.
    pub(crate) fn make_room(&mut self, buckets: &Buckets, now: Timestamp) -> bool {
        let table = &mut self.slots;
        if table.len() < table.capacity() && table.len() < buckets.most {
            return true;
        }
        if table.len() >= buckets.most
            && self.shut.is_some_and(|[from, to]| from <= now && now < to)
        {
            // Or each newcomer of a flood would have all slots looked at.
            return false;
        }
        let mut opens = now.plus(SHUT);
        table.retain(|slot| {
            let from = slot.forgettable_from();
            let stays = now < from;
            if stays {
                opens = opens.min(from);
            }
            stays
        });
        let capacity = table.capacity();
        if table.len() < capacity / 4 {
            // After a flood the memory goes back.
            table.shrink_to(table.len() * 2, |slot| buckets.hash_of(slot));
        } else if table.len() > capacity / 16 * 15 {
            // With little room the next calls would have to tidy up again.
            table.reserve(capacity, |slot| buckets.hash_of(slot));
        }
        let has_room = table.len() < buckets.most;
        self.shut = (!has_room).then_some([now, opens]);
        has_room
    }
}
