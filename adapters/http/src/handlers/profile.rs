use std::{future::poll_fn, pin::pin, task::Poll};

use axum::{
    Extension,
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, header},
    response::Response,
};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use usher_domain::{
    access::{Action, Attributes, Basis, Permit},
    entity_tag::{EntityTag, Preconditions},
    patch::Patch,
    ports::{Phase, Rule},
    principal::Principal,
    profile::Profile,
    service::{Authorized, ProfileFailure, Read, Written},
    user_id::UserId,
};

use super::{
    failure,
    media_type::MediaType,
    options, tags,
    target::{self, Target},
};
use crate::{
    credentials,
    problem::{ErrorCode, Problem},
    report::{LeftBehind, Refused, Report, Reporting, StoreTime},
    request_id::RequestId,
    state::App,
};

pub(crate) const RESOURCE: &str = "/users/{userId}/profile";

pub(crate) const ALLOWED: HeaderValue =
    HeaderValue::from_static("GET, HEAD, PUT, PATCH, DELETE, OPTIONS");
const ACCEPT_PATCH: HeaderName = HeaderName::from_static("accept-patch");
/// RFC 5789, section 3.1.
pub(crate) const PATCHES: HeaderValue = HeaderValue::from_static(
    "application/merge-patch+json, application/json-patch+json, application/json",
);
const JSON: HeaderValue = HeaderValue::from_static("application/json");
/// The target of audit lines, which are written at every log level.
pub const AUDIT: &str = "usher::audit";

/// What a method does; `None` when the route does not have it.
fn action(method: &Method) -> Option<Action> {
    match *method {
        Method::GET | Method::HEAD => Some(Action::Read),
        Method::PUT | Method::PATCH => Some(Action::Write),
        Method::DELETE => Some(Action::Delete),
        _ => None,
    }
}

const GET: &str = "/users/{userId}/profile/GET";
const PUT: &str = "/users/{userId}/profile/PUT";
const PATCH: &str = "/users/{userId}/profile/PATCH";
const DELETE: &str = "/users/{userId}/profile/DELETE";
/// The methods of this API that calls are charged for, as usage plans name them in
/// `apiStages[].throttle`.
pub const METHODS: [&str; 4] = [GET, PUT, PATCH, DELETE];

/// How usage plans name a method of the resource, whose user may be `me`. HEAD is paced as the GET that
/// it stands for.
fn name(method: &Method) -> &'static str {
    match *method {
        Method::PUT => PUT,
        Method::PATCH => PATCH,
        Method::DELETE => DELETE,
        _ => GET,
    }
}

/// Every method of a user's profile.
pub(crate) async fn handle(
    State(app): State<App>,
    Extension(id): Extension<RequestId>,
    Extension(left_behind): Extension<LeftBehind>,
    request: Request<Body>,
) -> Response {
    let clock = &*app.0.clock;
    let mut reporting = Reporting::new(Report::of(RESOURCE), left_behind, clock);
    let Reporting { report, store, .. } = &mut reporting;
    let result = judge(&app, id, request, report, store).await;
    let response = match result {
        Ok(response) => response,
        Err(problem) => {
            reporting.report.error = Some(problem.code());
            problem.into_response(id)
        }
    };
    reporting.attach(response)
}

