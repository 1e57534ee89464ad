//! Every failure that a client can see: the contract's row, and all of the answer as a snapshot.

use axum::{
    body::{Body, Bytes},
    http::Method,
};
use http_body_util::channel::Channel;
use usher_domain::{access::Policy, ports::StoreErrorKind};
use usher_http::{Limits, problem::ErrorCode};
use usher_testkit::fakes::{Behaviour, FAULT_SAYS, PANIC_SAYS};

use crate::support::{
    ALICE, Answer, Ask, DISABLED_KEY, KEY_OF_ANOTHER_STAGE, KEY_WITHOUT_PLAN, Setup, World,
    plan_limits,
};

/// The contract's table: status, `code`, `message`, `x-amzn-errortype`. Copied from it by hand, so
/// that the code's own table is not compared with itself.
const CONTRACT: &[(u16, &str, &str, &str)] = &[
    (
        401,
        "missing_token",
        "Unauthorized",
        "UnauthorizedException",
    ),
    (
        401,
        "invalid_token",
        "Unauthorized",
        "UnauthorizedException",
    ),
    (
        401,
        "token_expired",
        "The incoming token has expired",
        "UnauthorizedException",
    ),
    (403, "insufficient_scope", "Forbidden", "ForbiddenException"),
    (403, "invalid_api_key", "Forbidden", "ForbiddenException"),
    (
        403,
        "not_your_profile",
        "Forbidden",
        "AccessDeniedException",
    ),
    (
        429,
        "throttled",
        "Too Many Requests",
        "TooManyRequestsException",
    ),
    (
        429,
        "quota_exceeded",
        "Limit Exceeded",
        "LimitExceededException",
    ),
    (404, "profile_not_found", "Not Found", "NotFoundException"),
    (404, "route_not_found", "Not Found", "NotFoundException"),
    (
        405,
        "method_not_allowed",
        "Method Not Allowed",
        "MethodNotAllowedException",
    ),
    (
        400,
        "missing_parameter",
        "Missing required request parameters: [userId]",
        "BadRequestException",
    ),
    (400, "invalid_user_id", "Bad Request", "BadRequestException"),
    (
        400,
        "invalid_json",
        "Invalid request body",
        "BadRequestException",
    ),
    (
        422,
        "not_portable",
        "Invalid request body",
        "BadRequestException",
    ),
    (
        415,
        "unsupported_media_type",
        "Unsupported Media Type",
        "BadRequestException",
    ),
    (
        413,
        "too_large",
        "Request Too Long",
        "RequestTooLargeException",
    ),
    (409, "write_conflict", "Conflict", "ConflictException"),
    (
        412,
        "precondition_failed",
        "Precondition Failed",
        "PreconditionFailedException",
    ),
    (
        503,
        "unavailable",
        "Service Unavailable",
        "ServiceUnavailableException",
    ),
    (
        503,
        "overloaded",
        "Service Unavailable",
        "ServiceUnavailableException",
    ),
    (
        504,
        "timeout",
        "Endpoint request timed out",
        "InternalServerErrorException",
    ),
    (
        500,
        "internal",
        "Internal server error",
        "InternalServerErrorException",
    ),
];

/// Makes a test of every row, and the list of the codes that they produce.
macro_rules! rows {
    ($($name:ident: $code:ident $answer:block)*) => {
        const PRODUCED: &[ErrorCode] = &[$(ErrorCode::$code),*];

        $(
            #[tokio::test(start_paused = true)]
            async fn $name() {
                let answer: Answer = $answer;
                judge(ErrorCode::$code, &answer);
                insta::assert_json_snapshot!(stringify!($name), answer.snapshot());
            }
        )*
    };
}

#[test]
fn every_code_has_a_row_and_a_place_in_the_contract() {
    for code in ErrorCode::ALL {
        assert!(PRODUCED.contains(code), "no row produces {code:?}");
        let rows = CONTRACT.iter().filter(|row| row.1 == code.as_str());
        assert_eq!(rows.count(), 1, "{code:?} in the contract");
    }
    assert_eq!(CONTRACT.len(), ErrorCode::ALL.len());
}

fn judge(expected: ErrorCode, answer: &Answer) {
    let body = answer.json();
    let &(status, code, message, kind) = CONTRACT
        .iter()
        .find(|row| row.1 == expected.as_str())
        .expect("a row of the contract");
    assert_eq!(answer.status.as_u16(), status);
    assert_eq!(body["status"], status);
    assert_eq!(body["code"], code);
    assert_eq!(body["message"], message);
    assert_eq!(answer.header("x-amzn-errortype"), Some(kind));
    assert_eq!(body["type"], format!("urn:usher:problem:{code}"));
    assert_eq!(
        answer.header("content-type"),
        Some("application/problem+json")
    );
    assert!(body["title"].is_string());
    assert!(status < 500 || body.get("detail").is_none(), "{body}");
    assert_eq!(
        answer.header("www-authenticate").is_some(),
        status == 401 || code == "insufficient_scope"
    );
    assert_eq!(
        answer.header("retry-after").is_some(),
        matches!(status, 429 | 503)
    );
    let everything = answer.snapshot().to_string();
    for secret in FAULT_SAYS.into_iter().chain([PANIC_SAYS, "marked"]) {
        assert!(!everything.contains(secret), "{everything}");
    }
}

