//! Rules and ports, put together.

mod control_plane;
mod front_door;
mod profiles;

pub use control_plane::{ControlError, ControlPlane, Imported, ListedUsage, NewKey, Overlap};
pub use front_door::{Credentials, FrontDoor, Refusal, Trail, UsagePolicy};
pub use profiles::{Authorized, ProfileFailure, ProfileRules, Profiles, Read, Written};
