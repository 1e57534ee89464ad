use usher_auth_jwt::{Audience, Issuer, IssuerSettings, JwtVerifier, KeysFrom};
use usher_testkit::tokens::TestKey;

use super::{BAD_SIGNATURE, UNKNOWN_KEY, WRONG_AUDIENCE, WRONG_ISSUER};
use crate::support::{
    ISSUER, accepted, assert_refused, claims, claims_with, key_set, now, settings,
};

const THEIRS: &str = "https://theirs.example.com/";

fn issuer(name: &str, prefix: &str, key: &TestKey) -> Issuer {
    Issuer::new(IssuerSettings {
        issuer: name.to_owned(),
        subject_prefix: prefix.to_owned(),
        audience: Audience::Aud(vec![if name == ISSUER {
            "usher".to_owned()
        } else {
            "theirs".to_owned()
        }]),
        ..settings(KeysFrom::Json(key_set(&[key])))
    })
    .expect("an issuer")
}

fn their_claims() -> serde_json::Value {
    let mut claims = claims_with("iss", THEIRS);
    claims["aud"] = "theirs".into();
    claims
}

#[tokio::test]
async fn each_issuer_vouches_for_its_own_subjects_alone() {
    let (ours, theirs) = (TestKey::es256("a"), TestKey::es256("a"));
    let verifier = JwtVerifier::new(vec![
        issuer(ISSUER, "", &ours),
        issuer(THEIRS, "theirs:", &theirs),
    ]);
    let one = accepted(&verifier, &ours.sign(&claims()), now()).await;
    let two = accepted(&verifier, &theirs.sign(&their_claims()), now()).await;
    assert_eq!((&*one.id, &*one.issuer), ("alice", ISSUER));
    assert_eq!((&*two.id, &*two.issuer), ("theirs:alice", THEIRS));
}

#[tokio::test]
async fn the_key_of_another_issuer_is_not_tried() {
    let (ours, theirs) = (TestKey::es256("ours"), TestKey::es256("theirs"));
    let verifier = JwtVerifier::new(vec![
        issuer(ISSUER, "", &ours),
        issuer(THEIRS, "b:", &theirs),
    ]);
    assert_refused(&verifier, &theirs.sign(&claims()), UNKNOWN_KEY).await;
    assert_refused(&verifier, &ours.sign(&their_claims()), UNKNOWN_KEY).await;
    let under_our_kid = theirs.sign_with_header(&ours.header(), &claims());
    assert_refused(&verifier, &under_our_kid, BAD_SIGNATURE).await;
}

#[tokio::test]
async fn the_audience_of_another_issuer_is_not_enough() {
    let (ours, theirs) = (TestKey::es256("a"), TestKey::es256("a"));
    let verifier = JwtVerifier::new(vec![
        issuer(ISSUER, "", &ours),
        issuer(THEIRS, "b:", &theirs),
    ]);
    assert_refused(
        &verifier,
        &ours.sign(&claims_with("aud", "theirs")),
        WRONG_AUDIENCE,
    )
    .await;
}

#[tokio::test]
async fn without_issuers_every_token_is_refused() {
    let verifier = JwtVerifier::new(Vec::new());
    assert_refused(
        &verifier,
        &TestKey::es256("a").sign(&claims()),
        WRONG_ISSUER,
    )
    .await;
}

#[tokio::test]
async fn no_issuer_can_name_a_subject_of_another() {
    const REASON: &str = "the token's subject belongs to another issuer";
    let (ours, theirs) = (TestKey::es256("a"), TestKey::es256("a"));
    for (our_prefix, their_prefix, subject) in [
        ("", "b:", "b:alice"),
        ("", "b:", "b:"),
        ("b:", "b:c:", "c:alice"),
    ] {
        let verifier = JwtVerifier::new(vec![
            issuer(ISSUER, our_prefix, &ours),
            issuer(THEIRS, their_prefix, &theirs),
        ]);
        let forged = ours.sign(&claims_with("sub", subject));
        assert_refused(&verifier, &forged, REASON).await;
        let id = accepted(&verifier, &theirs.sign(&their_claims()), now())
            .await
            .id
            .clone();
        assert_eq!(&*id, format!("{their_prefix}alice"));
        let harmless = ours.sign(&claims_with("sub", "alice"));
        let id = accepted(&verifier, &harmless, now()).await.id.clone();
        assert_eq!(&*id, format!("{our_prefix}alice"));
    }
}

#[tokio::test]
async fn a_prefix_stands_before_every_subject_and_is_never_taken_off() {
    let key = TestKey::es256("a");
    let verifier = JwtVerifier::new(vec![issuer(ISSUER, "corp|", &key)]);
    for subject in ["alice", "corp|alice", " alice", "Ünï"] {
        let token = key.sign(&claims_with("sub", subject));
        let principal = accepted(&verifier, &token, now()).await;
        assert_eq!(&*principal.id, format!("corp|{subject}"));
    }
}
