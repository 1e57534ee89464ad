//! Claims that a gateway has verified, in the forms in which they are handed on.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use usher_auth_jwt::{Issuer, IssuerSettings, JwtVerifier, KeysFrom, TokenUse};
use usher_domain::{
    ports::{ClaimStyle, TokenError, TokenVerifier as _, VouchedClaims},
    principal::Principal,
};

use crate::support::{AUDIENCE, ISSUER, settings};

const POOL: &str = "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Example";
const CLIENT: &str = "4example23456789";

/// Nobody's token could be verified with it: it has no keys.
const NO_KEYS: &str = r#"{"keys":[]}"#;

fn pool(token_use: &[TokenUse]) -> IssuerSettings {
    let clients = vec!["another".to_owned(), CLIENT.to_owned()];
    let pool = IssuerSettings::cognito(
        "eu-west-1",
        "eu-west-1_Example",
        clients,
        token_use.to_vec(),
    );
    keyless(pool)
}

fn keyless(settings: IssuerSettings) -> IssuerSettings {
    IssuerSettings {
        keys: KeysFrom::Uri("https://keys.example.com/".to_owned()),
        ..settings
    }
}

fn oidc() -> IssuerSettings {
    keyless(settings(KeysFrom::Json(NO_KEYS.to_owned())))
}

fn verifier(issuers: impl IntoIterator<Item = IssuerSettings>) -> JwtVerifier {
    let issuers = issuers.into_iter();
    JwtVerifier::new(
        issuers
            .map(|one| Issuer::new(one).expect("an issuer"))
            .collect(),
    )
}

fn judged(verifier: &JwtVerifier, claims: &Value) -> Result<Principal, String> {
    // A REST API alone writes dates.
    let date = claims["exp"]
        .as_str()
        .is_some_and(|exp| exp.contains("UTC"));
    let claims = VouchedClaims {
        members: claims.as_object().expect("claims").clone(),
        style: if date {
            ClaimStyle::Commas
        } else {
            ClaimStyle::Brackets
        },
    };
    match verifier.vouched(&claims) {
        Ok(principal) => Ok(Principal::clone(&principal)),
        Err(TokenError::Invalid(why)) => Err(why.to_owned()),
        Err(other) => panic!("{other:?}"),
    }
}

fn of(settings: IssuerSettings, claims: &Value) -> Result<Principal, String> {
    judged(&verifier([settings]), claims)
}

fn set(names: &[&str]) -> BTreeSet<Box<str>> {
    names.iter().map(|&name| name.into()).collect()
}

/// As a REST API hands on an ID token: all text, groups joined by commas, dates written out.
fn rest() -> Value {
    json!({
        "sub": "alice", "iss": POOL, "aud": CLIENT, "token_use": "id",
        "cognito:groups": "members,support", "email_verified": "true", "auth_time": "1795348000",
        "exp": "Fri Jul 29 18:52:53 UTC 2016", "iat": "Fri Jul 29 17:52:53 UTC 2016",
    })
}

/// As an HTTP API hands on an access token: numbers as text, a list in brackets.
fn http() -> Value {
    json!({
        "sub": "alice", "iss": POOL, "client_id": CLIENT, "token_use": "access", "version": "2",
        "cognito:groups": "[members support]", "scope": "profiles/read profiles/write",
        "exp": "1469818373", "iat": "1469814773",
    })
}

fn with(mut claims: Value, name: &str, value: impl Into<Value>) -> Value {
    claims[name] = value.into();
    claims
}

fn without(mut claims: Value, name: &str) -> Value {
    claims.as_object_mut().expect("claims").remove(name);
    claims
}

const BOTH: &[TokenUse] = &[TokenUse::Access, TokenUse::Id];

