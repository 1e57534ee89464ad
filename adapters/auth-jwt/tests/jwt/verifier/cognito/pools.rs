//! Which pool a token is of, and what follows from its name.

use usher_auth_jwt::{
    Algorithm, Audience, Issuer, IssuerSettings, JwtVerifier, KeysFrom,
    TokenUse::{Access, Id},
};
use usher_testkit::tokens::TestKey;

use super::{CLIENT, POOL, THEIRS, access, changed, id, key, pool, sign, trusting};
use crate::{
    support::{accepted, assert_accepted, assert_refused, key_set, now},
    verifier::{BAD_SIGNATURE, UNKNOWN_ALGORITHM, WRONG_AUDIENCE, WRONG_CLIENT, WRONG_ISSUER},
};

#[test]
fn issuer_and_key_set_follow_from_region_and_pool() {
    for (region, issuer) in [
        (
            "eu-west-1",
            "https://cognito-idp.eu-west-1.amazonaws.com/p_1",
        ),
        (
            "us-gov-west-1",
            "https://cognito-idp.us-gov-west-1.amazonaws.com/p_1",
        ),
        (
            "cn-north-1",
            "https://cognito-idp.cn-north-1.amazonaws.com.cn/p_1",
        ),
    ] {
        let pool = IssuerSettings::cognito(region, "p_1", vec![CLIENT.to_owned()], vec![Access]);
        assert_eq!(pool.issuer, issuer);
        let KeysFrom::Uri(keys) = &pool.keys else {
            panic!("{:?}", pool.keys)
        };
        assert_eq!(*keys, format!("{issuer}/.well-known/jwks.json"));
        assert!(Issuer::new(pool.clone()).is_ok());
        let emulated = pool.at("http://127.0.0.1:9229/p_1");
        assert_eq!(emulated.issuer, "http://127.0.0.1:9229/p_1");
        let KeysFrom::Uri(keys) = &emulated.keys else {
            panic!("{:?}", emulated.keys)
        };
        assert_eq!(keys, "http://127.0.0.1:9229/p_1/.well-known/jwks.json");
        assert!(matches!(emulated.audience, Audience::Cognito { .. }));
        assert_eq!(emulated.groups_claim, "cognito:groups");
    }
}

/// A pool signs by one of two names, and is switched from one to the other while tokens of both are
/// about. Each has a key set of its own.
#[tokio::test]
async fn a_pool_by_its_other_name_is_the_same_issuer_with_other_keys() {
    const UPDATED: &str = "https://issuer-cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Example";
    let (old, new) = (key(), key());
    let original = pool(&[Access], old.jwks());
    let updated = original
        .clone()
        .cognito_updated("eu-west-1", "eu-west-1_Example");
    let KeysFrom::Uri(keys) = &updated.keys else {
        panic!("{:?}", updated.keys)
    };
    assert_eq!(*keys, format!("{UPDATED}/.well-known/jwks.json"));
    let updated = IssuerSettings {
        keys: KeysFrom::Json(new.jwks()),
        ..updated
    };
    let issuers = [original, updated].map(|one| Issuer::new(one).expect("a pool"));
    let verifier = JwtVerifier::new(issuers.into());
    let by_its_new_name = changed(access(), "iss", UPDATED);
    for token in [sign(&old, &access()), sign(&new, &by_its_new_name)] {
        let principal = accepted(&verifier, &token, now()).await;
        assert_eq!((&*principal.id, &*principal.issuer), ("alice", POOL));
    }
    for token in [sign(&new, &access()), sign(&old, &by_its_new_name)] {
        assert_refused(&verifier, &token, BAD_SIGNATURE).await;
    }
    let theirs = changed(by_its_new_name, "client_id", THEIRS);
    assert_refused(&verifier, &sign(&new, &theirs), WRONG_CLIENT).await;
}

#[test]
fn a_pool_without_clients_or_kinds_of_token_is_refused() {
    let keys = key().jwks();
    let mut no_clients = pool(&[Access], keys.clone());
    no_clients.audience = Audience::Cognito {
        client_ids: Vec::new(),
        token_use: vec![Access],
    };
    assert!(Issuer::new(no_clients).is_err());
    assert!(Issuer::new(pool(&[], keys)).is_err());
}

/// RFC 8725, 3.8: the pool is in the issuer's path, and another one of the same region looks alike.
#[tokio::test]
async fn a_token_of_another_pool_is_refused() {
    let key = key();
    let verifier = trusting(&[Access, Id], &key);
    for issuer in [
        "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Other",
        "https://cognito-idp.eu-west-2.amazonaws.com/eu-west-1_Example",
        "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_example",
        "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Example/",
        "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Example2",
        "https://cognito-idp.eu-west-1.amazonaws.com/",
        "http://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Example",
        "eu-west-1_Example",
    ] {
        for claims in [access(), id()] {
            let token = sign(&key, &changed(claims, "iss", issuer));
            assert_refused(&verifier, &token, WRONG_ISSUER).await;
        }
    }
}

#[tokio::test]
async fn a_client_of_one_pool_is_none_of_another() {
    let (ours, theirs) = (key(), key());
    let other = "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Other";
    let clients = vec![THEIRS.to_owned()];
    let second = IssuerSettings {
        keys: KeysFrom::Json(theirs.jwks()),
        subject_prefix: "b:".to_owned(),
        ..IssuerSettings::cognito("eu-west-1", "eu-west-1_Other", clients, vec![Access, Id])
    };
    let issuers = [pool(&[Access, Id], ours.jwks()), second];
    let verifier = JwtVerifier::new(issuers.map(|one| Issuer::new(one).expect("a pool")).into());
    let good = changed(changed(access(), "iss", other), "client_id", THEIRS);
    let principal = accepted(&verifier, &sign(&theirs, &good), now()).await;
    assert_eq!(&*principal.id, "b:alice");
    let ours_there = changed(access(), "client_id", THEIRS);
    assert_refused(&verifier, &sign(&ours, &ours_there), WRONG_CLIENT).await;
    let ours_there = changed(id(), "aud", THEIRS);
    assert_refused(&verifier, &sign(&ours, &ours_there), WRONG_AUDIENCE).await;
    assert_refused(&verifier, &sign(&ours, &good), BAD_SIGNATURE).await;
}

/// Cognito signs with RS256 and nothing else.
#[tokio::test]
async fn a_pool_signs_with_rs256_alone() {
    for algorithm in Algorithm::ALL {
        let other = TestKey::new(algorithm.as_str(), "other");
        let keys = key_set(&[&key(), &other]);
        let verifier = crate::support::verifier(pool(&[Access], keys));
        let token = other.sign(&access());
        if algorithm == Algorithm::Rs256 {
            assert_accepted(&verifier, &token, now()).await;
        } else {
            assert_refused(&verifier, &token, UNKNOWN_ALGORITHM).await;
        }
    }
}
