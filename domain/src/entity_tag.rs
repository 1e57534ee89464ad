//! Entity tags and the preconditions that name them (RFC 9110, sections 8.8.3 and 13).

use std::fmt;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest as _, Sha256};

/// A strong entity tag: the SHA-256 of the canonical content.
///
/// Equal tags mean equal content, whoever wrote it and whichever store holds it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct EntityTag([u8; 32]);

impl EntityTag {
    /// The tag of a content in its canonical spelling.
    #[must_use]
    pub fn of(canonical: &str) -> Self {
        Self(Sha256::digest(canonical.as_bytes()).into())
    }

    /// The SHA-256 that the tag is, for a store to keep.
    #[must_use]
    pub const fn digest(&self) -> &[u8; 32] {
        &self.0
    }

    /// The tag without its quotes: 43 characters of URL-safe base64.
    #[must_use]
    pub fn opaque(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }
}

/// The header's form, in quotes.
impl fmt::Display for EntityTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.opaque())
    }
}

impl fmt::Debug for EntityTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The value of an `If-Match` or `If-None-Match` header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TagList {
    /// `*`: any current representation.
    Any,
    /// The listed tags; an unreadable list is empty and matches nothing.
    Tags(Vec<TagInRequest>),
}

/// One entity tag as a client sent it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagInRequest {
    weak: bool,
    opaque: String,
}

impl TagList {
    /// Reads a header's value, several fields of the same name joined by commas.
    ///
    /// A member that is no entity tag matches nothing. `*` may be there several times: a client and a
    /// proxy have each sent a field.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let mut members = text.split(',').map(str::trim).filter(|one| !one.is_empty());
        if members.next() == Some("*") && members.all(|one| one == "*") {
            return Self::Any;
        }
        let mut tags = Vec::new();
        let mut rest = text;
        loop {
            rest = rest.trim_start_matches([' ', '\t', ',']);
            let (weak, quoted) = match rest.strip_prefix("W/") {
                Some(quoted) => (true, quoted),
                None => (false, rest),
            };
            let tag = quoted
                .strip_prefix('"')
                .and_then(|inside| inside.split_once('"'));
            if let Some((opaque, after)) = tag {
                tags.push(TagInRequest {
                    weak,
                    opaque: opaque.to_owned(),
                });
                rest = after;
            } else if let Some((_, after)) = rest.split_once(',') {
                rest = after;
            } else {
                return Self::Tags(tags);
            }
        }
    }

    /// Whether there is nothing in it that could be compared.
    fn is_unreadable(&self) -> bool {
        matches!(self, Self::Tags(tags) if tags.is_empty())
    }

    /// Strong comparison: weak tags never match (`If-Match`).
    fn matches_strongly(&self, current: &EntityTag) -> bool {
        match self {
            Self::Any => true,
            Self::Tags(tags) => {
                let opaque = current.opaque();
                tags.iter().any(|tag| !tag.weak && tag.opaque == opaque)
            }
        }
    }

    /// Weak comparison (`If-None-Match`).
    fn matches_weakly(&self, current: &EntityTag) -> bool {
        match self {
            Self::Any => true,
            Self::Tags(tags) => {
                let opaque = current.opaque();
                tags.iter().any(|tag| tag.opaque == opaque)
            }
        }
    }
}

/// What a request demands of the stored profile before it is carried out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Preconditions {
    /// `If-Match`.
    pub if_match: Option<TagList>,
    /// `If-None-Match`.
    pub if_none_match: Option<TagList>,
}

/// What a read comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadVerdict {
    /// Answer with the profile.
    Proceed,
    /// The client has it already: 304.
    NotModified,
    /// 412.
    Failed,
}

/// What a write comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriteVerdict {
    /// Write.
    Proceed,
    /// 412.
    Failed,
    /// 428.
    Required,
}

