use axum::{
    Extension,
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, Uri, header},
    response::Response,
};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use usher_domain::{
    access::Action,
    entity_tag::{EntityTag, Preconditions, TagList},
    principal::Principal,
    profile::Profile,
    service::{Authorized, Read, Written},
    user_id::{UserId, UserIdError},
};

use super::{failure, options};
use crate::{
    credentials,
    problem::{ErrorCode, Problem},
    rate_limit,
    report::Report,
    request_id::RequestId,
    state::App,
};

pub(crate) const RESOURCE: &str = "/users/{userId}/profile";

const ALLOWED: HeaderValue = HeaderValue::from_static("GET, HEAD, PUT, DELETE, OPTIONS");
const JSON: HeaderValue = HeaderValue::from_static("application/json");
/// In place of a user id: the caller's own.
const ME: &str = "me";

/// What a method does; `None` when the route does not have it.
fn action(method: &Method) -> Option<Action> {
    match *method {
        Method::GET | Method::HEAD => Some(Action::Read),
        Method::PUT => Some(Action::Write),
        Method::DELETE => Some(Action::Delete),
        _ => None,
    }
}

/// Every method of a user's profile.
pub(crate) async fn handle(
    State(app): State<App>,
    Extension(id): Extension<RequestId>,
    request: Request<Body>,
) -> Response {
    let mut report = Report::of(RESOURCE);
    let result = judge(&app, id, request, &mut report).await;
    let mut response = match result {
        Ok(response) => response,
        Err(problem) => {
            report.error = Some(problem.code());
            problem.into_response(id)
        }
    };
    if let Some(levels) = &report.trail.levels {
        rate_limit::announce(levels, response.headers_mut());
    }
    report.attach(response)
}

/// Whom the path names.
enum Target {
    Me,
    User(UserId),
}

/// The order of judgement, the same everywhere: user id, token, key, limits, access, then media
/// type, size, syntax and content of the body, then the store.
async fn judge(
    app: &App,
    id: RequestId,
    request: Request<Body>,
    report: &mut Report,
) -> Result<Response, Problem> {
    if *request.method() == Method::OPTIONS {
        return Ok(options(ALLOWED));
    }
    let action = action(request.method()).ok_or_else(|| failure::method_not_allowed(ALLOWED))?;
    let target = target(request.uri())?;
    let (parts, body) = request.into_parts();
    let principal = {
        let credentials = credentials::of(&parts.headers)
            .map_err(|why| failure::invalid_token(ErrorCode::InvalidToken, why.0))?;
        let now = app.0.clock.now();
        let admitted = app
            .0
            .front_door
            .admit(credentials, now, &mut report.trail)
            .await;
        admitted.map_err(|refusal| failure::of_refusal(refusal, id))?
    };
    let user_id = resolve(target, &principal)?;
    let authorized = app
        .0
        .profiles
        .authorize(&principal, action, &user_id)
        .map_err(failure::of_denial)?;
    let call = Call {
        app,
        id,
        user_id: &user_id,
        authorized,
    };
    match action {
        Action::Read => call.read(&parts.headers, report).await,
        Action::Write => call.replace(&parts.headers, body, report).await,
        Action::Delete => call.delete(&parts.headers, report).await,
    }
}

fn target(uri: &Uri) -> Result<Target, Problem> {
    let invalid = || Problem::new(ErrorCode::InvalidUserId);
    let segment = uri
        .path()
        .strip_prefix("/users/")
        .and_then(|rest| rest.strip_suffix("/profile"))
        .ok_or_else(invalid)?;
    // Decoded exactly once: what is still encoded afterwards is part of the id.
    let decoded = percent_decode_str(segment)
        .decode_utf8()
        .map_err(|_| invalid().detail("The user id is not UTF-8."))?;
    if decoded == ME {
        return Ok(Target::Me);
    }
    match UserId::parse(&decoded) {
        Ok(user_id) => Ok(Target::User(user_id)),
        Err(UserIdError::Empty) => Err(Problem::new(ErrorCode::MissingParameter)),
        Err(error) => Err(invalid().detail(sentence(error))),
    }
}

fn resolve(target: Target, principal: &Principal) -> Result<UserId, Problem> {
    match target {
        Target::User(user_id) => Ok(user_id),
        // An issuer may name subjects that no profile can belong to.
        Target::Me => UserId::parse(&principal.id)
            .map_err(|error| Problem::new(ErrorCode::InvalidUserId).detail(sentence(error))),
    }
}

