//! What becomes of a write, for every combination of what is stored and what the request demands.

use usher_domain::entity_tag::{EntityTag, Preconditions, TagList, WriteVerdict};

/// The header fields that a client may send, against a profile whose tag is `current`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    Missing,
    Any,
    Current,
    Other,
    CurrentAmongOthers,
    CurrentAsWeak,
    Unreadable,
    Empty,
}

impl Field {
    const ALL: [Self; 8] = [
        Self::Missing,
        Self::Any,
        Self::Current,
        Self::Other,
        Self::CurrentAmongOthers,
        Self::CurrentAsWeak,
        Self::Unreadable,
        Self::Empty,
    ];

    fn value(self, current: &EntityTag, other: &EntityTag) -> Option<TagList> {
        let text = match self {
            Self::Missing => return None,
            Self::Any => "*".to_owned(),
            Self::Current => current.to_string(),
            Self::Other => other.to_string(),
            Self::CurrentAmongOthers => format!("{other}, W/{other} ,{current}"),
            Self::CurrentAsWeak => format!("W/{current}"),
            // A tag without its quotes is none.
            Self::Unreadable => current.opaque(),
            Self::Empty => String::new(),
        };
        Some(TagList::parse(&text))
    }

    /// RFC 9110, 13.1.1: one of the strong tags is the current one's; `*` if there is one at all.
    fn holds_as_if_match(self, exists: bool) -> bool {
        match self {
            Self::Missing => true,
            Self::Any | Self::Current | Self::CurrentAmongOthers => exists,
            Self::Other | Self::CurrentAsWeak | Self::Unreadable | Self::Empty => false,
        }
    }

    /// RFC 9110, 13.1.2: none of the tags, weak or strong, is the current one's; `*` if there is
    /// none at all. And, not the standard's: what cannot be read may have been meant to protect what
    /// is there.
    fn holds_as_if_none_match(self, exists: bool) -> bool {
        match self {
            Self::Missing | Self::Other => true,
            Self::Any
            | Self::Current
            | Self::CurrentAmongOthers
            | Self::CurrentAsWeak
            | Self::Unreadable
            | Self::Empty => !exists,
        }
    }
}

#[test]
fn a_write_is_judged_as_the_standard_says_in_every_case() {
    let (current, other) = (EntityTag::of("{}"), EntityTag::of("{\"a\":1}"));
    let mut seen = [0; 3];
    for exists in [false, true] {
        for if_match in Field::ALL {
            for if_none_match in Field::ALL {
                for required in [false, true] {
                    let preconditions = Preconditions {
                        if_match: if_match.value(&current, &other),
                        if_none_match: if_none_match.value(&current, &other),
                    };
                    let stored = exists.then_some(&current);
                    // RFC 9110, 13.2.2, steps 1 and 3; RFC 6585, section 3, for what they let pass.
                    let holds = if_match.holds_as_if_match(exists)
                        && if_none_match.holds_as_if_none_match(exists);
                    let expected = if !holds {
                        WriteVerdict::Failed
                    } else if required && exists && if_match == Field::Missing {
                        WriteVerdict::Required
                    } else {
                        WriteVerdict::Proceed
                    };
                    assert_eq!(
                        preconditions.judge_write(stored, required),
                        expected,
                        "{exists} {if_match:?} {if_none_match:?} {required}"
                    );
                    seen[expected as usize] += 1;
                }
            }
        }
    }
    assert_eq!(seen.iter().sum::<u32>(), 2 * 8 * 8 * 2);
    assert!(seen.iter().all(|count| *count > 0), "{seen:?}");
}

/// The rows that clients use most, spelled out.
#[test]
fn the_common_cases_are_judged_as_the_contract_says() {
    use Field::{Any, Current, CurrentAsWeak, Missing, Other, Unreadable};
    use WriteVerdict::{Failed, Proceed, Required};
    let (current, other) = (EntityTag::of("{}"), EntityTag::of("{\"a\":1}"));
    for (exists, if_match, if_none_match, optional, required) in [
        (true, Missing, Missing, Proceed, Required),
        (true, Any, Missing, Proceed, Proceed),
        (true, Current, Missing, Proceed, Proceed),
        (true, Other, Missing, Failed, Failed),
        (true, CurrentAsWeak, Missing, Failed, Failed),
        (true, Unreadable, Missing, Failed, Failed),
        (true, Missing, Any, Failed, Failed),
        (true, Missing, Current, Failed, Failed),
        (true, Missing, CurrentAsWeak, Failed, Failed),
        (true, Missing, Other, Proceed, Required),
        (true, Missing, Unreadable, Failed, Failed),
        (true, Current, Current, Failed, Failed),
        (true, Current, Other, Proceed, Proceed),
        (false, Missing, Missing, Proceed, Proceed),
        (false, Any, Missing, Failed, Failed),
        (false, Current, Missing, Failed, Failed),
        (false, Missing, Any, Proceed, Proceed),
        (false, Missing, Current, Proceed, Proceed),
        (false, Any, Any, Failed, Failed),
    ] {
        let preconditions = Preconditions {
            if_match: if_match.value(&current, &other),
            if_none_match: if_none_match.value(&current, &other),
        };
        let stored = exists.then_some(&current);
        let row = format!("{exists} {if_match:?} {if_none_match:?}");
        assert_eq!(preconditions.judge_write(stored, false), optional, "{row}");
        assert_eq!(preconditions.judge_write(stored, true), required, "{row}");
    }
}
