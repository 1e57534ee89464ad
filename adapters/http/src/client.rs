use std::net::IpAddr;

/// Where a request comes from; the entrypoint puts it into the request's extensions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientAddress(pub IpAddr);
