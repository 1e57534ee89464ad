//! The parameters of requests.

use serde_json::{Value, json};
use usher_domain::user_id::MAX_USER_ID_BYTES;
use utoipa::openapi::{
    Ref, Required,
    path::{Parameter, ParameterBuilder, ParameterIn},
};

use super::schema;

pub(super) const USER_ID: &str = "UserId";
pub(super) const IF_MATCH: &str = "IfMatch";
pub(super) const IF_NONE_MATCH: &str = "IfNoneMatch";

pub(super) fn reference(name: &str) -> Ref {
    Ref::new(format!("#/components/parameters/{name}"))
}

/// Every parameter, by the name of its component.
pub(super) fn all() -> [(&'static str, Parameter); 3] {
    let parameter = |place: ParameterIn, name: &str, description: String, keywords: Value| {
        let required = match place {
            ParameterIn::Path => Required::True,
            _ => Required::False,
        };
        ParameterBuilder::new()
            .name(name)
            .parameter_in(place)
            .required(required)
            .description(Some(description))
            .schema(Some(schema(keywords)))
    };
    let user_id = parameter(
        ParameterIn::Path,
        "userId",
        format!(
            "Whose profile it is: `me` for the caller's own, or the caller's subject as the token \
             has it. Percent-decoded once, it has 1 to {MAX_USER_ID_BYTES} bytes of UTF-8 without \
             `/` and control characters, and is compared byte by byte."
        ),
        json!({
            "type": "string",
            "minLength": 1,
            // Characters: none has less than one byte.
            "maxLength": MAX_USER_ID_BYTES,
            // Of Unicode's category Cc.
            "pattern": "^[^/\\u0000-\\u001f\\u007f-\\u009f]+$",
        }),
    );
    // What a field may hold at all (RFC 9110, 5.5). A list that does not read names no tag.
    let tags = json!({"type": "string", "pattern": "^[^\\u0000-\\u0008\\u000a-\\u001f\\u007f]*$"});
    let if_match = parameter(
        ParameterIn::Header,
        "If-Match",
        "Entity tags, one of which the profile must have, or `*` for any: otherwise 412 (RFC 9110, \
         13.1.1)."
            .to_owned(),
        tags.clone(),
    );
    let if_none_match = parameter(
        ParameterIn::Header,
        "If-None-Match",
        "Entity tags of which the content must have none, or `*` if it must not be there at all: \
         otherwise 304 to GET and HEAD, and 412 to others (RFC 9110, 13.1.2)."
            .to_owned(),
        tags,
    );
    [
        (USER_ID, user_id.example(Some("me".into())).build()),
        (IF_MATCH, if_match.build()),
        (IF_NONE_MATCH, if_none_match.build()),
    ]
}
