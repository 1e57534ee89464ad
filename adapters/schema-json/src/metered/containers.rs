//! What a place holds when it holds others.

use std::ops::ControlFlow;

use jsonschema::json::{Array, Object, unique};
use serde_json::{Map, Value, map};

use super::{Metered, Place, Shown};

/// What an index adds to a pointer, at most.
const BYTES_PER_INDEX: usize = 8;

/// The members of an object.
pub(crate) struct Members<'a> {
    pub(super) members: &'a Map<String, Value>,
    pub(super) place: Place<'a>,
}

impl<'a> Object<'a, Metered> for Members<'a> {
    type Node = Place<'a>;
    type MemberName = &'a str;
    type MembersIter = MembersIter<'a>;

    fn len(&self) -> usize {
        self.members.len()
    }

    fn get(&self, name: &String) -> Option<Place<'a>> {
        self.place
            .at(self.members.get(name.as_str())?, 1 + name.len())
    }

    fn members(&self) -> MembersIter<'a> {
        MembersIter {
            members: self.members.iter(),
            place: self.place,
        }
    }

    fn try_for_each_name_node<B>(
        &self,
        buffer: &mut Value,
        mut f: impl FnMut(Place<'_>) -> ControlFlow<B>,
    ) -> ControlFlow<B> {
        for (name, _) in self.members() {
            *buffer = Value::String(name.to_owned());
            f(Place {
                shown: Shown::Value(buffer),
                told: true,
                ..self.place
            })?;
        }
        ControlFlow::Continue(())
    }
}

/// See [`Members`].
pub(crate) struct MembersIter<'a> {
    members: map::Iter<'a>,
    place: Place<'a>,
}

impl<'a> Iterator for MembersIter<'a> {
    type Item = (&'a str, Place<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let (name, value) = self.members.next()?;
        Some((name, self.place.at(value, 1 + name.len())?))
    }
}

/// The elements of an array.
pub(crate) struct Elements<'a> {
    pub(super) elements: &'a [Value],
    pub(super) place: Place<'a>,
}

impl<'a> Array<'a, Metered> for Elements<'a> {
    type Node = Place<'a>;
    type ElementsIter = ElementsIter<'a>;

    fn len(&self) -> usize {
        self.elements.len()
    }

    fn elements(&self) -> ElementsIter<'a> {
        ElementsIter {
            elements: self.elements.iter(),
            place: self.place,
        }
    }

    fn is_unique(&self) -> bool {
        self.place.look(self.elements.len()).is_none() || unique::is_unique(self.elements)
    }
}

/// See [`Elements`].
pub(crate) struct ElementsIter<'a> {
    elements: std::slice::Iter<'a, Value>,
    place: Place<'a>,
}

impl<'a> Iterator for ElementsIter<'a> {
    type Item = Place<'a>;

    fn next(&mut self) -> Option<Place<'a>> {
        self.place.at(self.elements.next()?, BYTES_PER_INDEX)
    }
}
