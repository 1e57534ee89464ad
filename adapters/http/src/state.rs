use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use tokio::sync::Mutex;
use usher_domain::{
    ports::Clock,
    service::{FrontDoor, Profiles},
    time::Timestamp,
};

use crate::{
    cors::CorsOrigins,
    handlers::docs::Docs,
    load::Load,
    openapi::{self, Facts},
};

/// What the handlers work with. Clones share everything.
#[derive(Clone)]
pub struct App(pub(crate) Arc<Shared>);

pub(crate) struct Shared {
    pub(crate) front_door: FrontDoor,
    pub(crate) profiles: Profiles,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) settings: Settings,
    pub(crate) load: Load,
    docs: OnceLock<Docs>,
    /// When the store was last asked whether it can serve, and what it said.
    pub(crate) readiness: Mutex<Option<(Timestamp, bool)>>,
}

/// What the deployment says about requests and answers.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Bounds that hold for every request.
    pub limits: Limits,
    /// Whether answers tell where their time went.
    pub server_timing: bool,
    /// Which origins' scripts may read answers.
    pub cors: CorsOrigins,
    /// A key set to be served at `/.well-known/jwks.json`: the development issuer's, and none
    /// otherwise.
    pub development_jwks: Option<String>,
}

/// Bounds that hold for every request.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// How long a request may take; `None` where the platform has a deadline of its own.
    pub timeout: Option<Duration>,
    /// How many may be in flight; `None` where the platform sees to it (one at a time on Lambda). As
    /// many again may wait for their clients' bodies.
    pub max_in_flight: Option<usize>,
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
            docs: OnceLock::new(),
            front_door,
            profiles,
            clock,
            load: Load::new(settings.limits.max_in_flight),
            settings,
            readiness: Mutex::new(None),
        }))
    }

    /// The document and its page, made when they are first asked for: a function's cold start does
    /// not wait for what its callers may never read.
    pub(crate) fn docs(&self) -> &Docs {
        self.0.docs.get_or_init(|| {
            let Shared {
                front_door,
                profiles,
                ..
            } = &*self.0;
            let facts = Facts::new(profiles.rules(), front_door.requires_api_key());
            Docs::new(openapi::document(facts))
        })
    }
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("App")
            .field("settings", &self.0.settings)
            .finish_non_exhaustive()
    }
}
