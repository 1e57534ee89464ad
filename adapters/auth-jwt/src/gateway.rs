//! Claims that a gateway has verified, as it hands them on.
//!
//! A REST API of API Gateway makes text of a user pool's claims: `true` is `"true"`, a list of groups is joined by
//! commas, dates are written out. An HTTP API writes numbers as text, a list as `[a b]` and an object as JSON. So what is
//! here is not what the token said, and is read for no more than can be told from it.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    sync::Once,
};

use serde_json::{Map, Value};
use usher_domain::{
    ports::{ClaimStyle, VouchedClaims},
    principal::Principal,
};

use crate::{
    claims::principal_id,
    issuer::{Audience, Issuer, IssuerSettings, TokenUse},
};

/// Whom the claims speak for, for the issuer that [`issuer`] found.
///
/// # Errors
/// What is wrong, fit for the client.
pub(crate) fn principal(
    claims: &VouchedClaims,
    issuer: &IssuerSettings,
) -> Result<Principal, &'static str> {
    let claims = Claims {
        members: &claims.members,
        style: claims.style,
    };
    let subject = claims.get("sub").and_then(Value::as_str);
    let id = principal_id(issuer, subject.unwrap_or_default())?;
    claims.check_audience(&issuer.audience)?;
    let groups = claims.names(&issuer.groups_claim, |text| {
        match (&issuer.audience, claims.style, claims.listed(text)) {
            // A pool's own groups have no spaces. A comma in one cannot be told from one between two.
            (Audience::Cognito { .. }, ClaimStyle::Brackets, Some(list)) => words(list, ' '),
            (Audience::Cognito { .. }, ClaimStyle::Commas, _) => words(text, ','),
            (Audience::Aud(_), _, Some(list)) => lone_group(list),
            (_, _, None) if text.is_empty() => Vec::new(),
            (_, _, None) => vec![text],
        }
    });
    let scopes = claims.names(&issuer.scopes_claim, |text| {
        words(claims.listed(text).unwrap_or(text), ' ')
    });
    Ok(Principal {
        id,
        issuer: issuer.name().into(),
        scopes,
        groups,
        claims: claims.kept(&issuer.kept_claims),
    })
}

/// Which of the issuers has made the token: the one that the claims name, or the only one there is.
///
/// # Errors
/// What is wrong, fit for the client.
pub(crate) fn issuer<'a>(
    claims: &Map<String, Value>,
    issuers: &'a [Issuer],
) -> Result<&'a IssuerSettings, &'static str> {
    const OTHER: &str = "the token's issuer is not accepted";
    let mut known = issuers.iter().map(Issuer::settings);
    match claims.get("iss").filter(|iss| !iss.is_null()) {
        Some(Value::String(iss)) => known.find(|issuer| issuer.issuer == *iss).ok_or(OTHER),
        Some(_) => Err(OTHER),
        None => {
            let first = known.next().ok_or(OTHER)?;
            let is_one = known.all(|other| other.name() == first.name());
            is_one.then_some(first).ok_or("the token names no issuer")
        }
    }
}

struct Claims<'a> {
    members: &'a Map<String, Value>,
    style: ClaimStyle,
}

