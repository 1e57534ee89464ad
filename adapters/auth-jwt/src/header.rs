use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, de::IgnoredAny};

use crate::Algorithm;

/// The three parts of a token and what its header says.
#[derive(Debug)]
pub(crate) struct Parts<'a> {
    /// Header and payload as they were signed.
    pub(crate) message: &'a str,
    /// Decoded payload.
    pub(crate) payload: Vec<u8>,
    pub(crate) signature: &'a str,
    pub(crate) algorithm: Algorithm,
    pub(crate) kid: String,
}

/// A field that appears twice is an error of serde's derive.
#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    jku: Option<IgnoredAny>,
    jwk: Option<IgnoredAny>,
    x5u: Option<IgnoredAny>,
    x5c: Option<IgnoredAny>,
    crit: Option<IgnoredAny>,
}

/// Takes a token apart, without believing any of it.
///
/// # Errors
/// What is wrong, fit for the client.
pub(crate) fn split(token: &str) -> Result<Parts<'_>, &'static str> {
    const MALFORMED: &str = "the token is malformed";
    let (message, signature) = token.rsplit_once('.').ok_or(MALFORMED)?;
    let (header, payload) = message.split_once('.').ok_or(MALFORMED)?;
    if payload.contains('.') {
        return Err(MALFORMED);
    }
    let header = URL_SAFE_NO_PAD.decode(header).map_err(|_| MALFORMED)?;
    let payload = URL_SAFE_NO_PAD.decode(payload).map_err(|_| MALFORMED)?;
    let header: Header = serde_json::from_slice(&header).map_err(|_| MALFORMED)?;
    // A key or a key's address inside the token would let its author choose the key, and `crit`
    // demands extensions that nobody here knows.
    if header.jku.is_some() || header.jwk.is_some() || header.x5u.is_some() || header.x5c.is_some()
    {
        return Err("the token's header carries a key");
    }
    if header.crit.is_some() {
        return Err("the token's header demands an extension");
    }
    let algorithm = header
        .alg
        .parse()
        .map_err(|()| "the token's algorithm is not allowed")?;
    let kid = header
        .kid
        .filter(|kid| !kid.is_empty())
        .ok_or("the token names no key")?;
    Ok(Parts {
        message,
        payload,
        signature,
        algorithm,
        kid,
    })
}
