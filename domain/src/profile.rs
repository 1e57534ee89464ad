//! A profile in its canonical, portable form.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::{
    entity_tag::EntityTag,
    json::{
        self, Violation, canonical,
        portable::{self, MAX_DEPTH, MAX_VIOLATIONS, NotPortable},
    },
    user_id::UserId,
};

/// The member that names the user; it is the store's key and never part of the content.
pub const USER_ID_MEMBER: &str = "userId";

/// The largest profile that may be configured, in bytes of canonical JSON.
pub const MAX_PROFILE_BYTES: usize = 256 * 1024;

/// The heaviest profile, as `DynamoDB` counts: its items have 400 KB, of which the user's id and
/// Usher's own attribute take up to 320 bytes. Many small lists in one another weigh nearly twice what
/// they take as JSON.
const MAX_WEIGHT: usize = 400 * 1024 - 512;
const TOO_HEAVY: &str = "the profile would take more than 400 KB in DynamoDB, which counts three bytes for \
     every array and object: have fewer of them";

/// A user's profile: the canonical JSON of its attributes, without the user id, and its tag.
///
/// Whatever one store takes, every store takes, and gives back equal with the same tag. Clones
/// share their text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    canonical: Arc<str>,
    tag: EntityTag,
}

/// Why a body is not a profile.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProfileError {
    /// Not JSON; with what the parser says, line and column included.
    #[error("the body is not JSON: {0}")]
    NotJson(String),
    /// JSON that some store could not keep, or that speaks of another user.
    #[error("the body is not a portable profile")]
    NotPortable(Vec<Violation>),
    /// More canonical JSON than is allowed.
    #[error("the profile is larger than {max_bytes} bytes")]
    TooLarge {
        /// What is allowed, in bytes.
        max_bytes: usize,
    },
}

impl Profile {
    /// Reads a body that a client sent for `user_id`. A `userId` member must name that user.
    ///
    /// # Errors
    /// See [`ProfileError`]; syntax comes before size, size before portability.
    pub fn parse(body: &[u8], user_id: &UserId, max_bytes: usize) -> Result<Self, ProfileError> {
        let (mut document, violations) =
            portable::read(body, MAX_DEPTH).map_err(ProfileError::NotJson)?;
        Self::judge(&mut document, violations, user_id, max_bytes)
    }

    /// Judges a document as [`parse`](Self::parse) judges a body. Numbers in it are brought into their
    /// portable form, and a `userId` is taken out.
    ///
    /// # Errors
    /// See [`ProfileError`]; never [`ProfileError::NotJson`].
    pub fn from_document(
        document: &mut Value,
        user_id: &UserId,
        max_bytes: usize,
    ) -> Result<Self, ProfileError> {
        let violations = portable::check(document);
        Self::judge(document, violations, user_id, max_bytes)
    }

    fn judge(
        document: &mut Value,
        mut violations: Vec<Violation>,
        user_id: &UserId,
        max_bytes: usize,
    ) -> Result<Self, ProfileError> {
        let named = document
            .as_object_mut()
            .and_then(|members| members.remove(USER_ID_MEMBER));
        let canonical = canonical::value(document);
        if canonical.len() > max_bytes {
            return Err(ProfileError::TooLarge { max_bytes });
        }
        violations.extend(named.and_then(|named| names(&named, user_id).err()));
        violations.extend(portable::other_kind(document));
        // Below half of it there is no need to weigh.
        if canonical.len() > MAX_WEIGHT / 2 && json::weight(document) > MAX_WEIGHT {
            violations.push(Violation {
                pointer: String::new(),
                detail: TOO_HEAVY.into(),
            });
        }
        if violations.is_empty() {
            Ok(Self::of(canonical))
        } else {
            violations.truncate(MAX_VIOLATIONS);
            Err(ProfileError::NotPortable(violations))
        }
    }

    /// Reads JSON text that a store holds, written by Usher or by anybody else. A `userId` in it is
    /// left out: the store's key says whose it is.
    ///
    /// # Errors
    /// What is wrong with it; a store reports that as a corrupt row.
    pub fn from_stored_json(text: &[u8]) -> Result<Self, ProfileError> {
        match portable::parse(text) {
            Ok(mut members) => {
                members.remove(USER_ID_MEMBER);
                Ok(Self::of(canonical::object(&members)))
            }
            Err(NotPortable::Syntax(said)) => Err(ProfileError::NotJson(said)),
            Err(NotPortable::Violations(found)) => Err(ProfileError::NotPortable(found)),
        }
    }

