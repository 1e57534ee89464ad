use std::sync::Arc;

use tokio::sync::Mutex;
use usher_domain::{
    ports::Clock,
    service::{FrontDoor, Profiles},
    time::Timestamp,
};

/// What the handlers work with. Clones share everything.
#[derive(Clone)]
pub struct App(pub(crate) Arc<Shared>);

pub(crate) struct Shared {
    pub(crate) front_door: FrontDoor,
    pub(crate) profiles: Profiles,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) settings: Settings,
    /// When the store was last asked whether it can serve, and what it said.
    pub(crate) readiness: Mutex<Option<(Timestamp, bool)>>,
}

/// What the deployment says about requests and answers.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The largest profile, in bytes of canonical JSON.
    pub max_profile_bytes: usize,
    /// A key set to be served at `/.well-known/jwks.json`: the development issuer's, and none
    /// otherwise.
    pub development_jwks: Option<String>,
}

impl App {
    /// Puts the services together.
    #[must_use]
    pub fn new(
        front_door: FrontDoor,
        profiles: Profiles,
        clock: Arc<dyn Clock>,
        settings: Settings,
    ) -> Self {
        Self(Arc::new(Shared {
            front_door,
            profiles,
            clock,
            settings,
            readiness: Mutex::new(None),
        }))
    }
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("App")
            .field("settings", &self.0.settings)
            .finish_non_exhaustive()
    }
}
