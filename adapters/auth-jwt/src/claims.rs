use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
};

use serde_json::Number;
use usher_domain::{principal::Principal, time::Timestamp};

use crate::{
    issuer::{Audience, IssuerSettings, TokenUse},
    members::{Members, list, text},
};

/// OpenID Connect Core 1.0, section 2, allows 255 ASCII characters; a store that counts by principal could not
/// keep any length, nor U+0000.
const MAX_SUBJECT_BYTES: usize = 1024;

/// A token's claims, and the issuer that they name. Nothing of it is believed yet.
pub(crate) struct Claims<'a> {
    pub(crate) iss: Cow<'a, str>,
    members: Members<'a>,
}

/// Why claims were not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ClaimsError {
    /// They never will be.
    Invalid(&'static str),
    /// They may be later.
    Early(&'static str),
    /// They were, up to this instant.
    Expired(Timestamp),
}

/// A principal, and when its token runs out, leeway included.
#[derive(Debug)]
pub(crate) struct Judged {
    pub(crate) principal: Principal,
    pub(crate) expires: Timestamp,
}

impl<'a> Claims<'a> {
    /// Reads a payload.
    ///
    /// # Errors
    /// What is wrong, fit for the client.
    pub(crate) fn parse(payload: &'a str) -> Result<Self, &'static str> {
        let members = Members::parse(payload).ok_or("the token's claims cannot be read")?;
        let iss = members.get("iss").and_then(text);
        let iss = iss.ok_or("the token names no issuer")?;
        Ok(Self { iss, members })
    }

    /// Judges the claims of a token whose signature holds, for the issuer that it names.
    pub(crate) fn judge(
        &self,
        issuer: &IssuerSettings,
        now: Timestamp,
    ) -> Result<Judged, ClaimsError> {
        use ClaimsError::{Early, Expired, Invalid};
        if self.iss != issuer.issuer {
            return Err(Invalid("the token's issuer is not accepted"));
        }
        let subject = self.text("sub").unwrap_or_default();
        let id = principal_id(issuer, &subject).map_err(Invalid)?;
        self.check_audience(&issuer.audience).map_err(Invalid)?;
        let ends = self.instant("exp")?;
        let ends = ends.ok_or(Invalid("the token has no expiry"))?;
        let starts = [
            (self.instant("nbf")?, "the token is not valid yet"),
            (self.instant("iat")?, "the token was issued in the future"),
        ];
        let expires = ends.plus(issuer.leeway);
        if now >= expires {
            return Err(Expired(expires));
        }
        let latest_start = now.plus(issuer.leeway);
        for (start, early) in starts {
            if start.is_some_and(|start| start > latest_start) {
                return Err(Early(early));
            }
        }
        let principal = Principal {
            id,
            issuer: issuer.name().into(),
            scopes: self.names(&issuer.scopes_claim, |scopes| scopes.split(' ').collect()),
            groups: self.names(&issuer.groups_claim, |group| vec![group]),
            claims: self.kept(&issuer.kept_claims),
        };
        Ok(Judged { principal, expires })
    }

    fn check_audience(&self, wanted: &Audience) -> Result<(), &'static str> {
        const AUDIENCE: &str = "the token's audience is not accepted";
        match wanted {
            Audience::Aud(audiences) => self.is_for(audiences).then_some(()).ok_or(AUDIENCE),
            Audience::Cognito {
                client_ids,
                token_use,
            } => {
                let said = self.text("token_use");
                let mut accepted = token_use.iter();
                let found = accepted.find(|one| said.as_deref() == Some(one.as_str()));
                match found.ok_or("the token's use is not accepted")? {
                    // It has no aud (or, with resource binding, a resource's).
                    TokenUse::Access => self
                        .text("client_id")
                        .filter(|client| client_ids.iter().any(|known| *known == **client))
                        .map(drop)
                        .ok_or("the token's client is not accepted"),
                    TokenUse::Id => self.is_for(client_ids).then_some(()).ok_or(AUDIENCE),
                }
            }
        }
    }

    /// `aud` is one text or a list of them (RFC 7519, 4.1.3).
    fn is_for(&self, audiences: &[String]) -> bool {
        let ours = |one: &Cow<'_, str>| audiences.iter().any(|audience| *audience == **one);
        let Some(written) = self.members.get("aud") else {
            return false;
        };
        if let Some(one) = text(written) {
            return ours(&one);
        }
        let several: Option<Vec<_>> = list(written)
            .unwrap_or_default()
            .into_iter()
            .map(text)
            .collect();
        several.is_some_and(|several| several.iter().any(ours))
    }

    fn text(&self, claim: &str) -> Option<Cow<'a, str>> {
        self.members.get(claim).and_then(text)
    }

    fn instant(&self, claim: &str) -> Result<Option<Timestamp>, ClaimsError> {
        const UNREADABLE: ClaimsError = ClaimsError::Invalid("the token's times cannot be read");
        let Some(written) = self.members.get(claim) else {
            return Ok(None);
        };
        let seconds: Number = serde_json::from_str(written).map_err(|_| UNREADABLE)?;
        instant(&seconds).map(Some).ok_or(UNREADABLE)
    }

    /// A claim that is a list of texts, or one text: scopes with spaces between (RFC 6749, 3.3), but
    /// one group, whose name may have spaces in it.
    fn names(&self, claim: &str, of_text: fn(&str) -> Vec<&str>) -> BTreeSet<Box<str>> {
        let Some(written) = self.find(claim) else {
            return BTreeSet::new();
        };
        match text(written) {
            Some(one) => of_text(&one)
                .into_iter()
                .filter(|name| !name.is_empty())
                .map(Into::into)
                .collect(),
            None => list(written)
                .unwrap_or_default()
                .into_iter()
                .filter_map(|element| text(element).map(Into::into))
                .collect(),
        }
    }

    /// Claims that are one text, one number, true or false. Of a list or an object nobody could say
    /// what it equals.
    fn kept(&self, claims: &[Box<str>]) -> BTreeMap<Box<str>, Box<str>> {
        let value = |claim: &str| {
            let written = self.find(claim)?;
            match text(written) {
                Some(text) => Some(text.into()),
                None if written.starts_with(['[', '{']) => None,
                None => Some(written.into()),
            }
        };
        let kept = claims.iter();
        kept.filter_map(|claim| Some((claim.clone(), value(claim)?)))
            .collect()
    }

    /// A claim by its name, or by a JSON Pointer (RFC 6901) into objects.
    fn find(&self, claim: &str) -> Option<&'a str> {
        let Some(path) = claim.strip_prefix('/') else {
            return self.members.get(claim);
        };
        let (first, deeper) = path
            .split_once('/')
            .map_or((path, None), |(first, rest)| (first, Some(rest)));
        let unescaped = |name: &str| name.replace("~1", "/").replace("~0", "~");
        let mut found = self.members.get(&unescaped(first))?;
        for name in deeper.into_iter().flat_map(|rest| rest.split('/')) {
            found = Members::parse(found)?.get(&unescaped(name))?;
        }
        Some(found)
    }
}

/// The id of the principal whom an issuer calls by this subject.
///
/// # Errors
/// What is wrong with it, fit for the client.
pub(crate) fn principal_id(
    issuer: &IssuerSettings,
    subject: &str,
) -> Result<Box<str>, &'static str> {
    if subject.is_empty() {
        return Err("the token has no subject");
    }
    if subject.len() > MAX_SUBJECT_BYTES || subject.contains('\0') {
        return Err("the token's subject cannot be kept");
    }
    Ok(format!("{}{subject}", issuer.subject_prefix).into())
}

/// A `NumericDate`: seconds since the epoch, with a fraction or without.
fn instant(seconds: &Number) -> Option<Timestamp> {
    const RANGE: f64 = 9e9;
    match (seconds.as_i64(), seconds.as_f64()) {
        (Some(whole), _) => Some(Timestamp::from_seconds(whole)),
        (None, Some(fraction)) if fraction.abs() < RANGE =>
        {
            #[allow(
                clippy::cast_possible_truncation,
                reason = "9e18 nanoseconds are an i64"
            )]
            Some(Timestamp::from_nanos((fraction * 1e9) as i64))
        }
        _ => None,
    }
}
