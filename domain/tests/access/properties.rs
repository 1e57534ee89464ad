//! What holds for any policy, any caller and any profile.

use std::collections::BTreeSet;

use proptest::{prelude::*, sample::Index};
use usher_domain::{
    access::{Action, Attributes, Basis, Decision, Permit, Policy, decide},
    principal::Principal,
    user_id::UserId,
};

use crate::{
    generated::{action, grant, policy, principal, target},
    oracle,
    support::cases,
};

fn permit(decision: Decision) -> Option<Permit> {
    match decision {
        Decision::Permit(permit) => Some(permit),
        Decision::Deny(_) => None,
    }
}

/// Whether everything in `one` is in `other`. `All` is in `All` alone: names are without end.
fn is_within(one: &Attributes, other: &Attributes) -> bool {
    match (one, other) {
        (_, Attributes::All) => true,
        (Attributes::All, Attributes::Only(_)) => false,
        (Attributes::Only(names), Attributes::Only(more)) => names.is_subset(more),
    }
}

fn grants_of(permit: &Permit) -> BTreeSet<String> {
    match permit.basis() {
        Basis::Owner => BTreeSet::new(),
        Basis::Grants(holders) => holders.clone(),
    }
}

/// Nothing of what was permitted is gone.
fn has_grown(before: &Permit, after: &Permit) -> bool {
    is_within(before.readable(), after.readable())
        && is_within(before.writable(), after.writable())
        && is_within(before.read_only(), after.read_only())
        && grants_of(before).is_subset(&grants_of(after))
        && (*before.basis() == Basis::Owner) == (*after.basis() == Basis::Owner)
}

fn owner_of(target: &UserId, principal: Principal) -> Principal {
    Principal {
        id: target.as_str().into(),
        ..principal
    }
}

proptest! {
    #![proptest_config(cases(2_000))]

    #[test]
    fn every_decision_is_that_of_the_specification(
        policy in policy(), principal in principal(), action in action(), target in target(),
    ) {
        let found = oracle::said(&decide(&principal, action, &target, &policy), &policy);
        prop_assert_eq!(found, oracle::answer(&principal, action, &target, &policy));
    }

    #[test]
    fn no_order_of_grants_changes_an_answer(
        (policy, shuffled) in policy().prop_flat_map(|policy| {
            let shuffled = Just(policy.grants.clone()).prop_shuffle();
            (Just(policy), shuffled)
        }),
        principal in principal(), target in target(),
    ) {
        let reordered = Policy { grants: shuffled, ..policy.clone() };
        for action in Action::ALL {
            prop_assert_eq!(
                decide(&principal, action, &target, &policy),
                decide(&principal, action, &target, &reordered)
            );
        }
    }

    #[test]
    fn one_more_grant_takes_nothing_away(
        policy in policy(), more in grant(), place in any::<Index>(),
        principal in principal(), target in target(),
    ) {
        let mut richer = policy.clone();
        richer.grants.insert(place.index(policy.grants.len() + 1), more);
        for action in Action::ALL {
            let Some(before) = permit(decide(&principal, action, &target, &policy)) else {
                continue;
            };
            let after = permit(decide(&principal, action, &target, &richer));
            let after = after.expect("what was permitted is permitted");
            prop_assert!(has_grown(&before, &after), "{before:?}\n{after:?}");
        }
    }

    #[test]
    fn one_more_scope_or_group_takes_nothing_away(
        policy in policy(), more in principal(), principal in principal(), target in target(),
    ) {
        let mut richer = principal.clone();
        richer.scopes.extend(more.scopes);
        richer.groups.extend(more.groups);
        for action in Action::ALL {
            let Some(before) = permit(decide(&principal, action, &target, &policy)) else {
                continue;
            };
            let after = permit(decide(&richer, action, &target, &policy));
            let after = after.expect("what was permitted is permitted");
            prop_assert!(has_grown(&before, &after), "{before:?}\n{after:?}");
        }
    }

    #[test]
    fn no_grant_limits_an_owner(
        policy in policy(), principal in principal(), action in action(), target in target(),
    ) {
        let owner = owner_of(&target, principal);
        let alone = Policy { grants: Vec::new(), ..policy.clone() };
        let with = decide(&owner, action, &target, &policy);
        match (decide(&owner, action, &target, &alone), with) {
            (Decision::Permit(_), Decision::Permit(with)) => {
                prop_assert_eq!(with.basis(), &Basis::Owner);
                prop_assert!(with.readable().is_all() && with.writable().is_all());
            }
            (alone, with) => prop_assert_eq!(alone, with),
        }
    }

    /// The answer to a PATCH shows the profile: who could not GET it must not see it there.
    #[test]
    fn no_answer_to_a_write_shows_another_what_a_read_would_not(
        policy in policy(), principal in principal(), target in target(),
    ) {
        prop_assume!(*principal.id != *target.as_str());
        let read = permit(decide(&principal, Action::Read, &target, &policy));
        let may_read = read.map_or(Attributes::NONE, |read| read.readable().clone());
        for action in [Action::Write, Action::Delete] {
            if let Some(permit) = permit(decide(&principal, action, &target, &policy)) {
                prop_assert_eq!(permit.readable(), &may_read);
            }
        }
    }

    /// Who guesses at an id has the id and nothing else: no case, no white space, no prefix.
    #[test]
    fn without_a_grant_nobody_but_the_owner_comes_in(
        policy in policy(), principal in principal(), action in action(), target in target(),
    ) {
        let policy = Policy { grants: Vec::new(), ..policy };
        let came_in = permit(decide(&principal, action, &target, &policy)).is_some();
        prop_assert!(!came_in || principal.id.as_bytes() == target.as_str().as_bytes());
    }
}

/// A property over answers proves nothing if one answer is all that ever comes.
#[test]
fn the_generated_callers_get_every_answer_often() {
    use oracle::Answer;
    use proptest::{strategy::ValueTree as _, test_runner::TestRunner};

    let mut runner = TestRunner::deterministic();
    let mut seen = [0_u32; 6];
    for _ in 0..4_000 {
        let strategy = (policy(), principal(), action(), target());
        let (policy, principal, action, target) =
            strategy.new_tree(&mut runner).expect("a case").current();
        let kind = match oracle::said(&decide(&principal, action, &target, &policy), &policy) {
            Answer::ScopeIsMissing(_) => 0,
            Answer::NotYours => 1,
            Answer::PartOnly => 2,
            Answer::Permit { by: None, .. } => 3,
            Answer::Permit { sees, writes, .. } if sees == writes => 4,
            Answer::Permit { .. } => 5,
        };
        seen[kind] += 1;
    }
    assert!(seen.iter().all(|count| *count > 40), "{seen:?}");
}