/// The order of judgement, the same everywhere: user id, token, key, limits, access, then media
/// type, size, syntax and content of the body, then the store.
async fn judge(
    app: &App,
    id: RequestId,
    request: Request<Body>,
    report: &mut Report,
    store: &StoreTime<'_>,
) -> Result<Response, Problem> {
    if *request.method() == Method::OPTIONS {
        let mut response = options(ALLOWED);
        response.headers_mut().insert(ACCEPT_PATCH, PATCHES);
        return Ok(response);
    }
    let action = action(request.method()).ok_or_else(|| failure::method_not_allowed(ALLOWED))?;
    let target = Target::of(request.uri())?;
    let (parts, body) = request.into_parts();
    let clock = &*app.0.clock;
    let principal = {
        let mut credentials = credentials::of(&parts.headers).map_err(|why| {
            report.refused = Some(Refused {
                rule: Rule::Token,
                why: Some(why.0),
            });
            failure::invalid_token(ErrorCode::InvalidToken, why.0)
        })?;
        credentials.gateway = parts.extensions.get();
        report.came_to_the_door(clock);
        let door = &app.0.front_door;
        let admitted = door
            .admit(credentials, name(&parts.method), clock, &mut report.trail)
            .await;
        report.left_the_door(clock);
        admitted.map_err(|refusal| {
            report.refused = refusal.rule().map(|rule| Refused {
                rule,
                why: failure::why(&refusal),
            });
            failure::of_refusal(refusal, id)
        })?
    };
    let user_id = target.resolve(&principal)?;
    let asked = report.phased.then(|| clock.now());
    let authorized = app
        .0
        .profiles
        .authorize(&principal, action, &user_id)
        .and_then(|authorized| match parts.method {
            Method::PUT | Method::DELETE => {
                authorized.for_the_whole_profile(action, &preconditions(&parts.headers))
            }
            _ => Ok(authorized),
        });
    report.phases.decision = asked.map(|asked| Phase::between(asked, clock.now()));
    let authorized = authorized.map_err(|reason| {
        report.refused = Some(Refused {
            rule: reason.rule(),
            why: None,
        });
        failure::of_denial(reason)
    })?;
    audit(id, &principal, action, &user_id, authorized.permit());
    let call = Call {
        app,
        id,
        user_id: &user_id,
        authorized: authorized.watched(store),
    };
    match action {
        Action::Read => call.read(&parts.headers, report).await,
        Action::Write if parts.method == Method::PATCH => {
            call.patch(&parts.headers, body, report).await
        }
        Action::Write => call.replace(&parts.headers, body, report).await,
        Action::Delete => call.delete(&parts.headers, report).await,
    }
}

/// Every access by a grant leaves one line: who, whose, by which grant, which attributes; never a
/// value. An owner's write is one where a grant lets the owner write what is read only to owners.
fn audit(id: RequestId, principal: &Principal, action: Action, target: &UserId, permit: &Permit) {
    let (grants, attributes) = match (permit.basis(), action) {
        (Basis::Grants(grants), Action::Read) => (grants, permit.readable()),
        (Basis::Grants(grants), Action::Write) => (grants, permit.writable()),
        (Basis::Grants(grants), Action::Delete) => (grants, &Attributes::All),
        (Basis::Owner, Action::Write) if !permit.read_only().is_empty() => {
            (permit.read_only_by(), permit.read_only())
        }
        (Basis::Owner, _) => return,
    };
    let grants: Vec<&str> = grants.iter().map(String::as_str).collect();
    tracing::info!(
        target: AUDIT,
        requestId = %id,
        // As texts, which a line for people has in quotes: a name may look like other fields, or like another line.
        principal = &*principal.id,
        issuer = &*principal.issuer,
        // "target" is taken: where a line comes from.
        targetUserId = target.as_str(),
        grants = grants.join(" "),
        action = action.as_str(),
        attributes = attributes.to_string(),
        "access by a grant"
    );
}

/// An authorized call: nothing but the body and the store can refuse it now.
struct Call<'a> {
    app: &'a App,
    id: RequestId,
    user_id: &'a UserId,
    authorized: Authorized<'a>,
}

