use serde_json::Value;
use usher_http::{ClaimStyle, Gateway, VouchedClaims};

use super::{Kind, fields::Fields as _};

/// What the console's test of a method has in place of a key's id: no plan has looked at it.
const TEST: &str = "test-invoke-api-key-id";

/// What the gateway has done, from the part of the event that it alone writes.
///
/// A function URL and a load balancer verify nobody, whatever their events seem to say.
pub(super) fn read(event: &Value, kind: Kind) -> Gateway {
    Gateway {
        claims: claims(event.at("requestContext").at("authorizer"), kind),
        api_key_id: match kind {
            // HTTP APIs have neither keys nor plans.
            Kind::RestApi => key(event.at("requestContext").at("identity")),
            _ => None,
        },
    }
}

fn claims(authorizer: &Value, kind: Kind) -> Option<VouchedClaims> {
    let (claims, style) = match kind {
        Kind::RestApi => (authorizer.at("claims"), ClaimStyle::Commas),
        Kind::HttpApiV1 => (authorizer.at("claims"), ClaimStyle::Brackets),
        Kind::HttpApiV2 => (authorizer.at("jwt").at("claims"), ClaimStyle::Brackets),
        Kind::FunctionUrl | Kind::LoadBalancer { .. } => return None,
    };
    // What an authorizer of one's own says stands beside each other, and may be called claims, too.
    let mut members = authorizer.as_object()?.keys();
    let is_of_tokens = match kind {
        Kind::HttpApiV2 => true,
        _ => members.all(|name| matches!(name.as_str(), "claims" | "scopes")),
    };
    let members = claims.as_object().filter(|_| is_of_tokens)?;
    // Without an authorizer there are none, or null.
    (!members.is_empty()).then(|| VouchedClaims {
        members: members.clone(),
        style,
    })
}

fn key(identity: &Value) -> Option<Box<str>> {
    let id = identity.text("apiKeyId")?;
    if id.is_empty() || id == TEST {
        return None;
    }
    // Keys of old accounts are their own ids, which belong in no log.
    let is_secret = identity.text("apiKey") == Some(id);
    Some(if is_secret { "(hidden)" } else { id }.into())
}
