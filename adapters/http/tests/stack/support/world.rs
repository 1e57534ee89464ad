use std::{
    num::{NonZeroU32, NonZeroU64},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use serde_json::Value;
use usher_domain::{
    ports::{Clock as _, Taken, UsageStore as _},
    profile::Profile,
    service::{FrontDoor, GatewayTrust, ProfileRules, Profiles, UsagePolicy},
    time::Timestamp,
    usage::{
        account::Limits as PlanLimits,
        api_key::{ApiKey, ApiKeyHash, ApiKeyId},
        assignment::Assignment,
        membership::{Account, AccountName, Holder, KnownKey},
        plan::{ApiStage, PlanId, PlanInForce, PlanStage, UsagePlan},
        quota::{Period, Quota},
        throttle::Throttle,
    },
    user_id::UserId,
};
use usher_http::{AccessLog, App, CorsOrigins, Limits, Settings, Stack};
use usher_testkit::{
    clock::FakeClock,
    fakes::{
        FakeDeniedSubjects, FakeKeyDirectory, FakePacer, FakeProfileStore, FakeTelemetry,
        FakeUsageStore, PlainTokens,
    },
};

use super::{
    Answer, Ask, DISABLED_KEY, FakeSchema, KEY, KEY_OF_ANOTHER_STAGE, KEY_WITHOUT_PLAN, OTHER_KEY,
};

const PLAN: &str = "standard";

/// What a test says about a deployment.
#[derive(Debug)]
pub(crate) struct Setup {
    pub(crate) rules: ProfileRules,
    pub(crate) plan: PlanLimits,
    /// What the plan gives each user of a key.
    pub(crate) per_user: Option<Throttle>,
    /// The plan's throttles for single methods.
    pub(crate) methods: Vec<(&'static str, Throttle)>,
    /// A bucket over everything.
    pub(crate) service: Option<Throttle>,
    /// Plans without a key; the fake tokens' claim is `tier`.
    pub(crate) assign: Vec<Assignment>,
    pub(crate) needs_key: bool,
    /// What a gateway in front is believed.
    pub(crate) trust: GatewayTrust,
    pub(crate) limits: Limits,
    pub(crate) cors: CorsOrigins,
    pub(crate) server_timing: bool,
    pub(crate) development_jwks: Option<String>,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            rules: ProfileRules::default(),
            plan: plan_limits(50.0, 100, 10_000),
            per_user: None,
            methods: Vec::new(),
            service: None,
            assign: Vec::new(),
            needs_key: true,
            trust: GatewayTrust::default(),
            limits: Limits {
                timeout: Some(Duration::from_secs(10)),
                max_in_flight: Some(64),
            },
            cors: CorsOrigins::default(),
            server_timing: false,
            development_jwks: None,
        }
    }
}

/// A throttle, and a quota a day.
pub(crate) fn plan_limits(rate: f64, burst: u64, quota: u64) -> PlanLimits {
    PlanLimits {
        throttle: Some(Throttle::new(rate, burst).expect("a throttle")),
        quota: NonZeroU64::new(quota).map(|limit| Quota::new(limit, Period::Day)),
    }
}

/// A profile as a store keeps it, whatever the deployment's rules say.
pub(crate) fn profile(attributes: &str) -> Profile {
    Profile::from_stored_json(attributes.as_bytes()).expect("a portable profile")
}

/// Sunday, 22 November 2026, at noon.
fn noon() -> Timestamp {
    Timestamp::from_seconds(1_795_348_800)
}

/// Whose tokens do not count.
const STOPPED: &str = "stopped";

/// A deployment of fakes.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) stack: Stack,
    pub(crate) clock: Arc<FakeClock>,
    pub(crate) profiles: Arc<FakeProfileStore>,
    pub(crate) usage: Arc<FakeUsageStore>,
    pub(crate) keys: Arc<FakeKeyDirectory>,
    pub(crate) log: Arc<Lines>,
    pub(crate) told: Arc<FakeTelemetry>,
    plan: Arc<PlanInForce>,
}

impl World {
    pub(crate) fn new() -> Self {
        Setup::default().start()
    }

    pub(crate) async fn ask(&self, ask: Ask) -> Answer {
        Answer::of(self.stack.answer(ask.into_request()).await).await
    }

    /// Puts Alice's profile and answers its tag.
    pub(crate) async fn alice_has(&self, body: &'static str) -> String {
        let answer = self.ask(Ask::put(super::ALICE, body)).await;
        assert!(answer.status.is_success(), "{answer:?}");
        answer.tag().to_owned()
    }

    /// Puts Alice's profile behind everybody's back, past schema and limits, and answers its tag.
    pub(crate) fn alice_was_given(&self, attributes: &str) -> String {
        let profile = profile(attributes);
        let tag = profile.tag().to_string();
        let alice = UserId::parse("alice").expect("an id");
        self.profiles.seed(&alice, profile);
        tag
    }

