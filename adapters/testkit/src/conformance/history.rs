//! What clients did to one profile at the same time, and whether it could have happened one after
//! the other, each call between its beginning and its end.
//!
//! Every PUT writes a profile of its own epoch, and every PATCH adds a member of its own; a PATCH
//! is answered with the whole profile, so each answer tells what came before it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::atomic::{AtomicU64, Ordering},
};

use usher_domain::profile::Profile;

/// The member that a PUT writes.
pub(super) const EPOCH: &str = "epoch";

/// Counts beginnings and ends, so that of two calls it can be said that one came first.
#[derive(Debug, Default)]
pub(super) struct Ticks(AtomicU64);

impl Ticks {
    /// The next tick.
    pub(super) fn next(&self) -> u64 {
        self.0.fetch_add(1, Ordering::SeqCst)
    }
}

/// A call that has been answered.
#[derive(Debug, Clone)]
pub(super) struct Call {
    /// The tick before the call.
    pub(super) begun: u64,
    /// The tick after the answer.
    pub(super) ended: u64,
    /// What the answer says.
    pub(super) answer: Answer,
}

/// What a client learnt from an answer.
#[derive(Debug, Clone)]
pub(super) enum Answer {
    /// A PUT was carried out.
    Put {
        /// Its epoch.
        epoch: usize,
        /// Whether there was no profile before.
        created: bool,
    },
    /// A PATCH was carried out.
    Patched {
        /// What it added.
        member: String,
        /// What it left.
        state: State,
    },
    /// A DELETE was carried out.
    Deleted,
    /// A GET found this; or any call found nothing.
    Found(Option<State>),
    /// A PATCH was answered 409, or a PUT 412: nothing was done.
    Refused,
}

/// The content of a profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct State {
    /// Of the PUT that began it.
    pub(super) epoch: usize,
    /// What was patched in since.
    pub(super) members: BTreeSet<String>,
}

impl State {
    /// The content of a profile that these clients wrote.
    pub(super) fn of(profile: &Profile) -> Self {
        let mut attributes = profile.attributes();
        let epoch = attributes.remove(EPOCH).and_then(|epoch| epoch.as_u64());
        let epoch = epoch.and_then(|epoch| usize::try_from(epoch).ok());
        Self {
            epoch: epoch.expect("every profile has an epoch"),
            members: attributes.keys().cloned().collect(),
        }
    }
}

/// Whether the calls could have happened one after the other. The last call must be a GET that
/// begins when all others have ended; before the first there was no profile.
///
/// Otherwise it says what could not have been.
pub(super) fn check(calls: &[Call]) -> Result<(), String> {
    let epochs = epochs(calls)?;
    for (epoch, patches) in &epochs {
        one_after_the_other(patches).map_err(|fault| format!("epoch {epoch}: {fault}"))?;
    }
    for call in calls {
        match &call.answer {
            Answer::Patched { state, .. } => not_wiped(call, state, calls)?,
            Answer::Found(Some(state)) => {
                not_wiped(call, state, calls)?;
                was_there(call, state, &epochs)?;
            }
            Answer::Found(None) => could_be_absent(call, calls)?,
            Answer::Put { .. } | Answer::Deleted | Answer::Refused => {}
        }
    }
    every_profile_began_and_ended_once(calls)
}

type Epochs<'a> = BTreeMap<usize, Vec<(&'a Call, &'a str, &'a State)>>;

/// Each PATCH of each epoch, by the size of what they left.
fn epochs(calls: &[Call]) -> Result<Epochs<'_>, String> {
    let mut epochs = Epochs::new();
    for call in calls {
        if let Answer::Put { epoch, .. } = call.answer {
            epochs.entry(epoch).or_default();
        }
    }
    for call in calls {
        if let Answer::Patched { member, state } = &call.answer {
            let epoch = epochs.get_mut(&state.epoch);
            epoch
                .ok_or_else(|| format!("nobody began the epoch of {state:?}"))?
                .push((call, member, state));
        }
    }
    for patches in epochs.values_mut() {
        patches.sort_by_key(|(_, _, state)| state.members.len());
    }
    Ok(epochs)
}

