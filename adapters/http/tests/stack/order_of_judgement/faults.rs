use axum::http::Method;

use crate::support::{ALICE, Ask, DISABLED_KEY, KEY, Setup, World, plan_limits};

/// What can be wrong with a request, in the order in which it is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fault {
    UserId,
    Token,
    Key,
    Limits,
    Access,
    MediaType,
    Size,
    Syntax,
    /// JSON that is no patch of its kind.
    Form,
    Content,
    Absence,
    Precondition,
    /// `If-Match` is required, and not there; nor has another precondition refused the write.
    Required,
    Test,
    /// A place that is not there: the patch comes to no result.
    Place,
    ReadOnly,
    ResultSize,
    ResultContent,
    Schema,
    /// Others write between the read and the write.
    Overtaken,
}

use Fault::{
    Absence, Access, Content, Form, Key, Limits, MediaType, Overtaken, Place, Precondition,
    ReadOnly, Required, ResultContent, ResultSize, Schema, Size, Syntax, Test, Token, UserId,
};

impl Fault {
    pub(super) fn code(self) -> &'static str {
        match self {
            UserId => "invalid_user_id",
            Token => "invalid_token",
            Key => "invalid_api_key",
            Limits => "throttled",
            Access => "not_your_profile",
            MediaType => "unsupported_media_type",
            Size | ResultSize => "too_large",
            Syntax => "invalid_json",
            Form => "invalid_patch",
            Content | ResultContent => "not_portable",
            Absence => "profile_not_found",
            Required => "precondition_required",
            Precondition => "precondition_failed",
            Test => "patch_test_failed",
            Place => "patch_path_not_found",
            ReadOnly => "attribute_read_only",
            Schema => "schema_violation",
            Overtaken => "write_conflict",
        }
    }
}

/// A request of one kind, with the faults that it can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Get,
    Delete,
    Put,
    MergePatch,
    JsonPatch,
}

impl Kind {
    pub(super) const fn faults(self) -> &'static [Fault] {
        match self {
            Self::Get => &[UserId, Token, Key, Limits, Access, Absence, Precondition],
            Self::Delete => &[
                UserId,
                Token,
                Key,
                Limits,
                Access,
                Absence,
                Precondition,
                Required,
                Overtaken,
            ],
            Self::Put => &[
                UserId,
                Token,
                Key,
                Limits,
                Access,
                MediaType,
                Size,
                Syntax,
                Content,
                Precondition,
                Required,
                ReadOnly,
                ResultSize,
                Schema,
                Overtaken,
            ],
            Self::MergePatch => &[
                UserId,
                Token,
                Key,
                Limits,
                Access,
                MediaType,
                Size,
                Syntax,
                Content,
                Absence,
                Precondition,
                Required,
                ReadOnly,
                ResultSize,
                Schema,
                Overtaken,
            ],
            Self::JsonPatch => &[
                UserId,
                Token,
                Key,
                Limits,
                Access,
                MediaType,
                Size,
                Syntax,
                Form,
                Content,
                Absence,
                Precondition,
                Required,
                Test,
                Place,
                ReadOnly,
                ResultSize,
                ResultContent,
                Schema,
                Overtaken,
            ],
        }
    }

    fn method(self) -> Method {
        match self {
            Self::Get => Method::GET,
            Self::Delete => Method::DELETE,
            Self::Put => Method::PUT,
            Self::MergePatch | Self::JsonPatch => Method::PATCH,
        }
    }

    fn media_type(self) -> Option<&'static str> {
        match self {
            Self::Get | Self::Delete => None,
            Self::Put => Some("application/json"),
            Self::MergePatch => Some("application/merge-patch+json"),
            Self::JsonPatch => Some("application/json-patch+json"),
        }
    }

    pub(super) fn request(self, faults: &[Fault]) -> Ask {
        let has = |fault| faults.contains(&fault);
        let path = match (has(UserId), has(Access)) {
            (true, _) => "/users/a%2Fb/profile",
            (false, true) => "/users/bob/profile",
            (false, false) => ALICE,
        };
        let mut ask = Ask::new(self.method(), path);
        if has(Token) {
            ask = ask.token("nonsense");
        }
        if has(Key) {
            ask = ask.key(DISABLED_KEY);
        }
        ask = match (has(Required), has(Precondition)) {
            // What is required is missing, and what is there fails.
            (true, true) => ask.header("if-none-match", "*"),
            (false, true) => ask.header("if-match", "\"of another content\""),
            // Who demands nothing of what it deletes is overtaken by nobody.
            (false, false) if has(Overtaken) => ask.header("if-match", "*"),
            _ => ask,
        };
        let Some(media_type) = self.media_type() else {
            return ask;
        };
        let media_type = if has(MediaType) {
            "text/plain"
        } else {
            media_type
        };
        let room = if has(Size) { 64 * 1024 } else { 0 };
        let body = if self == Self::JsonPatch {
            operations(faults)
        } else {
            members(faults)
        };
        let cut = body.len() - usize::from(has(Syntax));
        let body = format!("{}{}", " ".repeat(room), &body[..cut]);
        ask.header("content-type", media_type).body(body)
    }
}