    /// Spends all that the plan gives `key` at once, behind the front door's back.
    pub(crate) async fn spend_all(&self, key: &str) {
        let account = Account {
            name: AccountName {
                plan: self.plan.id.clone(),
                holder: Holder::Key(id_of(key)),
            },
            limits: self.plan.limits,
        };
        let take = || {
            let now = self.clock.now();
            self.usage.take(&account, NonZeroU32::MIN, now)
        };
        while let Taken::Granted { .. } = take().await.expect("an answer") {}
    }
}

impl Setup {
    /// A deployment whose schema marks these attributes `readOnly`.
    pub(crate) fn with_schema(read_only: &[&str]) -> Self {
        let mut setup = Self::default();
        setup.rules.schema = Some(Arc::new(FakeSchema::new(read_only)));
        setup
    }

    pub(crate) fn max_bytes(mut self, max_bytes: usize) -> Self {
        self.rules.max_bytes = max_bytes;
        self
    }

    pub(crate) fn start(self) -> World {
        let stage = |name: &str| ApiStage {
            api_id: "api".into(),
            stage: name.into(),
        };
        let usage_plan = UsagePlan {
            limits: self.plan,
            per_user: self.per_user,
            stages: vec![PlanStage {
                stage: stage("prod"),
                methods: self
                    .methods
                    .iter()
                    .map(|(name, throttle)| ((*name).into(), *throttle))
                    .collect(),
            }],
            ..UsagePlan::new(PlanId::new(PLAN))
        };
        let plan = PlanInForce::new(&usage_plan, &stage("prod")).map(Arc::new);
        let here = plan.as_ref();
        let keys = [
            key(KEY, true, here),
            key(OTHER_KEY, true, here),
            key(DISABLED_KEY, false, here),
            key(KEY_OF_ANOTHER_STAGE, true, None),
            key(KEY_WITHOUT_PLAN, true, None),
        ];
        let plan = plan.expect("a plan of this stage");
        let keys = Arc::new(FakeKeyDirectory::new(keys, [Arc::clone(&plan)]));
        let clock = Arc::new(FakeClock::at(noon()));
        let profiles = Arc::new(FakeProfileStore::new());
        let usage = Arc::new(FakeUsageStore::new());
        let log = Arc::new(Lines::default());
        let told = Arc::new(FakeTelemetry::default());
        let policy = UsagePolicy {
            key_required: self.needs_key,
            assign: self.assign.into(),
        };
        let pacer = FakePacer::new(Arc::clone(&usage), self.service);
        let front_door = FrontDoor::new(
            Arc::new(PlainTokens),
            Arc::clone(&keys) as _,
            Arc::new(pacer),
            policy,
        )
        .behind(self.trust)
        .without(Arc::new(FakeDeniedSubjects(&[STOPPED])));
        let app = App::new(
            front_door,
            Profiles::new(Arc::clone(&profiles) as _, self.rules),
            Arc::clone(&clock) as _,
            Settings {
                limits: self.limits,
                server_timing: self.server_timing,
                cors: self.cors,
                development_jwks: self.development_jwks,
            },
        );
        World {
            stack: Stack::new(app, Arc::clone(&log) as _, Arc::clone(&told) as _),
            told,
            clock,
            profiles,
            usage,
            keys,
            log,
            plan,
        }
    }
}

fn id_of(key: &str) -> ApiKeyId {
    ApiKeyId::new(&format!("id-{}", &key[key.len() - 2..]))
}

fn key(key: &str, enabled: bool, plan: Option<&Arc<PlanInForce>>) -> (ApiKeyHash, KnownKey) {
    let hash = ApiKeyHash::of(key).expect("a key");
    let key = ApiKey {
        id: id_of(key),
        hash,
        previous: None,
        name: String::new(),
        description: String::new(),
        enabled,
        plans: plan.iter().map(|plan| plan.id.clone()).collect(),
        created_at: None,
    };
    (hash, KnownKey::new(&key, &hash, plan.map(Arc::clone)))
}

/// The access log.
#[derive(Debug, Default)]
pub(crate) struct Lines(Mutex<Vec<String>>);

impl Lines {
    /// What was written since the last time, as text.
    pub(crate) fn take_text(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// What was written since the last time. Every line is one JSON object.
    pub(crate) fn take(&self) -> Vec<Value> {
        let read = |line: &String| serde_json::from_str(line).expect("a line of JSON");
        self.take_text().iter().map(read).collect()
    }
}

impl AccessLog for Lines {
    fn write(&self, line: &str) {
        assert!(!line.contains('\n'), "{line}");
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines.push(line.to_owned());
    }
}
