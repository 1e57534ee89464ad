use std::{num::NonZeroU32, sync::Arc, time::Duration};

use usher_auth_jwt::JwtVerifier;
use usher_domain::{
    ports::{Clock as _, KeyPage, StoreError},
    service::{ControlError, ControlPlane, FrontDoor, GatewayTrust, ProfileRules, Profiles},
    usage::{assignment::Criterion, plan::UsagePlan},
};
use usher_http::{App, Limits, METHODS, Settings, Stack};
use usher_usage_local::{KeyCache, LocalPacer, PacerSettings};

use crate::{
    clock::SystemClock,
    config::{
        Config, ControlConfig, StoreConfig, StoreUrl, UsageConfig, UsageStoreConfig,
        assignment_problem,
    },
    stores::Stores,
    telemetry::Listeners,
};

/// A deployment that could be opened.
#[derive(Debug)]
pub struct Deployment {
    /// Serves requests.
    pub stack: Stack,
    pacer: Arc<LocalPacer>,
}

/// What a deployment runs as.
#[derive(Debug, Clone)]
pub enum Role {
    /// A server of its own: deadlines and bounds are ours to keep.
    Server,
    /// `usher dev`: a server that also serves the development issuer's key set.
    Development {
        /// That key set, as JSON.
        jwks: String,
    },
    /// A Lambda function: the platform sends one request at a time and keeps the deadline.
    Lambda,
}

/// A little less than what Lambda gives a function to be made ready.
const INIT: Duration = Duration::from_secs(9);

/// Why a deployment could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The store.
    #[error("the store cannot be used")]
    Store(#[from] StoreError),
    /// The binary was built without the adapter that the configuration names.
    #[error("this binary was built without the feature {0}, which store.url asks for")]
    NotBuilt(&'static str),
    /// What the configuration names is not there, or does not fit together.
    #[error("{0}")]
    Unfit(String),
    /// Others import, too, again and again.
    #[error("others change plans and keys at the same time")]
    Contended,
    /// Lambda ends a sandbox that is not ready after 10 s, and says nothing about why.
    #[error(
        "the function was not ready within 9 s: a table, a database or an issuer does not answer, or tables are being made \
         (`usher migrate` makes them beforehand)"
    )]
    Late,
    /// What was asked for makes no sense with this store.
    #[error("{0}")]
    Nothing(&'static str),
}

impl Deployment {
    /// Opens the store, puts the services together, and the stack around them.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub async fn open(
        mut config: Config,
        role: &Role,
        listeners: Listeners,
    ) -> Result<Self, OpenError> {
        let Listeners { log, telemetry } = listeners;
        // A quarter of the places are enough for an issuer that changes its keys, and what is left
        // is enough for everybody else when it does not answer.
        let waiting = config.server.max_in_flight.div_ceil(4);
        let issuers = std::mem::take(&mut config.identity.issuers);
        let mut verifier = JwtVerifier::new(issuers)
            .waiting_at_most(waiting)
            .keeping(&claims(&config.usage))
            .telling(&telemetry);
        let is_function = matches!(role, Role::Lambda);
        if is_function {
            verifier = verifier.frozen_between_requests();
        }
        let ready = async {
            // A function is made ready while nobody waits for it yet. Where the gateway's claims are taken,
            // tokens are the exception.
            if is_function && !config.identity.trust_gateway {
                verifier.make_ready(SystemClock.now()).await;
            }
            Ok(())
        };
        let open = async {
            let stores = Stores::open(&config.store, usage_store(&config.usage)).await?;
            let keys = prepare(&stores, &config, role).await?;
            Ok::<_, OpenError>((stores, keys))
        };
        let opened = Box::pin(async { tokio::try_join!(open, ready) });
        let opened = if is_function {
            tokio::time::timeout(INIT, opened)
                .await
                .map_err(|_| OpenError::Late)??
        } else {
            opened.await?
        };
        let ((stores, keys), ()) = opened;
        let usage = config.usage;
        let pacer = PacerSettings {
            // Many sandboxes of a function run at once, and each for a moment.
            service: usage.service.filter(|_| !is_function),
            patience: config.store.timeout,
            most_leased: match role {
                // A sandbox is gone one day without having been told.
                Role::Lambda => NonZeroU32::MIN,
                Role::Server | Role::Development { .. } => NonZeroU32::MAX,
            },
            ..PacerSettings::default()
        };
        let told = Arc::clone(&telemetry);
        let pacer = Arc::new(LocalPacer::telling(stores.usage, pacer, told));
        let front_door = FrontDoor::new(
            Arc::new(verifier),
            Arc::new(keys),
            Arc::clone(&pacer) as _,
            usage.policy,
        )
        .behind(GatewayTrust {
            identity: config.identity.trust_gateway,
            usage: usage.trust_gateway,
        });
        let front_door = match config.identity.denied_subjects {
            Some(denied) => front_door.without(Arc::new(denied)),
            None => front_door,
        };
        let limits = match role {
            Role::Lambda => Limits {
                timeout: None,
                max_in_flight: None,
            },
            Role::Server | Role::Development { .. } => Limits {
                timeout: Some(config.server.request_timeout),
                max_in_flight: Some(config.server.max_in_flight),
            },
        };
        let settings = Settings {
            limits,
            server_timing: config.server.server_timing,
            cors: config.server.cors_origins,
            development_jwks: match role {
                Role::Development { jwks } => Some(jwks.clone()),
                Role::Server | Role::Lambda => None,
            },
        };
        let rules = ProfileRules {
            access: config.access,
            schema: config.profile.schema,
            max_bytes: config.profile.max_bytes,
            require_if_match: config.profile.require_if_match,
        };
        let profiles = Profiles::new(stores.profiles, rules);
        let app = App::new(front_door, profiles, Arc::new(SystemClock), settings);
        Ok(Self {
            stack: Stack::new(app, log, telemetry),
            pacer,
        })
    }

    /// What gives back, when no more requests are coming, what was taken from quotas and not used.
    #[must_use]
    pub fn returner(&self) -> Returner {
        Returner(Arc::clone(&self.pacer))
    }
}

