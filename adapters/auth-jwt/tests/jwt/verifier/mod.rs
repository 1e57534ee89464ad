//! Attacks on a verifier, one test each, each refused for its own reason.
//!
//! | RFC 8725 | where |
//! |---|---|
//! | 2.1, 3.1, 3.2: `none`, HMAC with the public key, confused algorithms | `algorithms` |
//! | 2.1, 3.3: signatures that are none, or have other forms | `signature`, `differential` |
//! | 2.3: encrypted and nested tokens | `kinds` |
//! | 2.6, 3.7: encodings | `shape` |
//! | 2.7, 3.8, 3.9: another issuer, subject, audience | `claims`, `issuers`, `cognito` |
//! | 2.8, 3.11, 3.12: another kind of token | `kinds`, `cognito` |
//! | 2.9, 3.10: what the header would have us fetch or trust | `header` |
//! | 3.4, 3.5: keys | `weak_keys` |
//!
//! Beyond it: `members` (JSON objects, RFC 7515, 10.12), `times`, `names` (scopes and groups), and what is
//! remembered, `cache` of accepted tokens and `refused` of the others, bounded in `memory`.

mod accepted;
mod algorithms;
mod cache;
mod claims;
mod cognito;
mod differential;
mod header;
mod issuers;
mod kinds;
mod members;
mod memory;
mod names;
mod refused;
mod shape;
mod signature;
mod times;
mod weak_keys;

pub(super) const MALFORMED: &str = "the token is malformed";
pub(super) const UNREADABLE_CLAIMS: &str = "the token's claims cannot be read";
pub(super) const UNKNOWN_ALGORITHM: &str = "the token's algorithm is not allowed";
pub(super) const NOT_THE_KEYS_ALGORITHM: &str = "the token's algorithm is not its key's";
pub(super) const NO_KID: &str = "the token names no key";
pub(super) const UNKNOWN_KEY: &str = "the token's key is not known";
pub(super) const CARRIES_A_KEY: &str = "the token's header carries a key";
pub(super) const DEMANDS_AN_EXTENSION: &str = "the token's header demands an extension";
pub(super) const ANOTHER_KIND: &str = "the token is of another kind";
pub(super) const NOT_ACCESS: &str = "the token does not say that it is an access token";
pub(super) const BAD_SIGNATURE: &str = "the token's signature does not hold";
pub(super) const NO_ISSUER: &str = "the token names no issuer";
pub(super) const WRONG_ISSUER: &str = "the token's issuer is not accepted";
pub(super) const WRONG_AUDIENCE: &str = "the token's audience is not accepted";
pub(super) const WRONG_CLIENT: &str = "the token's client is not accepted";
pub(super) const WRONG_USE: &str = "the token's use is not accepted";
pub(super) const NO_EXPIRY: &str = "the token has no expiry";
pub(super) const UNREADABLE_TIMES: &str = "the token's times cannot be read";
pub(super) const NO_SUBJECT: &str = "the token has no subject";
