//! Whose token is it? OIDC issuers, their key sets, and an issuer for development.
//!
//! `jsonwebtoken` does the cryptography (`DecodingKey` and `crypto::verify`) and nothing else: its
//! own validation reads the system clock and lets a missing `aud` or `iss` pass. Header and claims
//! are judged here, by pure functions of the text and the time.

mod algorithm;
mod claims;
mod denied;
mod development;
mod fetch;
mod gateway;
mod issuer;
mod key;
mod key_set;
mod key_source;
mod members;
mod memory;
mod token;
mod verifier;

pub use algorithm::Algorithm;
pub use denied::{DeniedSubjectsError, DeniedSubjectsFile};
pub use development::{DEVELOPMENT_AUDIENCE, DEVELOPMENT_ISSUER, DevelopmentKey, TokenRequest};
pub use fetch::TIMEOUT as KEY_SET_TIMEOUT;
pub use issuer::{Audience, Issuer, IssuerError, IssuerSettings, KeysFrom, TokenUse};
pub use key_set::{KeySet, KeySetError};
pub use verifier::{JwtVerifier, MAX_TOKEN_BYTES};