    /// Reads what a store wrote out of [`as_json`](Self::as_json) and kept with the
    /// [tag's digest](EntityTag::digest). A text that has this very digest is as it was written, and
    /// need not be read to know so; any other is judged like
    /// [anybody's](Self::from_stored_json).
    ///
    /// # Errors
    /// Those of [`from_stored_json`](Self::from_stored_json).
    pub fn from_stored_canonical(text: String, digest: &[u8]) -> Result<Self, ProfileError> {
        let tag = EntityTag::of(&text);
        if tag.digest() == digest {
            let canonical = text.into();
            Ok(Self { canonical, tag })
        } else {
            Self::from_stored_json(text.as_bytes())
        }
    }

    /// Makes a profile of attributes that a store holds in a form of its own. A `userId` among them
    /// is left out.
    ///
    /// # Errors
    /// [`ProfileError::NotPortable`] with every place that is wrong.
    pub fn from_attributes(mut attributes: Map<String, Value>) -> Result<Self, ProfileError> {
        attributes.remove(USER_ID_MEMBER);
        let mut document = Value::Object(attributes);
        let violations = portable::check(&mut document);
        if violations.is_empty() {
            Ok(Self::of(canonical::value(&document)))
        } else {
            Err(ProfileError::NotPortable(violations))
        }
    }

    fn of(canonical: String) -> Self {
        let tag = EntityTag::of(&canonical);
        Self {
            canonical: canonical.into(),
            tag,
        }
    }

    /// The attributes as canonical JSON, without the user id.
    #[must_use]
    pub fn as_json(&self) -> &str {
        &self.canonical
    }

    /// The attributes, without the user id.
    #[must_use]
    pub fn attributes(&self) -> Map<String, Value> {
        // The text is this type's own canonical JSON: it always reads. Not by serde_json: it gives a
        // member of a certain name a meaning of its own.
        portable::parse(self.canonical.as_bytes()).unwrap_or_default()
    }

    /// The profile with those attributes alone whose names `keep` accepts.
    #[must_use]
    pub fn only(&self, keep: impl Fn(&str) -> bool) -> Self {
        let mut members = self.attributes();
        members.retain(|name, _| keep(name));
        Self::of(canonical::object(&members))
    }

    /// The strong entity tag of the content.
    #[must_use]
    pub fn tag(&self) -> &EntityTag {
        &self.tag
    }

    /// The body of an answer: `{"userId":"…", …attributes}`.
    #[must_use]
    pub fn render(&self, user_id: &UserId) -> String {
        let id = user_id.as_str();
        let mut body = String::with_capacity(self.canonical.len() + id.len() + 16);
        body.push_str("{\"userId\":");
        canonical::write_string(id, &mut body);
        match self.canonical.strip_prefix('{') {
            Some("}") | None => body.push('}'),
            Some(members) => {
                body.push(',');
                body.push_str(members);
            }
        }
        body
    }
}