/// The dates are long past, and no text of a date is relied on.
#[test]
fn claims_of_both_kinds_of_gateway_name_a_principal() {
    for (claims, scopes) in [
        (rest(), &[][..]),
        (http(), &["profiles/read", "profiles/write"]),
    ] {
        let principal = of(pool(BOTH), &claims).expect("a principal");
        assert_eq!((&*principal.id, &*principal.issuer), ("alice", POOL));
        assert_eq!(principal.groups, set(&["members", "support"]), "{claims}");
        assert_eq!(principal.scopes, set(scopes), "{claims}");
    }
}

#[test]
fn groups_of_a_user_pool_are_read_in_each_of_their_forms() {
    for (written, by_rest, by_http) in [
        (json!("support"), &["support"][..], &["support"][..]),
        (json!("a,b,c"), &["a", "b", "c"], &["a,b,c"]),
        // Of the one that does not write it so it is a name.
        (json!("[a]"), &["[a]"], &["a"]),
        (json!("[a b c]"), &["[a b c]"], &["a", "b", "c"]),
        (json!("[a,b c]"), &["[a", "b c]"], &["a,b", "c"]),
        (json!("a b"), &["a b"], &["a b"]),
        (json!(["a", "b c"]), &["a", "b c"], &["a", "b c"]),
        (json!("[]"), &["[]"], &[]),
        (json!(""), &[], &[]),
        (json!(","), &[], &[","]),
        (json!(null), &[], &[]),
        (json!(7), &[], &[]),
        (json!({"a": 1}), &[], &[]),
    ] {
        for (claims, groups) in [(rest(), by_rest), (http(), by_http)] {
            let claims = with(claims, "cognito:groups", written.clone());
            let principal = of(pool(BOTH), &claims).expect("a principal");
            assert_eq!(principal.groups, set(groups), "{claims}");
        }
    }
}

/// `[support interns]` may be the group of the interns of support, who are not support.
#[test]
fn groups_of_another_issuer_that_could_be_one_or_several_count_for_none() {
    let claims = |groups: Value| json!({"sub": "alice", "iss": ISSUER, "groups": groups});
    for (written, groups) in [
        (json!("support"), &["support"][..]),
        (json!("[support]"), &["support"]),
        (
            json!(["support", "support interns"]),
            &["support", "support interns"],
        ),
        (json!("[support interns]"), &[]),
        (json!("support interns"), &["support interns"]),
        (json!("support,interns"), &["support,interns"]),
        (json!("[support,interns]"), &["support,interns"]),
        (json!("[]"), &[]),
        (json!(""), &[]),
    ] {
        let principal = of(oidc(), &claims(written.clone())).expect("a principal");
        assert_eq!(principal.groups, set(groups), "{written}");
    }
}

#[test]
fn scopes_are_read_as_a_text_and_as_a_list() {
    for written in [
        json!("a b"),
        json!("[a b]"),
        json!(["a", "b"]),
        json!(" a  b "),
    ] {
        let claims = json!({"sub": "alice", "iss": ISSUER, "scope": written});
        let principal = of(oidc(), &claims).expect("a principal");
        assert_eq!(principal.scopes, set(&["a", "b"]), "{written}");
    }
}

