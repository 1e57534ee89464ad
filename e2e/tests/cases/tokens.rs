//! Which tokens let their bearer in.

use serde_json::{Value, json};
use usher_testkit::tokens::TestKey;

use crate::support::{
    Answer, Deployment, Difference,
    call::Caller,
    issuer::{claims, now_seconds},
};

async fn with_authorization(caller: &Caller, d: &Deployment, value: &str) -> Answer {
    d.call("GET", &caller.profile())
        .header("x-api-key", &caller.api_key)
        .header("authorization", value)
        .await
}

/// The claims of a good token, but for one.
fn claims_but(subject: &str, name: &str, value: Value) -> Value {
    let mut claims = claims(subject);
    claims[name] = value;
    claims
}

fn claims_without(subject: &str, name: &str) -> Value {
    let mut claims = claims(subject);
    claims.as_object_mut().expect("claims").remove(name);
    claims
}

pub(crate) async fn a_token_that_is_not_for_us_is_401(d: &Deployment) {
    let alice = d.somebody();
    let (id, key) = (alice.id.as_str(), &d.issuer().es256);
    let stranger = TestKey::es256("es");
    let good = alice.token.as_str();
    let (message, signature) = good.rsplit_once('.').expect("a token");
    let other_payload = key.sign(&claims("mallory"));
    let payload = other_payload.split('.').nth(1).expect("a payload");
    let header = good.split('.').next().expect("a header");
    let with_header = |changes: Value| {
        let mut header = key.header();
        for (name, value) in changes.as_object().expect("changes") {
            header[name] = value.clone();
        }
        key.sign_with_header(&header, &claims(id))
    };
    let unsigned = with_header(json!({ "alg": "none" }));
    let unsigned = unsigned.rsplit_once('.').expect("a token").0.to_owned() + ".";
    let issuer = "the token's issuer is not accepted";
    let audience = "the token's audience is not accepted";
    let signed = "the token's signature does not hold";
    let algorithm = "the token's algorithm is not allowed";
    let malformed = "the token is malformed";
    for (token, why) in [
        (
            key.sign(&claims_but(id, "iss", "https://issuer.test".into())),
            issuer,
        ),
        (key.sign(&claims_but(id, "aud", "other".into())), audience),
        (key.sign(&claims_without(id, "aud")), audience),
        (key.sign(&claims_but(id, "aud", json!([]))), audience),
        (
            key.sign(&claims_but(id, "sub", "".into())),
            "the token has no subject",
        ),
        (
            key.sign(&claims_but(id, "nbf", (now_seconds() + 3600).into())),
            "the token is not valid yet",
        ),
        (
            key.sign(&claims_but(id, "iat", (now_seconds() + 3600).into())),
            "the token was issued in the future",
        ),
        (
            key.sign(&claims_without(id, "exp")),
            "the token has no expiry",
        ),
        (stranger.sign(&claims(id)), signed),
        (format!("{header}.{payload}.{signature}"), signed),
        (format!("{message}."), signed),
        (unsigned, algorithm),
        (with_header(json!({ "alg": "HS256" })), algorithm),
        (
            with_header(json!({ "alg": "RS256" })),
            "the token's algorithm is not its key's",
        ),
        (
            with_header(json!({ "kid": "unknown" })),
            "the token's key is not known",
        ),
        (
            with_header(json!({ "kid": null })),
            "the token names no key",
        ),
        (
            with_header(json!({ "jwk": stranger.jwk() })),
            "the token's header carries a key",
        ),
        (
            with_header(json!({ "crit": ["exp"] })),
            "the token's header demands an extension",
        ),
        ("nonsense".to_owned(), malformed),
        (format!("{good}.{signature}"), malformed),
        ("x".repeat(8 * 1024 + 1), "the token is longer than 8 KiB"),
    ] {
        let answer = with_authorization(&alice, d, &format!("Bearer {token}")).await;
        let problem = answer.is_refused(401, "invalid_token");
        assert_eq!(problem["detail"], why);
        assert_eq!(answer.must_have("www-authenticate"), challenge(why));
    }
}

fn challenge(why: &str) -> String {
    format!("Bearer realm=\"usher\", error=\"invalid_token\", error_description=\"{why}\"")
}

pub(crate) async fn an_expired_token_says_so(d: &Deployment) {
    let alice = d.somebody();
    // Clocks may differ by 30 seconds.
    let issued = |exp: u64| {
        d.issuer()
            .es256
            .sign(&claims_but(&alice.id, "exp", exp.into()))
    };
    let expired = format!("Bearer {}", issued(now_seconds() - 31));
    let answer = with_authorization(&alice, d, &expired).await;
    answer.is_refused(401, "token_expired");
    assert_eq!(
        answer.must_have("www-authenticate"),
        challenge("the token has expired")
    );
    let just_expired = format!("Bearer {}", issued(now_seconds() - 1));
    let answer = with_authorization(&alice, d, &just_expired).await;
    answer.is_refused(404, "profile_not_found");
}

pub(crate) async fn a_token_is_read_in_every_usual_spelling(d: &Deployment) {
    let alice = d.somebody();
    let issuer = d.issuer();
    let rs256 = issuer.rs256.sign(&claims(&alice.id));
    let several = claims_but(&alice.id, "aud", json!(["other", "usher"]));
    let several = issuer.es256.sign(&several);
    let token = &alice.token;
    for value in [
        format!("Bearer {token}"),
        format!("bearer {token}"),
        format!("BEARER   {token}"),
        token.clone(),
        format!("Bearer {rs256}"),
        format!("Bearer {several}"),
    ] {
        let answer = with_authorization(&alice, d, &value).await;
        answer.is_refused(404, "profile_not_found");
    }
    for value in ["", "Bearer", "Bearer "] {
        let answer = with_authorization(&alice, d, value).await;
        answer.is_refused(401, "missing_token");
    }
    for value in [
        format!("Basic {token}"),
        format!("Bearer {token} {token}"),
        format!("Bearer {token}, Bearer {token}"),
    ] {
        let answer = with_authorization(&alice, d, &value).await;
        answer.is_refused(401, "invalid_token");
    }
}

pub(crate) async fn two_authorization_headers_are_refused(d: &Deployment) {
    let (alice, mallory) = (d.somebody(), d.somebody());
    let call = mallory.call("GET", &alice.profile());
    let answer = call
        .header("authorization", &format!("Bearer {}", alice.token))
        .await;
    if d.has(Difference::LastOfRepeated) {
        answer.is_refused(404, "profile_not_found");
    } else {
        answer.is_refused(401, "invalid_token");
    }
}