/// Each PATCH left what the one before had left, and its own member.
fn one_after_the_other(patches: &[(&Call, &str, &State)]) -> Result<(), String> {
    let mut before = BTreeSet::new();
    for (index, (call, member, state)) in patches.iter().enumerate() {
        let mut expected = before;
        expected.insert((*member).to_owned());
        if state.members != expected {
            return Err(format!(
                "{member} left {:?} and not {expected:?}",
                state.members
            ));
        }
        if let Some((early, name, _)) = patches
            .iter()
            .skip(index + 1)
            .find(|(later, ..)| later.ended < call.begun)
        {
            return Err(format!("{name} ended ({early:?}) before {member} began"));
        }
        before = expected;
    }
    Ok(())
}

/// No PUT and no DELETE ended the epoch that `call` saw, after it was first seen and before the
/// call.
fn not_wiped(call: &Call, state: &State, calls: &[Call]) -> Result<(), String> {
    let of_this_epoch = |answer: &Answer| match answer {
        Answer::Put { epoch, .. } => *epoch == state.epoch,
        Answer::Patched { state: seen, .. } | Answer::Found(Some(seen)) => {
            seen.epoch == state.epoch
        }
        Answer::Found(None) | Answer::Deleted | Answer::Refused => false,
    };
    let first_seen = calls
        .iter()
        .filter(|call| of_this_epoch(&call.answer))
        .map(|call| call.ended)
        .min()
        .unwrap_or(call.ended);
    let began_later = calls.iter().any(
        |put| matches!(put.answer, Answer::Put { epoch, .. } if epoch == state.epoch && put.begun > call.ended),
    );
    if began_later {
        return Err(format!("{call:?} saw what was put later"));
    }
    let wiped = calls.iter().find(|other| {
        let wipes = matches!(other.answer, Answer::Put { .. } | Answer::Deleted);
        wipes
            && !of_this_epoch(&other.answer)
            && first_seen < other.begun
            && other.ended < call.begun
    });
    wiped.map_or(Ok(()), |wiped| {
        Err(format!("{call:?} saw what {wiped:?} had ended"))
    })
}

/// A GET saw what some PATCH left, with all that ended before it and nothing that began after it.
fn was_there(call: &Call, state: &State, epochs: &Epochs<'_>) -> Result<(), String> {
    let patches = epochs
        .get(&state.epoch)
        .ok_or_else(|| format!("nobody began the epoch of {state:?}"))?;
    let (seen, unseen) = patches
        .split_at_checked(state.members.len())
        .ok_or_else(|| format!("{call:?} saw members that nobody added"))?;
    if seen.last().is_some_and(|(_, _, left)| *left != state) {
        return Err(format!("{call:?} saw what no PATCH left"));
    }
    if let Some((lost, ..)) = unseen.iter().find(|(patch, ..)| patch.ended < call.begun) {
        return Err(format!("{call:?} does not see {lost:?}"));
    }
    if let Some((future, ..)) = seen.iter().find(|(patch, ..)| call.ended < patch.begun) {
        return Err(format!("{call:?} sees {future:?}"));
    }
    Ok(())
}

/// Nothing was put yet, or a DELETE may have been the last word.
fn could_be_absent(call: &Call, calls: &[Call]) -> Result<(), String> {
    let put_between = |begin: Option<u64>| {
        calls.iter().any(|put| {
            matches!(put.answer, Answer::Put { .. })
                && begin.is_none_or(|begin| begin < put.begun)
                && put.ended < call.begun
        })
    };
    let deleted = calls.iter().any(|delete| {
        matches!(delete.answer, Answer::Deleted)
            && delete.begun < call.ended
            && !put_between(Some(delete.ended))
    });
    if deleted || !put_between(None) {
        Ok(())
    } else {
        Err(format!("{call:?} found nothing, and nobody had deleted it"))
    }
}

/// As many profiles were deleted as were created, but for the one that is left.
fn every_profile_began_and_ended_once(calls: &[Call]) -> Result<(), String> {
    let count = |wanted: fn(&Answer) -> bool| {
        let answers = calls.iter().map(|call| &call.answer);
        answers.filter(|answer| wanted(answer)).count()
    };
    let created = count(|answer| matches!(answer, Answer::Put { created: true, .. }));
    let deleted = count(|answer| matches!(answer, Answer::Deleted));
    let left = match calls.last().map(|call| &call.answer) {
        Some(Answer::Found(found)) => usize::from(found.is_some()),
        other => return Err(format!("the last call is no GET: {other:?}")),
    };
    if created == deleted + left {
        Ok(())
    } else {
        Err(format!("{created} created, {deleted} deleted, {left} left"))
    }
}

#[cfg(test)]
mod tests;