/// As much as is room for, when nothing is kept that is as long again.
const PAD: usize = 100;
const MAX_BYTES: usize = 160;

/// A profile, or a merge patch.
fn members(faults: &[Fault]) -> String {
    let mut members = vec![r#""a":2"#.to_owned()];
    for fault in faults {
        members.push(match fault {
            Content => r#""_b":1"#.to_owned(),
            ReadOnly => r#""tier":"other""#.to_owned(),
            ResultSize => format!("\"pad\":\"{}\"", "x".repeat(PAD)),
            Schema => r#""age":-1"#.to_owned(),
            _ => continue,
        });
    }
    format!("{{{}}}", members.join(","))
}

/// The faulty operations in the order of the faults: each but the last would be carried out.
fn operations(faults: &[Fault]) -> String {
    let mut operations = Vec::new();
    for fault in faults {
        operations.push(match fault {
            Form => r#"{"op":"nonsense"}"#.to_owned(),
            Content => r#"{"op":"add","path":"/b","value":"\u0000"}"#.to_owned(),
            Test => r#"{"op":"test","path":"/a","value":7}"#.to_owned(),
            Place => r#"{"op":"remove","path":"/missing"}"#.to_owned(),
            ReadOnly => r#"{"op":"remove","path":"/tier"}"#.to_owned(),
            ResultSize => format!(
                r#"{{"op":"add","path":"/pad","value":"{}"}}"#,
                "x".repeat(PAD)
            ),
            ResultContent => r#"{"op":"replace","path":"/userId","value":"bob"}"#.to_owned(),
            Schema => r#"{"op":"add","path":"/age","value":-1}"#.to_owned(),
            _ => continue,
        });
    }
    operations.push(r#"{"op":"replace","path":"/a","value":2}"#.to_owned());
    format!("[{}]", operations.join(","))
}

/// A deployment in which the request has these faults.
pub(super) async fn world(faults: &[Fault]) -> World {
    let mut setup = Setup::with_schema(&["since", "tier"]).max_bytes(MAX_BYTES);
    setup.plan = plan_limits(0.001, 4, 0);
    setup.rules.require_if_match = faults.contains(&Required);
    let world = setup.start();
    if !faults.contains(&Absence) {
        // A PUT leaves out `since`, and keeps it.
        let since = "x".repeat(PAD - 40);
        world.alice_was_given(&format!(r#"{{"a":1,"since":"{since}","tier":"gold"}}"#));
    }
    if faults.contains(&Limits) {
        world.spend_all(KEY).await;
        // A key that is refused has an account all the same, and it is empty.
        world.spend_all(DISABLED_KEY).await;
    }
    if faults.contains(&Overtaken) {
        world.profiles.contend();
    }
    world
}
