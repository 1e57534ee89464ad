//! Examples of bodies.

use serde_json::{Map, Value, json};
use usher_domain::profile::USER_ID_MEMBER;
use utoipa::openapi::{
    Ref, RefOr,
    example::{Example, ExampleBuilder},
};

use super::Facts;
use crate::problem::ErrorCode;

pub(super) const REQUEST_ID: &str = "5b3f1f0e-4f5b-8c3a-9d2e-7a1c0b9e8d7f";

/// Every failure, as its code says it.
pub(super) fn problems() -> impl Iterator<Item = (&'static str, Example)> {
    ErrorCode::ALL
        .iter()
        .map(|code| (code.as_str(), problem(*code)))
}

fn problem(code: ErrorCode) -> Example {
    let mut body = json!({
        "type": format!("urn:usher:problem:{}", code.as_str()),
        "title": code.title(),
        "status": code.status().as_u16(),
        "code": code.as_str(),
        "message": code.message(),
        "requestId": REQUEST_ID,
    });
    let (detail, place) = particulars(code);
    if let Some(detail) = detail {
        body["detail"] = detail.into();
    }
    if let Some((pointer, detail)) = place {
        body["errors"] = json!([{"pointer": pointer, "detail": detail}]);
    }
    ExampleBuilder::new()
        .summary(code.title())
        .description(code.meaning())
        .value(Some(body))
        .build()
}

type Particulars = (Option<&'static str>, Option<(&'static str, &'static str)>);

/// What one occurrence might say beside its code.
fn particulars(code: ErrorCode) -> Particulars {
    match code {
        ErrorCode::NotYourProfile => (Some("You can only access your own profile."), None),
        ErrorCode::ProfileNotFound => (Some("User profile not found for alice"), None),
        ErrorCode::NotPortable => (
            Some("The body cannot be kept as it is; errors names the places."),
            Some((
                "/_internal",
                "names that begin with an underscore are reserved",
            )),
        ),
        ErrorCode::SchemaViolation => (
            Some("The profile would break its schema; errors names the places."),
            Some(("/theme", "is not one of the values that are allowed")),
        ),
        ErrorCode::AttributeReadOnly => (
            Some("You may not write every attribute; errors names the places."),
            Some(("/plan", "the attribute is read only")),
        ),
        ErrorCode::AttributeNotGranted => (
            Some("You may use a part of this profile only; errors names the places."),
            Some(("/plan", "you may not write this attribute")),
        ),
        ErrorCode::InvalidPatch => (
            Some("The body is not a JSON Patch; errors names the places."),
            Some(("/0/value", "the operation needs a value")),
        ),
        ErrorCode::PatchTestFailed => (
            Some("A test of the patch does not hold; errors names the place."),
            Some(("/theme", "operation 0: the test does not hold")),
        ),
        ErrorCode::PatchPathNotFound => (
            Some("The patch needs a place that is not there; errors names it."),
            Some(("/theme", "operation 0: the profile has no such place")),
        ),
        _ => (None, None),
    }
}

/// The example of a code, by reference.
pub(super) fn reference(code: ErrorCode) -> RefOr<Example> {
    RefOr::Ref(Ref::new(format!("#/components/examples/{}", code.as_str())))
}

/// A profile, and changes to it, that the deployment takes.
pub(super) struct Bodies {
    pub(super) attributes: Value,
    pub(super) profile: Value,
    pub(super) merge_patch: Value,
    pub(super) json_patch: Value,
}

/// `None` where the deployment's schema has no example and takes neither of ours.
pub(super) fn bodies(facts: Facts<'_>) -> Option<Bodies> {
    let attributes = candidates(facts).find(|attributes| takes(facts, attributes))?;
    let mut profile = Map::from_iter([(USER_ID_MEMBER.to_owned(), "alice".into())]);
    profile.extend(attributes.clone());
    // What is there already may be written again, whatever the schema says.
    let mut merge_patch = Map::new();
    let mut json_patch = Vec::new();
    if let Some((name, value)) = attributes.iter().next_back() {
        let path = format!("/{}", name.replace('~', "~0").replace('/', "~1"));
        merge_patch.insert(name.clone(), value.clone());
        json_patch.push(json!({"op": "add", "path": path, "value": value}));
        json_patch.push(json!({"op": "test", "path": path, "value": value}));
    }
    Some(Bodies {
        attributes: attributes.into(),
        profile: profile.into(),
        merge_patch: merge_patch.into(),
        json_patch: json_patch.into(),
    })
}

fn candidates(facts: Facts<'_>) -> impl Iterator<Item = Map<String, Value>> {
    let schema = facts.rules.schema.as_ref();
    let theirs = schema.map(|schema| {
        let examples = schema.document().get("examples").and_then(Value::as_array);
        let mut theirs = examples.cloned().unwrap_or_default();
        // An owner may not write these.
        for example in theirs.iter_mut().filter_map(Value::as_object_mut) {
            example.retain(|name, _| !schema.read_only().contains(name.as_str()));
            example.remove(USER_ID_MEMBER);
        }
        theirs
    });
    theirs
        .unwrap_or_default()
        .into_iter()
        .chain([json!({"displayName": "Alice", "theme": "dark"}), json!({})])
        .filter_map(|candidate| match candidate {
            Value::Object(attributes) => Some(attributes),
            _ => None,
        })
}

fn takes(facts: Facts<'_>, attributes: &Map<String, Value>) -> bool {
    let schema = facts.rules.schema.as_ref();
    schema.is_none_or(|schema| schema.violations(attributes).is_empty())
}
