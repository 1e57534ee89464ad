//! The cases of RFC 8725 and RFC 7515, each refused for its own reason.

mod accepted;
mod cache;
mod claims;
mod header;
mod issuers;
mod names;
mod shape;
mod signature;

pub(super) const MALFORMED: &str = "the token is malformed";
pub(super) const UNREADABLE_CLAIMS: &str = "the token's claims cannot be read";
pub(super) const UNKNOWN_ALGORITHM: &str = "the token's algorithm is not allowed";
pub(super) const NOT_THE_KEYS_ALGORITHM: &str = "the token's algorithm is not its key's";
pub(super) const NO_KID: &str = "the token names no key";
pub(super) const UNKNOWN_KEY: &str = "the token's key is not known";
pub(super) const CARRIES_A_KEY: &str = "the token's header carries a key";
pub(super) const DEMANDS_AN_EXTENSION: &str = "the token's header demands an extension";
pub(super) const BAD_SIGNATURE: &str = "the token's signature does not hold";
pub(super) const WRONG_ISSUER: &str = "the token's issuer is not accepted";
pub(super) const WRONG_AUDIENCE: &str = "the token's audience is not accepted";
pub(super) const UNREADABLE_TIMES: &str = "the token's times cannot be read";
pub(super) const NO_SUBJECT: &str = "the token has no subject";