/// Gives back what a deployment has taken from quotas and not used.
#[derive(Debug)]
pub struct Returner(Arc<LocalPacer>);

impl Returner {
    /// Gives all of it back. What is not given back, because the process is killed or the store is out
    /// of reach, counts as spent: at most a two hundredth of each quota.
    pub async fn close(self) {
        self.0.close(SystemClock.now()).await;
    }
}

/// Where usage is kept; in memory when nobody is held to a plan, so that nothing has to be there for it.
fn usage_store(usage: &UsageConfig) -> &UsageStoreConfig {
    let policy = &usage.policy;
    let is_used = policy.key_required || !policy.assign.is_empty();
    if is_used || !usage.plans.is_empty() || !usage.keys.is_empty() {
        &usage.store
    } else {
        &UsageStoreConfig::Memory
    }
}

/// The claims that plans are assigned by.
fn claims(usage: &UsageConfig) -> Vec<Box<str>> {
    let mut names: Vec<_> = usage
        .policy
        .assign
        .iter()
        .filter_map(|assigned| match &assigned.to {
            Criterion::Claim { name, .. } => Some(name.clone()),
            Criterion::Group(_) | Criterion::Scope(_) => None,
        })
        .collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// Imports the files of plans and keys, looks whether anybody could call, and knows the plans.
async fn prepare(stores: &Stores, config: &Config, role: &Role) -> Result<KeyCache, OpenError> {
    let usage = &config.usage;
    let control = ControlPlane::new(Arc::clone(&stores.keys), Arc::clone(&stores.usage));
    let now = SystemClock.now();
    let mut plans = stores.keys.plans().await?;
    let problems = unknown_plans(usage, &plans);
    if !problems.is_empty() {
        return Err(OpenError::Unfit(problems.join("\n")));
    }
    let imported = control
        .import(&usage.plans, &usage.keys, now)
        .await
        .map_err(|error| match error {
            ControlError::Store(error) => OpenError::Store(error),
            ControlError::Contended => OpenError::Contended,
            error => OpenError::Unfit(format!("usage.plans and usage.keys: {error}")),
        })?;
    if imported.plans + imported.keys > 0 {
        let (plans, keys) = (imported.plans, imported.keys);
        tracing::info!(
            plans,
            keys,
            "imported what is new in usage.plans and usage.keys"
        );
    }
    // What the file has may have been imported by another process a moment ago.
    if !usage.plans.is_empty() {
        plans = stores.keys.plans().await?;
    }
    for assigned in usage.policy.assign.iter() {
        let plan = plans.iter().find(|plan| plan.id == assigned.plan);
        if let Some(problem) = assignment_problem(plan, &assigned.plan, &config.api) {
            return Err(OpenError::Unfit(format!("usage.assign: {problem}")));
        }
    }
    warn_of_limits_that_hold_less_than_they_say(config, &plans);
    let needs_keys = usage.policy.key_required && usage.policy.assign.is_empty();
    // No reason not to start: keys can be made and plans be changed while this runs.
    let is_function = matches!(role, Role::Lambda);
    // Only a function has a gateway that could be trusted.
    if needs_keys && !(is_function && usage.trust_gateway) {
        // It starts many times a day, and each question is a round trip that its callers wait for.
        if !is_function && has_no_keys(stores).await? {
            tracing::warn!(
                "API keys are required and there are none: `usher keys create` makes one"
            );
        } else if !plans.iter().any(|plan| plan.covers(&config.api)) {
            tracing::warn!("no usage plan applies to api.id and api.stage: no API key is accepted");
        }
    }
    let keys = KeyCache::new(Arc::clone(&stores.keys), config.api.clone());
    keys.load(now).await?;
    Ok(keys)
}

async fn has_no_keys(stores: &Stores) -> Result<bool, StoreError> {
    let first = KeyPage {
        limit: 1,
        ..KeyPage::default()
    };
    Ok(stores.keys.keys(&first).await?.is_empty())
}

/// Every key of the file that names a plan which is neither in the file nor in the store.
fn unknown_plans(usage: &UsageConfig, stored: &[UsagePlan]) -> Vec<String> {
    let mut problems = Vec::new();
    for key in &usage.keys {
        for id in &key.plans {
            let mut known = usage.plans.iter().chain(stored);
            if !known.any(|plan| plan.id == *id) {
                problems.push(format!(
                    "usage.keys: key {} ({}): there is no usage plan {id}",
                    key.id, key.name
                ));
            }
        }
    }
    problems
}

fn warn_of_limits_that_hold_less_than_they_say(config: &Config, plans: &[UsagePlan]) {
    let usage_store = &config.usage.store;
    let durable = !matches!(config.store.url, StoreUrl::Memory);
    for plan in plans {
        let Some(entry) = plan.at(&config.api) else {
            continue;
        };
        if durable && *usage_store == UsageStoreConfig::Memory && plan.limits.quota.is_some() {
            tracing::warn!(
                plan = %plan.id,
                "the quota is counted in this process alone and starts anew with it: usage.store \
                 can name a database"
            );
        }
        for method in entry
            .methods
            .keys()
            .filter(|name| !METHODS.contains(&&***name))
        {
            tracing::warn!(
                plan = %plan.id,
                %method,
                "a throttle for a method that this API does not have limits nothing"
            );
        }
    }
}

/// Opens what `usher plans`, `usher keys` and `usher usage` work with.
///
/// # Errors
/// See [`OpenError`].
pub async fn open_control(config: &ControlConfig) -> Result<ControlPlane, OpenError> {
    // A server that is busy writes all the time, and a tool has nobody who waits for it.
    let timeout = config.store.timeout.max(Duration::from_secs(30));
    let config = &ControlConfig {
        store: StoreConfig {
            timeout,
            ..config.store.clone()
        },
        ..config.clone()
    };
    let Some((keys, usage)) = Stores::open_usage(config).await? else {
        return Err(OpenError::Nothing(
            "plans, keys and usage are in the memory of the server that runs: set usage.store to a \
             database, or change the files that usage.plans and usage.keys name and start it again",
        ));
    };
    Ok(ControlPlane::new(keys, usage))
}

/// Brings the schema of the store, and of the one for usage, up to date and closes them again.
///
/// # Errors
/// See [`OpenError`].
pub async fn migrate(config: &ControlConfig) -> Result<(), OpenError> {
    // A schema is changed without a hurry: a lock that somebody else holds is waited for.
    let patient = StoreConfig {
        migrate: true,
        timeout: Duration::from_mins(5),
        ..config.store.clone()
    };
    Stores::open(&patient, &config.usage_store).await.map(drop)
}
