use std::time::Duration;

use crate::{
    service::Trail,
    time::Timestamp,
    usage::{account::LimitKind, plan::PlanId},
};

/// What a deployment tells of itself while it works.
///
/// Whoever listens must not block: it is told in the middle of requests. Nothing that is told is secret, and what grows
/// with the number of users, keys or paths is not to be made the name of anything that is kept.
pub trait Telemetry: Send + Sync + 'static {
    /// A request has its answer, or its client has gone away.
    fn answered(&self, call: &Answered<'_>);

    /// Whether it is of use to know when a request was verified, admitted and decided about: each costs looking at the clock.
    /// The store's time is told in any case.
    fn wants_phases(&self) -> bool {
        false
    }

    /// An issuer was asked for its key set.
    fn key_set_fetched(&self, issuer: &str, fetched: bool);

    /// Calls were taken from a quota, to be let in without asking again.
    fn lease_taken(&self, plan: &PlanId, calls: u32);

    /// Calls that were taken from a quota were given back, because nobody came for them.
    fn lease_returned(&self, plan: &PlanId, calls: u32);
}

/// The status of a request whose client went away before there was an answer: nginx's name for it is "client closed
/// request".
pub const CLIENT_CLOSED: u16 = 499;

/// Listens to nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Telemetry for Silent {
    fn answered(&self, _: &Answered<'_>) {}
    fn key_set_fetched(&self, _: &str, _: bool) {}
    fn lease_taken(&self, _: &PlanId, _: u32) {}
    fn lease_returned(&self, _: &PlanId, _: u32) {}
}

/// What is known of a request once it is over.
#[derive(Debug, Clone, Copy)]
pub struct Answered<'a> {
    /// The request's id, as a number.
    pub request_id: u128,
    /// When it came.
    pub at: Timestamp,
    /// Its method, as it was sent.
    pub method: &'a str,
    /// The template of its route, if it has one.
    pub resource: Option<&'static str>,
    /// The answer's status code; [`CLIENT_CLOSED`] where the client has gone away.
    pub status: u16,
    /// From its first byte to the answer's head.
    pub latency: Duration,
    /// Where the time went; the store's alone where nobody [wants](Telemetry::wants_phases) the others.
    pub phases: Phases,
    /// Who called, with which key, under which plan.
    pub trail: &'a Trail,
    /// The stable code of what went wrong.
    pub error: Option<&'static str>,
    /// The rule that refused it.
    pub rule: Option<Rule>,
    /// The trace that it is a part of.
    pub trace: Option<TraceContext>,
}

/// Where a request's time went, as far as it got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Phases {
    /// Who is calling?
    pub verification: Option<Phase>,
    /// May they come in now?
    pub admission: Option<Phase>,
    /// May they do this?
    pub decision: Option<Phase>,
    /// The store: from when it was first asked, and as long as it was waited for, repeats and conflicts included.
    pub store: Option<Phase>,
}

/// A part of a request's time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Phase {
    /// When it began.
    pub start: Timestamp,
    /// How long it took.
    pub took: Duration,
}

impl Phase {
    /// From one time to another.
    #[must_use]
    pub fn between(start: Timestamp, end: Timestamp) -> Self {
        Self {
            start,
            took: end.since(start),
        }
    }
}

/// The trace that a caller says it is working on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceContext {
    /// The trace's id, never zero.
    pub trace_id: u128,
    /// The id of the span that the request is a part of, if it was said.
    pub parent: Option<u64>,
    /// Whether the trace is recorded; `None` where that is ours to decide.
    pub sampled: Option<bool>,
}

/// Is told when a call waits for the profile store, and when it does so no longer.
pub trait StoreWatch: Send + Sync + std::fmt::Debug {
    /// The store is asked.
    fn asked(&self);

    /// It has answered, or nobody waits for its answer any more.
    fn answered(&self);
}

/// The rule that refused a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    /// A token is needed, and has to be a good one.
    Token,
    /// The token's subject was stopped.
    DeniedSubject,
    /// An API key of a plan that applies here is needed.
    ApiKey,
    /// The plan that is assigned without a key has to be there.
    AssignedPlan,
    /// The token bucket of the plan, of the method or of the key.
    Throttle,
    /// The token bucket that the plan gives each of a key's users.
    UserThrottle,
    /// The quota.
    Quota,
    /// The token bucket over everything in the process.
    ServiceThrottle,
    /// The action needs a scope.
    Scopes,
    /// The profile is its owner's.
    Owner,
    /// The grant is for a part of the profile.
    Grants,
    /// Owners may not write what the schema marks `readOnly`.
    ReadOnly,
}

impl Rule {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::Token,
        Self::DeniedSubject,
        Self::ApiKey,
        Self::AssignedPlan,
        Self::Throttle,
        Self::UserThrottle,
        Self::Quota,
        Self::ServiceThrottle,
        Self::Scopes,
        Self::Owner,
        Self::Grants,
        Self::ReadOnly,
    ];

    /// The one that a limit is.
    #[must_use]
    pub const fn of(limit: LimitKind) -> Self {
        match limit {
            LimitKind::Throttle => Self::Throttle,
            LimitKind::User => Self::UserThrottle,
            LimitKind::Quota => Self::Quota,
            LimitKind::Service => Self::ServiceThrottle,
        }
    }

    /// Its stable name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::DeniedSubject => "denied_subject",
            Self::ApiKey => "api_key",
            Self::AssignedPlan => "assigned_plan",
            Self::Throttle => "throttle",
            Self::UserThrottle => "user_throttle",
            Self::Quota => "quota",
            Self::ServiceThrottle => "service_throttle",
            Self::Scopes => "scopes",
            Self::Owner => "owner",
            Self::Grants => "grants",
            Self::ReadOnly => "read_only",
        }
    }

    /// What it demands.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Token => "a token that is verified",
            Self::DeniedSubject => "a subject that identity.denied_subjects does not name",
            Self::ApiKey => "an API key of a usage plan that applies to this stage",
            Self::AssignedPlan => {
                "the plan that usage.assign gives is there and applies to this stage"
            }
            Self::Throttle => "a token in the bucket of the plan, the method or the key",
            Self::UserThrottle => "a token in the bucket that the plan gives each user",
            Self::Quota => "calls left in the quota's period",
            Self::ServiceThrottle => "a token in the bucket over everything in the process",
            Self::Scopes => "a scope that access.scopes lists for the action",
            Self::Owner => "the caller's own profile, or a grant for it",
            Self::Grants => "a grant for all of what the action is about",
            Self::ReadOnly => {
                "attributes that the schema does not mark readOnly, or a grant to write them"
            }
        }
    }

    /// What it is about.
    #[must_use]
    pub const fn concern(self) -> Concern {
        match self {
            Self::Token | Self::DeniedSubject | Self::ApiKey | Self::AssignedPlan => {
                Concern::Authentication
            }
            Self::Throttle | Self::UserThrottle | Self::ServiceThrottle => Concern::Throttle,
            Self::Quota => Concern::Quota,
            Self::Scopes | Self::Owner | Self::Grants | Self::ReadOnly => Concern::Access,
        }
    }
}

/// What a rule is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Concern {
    /// Who is calling.
    Authentication,
    /// How fast.
    Throttle,
    /// How much.
    Quota,
    /// What the caller may do.
    Access,
}