impl Call<'_> {
    async fn read(&self, headers: &HeaderMap, report: &mut Report) -> Result<Response, Problem> {
        let preconditions = preconditions(headers);
        let read = self.authorized.read(&preconditions);
        match self.judged(read, report).await? {
            Read::Found(profile) => Ok(self.answer(StatusCode::OK, Some(&profile))),
            Read::NotModified(profile) => {
                let mut response = Response::new(Body::empty());
                *response.status_mut() = StatusCode::NOT_MODIFIED;
                describe(profile.tag(), response.headers_mut());
                Ok(response)
            }
        }
    }

    async fn replace(
        &self,
        headers: &HeaderMap,
        body: Body,
        report: &mut Report,
    ) -> Result<Response, Problem> {
        if MediaType::of(headers)? != Some(MediaType::Json) {
            return Err(
                Problem::new(ErrorCode::UnsupportedMediaType).detail("PUT takes application/json.")
            );
        }
        let body = self.receive(headers, body).await?;
        let profile =
            Profile::parse(&body, self.user_id, self.max_bytes()).map_err(failure::of_body)?;
        let preconditions = preconditions(headers);
        let replace = self.authorized.replace(&profile, &preconditions);
        let Written { view, created } = self.judged(replace, report).await?;
        if !created {
            return Ok(self.answer(StatusCode::OK, view.as_ref()));
        }
        let mut response = self.answer(StatusCode::CREATED, view.as_ref());
        if let Some(location) = target::location(self.user_id) {
            response.headers_mut().insert(header::LOCATION, location);
        }
        Ok(response)
    }

    async fn patch(
        &self,
        headers: &HeaderMap,
        body: Body,
        report: &mut Report,
    ) -> Result<Response, Problem> {
        let unsupported = |problem: Problem| problem.header(ACCEPT_PATCH, PATCHES);
        let media_type = MediaType::of(headers)
            .map_err(unsupported)?
            .ok_or_else(|| {
                unsupported(
                    Problem::new(ErrorCode::UnsupportedMediaType)
                        .detail("PATCH takes what Accept-Patch lists."),
                )
            })?;
        let body = self.receive(headers, body).await?;
        let patch = match media_type {
            MediaType::JsonPatch => Patch::operations(&body),
            MediaType::MergePatch | MediaType::Json => Patch::merge(&body, self.user_id),
        };
        let patch = patch.map_err(failure::of_patch)?;
        let preconditions = preconditions(headers);
        let patched = self.authorized.patch(&patch, &preconditions);
        let view = self.judged(patched, report).await?;
        Ok(self.answer(StatusCode::OK, view.as_ref()))
    }

    async fn delete(&self, headers: &HeaderMap, report: &mut Report) -> Result<Response, Problem> {
        let preconditions = preconditions(headers);
        let delete = self.authorized.delete(&preconditions);
        self.judged(delete, report).await?;
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NO_CONTENT;
        Ok(response)
    }

    /// What the work came to; where a rule refused it, with that rule in the report.
    async fn judged<T>(
        &self,
        work: impl Future<Output = Result<T, ProfileFailure>>,
        report: &mut Report,
    ) -> Result<T, Problem> {
        work.await.map_err(|why| {
            report.refused = match why {
                ProfileFailure::NotGranted(_) => Some(Rule::Grants),
                ProfileFailure::ReadOnly(_) => Some(Rule::ReadOnly),
                _ => None,
            }
            .map(|rule| Refused { rule, why: None });
            failure::of_profile(why, self.max_bytes(), self.user_id, self.id)
        })
    }

    fn max_bytes(&self) -> usize {
        self.app.0.profiles.rules().max_bytes
    }

    /// Reads a body that is at most twice as long as the profile may be: white space and spelling
    /// have that much room.
    async fn receive(&self, headers: &HeaderMap, body: Body) -> Result<Bytes, Problem> {
        let max_bytes = self.max_bytes();
        let limit = max_bytes.saturating_mul(2).saturating_add(16 * 1024);
        let too_large = || {
            Problem::new(ErrorCode::TooLarge).detail(format!(
                "A body has at most {limit} bytes, and the profile in it at most {max_bytes}."
            ))
        };
        let announced = headers
            .get(header::CONTENT_LENGTH)
            .and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
        if announced.is_some_and(|length| length > limit) {
            return Err(too_large());
        }
        let mut collected = pin!(Limited::new(body, limit).collect());
        // A body that is there already, as most are, waits for nobody.
        let collected = match poll_fn(|context| Poll::Ready(collected.as_mut().poll(context))).await
        {
            Poll::Ready(collected) => collected,
            Poll::Pending => {
                let overloaded = || failure::unavailable(ErrorCode::Overloaded);
                let _receiving = self.app.0.load.receive().ok_or_else(overloaded)?;
                collected.await
            }
        };
        match collected {
            Ok(body) => Ok(body.to_bytes()),
            Err(error) if error.is::<LengthLimitError>() => Err(too_large()),
            // The connection broke: nobody will read this answer, but the log will say what it was.
            Err(_) => {
                Err(Problem::new(ErrorCode::InvalidJson).detail("The body could not be read."))
            }
        }
    }

    /// What the caller may see, under `status`; 204 when that is nothing.
    fn answer(&self, status: StatusCode, view: Option<&Profile>) -> Response {
        let Some(profile) = view else {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::NO_CONTENT;
            return response;
        };
        let mut response = Response::new(Body::from(profile.render(self.user_id)));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, JSON);
        describe(profile.tag(), headers);
        response
    }
}

/// What every answer about a profile's content says.
fn describe(tag: &EntityTag, headers: &mut HeaderMap) {
    if let Ok(tag) = HeaderValue::try_from(tag.to_string()) {
        headers.insert(header::ETAG, tag);
    }
    headers.insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static("private, no-cache"),
    );
    headers.insert(header::VARY, HeaderValue::from_static("Authorization"));
}

fn preconditions(headers: &HeaderMap) -> Preconditions {
    Preconditions {
        if_match: tags(headers, &header::IF_MATCH),
        if_none_match: tags(headers, &header::IF_NONE_MATCH),
    }
}
