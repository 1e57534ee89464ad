//! RFC 6902 and RFC 7396 by the letter, and the contract's bounds: a second implementation, which
//! has nothing to be but right. It builds a new document at every step and knows no crate for it.

use serde_json::{Map, Value};
use usher_domain::json::portable::MAX_DEPTH;

/// Why nothing comes out. Where an operation is wrong in two ways, either may be said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refusal {
    TestFailed(String),
    NoSuchPlace(String),
    TooLarge,
    NotPortable,
}

/// What a reader of this profile is shown.
pub(crate) fn shown(attributes: &Value, user: &str) -> Value {
    let mut document = attributes.clone();
    document["userId"] = user.into();
    document
}

/// RFC 7396, section 2.
pub(crate) fn merged(target: Option<&Value>, patch: &Value) -> Value {
    let Value::Object(wanted) = patch else {
        return patch.clone();
    };
    let empty = Map::new();
    let before = target.and_then(Value::as_object).unwrap_or(&empty);
    let kept = before
        .iter()
        .filter(|(name, _)| !wanted.contains_key(*name))
        .map(|(name, value)| (name.clone(), value.clone()));
    let changed = wanted
        .iter()
        .filter(|(_, change)| !change.is_null())
        .map(|(name, change)| (name.clone(), merged(before.get(name), change)));
    kept.chain(changed).collect()
}

/// RFC 6902, section 4, each operation and then the bounds.
pub(crate) fn step(
    document: &Value,
    operation: &Value,
    max_bytes: usize,
) -> Result<Value, Vec<Refusal>> {
    let text = |name: &str| operation[name].as_str().unwrap_or_default().to_owned();
    let (path, from) = (text("path"), text("from"));
    let value = &operation["value"];
    let missing = |place: &str| Refusal::NoSuchPlace(place.to_owned());
    let after = match text("op").as_str() {
        "add" => added(document, &path, value).ok_or_else(|| unplaced(&path, value)),
        "remove" => removed(document, &path).ok_or_else(|| vec![missing(&path)]),
        "replace" => replaced(document, &path, value).ok_or_else(|| unplaced(&path, value)),
        "test" => match found(document, &path) {
            Some(there) if there == value => Ok(document.clone()),
            _ => Err(vec![Refusal::TestFailed(path)]),
        },
        "copy" => {
            let value = found(document, &from).ok_or_else(|| vec![missing(&from)])?;
            added(document, &path, value).ok_or_else(|| unplaced(&path, value))
        }
        "move" => {
            let value = found(document, &from).ok_or_else(|| vec![missing(&from)])?;
            let without = removed(document, &from).ok_or_else(|| vec![missing(&from)])?;
            added(&without, &path, value).ok_or_else(|| unplaced(&path, value))
        }
        other => panic!("{other}"),
    }?;
    let mut refusals = Vec::new();
    if depth(&after) > MAX_DEPTH {
        refusals.push(Refusal::NotPortable);
    }
    if after.to_string().len() > max_bytes {
        refusals.push(Refusal::TooLarge);
    }
    if refusals.is_empty() {
        Ok(after)
    } else {
        Err(refusals)
    }
}

/// There is no such place to put a value; and where it is deeper than any place, that may be said.
fn unplaced(path: &str, value: &Value) -> Vec<Refusal> {
    let mut refusals = vec![Refusal::NoSuchPlace(path.to_owned())];
    if names(path).len() + depth(value) > MAX_DEPTH {
        refusals.push(Refusal::NotPortable);
    }
    refusals
}

/// What is left of a document when it becomes the profile of `user`.
pub(crate) fn kept(document: &Value, user: &str, max_bytes: usize) -> Result<Value, Refusal> {
    let mut attributes = document.clone();
    let members = attributes.as_object_mut();
    let id = members.and_then(|members| members.remove("userId"));
    // The contract's order: 413, then 422.
    if attributes.to_string().len() > max_bytes {
        return Err(Refusal::TooLarge);
    }
    let members = attributes.as_object().ok_or(Refusal::NotPortable)?;
    let reserved = members.keys().any(|name| name.starts_with('_'));
    if reserved || has_empty_name(document) || id.is_some_and(|id| id != user) {
        return Err(Refusal::NotPortable);
    }
    Ok(attributes)
}

