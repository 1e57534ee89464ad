//! Rules and ports, put together.

mod front_door;
mod profiles;

pub use front_door::{ApiKeyPolicy, Credentials, FrontDoor, Refusal, Trail};
pub use profiles::{Authorized, ProfileFailure, ProfileRules, Profiles, Read, Written};
