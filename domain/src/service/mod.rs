//! Rules and ports, put together.

mod control_plane;
mod front_door;
mod gateway;
mod profiles;

pub use control_plane::{ControlError, ControlPlane, Imported, ListedUsage, NewKey, Overlap};
pub use front_door::{Credentials, FrontDoor, Refusal, Trail, UsagePolicy};
pub use gateway::{Gateway, GatewayTrust};
pub use profiles::{Authorized, ProfileFailure, ProfileRules, Profiles, Read, Written};
