//! The issuer of `usher dev`.

use std::time::Duration;

use serde_json::Value;
use usher_auth_jwt::{
    DEVELOPMENT_AUDIENCE, DEVELOPMENT_ISSUER, DevelopmentKey, IssuerSettings, JwtVerifier,
    KeysFrom, TokenRequest,
};
use usher_domain::time::Timestamp;

use crate::support::{LEEWAY, accepted, assert_refused, just_before, now, outcome, verifier};

const LIFETIME: Duration = Duration::from_hours(1);

fn trusting(key: &DevelopmentKey) -> JwtVerifier {
    let keys = KeysFrom::Json(key.jwks());
    let audiences = [DEVELOPMENT_AUDIENCE];
    verifier(IssuerSettings::oidc(DEVELOPMENT_ISSUER, &audiences, keys))
}

fn request() -> TokenRequest {
    TokenRequest {
        subject: "alice".to_owned(),
        issuer: DEVELOPMENT_ISSUER.to_owned(),
        audience: DEVELOPMENT_AUDIENCE.to_owned(),
        scope: "profiles/read profiles/write".to_owned(),
        groups: vec!["support".to_owned(), "on call".to_owned()],
        lifetime: LIFETIME,
    }
}

fn mint(key: &DevelopmentKey, request: &TokenRequest) -> String {
    key.mint(request, now()).expect("a token")
}

#[tokio::test]
async fn a_minted_token_is_accepted_for_its_lifetime_with_all_that_was_asked_for() {
    let key = DevelopmentKey::generate().expect("a key");
    let token = mint(&key, &request());
    let principal = accepted(&trusting(&key), &token, now()).await;
    assert_eq!(
        (&*principal.id, &*principal.issuer),
        ("alice", DEVELOPMENT_ISSUER)
    );
    let scopes: Vec<&str> = principal.scopes.iter().map(AsRef::as_ref).collect();
    assert_eq!(scopes, ["profiles/read", "profiles/write"]);
    let groups: Vec<&str> = principal.groups.iter().map(AsRef::as_ref).collect();
    assert_eq!(groups, ["on call", "support"]);
    let end = now().plus(LIFETIME).plus(LEEWAY);
    assert_eq!(
        outcome(&trusting(&key), &token, just_before(end)).await,
        "accepted"
    );
    assert_eq!(outcome(&trusting(&key), &token, end).await, "expired");
}

#[tokio::test]
async fn empty_scopes_and_groups_are_left_out() {
    let key = DevelopmentKey::generate().expect("a key");
    let plain = TokenRequest {
        scope: String::new(),
        groups: Vec::new(),
        ..request()
    };
    let token = mint(&key, &plain);
    let principal = accepted(&trusting(&key), &token, now()).await;
    assert!(principal.scopes.is_empty() && principal.groups.is_empty());
}

#[tokio::test]
async fn any_text_can_be_a_subject() {
    let key = DevelopmentKey::generate().expect("a key");
    let verifier = trusting(&key);
    for subject in ["a\"b", "Zoë", "\u{1f600}", "a\\b", "\n"] {
        let odd = TokenRequest {
            subject: subject.to_owned(),
            ..request()
        };
        assert_eq!(
            &*accepted(&verifier, &mint(&key, &odd), now()).await.id,
            subject
        );
    }
}

#[tokio::test]
async fn a_key_that_was_written_and_read_is_the_same_key() {
    let key = DevelopmentKey::generate().expect("a key");
    let read = DevelopmentKey::from_pkcs8(&key.to_pkcs8().expect("DER")).expect("a key");
    assert_eq!(read.jwks(), key.jwks(), "the kid too");
    assert_eq!(read.to_pkcs8().expect("DER"), key.to_pkcs8().expect("DER"));
    accepted(&trusting(&key), &mint(&read, &request()), now()).await;
    accepted(&trusting(&read), &mint(&key, &request()), now()).await;
}

#[tokio::test]
async fn the_tokens_of_one_development_key_are_nothing_to_another() {
    let (one, two) = (
        DevelopmentKey::generate().expect("a key"),
        DevelopmentKey::generate().expect("a key"),
    );
    assert_ne!(one.jwks(), two.jwks());
    let reason = "the token's key is not known";
    assert_refused(&trusting(&one), &mint(&two, &request()), reason).await;
}

#[test]
fn the_key_set_has_the_public_half_alone() {
    let key = DevelopmentKey::generate().expect("a key");
    let set: Value = serde_json::from_str(&key.jwks()).expect("JSON");
    let jwk = set["keys"][0].as_object().expect("a key");
    let mut names: Vec<_> = jwk.keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["alg", "e", "kid", "kty", "n", "use"]);
    assert_eq!(jwk["e"], "AQAB");
    assert_eq!(set["keys"].as_array().expect("keys").len(), 1);
}

#[test]
fn what_is_no_private_key_is_refused() {
    let der = DevelopmentKey::generate()
        .and_then(|key| key.to_pkcs8())
        .expect("DER");
    for bad in [&[][..], b"nonsense", &der[..der.len() - 1], &der[1..]] {
        assert!(DevelopmentKey::from_pkcs8(bad).is_err());
    }
}

#[test]
fn debug_output_shows_nothing_of_the_private_half() {
    let key = DevelopmentKey::generate().expect("a key");
    let shown = format!("{key:?}");
    let kid = shown.split('"').nth(1).expect("a kid");
    assert_eq!(shown, format!("DevelopmentKey {{ kid: \"{kid}\", .. }}"));
    assert_eq!(kid.len(), 16);
}

#[test]
fn a_lifetime_without_end_is_no_overflow() {
    let key = DevelopmentKey::generate().expect("a key");
    let for_ever = TokenRequest {
        lifetime: Duration::MAX,
        ..request()
    };
    assert!(key.mint(&for_ever, Timestamp::from_nanos(i64::MAX)).is_ok());
}
