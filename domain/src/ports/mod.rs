//! What the domain asks of the outside world, as traits.
//!
//! A port's documentation is its contract: the conformance suites of `usher-testkit` hold every
//! implementation to it, fakes included. To add one, implement the trait in a crate named
//! `usher-<port>-<technology>`, call the suite's macro in its `tests/conformance.rs`, and let
//! `apps/wiring` choose it.

mod clock;
mod denied_subjects;
mod error;
mod key_directory;
mod key_store;
mod pacer;
mod profile_schema;
mod profile_store;
mod telemetry;
mod token_verifier;
mod usage_store;

pub use clock::Clock;
pub use denied_subjects::DeniedSubjects;
pub use error::{StoreError, StoreErrorKind};
pub use key_directory::KeyDirectory;
pub use key_store::{
    Applied, Change, Digest, ImportEntry, KeyPage, KeyStore, MAX_CHANGES, Revision,
};
pub use pacer::{Admission, Charge, Pacer, Spender};
pub use profile_schema::ProfileSchema;
pub use profile_store::{Deleted, Expected, ProfileStore, Put, StoredProfile, Version};
pub use telemetry::{
    Answered, CLIENT_CLOSED, Concern, Phase, Phases, Rule, Silent, StoreWatch, Telemetry,
    TraceContext,
};
pub use token_verifier::{ClaimStyle, TokenError, TokenVerifier, VouchedClaims};
pub use usage_store::{AccountPage, Receipt, Taken, UsageStore};
