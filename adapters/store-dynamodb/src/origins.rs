//! Which element of a list became which: elements have no names.

use std::collections::{HashMap, HashSet};

use serde_json::Value;
use usher_domain::json::canonical;

/// So many pairs are compared by what they have in common, and no more.
const PAIRS: usize = 4 * 1024;

/// Where the elements of a list come from.
#[derive(Debug)]
pub(crate) struct Origins {
    /// For each new element the index of the old one that it is, or was before it was changed.
    pub(crate) come_from: Vec<Option<usize>>,
    /// Old elements that no new one comes from.
    pub(crate) gone: Vec<usize>,
    /// New elements that come from no old one.
    pub(crate) added: Vec<usize>,
}

impl Origins {
    /// Elements that are alike are the same, first at both ends, then wherever they have moved to. Of
    /// the others those are that have most in common; and as many as are left over on either side
    /// are the same in their order.
    pub(crate) fn of(old: &[Value], new: &[Value]) -> Self {
        let mut found = Self::alike(old, new);
        found.pair_by_likeness(old, new);
        if found.gone.len() == found.added.len() {
            for (origin, index) in found.gone.drain(..).zip(found.added.drain(..)) {
                found.come_from[index] = Some(origin);
            }
        }
        found
    }

    fn alike(old: &[Value], new: &[Value]) -> Self {
        let is_alike = |(old, new): &(&Value, &Value)| old == new;
        let head = old.iter().zip(new).take_while(is_alike).count();
        let rest = old.len().min(new.len()) - head;
        let both_ends = old.iter().rev().zip(new.iter().rev());
        let tail = both_ends.take(rest).take_while(is_alike).count();

        let mut unmoved: HashMap<String, Vec<usize>> = HashMap::new();
        for index in (head..old.len() - tail).rev() {
            let spelled = canonical::value(&old[index]);
            unmoved.entry(spelled).or_default().push(index);
        }
        let mut origin = |(index, value): (usize, &Value)| {
            let from_end = new.len() - index;
            if index < head {
                Some(index)
            } else if from_end <= tail {
                Some(old.len() - from_end)
            } else {
                let spelled = canonical::value(value);
                unmoved.get_mut(&spelled).and_then(Vec::pop)
            }
        };
        let origins: Vec<_> = new.iter().enumerate().map(&mut origin).collect();
        let mut gone: Vec<_> = unmoved.into_values().flatten().collect();
        gone.sort_unstable();
        let added = (0..new.len()).filter(|at| origins[*at].is_none()).collect();
        Self {
            come_from: origins,
            gone,
            added,
        }
    }

    /// Pairs those that have more in common with each other than with any other.
    fn pair_by_likeness(&mut self, old: &[Value], new: &[Value]) {
        if self.gone.len() * self.added.len() > PAIRS {
            return;
        }
        let mut pairs = Vec::new();
        for origin in &self.gone {
            for index in &self.added {
                let common = in_common(&old[*origin], &new[*index]);
                if common > 0 {
                    pairs.push((common, *origin, *index));
                }
            }
        }
        pairs.sort_unstable_by_key(|(common, ..)| std::cmp::Reverse(*common));
        let mut decided = (HashSet::new(), HashSet::new());
        for equals in pairs.chunk_by(|one, other| one.0 == other.0) {
            let is_open = |(_, origin, index): &&(usize, usize, usize)| {
                !decided.0.contains(origin) && !decided.1.contains(index)
            };
            let open: Vec<_> = equals.iter().filter(is_open).collect();
            for (_, origin, index) in &open {
                let rivals = open
                    .iter()
                    .filter(|pair| pair.1 == *origin || pair.2 == *index);
                if rivals.count() == 1 {
                    self.come_from[*index] = Some(*origin);
                }
                // Of several that are as like as each other none is it, and nothing less alike is.
                decided.0.insert(*origin);
                decided.1.insert(*index);
            }
        }
        let paired: HashSet<_> = self.come_from.iter().flatten().copied().collect();
        self.gone.retain(|origin| !paired.contains(origin));
        self.added.retain(|index| self.come_from[*index].is_none());
    }
}

/// How many values of two are the same at the same place.
fn in_common(one: &Value, other: &Value) -> usize {
    match (one, other) {
        (Value::Object(one), Value::Object(other)) => one
            .iter()
            .filter_map(|(name, value)| Some(in_common(value, other.get(name)?)))
            .sum(),
        (Value::Array(one), Value::Array(other)) => one
            .iter()
            .zip(other)
            .map(|(one, other)| in_common(one, other))
            .sum(),
        _ => usize::from(one == other),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(old: &Value, new: &Value) -> (Vec<Option<usize>>, Vec<usize>, Vec<usize>) {
        let (Value::Array(old), Value::Array(new)) = (old, new) else {
            panic!("lists")
        };
        let found = Origins::of(old, new);
        (found.come_from, found.gone, found.added)
    }

    #[test]
    fn an_element_is_the_one_that_it_is_most_like() {
        let a = json!({"id": 1, "state": "old", "n": {"deep": 1}});
        let b = json!({"id": 2, "state": "old", "n": {"deep": 2}});
        let b_changed = json!({"id": 2, "state": "new", "n": {"deep": 2}});
        for (old, new, come_from, gone, added) in [
            // Alike: at both ends, and moved, also where there are two.
            (
                json!([1, 2, 3]),
                json!([1, 3]),
                vec![Some(0), Some(2)],
                vec![1],
                vec![],
            ),
            (
                json!([["a"], ["a"], "x"]),
                json!(["x", ["a"], ["a"], "y"]),
                vec![Some(2), Some(0), Some(1), None],
                vec![],
                vec![3],
            ),
            // Changed, and another gone, or come.
            (
                json!([a, b]),
                json!([b_changed]),
                vec![Some(1)],
                vec![0],
                vec![],
            ),
            (
                json!([a, b]),
                json!([b_changed, "c"]),
                vec![Some(1), Some(0)],
                vec![],
                vec![],
            ),
            // As many on either side, in their order.
            (
                json!([1, 2]),
                json!([3, 4]),
                vec![Some(0), Some(1)],
                vec![],
                vec![],
            ),
            // As like one as the other: neither.
            (
                json!([a, b]),
                json!([{"state": "old", "id": 3}]),
                vec![None],
                vec![0, 1],
                vec![0],
            ),
        ] {
            assert_eq!(of(&old, &new), (come_from, gone, added), "{old} {new}");
        }
    }
}
