use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Deserializer, de::IgnoredAny};

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
    #[serde(default)]
    jku: Present,
    #[serde(default)]
    jwk: Present,
    #[serde(default)]
    x5u: Present,
    #[serde(default)]
    x5c: Present,
    #[serde(default)]
    crit: Present,
}

/// Whether a field is there, whatever is in it: null, too.
#[derive(Default)]
struct Present(bool);

impl<'de> Deserialize<'de> for Present {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        IgnoredAny::deserialize(deserializer).map(|_| Self(true))
    }
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
    // serde's derive would read a list of the fields' values as well.
    if !header.trim_ascii_start().starts_with(b"{") {
        return Err(MALFORMED);
    }
    let header: Header = serde_json::from_slice(&header).map_err(|_| MALFORMED)?;
    // A key or a key's address inside the token would let its author choose the key, and `crit`
    // demands extensions that nobody here knows.
    if header.jku.0 || header.jwk.0 || header.x5u.0 || header.x5c.0 {
        return Err("the token's header carries a key");
    }
    if header.crit.0 {
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