impl<'a> Claims<'a> {
    /// A claim; null is none.
    fn get(&self, name: &str) -> Option<&'a Value> {
        self.members.get(name).filter(|value| !value.is_null())
    }

    /// What is in the brackets that an HTTP API puts around a list.
    fn listed<'t>(&self, text: &'t str) -> Option<&'t str> {
        match self.style {
            ClaimStyle::Commas => None,
            ClaimStyle::Brackets => text.strip_prefix('[')?.strip_suffix(']'),
        }
    }

    /// As far as it is there: that it is ours the gateway has seen to.
    fn check_audience(&self, wanted: &Audience) -> Result<(), &'static str> {
        const AUDIENCE: &str = "the token's audience is not accepted";
        const CLIENT: &str = "the token's client is not accepted";
        let (accepted, token_use) = match wanted {
            Audience::Aud(audiences) => (audiences, None),
            Audience::Cognito {
                client_ids,
                token_use,
            } => {
                let said = self.get("token_use").map(|said| {
                    let mut accepted = token_use.iter().copied();
                    accepted.find(|one| said.as_str() == Some(one.as_str()))
                });
                let said = said.map(|known| known.ok_or("the token's use is not accepted"));
                (client_ids, said.transpose()?)
            }
        };
        let aud = self
            .get("aud")
            .filter(|_| token_use != Some(TokenUse::Access));
        let client = self.get("client_id").filter(|_| match wanted {
            // As the gateway has it: where there is an audience the client is not asked for.
            Audience::Aud(_) => aud.is_none(),
            Audience::Cognito { .. } => token_use != Some(TokenUse::Id),
        });
        if aud.is_some_and(|aud| !self.is_for(aud, accepted)) {
            return Err(AUDIENCE);
        }
        let is_ours = |client: &Value| accepted.iter().any(|one| client == one.as_str());
        match client {
            Some(client) if !is_ours(client) => Err(CLIENT),
            _ => Ok(()),
        }
    }

    fn names(&self, claim: &str, of_text: impl Fn(&str) -> Vec<&str>) -> BTreeSet<Box<str>> {
        let Some(found) = self.find(claim) else {
            return BTreeSet::new();
        };
        match &*found {
            Value::String(text) => of_text(text).into_iter().map(Into::into).collect(),
            Value::Array(list) => list
                .iter()
                .filter_map(Value::as_str)
                .map(Into::into)
                .collect(),
            _ => BTreeSet::new(),
        }
    }

    fn kept(&self, claims: &[Box<str>]) -> BTreeMap<Box<str>, Box<str>> {
        let value = |claim: &str| match &*self.find(claim)? {
            Value::String(text) => Some(text.as_str().into()),
            number @ Value::Number(_) => Some(number.to_string().into()),
            Value::Bool(flag) => Some(flag.to_string().into()),
            _ => None,
        };
        let kept = claims.iter();
        kept.filter_map(|claim| Some((claim.clone(), value(claim)?)))
            .collect()
    }

    /// A claim by its name, or by a JSON Pointer (RFC 6901) into objects, which an HTTP API hands on as text.
    fn find(&self, claim: &str) -> Option<Cow<'a, Value>> {
        let Some(path) = claim.strip_prefix('/') else {
            return self.get(claim).map(Cow::Borrowed);
        };
        let mut names = path
            .split('/')
            .map(|name| name.replace("~1", "/").replace("~0", "~"));
        let first = self.get(&names.next()?)?;
        let mut names = names.peekable();
        let mut found = match first {
            Value::String(text) if names.peek().is_some() && self.style == ClaimStyle::Brackets => {
                Cow::Owned(serde_json::from_str(text).ok()?)
            }
            value => Cow::Borrowed(value),
        };
        for name in names {
            found = match found {
                Cow::Borrowed(value) => Cow::Borrowed(value.as_object()?.get(&name)?),
                Cow::Owned(Value::Object(mut members)) => Cow::Owned(members.remove(&name)?),
                Cow::Owned(_) => return None,
            };
        }
        Some(found)
    }

    /// Whether an audience, one or a list, names one of these.
    fn is_for(&self, aud: &Value, accepted: &[String]) -> bool {
        let ours = |one: &str| accepted.iter().any(|known| known == one);
        match aud {
            Value::String(text) => match self.listed(text) {
                Some(list) => words(list, ' ').into_iter().any(ours),
                None => ours(text),
            },
            Value::Array(list) => {
                let several: Option<Vec<_>> = list.iter().map(Value::as_str).collect();
                several.is_some_and(|several| several.into_iter().any(ours))
            }
            _ => false,
        }
    }
}

fn words(text: &str, between: char) -> Vec<&str> {
    text.split(between)
        .filter(|word| !word.is_empty())
        .collect()
}

/// The group in a list that may have one or several: a name may have spaces in it. Where two could be one nobody may be
/// let in for the one that was not meant.
fn lone_group(list: &str) -> Vec<&str> {
    static SAID: Once = Once::new();
    if list.contains(' ') {
        SAID.call_once(|| {
            tracing::warn!(
                "the groups that API Gateway hands on cannot be told from each other, and count for none; \
                 identity.trust_gateway = false reads them from the token"
            );
        });
        return Vec::new();
    }
    words(list, ' ')
}
