//! AWS's own verifier of Cognito's tokens, asked about the same tokens.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::{Verdict, ask, printed, usher, verdict};

/// A token about which we differ.
struct Difference {
    name: &'static str,
    /// Where: `access`, `id`, `oidc`.
    titles: &'static [&'static str],
    /// What we do; they do the opposite.
    ours: Verdict,
    /// Why that is right.
    reason: &'static str,
}

const ALL: &[&str] = &["access", "id", "oidc"];

/// Every difference there may be. One that is not there any more is a failure, too.
#[rustfmt::skip]
static DIFFERENCES: [Difference; 19] = [
    // A token's header.
    we_refuse(ALL, "typ dpop+jwt", "RFC 8725, 3.11: it says that it is of another kind"),
    we_refuse(ALL, "crit", "RFC 7515, 4.1.11: what is not understood must be refused"),
    we_refuse(ALL, "jku", "they pass over it; a token that brings its key is an attack"),
    we_refuse(ALL, "jwk", "the same"),
    we_refuse(ALL, "x5c", "the same"),
    we_refuse(ALL, "header member twice", "RFC 7515, 4: two readers would see two tokens"),
    // Its form.
    we_refuse(ALL, "claim twice", "RFC 7519, 4: the same"),
    we_refuse(ALL, "claims in Latin-1", "RFC 7519, 3: it is UTF-8; they read U+FFFD"),
    we_refuse(ALL, "padded base64", "RFC 7515, 2: there is one spelling, without padding"),
    we_refuse(ALL, "9000 bytes", "8 KiB are the most; they have no bound"),
    // Its claims.
    we_refuse(ALL, "exp missing", "a token that never ends cannot be taken back"),
    we_refuse(ALL, "iat in an hour", "they do not look at it"),
    we_refuse(ALL, "sub missing", "it is nobody's; they leave that to their caller"),
    we_refuse(ALL, "sub empty", "the same"),
    we_accept(ALL, "scope a list", "issuers other than Cognito write it so"),
    we_accept(ALL, "jti a number", "we do not look at it"),
    we_accept(&["id"], "aud a list", "RFC 7519, 4.1.3: it may be one; Cognito's never is"),
    we_accept(&["id"], "aud a list with another", "the same"),
    we_refuse(&["oidc"], "ES512", "it is none of our algorithms"),
];

const fn we_refuse(
    titles: &'static [&'static str],
    name: &'static str,
    reason: &'static str,
) -> Difference {
    Difference {
        name,
        titles,
        ours: Verdict::Refused,
        reason,
    }
}

const fn we_accept(
    titles: &'static [&'static str],
    name: &'static str,
    reason: &'static str,
) -> Difference {
    Difference {
        name,
        titles,
        ours: Verdict::Accepted,
        reason,
    }
}

#[tokio::test]
async fn usher_and_aws_jwt_verify_agree_on_every_token_but_those_listed() {
    let judged = judged().await;
    let mut wrong = Vec::new();
    let mut differed = 0;
    for (title, Judged { issuer, tokens }) in &judged {
        assert!(tokens.len() > 60, "{title}: {} tokens", tokens.len());
        let deployment = usher(std::slice::from_ref(issuer), &[]).await;
        for Sample {
            name,
            token,
            refusal,
        } in tokens
        {
            let ours = verdict(&deployment, token).await;
            let theirs = if refusal.is_some() {
                Verdict::Refused
            } else {
                Verdict::Accepted
            };
            let listed = DIFFERENCES.iter().find(|difference| {
                difference.name == name && difference.titles.contains(&title.as_str())
            });
            differed += usize::from(listed.is_some());
            let is_right = match listed {
                None => ours == theirs,
                Some(difference) => ours == difference.ours && ours != theirs,
            };
            if !is_right {
                let listed = listed.map_or("not listed", |difference| difference.reason);
                let why = refusal.as_deref().unwrap_or_default();
                wrong.push(format!(
                    "{title} | {name} | we: {ours} | they: {theirs} {why} | {listed}"
                ));
            }
        }
        deployment.end().await;
    }
    assert!(
        wrong.is_empty(),
        "differences and what the list says of them:\n{}",
        wrong.join("\n")
    );
    // A name in the list that no token has would never be looked at.
    let listed: usize = DIFFERENCES
        .iter()
        .map(|difference| difference.titles.len())
        .sum();
    assert_eq!(
        differed, listed,
        "the list names tokens that are not in the corpus"
    );
}

/// Cognito has two names for a pool's issuer, and tokens by both speak for the same users.
#[tokio::test]
async fn tokens_by_both_names_of_a_pool_are_one_users() {
    let judged = judged().await;
    let Judged { issuer, tokens } = &judged["access"];
    let token = |name: &str| {
        let found = tokens.iter().find(|token| token.name == name);
        &found.expect(name).token
    };
    let deployment = usher(std::slice::from_ref(issuer), &[]).await;
    let me = "/users/me/profile";
    let put = ask(&deployment, token("good"), "PUT", me).json(r#"{"age":7}"#);
    put.await.is(201);
    let newer = token("iss issuer-cognito-idp");
    let read = ask(&deployment, newer, "GET", me).await;
    assert_eq!(read.is(200).json()["age"], 7);
    deployment.end().await;
}

/// What each of its verifiers says, by name.
async fn judged() -> BTreeMap<String, Judged> {
    let judged: BTreeMap<_, _> = printed("agree.cjs", &[]).await;
    let titles: Vec<_> = judged.keys().collect();
    assert_eq!(titles, ALL);
    judged
}

#[derive(Deserialize)]
struct Judged {
    /// What makes Usher accept the same.
    issuer: Value,
    tokens: Vec<Sample>,
}

#[derive(Deserialize)]
struct Sample {
    name: String,
    token: String,
    /// Why it was refused, if it was.
    refusal: Option<String>,
}