/// A `userId` member must name the user of the path.
pub(crate) fn names(member: &Value, user_id: &UserId) -> Result<(), Violation> {
    if member.as_str() == Some(user_id.as_str()) {
        Ok(())
    } else {
        Err(Violation::new(
            &format!("/{USER_ID_MEMBER}"),
            "the member must equal the user id of the path",
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_trusted_when_its_digest_says_that_it_was_written_here() {
        let written = Profile::from_stored_json(br#"{"a":1,"b":[true]}"#).unwrap();
        let digest = written.tag().digest();
        let read =
            |text: &str, digest: &[u8]| Profile::from_stored_canonical(text.to_owned(), digest);
        assert_eq!(read(written.as_json(), digest).unwrap(), written);
        // Somebody else's hand: another text under the old digest, or none.
        for (text, digest) in [
            (r#"{"b":[true], "a":1.0}"#, &digest[..]),
            (r#"{"a":1,"b":[true]}"#, b""),
        ] {
            assert_eq!(read(text, digest).unwrap(), written, "{text}");
        }
        assert!(read(r#"{"_a":1}"#, digest).is_err());
    }

    fn id() -> UserId {
        UserId::parse("u\"1").unwrap()
    }

    fn parse(body: &str) -> Result<Profile, ProfileError> {
        Profile::parse(body.as_bytes(), &id(), MAX_PROFILE_BYTES)
    }

    #[test]
    fn the_user_id_is_answered_and_never_stored() {
        let profile = parse(r#"{"z":1,"userId":"u\"1","a":2.0}"#).unwrap();
        assert_eq!(profile.as_json(), r#"{"a":2,"z":1}"#);
        assert_eq!(profile.render(&id()), r#"{"userId":"u\"1","a":2,"z":1}"#);
        assert_eq!(parse("{}").unwrap().render(&id()), r#"{"userId":"u\"1"}"#);
        assert_eq!(parse(r#"{"userId":"u\"1"}"#), parse("{}"));
    }

    #[test]
    fn a_body_of_another_user_is_refused() {
        for body in [
            r#"{"userId":"u2"}"#,
            r#"{"userId":null}"#,
            r#"{"userId":1}"#,
        ] {
            let Err(ProfileError::NotPortable(violations)) = parse(body) else {
                panic!("{body}")
            };
            assert_eq!(violations[0].pointer, "/userId");
        }
    }

    #[test]
    fn equal_content_has_an_equal_tag_and_other_content_another() {
        let tag = |body| *parse(body).unwrap().tag();
        assert_eq!(
            tag(r#"{"a":1.0,"b":"\u00e9"}"#),
            tag(r#"{ "b":"é", "a":1 }"#)
        );
        assert_ne!(tag(r#"{"a":1}"#), tag(r#"{"a":"1"}"#));
    }

    #[test]
    fn size_is_that_of_the_canonical_form() {
        let parse = |body: &str| Profile::parse(body.as_bytes(), &id(), 9);
        assert!(parse("{ \"a\" : 1.000 , \"userId\":\"u\\\"1\" }").is_ok());
        assert_eq!(
            parse(r#"{"a":1234}"#),
            Err(ProfileError::TooLarge { max_bytes: 9 })
        );
    }

    /// What `DynamoDB` would count as more than its 400 KB is refused by every store.
    #[test]
    fn a_profile_that_is_too_heavy_for_dynamodb_is_not_portable() {
        let parse = |body: &str| {
            let user = UserId::parse("alice").unwrap();
            Profile::parse(body.as_bytes(), &user, MAX_PROFILE_BYTES)
        };
        // Each weighs 7 bytes; 4 for the attribute's name and list, 3 for the profile.
        let lists = |count: usize| format!("{{\"a\":[{}]}}", vec!["[1]"; count].join(","));
        let most = (MAX_WEIGHT - 3 - 2 - 3) / 7;
        assert!(lists(most + 1).len() < MAX_PROFILE_BYTES);
        assert!(parse(&lists(most)).is_ok());
        let Err(ProfileError::NotPortable(places)) = parse(&lists(most + 1)) else {
            panic!("it is too heavy");
        };
        assert_eq!(places.len(), 1);
        assert_eq!((&*places[0].pointer, &*places[0].detail), ("", TOO_HEAVY));
        // The deeper the heavier: less than half of the JSON is never too heavy.
        let deep = format!("{}1{}", "[".repeat(30), "]".repeat(30));
        let count = MAX_WEIGHT / 2 / (deep.len() + 1) - 1;
        assert!(parse(&lists(count).replace("[1]", &deep)).is_ok());
    }

    #[test]
    fn a_name_longer_than_dynamodb_takes_is_not_portable() {
        let body = |length: usize| format!("{{\"a\":{{\"{}\":1}}}}", "n".repeat(length));
        let user = UserId::parse("alice").unwrap();
        let parse = |body: &str| Profile::parse(body.as_bytes(), &user, MAX_PROFILE_BYTES);
        assert!(parse(&body(65_535)).is_ok());
        assert!(matches!(
            parse(&body(65_536)),
            Err(ProfileError::NotPortable(_))
        ));
    }
}