/// A deployment whose profile store is told how to behave.
async fn with_store(behaviour: Behaviour, ask: Ask) -> Answer {
    let world = World::new();
    world.profiles.behave(behaviour);
    world.ask(ask).await
}

async fn with_plan(rate: f64, burst: u64, quota: u64) -> Answer {
    let plan = plan_limits(rate, burst, quota);
    let world = Setup {
        plan,
        ..Setup::default()
    }
    .start();
    world.spend_all(crate::support::KEY).await;
    world.ask(Ask::get(ALICE)).await
}

async fn with_small_profiles(ask: Ask) -> Answer {
    let setup = Setup {
        max_profile_bytes: 16,
        ..Setup::default()
    };
    setup.start().ask(ask).await
}

rows! {
    no_credentials: MissingToken {
        World::new().ask(Ask::get(ALICE).anonymous()).await
    }
    a_scheme_without_a_token: MissingToken {
        World::new().ask(Ask::get(ALICE).header("authorization", "Bearer")).await
    }
    a_token_in_the_query_string: MissingToken {
        let target = format!("{ALICE}?access_token=user:alice");
        World::new().ask(Ask::get(&target).without("authorization")).await
    }
    a_token_that_is_none: InvalidToken {
        World::new().ask(Ask::get(ALICE).token("marked.marked.marked")).await
    }
    a_scheme_other_than_bearer: InvalidToken {
        World::new().ask(Ask::get(ALICE).header("authorization", "Basic bWFya2Vk")).await
    }
    two_authorization_headers: InvalidToken {
        let twice = Ask::get(ALICE).another("authorization", "Bearer user:alice");
        World::new().ask(twice).await
    }
    a_token_that_has_run_out: TokenExpired {
        World::new().ask(Ask::get(ALICE).token("expired")).await
    }
    a_token_without_the_scope: InsufficientScope {
        let policy = Policy {
            read_scopes: ["profiles/write".into(), "profiles/read".into()].into(),
            ..Policy::default()
        };
        let world = Setup { policy, ..Setup::default() }.start();
        world.ask(Ask::get(ALICE).token("user:alice;scope:openid")).await
    }
    no_api_key: InvalidApiKey {
        World::new().ask(Ask::get(ALICE).without("x-api-key")).await
    }
    an_unknown_api_key: InvalidApiKey {
        World::new().ask(Ask::get(ALICE).key("marked-key-nobody-knows-")).await
    }
    an_api_key_too_short_to_be_one: InvalidApiKey {
        World::new().ask(Ask::get(ALICE).key("marked")).await
    }
    two_api_keys: InvalidApiKey {
        let twice = Ask::get(ALICE).another("x-api-key", crate::support::OTHER_KEY);
        World::new().ask(twice).await
    }
    a_disabled_api_key: InvalidApiKey {
        World::new().ask(Ask::get(ALICE).key(DISABLED_KEY)).await
    }
    an_api_key_of_another_stage: InvalidApiKey {
        World::new().ask(Ask::get(ALICE).key(KEY_OF_ANOTHER_STAGE)).await
    }
    an_api_key_without_a_plan: InvalidApiKey {
        World::new().ask(Ask::get(ALICE).key(KEY_WITHOUT_PLAN)).await
    }
    a_profile_of_somebody_else: NotYourProfile {
        World::new().ask(Ask::get("/users/bob/profile")).await
    }
    a_rate_exceeded: Throttled {
        with_plan(0.5, 3, 0).await
    }
    a_quota_used_up: QuotaExceeded {
        with_plan(50.0, 100, 5).await
    }
    a_read_of_no_profile: ProfileNotFound {
        World::new().ask(Ask::get(ALICE)).await
    }
    a_delete_of_no_profile: ProfileNotFound {
        World::new().ask(Ask::delete(ALICE)).await
    }
    a_path_that_is_no_route: RouteNotFound {
        World::new().ask(Ask::get("/users/alice").anonymous()).await
    }
    a_path_with_a_trailing_slash: RouteNotFound {
        World::new().ask(Ask::get("/users/alice/profile/").anonymous()).await
    }
    a_method_that_profiles_do_not_have: MethodNotAllowed {
        World::new().ask(Ask::new(Method::POST, ALICE).anonymous()).await
    }
    a_method_that_healthz_does_not_have: MethodNotAllowed {
        World::new().ask(Ask::new(Method::POST, "/healthz").anonymous()).await
    }
    a_method_that_readyz_does_not_have: MethodNotAllowed {
        World::new().ask(Ask::delete("/readyz").anonymous()).await
    }
    a_method_that_the_key_set_does_not_have: MethodNotAllowed {
        let jwks = Some("{\"keys\":[]}".to_owned());
        let world = Setup { development_jwks: jwks, ..Setup::default() }.start();
        world.ask(Ask::new(Method::POST, "/.well-known/jwks.json").anonymous()).await
    }
    an_empty_user_id: MissingParameter {
        World::new().ask(Ask::get("/users//profile")).await
    }
    a_user_id_with_a_slash: InvalidUserId {
        World::new().ask(Ask::get("/users/a%2Fb/profile")).await
    }
    a_user_id_with_a_control_character: InvalidUserId {
        World::new().ask(Ask::get("/users/a%0Ab/profile")).await
    }
    a_user_id_that_is_too_long: InvalidUserId {
        let path = format!("/users/{}/profile", "a".repeat(257));
        World::new().ask(Ask::get(&path)).await
    }
    a_user_id_that_is_not_utf_8: InvalidUserId {
        World::new().ask(Ask::get("/users/%FF/profile")).await
    }
    a_subject_that_no_profile_can_belong_to: InvalidUserId {
        World::new().ask(Ask::get("/users/me/profile").token(r"user:a\/b")).await
    }
    a_body_that_is_not_json: InvalidJson {
        World::new().ask(Ask::put(ALICE, r#"{"name": "marked",}"#)).await
    }
    no_body: InvalidJson {
        World::new().ask(Ask::put(ALICE, "")).await
    }
    a_body_that_breaks_off: InvalidJson {
        let (sender, body) = Channel::<Bytes, std::io::Error>::new(1);
        sender.abort(std::io::Error::other("marked"));
        World::new().ask(Ask::put(ALICE, Body::new(body))).await
    }
    a_body_that_some_store_could_not_keep: NotPortable {
        let body = r#"{"_id":"marked","a/b":{"~":"\u0000"},"n":1e400,"n":1}"#;
        World::new().ask(Ask::put(ALICE, body)).await
    }
    a_body_of_another_user: NotPortable {
        World::new().ask(Ask::put(ALICE, r#"{"userId":"marked"}"#)).await
    }
    a_body_that_is_no_object: NotPortable {
        World::new().ask(Ask::put(ALICE, r#"["marked"]"#)).await
    }
    a_body_of_another_media_type: UnsupportedMediaType {
        World::new().ask(Ask::put(ALICE, "{}").header("content-type", "text/json")).await
    }
    a_body_of_no_media_type: UnsupportedMediaType {
        World::new().ask(Ask::put(ALICE, "{}").without("content-type")).await
    }
    a_profile_too_large: TooLarge {
        with_small_profiles(Ask::put(ALICE, r#"{"name":"abcdefg"}"#)).await
    }
    a_body_announced_too_large: TooLarge {
        let body = Ask::put(ALICE, "{}").header("content-length", "16417");
        with_small_profiles(body).await
    }
    a_body_sent_too_large: TooLarge {
        with_small_profiles(Ask::put(ALICE, " ".repeat(16_417))).await
    }
    a_write_that_others_keep_overtaking: WriteConflict {
        let world = World::new();
        let tag = world.alice_has("{}").await;
        world.profiles.contend();
        world.ask(Ask::put(ALICE, "{}").header("if-match", &tag)).await
    }
    a_write_of_an_old_version: PreconditionFailed {
        let world = World::new();
        let old = world.alice_has("{}").await;
        world.alice_has(r#"{"name":"Alice"}"#).await;
        world.ask(Ask::put(ALICE, "{}").header("if-match", &old)).await
    }
    a_store_out_of_reach: Unavailable {
        with_store(Behaviour::Fail(StoreErrorKind::Unavailable), Ask::get(ALICE)).await
    }
    a_store_that_takes_no_more: Unavailable {
        with_store(Behaviour::Fail(StoreErrorKind::Overloaded), Ask::put(ALICE, "{}")).await
    }
    a_store_that_is_not_ready: Unavailable {
        let ask = Ask::get("/readyz").anonymous();
        with_store(Behaviour::Fail(StoreErrorKind::Unavailable), ask).await
    }
    a_usage_store_out_of_reach: Unavailable {
        let world = World::new();
        world.usage.behave(Behaviour::Fail(StoreErrorKind::Unavailable));
        world.ask(Ask::get(ALICE)).await
    }
    a_key_store_out_of_reach: Unavailable {
        let world = World::new();
        world.keys.behave(Behaviour::Fail(StoreErrorKind::Unavailable));
        world.ask(Ask::get(ALICE)).await
    }
    a_key_set_out_of_reach: Unavailable {
        World::new().ask(Ask::get(ALICE).token("unavailable")).await
    }
    more_requests_than_are_taken: Overloaded {
        let limits = Limits { timeout: None, max_in_flight: Some(0) };
        Setup { limits, ..Setup::default() }.start().ask(Ask::get(ALICE)).await
    }
    a_store_that_does_not_answer: Timeout {
        with_store(Behaviour::Stall, Ask::get(ALICE)).await
    }
    a_stored_row_that_does_not_read: Internal {
        with_store(Behaviour::Fail(StoreErrorKind::Corrupt), Ask::get(ALICE)).await
    }
    a_store_that_fails_otherwise: Internal {
        with_store(Behaviour::Fail(StoreErrorKind::Internal), Ask::delete(ALICE)).await
    }
    a_panic: Internal {
        with_store(Behaviour::Panic, Ask::get(ALICE)).await
    }
}
