use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::{
    Algorithm,
    members::{Members, text},
};

/// The three parts of a token and what its header says. Nothing of it is believed yet.
#[derive(Debug)]
pub(crate) struct Token<'a> {
    /// Header and payload as they were signed.
    pub(crate) message: &'a str,
    /// Decoded payload.
    pub(crate) payload: String,
    pub(crate) signature: &'a str,
    pub(crate) algorithm: Algorithm,
    pub(crate) kid: String,
    /// Whether the header says that it is an access token (RFC 9068, section 2.1).
    pub(crate) says_access: bool,
}

const MALFORMED: &str = "the token is malformed";

impl<'a> Token<'a> {
    /// Takes a token apart.
    ///
    /// # Errors
    /// What is wrong, fit for the client. No other time and no other key would make it right.
    pub(crate) fn parse(token: &'a str) -> Result<Self, &'static str> {
        let (message, signature) = token.rsplit_once('.').ok_or(MALFORMED)?;
        let (header, payload) = message.split_once('.').ok_or(MALFORMED)?;
        // Only one spelling of a part is taken: no padding, no bits left over.
        let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| MALFORMED);
        let decode_text = |part| String::from_utf8(decode(part)?).map_err(|_| MALFORMED);
        let header = decode_text(header)?;
        let payload = decode_text(payload)?;
        let header = Members::parse(&header).ok_or(MALFORMED)?;
        // A key or a key's address inside the token would let its author choose the key, and `crit`
        // demands extensions that nobody here knows.
        if ["jku", "jwk", "x5u", "x5c"]
            .iter()
            .any(|name| header.has(name))
        {
            return Err("the token's header carries a key");
        }
        if header.has("crit") {
            return Err("the token's header demands an extension");
        }
        let field = |name| {
            header
                .get(name)
                .map(|value| text(value).ok_or(MALFORMED))
                .transpose()
        };
        let algorithm = field("alg")?
            .ok_or(MALFORMED)?
            .parse()
            .map_err(|()| "the token's algorithm is not allowed")?;
        let kid = field("kid")?
            .filter(|kid| !kid.is_empty())
            .ok_or("the token names no key")?
            .into_owned();
        let says = Kind::of(&field("typ")?.unwrap_or_default());
        if says == Kind::Other {
            return Err("the token is of another kind");
        }
        Ok(Self {
            message,
            payload,
            signature,
            algorithm,
            kid,
            says_access: says == Kind::Access,
        })
    }
}

#[derive(PartialEq, Eq)]
enum Kind {
    /// It says nothing, or `JWT`, which is as much.
    Any,
    Access,
    Other,
}

impl Kind {
    /// What a header's `typ` says. Media types are compared without regard to case, and
    /// `application/` may be left out (RFC 7515, section 4.1.9).
    ///
    /// A `typ` that ends in `+jwt` names one kind and excludes the others (RFC 8725, section 3.11):
    /// a logout token has the same `iss`, `sub` and `aud` as an ID token. Some issuers give their
    /// access tokens a name of their own, such as `okta-internal-at+jwt`.
    fn of(typ: &str) -> Self {
        let typ = typ.to_ascii_lowercase();
        let typ = typ.strip_prefix("application/").unwrap_or(&typ);
        match typ.strip_suffix("+jwt") {
            None => Self::Any,
            Some("at") => Self::Access,
            Some(kind) if kind.ends_with("-at") => Self::Any,
            Some(_) => Self::Other,
        }
    }
}
