use serde_json::{Map, Value};
use usher_http::Gateway;

use super::{Kind, fields::Fields as _};

/// What the gateway has done, from the part of the event that it alone writes.
///
/// A function URL and a load balancer verify nobody, whatever their events seem to say.
pub(super) fn read(event: &Value, kind: Kind) -> Gateway {
    let context = event.at("requestContext");
    let authorizer = context.at("authorizer");
    let claims = match kind {
        Kind::RestApi | Kind::HttpApiV1 => authorizer.at("claims"),
        Kind::HttpApiV2 => authorizer.at("jwt").at("claims"),
        Kind::FunctionUrl | Kind::LoadBalancer { .. } => &Value::Null,
    };
    let key = match kind {
        // HTTP APIs have neither keys nor plans.
        Kind::RestApi => context.at("identity").text("apiKeyId"),
        _ => None,
    };
    Gateway {
        // Without an authorizer there are none, or null.
        claims: claims
            .as_object()
            .cloned()
            .filter(|claims| !Map::is_empty(claims)),
        api_key_id: key.filter(|id| !id.is_empty()).map(Into::into),
    }
}
