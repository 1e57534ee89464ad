//! Two faults in one request give one answer, and that of the earlier stage.

use axum::http::Method;
use usher_domain::ports::StoreErrorKind;
use usher_testkit::fakes::Behaviour;

use crate::support::{ALICE, Ask, DISABLED_KEY, KEY, Setup, World, plan_limits};

/// What can be wrong with a request, in the order in which it is judged, with the code that says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fault {
    UserId,
    Token,
    Key,
    Limits,
    Access,
    MediaType,
    Size,
    Syntax,
    Content,
    Absence,
    Precondition,
}

/// Those that a PUT can have.
const OF_A_WRITE: &[(Fault, &str)] = &[
    (Fault::UserId, "invalid_user_id"),
    (Fault::Token, "invalid_token"),
    (Fault::Key, "invalid_api_key"),
    (Fault::Limits, "throttled"),
    (Fault::Access, "not_your_profile"),
    (Fault::MediaType, "unsupported_media_type"),
    (Fault::Size, "too_large"),
    (Fault::Syntax, "invalid_json"),
    (Fault::Content, "not_portable"),
    (Fault::Precondition, "precondition_failed"),
];

/// Those that a request without a body can have.
const OF_A_READ_OR_DELETE: &[(Fault, &str)] = &[
    (Fault::UserId, "invalid_user_id"),
    (Fault::Token, "invalid_token"),
    (Fault::Key, "invalid_api_key"),
    (Fault::Limits, "throttled"),
    (Fault::Access, "not_your_profile"),
    (Fault::Absence, "profile_not_found"),
    (Fault::Precondition, "precondition_failed"),
];

const MAX_BYTES: usize = 64;

async fn world(faults: &[Fault]) -> World {
    let setup = Setup {
        plan: plan_limits(0.001, 4, 0),
        max_profile_bytes: MAX_BYTES,
        ..Setup::default()
    };
    let world = setup.start();
    if !faults.contains(&Fault::Absence) {
        world.alice_has("{}").await;
    }
    if faults.contains(&Fault::Limits) {
        world.spend_all(KEY).await;
        // A key that is refused has an account all the same, and it is empty.
        world.spend_all(DISABLED_KEY).await;
    }
    world
}

fn request(method: &Method, faults: &[Fault]) -> Ask {
    let has = |fault| faults.contains(&fault);
    let path = match (has(Fault::UserId), has(Fault::Access)) {
        (true, _) => "/users/a%2Fb/profile",
        (false, true) => "/users/bob/profile",
        (false, false) => ALICE,
    };
    let mut ask = Ask::new(method.clone(), path);
    if has(Fault::Token) {
        ask = ask.token("nonsense");
    }
    if has(Fault::Key) {
        ask = ask.key(DISABLED_KEY);
    }
    if has(Fault::Precondition) {
        ask = ask.header("if-match", "\"of another content\"");
    }
    if *method != Method::PUT {
        return ask;
    }
    let name = if has(Fault::Content) { "_a" } else { "a" };
    let room = if has(Fault::Size) { 64 * 1024 } else { 0 };
    let end = if has(Fault::Syntax) { "" } else { "}" };
    let media_type = if has(Fault::MediaType) {
        "text/plain"
    } else {
        "application/json"
    };
    ask.header("content-type", media_type)
        .body(format!("{{\"{name}\":1{}{end}", " ".repeat(room)))
}

async fn assert_the_earlier_wins(method: Method, faults: &[(Fault, &str)]) {
    for (index, (early, code)) in faults.iter().enumerate() {
        let alone = world(&[*early])
            .await
            .ask(request(&method, &[*early]))
            .await;
        assert_eq!(alone.code(), *code, "{method} with {early:?}");
        for (late, _) in &faults[index + 1..] {
            let both = [*early, *late];
            let answer = world(&both).await.ask(request(&method, &both)).await;
            assert_eq!(answer.code(), *code, "{method} with {early:?} and {late:?}");
        }
    }
}

#[tokio::test]
async fn of_two_faults_of_a_put_the_earlier_is_answered() {
    assert!(OF_A_WRITE.is_sorted());
    assert_the_earlier_wins(Method::PUT, OF_A_WRITE).await;
}

#[tokio::test]
async fn of_two_faults_of_a_get_head_or_delete_the_earlier_is_answered() {
    assert!(OF_A_READ_OR_DELETE.is_sorted());
    assert_the_earlier_wins(Method::GET, OF_A_READ_OR_DELETE).await;
    assert_the_earlier_wins(Method::DELETE, OF_A_READ_OR_DELETE).await;
}

#[tokio::test]
async fn a_request_with_every_fault_is_told_of_the_route_first() {
    let every: Vec<Fault> = OF_A_WRITE.iter().map(|(fault, _)| *fault).collect();
    let answer = world(&every).await.ask(request(&Method::PUT, &every)).await;
    assert_eq!(answer.code(), "invalid_user_id");
    let world = World::new();
    for (method, path, code) in [
        (Method::PUT, "/users/a%2Fb/profiles", "route_not_found"),
        (Method::POST, "/users/alice/profile/", "route_not_found"),
        (Method::POST, ALICE, "method_not_allowed"),
        (Method::POST, "/users/a%2Fb/profile", "method_not_allowed"),
        (Method::GET, "/users//profile", "missing_parameter"),
        (Method::GET, "/users/a%2Fb/profile", "invalid_user_id"),
    ] {
        let anonymous = Ask::new(method.clone(), path).anonymous();
        assert_eq!(world.ask(anonymous).await.code(), code, "{method} {path}");
    }
}

#[tokio::test]
async fn a_token_is_missed_before_a_key_and_before_a_store_out_of_reach() {
    let world = World::new();
    let down = Behaviour::Fail(StoreErrorKind::Unavailable);
    world.keys.behave(down);
    world.usage.behave(down);
    world.profiles.behave(down);
    let anonymous = world.ask(Ask::get(ALICE).anonymous()).await;
    assert_eq!(anonymous.code(), "missing_token");
    let malformed = world.ask(Ask::get(ALICE).key("short")).await;
    assert_eq!(
        malformed.code(),
        "invalid_api_key",
        "a malformed key is not looked up"
    );
}

#[tokio::test]
async fn scope_comes_before_ownership() {
    let mut setup = Setup::default();
    setup.policy.read_scopes.insert("profiles/read".into());
    let answer = setup.start().ask(Ask::get("/users/bob/profile")).await;
    assert_eq!(answer.code(), "insufficient_scope");
}

/// Whether a profile exists is nobody else's business, and neither is whether the store works.
#[tokio::test]
async fn a_refused_request_never_reaches_the_store() {
    let world = World::new();
    world.profiles.behave(Behaviour::Panic);
    for (fault, code) in OF_A_WRITE.iter().filter(|(fault, _)| *fault < Fault::Size) {
        if *fault == Fault::Limits {
            continue;
        }
        let answer = world.ask(request(&Method::PUT, &[*fault])).await;
        assert_eq!(answer.code(), *code);
    }
    for method in [Method::GET, Method::DELETE, Method::PUT] {
        let answer = world.ask(request(&method, &[Fault::Access])).await;
        assert_eq!(answer.code(), "not_your_profile");
    }
    assert_eq!(world.profiles.calls(), 0);
}
