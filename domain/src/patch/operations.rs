//! JSON Patch (RFC 6902): reading it, and applying it within bounds.

use json_patch::{
    AddOperation, CopyOperation, MoveOperation, PatchErrorKind, PatchOperation, RemoveOperation,
    ReplaceOperation, TestOperation,
    jsonptr::{Pointer, PointerBuf},
    patch_unsafe,
};
use serde_json::{Map, Value};

use super::{PatchError, PatchFailure, Use};
use crate::{
    json::{
        Violation, canonical,
        portable::{self, MAX_DEPTH, MAX_VIOLATIONS, TOO_DEEP},
    },
    profile::MAX_PROFILE_BYTES,
};

/// So many operations may a JSON Patch have.
pub const MAX_OPERATIONS: usize = 100;

/// So many bytes may the `copy` operations of one patch copy, one after another in the same place, say.
/// Copies that are kept count towards the size of the profile; these would only keep a thread busy.
const MAX_COPIED_BYTES: usize = 8 * MAX_PROFILE_BYTES;

/// A value of the profile lies two levels deeper in a patch: the list, and the operation.
const LEVELS_AROUND_A_VALUE: usize = 2;

const NOT_A_LIST: &str = "a JSON Patch is a list of operations";
const TOO_MANY: &str = "a JSON Patch has at most 100 operations";
const NOT_AN_OPERATION: &str = "an operation is an object";
const UNKNOWN_OPERATION: &str = "op must be add, remove, replace, move, copy or test";
const NOT_A_POINTER: &str =
    "must be a JSON Pointer: empty, or begin with a slash, with ~ only as ~0 and ~1";
const NO_VALUE: &str = "the operation needs a value";
const INTO_ITSELF: &str = "a value cannot be moved into itself";
const TEST_FAILED: &str = "the test does not hold";
const NO_SUCH_PLACE: &str = "the profile has no such place";

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Operations(Vec<PatchOperation>);

impl Operations {
    pub(super) fn parse(body: &[u8]) -> Result<Self, PatchError> {
        let (value, not_portable) =
            portable::read(body, MAX_DEPTH + LEVELS_AROUND_A_VALUE).map_err(PatchError::NotJson)?;
        let invalid =
            |pointer: &str, detail| PatchError::Invalid(vec![Violation::new(pointer, detail)]);
        let Value::Array(elements) = value else {
            return Err(invalid("", NOT_A_LIST));
        };
        if elements.len() > MAX_OPERATIONS {
            return Err(invalid("", TOO_MANY));
        }
        let mut operations = Vec::with_capacity(elements.len());
        let mut faults = Vec::new();
        for (index, element) in elements.into_iter().enumerate() {
            match operation(element) {
                Ok(operation) => operations.push(operation),
                Err((member, detail)) => {
                    faults.push(Violation::new(&format!("/{index}{member}"), detail));
                }
            }
        }
        faults.truncate(MAX_VIOLATIONS);
        let not_portable = of_known_members(not_portable);
        match (faults.is_empty(), not_portable.is_empty()) {
            (false, _) => Err(PatchError::Invalid(faults)),
            (true, false) => Err(PatchError::NotPortable(not_portable)),
            (true, true) => Ok(Self(operations)),
        }
    }

    /// See [`Patch::uses`](super::Patch::uses).
    pub(super) fn uses(&self) -> impl Iterator<Item = (Use, Option<String>)> {
        self.0.iter().flat_map(|operation| {
            let read = |pointer| Some((Use::Read, attribute(pointer)));
            let write = |pointer| Some((Use::Write, attribute(pointer)));
            let path = operation.path();
            // Whether it succeeds tells whether something is there, but for a value that takes the
            // place of a whole attribute.
            let tells = if path.count() > 1 { read(path) } else { None };
            let uses = match operation {
                PatchOperation::Add(_) => [write(path), tells, None, None],
                PatchOperation::Copy(copy) => [write(path), tells, read(&copy.from), None],
                PatchOperation::Move(shift) => {
                    [write(path), tells, read(&shift.from), write(&shift.from)]
                }
                PatchOperation::Replace(_) | PatchOperation::Remove(_) => {
                    [write(path), read(path), None, None]
                }
                PatchOperation::Test(_) => [read(path), None, None, None],
            };
            uses.into_iter().flatten()
        })
    }

