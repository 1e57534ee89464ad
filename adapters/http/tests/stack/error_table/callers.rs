//! What is refused before a body or a store has its say.

use axum::http::Method;
use usher_domain::{
    access::{Action, Attributes, Grant, Holder, Policy},
    service::ProfileRules,
};

use super::rows;
use crate::support::{
    ALICE, Answer, Ask, DISABLED_KEY, KEY, KEY_OF_ANOTHER_STAGE, KEY_WITHOUT_PLAN, OTHER_KEY,
    Setup, World, plan_limits,
};

async fn with_plan(rate: f64, burst: u64, quota: u64) -> Answer {
    let plan = plan_limits(rate, burst, quota);
    let world = Setup {
        plan,
        ..Setup::default()
    }
    .start();
    world.spend_all(KEY).await;
    world.ask(Ask::get(ALICE)).await
}

/// Alice has a profile, and support may write the name in it.
async fn with_a_grant_to_the_name(ask: Ask) -> Answer {
    let grant = Grant {
        holder: Holder::Group("support".into()),
        issuer: None,
        actions: [Action::Write].into(),
        attributes: Attributes::Only(["name".into()].into()),
        read_only: false,
    };
    let mut setup = Setup::default();
    setup.rules.access.grants.push(grant);
    let world = setup.start();
    world.alice_has("{}").await;
    world.ask(ask.token("user:sam;group:support")).await
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
    a_subject_that_was_stopped: InvalidToken {
        World::new().ask(Ask::get("/users/me/profile").token("user:stopped")).await
    }
    a_token_without_the_scope: InsufficientScope {
        let access = Policy {
            read_scopes: ["profiles/write".into(), "profiles/read".into()].into(),
            ..Policy::default()
        };
        let rules = ProfileRules { access, ..ProfileRules::default() };
        let world = Setup { rules, ..Setup::default() }.start();
        world.ask(Ask::get(ALICE).token("user:alice;scope:openid")).await
    }
    an_attribute_that_is_not_granted: AttributeNotGranted {
        let patch = Ask::merge(ALICE, r#"{"name":"marked","a/b":"marked"}"#);
        with_a_grant_to_the_name(patch).await
    }
    a_put_by_a_grant_to_a_part: AttributeNotGranted {
        with_a_grant_to_the_name(Ask::put(ALICE, r#"{"name":"marked"}"#)).await
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
        let twice = Ask::get(ALICE).another("x-api-key", OTHER_KEY);
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
}
