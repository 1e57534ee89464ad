use crate::ports::VouchedClaims;

/// What a gateway in front has done with a request, by its own word.
///
/// An entrypoint takes it from where the gateway alone writes, never from what a client can send. It counts only where
/// [`GatewayTrust`] says so.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Gateway {
    /// The claims of a token that the gateway's authorizer has verified.
    pub claims: Option<VouchedClaims>,
    /// The id of the API key that it has let in, and counted against a usage plan of its own.
    pub api_key_id: Option<Box<str>>,
}

/// What a gateway in front is believed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct GatewayTrust {
    /// Who is calling (`identity.trust_gateway`).
    pub identity: bool,
    /// That key, throttle and quota have been looked at (`usage.trust_gateway`).
    pub usage: bool,
}

impl Gateway {
    /// The claims, where they are believed.
    pub(super) fn claims(&self, trust: GatewayTrust) -> Option<&VouchedClaims> {
        self.claims.as_ref().filter(|_| trust.identity)
    }

    /// The key, where the gateway's word for it is enough.
    pub(super) fn api_key_id(&self, trust: GatewayTrust) -> Option<&str> {
        self.api_key_id.as_deref().filter(|_| trust.usage)
    }
}