/// Keycloak has its roles in an object; an HTTP API makes JSON text of it.
#[test]
fn a_claim_inside_of_an_object_is_found_in_its_text_too() {
    let settings = IssuerSettings {
        groups_claim: "/realm_access/roles".to_owned(),
        ..oidc()
    };
    for access in [
        json!({"roles": ["support", "a b"]}),
        json!(r#"{"roles":["support","a b"]}"#),
    ] {
        let claims = json!({"sub": "alice", "iss": ISSUER, "realm_access": access});
        let principal = of(settings.clone(), &claims).expect("a principal");
        assert_eq!(principal.groups, set(&["support", "a b"]), "{access}");
    }
    let typed = json!({"roles": [["support"], "a"]});
    let claims = json!({"sub": "alice", "iss": ISSUER, "realm_access": typed});
    let principal = of(settings.clone(), &claims).expect("a principal");
    assert_eq!(principal.groups, set(&["a"]));
    for access in [
        json!("{"),
        json!("[roles]"),
        json!(7),
        json!({"roles": {}}),
        json!({}),
    ] {
        let claims = json!({"sub": "alice", "iss": ISSUER, "realm_access": access});
        let principal = of(settings.clone(), &claims).expect("a principal");
        assert!(principal.groups.is_empty(), "{access}");
    }
}

#[test]
fn claims_that_plans_are_assigned_by_are_kept() {
    let names = [
        "custom:tier",
        "level",
        "paid",
        "/address/city",
        "list",
        "none",
    ];
    let kept = names.map(Into::into);
    let verifier = verifier([oidc()]).keeping(&kept);
    let expected: BTreeMap<Box<str>, Box<str>> = [
        ("custom:tier", "gold"),
        ("level", "7"),
        ("paid", "true"),
        ("/address/city", "Ulm"),
    ]
    .map(|(name, value)| (name.into(), value.into()))
    .into();
    for claims in [
        json!({"level": "7", "paid": "true", "address": r#"{"city":"Ulm"}"#}),
        json!({"level": 7, "paid": true, "address": {"city": "Ulm"}, "list": ["a"], "none": null}),
    ] {
        let claims = with(with(claims, "sub", "alice"), "custom:tier", "gold");
        let principal = judged(&verifier, &claims).expect("a principal");
        assert_eq!(principal.claims, expected, "{claims}");
    }
}

#[test]
fn what_is_there_of_issuer_audience_and_use_is_checked() {
    use TokenUse::{Access, Id};
    let refused = |token_use: &[TokenUse], claims: Value, why: &str| {
        let said = of(pool(token_use), &claims).map(|principal| principal.id);
        assert_eq!(said, Err(why.to_owned()), "{claims}");
    };
    for claims in [rest(), http()] {
        refused(
            BOTH,
            with(claims.clone(), "iss", "https://other/"),
            "the token's issuer is not accepted",
        );
        refused(
            BOTH,
            with(claims.clone(), "iss", 7),
            "the token's issuer is not accepted",
        );
        refused(
            BOTH,
            with(claims.clone(), "token_use", "refresh"),
            "the token's use is not accepted",
        );
        refused(
            BOTH,
            with(claims, "token_use", true),
            "the token's use is not accepted",
        );
    }
    refused(&[Access], rest(), "the token's use is not accepted");
    refused(&[Id], http(), "the token's use is not accepted");
    for other in [
        json!("other"),
        json!("[other]"),
        json!(["other"]),
        json!(7),
        json!([CLIENT, 7]),
    ] {
        let audience = "the token's audience is not accepted";
        refused(BOTH, with(rest(), "aud", other.clone()), audience);
        refused(
            BOTH,
            with(without(rest(), "token_use"), "aud", other.clone()),
            audience,
        );
        let client = "the token's client is not accepted";
        refused(BOTH, with(http(), "client_id", other.clone()), client);
        refused(
            BOTH,
            with(without(http(), "token_use"), "client_id", other),
            client,
        );
    }
}

#[test]
fn what_is_not_there_of_issuer_audience_and_use_is_the_gateways_business() {
    let bare = json!({"sub": "alice"});
    for settings in [pool(BOTH), oidc()] {
        let name = settings.issuer.clone();
        let principal = of(settings, &bare).expect("a principal");
        assert_eq!((&*principal.id, &*principal.issuer), ("alice", &*name));
    }
    // An access token's aud is a resource's, if it has one.
    let bound = with(http(), "aud", "https://api.example.com");
    assert!(of(pool(BOTH), &bound).is_ok());
    for aud in [
        json!(AUDIENCE),
        json!("[other usher]"),
        json!(["other", "usher"]),
        json!(null),
    ] {
        let claims = json!({"sub": "alice", "iss": ISSUER, "aud": aud});
        assert!(of(oidc(), &claims).is_ok(), "{claims}");
    }
}

#[test]
fn a_subject_is_there_and_can_be_kept() {
    for (subject, why) in [
        (json!(null), "the token has no subject"),
        (json!(""), "the token has no subject"),
        (json!(7), "the token has no subject"),
        (json!(["alice"]), "the token has no subject"),
        (json!("a\0b"), "the token's subject cannot be kept"),
        (
            json!("a".repeat(1025)),
            "the token's subject cannot be kept",
        ),
    ] {
        let said = of(pool(BOTH), &with(rest(), "sub", subject)).map(|principal| principal.id);
        assert_eq!(said, Err(why.to_owned()));
    }
}

#[test]
fn of_several_issuers_the_one_counts_that_is_named() {
    let theirs = IssuerSettings {
        subject_prefix: "pool:".to_owned(),
        ..pool(BOTH)
    };
    let updated = theirs
        .clone()
        .cognito_updated("eu-west-1", "eu-west-1_Example");
    let one_by_two_names = verifier([theirs.clone(), updated.clone()]);
    let other_name = updated.issuer.clone();
    let several = verifier([oidc(), theirs, updated]);
    let id = |verifier: &JwtVerifier, claims: &Value| {
        judged(verifier, claims).map(|principal| principal.id.into_string())
    };
    assert_eq!(id(&several, &rest()), Ok("pool:alice".to_owned()));
    let renamed = with(rest(), "iss", other_name);
    assert_eq!(id(&several, &renamed), Ok("pool:alice".to_owned()));
    let ours = json!({"sub": "alice", "iss": ISSUER, "aud": AUDIENCE});
    assert_eq!(id(&several, &ours), Ok("alice".to_owned()));
    let nobodys = without(rest(), "iss");
    assert_eq!(
        id(&several, &nobodys),
        Err("the token names no issuer".to_owned())
    );
    assert_eq!(id(&one_by_two_names, &nobodys), Ok("pool:alice".to_owned()));
    // Ours could otherwise name theirs.
    let taken = json!({"sub": "pool:alice", "iss": ISSUER});
    let why = "the token's subject belongs to another issuer";
    assert_eq!(id(&several, &taken), Err(why.to_owned()));
}

/// A user may write text into an attribute; a pointer into objects must not read it as one, nor into a list.
#[test]
fn a_pointer_reads_what_the_gateway_has_made_text_of_and_nothing_else() {
    let names = ["/address/country", "/list/0", "/deep/er/still"];
    let verifier = verifier([pool(BOTH)]).keeping(&names.map(Into::into));
    let claims = |claims: Value| {
        let claims = with(claims, "address", r#"{"country":"DE"}"#);
        let claims = with(claims, "list", r#"["gold"]"#);
        with(claims, "deep", json!({"er": r#"{"still":"gold"}"#}))
    };
    let by_rest = judged(&verifier, &claims(rest())).expect("a principal");
    assert_eq!(by_rest.claims, BTreeMap::new());
    let by_http = judged(&verifier, &claims(http())).expect("a principal");
    assert_eq!(
        by_http.claims,
        [("/address/country".into(), "DE".into())].into()
    );
}

#[test]
fn the_audience_of_any_issuer_is_checked_as_far_as_it_is_there() {
    let with_client = |client: Value| json!({"sub": "alice", "iss": ISSUER, "client_id": client});
    for aud in [
        json!("other"),
        json!("[other]"),
        json!(["other"]),
        json!(7),
        json!([AUDIENCE, 7]),
        json!("[]"),
    ] {
        let claims = with(with_client(json!(AUDIENCE)), "aud", aud);
        let said = of(oidc(), &claims).map(|principal| principal.id);
        let why = "the token's audience is not accepted";
        assert_eq!(said, Err(why.to_owned()), "{claims}");
    }
    for client in [json!("other"), json!(7), json!([AUDIENCE])] {
        let said = of(oidc(), &with_client(client)).map(|principal| principal.id);
        let why = "the token's client is not accepted";
        assert_eq!(said, Err(why.to_owned()));
    }
    assert!(of(oidc(), &with_client(json!(AUDIENCE))).is_ok());
    let foreign = with(with(http(), "aud", "other"), "client_id", "other");
    assert!(of(pool(BOTH), &foreign).is_err());
}
