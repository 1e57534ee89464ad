use serde::{
    Deserialize, Deserializer,
    de::{Error as _, MapAccess, Visitor},
};
use serde_json::{Map, Number, Value};
use usher_domain::{principal::Principal, time::Timestamp};

use crate::issuer::IssuerSettings;

/// The claims that are judged; a claim that appears twice is an error of serde's derive.
#[derive(Deserialize)]
pub(crate) struct Claims {
    pub(crate) iss: String,
    sub: String,
    aud: Option<Value>,
    exp: Number,
    nbf: Option<Number>,
    iat: Option<Number>,
    #[serde(flatten)]
    others: Others,
}

/// All other claims. One that appears twice is an error: two readers of one token must not see two
/// different groups.
struct Others(Map<String, Value>);

impl<'de> Deserialize<'de> for Others {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Unique;
        impl<'de> Visitor<'de> for Unique {
            type Value = Others;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("claims")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Others, A::Error> {
                let mut claims = Map::new();
                while let Some((name, value)) = map.next_entry::<String, Value>()? {
                    if claims.insert(name, value).is_some() {
                        return Err(A::Error::custom("a claim is there twice"));
                    }
                }
                Ok(Others(claims))
            }
        }
        deserializer.deserialize_map(Unique)
    }
}

/// Why claims were not accepted.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ClaimsError {
    Invalid(&'static str),
    Expired,
}

/// A principal, and when its token runs out, leeway included.
#[derive(Debug)]
pub(crate) struct Judged {
    pub(crate) principal: Principal,
    pub(crate) expires: Timestamp,
}

impl Claims {
    /// Reads a payload.
    ///
    /// # Errors
    /// What is wrong, fit for the client.
    pub(crate) fn parse(payload: &[u8]) -> Result<Self, &'static str> {
        serde_json::from_slice(payload).map_err(|_| "the token's claims cannot be read")
    }

    /// Judges the claims of a token whose signature holds, for the issuer that it names.
    pub(crate) fn judge(
        &self,
        issuer: &IssuerSettings,
        now: Timestamp,
    ) -> Result<Judged, ClaimsError> {
        use ClaimsError::Invalid;
        if self.iss != issuer.issuer {
            return Err(Invalid("the token's issuer is not accepted"));
        }
        if self.sub.is_empty() {
            return Err(Invalid("the token has no subject"));
        }
        if !self.is_for(&issuer.audiences) {
            return Err(Invalid("the token's audience is not accepted"));
        }
        let expires = instant(&self.exp)?.plus(issuer.leeway);
        if now >= expires {
            return Err(ClaimsError::Expired);
        }
        let latest_start = now.plus(issuer.leeway);
        for (claim, early) in [
            (&self.nbf, "the token is not valid yet"),
            (&self.iat, "the token was issued in the future"),
        ] {
            if let Some(claim) = claim
                && instant(claim)? > latest_start
            {
                return Err(Invalid(early));
            }
        }
        let principal = Principal {
            id: format!("{}{}", issuer.subject_prefix, self.sub).into(),
            issuer: self.iss.as_str().into(),
            scopes: self.names(&issuer.scopes_claim),
            groups: self.names(&issuer.groups_claim),
        };
        Ok(Judged { principal, expires })
    }

    /// `aud` is one text or a list of them (RFC 7519, 4.1.3).
    fn is_for(&self, audiences: &[String]) -> bool {
        let accepted = |value: &Value| {
            value
                .as_str()
                .is_some_and(|aud| audiences.iter().any(|audience| audience == aud))
        };
        match &self.aud {
            Some(Value::Array(several)) => {
                several.iter().all(Value::is_string) && several.iter().any(accepted)
            }
            Some(one) => accepted(one),
            None => false,
        }
    }

    /// A claim that is a list of texts, or one text with spaces between (RFC 6749, 3.3).
    fn names(&self, claim: &str) -> std::collections::BTreeSet<Box<str>> {
        match self.others.0.get(claim) {
            Some(Value::String(text)) => text
                .split(' ')
                .filter(|name| !name.is_empty())
                .map(Into::into)
                .collect(),
            Some(Value::Array(names)) => names
                .iter()
                .filter_map(Value::as_str)
                .map(Into::into)
                .collect(),
            _ => std::collections::BTreeSet::new(),
        }
    }
}

/// A `NumericDate`: seconds since the epoch, with a fraction or without.
fn instant(seconds: &Number) -> Result<Timestamp, ClaimsError> {
    const RANGE: f64 = 9e9;
    match (seconds.as_i64(), seconds.as_f64()) {
        (Some(whole), _) => Ok(Timestamp::from_seconds(whole)),
        (None, Some(fraction)) if fraction.abs() < RANGE =>
        {
            #[allow(
                clippy::cast_possible_truncation,
                reason = "9e18 nanoseconds are an i64"
            )]
            Ok(Timestamp::from_nanos((fraction * 1e9) as i64))
        }
        _ => Err(ClaimsError::Invalid("the token's times cannot be read")),
    }
}