/// Levels of lists and objects: 0 for anything else.
pub(crate) fn depth(value: &Value) -> usize {
    match value {
        Value::Array(elements) => 1 + elements.iter().map(depth).max().unwrap_or(0),
        Value::Object(members) => 1 + members.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

/// Whether a member has a name that no profile may have at any depth.
pub(crate) fn has_empty_name(value: &Value) -> bool {
    match value {
        Value::Array(elements) => elements.iter().any(has_empty_name),
        Value::Object(members) => members.contains_key("") || members.values().any(has_empty_name),
        _ => false,
    }
}

/// RFC 6901, section 4.
pub(crate) fn names(pointer: &str) -> Vec<String> {
    let escaped = pointer.split('/').skip(1);
    escaped
        .map(|name| name.replace("~1", "/").replace("~0", "~"))
        .collect()
}

/// RFC 6901, section 3.
pub(crate) fn joined(pointer: &str, name: &str) -> String {
    format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1"))
}

/// An index below `bound`: digits, and no zero before others.
fn index(name: &str, bound: usize) -> Option<usize> {
    (0..bound).find(|index| index.to_string() == name)
}

fn found<'a>(document: &'a Value, path: &str) -> Option<&'a Value> {
    names(path)
        .iter()
        .try_fold(document, |place, name| match place {
            Value::Object(members) => members.get(name),
            Value::Array(elements) => elements.get(index(name, elements.len())?),
            _ => None,
        })
}

fn added(document: &Value, path: &str, value: &Value) -> Option<Value> {
    changed(document, &names(path), &|parent, name| match parent {
        None => Some(value.clone()),
        Some(Value::Object(mut members)) => {
            members.insert(name.to_owned(), value.clone());
            Some(Value::Object(members))
        }
        Some(Value::Array(mut elements)) => {
            let end = elements.len();
            let index = if name == "-" {
                end
            } else {
                index(name, end + 1)?
            };
            elements.insert(index, value.clone());
            Some(Value::Array(elements))
        }
        Some(_) => None,
    })
}

fn removed(document: &Value, path: &str) -> Option<Value> {
    changed(document, &names(path), &|parent, name| match parent? {
        Value::Object(mut members) => {
            members.remove(name)?;
            Some(Value::Object(members))
        }
        Value::Array(mut elements) => {
            elements.remove(index(name, elements.len())?);
            Some(Value::Array(elements))
        }
        _ => None,
    })
}

fn replaced(document: &Value, path: &str, value: &Value) -> Option<Value> {
    found(document, path)?;
    if path.is_empty() {
        return Some(value.clone());
    }
    // In a list, what comes after moves up and down again.
    added(&removed(document, path)?, path, value)
}

type Change<'a> = &'a dyn Fn(Option<Value>, &str) -> Option<Value>;

/// The document with the parent of a place changed; without a parent, the change is the document.
fn changed(document: &Value, names: &[String], change: Change<'_>) -> Option<Value> {
    match (names, document) {
        ([], _) => change(None, ""),
        ([last], _) => change(Some(document.clone()), last),
        ([first, rest @ ..], Value::Object(members)) => {
            let mut members = members.clone();
            let inner = changed(members.get(first)?, rest, change)?;
            members.insert(first.clone(), inner);
            Some(Value::Object(members))
        }
        ([first, rest @ ..], Value::Array(elements)) => {
            let mut elements = elements.clone();
            let index = index(first, elements.len())?;
            elements[index] = changed(&elements[index], rest, change)?;
            Some(Value::Array(elements))
        }
        _ => None,
    }
}