fn sentence(error: UserIdError) -> String {
    let said = error.to_string();
    let mut letters = said.chars();
    letters.next().map_or_else(String::new, |first| {
        format!("{}{}.", first.to_uppercase(), letters.as_str())
    })
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
        let asked = self.app.0.clock.now();
        let read = self.authorized.read(&preconditions(headers)).await;
        report.store_time = Some(self.app.0.clock.now().since(asked));
        match read.map_err(|failure| failure::of_profile(failure, self.user_id, self.id))? {
            Read::Found(profile) => Ok(self.answer(StatusCode::OK, &profile)),
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
        if !is_json(headers) {
            return Err(
                Problem::new(ErrorCode::UnsupportedMediaType).detail("PUT takes application/json.")
            );
        }
        let max_bytes = self.app.0.settings.max_profile_bytes;
        let body = collect(headers, body, max_bytes).await?;
        let profile = Profile::parse(&body, self.user_id, max_bytes).map_err(failure::of_body)?;
        let asked = self.app.0.clock.now();
        let written = self
            .authorized
            .replace(&profile, &preconditions(headers))
            .await;
        report.store_time = Some(self.app.0.clock.now().since(asked));
        match written.map_err(|failure| failure::of_profile(failure, self.user_id, self.id))? {
            Written::Replaced => Ok(self.answer(StatusCode::OK, &profile)),
            Written::Created => {
                let mut response = self.answer(StatusCode::CREATED, &profile);
                if let Some(location) = self.location() {
                    response.headers_mut().insert(header::LOCATION, location);
                }
                Ok(response)
            }
        }
    }

    async fn delete(&self, headers: &HeaderMap, report: &mut Report) -> Result<Response, Problem> {
        let asked = self.app.0.clock.now();
        let deleted = self.authorized.delete(&preconditions(headers)).await;
        report.store_time = Some(self.app.0.clock.now().since(asked));
        deleted.map_err(|failure| failure::of_profile(failure, self.user_id, self.id))?;
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NO_CONTENT;
        Ok(response)
    }

    fn answer(&self, status: StatusCode, profile: &Profile) -> Response {
        let mut response = Response::new(Body::from(profile.render(self.user_id)));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, JSON);
        describe(profile.tag(), headers);
        response
    }

    /// The profile's own address, whatever name it was called by.
    fn location(&self) -> Option<HeaderValue> {
        /// What a path segment must not contain as it is (RFC 3986, 3.3).
        const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
            .remove(b'-')
            .remove(b'.')
            .remove(b'_')
            .remove(b'~')
            .remove(b'@')
            .remove(b':')
            .remove(b'+');
        let segment = utf8_percent_encode(self.user_id.as_str(), SEGMENT);
        HeaderValue::try_from(format!("/users/{segment}/profile")).ok()
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

/// Several fields of one name are one list (RFC 9110, 5.3).
fn tags(headers: &HeaderMap, name: &HeaderName) -> Option<TagList> {
    let mut fields = headers.get_all(name).iter();
    let first = String::from_utf8_lossy(fields.next()?.as_bytes()).into_owned();
    let joined = fields.fold(first, |joined, field| {
        format!("{joined},{}", String::from_utf8_lossy(field.as_bytes()))
    });
    Some(TagList::parse(&joined))
}

fn is_json(headers: &HeaderMap) -> bool {
    let content_type = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let media_type = content_type
        .and_then(|text| text.split(';').next())
        .map(str::trim);
    media_type.is_some_and(|media_type| media_type.eq_ignore_ascii_case("application/json"))
}

/// Reads a body that is at most twice as long as the profile may be: white space and spelling have
/// that much room.
async fn collect(headers: &HeaderMap, body: Body, max_bytes: usize) -> Result<Bytes, Problem> {
    let limit = max_bytes.saturating_mul(2).saturating_add(16 * 1024);
    let announced = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|length| length > limit) {
        return Err(failure::too_large(max_bytes));
    }
    match Limited::new(body, limit).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(failure::too_large(max_bytes)),
        // The connection broke: nobody will read this answer, but the log will say what it was.
        Err(_) => Err(Problem::new(ErrorCode::InvalidJson).detail("The body could not be read.")),
    }
}