impl Preconditions {
    /// Nothing is demanded.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.if_match.is_none() && self.if_none_match.is_none()
    }

    /// Only `If-None-Match: *` is demanded: create, never replace.
    #[must_use]
    pub fn only_create(&self) -> bool {
        self.if_match.is_none() && self.if_none_match == Some(TagList::Any)
    }

    /// Judges a read of a profile that exists (RFC 9110, 13.2.2).
    #[must_use]
    pub fn judge_read(&self, current: &EntityTag) -> ReadVerdict {
        if self
            .if_match
            .as_ref()
            .is_some_and(|tags| !tags.matches_strongly(current))
        {
            ReadVerdict::Failed
        } else if self
            .if_none_match
            .as_ref()
            .is_some_and(|tags| tags.matches_weakly(current))
        {
            ReadVerdict::NotModified
        } else {
            ReadVerdict::Proceed
        }
    }

    /// Judges a write; `current` is what the store holds, if anything. `if_match_required` demands
    /// `If-Match` of whoever writes what exists (RFC 6585, section 3). A write that another
    /// precondition refuses already is not an unconditional one: who only creates is told that the
    /// profile exists, whatever the deployment demands.
    #[must_use]
    pub fn judge_write(
        &self,
        current: Option<&EntityTag>,
        if_match_required: bool,
    ) -> WriteVerdict {
        let match_holds = self
            .if_match
            .as_ref()
            .is_none_or(|tags| current.is_some_and(|current| tags.matches_strongly(current)));
        // One that cannot be read may have been meant to protect what is there.
        let refuses =
            |tags: &TagList, current| tags.is_unreadable() || tags.matches_weakly(current);
        let none_match_holds = self
            .if_none_match
            .as_ref()
            .is_none_or(|tags| !current.is_some_and(|current| refuses(tags, current)));
        if !(match_holds && none_match_holds) {
            WriteVerdict::Failed
        } else if if_match_required && current.is_some() && self.if_match.is_none() {
            WriteVerdict::Required
        } else {
            WriteVerdict::Proceed
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn demand(if_match: Option<&str>, if_none_match: Option<&str>) -> Preconditions {
        Preconditions {
            if_match: if_match.map(TagList::parse),
            if_none_match: if_none_match.map(TagList::parse),
        }
    }

    #[test]
    fn lists_are_read_as_the_standard_writes_them() {
        let TagList::Tags(tags) = TagList::parse(r#" "a" , W/"b,c","" "#) else {
            panic!()
        };
        let read: Vec<_> = tags
            .iter()
            .map(|tag| (tag.weak, tag.opaque.as_str()))
            .collect();
        assert_eq!(read, [(false, "a"), (true, "b,c"), (false, "")]);
        for any in [" * ", "*,*", "*, ,*,"] {
            assert_eq!(TagList::parse(any), TagList::Any, "{any}");
        }
        assert_eq!(TagList::parse("nonsense"), TagList::Tags(vec![]));
        assert_eq!(TagList::parse(r#"nonsense, "a""#), TagList::parse(r#""a""#));
    }

    #[test]
    fn if_match_compares_strongly_and_if_none_match_weakly() {
        let tag = EntityTag::of("{}");
        let weak = format!("W/{tag}");
        assert_eq!(
            demand(Some(&tag.to_string()), None).judge_write(Some(&tag), false),
            WriteVerdict::Proceed
        );
        assert_eq!(
            demand(Some(&weak), None).judge_write(Some(&tag), false),
            WriteVerdict::Failed
        );
        assert_eq!(
            demand(None, Some(&weak)).judge_read(&tag),
            ReadVerdict::NotModified
        );
        assert_eq!(
            demand(None, Some(&weak)).judge_write(Some(&tag), false),
            WriteVerdict::Failed
        );
    }

    #[test]
    fn an_absent_profile_fails_if_match_and_passes_if_none_match() {
        let tag = EntityTag::of("{}").to_string();
        assert_eq!(
            demand(Some("*"), None).judge_write(None, false),
            WriteVerdict::Failed
        );
        assert_eq!(
            demand(Some(&tag), None).judge_write(None, false),
            WriteVerdict::Failed
        );
        assert_eq!(
            demand(None, Some("*")).judge_write(None, false),
            WriteVerdict::Proceed
        );
        assert_eq!(
            demand(None, Some(&tag)).judge_write(None, false),
            WriteVerdict::Proceed
        );
    }

    #[test]
    fn an_unreadable_if_match_refuses() {
        let tag = EntityTag::of("{}");
        assert_eq!(
            demand(Some("nonsense"), None).judge_write(Some(&tag), false),
            WriteVerdict::Failed
        );
        assert_eq!(
            demand(Some("nonsense"), None).judge_read(&tag),
            ReadVerdict::Failed
        );
    }
}