    /// Applies the operations in their order; after each, `document` has at most `max_bytes` and no
    /// more depth than is portable. Left in the middle when one fails.
    pub(super) fn apply(&self, document: &mut Value, max_bytes: usize) -> Result<(), PatchFailure> {
        // Never less than the document's size, and exact only when it has to be: counting anew
        // after each of many small operations would cost more than the operations.
        let mut at_most = canonical::size(document);
        let mut copied = 0_usize;
        for (index, operation) in self.0.iter().enumerate() {
            let failed = |path: &Pointer, detail: &str| {
                Violation::new(path.as_str(), format!("operation {index}: {detail}"))
            };
            let failed_at =
                |path: &Pointer| PatchFailure::PathNotFound(failed(path, NO_SUCH_PLACE));
            if let PatchOperation::Move(MoveOperation { from, path }) = operation
                && from == path
            {
                // No effect, if there is something (RFC 6902, 4.4); the crate cannot move the whole.
                if document.pointer(from.as_str()).is_none() {
                    return Err(failed_at(from));
                }
                continue;
            }
            if let Some((value, path)) = placed(operation, document) {
                let from_depth = match operation {
                    PatchOperation::Move(MoveOperation { from, .. }) => Some(from.count()),
                    _ => None,
                };
                // What moves up or stays where it is deep cannot become too deep.
                if from_depth.is_none_or(|depth| depth < path.count())
                    && path.count() + height(value) > MAX_DEPTH
                {
                    return Err(PatchFailure::NotPortable(vec![failed(path, TOO_DEEP)]));
                }
                // What moves is there already.
                if from_depth.is_none() {
                    let size = canonical::size(value);
                    at_most = at_most.saturating_add(size);
                    if matches!(operation, PatchOperation::Copy(_)) {
                        copied = copied.saturating_add(size);
                        if copied > MAX_COPIED_BYTES {
                            return Err(PatchFailure::TooLarge);
                        }
                    }
                }
                let name = path.last().map_or(0, |name| {
                    canonical::size(&name.decoded().into_owned().into())
                });
                at_most = at_most.saturating_add(name + 2);
            }
            patch_unsafe(document, std::slice::from_ref(operation)).map_err(|error| {
                let path = operation.path();
                match (operation, error.kind) {
                    // What is not there equals nothing.
                    (PatchOperation::Test(_), _) => {
                        PatchFailure::TestFailed(failed(path, TEST_FAILED))
                    }
                    (
                        PatchOperation::Copy(CopyOperation { from, .. })
                        | PatchOperation::Move(MoveOperation { from, .. }),
                        PatchErrorKind::InvalidFromPointer,
                    ) => failed_at(from),
                    _ => failed_at(path),
                }
            })?;
            if at_most > max_bytes {
                at_most = canonical::size(document);
                if at_most > max_bytes {
                    return Err(PatchFailure::TooLarge);
                }
            }
        }
        Ok(())
    }
}

/// The attribute that a pointer leads into; `None` for the whole profile.
fn attribute(pointer: &Pointer) -> Option<String> {
    pointer.first().map(|name| name.decoded().into_owned())
}

/// The value that an operation puts somewhere, and where.
fn placed<'a>(
    operation: &'a PatchOperation,
    document: &'a Value,
) -> Option<(&'a Value, &'a Pointer)> {
    match operation {
        PatchOperation::Add(add) => Some((&add.value, &add.path)),
        PatchOperation::Replace(replace) => Some((&replace.value, &replace.path)),
        PatchOperation::Copy(copy) => {
            Some((document.pointer(copy.from.as_str())?, copy.path.as_ref()))
        }
        PatchOperation::Move(shift) => {
            Some((document.pointer(shift.from.as_str())?, shift.path.as_ref()))
        }
        PatchOperation::Remove(_) | PatchOperation::Test(_) => None,
    }
}

/// Those violations that lie in members which an operation may have: others are ignored, whatever
/// they hold (RFC 6902, section 4).
fn of_known_members(mut violations: Vec<Violation>) -> Vec<Violation> {
    // Of a full list the rest is not known, and what is not known is refused.
    if violations.len() < MAX_VIOLATIONS {
        violations.retain(|violation| {
            let member = violation.pointer.split('/').nth(2);
            member.is_none_or(|member| ["op", "path", "from", "value"].contains(&member))
        });
    }
    violations
}

/// How many levels of lists and objects a value has: 0 for a scalar.
fn height(value: &Value) -> usize {
    match value {
        Value::Array(elements) => 1 + elements.iter().map(height).max().unwrap_or(0),
        Value::Object(members) => 1 + members.values().map(height).max().unwrap_or(0),
        _ => 0,
    }
}

/// Reads one operation. Members that it does not need are ignored (RFC 6902, section 4).
///
/// The crate's own reading would name neither the operation nor the member that is wrong.
fn operation(element: Value) -> Result<PatchOperation, (&'static str, &'static str)> {
    let Value::Object(mut members) = element else {
        return Err(("", NOT_AN_OPERATION));
    };
    let op = members
        .get("op")
        .and_then(Value::as_str)
        .unwrap_or("")
        .to_owned();
    if !["add", "remove", "replace", "move", "copy", "test"].contains(&op.as_str()) {
        return Err(("/op", UNKNOWN_OPERATION));
    }
    let path = pointer(&members, "path").ok_or(("/path", NOT_A_POINTER))?;
    let from =
        |members: &Map<String, Value>| pointer(members, "from").ok_or(("/from", NOT_A_POINTER));
    let mut value = || members.remove("value").ok_or(("/value", NO_VALUE));
    Ok(match op.as_str() {
        "add" => PatchOperation::Add(AddOperation {
            path,
            value: value()?,
        }),
        "replace" => PatchOperation::Replace(ReplaceOperation {
            path,
            value: value()?,
        }),
        "test" => PatchOperation::Test(TestOperation {
            path,
            value: value()?,
        }),
        "copy" => PatchOperation::Copy(CopyOperation {
            from: from(&members)?,
            path,
        }),
        "move" => {
            let from = from(&members)?;
            if path
                .as_str()
                .strip_prefix(from.as_str())
                .is_some_and(|rest| rest.starts_with('/'))
            {
                return Err(("/path", INTO_ITSELF));
            }
            PatchOperation::Move(MoveOperation { from, path })
        }
        _ => PatchOperation::Remove(RemoveOperation { path }),
    })
}

fn pointer(members: &Map<String, Value>, name: &str) -> Option<PointerBuf> {
    PointerBuf::parse(members.get(name)?.as_str()?.to_owned()).ok()
}
